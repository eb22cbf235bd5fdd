from __future__ import annotations

from typing import Any

import pytest

from modelref_git.errors import UsageFault
from modelref_git.pages.forms.acts import act
from modelref_git.pages.forms.posted import read
from modelref_git.pages.forms.typed import Blank

RECORD: dict[str, Any] = {"config": {"download": [{"n": 1}, {"n": 2}]}, "name": "x"}


def test_a_row_is_added_at_the_end_and_is_no_entry_until_it_is_filled_in() -> None:
    added = act(RECORD, "add", "/config/download")
    assert added["config"]["download"] == [{"n": 1}, {"n": 2}, {}]
    assert isinstance(added["config"]["download"][2], Blank)
    marks = [("k", "rows /rows"), ("k", "row /rows/0"), ("k", "text /rows/0/a"), ("f:/rows/0/a", "")]
    assert read(marks).record == {}
    assert read(marks, keep_blank=True).record == {"rows": [{}]}
    assert act({}, "add", "/config/download") == {"config": {"download": [{}]}}


def test_a_row_is_removed_and_the_list_with_its_last_one() -> None:
    once = act(RECORD, "drop", "/config/download/0")
    assert once["config"]["download"] == [{"n": 2}]
    assert act(once, "drop", "/config/download/0") == {"config": {}, "name": "x"}


def test_rows_change_places_up_to_the_ends_of_their_list() -> None:
    assert act(RECORD, "down", "/config/download/0")["config"]["download"] == [{"n": 2}, {"n": 1}]
    assert act(RECORD, "up", "/config/download/1")["config"]["download"] == [{"n": 2}, {"n": 1}]
    for word, path in (
        ("up", "/config/download/0"),
        ("down", "/config/download/1"),
        ("up", "/name"),
        ("drop", "/no/1"),
    ):
        with pytest.raises(UsageFault):
            act(RECORD, word, path)


@pytest.mark.parametrize(
    "mark",
    ["text", "text name", "text /a/b", "text ", "text /" + "a/" * 30, "TEXT /a", "text /~2"],
)
def test_marks_that_fit_no_form_are_refused(mark: str) -> None:
    with pytest.raises(UsageFault):
        read([("k", mark)])
    with pytest.raises(UsageFault):
        read([("k", "text /a"), ("k", "text /a")])
