"""The nine category files of the old image repository: in as v2 records, and back.

An entry becomes a v2 record by fixed rules; what v2 cannot hold goes into the record's member ``_legacy``
(``legacy_remainder`` documents it), so that the entry can be written again exactly as it was.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.formats.exact import identical
from modelref_git.formats.legacy import checks as legacy_checks
from modelref_git.formats.legacy import profile as legacy_profile
from modelref_git.formats.legacy import rules
from modelref_git.formats.legacy.remainder import remainder_of, to_legacy
from modelref_git.formats.scan import oversize, scan
from modelref_git.records import json_text, pointer
from modelref_git.records.codec import REMAINDER
from modelref_git.records.values import UNKNOWN_HASH

__all__ = ["LegacyEntry", "LegacyFile", "read_category", "to_legacy"]

# The remainder holds parts of an entry a few levels deeper than they were, and a record may have 100.
_MAX_DEPTH: Final = 90
_NEVER_ASIDE: Final = frozenset({"name", "baseline", "style", "config"})


@dataclass(frozen=True, slots=True)
class LegacyEntry:
    """One entry of an old file.

    ``record`` is the v2 record in its stored form with the remainder as ``_legacy``; None when ``problems`` (hard
    faults) has anything. Paths in ``problems`` and ``warnings`` are JSON pointers into the entry. ``line`` is that
    of the key in the file.
    """

    key: str
    record: dict[str, Any] | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    line: int


@dataclass(frozen=True, slots=True)
class LegacyFile:
    """The entries of an old file in its order, its byte layout, and remarks on the file as a whole."""

    entries: tuple[LegacyEntry, ...]
    profile: dict[str, Any]
    warnings: tuple[Problem, ...]


def read_category(category: str, data: bytes, what: str, *, open_values: bool = False) -> LegacyFile:
    """The entries of one old file as v2 records.

    Every record given is proven: ``to_legacy`` of it is the entry as it was read, to the order of keys and the
    spelling of numbers. The record's rank is not set here.

    Args:
        category: one of the nine categories with a file in the old image repository.
        data: the file.
        what: how messages call the file.
        open_values: let baselines and styles pass that this package does not know, for a dataset whose own schema
            judges them.

    Raises:
        Invalid: *data* is not strict JSON (duplicate keys included), or not an object. Faults of single entries are
            reported with the entry.
    """
    values = json_text.parse(data, what=what, max_bytes=None, max_depth=_MAX_DEPTH)
    if not isinstance(values, dict):
        raise Invalid.of(what, [Problem("", "a JSON object of entries by name is expected", "legacy.object")])
    text = data.decode()
    layout = scan(text)
    assert layout is not None  # noqa: S101 -- the text was parsed as one object just now
    members = {member.key: member for member in layout.members}
    entries = []
    for key, value in values.items():
        member = members[key]
        size = len(text[member.value : member.end].encode())
        entries.append(_entry(category, key, value, member.line, oversize(size), open_values))
    profile = legacy_profile.profile_of(data)
    inexact = f"{what} cannot be written back byte for byte: {profile.get('why')}"
    warnings = () if profile["exact"] else (Problem("", inexact, "legacy.layout"),)
    return LegacyFile(tuple(entries), profile, warnings)


def _entry(category: str, key: str, value: Any, line: int, too_large: list[Problem], open_values: bool) -> LegacyEntry:
    problems = [*too_large, *legacy_checks.faults(category, key, value)]
    if problems:
        return LegacyEntry(key, None, tuple(problems), (), line)
    warnings = legacy_checks.remarks(category, key, value)
    try:
        record, aside = stored(category, convert(category, value), open_values)
    except Invalid as error:
        problems = [Problem(detail["path"], detail["message"], detail["rule"]) for detail in error.details]
        return LegacyEntry(key, None, tuple(problems), tuple(warnings), line)
    remainder = remainder_of(category, key, record, value)
    if remainder:
        record[REMAINDER] = remainder
    if not identical(to_legacy(category, key, record), value):
        # Not known to happen; an entry that would be lost in part must not go in unseen.
        lost = Problem("", "the entry cannot be kept exactly", "legacy.lost")
        return LegacyEntry(key, None, (lost,), tuple(warnings), line)
    return LegacyEntry(key, record, (), (*warnings, *aside), line)


def convert(category: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The v2 record that an entry stands for, without defaults and without a remainder.

    *entry* is one in which ``legacy_checks.faults`` finds nothing. Values of the record are its own.
    """
    record: dict[str, Any] = {"record_type": category, "name": entry["name"]}
    for name in rules.COPIED[category]:
        value = entry.get(name)
        if value is not None and not (name == "style" and value == ""):
            record[name] = copy.deepcopy(value)
    record["config"] = _config(entry["config"])
    if category == rules.IMAGE:
        record["baseline"] = rules.v2_baseline(entry["baseline"])
        record.setdefault("nsfw", False)
    if category == "controlnet":
        styles = [entry.get(name) for name in ("type", "style")]
        style = next((style for style in styles if isinstance(style, str) and style), None)
        if style is not None:
            record["controlnet_style"] = style
    return record


def _config(config: Mapping[str, Any]) -> dict[str, Any]:
    files, downloads = config.get("files"), config.get("download")
    addresses: dict[str, Any] = {}
    for download in downloads if isinstance(downloads, list) else ():
        addresses.setdefault(download["file_name"], download.get("file_url"))
    made: dict[str, Any] = {
        "download": [
            _download(item, addresses.get(item["path"]))
            for item in (files if isinstance(files, list) else ())
            if isinstance(item, dict) and isinstance(item.get("path"), str) and not rules.is_yaml(item["path"])
        ]
    }
    hashes = config.get("embedded_component_hashes")
    if isinstance(hashes, dict) and all(isinstance(value, str) for value in hashes.values()):
        made["embedded_component_hashes"] = dict(hashes)
    return made


def _download(item: Mapping[str, Any], address: Any) -> dict[str, Any]:
    sha256sum = item.get("sha256sum")
    download = {
        "file_name": item["path"],
        "file_url": address if isinstance(address, str) else "",
        "sha256sum": sha256sum if isinstance(sha256sum, str) else UNKNOWN_HASH,
        # The old converter looks for the host in the path, where it never is; its readers expect the result.
        "known_slow_download": "civitai" in item["path"],
    }
    named = {"content_hash": item.get("content_hash"), "file_purpose": item.get("file_type")}
    return download | {name: value for name, value in named.items() if isinstance(value, str)}


def stored(category: str, record: dict[str, Any], open_values: bool) -> tuple[dict[str, Any], list[Problem]]:
    """The stored form of a *record* that ``convert`` gave, and a remark on each field that had to be left out of it.

    A field whose value v2 refuses is no reason to refuse an entry that old clients read: the remainder keeps it. But
    what a record is known and filtered by must be right.

    Raises:
        Invalid: what is wrong cannot be left out.
    """
    from modelref_git.records import normal  # pydantic comes with it

    aside: list[Problem] = []
    while True:
        try:
            return normal.normalise(category, record, open_values=open_values), aside
        except Invalid as error:
            wrong: dict[str, str] = {}
            for detail in error.details:
                wrong.setdefault(pointer.split(detail["path"])[0] if detail["path"] else "", detail["message"])
            if any(name in _NEVER_ASIDE or name not in record or name not in rules.COPIED[category] for name in wrong):
                raise
            aside += [legacy_checks.set_aside(name, reason) for name, reason in wrong.items()]
            record = {name: value for name, value in record.items() if name not in wrong}
            if category == rules.IMAGE:
                record.setdefault("nsfw", False)
