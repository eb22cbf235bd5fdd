"""The commit that an import of a queue keeps: the source as it came, and what was read from it.

``source/…``          the files of the source, byte for byte
``payloads/…/<id>``   what each closed change proposed, or the record that it deleted
``changes.jsonl``     one change a line, as it came into the queue
``events.jsonl``      one event a line, oldest first
``numbers.json``      the last numbers that the service gave out

``docs/formats.md`` describes it for readers in other languages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from modelref_git.errors import IntegrityFailure
from modelref_git.proposals.brought import Brought, PastEvent, is_number
from modelref_git.proposals.queue import Change
from modelref_git.records.codec import dumps
from modelref_git.store import layout
from modelref_git.store.git import GitStore
from modelref_git.store.objects import ObjectBuffer
from modelref_git.store.trees import TreeEditor, find, walk

FORMAT: Final = 1
"""The format of the kept files, and of how the source was read."""

_SOURCE: Final = "source"
_PAYLOADS: Final = "payloads"
_CHANGES: Final = "changes.jsonl"
_EVENTS: Final = "events.jsonl"
_NUMBERS: Final = "numbers.json"

_T = TypeVar("_T")

_READ: Final[dict[str, Brought]] = {}
"""What was read last, by commit: what an id names never changes, and one reader asks several times."""


def payload_bytes(payload: Mapping[str, Any]) -> bytes:
    """The bytes under which a payload is kept: keys in their order, numbers as written.

    Raises:
        Invalid: it holds what no record can.
    """
    return f"{dumps(dict(payload))}\n".encode()


def write_kept(
    objects: ObjectBuffer, source: Mapping[str, bytes], payloads: Mapping[int, bytes], brought: Brought
) -> str:
    """The tree of the kept commit; its objects are held by *objects*."""
    editor = TreeEditor(objects, None)
    for path, data in source.items():
        editor.put(f"{_SOURCE}/{path}", objects.add("blob", data))
    for change_id, data in payloads.items():
        editor.put(layout.numbered_path(_PAYLOADS, change_id), objects.add("blob", data))
    numbers = {"format": FORMAT, **{name: getattr(brought, name) for name in _LAST}}
    editor.put(_NUMBERS, objects.add("blob", f"{dumps(numbers)}\n".encode()))
    editor.put(_CHANGES, objects.add("blob", _lines(change.as_state() for change in brought.changes)))
    editor.put(_EVENTS, objects.add("blob", _lines(event.as_row() for event in brought.events)))
    return editor.write()


_LAST: Final = ("last_change_id", "last_batch_id", "last_event_id")


def _lines(rows: Iterator[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def read_brought(store: GitStore, oid: str) -> Brought:
    """What the kept commit *oid* says that was brought.

    Raises:
        IntegrityFailure: it is no such commit.
    """
    if oid not in _READ:
        objects = store.buffer()
        tree = objects.read_commit(oid).tree
        numbers = _numbers(_blob(objects, tree, _NUMBERS), oid)
        found = Brought(
            tuple(_rows(_blob(objects, tree, _CHANGES), _change)),
            tuple(_rows(_blob(objects, tree, _EVENTS), PastEvent.from_row)),
            *numbers,
        )
        _READ.clear()
        _READ[oid] = found
    return _READ[oid]


def _change(row: dict[str, Any]) -> Change:
    found = Change.from_state(row)
    if not is_number(found.change_id) or not (found.batch_id is None or is_number(found.batch_id)):
        raise IntegrityFailure("a change that was imported has no number")
    return found


def _numbers(data: bytes, oid: str) -> list[int]:
    try:
        row = json.loads(data)
    except ValueError as error:
        raise IntegrityFailure(f"the numbers in {oid} are not readable: {error}") from error
    if not isinstance(row, dict) or row.get("format") != FORMAT:
        raise IntegrityFailure(
            f"what {oid} keeps of an imported queue is of a format that this version does not read",
            hint="install the version of modelref-git that wrote it, or a newer one",
        )
    found = [row.get(name) for name in _LAST]
    if not all(is_number(number, 0) for number in found):
        raise IntegrityFailure(f"the numbers in {oid} are not readable")
    return [number or 0 for number in found]


def _rows(data: bytes, read: Callable[[dict[str, Any]], _T]) -> Iterator[_T]:
    for line in data.splitlines():
        try:
            row = json.loads(line)
        except ValueError as error:
            raise IntegrityFailure(f"a line of what was imported is not readable: {error}") from error
        if not isinstance(row, dict):
            raise IntegrityFailure("a line of what was imported is no object")
        yield read(row)


def read_source(objects: ObjectBuffer, oid: str) -> dict[str, bytes]:
    """The files of the source that the kept commit *oid* holds, by their paths."""
    tree = objects.read_commit(oid).tree
    folder = find(objects, tree, _SOURCE)
    if folder is None:
        raise IntegrityFailure(f"{oid} keeps no source")
    return {path: objects.read_blob(entry.oid) for path, entry in walk(objects, folder.oid)}


def files_of(objects: ObjectBuffer, oid: str) -> dict[str, str]:
    """Every file of the kept commit *oid* with its blob."""
    return {path: entry.oid for path, entry in walk(objects, objects.read_commit(oid).tree)}


def _blob(objects: ObjectBuffer, tree: str, path: str) -> bytes:
    entry = find(objects, tree, path)
    if entry is None:
        raise IntegrityFailure(f"what was imported has no file {path}")
    return objects.read_blob(entry.oid)
