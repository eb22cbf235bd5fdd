"""The state of the upstream service's queue, read: whole, broken, repeated, contradictory, and no such thing at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid, NotFound
from modelref_git.formats.upstream.files import looks_like_queue, read_files
from modelref_git.formats.upstream.queue import UpstreamQueue, read_queue
from tests.support.upstream import Row, Upstream, two_changes, without_nulls
from tests.support.world import clip


def files_of(made: Upstream, tmp_path: Path) -> dict[str, bytes]:
    return read_files(made.write(tmp_path / "service"))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    """The files of :func:`service`."""
    return files_of(two_changes(), tmp_path)


AUDIT = "audit/v2/pending_queue/audit-000001.jsonl"


def rules(found: UpstreamQueue) -> list[tuple[str, int | None, int | None]]:
    """What is refused: rule, change and event."""
    return [(fault.rule, fault.change_id, fault.event_id) for fault in found.faults]


def warned(found: UpstreamQueue) -> list[tuple[str, int | None, int | None]]:
    """What was settled."""
    return [(fault.rule, fault.change_id, fault.event_id) for fault in found.warnings]


def edited(files: dict[str, bytes], edit: Callable[[list[Row]], None]) -> dict[str, bytes]:
    """*files* with other records."""
    rows = json.loads(files["changes.json"])
    edit(rows)
    return {**files, "changes.json": json.dumps(rows, indent=1).encode()}


def test_a_whole_state_has_no_faults(files: dict[str, bytes]) -> None:
    found = read_queue(files)
    assert (found.faults, found.warnings) == ((), ())
    assert [item.change.change_id for item in found.changes] == [1, 2]
    assert [item.payload for item in found.changes] == [clip("a"), clip("b")]
    assert (found.last_change_id, found.last_batch_id, found.last_event_id) == (2, 1, 5)
    assert [event.action for event in found.events] == ["enqueue", "enqueue", "approve", "apply"]


def test_every_field_of_a_record_is_in_its_change(files: dict[str, bytes]) -> None:
    made = two_changes()
    for item in read_queue(files).changes:
        for name, value in made.records[item.change.change_id].items():
            if name not in ("payload", "related_models"):
                assert getattr(item.change, name) == value, name


def test_numbers_and_the_order_of_keys_stay_as_they_were(files: dict[str, bytes]) -> None:
    text = files["changes.json"].replace(b'"name": "b"', b'"zz": 1.50, "name": "b", "big": 1E5')
    payload = read_queue({**files, "changes.json": text}).changes[1].payload
    assert payload is not None
    assert list(payload)[:3] == ["zz", "name", "big"]
    assert [repr(payload[key]) for key in ("zz", "big")] == ["1.50", "1E5"]


def test_fields_that_nobody_knows_are_no_fault(files: dict[str, bytes]) -> None:
    found = read_queue(edited(files, lambda rows: rows[0].update(new_in_2027={"x": 1})))
    assert (found.faults, found.warnings) == ((), ())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("change_id", value) for value in (0, -1, True, "1", 1.0, 2**60, None)],
        *[("status", value) for value in ("held", "", None, ["pending"], {})],
        *[("operation", value) for value in ("upsert", None, [])],
        *[("category", value) for value in ("", " ", "policy", None, 7)],
        *[("model_name", value) for value in (None, 7, {})],
        *[("requested_by", value) for value in ("", " 7", "a#7", None, 7)],
        *[("requested_at", value) for value in (-1, "now", None, True, 1.5)],
        *[("updated_at", value) for value in (None, [])],
        *[("payload", value) for value in ("x", [], 3)],
        *[("batch_id", value) for value in (0, "1", False)],
        *[("approved_by", 7), ("applied_job_id", 7), ("notes", []), ("batch_title", {}), ("reject_reason", 0)],
        *[("related_models", [1]), ("related_models", "x"), ("request_metadata", [])],
    ],
)
def test_a_record_that_does_not_validate_is_refused_and_the_others_are_not(
    field: str, value: Any, files: dict[str, bytes]
) -> None:
    found = read_queue(edited(files, lambda rows: rows[1].update({field: value})))
    assert [item.change.change_id for item in found.changes] == [1]
    (fault,) = found.faults
    assert (fault.rule, fault.path) == ("queue.record", f"/1/{field}")
    assert field in fault.message
    assert fault.line is not None
    assert files["changes.json"].decode().count("\n", 0, 1) == 0


def test_all_faults_of_all_records_are_told_with_their_lines(files: dict[str, bytes]) -> None:
    def spoil(rows: list[Row]) -> None:
        rows[0].update(status="?", updated_at=None)
        rows[1].pop("model_name")
        rows.append("what is this?")  # type: ignore[arg-type]

    broken = edited(files, spoil)
    found = read_queue(broken)
    assert [(fault.change_id, fault.path) for fault in found.faults] == [
        *[(1, "/0/status"), (1, "/0/updated_at")],
        *[(2, "/1/model_name"), (None, "/2")],
    ]
    lines = broken["changes.json"].decode().split("\n")
    assert [fault.line for fault in found.faults][2] == lines.index(" {", 3) + 1
    assert found.faults[3].name == f"changes.json:{len(lines) - 1}"


def test_a_change_id_that_stands_twice(files: dict[str, bytes]) -> None:
    same = read_queue(edited(files, lambda rows: rows.append(dict(rows[0]))))
    assert len(same.changes) == 2
    assert warned(same) == [("queue.record_repeated", 1, None)]
    other = read_queue(edited(files, lambda rows: rows.extend([{**rows[0], "status": "rejected"}, dict(rows[0])])))
    assert [item.change.change_id for item in other.changes] == [2]
    assert rules(other) == [("queue.change_repeated", 1, None)] * 2
    assert other.last_change_id == 2


@pytest.mark.parametrize("data", [b"", b"[", b"{}", b"null", b"7", b"\xff\xfe", b"[1,]", b'[{"a":1,"a":2}]'])
def test_changes_that_are_no_list_are_refused_as_a_whole(data: bytes, files: dict[str, bytes]) -> None:
    with pytest.raises(Invalid):
        read_queue({**files, "changes.json": data})


def test_a_file_that_was_cut_off_anywhere_is_refused_or_read(files: dict[str, bytes]) -> None:
    whole = files["changes.json"]
    for end in range(0, len(whole), 37):
        with pytest.raises(Invalid):
            read_queue({**files, "changes.json": whole[:end]})
    lines = files[AUDIT]
    for end in range(0, len(lines), 23):
        found = read_queue({**files, AUDIT: lines[:end]})
        cut = lines[:end].rpartition(b"\n")[2].strip()
        assert len(found.faults) <= 1
        assert bool(found.faults) == (cut != b"" and not lines[:end].endswith(b"}"))
        assert len(found.changes) == 2


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        ({"event_id": None}, "/event_id"),
        ({"event_id": 0}, "/event_id"),
        ({"event_id": "1"}, "/event_id"),
        ({"timestamp": None}, "/timestamp"),
        ({"timestamp": -1}, "/timestamp"),
        ({"category": None}, "/category"),
        ({"logical_user_id": 7}, "/logical_user_id"),
        ({"logical_user_id": "a#7"}, "/logical_user_id"),
        ({"payload": None}, "/payload"),
        ({"payload": {"before": {}}}, "/payload"),
        ({"payload": {"after": {"change_id": 1}}}, "/payload/after/action"),
        ({"payload": {"after": {"action": "enqueue"}}}, "/payload/after/change_id"),
        ({"payload": {"after": {"action": "apply", "change_id": "1"}}}, "/payload/after/change_id"),
        ({"payload": {"after": {"action": "apply", "change_id": 1, "job_id": 7}}}, "/payload/after/job_id"),
        (
            {"payload": {"after": {"action": "batch_split", "original_batch_id": 1, "new_batch_id": 2}}},
            None,
        ),
        ({"payload": {"after": {"action": "batch_split", "original_batch_id": 1}}}, "/payload/after/new_batch_id"),
        (
            {
                "payload": {
                    "after": {
                        "action": "batch_split",
                        "original_batch_id": 1,
                        "new_batch_id": 2,
                        "reassigned_change_ids": [0],
                    }
                }
            },
            "/payload/after/reassigned_change_ids",
        ),
    ],
)
def test_a_line_that_does_not_validate_is_refused_and_the_others_are_not(
    edit: Row, path: str | None, files: dict[str, bytes]
) -> None:
    lines = files[AUDIT].splitlines(keepends=True)
    row = json.loads(lines[1]) | edit
    lines[1] = json.dumps(without_nulls(row)).encode() + b"\n"
    found = read_queue({**files, AUDIT: b"".join(lines)})
    assert [fault.path for fault in found.faults] == ([path] if path else [])
    assert len(found.events) == (3 if path else 4)
    if path:
        assert (found.faults[0].file, found.faults[0].line) == (AUDIT, 2)


def test_lines_of_records_count_for_their_numbers_alone(files: dict[str, bytes]) -> None:
    """An update that adds a field has no ``old``, which the service itself cannot read back."""
    line = {"event_id": 41, "timestamp": 5, "category": "clip", "payload": {"delta": {"x": {"new": 1}}}}
    found = read_queue({**files, "audit/v2/clip/audit-000002.jsonl": json.dumps(line).encode()})
    assert (found.faults, found.last_event_id, len(found.events)) == ((), 41, 4)
    assert warned(found) == [("queue.counter", None, None)]


def test_a_line_that_stands_twice_is_one_event(files: dict[str, bytes]) -> None:
    found = read_queue({**files, AUDIT: files[AUDIT] + files[AUDIT].splitlines(keepends=True)[0]})
    assert (len(found.events), found.faults) == (4, ())
    assert warned(found) == [("queue.line_repeated", None, 1)]


def test_events_of_one_id_are_all_taken_and_time_orders_them(tmp_path: Path) -> None:
    """As several processes, or a counter that began anew, leave them."""
    made = two_changes()
    made.last_event = 0
    number = made.enqueue("create", "clip", "c", clip("c"))
    made.review([number])
    found = read_queue(files_of(made, tmp_path))
    assert found.faults == ()
    assert [event.event_id for event in found.events] == [1, 2, 3, 5, 1, 2]
    assert [event.time for event in found.events] == sorted(event.time for event in found.events)
    assert warned(found)[:2] == [("queue.event_repeated", None, 1), ("queue.event_repeated", None, 2)]
    assert found.last_event_id == 5


def test_an_unknown_action_is_kept_and_told(files: dict[str, bytes]) -> None:
    line = {"event_id": 6, "timestamp": 5, "category": "pending_queue", "payload": {"after": {"action": "praise"}}}
    found = read_queue({**files, AUDIT: files[AUDIT] + json.dumps(line).encode()})
    assert found.events[-1].action == "praise"
    assert ("queue.action", None, 6) in warned(found)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b'{"last_change_id": "x"}', b'{"last_change_id": -1}'])
def test_a_counter_that_cannot_be_read_is_found_anew(data: bytes, files: dict[str, bytes]) -> None:
    found = read_queue({**files, "index.json": data})
    assert (found.last_change_id, found.last_batch_id, found.faults) == (2, 1, ())
    assert [fault.rule for fault in found.warnings] == ["queue.index"]


def test_a_counter_below_what_is_in_use_goes_on_from_there(files: dict[str, bytes]) -> None:
    counters = b'{"last_change_id": 1, "last_batch_id": 9}'
    found = read_queue({**files, "index.json": counters, "audit/index.json": b'{"last_event_id": 3}'})
    assert (found.last_change_id, found.last_batch_id, found.last_event_id) == (2, 9, 5)
    assert [fault.path for fault in found.warnings] == ["/last_change_id", "/last_event_id"]


def test_a_record_that_is_refused_has_used_its_number_up(files: dict[str, bytes]) -> None:
    found = read_queue(edited(files, lambda rows: rows.append({**rows[0], "change_id": 9, "status": "?"})))
    assert (found.last_change_id, [fault.change_id for fault in found.faults]) == (9, [9])


def test_where_audit_and_records_differ_the_records_count(tmp_path: Path) -> None:
    made = two_changes()
    made.enqueue("create", "clip", "lost", clip("lost"))
    del made.records[3]  # never saved by the process that answered
    made.records[2]["status"] = "rejected"
    made.records[2] |= {"rejected_by": "90", "rejected_username": "ann#90", "rejected_at": 5}
    made.records[7] = {**made.records[1], "change_id": 7}
    found = read_queue(files_of(made, tmp_path))
    assert found.faults == ()
    assert warned(found) == [
        ("queue.counter", None, None),
        ("queue.contradiction", 2, None),
        ("queue.lost", 3, None),
        ("queue.contradiction", 7, None),
    ]
    assert [item.change.status for item in found.changes] == ["applied", "rejected", "applied"]


def test_without_an_audit_that_is_said_once(tmp_path: Path) -> None:
    made = two_changes()
    made.lines.clear()
    assert [fault.rule for fault in read_queue(files_of(made, tmp_path)).warnings] == ["queue.no_audit"]


def test_what_contradicts_a_status_is_left_out_and_told(files: dict[str, bytes]) -> None:
    found = read_queue(edited(files, lambda rows: rows[1].update(batch_id=1, applied_at=7)))
    change = found.changes[1].change
    assert (change.status, change.batch_id, change.applied_at) == ("pending", None, None)
    assert warned(found) == [("queue.contradiction", 2, None)]
    assert "batch_id, applied_at" in found.warnings[0].message


@pytest.mark.parametrize("field", ["batch_id", "approved_by", "approved_at"])
def test_an_approval_that_is_not_whole_is_none(field: str, tmp_path: Path) -> None:
    made = two_changes()
    made.review([2])
    made.records[2][field] = None
    found = read_queue(files_of(made, tmp_path))
    assert found.changes[1].change.status == "pending"
    assert ("queue.contradiction", 2, None) in warned(found)


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_our_own_errors(changes: bytes, index: bytes, lines: bytes) -> None:
    for data in (changes, b"[" + changes + b"]", b"[]"):
        with contextlib.suppress(Invalid):
            read_queue({"changes.json": data, "index.json": index, "a/audit-1.jsonl": lines})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.text(max_size=3) | st.sampled_from(["pending", "applied"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["action", "after", "x"]), inner),
    max_leaves=5,
)
IN_RECORDS = ["change_id", "status", "operation", "batch_id", "approved_by", "payload", "model_name"]
IN_LINES = ["event_id", "timestamp", "category", "payload", "logical_user_id"]


def dictionaries(names: list[str]) -> st.SearchStrategy[list[Row]]:
    return st.lists(st.dictionaries(st.sampled_from(names), VALUES), max_size=4)


@given(dictionaries(IN_RECORDS), dictionaries(IN_LINES))
def test_whatever_stands_there_is_taken_or_told_and_never_dropped(records: list[Row], lines: list[Row]) -> None:
    base = two_changes()
    rows = [{**base.records[1], **record} for record in records]
    texts = "".join(json.dumps({**base.lines[0], **line}) + "\n" for line in lines)
    found = read_queue({"changes.json": json.dumps(rows).encode(), "audit-1.jsonl": texts.encode()})
    told = {fault.path.split("/")[1] for fault in (*found.faults, *found.warnings) if fault.path.startswith("/")}
    known = {item.change.change_id for item in found.changes} | {fault.change_id for fault in found.faults}
    for place, row in enumerate(rows):
        assert str(place) in told or row["change_id"] in known
    assert {item.change.status for item in found.changes} <= {"pending", "approved", "applied", "rejected"}
    refused = {fault.line for fault in found.faults if fault.file == "audit-1.jsonl"}
    twice = [fault for fault in found.warnings if fault.rule == "queue.line_repeated"]
    of_records = [row for row in lines if row.get("category", "pending_queue") != "pending_queue"]
    assert len(found.events) + len(refused) + len(twice) + len(of_records) >= len(lines)
    assert len(found.events) + len(refused) + len(twice) <= len(lines)


# --- which files ------------------------------------------------------------------------------------------------------


def test_a_folder_with_a_list_of_changes_is_a_queue(tmp_path: Path) -> None:
    place = two_changes().write(tmp_path / "service")
    assert looks_like_queue(place)
    assert looks_like_queue(place / "changes.json")
    assert not looks_like_queue(tmp_path)
    assert not looks_like_queue(tmp_path / "nothing")
    (place / "changes.json").write_text('{"a": 1}')
    assert not looks_like_queue(place)
    (place / "other.json").write_text("[]")
    assert not looks_like_queue(place / "other.json")


def test_only_the_files_of_a_queue_are_read(tmp_path: Path) -> None:
    place = two_changes().write(tmp_path / "service")
    (place / ".hidden").mkdir()
    for name in (".hidden/audit-1.jsonl", "notes.json", "audit/v2/clip/index.json", "audit/readme.md"):
        (place / name).write_text("{}")
    (place / "web").mkdir()
    (place / "web" / "index.json").write_text("{}")
    assert sorted(read_files(place)) == [
        "audit/index.json",
        "audit/v2/clip/audit-000001.jsonl",
        "audit/v2/clip/index.json",
        AUDIT,
        "changes.json",
        "index.json",
    ]


def test_a_file_of_changes_brings_what_stands_beside_it(tmp_path: Path) -> None:
    place = two_changes().write(tmp_path / "service")
    expected = read_files(place)
    (place / "changes.json").rename(place / "saved.json")
    assert read_files(place / "saved.json") == expected


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="import source"):
        read_files(tmp_path)
    place = two_changes().write(tmp_path / "service")
    odd = place / "back\\slash"
    odd.mkdir()
    (odd / "audit-1.jsonl").write_text("")
    with pytest.raises(Invalid):
        read_files(place)
    if os.geteuid():
        odd.rename(place / "fine")
        (place / "fine" / "audit-1.jsonl").chmod(0)
        with pytest.raises(Invalid, match="cannot be read"):
            read_files(place)
