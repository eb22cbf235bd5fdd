"""One dataset with a replica, copied for each test."""

from __future__ import annotations

from tests.support.replicas import followed, template

__all__ = ["followed", "template"]
