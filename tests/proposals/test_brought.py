from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import IntegrityFailure
from modelref_git.proposals.brought import Brought, PastEvent, payload_faults

SPLIT = {"action": "batch_split", "original_batch_id": 4, "new_batch_id": 5, "reassigned_change_ids": [2, 3]}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
MEMBERS = ["action", "change_id", "batch_id", "original_batch_id", "new_batch_id", "reassigned_change_ids", "reason"]


def test_a_split_speaks_of_both_batches_and_of_all_that_it_moved() -> None:
    event = PastEvent(9, 5, "90", SPLIT)
    assert event.batch_ids == (4, 5)
    assert list(event.about()) == [(None, 4), (None, 5), (2, 5), (3, 5)]


def test_any_other_event_speaks_of_its_change_and_batch() -> None:
    assert list(PastEvent(1, 5, None, {"action": "apply", "change_id": 2, "batch_id": 4}).about()) == [(2, 4)]
    assert list(PastEvent(1, 5, None, {"action": "reject", "change_id": 2}).about()) == [(2, None)]


@given(st.dictionaries(st.sampled_from(MEMBERS), VALUES | st.sampled_from(["enqueue", "batch_split"])))
def test_an_event_with_a_good_payload_is_read_as_it_was_written_and_no_other(said: dict[str, Any]) -> None:
    event = PastEvent(1, 0, None, said)
    if list(payload_faults(said)):
        with pytest.raises(IntegrityFailure):
            PastEvent.from_row(event.as_row())
    else:
        assert PastEvent.from_row(event.as_row()) == event
        assert list(event.about())


@pytest.mark.parametrize(
    "edit", [{"event_id": 0}, {"event_id": True}, {"timestamp": -1}, {"actor": 7}, {"payload": []}]
)
def test_a_row_that_is_no_event_is_refused(edit: dict[str, Any]) -> None:
    with pytest.raises(IntegrityFailure):
        PastEvent.from_row({**PastEvent(1, 5, "7", SPLIT).as_row(), **edit})


def test_what_is_skipped_is_what_nothing_names() -> None:
    found = Brought((), (PastEvent(9, 5, "90", SPLIT),), last_change_id=3, last_batch_id=6, last_event_id=9)
    assert found.skipped_changes == ((1, 3),)
    assert found.skipped_batches == ((1, 3), (6, 6))
    assert found.skipped_events(2) == ((3, 9),)
    assert found.skipped_events(9) == found.skipped_events(12) == ()
