"""Rules on a record among the others of its dataset.

At most `MOST` others are looked at for one thing in common, so that the cost is the same in a dataset where
thousands share one address. Of several that share, one is named: the first by category and name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from modelref_git.errors import Problem
from modelref_git.records.names import NAME_POINTER, fold
from modelref_git.records.quality import marks
from modelref_git.records.quality.downloads import is_known
from modelref_git.records.quality.likeness import likeness
from modelref_git.records.quality.rule import Facts, Other, Rule, shown

MOST: Final = 20
"""How many other records are looked at for one thing in common."""

_Download = Mapping[str, Any]


def _others(facts: Facts, mark: int) -> list[Other]:
    if facts.others is None:
        return []
    here = (facts.category, facts.key)
    leaving = (facts.category, facts.renamed_from)
    found = [
        other
        for other in islice(facts.others.sharing(mark), MOST)
        if (other.category, other.key) not in (here, leaving)
    ]
    return sorted(found, key=lambda other: (other.category, other.key))


def _own(facts: Facts) -> Iterator[tuple[int, _Download]]:
    return enumerate(marks.downloads(facts.record or {}))


def _first(facts: Facts, mark: int, is_it: Callable[[Other, _Download], bool]) -> tuple[Other, _Download] | None:
    """The first other record with that mark, and its download, of which *is_it* says so."""
    for other in _others(facts, mark):
        for download in marks.downloads(other.record):
            if is_it(other, download):
                return other, download
    return None


def _text(download: _Download, field: str) -> str:
    value = download.get(field)
    return value if isinstance(value, str) else ""


def _named(facts: Facts, other: Other) -> str:
    return shown(other.key) if other.category == facts.category else f"{shown(other.key)} of {other.category}"


def _address_shared(facts: Facts) -> Iterator[Problem]:
    for index, mine in _own(facts):
        url, name = _text(mine, "file_url"), _text(mine, "file_name")
        if not url.strip():
            continue
        where = marks.same_address(url)

        def is_copied(other: Other, theirs: _Download, where: str = where, name: str = name) -> bool:
            if marks.same_address(_text(theirs, "file_url")) != where:
                return False
            # Records that say they use one file do so on purpose.
            return other.category != facts.category or _text(theirs, "file_name") != name

        found = _first(facts, marks.address_mark(url), is_copied)
        if found is not None:
            message = f"{_named(facts, found[0])} has the address {shown(url)} too, for a file of another name"
            yield Problem(f"/config/download/{index}/file_url", message, "shared.address")


def _file_shared(facts: Facts) -> Iterator[Problem]:
    for index, mine in _own(facts):
        name = _text(mine, "file_name")
        if not name:
            continue

        def is_another(other: Other, theirs: _Download, name: str = name, mine: _Download = mine) -> bool:
            return (
                other.category == facts.category
                and _text(theirs, "file_name") == name
                and _difference(mine, theirs) is not None
            )

        found = _first(facts, marks.file_mark(facts.category, name), is_another)
        if found is not None:
            message = f"{_named(facts, found[0])} has a file {shown(name)} too, with {_difference(mine, found[1])}"
            yield Problem(f"/config/download/{index}/file_name", message, "shared.file")


def _difference(mine: _Download, theirs: _Download) -> str | None:
    """By what two downloads are different files; where a sum is not known, their addresses tell."""
    own, other = _text(mine, "sha256sum").lower(), _text(theirs, "sha256sum").lower()
    if is_known(mine.get("sha256sum")) and is_known(theirs.get("sha256sum")):
        return None if own == other else f"another sum than {shown(own)}"
    here, there = _text(mine, "file_url"), _text(theirs, "file_url")
    if not (here.strip() and there.strip()) or marks.same_address(here) == marks.same_address(there):
        return None
    return f"another address than {shown(here)}"


def _hash_shared(facts: Facts) -> Iterator[Problem]:
    for index, mine in _own(facts):
        sha256sum, url = _text(mine, "sha256sum"), _text(mine, "file_url")
        if not is_known(sha256sum) or not url.strip():
            continue
        own, where = sha256sum.lower(), marks.same_address(url)

        def is_elsewhere(_other: Other, theirs: _Download, own: str = own, where: str = where) -> bool:
            address = _text(theirs, "file_url")
            return (
                bool(address.strip())
                and _text(theirs, "sha256sum").lower() == own
                and marks.same_address(address) != where
            )

        found = _first(facts, marks.sum_mark(sha256sum), is_elsewhere)
        if found is not None:
            message = (
                f"{_named(facts, found[0])} has the sum {shown(sha256sum)} too, at another address than {shown(url)}"
            )
            yield Problem(f"/config/download/{index}/sha256sum", message, "shared.hash")


def _tail(name: str) -> str:
    return name.partition("/")[2] or name


def _variants_collide(facts: Facts) -> Iterator[Problem]:
    if facts.category != "text_generation":
        return
    tail = _tail(facts.key)
    for other in _others(facts, marks.tail_mark(facts.key)):
        if other.category == facts.category and _tail(other.key) == tail:
            message = f"{shown(other.key)} has the variant {shown(f'koboldcpp/{tail}')} too"
            yield Problem(NAME_POINTER, message, "text.variants")
            return


def _confusable(facts: Facts) -> Iterator[Problem]:
    if facts.others is None or (facts.is_change and facts.before is not None):
        return  # The name is not new.
    seen: set[str] = {facts.key}
    near = list(dict.fromkeys((marks.skeleton_mark(facts.key), *marks.near_marks(facts.key))))
    for mark in facts.others.known(near):
        for other in _others(facts, mark):
            if other.category != facts.category or other.key in seen:
                continue
            seen.add(other.key)
            how = None if fold(other.key) == fold(facts.key) else likeness(facts.key, other.key)
            if how is not None:
                yield Problem(NAME_POINTER, f"the name {how} {shown(other.key)}", "name.confusable")


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "shared.address",
        "warning",
        "dataset",
        "No two records fetch files of different names from one address.",
        "One of them was copied from the other, and its address forgotten.",
        "Give this one the address of its own file; two records of one file give it one name.",
        _address_shared,
    ),
    Rule(
        "shared.file",
        "warning",
        "dataset",
        "A file name stands for one file in a category.",
        "Workers keep the files of a category in one folder, where the one overwrites the other.",
        "Give this file another name, for instance with its version.",
        _file_shared,
    ),
    Rule(
        "shared.hash",
        "warning",
        "dataset",
        "A SHA-256 sum stands for one file at one address.",
        "The sum was copied from another record, or one file is fetched and kept twice.",
        "Compute the sum of this file; if it is the same file, give it the same address.",
        _hash_shared,
    ),
    Rule(
        "text.variants",
        "warning",
        "dataset",
        "No two text models differ by their authors alone.",
        "A backend's variant leaves the author out, so that two models become one entry of the old files.",
        "Give one of them a name of its own behind the slash.",
        _variants_collide,
    ),
    Rule(
        "name.confusable",
        "hint",
        "dataset",
        "A new name does not look like one that is there.",
        "People take the one for the other, or the name was misspelt.",
        "Look whether the record is there already.",
        _confusable,
    ),
)
