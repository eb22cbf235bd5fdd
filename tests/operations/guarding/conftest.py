from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import server
from tests.support.world import World


@pytest.fixture
def yard(tmp_path: Path) -> World:
    """A bare dataset repository with a change that waits and one in the open batch."""
    return server.yard(tmp_path / "yard.git")
