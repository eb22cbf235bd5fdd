from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.http import wire
from tests.support.page_forms import buttons_in, form_in
from tests.support.pages import ORIGIN, Pages, signed_in, text_of
from tests.support.world import World, clip

IMPORT = "/ui/propose/import"
MARKUP = "<script>alert(1)</script>"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "world")


def looked_at(pages: Pages, value: Any, **more: str) -> Any:
    text = value if isinstance(value, str) else json.dumps(value)
    return pages.post(IMPORT, {"text": text, "act": "preview", "category": "clip", **more})


@pytest.mark.long
def test_records_of_a_file_are_shown_as_what_they_would_become_and_proposed_all_at_once(world: World) -> None:
    live = world.run("get", "clip", "ViT-L/14").ok().json
    with wire(world) as http:
        carol = signed_in(http, "carol")
        values = [
            clip("new/one"),
            {**live, "description": "Changed"},
            world.run("get", "clip", "coca_ViT-L-14").ok().json,
        ]
        shown = looked_at(carol, values)
        assert shown.status_code == 200
        said = text_of(shown.text)
        assert "create 1" in said
        assert "update 1" in said
        assert "unchanged 1" in said
        rows = [
            ("note", "From a file.") if name == "note" else (name, value) for name, value in form_in(shown.text, IMPORT)
        ]
        done = carol.post(IMPORT, [*rows, ("act", "propose")])
        assert done.headers["location"] == "/ui/propose"
        again = carol.post(IMPORT, [*rows, ("act", "propose")])
        assert again.status_code == 303
        assert "Changes 3 to 4 are proposed" in text_of(carol.get("/ui/propose").text)
    assert world.run("changes").ok().json["total"] == 4
    assert world.run("show", "3").ok().json["notes"] == "From a file."


@pytest.mark.long
def test_one_bad_record_keeps_all_from_being_proposed_and_says_why(world: World) -> None:
    with wire(world) as http:
        carol = signed_in(http, "carol")
        shown = looked_at(carol, [clip("good"), {"name": MARKUP, "config": 1}, {"x": MARKUP}])
        assert "propose" not in buttons_in(shown.text)
        assert MARKUP not in shown.text
        assert "error 2" in text_of(shown.text)
        forced = carol.post(IMPORT, [*form_in(shown.text, IMPORT), ("act", "propose")])
        assert forced.status_code == 422
    assert world.run("changes").ok().json["total"] == 2


@pytest.mark.long
def test_what_is_no_longer_as_it_was_shown_is_shown_again(world: World) -> None:
    with wire(world) as http:
        carol = signed_in(http, "carol")
        shown = looked_at(carol, [clip("new")])
        world.apply(world.approve(world.create("clip", "new", clip("new", description="By others."))))
        late = carol.post(IMPORT, [*form_in(shown.text, IMPORT), ("act", "propose")])
        assert late.status_code == 409
        assert "update 1" in text_of(late.text)
    assert world.run("changes").ok().json["total"] == 3


@pytest.mark.long
def test_a_file_comes_as_a_file_too_and_what_is_none_is_refused(world: World) -> None:
    with wire(world) as http:
        carol = signed_in(http, "carol")

        def send(data: bytes) -> Any:
            fields: list[tuple[str, Any]] = [("act", (None, b"preview")), ("category", (None, b"clip"))]
            fields += [("csrf", (None, carol.csrf().encode())), ("file", ("a.jsonl", data, "text/plain"))]
            http.client.cookies.clear()
            return http.ask("POST", IMPORT, None, {"origin": ORIGIN, "cookie": carol.cookie}, files=fields)

        good = send(f"{json.dumps(clip('a'))}\n{json.dumps(clip('b'))}\n".encode())
        assert "create 2" in text_of(good.text)
        for data in (b"\xff\x00", b"{", b"[1]", b" " * 1_000_001):
            answer = send(data)
            assert answer.status_code == (200 if data == b"[1]" else 422)
            assert "propose" not in buttons_in(answer.text)
