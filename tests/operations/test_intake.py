"""Intake: what others pushed becomes proposals, once, as whose it is, and as good as any other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import Conflict, Forbidden, NotFound
from modelref_git.operations.answers import find_change
from modelref_git.operations.apply import apply_changes
from modelref_git.operations.closing import withdraw
from modelref_git.operations.drafting import Request, stored_form
from modelref_git.operations.hold import hold
from modelref_git.operations.intake import take_in
from modelref_git.operations.members import add_member
from modelref_git.operations.propose import propose_create
from modelref_git.operations.review import Pick, review_changes
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import Proposal
from modelref_git.proposals.queue import Change
from modelref_git.records import codec
from tests.support.clean import assert_clean
from tests.support.pushed import MALLORY, Outsider
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

BOT = "bot#9"
CAROLS = "Carol <CAROL@people.example>"
RECORD = "ViT-L/14"


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World.make(tmp_path / "world.git", bare=True)
    found.clock.now = 1_760_000_100
    return found


@pytest.fixture
def outsider(world: World) -> Outsider:
    return Outsider(world.path)


def new(name: str = "New", **more: Any) -> dict[str, bytes]:
    return {f"dataset/clip/{name}.json": json.dumps(clip(name, **more)).encode()}


def intake(world: World, *refs: str, actor: str = OWNER, **more: Any) -> dict[str, Any]:
    return take_in(world.context(actor), refs, **more).as_json()


def change(world: World, number: int) -> Change:
    return find_change(world.context().view().queue, number)


def stored(world: World, number: int) -> dict[str, Any]:
    found = change(world, number)
    assert found.blob is not None
    return codec.decode(world.store.buffer().read_blob(found.blob))


def admitted(answer: dict[str, Any]) -> list[int]:
    assert not answer["refused"], answer["refused"]
    return [number for row in answer["admitted"] for number in row["change_ids"]]


def only(answer: dict[str, Any]) -> dict[str, Any]:
    assert not answer["admitted"]
    assert len(answer["refused"]) == 1
    assert answer["refused"][0]["details"]
    first: dict[str, Any] = answer["refused"][0]["details"][0]
    return first


# --- made by hand ----------------------------------------------------------------------------------------------------


def test_each_changed_record_is_a_proposal_of_its_own_and_the_result_verifies(world: World, outsider: Outsider) -> None:
    files = {**new(), **outsider.edited("clip", RECORD, description="x"), outsider.place("gfpgan", "GFPGAN"): None}
    commit = outsider.push("intake/mallory", outsider.commit(files, message=b"Three things\n\nfor June\n"))
    answer = intake(world)
    (row,) = answer["admitted"]
    assert row["ref"] == "refs/heads/intake/mallory"
    assert row["commit"] == commit
    assert row["requested_by"] == "mallory#mallory@elsewhere.example"
    found = [change(world, number) for number in row["change_ids"]]
    assert [(one.operation, one.category, one.model_name) for one in found] == [
        ("create", "clip", "New"),
        ("update", "clip", RECORD),
        ("delete", "gfpgan", "GFPGAN"),
    ]
    assert {one.requested_by for one in found} == {"mallory@elsewhere.example"}
    assert {one.enqueued_by for one in found} == {"1"}
    assert {one.notes for one in found} == {"Three things\n\nfor June"}
    assert [row["payload"]["change_id"] for row in world.events("--action", "enqueue")][-3:] == row["change_ids"]
    world.apply(world.approve(*row["change_ids"]))
    assert_clean(world.path)


def test_a_record_by_hand_gets_stamps_defaults_and_its_canonical_form(world: World, outsider: Outsider) -> None:
    lies = {"created_by": "arthur#3", "updated_by": "arthur#3", "created_at": 1, "updated_at": 2}
    outsider.push("intake/x", outsider.commit(new(metadata=lies)))
    (number,) = admitted(intake(world))
    record = stored(world, number)
    assert record["metadata"]["created_by"] == "mallory#mallory@elsewhere.example"
    assert record["metadata"]["updated_by"] == "mallory#mallory@elsewhere.example"
    assert record["metadata"]["updated_at"] == world.clock.now
    assert "tags" not in clip()
    data = world.store.buffer().read_blob(change(world, number).blob or "")
    assert data == codec.encode(record, outsider.dataset().schema("clip").order)
    assert_clean(world.path)


def test_the_member_with_the_authors_email_is_the_requestor(world: World, outsider: Outsider) -> None:
    outsider.push("intake/x", outsider.commit(new(), author=CAROLS))
    (number,) = admitted(intake(world))
    assert change(world, number).requested_username == CAROL
    assert_clean(world.path)


@pytest.mark.parametrize(
    "author", ["mallory <2>", "carol <x#2>", "nobody <>", "<>", "a <b c@x.example>", f"a <{'x' * 300}@x.example>"]
)
def test_an_author_without_an_email_is_nobody_and_never_a_member_by_id(
    world: World, outsider: Outsider, author: str
) -> None:
    outsider.push("intake/x", outsider.commit(new(), author=author))
    assert only(intake(world))["rule"] == "intake.author"


def test_no_name_of_an_author_can_be_read_as_another_id(world: World, outsider: Outsider) -> None:
    outsider.push("intake/x", outsider.commit(new(), author="carol#2 \x1b[1m\x7f <m@x.example>"))
    (number,) = admitted(intake(world))
    requestor = change(world, number).requestor
    assert requestor.id == "m@x.example"
    assert Actor.parse(str(requestor)) == requestor
    assert "#" not in requestor.name
    assert requestor.name.isprintable()
    assert_clean(world.path)


def test_trailers_in_a_message_by_hand_are_text(world: World, outsider: Outsider) -> None:
    message = b"x\n\nOperation: delete\nCategory: gfpgan\nName: GFPGAN\nRequestor: arthur#3\nOrigin: import\n"
    outsider.push("intake/x", outsider.commit(new(), message=message))
    (number,) = admitted(intake(world))
    found = change(world, number)
    assert (found.operation, found.model_name, found.origin) == ("create", "New", None)
    assert found.requested_by == "mallory@elsewhere.example"
    assert_clean(world.path)


def test_arbitrary_bytes_of_a_message_become_a_note(world: World, outsider: Outsider) -> None:
    outsider.push("intake/x", outsider.commit(new(), message=b"\xff\x00\n\nEvent: purge\n\x1b[0m" + b"y" * 2000))
    (number,) = admitted(intake(world))
    note = change(world, number).notes or ""
    assert len(note) == 500
    assert "Event: purge" in note
    assert_clean(world.path)


def test_an_edit_of_an_old_record_is_merged_by_field(world: World, outsider: Outsider) -> None:
    commit = outsider.commit(outsider.edited("clip", RECORD, description="mine"))
    world.apply(world.approve(world.update("clip", RECORD, {"/homepage": "https://models.example/theirs"})))
    outsider.push("intake/x", commit)
    (number,) = admitted(intake(world))
    record = stored(world, number)
    assert (record["description"], record["homepage"]) == ("mine", "https://models.example/theirs")
    assert_clean(world.path)


def test_an_edit_that_does_not_merge_is_refused_with_each_field(world: World, outsider: Outsider) -> None:
    was = outsider.record("clip", RECORD)["description"]
    commit = outsider.commit({**outsider.edited("clip", RECORD, description="mine"), **new()})
    world.apply(world.approve(world.update("clip", RECORD, {"/description": "theirs"})))
    outsider.push("intake/x", commit)
    answer = intake(world)
    assert len(answer["admitted"][0]["change_ids"]) == 1
    (row,) = answer["refused"][0]["details"]
    assert row["rule"] == "conflict"
    assert (row["path"], row["base"], row["ours"], row["theirs"]) == ("/description", was, "theirs", "mine")
    assert row["model_name"] == RECORD
    assert_clean(world.path)


def test_a_delete_of_what_changed_since_and_a_change_of_what_is_gone_are_conflicts(
    world: World, outsider: Outsider
) -> None:
    place = outsider.place("clip", RECORD)
    gone = outsider.commit({place: None})
    edited = outsider.commit(outsider.edited("gfpgan", "GFPGAN", description="mine"))
    numbers = (world.update("clip", RECORD, {"/description": "theirs"}), world.delete("gfpgan", "GFPGAN"))
    world.apply(world.approve(*numbers))
    outsider.push("intake/gone", gone)
    outsider.push("intake/edited", edited)
    answer = intake(world)
    rows = [row["details"][0] for row in answer["refused"]]
    assert [(row["rule"], row["path"], row["ours"] is None, row["theirs"] is None) for row in rows] == [
        ("conflict", "", True, False),
        ("conflict", "", False, True),
    ]
    assert not answer["admitted"]


def test_what_main_has_by_now_is_not_asked_for(world: World, outsider: Outsider) -> None:
    place = outsider.place("gfpgan", "GFPGAN")
    commit = outsider.commit({**outsider.edited("clip", RECORD, description="x"), place: None, **new()})
    numbers = (
        world.update("clip", RECORD, {"/description": "x"}),
        world.delete("gfpgan", "GFPGAN"),
        world.create("clip", "New", clip("New")),
    )
    world.apply(world.approve(*numbers))
    outsider.push("intake/x", commit)
    before = world.refs()
    row = {"ref": "refs/heads/intake/x", "commit": commit, "change_ids": []}
    assert intake(world) == {"admitted": [], "already": [row], "refused": []}
    assert world.refs() == before


def test_the_legacy_remainder_is_carried_over_and_never_changed(world: World, outsider: Outsider) -> None:
    source = world.path.parent / "legacy"
    source.mkdir()
    download = {"file_name": "a.ckpt", "file_url": "https://models.example/a.ckpt", "file_path": ""}
    entry = {
        "name": "alpha",
        "baseline": "stable diffusion 1",
        "type": "ckpt",
        "description": "x",
        "version": "1",
        "style": "generalist",
        "nsfw": False,
        "download_all": False,
        "available": False,
        "odd": 1,
        "config": {"files": [{"path": "a.ckpt"}], "download": [download]},
    }
    (source / "stable_diffusion.json").write_text(json.dumps({"alpha": entry}), encoding="utf-8")
    empty = World.make(world.path.parent / "empty.git", bare=True, empty=True)
    empty.clock.now = world.clock.now
    assert empty.run("import", str(source)).code == 0
    outsider = Outsider(empty.path)
    assert "_legacy" in outsider.record("image_generation", "alpha")
    good = outsider.commit(outsider.edited("image_generation", "alpha", description="y"))
    bad = outsider.commit(outsider.edited("image_generation", "alpha", description="y", _legacy={"rank": 1}))
    (number,) = admitted(intake(empty, good))
    assert stored(empty, number)["_legacy"] == outsider.record("image_generation", "alpha")["_legacy"]
    assert only(intake(empty, bad))["rule"] == "remainder.changed"
    assert_clean(empty.path)


def test_faults_are_told_and_the_good_records_go_in(world: World, outsider: Outsider) -> None:
    files = {
        **new("Good"),
        "dataset/clip/Bad.json": b'{"name": "Bad", "config": 3}',
        "dataset/clip/Broken.json": b"{",
    }
    outsider.push("intake/x", outsider.commit(files))
    answer = intake(world)
    assert [change(world, number).model_name for number in answer["admitted"][0]["change_ids"]] == ["Good"]
    details = answer["refused"][0]["details"]
    assert {row["file"] for row in details} == {"dataset/clip/Bad.json", "dataset/clip/Broken.json"}
    assert {"/config", ""} <= {row["path"] for row in details}
    assert_clean(world.path)


def test_quality_rules_hold_unless_they_are_waived(world: World, outsider: Outsider) -> None:
    data = json.dumps(clip("other name")).encode()
    outsider.push("intake/x", outsider.commit({"dataset/clip/New.json": data}))
    rule = only(intake(world))["rule"]
    (number,) = admitted(intake(world, allow=(rule,)))
    assert change(world, number).waived == (rule,)
    assert_clean(world.path)


def test_two_names_of_one_branch_that_differ_by_case_alone_wait_and_never_join_one_batch(
    world: World, outsider: Outsider
) -> None:
    outsider.push("intake/x", outsider.commit({**new("Alpha"), **new("ALPHA")}))
    numbers = admitted(intake(world))
    with pytest.raises(Conflict, match="letter case"):
        world.approve(*numbers)


def test_a_rename_by_letter_case_goes_in(world: World, outsider: Outsider) -> None:
    data = outsider.edited("gfpgan", "GFPGAN", name="gfpgan")
    path = outsider.place("gfpgan", "GFPGAN")
    outsider.push("intake/x", outsider.commit({path: None, "dataset/gfpgan/gfpgan.json": data[path]}))
    assert len(admitted(intake(world))) == 2
    assert_clean(world.path)


def test_a_branch_with_anything_but_records_is_refused_as_a_whole(world: World, outsider: Outsider) -> None:
    outsider.push("intake/x", outsider.commit({**new(), ".github/workflows/x.yml": b"on: push\n"}))
    before = world.refs()
    row = only(intake(world))
    assert (row["file"], row["rule"]) == (".github/workflows/x.yml", "intake.foreign_file")
    assert world.refs() == before


def test_one_bad_branch_does_not_stop_the_others(world: World, outsider: Outsider) -> None:
    outsider.push("intake/a", outsider.commit({"dataset/clip/New.json": (0o120000, outsider.blob(b"/etc/passwd"))}))
    outsider.push("intake/b", outsider.commit(new("B")))
    outsider.push("intake/c", outsider.commit(outsider.tree("main", new("C")), []))
    answer = intake(world)
    assert [row["ref"] for row in answer["admitted"]] == ["refs/heads/intake/b"]
    assert [row["ref"] for row in answer["refused"]] == ["refs/heads/intake/a", "refs/heads/intake/c"]
    assert_clean(world.path)


def test_a_branch_that_merges_main_is_taken_by_its_net_change_and_its_own_author(
    world: World, outsider: Outsider
) -> None:
    mine = outsider.commit(new(), author=CAROLS)
    world.apply(world.approve(world.update("clip", RECORD, {"/description": "theirs"})))
    merge = outsider.commit(outsider.tree("main", new()), [mine, outsider.main], author="web <noreply@host.example>")
    outsider.push("intake/x", merge)
    (number,) = admitted(intake(world))
    assert change(world, number).requested_by == "2"
    assert_clean(world.path)


def test_a_category_of_ones_own_is_neither_filled_in_nor_stamped(world: World, outsider: Outsider) -> None:
    world.add_category("voices")
    outsider.push("intake/x", outsider.commit({"dataset/voices/alto.json": b'{"b": null, "a": 1}'}))
    (number,) = admitted(intake(world))
    assert stored(world, number) == {"b": None, "a": 1}
    assert_clean(world.path)


# --- who may, and who approves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", [CAROL, "dora#7"])
def test_only_an_approver_or_a_service_runs_it(world: World, outsider: Outsider, actor: str) -> None:
    outsider.push("intake/x", outsider.commit(new()))
    with pytest.raises(Forbidden, match="approver or service"):
        intake(world, actor=actor)


def test_who_ran_it_is_no_approver_of_what_came_in_but_a_service_does_not_count(
    world: World, outsider: Outsider
) -> None:
    world.pass_policy(add_member(world.context(), BOT, emails=(), roles=("service",)))
    outsider.push("intake/x", outsider.commit(new("One")))
    (one,) = admitted(intake(world, actor=ARTHUR))
    outsider.push("intake/y", outsider.commit(new("Two"), author="Arthur <arthur@people.example>"))
    (two,) = admitted(intake(world, actor=BOT))
    for number, actor in ((one, ARTHUR), (two, ARTHUR), (two, BOT)):
        with pytest.raises(Forbidden):
            review_changes(world.context(actor), [Pick(number)], (), title="mine")
    world.apply(world.approve(one, two, actor=OWNER), actor=OWNER)
    assert_clean(world.path)


def test_who_asked_before_becoming_an_approver_does_not_approve_it(world: World, outsider: Outsider) -> None:
    outsider.push("intake/x", outsider.commit(new()))
    (number,) = admitted(intake(world))
    answer = add_member(world.context(), "mallory#8", emails=("Mallory@elsewhere.example",), roles=("approver",))
    world.pass_policy(answer)
    with pytest.raises(Forbidden, match="asked for"):
        review_changes(world.context("mallory#8"), [Pick(number)], (), title="mine")
    withdraw(world.context("mallory#8"), [number])
    assert_clean(world.path)


def test_what_is_protected_stays_so(world: World, outsider: Outsider) -> None:
    protected = b'\n[[protected]]\ncategory = "clip"\nrequestors = ["2"]\n'
    config = outsider.dataset().config_bytes
    world.rewrite_config(config, config + protected)
    outsider.push("intake/x", outsider.commit(new()))
    outsider.push("intake/y", outsider.commit(new("Hers"), author=CAROLS))
    answer = intake(world)
    assert answer["refused"][0]["details"][0]["rule"] == "protected.requestor"
    assert [change(world, n).model_name for row in answer["admitted"] for n in row["change_ids"]] == ["Hers"]


# --- once ------------------------------------------------------------------------------------------------------------


def test_a_commit_is_admitted_once_under_whatever_name(world: World, outsider: Outsider) -> None:
    commit = outsider.push("intake/x", outsider.commit(new()))
    (number,) = admitted(intake(world))
    outsider.push("intake/again", commit)
    before = world.refs()
    for refs in ((), (commit,), ("intake/again",), ("refs/heads/intake/x",)):
        answer = intake(world, *refs)
        assert not answer["admitted"]
        assert not answer["refused"]
        assert all(row["change_ids"] == [number] for row in answer["already"])
    assert world.refs() == before


@pytest.mark.parametrize("how", ["rejected", "withdrawn", "applied", "purged"])
def test_what_was_decided_does_not_come_again_with_the_same_branch(world: World, outsider: Outsider, how: str) -> None:
    commit = outsider.push("intake/x", outsider.commit(new()))
    (number,) = admitted(intake(world))
    match how:
        case "rejected":
            review_changes(world.context(ARTHUR), (), [number], title=None, reason="no")
        case "withdrawn":
            world.pass_policy(
                add_member(world.context(), "mallory#8", emails=("mallory@elsewhere.example",), roles=("requestor",))
            )
            withdraw(world.context("mallory#8"), [number])
        case "applied":
            world.apply(world.approve(number))
        case "purged":
            assert world.run("purge", "--all", "--yes").code == 0
    assert intake(world)["already"] == [{"ref": "refs/heads/intake/x", "commit": commit, "change_ids": [number]}]
    # Nor with another commit that says the same of the record.
    outsider.push("intake/x", outsider.commit({**new(), **new("Other")}, [commit]))
    answer = intake(world)
    assert [change(world, n).model_name for n in admitted(answer)] == ["Other"]
    assert answer["already"][0]["change_ids"] == [number]
    assert_clean(world.path)


def test_a_bare_commit_that_was_decided_does_not_come_again_under_any_name(world: World, outsider: Outsider) -> None:
    commit = outsider.commit(new())
    (number,) = admitted(intake(world, commit))
    review_changes(world.context(ARTHUR), (), [number], title=None, reason="no")
    outsider.push("intake/x", commit)
    for ref in (commit, "intake/x"):
        answer = intake(world, ref)
        assert not answer["admitted"]
        assert answer["already"][0]["change_ids"] == [number]


def test_a_later_push_replaces_what_it_changes_and_leaves_the_rest(world: World, outsider: Outsider) -> None:
    outsider.push("intake/x", outsider.commit({**new("A"), **new("B")}))
    first = admitted(intake(world))
    outsider.push("intake/x", outsider.commit({**new("A"), **new("B", description="better")}))
    answer = intake(world)
    (second,) = admitted(answer)
    assert answer["already"][0]["change_ids"] == first[:1]
    assert change(world, first[0]).is_open
    assert change(world, first[1]).reject_reason == f"superseded by change {second}"
    assert stored(world, second)["description"] == "better"
    assert_clean(world.path)


def test_a_service_replaces_what_it_brought_itself(world: World, outsider: Outsider) -> None:
    world.pass_policy(add_member(world.context(), BOT, emails=(), roles=("service",)))
    mine = world.create("clip", "New", clip("New"))
    outsider.push("intake/x", outsider.commit(new()))
    (first,) = admitted(intake(world, actor=BOT))
    world.approve(first)
    outsider.push("intake/x", outsider.commit(new(description="better")))
    (second,) = admitted(intake(world, actor=BOT))
    assert not change(world, first).is_open
    assert change(world, second).is_open
    assert change(world, mine).is_open
    assert_clean(world.path)


def test_the_same_by_the_same_person_on_another_branch_is_there_already(world: World, outsider: Outsider) -> None:
    files = {**new(), outsider.place("gfpgan", "GFPGAN"): None}
    outsider.push("intake/x", outsider.commit(files))
    numbers = admitted(intake(world))
    outsider.git("update-ref", "refs/pull/7/head", outsider.commit(files, message=b"again"))
    assert intake(world, "refs/pull/7/head")["already"][0]["change_ids"] == numbers
    outsider.git("update-ref", "refs/pull/8/head", outsider.commit(files, author=CAROLS))
    assert len(admitted(intake(world, "refs/pull/8/head"))) == 2


def test_another_person_or_another_branch_replaces_nothing(world: World, outsider: Outsider) -> None:
    outsider.push("intake/x", outsider.commit(new()))
    (first,) = admitted(intake(world))
    outsider.push("intake/x", outsider.commit(new(description="hers"), author=CAROLS))
    outsider.push("intake/y", outsider.commit(new(description="third")))
    assert len(admitted(intake(world))) == 2
    assert change(world, first).is_open
    assert any("rival" in text for text in world.warnings)
    assert_clean(world.path)


def test_what_was_refused_is_tried_again_and_what_went_in_is_not(world: World, outsider: Outsider) -> None:
    commit = outsider.commit({**new(), **outsider.edited("clip", RECORD, description="mine")})
    world.apply(world.approve(world.update("clip", RECORD, {"/description": "theirs"})))
    outsider.push("intake/x", commit)
    first = intake(world)["admitted"][0]["change_ids"]
    answer = intake(world)
    assert not answer["admitted"]
    assert answer["already"][0]["change_ids"] == first
    assert len(answer["refused"]) == 1
    before = outsider.record("clip", RECORD, "main~1")["description"]
    world.apply(world.approve(world.update("clip", RECORD, {"/description": before})))
    assert len(admitted(intake(world))) == 1


def test_a_dry_run_gives_the_same_answer_and_changes_nothing(world: World, outsider: Outsider) -> None:
    outsider.push("intake/x", outsider.commit({**new(), "dataset/clip/Bad.json": b"{"}))
    refs, objects = world.refs(), world.objects()
    said = take_in(world.context(dry_run=True), delete=True).as_json()
    assert (world.refs(), world.objects()) == (refs, objects)
    assert intake(world) == said


def test_branches_are_taken_away_when_nothing_of_them_was_refused(world: World, outsider: Outsider) -> None:
    outsider.push("intake/good", outsider.commit(new("Good")))
    outsider.push("intake/bad", outsider.commit({"dataset/clip/Bad.json": b"{"}))
    outsider.push("pull/1/head", outsider.commit(new("Pulled")))
    intake(world, delete=True)
    intake(world, "refs/heads/pull/1/head", delete=True)
    assert {"refs/heads/intake/bad", "refs/heads/pull/1/head"} <= world.refs().keys()
    assert "refs/heads/intake/good" not in world.refs()
    assert_clean(world.path)


def test_a_pull_requests_head_is_a_source_of_its_own(world: World, outsider: Outsider) -> None:
    outsider.git("update-ref", "refs/pull/7/head", outsider.commit(new()))
    (first,) = admitted(intake(world, "refs/pull/7/head"))
    outsider.git("update-ref", "refs/pull/7/head", outsider.commit(new(description="better")))
    (second,) = admitted(intake(world, "refs/pull/7/head"))
    assert change(world, first).reject_reason == f"superseded by change {second}"
    with pytest.raises(NotFound):
        intake(world, "refs/pull/8/head")


def test_nothing_to_take_in_is_no_failure(world: World) -> None:
    assert intake(world) == {"admitted": [], "already": [], "refused": []}


# --- ready proposals -------------------------------------------------------------------------------------------------


def ready(
    world: World,
    outsider: Outsider,
    *,
    requestor: str = CAROL,
    author: str = "carol <carol@people.example>",
    **more: Any,
) -> str:
    """A commit that is a proposal's in all that is not said otherwise."""
    time = more.pop("time", world.clock.now)
    stamps = {"created_at": time, "created_by": requestor, "updated_at": time, "updated_by": requestor}
    schema = outsider.dataset().schema("clip")
    record, problems = stored_form(schema, clip("New"))
    assert not problems
    record["metadata"] = {**record.get("metadata", {}), **stamps}
    data = codec.encode(record, schema.order)
    proposal = Proposal("create", "clip", "New", Actor.parse(requestor), "why", "", outsider.main, None, None)
    proposal = replace(proposal, **more.pop("lies", {}))
    files = more.pop("files", {}) or {"dataset/clip/New.json": data}
    return outsider.proposed(proposal, files, author=author, time=time, **more)


def test_a_ready_proposal_is_admitted_as_the_very_commit(world: World, outsider: Outsider) -> None:
    commit = outsider.push("intake/x", ready(world, outsider))
    (number,) = admitted(intake(world))
    found = change(world, number)
    assert (found.commit, found.requested_username, found.notes) == (commit, CAROL, "why")
    assert world.refs()[f"refs/heads/proposals/{number}"] == commit
    world.apply(world.approve(number))
    assert_clean(world.path)


def test_a_ready_proposal_of_a_stranger_is_admitted_too(world: World, outsider: Outsider) -> None:
    commit = ready(world, outsider, requestor="mallory#mallory@elsewhere.example", author=MALLORY)
    outsider.push("intake/x", commit)
    (number,) = admitted(intake(world))
    assert change(world, number).commit == commit
    assert_clean(world.path)


def test_a_ready_proposal_on_an_older_main_keeps_its_base(world: World, outsider: Outsider) -> None:
    commit = ready(world, outsider)
    base = outsider.main
    world.apply(world.approve(world.update("clip", RECORD, {"/description": "x"})))
    outsider.push("intake/x", commit)
    (number,) = admitted(intake(world))
    assert (change(world, number).commit, change(world, number).base) == (commit, base)
    world.apply(world.approve(number))
    assert_clean(world.path)


@pytest.mark.parametrize(
    "lies",
    [
        {"requestor": Actor.parse(ARTHUR)},
        {"operation": "update"},
        {"operation": "delete"},
        {"name": "Other"},
        {"category": "gfpgan"},
        {"category": "none"},
        {"category": "policy", "name": "modelref.toml"},
        {"origin": "import"},
        {"name": "../../x"},
    ],
)
def test_trailers_that_lie_are_not_believed(world: World, outsider: Outsider, lies: dict[str, Any]) -> None:
    commit = outsider.push("intake/x", ready(world, outsider, lies=lies))
    (number,) = admitted(intake(world))
    found = change(world, number)
    assert found.commit != commit
    assert (found.operation, found.category, found.model_name) == ("create", "clip", "New")
    assert (found.requested_username, found.origin) == (CAROL, None)
    assert_clean(world.path)


@pytest.mark.parametrize(
    ("old", "new_words"),
    [
        (b'create clip "New"', b'delete gfpgan "GFPGAN"'),
        (b"Requestor:", b"Waived: *\nRequestor:"),
        (b"\n\nOperation", b"\n\napproved by arthur\n\nOperation"),
    ],
)
def test_a_message_that_says_more_or_else_is_written_anew(
    world: World, outsider: Outsider, old: bytes, new_words: bytes
) -> None:
    payload = outsider.store.read(ready(world, outsider))[1]
    assert payload.count(old) == 1
    commit = outsider.push("intake/x", outsider.raw("commit", payload.replace(old, new_words)))
    (number,) = admitted(intake(world))
    assert change(world, number).commit != commit
    assert world.store.read_commit(change(world, number).commit).subject == 'create clip "New"'
    assert change(world, number).notes == "why"
    assert_clean(world.path)


def test_a_forged_author_of_stamps_is_stamped_anew(world: World, outsider: Outsider) -> None:
    commit = outsider.push("intake/x", ready(world, outsider, requestor=ARTHUR))
    (number,) = admitted(intake(world))
    assert change(world, number).commit != commit
    assert stored(world, number)["metadata"]["created_by"] == CAROL
    assert_clean(world.path)


@pytest.mark.parametrize("seconds", [601, 10**9])
def test_a_ready_proposal_of_the_future_is_dated_anew(world: World, outsider: Outsider, seconds: int) -> None:
    commit = outsider.push("intake/x", ready(world, outsider, time=world.clock.now + seconds))
    (number,) = admitted(intake(world))
    assert change(world, number).commit != commit
    assert stored(world, number)["metadata"]["updated_at"] == world.clock.now
    assert_clean(world.path)


def test_a_ready_proposal_whose_parent_was_never_main_is_drafted_anew(world: World, outsider: Outsider) -> None:
    between = outsider.commit(outsider.tree("main", {}))
    commit = outsider.push("intake/x", ready(world, outsider, parent=between))
    (number,) = admitted(intake(world))
    assert change(world, number).commit != commit
    assert change(world, number).base == outsider.main
    assert_clean(world.path)


def test_a_ready_proposal_on_top_of_another_proposal_that_was_applied_is_drafted_anew(
    world: World, outsider: Outsider
) -> None:
    first = world.create("clip", "First", clip("First"))
    below = change(world, first).commit
    world.apply(world.approve(first))
    commit = outsider.push("intake/x", ready(world, outsider, parent=below))
    (number,) = admitted(intake(world))
    assert change(world, number).commit != commit
    assert_clean(world.path)


def test_a_ready_proposal_that_touches_more_is_as_if_made_by_hand(world: World, outsider: Outsider) -> None:
    outsider.push("intake/x", ready(world, outsider, files={**new(), **new("Second")}))
    assert len(admitted(intake(world))) == 2
    outsider.push("intake/y", ready(world, outsider, files={**new("Third"), "schemas/clip.schema.json": b"{}"}))
    assert intake(world, "intake/y")["refused"][0]["details"][0]["rule"] == "intake.foreign_file"
    assert_clean(world.path)


def test_a_commit_that_is_in_the_queue_by_another_way_is_there_already(world: World, outsider: Outsider) -> None:
    number = int(propose_create(world.context(CAROL), Request("create", "clip", "New", clip("New")))["change_id"])
    outsider.push("intake/x", change(world, number).commit)
    assert intake(world)["already"][0]["change_ids"] == [number]
    # Also if its author has another e-mail by now, and would be taken for somebody else.
    world.rewrite_config(b"carol@people.example", b"carol@elsewhere.example")
    assert intake(world)["already"][0]["change_ids"] == [number]


def test_a_change_that_is_held_gives_way_to_a_later_push(world: World, outsider: Outsider) -> None:
    outsider.push("intake/x", outsider.commit(new()))
    (number,) = admitted(intake(world))
    hold(world.context(ARTHUR), [number], reason="wait")
    outsider.push("intake/x", outsider.commit(new(description="better")))
    (second,) = admitted(intake(world))
    assert not change(world, number).is_open
    apply_changes(world.context(ARTHUR), (), batch_id=world.approve(second))
    assert_clean(world.path)
