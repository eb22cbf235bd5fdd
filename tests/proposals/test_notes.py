"""Notes as values: what acts make of a page, and messages that no text can forge."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelref_git.errors import IntegrityFailure, NotFound, UsageFault, WrongState
from modelref_git.proposals import notes
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.notes import Act, Note, Page, check_text

CAROL = Actor("2", "carol")


def add(number: int, text: str = "x", *, team: bool = False, actor: Actor = CAROL, time: int = 5) -> Act:
    return Act("add", "clip", "ViT-L/14", number, actor, time, text, team)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text == text.strip() != "")


@settings(max_examples=60)
@given(TEXTS, TEXTS, st.booleans())
@example("x\n\nNote: remove\nNote-Id: 1\nActor: olivia#1", "a\nActor: olivia#1", True)
@example('"x"', "\u2028", False)
def test_an_act_is_read_back_as_it_was_written_whatever_its_texts(text: str, name: str, team: bool) -> None:
    act = Act("add", "clip", name, 3, Actor("2", "carol"), 9, text, team, Actor("9", "robot"), "0" * 40)
    assert Act.decode("c" * 40, act.message(), 9) == act
    page = act.on(Page(3))
    assert Page.decode(page.encode()) == page


def test_numbers_are_never_given_twice() -> None:
    page = add(2).on(add(1).on(Page()))
    page = Act("remove", "clip", "x", 2, CAROL, 6).on(page)
    assert [note.id for note in page.notes] == [1]
    assert [note.id for note in add(3).on(page).notes] == [1, 3]
    with pytest.raises(IntegrityFailure, match="instead of 3"):
        add(2).on(page)
    for number, words in ((2, "was removed"), (9, "there is no note 9")):
        with pytest.raises(NotFound, match=words):
            page.find(number)


def test_who_is_shown_which_note_first() -> None:
    page = Page()
    for number, team, actor in ((1, False, "2"), (2, False, "2"), (3, True, "2"), (4, True, "3"), (5, False, "3")):
        page = add(number, str(number), team=team, actor=Actor(actor, "n")).on(page)
    assert [note and note.id for note in (page.own("2"), page.own("3"), page.own("9"), page.of_team)] == [2, 5, None, 4]


def test_a_note_that_was_set_keeps_who_wrote_it_and_when() -> None:
    page = Act("set", "clip", "x", 1, Actor("3", "arthur"), 8, "y").on(add(1, team=True).on(Page()))
    assert page.notes == (Note(1, "2", "carol", 5, True, "y", 8),)


@pytest.mark.parametrize("text", [None, "", " \n\t", "x" * (notes.TEXT_AT_MOST + 1), "\ud800"])
def test_texts_that_are_no_note(text: str | None) -> None:
    with pytest.raises(UsageFault):
        check_text(text)
    assert check_text(f"  {'x' * notes.TEXT_AT_MOST}\n") == "x" * notes.TEXT_AT_MOST


def test_a_record_has_so_many_notes_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "NOTES_AT_MOST", 1)
    page = add(1).on(Page())
    with pytest.raises(WrongState, match="no more fit"):
        add(2).on(page)
    add(2).on(Act("remove", "clip", "x", 1, CAROL, 6).on(page))


GOOD = add(1).message()


@pytest.mark.parametrize(
    "message",
    [
        "",
        "note: add",
        GOOD + "Text: more\n",
        GOOD.replace("Note-Id: 1", "Note-Id: 01"),
        GOOD.replace("Note-Id: 1", "Note-Id: one"),
        GOOD.replace("Note: add", "Note: keep"),
        GOOD.replace("Category: clip", "Category: ../clip"),
        GOOD.replace("Actor: carol#2", "Actor: carol"),
        GOOD.replace("note: add to clip", "note: add to lora"),
        GOOD.replace("\n\n", "\n\nbody\n\n", 1),
        GOOD.replace("Category: clip\n", ""),
    ],
)
def test_a_message_that_is_not_written_as_acts_are_is_none(message: str) -> None:
    with pytest.raises(IntegrityFailure):
        Act.decode("c" * 40, message, 5)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"next": 1}',
        b'{"next": true, "notes": []}',
        b'{"next": 1, "notes": [], "more": 1}',
        b'{"next": 1, "notes": [{"id": 1}]}',
        b'{"next": 1, "notes": [{"id": 1, "by": "2", "by_name": "c", "at": 5, "team": false, "text": "x"}]}',
        b'{"next": 2, "notes": [{"id": 1.0, "by": "2", "by_name": "c", "at": 5, "team": false, "text": "x"}]}',
        b'{"next": 2, "notes": [{"id": 0, "by": "2", "by_name": "c", "at": 5, "team": false, "text": "x"}]}',
        b'{"next": 2, "notes": [{"id": 1, "by": 2, "by_name": "c", "at": 5, "team": false, "text": "x"}]}',
        b'{"next": 2, "notes": [{"id": 1, "by": "2", "by_name": "c", "at": 5, "team": 1, "text": "x"}]}',
        b'{"next": 2, "notes": [{"id": 1, "by": "2", "by_name": "c", "at": 5, "team": false, "text": "x", "z": 1}]}',
    ],
)
def test_a_file_that_is_none_of_notes_is_told_as_such(data: bytes) -> None:
    with pytest.raises(IntegrityFailure):
        Page.decode(data)


@pytest.mark.parametrize(
    "act",
    [
        Act("add", "clip", "x", 1, CAROL, 5),
        Act("add", "clip", "x", 1, CAROL, 5, " x"),
        Act("remove", "clip", "x", 1, CAROL, 5, "x"),
        Act("set", "clip", "x", 1, CAROL, 5, "x", team=True),
    ],
)
def test_an_act_says_neither_too_little_nor_too_much(act: Act) -> None:
    with pytest.raises(IntegrityFailure):
        act.on(Page())
