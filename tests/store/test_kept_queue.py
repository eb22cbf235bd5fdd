from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelref_git.errors import IntegrityFailure
from modelref_git.proposals.brought import Brought, PastEvent
from modelref_git.proposals.queue import Change, GivenApproval
from modelref_git.store import kept_queue
from modelref_git.store.git import GitStore
from modelref_git.store.objects import Commit, Signature
from modelref_git.store.trees import TreeEditor

OID = "1" * 40
WHO = Signature("x", "x@y", 5)
GIVEN = (GivenApproval("90", "ann#90", 7),)
BROUGHT = Brought(
    (
        Change(2, "clip", "a\u2028b", "create", "", "", None, OID, "7", "é#7", 7, "applied", 9, approvals=GIVEN),
        Change(5, "clip", "c", "delete", "", "", None, None, "7", "é#7", 7, "pending", 9, notes=""),
    ),
    (PastEvent(3, 5, None, {"action": "enqueue", "change_id": 2, "odd": [1.5, "\r\n", None]}),),
    *(7, 1, 3),
)


TWISTED = json.dumps({**BROUGHT.changes[0].as_state(), "change_id": "2"}).encode()


@pytest.fixture
def store(tmp_path: Path) -> GitStore:
    return GitStore.create(tmp_path / "r.git", bare=True)


def kept(store: GitStore, brought: Brought = BROUGHT, **files: bytes) -> str:
    objects = store.buffer()
    source = {"changes.json": b"[]\r\n\xff", "audit/v2/audit-1.jsonl": b""}
    tree = kept_queue.write_kept(objects, source, {2: kept_queue.payload_bytes({"b": 1, "a": [{}]})}, brought)
    editor = TreeEditor(objects, tree)
    for name, data in files.items():
        editor.put(name.replace("_", "."), objects.add("blob", data))
    oid = objects.add_commit(Commit(editor.write(), (), WHO, WHO, "source: x\n"))
    store.write(objects)
    return oid


def test_what_is_kept_is_read_as_it_was(store: GitStore) -> None:
    oid = kept(store)
    assert kept_queue.read_brought(store, oid) == BROUGHT
    assert kept_queue.read_source(store.buffer(), oid) == {
        "changes.json": b"[]\r\n\xff",
        "audit/v2/audit-1.jsonl": b"",
    }


def test_a_payload_keeps_the_order_of_its_keys(store: GitStore) -> None:
    assert json.loads(kept_queue.payload_bytes({"b": 1, "a": 2})) == {"b": 1, "a": 2}
    assert kept_queue.payload_bytes({"b": 1, "a": 2}).index(b"b") < kept_queue.payload_bytes({"b": 1, "a": 2}).index(
        b"a"
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        *[("numbers_json", data) for data in (b"", b"[]", b'{"format": 2}', b'{"format": 1, "last_change_id": -1}')],
        *[("changes_jsonl", data) for data in (b"x\n", b"[]\n", b'{"odd": 1}\n', TWISTED)],
        *[("events_jsonl", data) for data in (b"x\n", b"7\n", b'{"event_id": 1}\n')],
    ],
)
def test_what_is_not_readable_is_an_integrity_failure(name: str, data: bytes, store: GitStore) -> None:
    with pytest.raises(IntegrityFailure):
        kept_queue.read_brought(store, kept(store, **{name: data}))


def test_a_commit_that_keeps_no_queue_is_an_integrity_failure(store: GitStore) -> None:
    objects = store.buffer()
    objects.add("tree", b"")
    oid = objects.add_commit(Commit(TreeEditor(objects, None).write(), (), WHO, WHO, "x\n"))
    store.write(objects)
    with pytest.raises(IntegrityFailure):
        kept_queue.read_brought(store, oid)
    with pytest.raises(IntegrityFailure):
        kept_queue.read_source(store.buffer(), oid)
