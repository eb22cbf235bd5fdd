"""What an import source holds, whichever layout it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from modelref_git.errors import Problem

Format = Literal["legacy", "v2", "jsonl"]


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """One record of a source, or the reason why it is none.

    ``record`` is None when ``problems`` has anything. Paths are JSON pointers into what the file holds. ``key`` is
    None for a line that does not say which record it is. ``file`` is a name without folders, ``line`` counts from 1.
    """

    key: str | None
    record: dict[str, Any] | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    file: str
    line: int | None


@dataclass(frozen=True, slots=True)
class SourceCategory:
    """The records of one category in the order of their file.

    ``profile_files`` are the files that go beside the dataset, by their path in the repository. ``warnings`` are about
    the file as a whole.
    """

    category: str
    entries: tuple[SourceEntry, ...]
    profile_files: Mapping[str, bytes] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A file of which nothing can be read.

    ``details`` has an entry for each fault: ``path``, ``message``, ``rule``, ``file``, and ``line`` and ``column``,
    which are None for a fault that has no place.
    """

    file: str
    details: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ImportSource:
    """Everything that a source holds.

    ``unplaced`` are lines that name no known category or no record. ``ignored`` are the names of files of a folder
    that were not read. ``unreadable`` are the files that nothing could be read of.
    """

    format: Format
    categories: tuple[SourceCategory, ...]
    unplaced: tuple[SourceEntry, ...] = ()
    ignored: tuple[str, ...] = ()
    unreadable: tuple[UnreadableFile, ...] = ()
