"""Blame: for each field of a record, what gave it its present value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from modelref_git.errors import NotFound
from modelref_git.operations.context import Context
from modelref_git.operations.record_log import Version, versions
from modelref_git.records import pointer
from modelref_git.records.json_text import same

_Path = tuple[str | int, ...]


def blame(ctx: Context, category: str, name: str, *, revision: str | None = None) -> list[dict[str, Any]]:
    """For each leaf of a record, in its order: its JSON pointer, and the change, people, time and commit behind it.

    A leaf is a value that is neither object nor list, or an empty one of these; the items of a list go by their place.

    Args:
        ctx: the way in.
        category: the record's category.
        name: its name.
        revision: a commit of ``main`` at which the record is looked at; today's unless given.

    Raises:
        NotFound: there is no such category, record or revision.
    """
    with closing(versions(ctx, category, name, revision=revision)) as past:
        return _blamed(category, name, past)


def _blamed(category: str, name: str, past: Iterator[Version]) -> list[dict[str, Any]]:
    newest = next(past, None)
    if newest is None or newest.new is None:
        gone = "" if newest is None else f"; it was deleted in {newest.commit}"
        hint = f"`modelref-git log {category} {name!r}` tells its story" if newest is not None else None
        raise NotFound(f"{category} has no record {name!r}{gone}", hint=hint)
    leaves = dict(_leaves((), newest.new))
    origin: dict[_Path, Version] = {}
    version: Version | None = newest
    while version is not None and len(origin) < len(leaves):
        before = dict(_leaves((), version.old or {}))
        for path, value in leaves.items():
            if path not in origin and not (path in before and same(before[path], value)):
                origin[path] = version
        version = next(past, None)
    return [_row(path, value, origin[path]) for path, value in leaves.items()]


def _leaves(path: _Path, value: Any) -> Iterator[tuple[_Path, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves((*path, key), item)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves((*path, index), item)
    else:
        yield path, value


def _row(path: _Path, value: Any, version: Version) -> dict[str, Any]:
    return {
        "path": pointer.join(path),
        "value": value,
        "change_id": version.change_id,
        "batch_id": version.batch_id,
        "author": version.author,
        "approver": version.approver,
        "time": version.time,
        "commit": version.commit,
    }
