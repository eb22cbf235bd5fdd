"""The merge driver: what git calls to merge one record file, by field instead of by line."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path, PurePosixPath
from typing import Any, Final
from uuid import uuid4

from modelref_git.errors import Conflict, Invalid, ModelrefError
from modelref_git.records import codec, pointer, shipped
from modelref_git.records.codec import KeyOrder
from modelref_git.records.json_text import same
from modelref_git.records.merge import FieldConflict, Merged, MergeHints, merge_records
from modelref_git.records.schemas import Schema
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.disk import Disk
from modelref_git.store.git import GitStore

_SIDES: Final = ("ours", "theirs")
_TOKEN: Final = re.compile(r'"([0-9a-f]{32})"(,?)$')


@dataclass(frozen=True, slots=True)
class RecordFile:
    """Which record a file holds, as far as its path tells."""

    path: str
    category: str | None = None
    name: str | None = None
    schema: Schema | None = None

    @property
    def title(self) -> str:
        """How messages call the record."""
        return self.path if self.name is None else f"{self.category} record {self.name!r}"


def record_file(start: Path, path: str) -> RecordFile:
    """What *path* tells of the record in it.

    The schema is that of the commit which is checked out in the repository around *start*, else of its ``main``, else
    the one that the package ships for such a category. Without any, the file has none.
    """
    file = key_of(path)
    return file if file.category is None else replace(file, schema=_schema(start, file.category))


def key_of(path: str) -> RecordFile:
    """Which record *path* is the file of, without its schema."""
    parts = PurePosixPath(Path(path).as_posix()).parts
    # From the right: only the last part of the way to a file can be that inside the repository.
    tails = ("/".join(parts[at:]) for at in range(len(parts) - 1, -1, -1) if parts[at] == layout.DATASET)
    for tail in tails:
        if (key := layout.record_of(tail)) is not None:
            return RecordFile(path, *key)
    return RecordFile(path)


def _schema(start: Path, category: str) -> Schema | None:
    for revision in ("HEAD", layout.MAIN):
        with contextlib.suppress(ModelrefError):
            store = GitStore.open(start)
            return DatasetTree.at(store.buffer(), store.resolve(revision)).schema(category)
    data = shipped.schema_bytes(category)
    return None if data is None else Schema.parse(category, data)


def merge_into(target: Path, base: bytes, ours: bytes, theirs: bytes, file: RecordFile) -> None:
    """Merge a record by field and write the result to *target*, as git wants it of a merge driver.

    Args:
        target: the file that is overwritten; it holds *ours*.
        base: the file from which both sides set out; empty where they had none in common. A record of another name
            is none.
        ours: the file as it is here.
        theirs: the file that is merged in.
        file: what is known of the record.

    Raises:
        Conflict: both sides changed the same. *target* then has git's conflict markers around the fields in question,
            and everything else merged; ``details`` has an entry for each.
        Invalid: a file is no record, or the merged one does not satisfy the schema. *target* is left alone.
    """
    before = None if not base.strip() else codec.decode(base, what=f"{file.title} (base)")
    mine, other = codec.decode(ours, what=f"{file.title} (ours)"), codec.decode(theirs, what=f"{file.title} (theirs)")
    if before is not None and any(side.get("name") != before.get("name") for side in (mine, other)):
        # No update changes a name: git has found a deleted record and a new one alike, and takes them for one that
        # was renamed. An edit of the one must not get into the other.
        before = None
    hints, order = (MergeHints.NONE, KeyOrder.NONE)
    if file.schema is not None:
        hints, order = file.schema.merge_hints, file.schema.order
    merged = merge_records(before, mine, other, hints)
    record = merged.record or {}
    if merged.conflicts:
        Disk().write_file(target, _marked(merged, order), sync=False)
        raise _refusal(merged.conflicts, file)
    if file.schema is not None and not (same(record, mine) or same(record, other)):
        file.schema.check(record, f"what the merge makes of {file.title}")
    Disk().write_file(target, codec.encode(record, order), sync=False)


def _refusal(conflicts: Sequence[FieldConflict], file: RecordFile) -> Conflict:
    details = [
        {
            "change_id": None,
            "category": file.category,
            "model_name": file.name,
            "path": conflict.path,
            "base": conflict.base,
            "ours": conflict.ours,
            "theirs": conflict.theirs,
            "other_change_id": None,
            "authors": [],
        }
        for conflict in conflicts
    ]
    places = ", ".join(conflict.path or "the whole record" for conflict in conflicts)
    return Conflict(
        f"{file.title} does not merge: both sides changed {places}",
        hint=f"settle what is marked in {file.path}, then `git add` it",
        details=details,
    )


# The file with conflict markers


def _marked(merged: Merged, order: KeyOrder) -> bytes:
    """The merged record's text, with both sides of each conflict between git's markers."""
    ours, theirs = (_pieces(merged, side, order) for side in _SIDES)
    return "".join(f"{line}\n" for line in _with_markers(ours, theirs)).encode()


def _with_markers(ours: list[str], theirs: list[str]) -> Iterator[str]:
    for kind, start, end, their_start, their_end in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from ours[start:end]
            continue
        yield from ("<<<<<<< ours", *ours[start:end], "=======", *theirs[their_start:their_end], ">>>>>>> theirs")


def _pieces(merged: Merged, side: str, order: KeyOrder) -> list[str]:
    """The lines of the merged record as one *side* would have it.

    The value of a conflict is one piece, however many lines it has: a download's address and its hash are never taken
    from two sides. Where the records as wholes are in conflict, all lines are pieces of their own.
    """
    record = merged.record or {}
    if not merged.conflicts[0].path:
        record = getattr(merged.conflicts[0], side)
    values: dict[str, Any] = {}
    for conflict in reversed(merged.conflicts):  # backwards, for what is taken out of a list moves what follows
        value = getattr(conflict, side)
        if not conflict.path:
            continue
        if value is None:
            with contextlib.suppress(Invalid):  # the record has ours' value, and that may be none
                record = pointer.without(record, conflict.path)
        else:
            token = uuid4().hex
            values[token] = value
            record = pointer.with_set(record, conflict.path, token)
    lines = codec.encode(record, order).decode().removesuffix("\n").split("\n")
    return [_with_value(line, values) for line in lines]


def _with_value(line: str, values: Mapping[str, Any]) -> str:
    """A line of JSON with the value that a token stands for in its place."""
    found = _TOKEN.search(line)
    if found is None or found[1] not in values:
        return line
    margin = line[: len(line) - len(line.lstrip(" "))]
    return line[: found.start()] + codec.dumps(values[found[1]]).replace("\n", f"\n{margin}") + found[2]
