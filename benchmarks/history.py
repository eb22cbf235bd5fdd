"""The real history as proposals that several people made at once, for `concurrent_edits.py`."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from modelref_git.errors import Invalid
from modelref_git.formats.legacy import entries
from modelref_git.records import codec, pointer, shipped
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.json_text import same
from modelref_git.records.merge import merge_records
from modelref_git.records.schemas import Schema

MISSING: Final[Any] = object()
"""Stands for what is not there."""

OLD_FORM: Final = {
    "properties": {
        **{name: {"x-merge": "set"} for name in ("tags", "showcases", "trigger")},
        "config": {
            "properties": {
                "files": {"x-merge": {"key": "path"}, "items": {"x-merge": "atomic"}},
                "download": {"x-merge": {"key": "file_name"}, "items": {"x-merge": "atomic"}},
            }
        },
    }
}
"""The schema of a category of one's own that holds records as they were before the form that the package imports: with
the hints of the shipped schemas for the fields of these names."""

Key = tuple[str, str]
"""Category and name."""
Record = dict[str, Any] | None
Records = dict[Key, Record]


@cache
def schema_of(category: str, is_stored_form: bool) -> Schema:
    """The schema of a shipped category, or that of records that are kept as they are."""
    data = shipped.schema_bytes(category) if is_stored_form else json.dumps(OLD_FORM).encode()
    if data is None:
        raise KeyError(category)
    return Schema.parse(category, data)


# --- the history -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """What one line of the history did to one record, in the form that the package stores."""

    key: Key
    before: Record
    after: Record
    schema: Schema


@dataclass
class Line:
    """A commit of the history: what one person did in one go."""

    author: str
    time: int
    changes: list[Change] = field(default_factory=list)


def read_history(path: Path) -> tuple[list[Line], Counter[str]]:
    """The lines oldest first, and what was counted on the way.

    A record is in the package's stored form if the package imports each of its states; else all of its states are kept
    as they are, in canonical bytes. What is no object (the list of numbers in ``lora.json``) is no record.
    """
    counts: Counter[str] = Counter()
    with gzip.open(path, "rt", encoding="utf-8") as rows:
        history = [json.loads(row) for row in rows]
    states: dict[Key, list[Any]] = defaultdict(list)
    for row in history:
        for change in row["changes"]:
            states[change["category"], change["name"]] += [change["before"], change["after"]]
    is_stored = {
        key: all(imported(key, state) is not None for state in found if state) for key, found in states.items()
    }
    lines = []
    for row in history:
        line = Line(row["author_name"], row["author_time"])
        for change in row["changes"]:
            key = change["category"], change["name"]
            sides = change["before"], change["after"]
            if not all(side is None or isinstance(side, dict) for side in sides):
                counts["no objects"] += 1
                continue
            counts["in the stored form" if is_stored[key] else "as they are"] += 1
            before, after = (imported(key, side) if side and is_stored[key] else side for side in sides)
            line.changes.append(Change(key, before, after, schema_of(key[0], is_stored[key])))
        lines.append(line)
    return lines, counts


def imported(key: Key, entry: Any) -> Record:
    """An entry of an old file as the package stores it, or None if it takes no such entry."""
    category, name = key
    if category not in CATEGORIES or CATEGORIES[category].legacy_file is None or not isinstance(entry, dict):
        return None
    try:
        data = json.dumps({name: entry}).encode()
        return entries.read_category(category, data, name, open_values=True).entries[0].record
    except Invalid:
        return None


# --- proposals from one base -----------------------------------------------------------------------------------------


@dataclass
class Proposal:
    """What one person proposes: records as they shall be, all of them or none."""

    author: str
    records: Records


@dataclass
class Group:
    """Proposals of several people from one base."""

    base: Records
    """The records that any of them touches, as they were before."""
    files: dict[str, dict[Key, bytes]]
    """All records of the categories that they touch, in the order of the files."""
    proposals: list[Proposal]
    schemas: dict[Key, Schema]

    def by_record(self) -> Group:
        """The same with each record a proposal of its own, which is what a proposal is in the product."""
        single = [Proposal(one.author, {key: record}) for one in self.proposals for key, record in one.records.items()]
        return Group(self.base, self.files, single, self.schemas)

    def data(self, key: Key, record: Record) -> bytes | None:
        """The canonical bytes of a record of the group."""
        return None if record is None else codec.encode(record, self.schemas[key].order)


@dataclass(frozen=True)
class Rules:
    """How groups are formed."""

    size: int
    step: int = 1
    """A group begins at every so many lines."""
    joins: bool = True
    """Whether somebody's later line about a record of their own proposal belongs to that proposal."""
    stamps: bool = False
    """Whether proposals carry who changed the record when."""


def groups(lines: list[Line], rules: Rules) -> Iterator[Group]:
    """A group for each line by *rules*: that line, and those after it until there are enough proposals."""
    live: dict[Key, tuple[dict[str, Any], bytes]] = {}
    for number, line in enumerate(lines):
        if number % rules.step == 0 and (group := _group_from(live, lines[number:], rules)):
            yield group
        for change in line.changes:
            if change.after is None:
                live.pop(change.key, None)
            else:
                live[change.key] = change.after, codec.encode(change.after, change.schema.order)


def _group_from(live: dict[Key, tuple[dict[str, Any], bytes]], lines: list[Line], rules: Rules) -> Group | None:
    """The first proposals that *lines* make of the live records; None if there are too few."""
    found: list[Proposal] = []
    touched: dict[Key, Schema] = {}
    base: Records = {}
    for line in lines:
        own = _own(found, line) if rules.joins else None
        if own is None and len(found) == rules.size:
            break
        proposal = own or Proposal(line.author, {})
        for change in line.changes:
            key = change.key
            base[key] = live[key][0] if key in live else None
            after = _as_if_from(proposal.records.get(key, base[key]), change)
            if after is not MISSING:
                proposal.records[key] = _stamped(after, change, line) if rules.stamps else after
                touched[key] = change.schema
        if proposal.records and own is None:
            found.append(proposal)
    for proposal in found:
        proposal.records = {key: record for key, record in proposal.records.items() if not same(record, base[key])}
    if len(found) < rules.size or not all(proposal.records for proposal in found):
        return None
    categories = {key[0] for key in touched}
    files: dict[str, dict[Key, bytes]] = {category: {} for category in categories}
    for key, (_, data) in live.items():
        if key[0] in categories:
            files[key[0]][key] = data
    return Group({key: base[key] for key in touched}, files, found, touched)


def _own(found: list[Proposal], line: Line) -> Proposal | None:
    """The proposal that the author of *line* has open for one of its records."""
    keys = {change.key for change in line.changes}
    return next((one for one in found if one.author == line.author and keys & one.records.keys()), None)


def _as_if_from(base: Record, change: Change) -> Any:
    """The record that the author of *change* would have made of *base*; `MISSING` if there is nothing to do.

    Where an earlier line of the group changed the record too, only what this author changed is carried over. Nobody can
    change, without that line, what it brought in: a record, a field, an entry of a list that *base* does not have. So
    that is left out, as is the creation of a record that *base* has.
    """
    if (base is None) != (change.before is None):
        return MISSING
    if base is None or change.before is None or change.after is None:
        return change.after
    carried = merge_records(change.before, change.after, base, change.schema.merge_hints)
    record = carried.record
    for conflict in reversed(carried.conflicts):
        if conflict.theirs is None and conflict.ours is not None and record is not None:
            record = pointer.without(record, conflict.path)
    return MISSING if same(record, base) else record


def _stamped(record: Record, change: Change, line: Line) -> Record:
    """The record as the program would stamp it."""
    if record is None or not change.schema.has_metadata:
        return record
    return {**record, "metadata": {**record.get("metadata", {}), "updated_at": line.time, "updated_by": line.author}}
