"""What the old image files cannot hold of a record, found by writing its entry and reading that again.

There is no list of fields that get lost: whatever the rules of ``legacy`` do not give back is lost, and named by its
JSON pointer. What they give back from elsewhere (the defaults of a category, a flag that is off) is no loss.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.formats.legacy import checks as legacy_checks
from modelref_git.formats.legacy import entries, rules
from modelref_git.formats.legacy import profile as legacy_profile
from modelref_git.formats.scan import oversize
from modelref_git.records import codec, pointer
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.json_text import MAX_RECORD_BYTES, same
from modelref_git.records.merge import CREATED, UPDATED

LOST: Final = "legacy.lost"
STAMPS: Final = "legacy.stamps"
REFUSED: Final = "legacy.refused"

_Path = tuple[str, ...]
_GONE: Final = object()
"""Stands for a value that is not there."""

_DOWNLOADS: Final = ("config", "download")
# The layout of a file makes a compact text so many times longer at the most, but for lists in lists in lists.
_LARGEST_GROWTH: Final = 8


def losses(category: str, key: str, record: Mapping[str, Any]) -> list[Problem]:
    """What of a stored record its legacy entry does not hold; one problem a place, by JSON pointers into the record.

    The rule is ``legacy.stamps`` for the stamps of ``metadata``, ``legacy.refused`` for what makes the entry one that
    an import would refuse, and ``legacy.lost`` for everything else.

    Args:
        category: one of the nine categories with a file in the old image repository.
        key: the record's key.
        record: the stored v2 record, with its remainder if it has one.
    """
    entry = entries.to_legacy(category, key, record)
    faults = [*_oversize(key, entry), *legacy_checks.faults(category, key, entry)]
    back = entries.convert(category, entry)
    try:
        back, _ = entries.stored(category, back, open_values=True)
    except Invalid as error:
        faults += [Problem(detail["path"], detail["message"], detail["rule"]) for detail in error.details]
    refused = [Problem(fault.path, f"an import would refuse its entry: {fault.message}", REFUSED) for fault in faults]
    lost = _differences((), codec.without_remainder(record), back)
    return [*refused, *(_problem(category, *difference) for difference in lost)]


def _oversize(key: str, entry: Mapping[str, Any]) -> list[Problem]:
    """The fault of an entry that is too large although its record is not: a letter beyond ASCII takes six bytes."""
    if len(json.dumps(entry)) * _LARGEST_GROWTH <= MAX_RECORD_BYTES:
        return []
    return oversize(len(legacy_profile.write({key: entry}, {})))


def _differences(path: _Path, here: Any, there: Any) -> Iterator[tuple[_Path, Any]]:
    """``(path, what is read again)`` of every place in which that is not what the record says."""
    if isinstance(here, dict) and isinstance(there, dict):
        for name, value in here.items():
            yield from _differences((*path, name), value, there.get(name, _GONE))
        # Absent and false mean the same, and the models fill in every other value that reading gives.
        yield from (((*path, name), True) for name, value in there.items() if name not in here and value is True)
    elif path == _DOWNLOADS and isinstance(here, list) and isinstance(there, list):
        yield from _downloads(path, here, there)
    elif there is _GONE or not same(here, there):
        yield path, there


def _downloads(path: _Path, here: list[Any], there: list[Any]) -> Iterator[tuple[_Path, Any]]:
    """The differences of two lists of downloads, of which the second lacks what is taken for a yaml file."""
    again = iter(there)
    for index, download in enumerate(here):
        found = _GONE if rules.is_yaml(download["file_name"]) else next(again, _GONE)
        yield from _differences((*path, str(index)), download, found)


def _problem(category: str, path: _Path, there: Any) -> Problem:
    where = pointer.join(path)
    if path[0] == "metadata" and path[1:] and path[1] in (*CREATED, *UPDATED):
        return Problem(where, f"{path[1]!r} is a stamp, and legacy entries have none", STAMPS)
    what = "is lost" if there is _GONE else f"comes back as {json.dumps(there, ensure_ascii=False)}"
    return Problem(where, f"{path[-1]!r} {what}: {_reason(category, path, there)}", LOST)


def _reason(category: str, path: _Path, there: Any) -> str:
    if path[:2] == _DOWNLOADS:
        return _reason_of_download(path)
    if (category, *path) in ((rules.IMAGE, "style"), ("controlnet", "controlnet_style")):
        return "an empty style counts as none"
    if path == ("baseline",):
        return "it is written like the legacy name of another spelling"
    if there is _GONE:
        return f"an entry of {CATEGORIES[category].legacy_file} has no place for it"
    return f"an entry of {CATEGORIES[category].legacy_file} does not say it, and it is taken from the category"


def _reason_of_download(path: _Path) -> str:
    if len(path) == len(_DOWNLOADS) + 1:
        return "a file with 'yaml' in its name counts as a part of the program there"
    if path[-1] == "file_url":
        return "an earlier download has the same file name, and its address counts"
    if path[-1] == "known_slow_download":
        return "it is told by the file name there"
    return "a file of a legacy entry has no place for it"
