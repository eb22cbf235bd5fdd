"""The queue's state as a tree: small files in small folders, read and written entry by entry.

``state.json``                        the header: counters, the log's main, the open batch
``changes/<status>/…/<id>.json``      one change, under ``pending``, ``approved`` or ``closed``
``changes/purged/…/<id>.json``        what a purge took out of the queue: for the audit alone
``batches/…/<id>.json``               one batch
``open/…/<hash>.json``                the open changes of a record and of its look-alikes
``jobs/…/<hash>.json``                what was applied under a job id
``intake/…/<hash>.json``              what came by intake from a commit, or from a branch

``docs/formats.md`` describes it for readers in other languages.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from modelref_git.errors import IntegrityFailure
from modelref_git.proposals.header import APPROVED, PENDING, STATE_FORMAT, Header
from modelref_git.records.codec import dumps
from modelref_git.store import layout
from modelref_git.store.objects import ObjectBuffer
from modelref_git.store.trees import TreeEditor, read_tree, walk

if TYPE_CHECKING:
    from modelref_git.proposals.queue import Batch, Change

_HEADER: Final = "state.json"
_CLOSED: Final = "closed"
PURGED: Final = "purged"
FOLDERS: Final = (PENDING, APPROVED, _CLOSED)
"""The folders of changes: those of one folder are listed without reading the others. `PURGED` is beside them."""


def folder_of(status: str) -> str:
    """The folder under ``changes/`` of a change with *status*."""
    return status if status in (PENDING, APPROVED) else _CLOSED


_CHANGES: Final[dict[str, Change]] = {}
"""Changes by blob id: what an id names never changes, and a step looks at most of its changes several times."""
_CHANGES_AT_MOST: Final = 8192


def _remember(oid: str, change: Change) -> Change:
    if len(_CHANGES) >= _CHANGES_AT_MOST:
        _CHANGES.clear()
    _CHANGES[oid] = change
    return change


class StoredQueue:
    """The queue's state in a tree. Implements :class:`~modelref_git.proposals.lifecycle.Queue`."""

    def __init__(self, objects: ObjectBuffer, tree: str | None) -> None:
        self._objects = objects
        self._editor = TreeEditor(objects, tree)
        self.tree = tree
        self.header = Header()
        if tree is not None:
            row = self._read(_HEADER)
            if row is None:
                raise IntegrityFailure("the queue's state has no header file")
            if row.get("format") != STATE_FORMAT:
                raise IntegrityFailure(
                    f"the queue log has format {row.get('format')!r}; this version reads format {STATE_FORMAT}",
                    hint="install the version of modelref-git that wrote it, or a newer one",
                )
            try:
                self.header = Header(**row)
            except TypeError as error:
                raise IntegrityFailure(f"the queue's state has a header that is not readable: {error}") from error

    def change(self, change_id: int) -> Change | None:
        """The change with that number, wherever it stands; a purged one is not there."""
        return self._find(change_id, FOLDERS)

    def purged(self, change_id: int) -> Change | None:
        """The change with that number, if a purge has taken it out of the queue."""
        return self._find(change_id, (PURGED,))

    def _find(self, change_id: int, folders: Iterable[str]) -> Change | None:
        from modelref_git.proposals.queue import Change

        for folder in folders:
            path = layout.numbered_path(f"changes/{folder}", change_id)
            entry = self._editor.get(path)
            if entry is None:
                continue
            return _CHANGES.get(entry.oid) or _remember(entry.oid, Change.from_state(self._row(path, entry.oid)))
        return None

    def put_change(self, change: Change, before: Change | None) -> None:
        """Keep *change*, move it between folders, and keep the index of open changes right."""
        path = layout.numbered_path(f"changes/{folder_of(change.status)}", change.change_id)
        if before is not None and folder_of(before.status) != folder_of(change.status):
            self._editor.remove(layout.numbered_path(f"changes/{folder_of(before.status)}", change.change_id))
        _remember(self._write(path, change.as_state()), change)
        was_open = before is not None and before.is_open
        if change.is_open != was_open:
            self._index(change)

    def purge_change(self, change: Change, before: Change) -> None:
        """Take *before* out of the queue; *change* is kept for the audit."""
        self._editor.remove(layout.numbered_path(f"changes/{folder_of(before.status)}", change.change_id))
        path = layout.numbered_path(f"changes/{PURGED}", change.change_id)
        _remember(self._write(path, change.as_state()), change)
        if before.is_open:
            self._index(change)

    def batch(self, batch_id: int) -> Batch | None:
        """The batch with that number."""
        from modelref_git.proposals.queue import Batch

        row = self._read(layout.numbered_path("batches", batch_id))
        return None if row is None else Batch.from_state(row)

    def put_batch(self, batch: Batch) -> None:
        """Keep *batch*."""
        self._write(layout.numbered_path("batches", batch.batch_id), batch.as_state())

    def put_job(self, job_id: str, batch_id: int, change_ids: tuple[int, ...]) -> None:
        """Keep which changes were applied under *job_id*; a job may name several batches."""
        path = self._job_path(job_id)
        row = self._read(path) or {"job_id": job_id, "batches": []}
        row["batches"].append({"batch_id": batch_id, "changes": list(change_ids)})
        self._write(path, row)

    def job(self, job_id: str) -> list[tuple[int, tuple[int, ...]]]:
        """``(batch id, change ids)`` of each apply under *job_id*, oldest first."""
        row = self._read(self._job_path(job_id)) or {"batches": []}
        return [(item["batch_id"], tuple(item["changes"])) for item in row["batches"]]

    def put_intake(self, key: str, change_ids: tuple[int, ...]) -> None:
        """Keep which changes came by intake from *key*; a branch may bring more later."""
        self._write(self._intake_path(key), {"from": key, "changes": [*self.intake(key), *change_ids]})

    def intake(self, key: str) -> tuple[int, ...]:
        """The changes that came by intake from *key*, a commit or a branch, ascending."""
        return tuple((self._read(self._intake_path(key)) or {"changes": []})["changes"])

    def open_changes(self, category: str, name: str) -> tuple[int, ...]:
        """The open changes of a record and of names that differ from it by case or Unicode form only."""
        return tuple(self._open_row(category, name)["changes"])

    def change_ids(self, folder: str) -> Iterator[int]:
        """The ids of the changes of one of :data:`FOLDERS`, ascending; only folders are read."""
        root = self._editor.get(f"changes/{folder}")
        if root is not None:
            yield from self._numbers(root.oid)

    def batch_ids(self) -> Iterator[int]:
        """The ids of all batches, ascending."""
        root = self._editor.get("batches")
        if root is not None:
            yield from self._numbers(root.oid)

    def write(self) -> str:
        """The id of the state's tree, with the header; its new objects are held by the buffer."""
        self._write(_HEADER, self.header.as_state())
        self.tree = self._editor.write()
        return self.tree

    def _numbers(self, tree: str) -> Iterator[int]:
        entries = read_tree(self._objects, tree).entries
        ordered = sorted((layout.number_of(name), entry) for name, entry in entries.items())
        for number, entry in ordered:
            if entry.is_folder:
                yield from self._numbers(entry.oid)
            else:
                yield number

    def _index(self, change: Change) -> None:
        path = layout.open_index_path(change.category, change.model_name)
        row = self._open_row(change.category, change.model_name)
        ids = set(row["changes"])
        ids.symmetric_difference_update({change.change_id})
        if ids:
            self._write(path, {"changes": sorted(ids)})
        else:
            self._editor.remove(path)

    def _open_row(self, category: str, name: str) -> dict[str, Any]:
        return self._read(layout.open_index_path(category, name)) or {"changes": []}

    @staticmethod
    def _job_path(job_id: str) -> str:
        return layout.hashed_path("jobs", hashlib.sha256(job_id.encode()).hexdigest())

    @staticmethod
    def _intake_path(key: str) -> str:
        return layout.hashed_path("intake", hashlib.sha256(key.encode()).hexdigest())

    def _read(self, path: str) -> dict[str, Any] | None:
        entry = self._editor.get(path)
        return None if entry is None else self._row(path, entry.oid)

    def _row(self, path: str, oid: str) -> dict[str, Any]:
        try:
            row = json.loads(self._objects.read_blob(oid))
        except ValueError as error:
            raise IntegrityFailure(f"the file {path} of the queue's state is not readable: {error}") from error
        if not isinstance(row, dict):
            raise IntegrityFailure(f"the file {path} of the queue's state is no object")
        return row

    def _write(self, path: str, row: dict[str, Any]) -> str:
        oid = self._objects.add("blob", _encoded(row))
        self._editor.put(path, oid)
        return oid


def _encoded(row: dict[str, Any]) -> bytes:
    """A state file's bytes: UTF-8, or ASCII with escapes for text that UTF-8 has no bytes for."""
    try:
        return f"{dumps(row)}\n".encode()
    except UnicodeEncodeError:
        return f"{json.dumps(row, indent=2)}\n".encode()


def open_refs(objects: ObjectBuffer, tree: str | None) -> dict[str, str]:
    """The branches that a state asks for besides ``main``: one for each open change, one for each open batch."""
    wanted: dict[str, str] = {}
    if tree is None:
        return wanted
    queue = StoredQueue(objects, tree)
    batches: set[int] = set()
    for folder in (PENDING, APPROVED):
        for change_id in queue.change_ids(folder):
            change = queue.change(change_id)
            if change is None:
                continue
            wanted[layout.proposal_ref(change_id)] = change.commit
            if change.status == APPROVED and change.batch_id is not None:
                batches.add(change.batch_id)  # a change of the policy is in one of its own, beside the open one
    for number in sorted(batches):
        batch = queue.batch(number)
        if batch is not None:
            wanted[layout.batch_ref(number)] = batch.head
    return wanted


def state_files(objects: ObjectBuffer, tree: str | None) -> dict[str, str]:
    """Every file of a state with its blob id."""
    return {path: entry.oid for path, entry in walk(objects, tree)}
