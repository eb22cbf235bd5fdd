from __future__ import annotations

from tests.crash.quick import no_syncing
from tests.support.fixtures import empty_world
from tests.support.receiver import receiver

__all__ = ["empty_world", "no_syncing", "receiver"]
