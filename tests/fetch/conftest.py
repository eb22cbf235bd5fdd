from __future__ import annotations

from tests.support.files_server import host
from tests.support.receiver import receiver

__all__ = ["host", "receiver"]
