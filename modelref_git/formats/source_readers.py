"""The files of an import source, one reader a layout."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.formats import jsonl, v2
from modelref_git.formats.legacy import entries
from modelref_git.formats.legacy import profile as legacy_profile
from modelref_git.formats.legacy.rules import CATEGORIES as LEGACY_CATEGORIES
from modelref_git.formats.scan import oversize, scan
from modelref_git.formats.source_types import Format, SourceCategory, SourceEntry
from modelref_git.formats.text import files as text_files
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.codec import REMAINDER
from modelref_git.records.json_text import MAX_RECORD_BYTES

_V2_MARKS: Final = frozenset({"record_type", "model_classification", "metadata"})
_LEGACY_MARKS: Final = frozenset({"type", "download_all", "available", "features_not_supported"})


def layout_of(data: bytes, what: str) -> Format | None:
    """Whether a category file holds legacy entries or v2 records, by what most of them look like; None: no telling.

    Raises:
        Invalid: it is not strict JSON, or no object.
    """
    shapes = [_shape(value) for value in v2.read_members(data, what).values()]
    old, new = shapes.count("legacy"), shapes.count("v2")
    if old == new:
        return None
    return "legacy" if old > new else "v2"


def read_legacy(category: str, data: bytes, file: str, *, open_values: bool) -> SourceCategory:
    """The entries of an old file, and its byte layout as a file of the dataset repository."""
    read = entries.read_category(category, data, file, open_values=open_values)
    found = [
        SourceEntry(entry.key, entry.record, entry.problems, entry.warnings, file, entry.line) for entry in read.entries
    ]
    profile = {legacy_profile.path_of(category): legacy_profile.encode(read.profile)}
    return SourceCategory(category, tuple(found), profile, read.warnings)


def read_v2(category: str, data: bytes, file: str) -> SourceCategory:
    """The records of a v2 category file, as they are but for a ``name`` that a shipped category requires."""
    members = v2.read_members(data, file)
    text = data.decode()
    layout = scan(text)
    entries = []
    for member in layout.members if layout else ():
        size = len(text[member.value : member.end].encode())
        entries.append(record_entry(category, member.key, members[member.key], file, member.line, size))
    return SourceCategory(category, tuple(entries))


def read_jsonl(
    data: bytes, file: str, category: str | None, known: Collection[str]
) -> tuple[tuple[SourceCategory, ...], tuple[SourceEntry, ...]]:
    """The records of JSON lines by category, each in the order of the lines, and the lines that have no place.

    Args:
        data: the file.
        file: its name.
        category: every line is a record of it; None: every line is ``{"category", "model_name", "payload"}``.
        known: the categories that a line may name.
    """
    placed: dict[str, dict[str, SourceEntry]] = {}
    unplaced: list[SourceEntry] = []
    most = jsonl.MAX_LINE_BYTES if category is None else MAX_RECORD_BYTES
    for number, line in jsonl.read_lines(data, file, max_bytes=most):
        if isinstance(line, Invalid):
            problems = [Problem(detail["path"], detail["message"], detail["rule"]) for detail in line.details]
            unplaced.append(SourceEntry(None, None, tuple(problems), (), file, number))
            continue
        at, key, record, missing = _placed(line, category, known)
        if at is None or key is None:
            unplaced.append(SourceEntry(key, None, tuple(missing), (), file, number))
            continue
        entry = record_entry(at, key, record, file, number, 0)
        entries = placed.setdefault(at, {})
        if key in entries:
            twice = Problem("", f"{key!r} is in line {entries[key].line} already", "name.duplicate")
            unplaced.append(SourceEntry(key, None, (twice,), (), file, number))
        else:
            entries[key] = entry
    return tuple(SourceCategory(at, tuple(entries.values())) for at, entries in placed.items()), tuple(unplaced)


def record_entry(category: str, key: str, value: Any, file: str, line: int, size: int) -> SourceEntry:
    """One v2 record: its faults of form, and the remark on a body that names another key."""
    problems = oversize(size)
    if not isinstance(value, dict):
        problems.append(Problem("", f"the record {key!r} is not a JSON object", "json.object"))
    elif REMAINDER in value:
        message = f"'{REMAINDER}' is written by the import of legacy files alone, and no part of a v2 record"
        problems.append(Problem(f"/{REMAINDER}", message, "legacy.remainder"))
    if problems:
        return SourceEntry(key, None, tuple(problems), (), file, line)
    name = value.get("name")
    if name is None and category in CATEGORIES:
        record = {"name": key, **{field: member for field, member in value.items() if field != "name"}}
        return SourceEntry(key, record, (), (), file, line)
    mismatch = Problem("/name", f"the body says {name!r} under the key {key!r}", "name.key_mismatch")
    warnings = (mismatch,) if name is not None and name != key else ()
    return SourceEntry(key, value, (), warnings, file, line)


def _placed(
    line: dict[str, Any], category: str | None, known: Collection[str]
) -> tuple[str | None, str | None, Any, list[Problem]]:
    """Category, key and record of a line, and what keeps it from having a place."""
    if category is not None:
        name = line.get("name")
        found = name if isinstance(name, str) else None
        return category, found, line, [] if found is not None else [_missing("name")]
    at, key = line.get("category"), line.get("model_name")
    problems = []
    if not isinstance(at, str):
        problems.append(_missing("category"))
    elif at not in known:
        problems.append(Problem("/category", f"there is no category {at!r}", "category.unknown"))
    if not isinstance(key, str):
        problems.append(_missing("model_name"))
    place = at if isinstance(at, str) and at in known else None
    return place, key if isinstance(key, str) else None, line.get("payload"), problems


def _missing(name: str) -> Problem:
    return Problem(f"/{name}", f"the line does not say its {name!r}", "line.missing")


def _shape(value: Any) -> Format | None:
    if not isinstance(value, dict):
        return None
    config = value.get("config")
    config = config if isinstance(config, dict) else {}
    if "files" in config:
        return "legacy"
    if not _V2_MARKS.isdisjoint(value):
        return "v2"
    if not _LEGACY_MARKS.isdisjoint(value):
        return "legacy"
    return "v2" if "download" in config else None


def new_profile_files(category: str) -> dict[str, bytes]:
    """By base name, what an import leaves beside the records of *category* where no file had a layout of its own."""
    if category == text_files.TEXT:
        return text_files.new_files()
    path = legacy_profile.path_of(category)
    return {path.rpartition("/")[2]: legacy_profile.encode(legacy_profile.NEW_FILE)}


def has_legacy_file(category: str) -> bool:
    """Whether *category* has a JSON file in the old image repository."""
    return category in LEGACY_CATEGORIES
