"""Notes on the page of a record."""

from __future__ import annotations

import pytest

from modelref_git.operations.notes import note_list, note_set
from tests.support.http import wire
from tests.support.pages import Pages, signed_in
from tests.support.world import ARTHUR, CAROL, World

NAME = "ViT-L/14"
RECORD = f"/ui/record?category=clip&name={NAME}"
PLACE = {"category": "clip", "name": NAME}


def seen(visitor: Pages, number: int) -> str:
    """What the form of a note says that was seen."""
    form = visitor.get(RECORD).text.partition(f'name="id" value="{number}">')[2]
    return form.partition('name="seen" value="')[2].partition('"')[0]


@pytest.mark.long
def test_members_write_change_and_remove_notes_and_nobody_else_sees_them(world: World) -> None:
    with wire(world) as http:
        carol, arthur, nina, nobody = (
            signed_in(http, "carol"),
            signed_in(http, "arthur"),
            signed_in(http, "nina"),
            Pages(http),
        )
        done = carol.post("/ui/notes/add", {**PLACE, "text": "See <b>here</b>.\r\nTwice.", "team": "yes"})
        assert (done.status_code, done.headers["location"].endswith("#notes")) == (303, True)
        page = arthur.get(RECORD).text
        assert "See &lt;b&gt;here&lt;/b&gt;.\nTwice." in page
        assert "here" not in nina.get(RECORD).text + nobody.get(RECORD).text
        mark = seen(arthur, 1)
        assert arthur.post("/ui/notes/set", {**PLACE, "id": 1, "seen": mark, "text": "Better."}).status_code == 303
        late = carol.post("/ui/notes/set", {**PLACE, "id": 1, "seen": "7", "text": "Mine <i>"})
        assert late.status_code == 409
        assert "Better." in late.text
        assert "Mine &lt;i&gt;" in late.text
        assert "was changed since you loaded the page" in late.text
        blank = carol.post("/ui/notes/add", {**PLACE, "text": "  "})
        assert blank.status_code == 422
        assert "to mend" in blank.text
        for visitor, status in ((nina, 403), (nobody, 303)):
            assert visitor.post("/ui/notes/add", {**PLACE, "text": "x"}).status_code == status
        assert carol.post("/ui/notes/remove", {**PLACE, "id": 1, "seen": seen(carol, 1)}).status_code == 303
        assert note_list(world.context(CAROL), "clip", NAME) == []
    with wire(world, read_only=True) as http:
        assert "Add the note" not in signed_in(http, "carol").get(RECORD).text


@pytest.mark.long
def test_nobody_is_offered_to_change_the_note_of_another(world: World) -> None:
    with wire(world) as http:
        carol, arthur = signed_in(http, "carol"), signed_in(http, "arthur")
        carol.post("/ui/notes/add", {**PLACE, "text": "Carol's own."})
        assert "Change or remove" in carol.get(RECORD).text
        assert "Change or remove" not in arthur.get(RECORD).text
        mark = seen(carol, 1)
        assert arthur.post("/ui/notes/remove", {**PLACE, "id": 1, "seen": mark}).status_code == 403
        assert carol.post("/ui/notes/set", {**PLACE, "id": 9, "seen": mark, "text": "x"}).status_code == 404
        assert carol.post("/ui/notes/set", {**PLACE, "id": "x", "seen": mark, "text": "x"}).status_code == 422
    note_set(world.context(CAROL), "clip", NAME, 1, "Changed.")
    assert note_list(world.context(ARTHUR), "clip", NAME)[0]["text"] == "Changed."
