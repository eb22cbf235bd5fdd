"""Fixtures of the tests of the service."""

from __future__ import annotations

from tests.support.fixtures import empty_world, world

__all__ = ["empty_world", "world"]
