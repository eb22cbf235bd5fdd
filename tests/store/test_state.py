from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import IntegrityFailure
from modelref_git.operations.propose import propose_bulk, read_bulk_line
from modelref_git.proposals.header import APPLIED, APPROVED, OPEN, PENDING, REJECTED, Header
from modelref_git.proposals.queue import Batch, Change
from modelref_git.store import layout
from modelref_git.store.objects import ObjectBuffer
from modelref_git.store.state import StoredQueue, folder_of, open_refs, state_files
from modelref_git.store.trees import read_tree
from tests.crash.checks import check_fold
from tests.support.world import ARTHUR, CAROL, World

OID = "1" * 40
STATUSES = (PENDING, APPROVED, APPLIED, REJECTED)


def nothing_stored(oid: str) -> tuple[str, bytes]:
    raise AssertionError(f"{oid} was never held")


def change(number: int, name: str = "x", status: str = PENDING, **more: object) -> Change:
    made = Change(number, "clip", name, "create", OID, OID, None, OID, "1", "a#1", 7, status, 7)
    return replace(made, **more)  # type: ignore[arg-type] # the fields of a change


def reopened(objects: ObjectBuffer, queue: StoredQueue) -> StoredQueue:
    return StoredQueue(objects, queue.write())


@pytest.fixture
def objects() -> ObjectBuffer:
    return ObjectBuffer(nothing_stored)


@given(
    st.lists(
        st.tuples(st.integers(1, 8), st.sampled_from(["Ä", "a\u0308", "b", "B"]), st.sampled_from(STATUSES)),
        max_size=20,
    ),
    st.booleans(),
)
def test_changes_and_their_index_are_what_was_put_last(moves: list[tuple[int, str, str]], reopen: bool) -> None:
    objects = ObjectBuffer(nothing_stored)
    queue = StoredQueue(objects, None)
    model: dict[int, Change] = {}
    for number, name, status in moves:
        before = model.get(number)
        model[number] = change(number, before.model_name if before else name, status)
        queue.put_change(model[number], before)
        if reopen:
            queue = reopened(objects, queue)
    for folder in ("pending", "approved", "closed"):
        ids = [number for number in sorted(model) if folder_of(model[number].status) == folder]
        assert list(queue.change_ids(folder)) == ids
    for number in range(1, 9):
        assert queue.change(number) == model.get(number)
    for names in (("Ä", "a\u0308"), ("b", "B")):
        wanted = tuple(n for n, item in sorted(model.items()) if item.model_name in names and item.status in OPEN)
        for name in names:
            assert queue.open_changes("clip", name) == wanted
            assert queue.open_changes("blip", name) == ()
    tree = queue.write()
    assert not any(path.startswith("open/") for path in state_files(objects, tree)) or any(
        item.is_open for item in model.values()
    )


def test_the_order_of_history_does_not_show_in_the_state(objects: ObjectBuffer) -> None:
    """The state is a function of what is so, not of the way there."""
    direct, detour = StoredQueue(objects, None), StoredQueue(objects, None)
    direct.put_change(change(1, status=APPLIED), None)
    pending = change(1)
    detour.put_change(pending, None)
    detour = reopened(objects, detour)
    detour.put_change(change(1, status=APPROVED), pending)
    detour.put_change(change(1, status=APPLIED), change(1, status=APPROVED))
    assert direct.write() == detour.write()


def test_a_change_a_batch_a_job_and_the_header_read_back_as_they_were(objects: ObjectBuffer) -> None:
    queue = StoredQueue(objects, None)
    full = change(
        12_345,
        'na"me\n\u2028😀',
        REJECTED,
        notes="",
        batch_id=3,
        batch_title="t",
        rejected_by="2",
        rejected_username="b#2",
        rejected_at=9,
        reject_reason="no",
        base_blob=OID,
        blob=None,
        waived=("name.whitespace", "name.url"),
    )
    queue.put_change(full, None)
    batch = Batch(3, "t", "open", (1, 12_345), (7,), (OID, "2" * 40), "1", "a#1", 5, None, None, 9)
    queue.put_batch(batch)
    queue.put_job("job/../1", 3, (1, 2))
    queue.put_job("job/../1", 4, ())
    queue.put_intake("intake/../1", (1, 2))
    queue.put_intake("intake/../1", (5,))
    queue.header = Header(1, OID, "2" * 40, 9, 12_345, 3, 3, {REJECTED: 1})
    again = reopened(objects, queue)
    assert again.change(12_345) == full
    assert again.batch(3) == batch
    assert again.batch(4) is None
    assert again.job("job/../1") == [(3, (1, 2)), (4, ())]
    assert again.job("another") == []
    assert again.intake("intake/../1") == (1, 2, 5)
    assert again.intake("another") == ()
    assert again.header == replace(queue.header, counts={PENDING: 0, APPROVED: 0, APPLIED: 0, REJECTED: 1})
    assert list(again.batch_ids()) == [3]


@given(st.text(), st.text())
def test_any_text_of_a_persons_is_kept(name: str, note: str) -> None:
    """Lone surrogates too: a shell hands over bytes that are no UTF-8 as such."""
    objects = ObjectBuffer(nothing_stored)
    queue = StoredQueue(objects, None)
    queue.put_change(change(1, "x", notes=note, requested_username=f"{name}#1"), None)
    again = reopened(objects, queue).change(1)
    assert again == change(1, "x", notes=note, requested_username=f"{name}#1")


def test_nulls_are_left_out_of_the_files(objects: ObjectBuffer) -> None:
    queue = StoredQueue(objects, None)
    queue.put_change(change(1), None)
    files = state_files(objects, queue.write())
    row = json.loads(objects.read_blob(files["changes/pending/0/00/00/1.json"]))
    assert None not in row.values()
    assert "base_blob" not in row
    assert "waived" not in row


def widths(objects: ObjectBuffer, tree: str) -> Iterable[int]:
    entries = read_tree(objects, tree).entries
    yield len(entries)
    for entry in entries.values():
        if entry.is_folder:
            yield from widths(objects, entry.oid)


def test_folders_stay_small_however_many_changes_there_are(objects: ObjectBuffer) -> None:
    queue = StoredQueue(objects, None)
    for number in range(1, 12_001):
        queue.put_change(change(number, f"name {number}", REJECTED if number % 3 else PENDING), None)
        queue.put_batch(Batch(number, "t", "open"))
        queue.put_job(f"job {number}", number, ())
    tree = queue.write()
    assert max(widths(objects, tree)) <= 100


def test_an_event_writes_as_much_with_ten_thousand_closed_changes_as_with_none() -> None:
    def cost(closed: int) -> int:
        objects = ObjectBuffer(nothing_stored)
        queue = StoredQueue(objects, None)
        for number in range(1, closed + 1):
            queue.put_change(change(number, f"name {number}", REJECTED), None)
        queue = reopened(objects, queue)
        before = sum(len(payload) for _, _, payload in objects.objects())
        queue.put_change(change(closed + 1, "new"), None)
        queue.write()
        return sum(len(payload) for _, _, payload in objects.objects()) - before

    assert cost(10_000) < 3 * cost(10)


def test_an_odd_tree_is_no_state(objects: ObjectBuffer) -> None:
    queue = StoredQueue(objects, None)
    tree = queue.write()
    row = json.loads(objects.read_blob(state_files(objects, tree)["state.json"]))
    assert row["format"] == 1

    def with_header(data: bytes) -> str:
        blob = objects.add("blob", data)
        return objects.add("tree", b"100644 state.json\0" + bytes.fromhex(blob))

    with pytest.raises(IntegrityFailure, match="no header"):
        StoredQueue(objects, objects.add("tree", b"100644 other\0" + b"\1" * 20))
    with pytest.raises(IntegrityFailure, match="format 2") as caught:
        StoredQueue(objects, with_header(json.dumps({**row, "format": 2, "unheard_of": 1}).encode()))
    assert "version" in (caught.value.hint or "")
    for data in (b"{", b"[]", b"\xff"):
        with pytest.raises(IntegrityFailure):
            StoredQueue(objects, with_header(data))


def test_branches_that_a_state_asks_for_are_those_of_open_changes_and_of_open_batches(objects: ObjectBuffer) -> None:
    queue = StoredQueue(objects, None)
    assert open_refs(objects, None) == {}
    for number, status in enumerate(STATUSES, 1):
        batch_id = {APPROVED: 2, APPLIED: 1}.get(status)
        queue.put_change(change(number, str(number), status, commit=f"{number:040x}", batch_id=batch_id), None)
    queue.put_change(change(9, "modelref.toml", APPROVED, commit=f"{9:040x}", batch_id=3), None)
    queue.put_batch(Batch(1, "old", "applied", (3,), merges=("a" * 40,)))
    queue.put_batch(Batch(2, "new", "open", (2,), merges=("b" * 40, "c" * 40)))
    queue.put_batch(Batch(3, "a member", "open", (9,), merges=("d" * 40,)))
    queue.header = replace(queue.header, open_batch=2)
    assert open_refs(objects, queue.write()) == {
        layout.proposal_ref(1): f"{1:040x}",
        layout.proposal_ref(2): f"{2:040x}",
        layout.proposal_ref(9): f"{9:040x}",
        layout.batch_ref(2): "c" * 40,
        layout.batch_ref(3): "d" * 40,
    }


def test_the_state_in_a_real_repository_is_the_fold_of_its_events_and_stock_git_shows_it(tmp_path: Path) -> None:
    world = World.make(tmp_path / "r.git", bare=True, empty=True)
    world.add_category("thing")
    rows = [
        {"operation": "create", "category": "thing", "model_name": f"m {n}", "payload": {"n": n}, "note": "a\nb: c"}
        for n in range(205)
    ]
    rows.append({"operation": "create", "category": "thing", "model_name": "x//y ", "payload": {"name": "z"}})
    lines = [read_bulk_line(number, row, ("*",)) for number, row in enumerate(rows, 1)]
    ids = propose_bulk(world.context(CAROL), lines).change_ids
    batch = world.approve(*ids[:200], title='a "title"\nwith two lines')
    world.run("reject", str(ids[0]), str(ids[-1]), "--reason", "Merge: 0\n\nEvent: apply", actor=ARTHUR).ok()
    world.apply(batch, job_id="job")
    check_fold(world.store)
    assert world.git("show", "queue:state.json").startswith('{\n  "format": 1,')
    shown = json.loads(world.git("show", f"queue:{layout.numbered_path('changes/closed', ids[-1])}"))
    assert shown["waived"] == ["name.whitespace", "name.empty_part", "name.key_mismatch"]
