"""Rules on sizes: of files, on disk, and of the model that a name promises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, TypeGuard

from modelref_git.errors import Problem
from modelref_git.records.quality.marks import downloads
from modelref_git.records.quality.rule import Facts, Rule, shown

_SIZE: Final = re.compile(
    r"(?<![A-Za-z0-9.])(?:(\d{1,2})x)?((?:\d+[_-])?\d+(?:\.\d+)?)([BM])(\d{0,2})(?![A-Za-z0-9])", re.IGNORECASE
)
"""Experts, number, unit, and decimals behind the unit: 8x7B, 1.5B, 560M, 7b1."""
_UNITS: Final = {"b": 10**9, "m": 10**6}
_LEAST: Final = 5 * 10**7
"""The smallest size that a name is believed to tell: with a smaller one it means a context of 1M tokens."""
_ROUNDED: Final = 1.4
"""Names round, and leave out what is shared or only embeds: real ones are off by up to a quarter."""
_SHARED: Final = 0.5
"""The least part of experts times size that a mixture has, as its experts share the other parts."""


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def promised_sizes(name: str) -> list[tuple[float, float]]:
    """The parameter counts that a model's name promises, as ranges; a name may give several (of a base, of experts)."""
    found = []
    for experts, number, unit, decimals in _SIZE.findall(name.rpartition("/")[2]):
        scale = _UNITS[unit.lower()]
        for reading in _readings(number, decimals):
            least = reading * scale
            if least >= _LEAST:
                count = int(experts or 1)
                most = least * max(count, 1) * _ROUNDED
                found.append((min(least / _ROUNDED, least * count * _SHARED), most))
    return found


def _readings(number: str, decimals: str) -> Iterator[float]:
    """What digits may mean: in ``1-5B`` the hyphen is a decimal point, or separates a version from the size."""
    whole, mark, rest = re.split(r"([_-])", number) if re.search(r"[_-]", number) else (number, "", "")
    if mark:
        yield float(rest)
        if "." not in rest:
            yield float(f"{whole}.{rest}")
    else:
        yield float(f"{whole}.{decimals}" if decimals and "." not in whole else whole)


def _not_as_named(facts: Facts) -> Iterator[Problem]:
    if facts.category != "text_generation":
        return
    count = (facts.record or {}).get("parameters")
    if not is_number(count) or count <= 0:
        return
    promised = promised_sizes(facts.key)
    if promised and not any(least <= count <= most for least, most in promised):
        message = f"the name {shown(facts.key)} tells another size than parameters, which is {shown(count)}"
        yield Problem("/parameters", message, "text.size_in_name")


def _not_positive(facts: Facts) -> Iterator[Problem]:
    record = facts.record or {}
    yield from _no_size(record.get("size_on_disk_bytes"), "/size_on_disk_bytes")
    for index, download in enumerate(downloads(record)):
        yield from _no_size(download.get("size_bytes"), f"/config/download/{index}/size_bytes")


def _no_size(value: Any, path: str) -> Iterator[Problem]:
    if is_number(value) and value <= 0:
        yield Problem(path, f"a file cannot have {shown(value)} bytes", "size.positive")


def _not_the_sum(facts: Facts) -> Iterator[Problem]:
    total = (facts.record or {}).get("size_on_disk_bytes")
    if not is_number(total) or facts.record is None:
        return
    parts = [download.get("size_bytes") for download in downloads(facts.record)]
    known = [size for size in parts if is_number(size)]
    added = sum(known)
    if known and (added > total or (len(known) == len(parts) and added != total)):
        message = f"size_on_disk_bytes is {shown(total)}, and the sizes of the downloads add up to {shown(added)}"
        yield Problem("/size_on_disk_bytes", message, "size.sum")


RULES: Final = (
    Rule(
        "text.size_in_name",
        "warning",
        "record",
        "The number of parameters is about what the model's name tells.",
        "Work is given to workers and paid for by this number.",
        "Correct parameters (7B is 7000000000), or the name.",
        _not_as_named,
    ),
    Rule(
        "size.positive",
        "warning",
        "record",
        "A size in bytes is greater than nothing.",
        "Programs reserve room by it, and divide by it to show progress.",
        "Give the size of the file in bytes, or leave the field out.",
        _not_positive,
    ),
    Rule(
        "size.sum",
        "warning",
        "record",
        "The size on disk is what the sizes of the downloads add up to.",
        "One of the two is wrong, and a worker that believes the smaller one runs out of room.",
        "Correct the one that is wrong, or leave size_on_disk_bytes out: it is worked out from the others.",
        _not_the_sum,
    ),
)
