"""One dataset with a replica, copied for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.replicas import Followed, copied


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    followed = Followed.make(tmp_path_factory.mktemp("followed"))
    followed.add("A")
    followed.sync()
    return followed


@pytest.fixture
def followed(template: Followed, tmp_path: Path) -> Followed:
    """A replica that serves the record ``A`` of ``clip``."""
    return copied(template, tmp_path / "place")
