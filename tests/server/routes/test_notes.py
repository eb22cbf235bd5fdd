"""Notes over HTTP: for members alone, each their own, and never kept where others could come upon them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelref_git.server.catalogue import stable_id
from modelref_git.server.wire.models import ModelDetails
from modelref_git.server.wire.notes import NoteAct, NoteAnswer, NoteEntry
from tests.support.http import V2, Wire, wire
from tests.support.world import World

NAME = "ViT-L/14"
NOTES = f"{V2}/clip/notes"
MODEL = stable_id("clip", NAME)


@dataclass(frozen=True, slots=True)
class Desk:
    """The notes on one record, as a client asks for them."""

    http: Wire
    name: str = NAME

    def ask(self, method: str, path: str = "", who: str | None = "carol", **more: Any) -> Any:
        return self.http.ask(method, f"{NOTES}{path}", who, params={"name": self.name}, **more)

    def write(self, text: str, who: str | None = "carol", **more: Any) -> Any:
        return self.ask("POST", who=who, json={"text": text, **more})


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with wire(World.make(tmp_path / "w")) as http:
        yield Desk(http)


def texts(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [NoteEntry.model_validate(row).text for row in answer.json()]


def test_a_member_writes_reads_changes_and_removes_notes(desk: Desk) -> None:
    assert texts(desk.ask("GET")) == []
    made = desk.write("  two\nlines ")
    assert made.status_code == 201
    assert NoteAnswer.model_validate(made.json()).text == "two\nlines"
    assert desk.write("ours", team=True).json()["id"] == 2
    assert desk.ask("PUT", "/2", "arthur", json={"text": "ours!"}).json()["edited_at"] is not None
    assert desk.ask("DELETE", "/1").json()["text"] == "two\nlines"
    assert texts(desk.ask("GET", who="olivia")) == ["ours!"]
    acts = [NoteAct.model_validate(row) for row in desk.ask("GET", "/history").json()]
    assert [(act.action, act.id, act.by, act.text) for act in acts] == [
        ("remove", 1, "2", None),
        ("set", 2, "3", "ours!"),
        ("add", 2, "2", "ours"),
        ("add", 1, "2", "two\nlines"),
    ]
    assert desk.http.world.run("verify").ok().json["ok"] is True


def test_no_answer_with_notes_is_kept_by_a_cache(desk: Desk) -> None:
    desk.write("mine")
    answers = [desk.ask("GET"), desk.ask("GET", "/history"), desk.ask("PUT", "/1", json={"text": "x"})]
    answers.append(desk.http.ask("PATCH", f"/models/{MODEL}", "carol", json={"notes": "y"}))
    assert {answer.headers["cache-control"] for answer in answers} == {"private, no-store"}
    assert not any("etag" in answer.headers for answer in answers)


def test_whoever_is_no_member_gets_nothing(desk: Desk) -> None:
    desk.write("a secret", team=True)
    before = desk.http.world.refs()
    for who, status in ((None, 401), ("nobody's", 401), ("nina", 403)):
        body = {"text": "x"}
        answers = [desk.ask("GET", who=who), desk.ask("GET", "/history", who), desk.ask("DELETE", "/1", who)]
        answers += [desk.ask("POST", who=who, json=body), desk.ask("PUT", "/1", who, json=body)]
        answers.append(desk.http.ask("PATCH", f"/models/{MODEL}", who, json={"notes": "x"}))
        assert [answer.status_code for answer in answers] == [status] * 6
        assert not any("secret" in answer.text for answer in answers)
    assert desk.http.get(f"/v1/models/{MODEL}", "nina").json()["notes"] is None
    assert desk.http.world.refs() == before


def test_a_member_changes_no_note_of_another(desk: Desk) -> None:
    desk.write("mine")
    for who in ("arthur", "olivia"):
        assert desk.ask("PUT", "/1", who, json={"text": "yours"}).status_code == 403
        assert desk.ask("DELETE", "/1", who).status_code == 403
    assert texts(desk.ask("GET")) == ["mine"]
    desk.write("ours", "arthur", team=True)
    assert desk.ask("PUT", "/2", "carol", json={"text": "mine"}).status_code == 403


def test_what_is_not_there_or_no_note_is_refused(desk: Desk) -> None:
    assert desk.ask("PUT", "/7", json={"text": "x"}).status_code == 404
    assert Desk(desk.http, "no such").write("x").status_code == 404
    assert desk.http.ask("POST", f"{V2}/nothing/notes", "carol", params={"name": NAME}, json={"text": "x"}).is_error
    for body in ({}, {"text": ""}, {"text": " \n"}, {"text": "x" * 10_001}, {"text": 1}, {"text": "x", "by": "1"}):
        assert desk.ask("POST", json=body).status_code == 422, body
    assert desk.http.get(NOTES, "carol").status_code == 422
    with wire(desk.http.world, read_only=True) as replica:
        assert Desk(replica).write("x").status_code == 503


def test_managers_of_models_have_a_note_of_their_own(desk: Desk) -> None:
    def shown(who: str) -> str | None:
        model = ModelDetails.model_validate(desk.http.get(f"/v1/models/{MODEL}", who).json())
        return model.notes

    def patch(body: Any, who: str = "carol", prefix: str = "") -> Any:
        return desk.http.ask("PATCH", f"{prefix}/models/{MODEL}", who, json=body)

    assert patch({}).json()["notes"] is None
    assert patch({"notes": "keep"}, prefix="/api").json()["notes"] == "keep"
    assert patch({}, prefix="/v1").json()["notes"] == "keep"
    assert patch({"notes": "keep it"}).json()["notes"] == "keep it"
    assert (shown("carol"), shown("arthur")) == ("keep it", None)
    desk.write("for all", "arthur", team=True)
    assert (shown("carol"), shown("arthur")) == ("keep it", "for all")
    assert patch({"notes": None}).json()["notes"] == "for all"
    assert patch({"notes": " "}).json()["notes"] == "for all"
    assert texts(desk.ask("GET")) == ["for all"]
    refused = patch({"name": "New", "notes": "x"})
    assert refused.status_code == 400
    assert "changed by a proposal" in refused.json()["error"]
    assert patch({"notes": "x" * 10_001}).status_code == 400
    assert desk.http.ask("PATCH", "/models/0", "carol", json={}).json() == {"error": "Invalid model ID"}
