"""Commits made by hand, beside the queue: what a check is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelref_git.operations.drafting import stored_form
from modelref_git.records import codec, shipped
from modelref_git.records.schemas import Schema
from tests.attacks.forging import Forger
from tests.support.world import World


def canonical(category: str, record: Mapping[str, Any]) -> bytes:
    """The bytes under which a record of a shipped category is stored."""
    schema = Schema.parse(category, shipped.schema_bytes(category) or b"")
    stored, _ = stored_form(schema, dict(record))
    return codec.encode(stored, schema.order)


def branch(world: World, files: Mapping[str, bytes | str | None], *, name: str = "work", base: str = "main") -> str:
    """A branch with one commit that changes *files* of *base*; gives the commit."""
    forger = Forger(world.path)
    made = forger.commit(forger.tree(f"{base}^{{tree}}", files), [world.git("rev-parse", base).strip()], "by hand\n")
    forger.point(f"refs/heads/{name}", made)
    return made
