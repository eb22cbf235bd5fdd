from __future__ import annotations

from tests.support.files_server import host

__all__ = ["host"]
