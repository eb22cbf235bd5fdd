from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OPEN_SCHEMA, OWNER, World, clip

NAME = "ViT-L/14"
BEA = "bea#4"
MEMBER = ["user_id", "username", "emails", "roles", "ssh_keys"]


def toml(world: World) -> str:
    return world.git("show", "main:modelref.toml")


def add_bea(world: World, *roles: str) -> None:
    words = [word for role in roles or ("approver",) for word in ("--role", role)]
    world.run_policy("member", "add", BEA, "--email", "bea@people.example", *words)


def rules(answer: Any) -> set[str]:
    assert (answer.code, answer.out) == (6, b"")
    assert all(list(row) == ["rule", "message", "change_id"] for row in answer.error["details"])
    return {row["rule"] for row in answer.error["details"]}


def approve(world: World, number: int, actor: str, *words: str) -> Any:
    return world.run("approve", str(number), "--title", "T", *words, actor=actor)


# --- the two-person way ----------------------------------------------------------------------------------------------


def test_a_change_of_the_policy_waits_for_somebody_else_and_is_a_batch_of_its_own(world: World) -> None:
    open_batch = world.approve(world.create("clip", "a", clip("a")))
    answer = world.run("policy", "set", "replica_max_age=5").ok().json
    assert list(answer) == ["change_id"]
    number = answer["change_id"]
    row = world.run("show", str(number)).ok().json
    assert (row["category"], row["model_name"], row["operation"]) == ("policy", "modelref.toml", "update")
    assert row["payload"]["policy"]["replica_max_age"] == 5
    assert "replica_max_age = 5" not in toml(world)
    assert rules(approve(world, number, OWNER)) == {"review.two_people"}
    assert rules(approve(world, number, CAROL)) == {"role.approver"}
    batch = approve(world, number, ARTHUR).ok().json["batch_id"]
    assert batch == open_batch + 1
    assert world.run("status").ok().json["open_batch"] == open_batch
    world.apply(batch)
    assert "replica_max_age = 5" in toml(world)
    assert world.apply(open_batch) == [3]
    assert_clean(world.path)


def test_a_sole_approver_passes_it_at_once_and_the_event_says_so(world: World) -> None:
    number = world.run("member", "role", ARTHUR, "-approver").ok().json["change_id"]
    world.apply(world.approve(number))
    answer = world.run("policy", "set", "replica_max_age=5").ok().json
    assert answer == {"main": world.git("rev-parse", "main").strip()}
    assert [event["action"] for event in world.events()][-3:] == ["enqueue", "approve", "apply"]
    assert "Sole-Approver: 4" in world.git("log", "-2", "--format=%B", "queue")
    assert_clean(world.path)


def test_the_switch_off_is_itself_judged_by_the_policy_before_it(world: World) -> None:
    number = world.run("policy", "set", "two_person_review=false").ok().json["change_id"]
    assert rules(approve(world, number, OWNER)) == {"review.two_people"}
    world.apply(world.approve(number))
    assert list(world.run("policy", "set", "replica_max_age=5").ok().json) == ["main"]
    assert world.approve(world.create("clip", "a", clip("a"), actor=OWNER), actor=OWNER)
    assert_clean(world.path)


def test_of_two_changes_from_one_base_the_second_is_refused_unless_it_touches_something_else(world: World) -> None:
    first, second = (world.run("policy", "set", f"replica_max_age={n}").ok().json["change_id"] for n in (5, 6))
    world.apply(world.approve(first))
    before = world.refs()
    answer = approve(world, second, ARTHUR)
    assert (answer.code, answer.error["details"][0]["path"]) == (4, "/modelref.toml")
    assert "never merged" in answer.error["message"]
    assert world.refs() == before
    world.run("withdraw", str(second)).ok()
    assert_clean(world.path)


def test_an_approved_change_of_the_policy_under_which_another_went_in_is_not_applied(world: World) -> None:
    first, second = (world.run("policy", "set", f"replica_max_age={n}").ok().json["change_id"] for n in (5, 6))
    batches = [world.approve(first), world.approve(second)]
    world.apply(batches[0])
    assert world.run("apply", "--batch", str(batches[1]), actor=ARTHUR).code == 4
    world.run("reject", str(second), "--reason", "R", actor=ARTHUR).ok()
    assert "replica_max_age = 5" in toml(world)
    assert_clean(world.path)


@pytest.mark.parametrize("words", [("approve", "3", "4", "--title", "T"), ("approve", "4", "3", "--title", "T")])
def test_it_is_not_approved_together_with_anything_else(world: World, words: tuple[str, ...]) -> None:
    world.create("clip", "a", clip("a"))
    world.run("policy", "set", "replica_max_age=5").ok()
    before = world.refs()
    answer = world.run(*words, actor=ARTHUR)
    assert answer.code == 7
    assert "modelref-git approve 4 --title T" in answer.error["message"]
    assert world.refs() == before


# --- policy show, set, edit ------------------------------------------------------------------------------------------


def test_show_prints_the_file_or_its_values_now_and_then(world: World) -> None:
    assert world.say("policy", "show").ok().out.decode() == toml(world)
    now = world.run("policy", "show").ok().json
    assert now["policy"]["two_person_review"] is True
    world.let_anybody_review()
    assert world.run("policy", "show").ok().json["policy"]["two_person_review"] is False
    assert world.run("policy", "show", "--at", "main~1").ok().json == now
    assert world.run("policy", "show", "--at", "nothing").code == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("set",), 2),
        (("set", "approvals"), 2),
        (("set", "=1"), 2),
        (("set", "aprovals=1"), 5),
        (("set", "approvals=0"), 5),
        (("set", "approvals=many"), 5),
        (("set", "approvals=9"), 5),
        (("set", "two_person_review=1"), 5),
        (("set", "ack_critical=always"), 5),
        (("set", "two_person_review=true"), 5),
        (("set", "replica_max_age=5", "aprovals=1"), 5),
        (("edit", "/nowhere"), 3),
    ],
)
def test_a_setting_that_makes_no_sense_leaves_everything_as_it_was(
    world: World, words: tuple[str, ...], code: int
) -> None:
    before = world.refs(), world.objects()
    answer = world.run("policy", *words)
    assert (answer.code, answer.out) == (code, b"")
    assert (world.refs(), world.objects()) == before


@pytest.mark.parametrize("actor", [CAROL, "9"])
def test_only_an_approver_of_everything_changes_the_policy(world: World, actor: str) -> None:
    add_bea(world, "approver:clip")
    before = world.refs()
    for who in (actor, BEA):
        for words in (
            ("policy", "set", "replica_max_age=5"),
            ("member", "remove", "2"),
            ("member", "role", "2", "+approver"),
            ("category", "layout", "clip", "--fan-out", "1"),
        ):
            assert world.run(*words, actor=who).code == 6
    assert world.refs() == before


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", 9),
        (b"no toml", 5),
        (b"\xff", 5),
        (b"format = 2\n", 9),
        (b"format = 1\n", 5),
        (b"format = 1\n[[members]]\nid = 1\n", 5),
    ],
)
def test_a_file_nobody_could_work_under_is_refused(world: World, data: bytes, code: int) -> None:
    before = world.refs(), world.objects()
    answer = world.run("policy", "edit", "-", stdin=data)
    assert (answer.code, answer.out) == (code, b"")
    assert (world.refs(), world.objects()) == before


def test_a_whole_new_file_is_put_in_place(world: World) -> None:
    data = toml(world).replace("replica_max_age = 604800", "replica_max_age = 7  # a week would be too long")
    answer = world.run("policy", "edit", "-", stdin=data.encode()).ok().json
    world.pass_policy(answer)
    assert toml(world) == data
    assert_clean(world.path)


def test_a_category_that_has_records_is_not_edited_away(world: World) -> None:
    lines = toml(world).split("[categories.clip]")
    data = lines[0] + lines[1].partition("\n\n")[2]
    answer = world.run("policy", "edit", "-", stdin=data.encode())
    assert (answer.code, answer.error["details"][0]["rule"]) == (5, "policy.category_in_use")


# --- members ---------------------------------------------------------------------------------------------------------


def test_a_member_is_removed_or_given_other_roles(world: World) -> None:
    answer = world.run("member", "role", CAROL, "+approver:clip", "-requestor").ok().json
    assert list(answer) == ["change_id", *MEMBER]
    assert (answer["user_id"], answer["roles"]) == ("2", ["approver:clip"])
    world.pass_policy(answer)
    assert [row["roles"] for row in world.run("member", "list").ok().json if row["user_id"] == "2"] == [
        ["approver:clip"]
    ]
    answer = world.run("member", "remove", "2").ok().json
    assert list(answer) == ["change_id", *MEMBER]
    world.pass_policy(answer)
    assert "2" not in {row["user_id"] for row in world.run("member", "list").ok().json}
    assert world.run("propose", "delete", "clip", NAME, actor=CAROL).code == 6
    assert_clean(world.path)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("remove", "9"), 3),
        (("remove",), 2),
        (("role", "9", "+approver"), 3),
        (("role", "2"), 2),
        (("role", "2", "approver"), 2),
        (("role", "2", "+king"), 2),
        (("role", "2", "+approver:nothing"), 2),
        (("role", "2", "+requestor"), 5),
        (("role", "2", "-approver"), 5),
    ],
)
def test_a_change_of_members_that_makes_no_sense(world: World, words: tuple[str, ...], code: int) -> None:
    before = world.refs(), world.objects()
    answer = world.run("member", *words)
    assert (answer.code, answer.out) == (code, b"")
    assert (world.refs(), world.objects()) == before


def test_the_last_approver_stays(world: World) -> None:
    world.pass_policy(world.run("member", "remove", "3").ok().json)
    for words in (("remove", "1"), ("role", "1", "-approver")):
        answer = world.run("member", *words)
        assert (answer.code, answer.error["details"][0]["rule"]) == (5, "policy.reachable")


def test_what_was_approved_by_someone_who_is_gone_does_not_count(world: World) -> None:
    add_bea(world)
    batch = world.approve(world.create("clip", "a", clip("a")), actor=ARTHUR)
    number = world.run("member", "remove", "3").ok().json["change_id"]
    world.apply(world.approve(number, actor=BEA), actor=BEA)
    assert rules(world.run("apply", "--batch", str(batch), actor=BEA)) == {"review.approvals"}
    approve(world, 4, BEA).ok()
    assert world.apply(batch, actor=OWNER) == [4]
    assert_clean(world.path)


def test_a_removed_member_can_not_come_back_as_somebody_else_beside_their_key(world: World) -> None:
    answer = world.run("member", "add", "carla#9", "--email", "Carol@People.example", "--role", "approver")
    assert answer.code in (4, 5), "one person is one member"


# --- more approvals --------------------------------------------------------------------------------------------------


def test_where_two_approvals_are_needed_the_first_leaves_it_pending(world: World) -> None:
    add_bea(world)
    world.run_policy("policy", "set", "approvals=2")
    number = world.create("clip", "a", clip("a"))
    answer = approve(world, number, ARTHUR).ok().json
    assert (answer["batch_id"], answer["batch_title"]) == (None, "T")
    assert [(row["status"], row["batch_id"], row["approved_by"]) for row in answer["approved"]] == [
        ("pending", None, None)
    ]
    assert approve(world, number, ARTHUR).code == 7, "one person counts once"
    assert world.run("apply", str(number), actor=ARTHUR).code == 7
    before = world.run("status").ok().json["counts"]
    answer = approve(world, number, OWNER).ok().json
    assert (answer["approved"][0]["status"], answer["approved"][0]["approved_by"]) == ("approved", "1")
    assert before["pending"] == 1
    world.apply(answer["batch_id"])
    assert_clean(world.path)


def test_more_approvals_asked_for_later_count_for_what_is_approved_already(world: World) -> None:
    add_bea(world)
    batch = world.approve(world.create("clip", "a", clip("a")))
    world.run_policy("policy", "set", "approvals=2")
    assert rules(world.run("apply", "--batch", str(batch), actor=ARTHUR)) == {"review.approvals"}
    approve(world, 4, BEA).ok()
    assert world.apply(batch) == [4]
    assert_clean(world.path)


def test_fewer_approvals_asked_for_later_do_not_jam_what_has_one(world: World) -> None:
    add_bea(world)
    world.run_policy("policy", "set", "approvals=2")
    number = world.create("clip", "a", clip("a"))
    approve(world, number, ARTHUR).ok()
    answer = world.run("policy", "set", "approvals=1").ok().json["change_id"]
    for actor in (ARTHUR, BEA):
        approve(world, answer, actor).ok()
    world.run("apply", str(answer), actor=ARTHUR).ok()
    answer = approve(world, number, BEA).ok().json
    assert answer["approved"][0]["status"] == "approved"
    assert_clean(world.path)


def test_an_approver_whose_one_approval_became_enough_may_complete_it(world: World) -> None:
    add_bea(world)
    world.run_policy("policy", "set", "approvals=2")
    number = world.create("clip", "a", clip("a"))
    approve(world, number, ARTHUR).ok()
    change = world.run("policy", "set", "approvals=1").ok().json["change_id"]
    for actor in (ARTHUR, BEA):
        approve(world, change, actor).ok()
    world.run("apply", str(change), actor=ARTHUR).ok()
    row = world.run("status", str(number)).ok().json
    assert row["blockers"] == []
    assert row["turn"] == "approver"
    answer = approve(world, number, OWNER).ok().json
    assert answer["approved"][0]["status"] == "approved"


# --- approvers of one category ---------------------------------------------------------------------------------------


def test_an_approver_of_one_category_decides_on_that_alone(world: World) -> None:
    add_bea(world, "approver:clip")
    mine, other = world.create("clip", "a", clip("a")), world.delete("gfpgan", "GFPGAN")
    before = world.refs()
    for words in (
        ("approve", str(other), "--title", "T"),
        ("approve", str(mine), str(other), "--title", "T"),
        ("reject", str(other), "--reason", "R"),
        ("hold", str(other), "--reason", "R"),
    ):
        assert rules(world.run(*words, actor=BEA)) == {"role.approver"}
    assert world.refs() == before
    world.approve(other)
    batch = approve(world, mine, BEA).ok().json["batch_id"]
    assert rules(world.run("apply", "--batch", str(batch), actor=BEA)) == {"role.approver"}
    assert [row["change_id"] for row in world.run("apply", str(mine), actor=BEA).ok().json["applied"]] == [mine]
    assert_clean(world.path)


# --- protected -------------------------------------------------------------------------------------------------------


def protect(world: World, table: str) -> None:
    data = toml(world) + f"\n[[protected]]\n{table}\n"
    world.pass_policy(world.run("policy", "edit", "-", stdin=data.encode()).ok().json)


def test_a_protected_field_is_changed_by_those_alone_who_are_named(world: World) -> None:
    protect(world, 'field = "sha256sum"\nrequestors = ["1"]\nreason = "sums are checked by hand"')
    words = ("propose", "update", "clip", NAME, "--set", f"/config/download/0/sha256sum={'cd' * 32}")
    before = world.refs()
    answer = world.run(*words, actor=CAROL)
    assert rules(answer) == {"protected.requestor"}
    assert "sums are checked by hand" in answer.error["message"]
    assert "olivia#1" in answer.error["message"]
    assert world.refs() == before
    world.run("propose", "update", "clip", NAME, "--set", "/description=x", actor=CAROL).ok()
    world.run(*words, actor=OWNER).ok()


def test_a_protected_field_is_not_slipped_in_by_a_rebase(world: World) -> None:
    protect(world, 'field = "sha256sum"\nrequestors = ["1"]')
    number = world.update("clip", NAME, {"/description": "x"})
    before = world.refs()
    words = ("--set", f"/config/download/0/sha256sum={'cd' * 32}")
    assert rules(world.run("propose", "rebase", str(number), *words, actor=CAROL)) == {"protected.requestor"}
    assert world.refs() == before


def test_nor_by_a_create_a_delete_or_a_bulk(world: World) -> None:
    protect(world, 'field = "sha256sum"\nrequestors = ["1"]')
    record = json.dumps(clip("a")).encode()
    assert rules(world.run("propose", "create", "clip", "-", actor=CAROL, stdin=record)) == {"protected.requestor"}
    assert rules(world.run("propose", "delete", "clip", NAME, actor=CAROL)) == {"protected.requestor"}
    line = json.dumps({"operation": "delete", "category": "clip", "model_name": NAME}).encode()
    answer = world.run("propose", "bulk", "-", actor=CAROL, stdin=line)
    assert (answer.code, answer.out) == (5, b"")
    assert world.run("changes", "--status", "pending").ok().json["total"] == 0


def test_a_protected_record_takes_the_approvals_and_approvers_it_names(world: World) -> None:
    add_bea(world)
    world.run_policy("member", "add", "dave#5", "--email", "d@people.example", "--role", "approver")
    protect(world, f'category = "clip"\nname = "{NAME}"\napprovers = ["3", "4", "5"]\napprovals = 2')
    number = world.update("clip", NAME, {"/description": "x"})
    assert rules(approve(world, number, OWNER)) == {"protected.approver"}
    assert approve(world, number, ARTHUR).ok().json["approved"][0]["status"] == "pending"
    batch = approve(world, number, BEA).ok().json["batch_id"]
    world.apply(batch)
    other = world.create("clip", "a", clip("a"))
    assert approve(world, other, OWNER).ok().json["batch_id"] is not None
    assert_clean(world.path)


def test_a_protection_that_nobody_could_satisfy_is_refused(world: World) -> None:
    for table in ('approvers = ["9"]', "approvals = 5", 'approvers = ["2"]', 'category = "nothing"'):
        data = f"{toml(world)}\n[[protected]]\n{table}\n"
        assert world.run("policy", "edit", "-", stdin=data.encode()).code == 5, table


# --- critical fields -------------------------------------------------------------------------------------------------

CRITICAL = {"/config/download/0/sha256sum": "cd" * 32}


def test_critical_fields_are_looked_at_twice_by_one_or_by_two(world: World) -> None:
    add_bea(world)
    world.run_policy("policy", "set", "ack_critical=true")
    number = world.update("clip", NAME, CRITICAL)
    before = world.refs()
    assert rules(approve(world, number, ARTHUR)) == {"review.critical"}
    assert world.refs() == before
    batch = approve(world, number, ARTHUR, "--ack-critical").ok().json["batch_id"]
    world.apply(batch)
    plain = world.update("clip", NAME, {"/version": "9"})
    assert approve(world, plain, ARTHUR).ok().json["approved"][0]["status"] == "approved"
    assert_clean(world.path)


def test_critical_fields_take_a_second_approver_where_the_policy_says_second(world: World) -> None:
    add_bea(world)
    world.run_policy("policy", "set", "ack_critical=second")
    number = world.update("clip", NAME, CRITICAL)
    assert approve(world, number, ARTHUR, "--ack-critical").ok().json["approved"][0]["status"] == "pending"
    row = world.run("status", str(number)).ok().json
    assert [item["rule"] for item in row["blockers"]] == ["review.critical"]
    assert world.run("apply", str(number), actor=ARTHUR).code == 7
    batch = approve(world, number, BEA).ok().json["batch_id"]
    world.apply(batch)
    assert_clean(world.path)


def test_a_critical_field_is_not_slipped_past_by_a_harmless_approval(world: World) -> None:
    add_bea(world)
    world.run_policy("policy", "set", "ack_critical=second")
    number = world.update("clip", NAME, {"/version": "9"})
    approve(world, number, ARTHUR).ok()
    path, value = next(iter(CRITICAL.items()))
    world.run("propose", "rebase", str(number), "--set", f"{path}={value}", actor=CAROL).ok()
    answer = approve(world, number, ARTHUR).ok().json
    assert answer["approved"][0]["status"] == "pending"
    assert_clean(world.path)


def test_the_critical_fields_of_a_categorys_own_schema_count(world: World) -> None:
    world.add_category("own", {**OPEN_SCHEMA, "x-critical": ["danger"]})
    world.run_policy("policy", "set", "ack_critical=true")
    world.apply(world.approve(world.create("own", "x", {"fine": 1})))
    assert approve(world, world.update("own", "x", {"/fine": 2}), ARTHUR).code == 0
    assert rules(approve(world, world.update("own", "x", {"/danger": True}), ARTHUR)) == {"review.critical"}


# --- categories ------------------------------------------------------------------------------------------------------


@pytest.fixture
def own(world: World) -> World:
    """A category of one's own with one record."""
    world.add_category("own")
    world.apply(world.approve(world.create("own", "x", {"b": 1, "a": 2})))
    return world


def schema(tmp_path: Path, **more: Any) -> str:
    (tmp_path / "s.json").write_text(json.dumps({**OPEN_SCHEMA, **more}))
    return str(tmp_path / "s.json")


def test_another_schema_rewrites_the_records_in_its_order_in_the_same_step(own: World, tmp_path: Path) -> None:
    file = schema(tmp_path, properties={"a": {}, "b": {}})
    answer = own.run("category", "update", "own", "--schema", file).ok().json
    assert list(answer) == ["category", "change_id"]
    own.pass_policy(answer)
    assert list(own.run("get", "own", "x").ok().json) == ["a", "b"]
    assert [event["action"] for event in own.events()][-2:] == ["apply", "layout"]
    assert_clean(own.path)


def test_a_schema_that_live_records_do_not_satisfy_is_refused_with_all_of_them(own: World, tmp_path: Path) -> None:
    own.apply(own.approve(own.create("own", "y", {})))
    before = own.refs()
    answer = own.run("category", "update", "own", "--schema", schema(tmp_path, required=["c"]))
    assert answer.code == 5
    assert sorted(row["path"] for row in answer.error["details"]) == ["/own/x/c", "/own/y/c"]
    assert own.refs() == before


def test_a_record_that_went_in_meanwhile_is_judged_when_the_schema_is_approved(own: World, tmp_path: Path) -> None:
    file = schema(tmp_path, required=["b"])
    number = own.run("category", "update", "own", "--schema", file).ok().json["change_id"]
    own.apply(own.approve(own.create("own", "late", {"a": 1})))
    before = own.refs()
    assert approve(own, number, ARTHUR).code == 5
    assert own.refs() == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("update", "nothing", "--schema", "FILE"), 3),
        (("update", "own", "--schema", "/nowhere"), 3),
        (("update", "own"), 2),
        (("update", "own", "--schema", "FILE"), 5),
        (("layout", "nothing", "--fan-out", "1"), 3),
        (("layout", "own", "--fan-out", "3"), 2),
        (("layout", "own"), 2),
        (("add", "own", "--schema", "FILE"), 4),
        (("add", "policy", "--schema", "FILE"), 5),
    ],
)
def test_a_change_of_categories_that_makes_no_sense(
    own: World, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    (tmp_path / "f.json").write_text(json.dumps(OPEN_SCHEMA, indent=2) + "\n")
    before = own.refs(), own.objects()
    answer = own.run("category", *(str(tmp_path / "f.json") if word == "FILE" else word for word in words))
    assert (answer.code, answer.out) == (code, b"")
    assert (own.refs(), own.objects()) == before


def test_another_layout_keeps_every_record_and_open_proposals_stay_good(own: World) -> None:
    update, create = own.update("own", "x", {"/a": 3}), own.create("own", "z", {"a": 1})
    batch = own.approve(own.delete("gfpgan", "GFPGAN"))
    for fan_out in (2, 0, 1):
        before = own.run("get", "own").ok().json
        answer = own.run("category", "layout", "own", "--fan-out", str(fan_out)).ok().json
        assert answer == {"category": "own", "main": own.git("rev-parse", "main").strip()}
        assert own.run("get", "own").ok().json == before
        assert_clean(own.path)
    own.approve(update, create)
    own.apply(batch)
    assert own.run("get", "own").ok().json == {"x": {"b": 1, "a": 3}, "z": {"a": 1}}
    assert_clean(own.path)
    head = own.refs()
    own.run("category", "layout", "own", "--fan-out", "1").ok()
    assert own.refs() == head, "it is so already"


# --- dry runs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("policy", "set", "replica_max_age=5"),
        ("policy", "edit", "-"),
        ("member", "remove", "2"),
        ("member", "role", "2", "+approver"),
        ("category", "layout", "clip", "--fan-out", "1"),
        ("approve", "3", "--title", "T", "--ack-critical"),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_a_dry_run_gives_the_same_answer_and_changes_nothing(world: World, words: tuple[str, ...], alone: bool) -> None:
    world.create("clip", "a", clip("a"))
    if alone:
        world.let_anybody_review()
    data = toml(world).replace("604800", "7").encode()
    before = world.refs(), world.objects()
    dry = world.run(*words, "--dry-run", stdin=data).ok().json
    assert dry.pop("dry_run") is True
    assert (world.refs(), world.objects()) == before
    real = world.run(*words, stdin=data).ok().json
    assert list(dry) == list(real)
    assert dry.get("change_id") == real.get("change_id")
    assert world.refs() != before[0]


# --- rules of good data ----------------------------------------------------------------------------------------------


def test_the_severity_of_a_rule_is_a_line_of_the_policy(world: World) -> None:
    world.run_policy("policy", "set", "rules.address.page=error")
    assert '"address.page" = "error"' in toml(world)
    assert world.run("policy", "show").ok().json["rules"]["address.page"] == "error"
    refused = world.run("policy", "set", "rules.adress.page=error")
    assert (refused.code, "did you mean address.page" in refused.error["message"]) == (2, True)
    refused = world.run("policy", "set", "rules.address.page=loud")
    assert (refused.code, refused.error["details"][0]["path"]) == (5, "/rules/address.page")


def test_an_exception_is_added_changed_and_taken_away(world: World) -> None:
    words = ("policy", "except", "address.page", "clip", NAME)
    world.run_policy(*words, "--reason", "a mirror that looks like a page")
    world.run_policy(*words, "--reason", "a mirror")
    exception = {"rule": "address.page", "category": "clip", "name": NAME, "reason": "a mirror"}
    assert world.run("policy", "show").ok().json["exceptions"] == [exception]
    world.run_policy(*words, "--remove")
    assert not world.run("policy", "show").ok().json.get("exceptions")
    assert world.run(*words, "--remove").code == 3
    assert_clean(world.path)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("address.page", "clip", NAME), 2),
        (("address.page", "clip", NAME, "--reason", "r", "--remove"), 2),
        (("no.such", "clip", NAME, "--reason", "r"), 2),
        (("address.page", "nothing", NAME, "--reason", "r"), 3),
        (("address.page", "clip", NAME, "--reason", " "), 5),
    ],
)
def test_an_exception_that_makes_no_sense_is_refused(world: World, words: tuple[str, ...], code: int) -> None:
    refs = world.refs()
    assert world.run("policy", "except", *words).code == code
    assert world.refs() == refs


def test_an_exception_is_an_approvers_act(world: World) -> None:
    assert world.run("policy", "except", "address.page", "clip", NAME, "--reason", "r", actor=CAROL).code == 6
