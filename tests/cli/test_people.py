from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.world import ARTHUR, CAROL, OPEN_SCHEMA, OWNER, World

FIELDS = ["user_id", "username", "roles", "is_requestor", "is_approver"]


def who(world: World, actor: str | None, **env: str) -> dict[str, object]:
    row: dict[str, object] = world.run("whoami", actor=actor, env=env).ok().json
    assert list(row) == FIELDS
    return row


def test_whoami_by_id_and_by_name_and_id(world: World) -> None:
    carol = {"user_id": "2", "username": "carol#2", "roles": ["requestor"], "is_requestor": True, "is_approver": False}
    assert who(world, "2") == who(world, CAROL) == carol
    arthur = who(world, ARTHUR)
    assert (arthur["roles"], arthur["is_requestor"], arthur["is_approver"]) == (["approver", "requestor"], True, True)


def test_the_actor_comes_from_the_environment_unless_given(world: World) -> None:
    assert who(world, None, MODELREF_ACTOR="3")["username"] == "arthur#3"
    assert who(world, CAROL, MODELREF_ACTOR="3")["username"] == "carol#2"


def test_else_the_member_whose_address_is_gits(world: World) -> None:
    world.git("config", "user.email", "Carol@People.example")
    world.git("config", "user.name", "Somebody Else")
    assert who(world, None)["username"] == "carol#2"


def test_else_an_unlisted_person_who_only_reads(world: World) -> None:
    world.git("config", "user.email", "dora@people.example")
    world.git("config", "user.name", "Dora")
    row = who(world, None)
    assert row["username"] == "Dora <dora@people.example>"
    assert (row["roles"], row["is_requestor"], row["is_approver"]) == ([], False, False)
    world.run("ls", "clip", actor=None).ok()
    answer = world.run("propose", "delete", "clip", "ViT-L/14", actor=None)
    assert (answer.code, answer.error["code"]) == (6, "forbidden")
    assert "Dora" in answer.error["message"]


def test_an_id_on_no_list_has_no_role(world: World) -> None:
    row = who(world, "mallory#1234")
    assert (row["user_id"], row["username"], row["roles"]) == ("1234", "mallory#1234", [])


def test_a_name_does_not_borrow_an_id(world: World) -> None:
    assert who(world, "carol#3")["username"] == "arthur#3", "the id says who one is, and the list says the name"


def test_member_list(world: World) -> None:
    rows = world.run("member", "list").ok().json
    assert all(list(row) == ["user_id", "username", "emails", "roles", "ssh_keys"] for row in rows)
    assert [row["username"] for row in rows] == ["olivia#1", "carol#2", "arthur#3"]
    assert rows[1] == {
        "user_id": "2",
        "username": "carol#2",
        "emails": ["carol@people.example"],
        "roles": ["requestor"],
        "ssh_keys": [],
    }


def test_member_add_acts_at_once_where_one_may_pass_it_alone_and_is_recorded_as_a_change(
    world: World, tmp_path: Path
) -> None:
    world.let_anybody_review()
    key = tmp_path / "key.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f dora@home\n")
    words = ("--email", "dora@people.example", "--email", "d@people.example", "--role", "requestor")
    answer = world.run("member", "add", "Dora D.#4", *words, "--ssh-key", str(key)).ok().json
    assert answer["main"] == world.git("rev-parse", "main").strip()
    row = world.run("member", "list").ok().json[-1]
    assert row == {
        "user_id": "4",
        "username": "Dora D.#4",
        "emails": ["dora@people.example", "d@people.example"],
        "roles": ["requestor"],
        "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f dora@home"],
    }
    change = world.run("changes", "--category", "policy").ok().json["items"][-1]
    assert (change["model_name"], change["operation"], change["status"]) == ("modelref.toml", "update", "applied")
    assert [member["id"] for member in change["payload"]["members"]] == ["1", "2", "3", "4"]
    assert [event["action"] for event in world.events()[-3:]] == ["enqueue", "approve", "apply"]
    assert world.git("diff", "--name-only", "main~1", "main").split() == ["modelref.toml"]


def test_member_add_waits_for_another_approver_where_there_is_one(world: World) -> None:
    main = world.git("rev-parse", "main")
    answer = world.run("member", "add", "dora#4", "--email", "dora@people.example", "--role", "requestor").ok()
    assert {"change_id": 3, "user_id": "4"}.items() <= answer.json.items()
    assert "main" not in answer.json
    assert b"modelref-git approve 3" in answer.err
    assert world.git("rev-parse", "main") == main
    assert [row["user_id"] for row in world.run("member", "list").ok().json] == ["1", "2", "3"]
    refused = world.run("approve", "3", "--title", "T", actor=OWNER)
    assert (refused.code, [row["rule"] for row in refused.error["details"]]) == (6, ["review.two_people"])
    world.apply(world.approve(3))
    assert [row["user_id"] for row in world.run("member", "list").ok().json] == ["1", "2", "3", "4"]
    assert [event["action"] for event in world.events()[-3:]] == ["enqueue", "approve", "apply"]


def test_a_member_without_a_role_only_reads(world: World) -> None:
    world.run_policy("member", "add", "dora#4", "--email", "dora@people.example")
    assert who(world, "4")["roles"] == []
    assert world.run("propose", "delete", "clip", "ViT-L/14", actor="4").code == 6


def test_a_policy_change_leaves_an_open_batch_alone(world: World) -> None:
    batch = world.approve(world.delete("clip", "ViT-L/14"))
    world.run_policy("member", "add", "dora#4", "--email", "dora@people.example")
    assert world.run("changes", "--status", "approved").ok().json["total"] == 1
    assert world.apply(batch) == [3]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("carol#2", "--email", "new@people.example"), 4),
        (("dora#2", "--email", "new@people.example"), 4),
        (("dora#4", "--email", "CAROL@people.example"), 4),
        (("dora", "--email", "new@people.example"), 2),
        (("dora#4", "--email", "nothing"), 2),
        (("dora#4",), 2),
        (("dora#4", "--email", "new@people.example", "--role", "king"), 2),
        (("do\nra#4", "--email", "new@people.example"), 2),
        (("dora#4", "--email", "new@people.example", "--ssh-key", "/nowhere/key.pub"), 3),
    ],
)
def test_a_member_that_cannot_be_added_is_refused(world: World, words: tuple[str, ...], code: int) -> None:
    before = world.refs()
    answer = world.run("member", "add", *words)
    assert (answer.code, answer.out) == (code, b"")
    assert world.refs() == before


def test_a_key_file_without_a_public_key_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    words = ("--email", "dora@people.example", "--ssh-key", str(tmp_path / "key"))
    answer = world.run("member", "add", "dora#4", *words)
    assert answer.code == 5


def test_only_an_approver_adds_members_and_categories(world: World, tmp_path: Path) -> None:
    schema = tmp_path / "s.json"
    schema.write_text(json.dumps(OPEN_SCHEMA))
    before = world.refs()
    assert world.run("member", "add", "dora#4", "--email", "d@people.example", actor=CAROL).code == 6
    assert world.run("category", "add", "voices", "--schema", str(schema), actor=CAROL).code == 6
    assert world.refs() == before


VOICES = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A voice",
    "type": "object",
    "properties": {"name": {"type": "string"}, "pitch": {"type": "integer"}, "tags": {"type": "array"}},
    "required": ["pitch"],
    "x-critical": ["pitch"],
}


def test_a_category_of_ones_own_works_by_its_schema_alone(world: World, tmp_path: Path) -> None:
    schema = tmp_path / "s.json"
    schema.write_text(json.dumps(VOICES))
    world.let_anybody_review()
    answer = world.run("category", "add", "voices", "--schema", str(schema)).ok().json
    assert list(answer) == ["category", "main"]
    assert answer == {"category": "voices", "main": world.git("rev-parse", "main").strip()}
    rows = world.run("category", "list").ok().json
    assert rows == world.run("categories").ok().json
    assert rows[-1] == {"category": "voices", "records": 0, "schema": "schemas/voices.schema.json"}
    assert world.git("diff", "--name-only", "main~1", "main").split() == ["modelref.toml", "schemas/voices.schema.json"]
    record = b'{"zeta": null, "tags": [], "pitch": 3, "rate": 1.50}'
    words = ("propose", "create", "voices", "-", "--name", "Ann")
    refused = world.run(*words, actor=CAROL, stdin=b'{"pitch": "high"}')
    assert [row["path"] for row in refused.error["details"]] == ["/pitch"]
    made = world.run(*words, actor=CAROL, stdin=record).ok()
    assert made.json["payload"] == json.loads(record), "nothing is filled in, dropped or stamped"
    assert world.run("diff", "4", "5").code == 0
    assert world.run("diff", str(made.json["change_id"])).ok().json["is_critical"] is True
    world.apply(world.approve(made.json["change_id"]))
    assert world.git("show", "main:dataset/voices/Ann.json") == (
        '{\n  "pitch": 3,\n  "tags": [],\n  "zeta": null,\n  "rate": 1.50\n}\n'
    ), "in the schema's order, then as given, numbers as written"


@pytest.mark.parametrize(
    ("name", "schema", "code"),
    [
        ("clip", json.dumps(OPEN_SCHEMA), 4),
        ("Voices", json.dumps(OPEN_SCHEMA), 5),
        ("policy", json.dumps(OPEN_SCHEMA), 5),
        ("../x", json.dumps(OPEN_SCHEMA), 5),
        ("voices", '{"type": "objekt"}', 5),
        ("voices", '{"type": ', 5),
        ("voices", '{"type": "array"}', 5),
        ("voices", "7", 5),
        ("voices", None, 3),
    ],
)
def test_a_category_that_cannot_be_added_is_refused(
    world: World, tmp_path: Path, name: str, schema: str | None, code: int
) -> None:
    if schema is not None:
        (tmp_path / "s.json").write_text(schema)
    before = world.refs()
    answer = world.run("category", "add", name, "--schema", str(tmp_path / "s.json"))
    assert (answer.code, answer.out) == (code, b"")
    assert answer.error["message"]
    assert world.refs() == before
