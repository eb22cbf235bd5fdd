"""The other records of a dataset, in memory: for files that are no dataset yet, and for what a step adds to one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from modelref_git.records.quality.marks import marks as marks_of
from modelref_git.records.quality.rule import Other, Others


class MemoryOthers:
    """Records by their marks, in the order in which they were put in."""

    def __init__(self, records: Iterable[tuple[str, str, Mapping[str, Any]]] = ()) -> None:
        # Most marks are of one record alone, which needs no list: it matters for a hundred thousand records.
        self._by_mark: dict[int, Other | list[Other]] = {}
        for category, key, record in records:
            self.put(category, key, record)

    def put(self, category: str, key: str, record: Mapping[str, Any]) -> None:
        """Add a record; putting one in twice keeps both."""
        other = Other(category, key, record)
        for mark in set(marks_of(category, key, record)):
            found = self._by_mark.setdefault(mark, other)
            if isinstance(found, list):
                found.append(other)
            elif found is not other:
                self._by_mark[mark] = [found, other]

    def sharing(self, mark: int) -> Iterator[Other]:
        """The records with that mark."""
        found = self._by_mark.get(mark, [])
        yield from found if isinstance(found, list) else [found]

    def known(self, marks: Sequence[int]) -> list[int]:
        """Those of *marks* that a record has."""
        return [mark for mark in marks if mark in self._by_mark]


class Overlaid:
    """A dataset with some records put in the place of its own, added, or taken away."""

    def __init__(self, below: Others) -> None:
        self._below = below
        self._above = MemoryOthers()
        self._changed: set[tuple[str, str]] = set()

    def __contains__(self, record: tuple[str, str]) -> bool:
        """Whether something was put in the place of a record, by category and key."""
        return record in self._changed

    def put(self, category: str, key: str, record: Mapping[str, Any] | None) -> None:
        """Put a record, which is not put in yet, in the place of the one below; ``None`` takes that one away."""
        self._changed.add((category, key))
        if record is not None:
            self._above.put(category, key, record)

    def sharing(self, mark: int) -> Iterator[Other]:
        """The records with that mark."""
        for other in self._below.sharing(mark):
            if (other.category, other.key) not in self._changed:
                yield other
        yield from self._above.sharing(mark)

    def known(self, marks: Sequence[int]) -> list[int]:
        """Those of *marks* that a record has, there or here."""
        there, here = set(self._below.known(marks)), set(self._above.known(marks))
        return [mark for mark in marks if mark in there or mark in here]
