"""The diff driver: what git calls to show how a record file differs, by field instead of by line."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any, Final

from modelref_git.errors import Invalid, ModelrefError, NotFound, UsageFault
from modelref_git.operations.merge_driver import RecordFile, key_of
from modelref_git.records import codec
from modelref_git.records.diff import field_diffs
from modelref_git.store import drivers
from modelref_git.store.git import GitStore

_NOTHING: Final = "/dev/null"
"""What git names where a side has no file."""

_NO: Final = frozenset({"false", "never", "no", "off", "0"})


@dataclass(frozen=True, slots=True)
class Side:
    """A file as one side has it."""

    data: bytes | None
    """``None`` where it is not there."""
    mode: str | None = None
    """As git writes it, such as ``100644``; ``None`` where git does not say."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What git asks of a diff driver."""

    path: str
    sides: tuple[Side, Side] | None
    """Before and after; ``None`` for a file that is not merged yet."""
    new_path: str | None = None
    """Where the file was moved to, if it was."""


def read_arguments(words: Sequence[str]) -> Asked:
    """What git asks with its arguments: a path alone, or that with file, id and mode of each side.

    Two more come with a file that was moved: its new path, and what git thinks of how alike they are.

    Raises:
        UsageFault: git calls no driver like that.
        NotFound: a file is not there.
        Invalid: a file cannot be read.
    """
    if len(words) == 1:
        return Asked(words[0], None)
    if len(words) not in (7, 9):
        raise UsageFault(
            f"git calls a diff driver with 1, 7 or 9 arguments, and these are {len(words)}",
            hint="`modelref-git diff-driver --install` has git call it",
        )
    before, after = _side(words[1], words[3]), _side(words[4], words[6])
    return Asked(words[0], (before, after), words[7] if len(words) == 9 else None)


def _side(name: str, mode: str) -> Side:
    if name == _NOTHING:
        return Side(None)
    try:
        return Side(Path(name).read_bytes(), mode if mode.isdigit() else None)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {name}") from error
    except (OSError, ValueError) as error:
        raise Invalid(f"the file {name} cannot be read: {error}") from error


def file_difference(asked: Asked) -> dict[str, Any]:
    """How a file differs: a record by field, as ``diff`` has it of a change, and all else by line.

    What else differs of two files that hold the same record is told by line too: how it is written.

    Answers:
        ``path``, ``category``, ``model_name`` (the last two ``None`` for a file that is no record's), ``net_operation``
        (``added``, ``modified``, ``deleted``, ``unmerged``), ``field_diffs``, ``current_state`` and ``proposed_state``
        (the records), ``lines`` (a difference of lines, without line breaks), ``modes`` (both, where they differ),
        ``moved_to``.
    """
    file = key_of(asked.path)
    answer: dict[str, Any] = {
        "path": asked.path,
        "category": file.category,
        "model_name": file.name,
        "net_operation": "unmerged",
        "field_diffs": [],
        "current_state": None,
        "proposed_state": None,
        "lines": [],
        "modes": None,
        "moved_to": asked.new_path if asked.new_path != asked.path else None,
    }
    if asked.sides is None:
        return answer
    before, after = asked.sides
    if before.mode and after.mode and before.mode != after.mode:
        answer["modes"] = [before.mode, after.mode]
    answer["net_operation"] = "added" if before.data is None else "deleted" if after.data is None else "modified"
    return answer | _content(file, before.data, after.data)


def _content(file: RecordFile, before: bytes | None, after: bytes | None) -> dict[str, Any]:
    """What of the answer is about the content of a file."""
    try:
        if file.name is None:
            raise Invalid("the file is no record's")
        # Whole: what only legacy files say of a record can have been changed by hand too.
        old, new = (None if data is None else codec.decode(data, what=file.title) for data in (before, after))
    except Invalid:
        return {"lines": line_difference(before or b"", after or b"")}
    diffs = [item.as_json() for item in field_diffs(old, new)]
    lines = [] if diffs or before is None or after is None else line_difference(before, after)
    return {"field_diffs": diffs, "current_state": old, "proposed_state": new, "lines": lines}


def line_difference(before: bytes, after: bytes) -> list[str]:
    """A difference of lines, without its head; of what is no text it says only that it differs."""
    if before == after:
        return []
    try:
        old, new = (data.decode().splitlines() for data in (before, after))
    except UnicodeDecodeError:
        return ["binary files differ"]
    found = list(unified_diff(old, new, lineterm=""))[2:]
    return found or ["only the ends of lines differ"]


def install(start: Path, *, on: bool, dry_run: bool = False) -> dict[str, Any]:
    """Have git show differences of records by field in the repository around *start*, or no more.

    Answers:
        ``installed``: whether it does from now on; ``changed``: whether it did not before.

    Raises:
        NotFound: there is no repository.
        Conflict: a person has set another command under that name.
        WrongState: the repository's settings cannot be written.
    """
    store = GitStore.open(start)
    was = drivers.is_diff_driver_set(store)
    if on:
        drivers.check_diff_driver(store)
    if not dry_run:
        (drivers.set_diff_driver if on else drivers.unset_diff_driver)(store)
    return {"installed": on, "changed": was != on}


def colours(start: Path) -> bool:
    """Whether git's settings let a difference have colours where a person looks at it through a pager."""
    with contextlib.suppress(ModelrefError):
        store = GitStore.open(start)
        found = (store.config(key) for key in ("color.diff", "color.ui", "color.pager"))
        return not any(value is not None and value.lower() in _NO for value in found)
    return True
