"""Fixtures of the tests of this room."""

from __future__ import annotations

from tests.support.fixtures import empty_world as empty_world
from tests.support.fixtures import world as world
