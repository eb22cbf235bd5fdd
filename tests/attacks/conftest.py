from __future__ import annotations

from pathlib import Path

import pytest

from tests.attacks.forging import Forger
from tests.attacks.story import honest


@pytest.fixture
def forger(tmp_path: Path) -> Forger:
    """Somebody with a shell on an honest repository."""
    found = Forger(honest(tmp_path / "dataset.git").path)
    found.trusted = found.head
    return found
