"""Fixtures that several rooms of the tests take from here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A dataset repository with a work tree, the starter dataset and three members."""
    return World.make(tmp_path / "world")


@pytest.fixture
def empty_world(tmp_path: Path) -> World:
    """A bare dataset repository without records."""
    return World.make(tmp_path / "world.git", bare=True, empty=True)
