from __future__ import annotations

from tests.support.files_server import host
from tests.support.fixtures import empty_world, world

__all__ = ["empty_world", "host", "world"]
