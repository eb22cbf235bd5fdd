"""People on no list, of whom a login service says what they are."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import Forbidden
from modelref_git.operations.adopt import adopt
from modelref_git.operations.apply import apply_changes
from modelref_git.operations.changes import Filters, show_change
from modelref_git.operations.context import Context, find_person
from modelref_git.operations.drafting import Request
from modelref_git.operations.hold import hold
from modelref_git.operations.layout import set_fan_out
from modelref_git.operations.members import whoami
from modelref_git.operations.policy_settings import replace_policy, set_policy
from modelref_git.operations.propose import propose_create, propose_update
from modelref_git.operations.rebase import propose_rebase
from modelref_git.operations.review import Pick, review_changes
from modelref_git.operations.review_queue import changes_to_review
from modelref_git.operations.status import repository_status
from modelref_git.records import codec
from tests.attacks.forging import Forger
from tests.attacks.judge import findings
from tests.support.guests import GWEN, MODERATOR, ROBOT, TESS, TRUSTED, guest, open_house
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

TWO = [("approvals", 2), ("two_person_review", False)]
"""Of two listed approvers one could never get two approvals beside their own."""


@pytest.fixture
def house(tmp_path: Path) -> World:
    return open_house(tmp_path / "house.git")


def proposed(ctx: Context, name: str) -> int:
    return int(propose_create(ctx, Request("create", "clip", name, clip(name)))["change_id"])


def approved(ctx: Context, *numbers: int) -> dict[str, Any]:
    return review_changes(ctx, [Pick(number) for number in numbers], (), title="T")


def trailers_of(world: World, revision: str = "queue") -> list[str]:
    return world.git("log", "-1", "--format=%(trailers:unfold)", revision).splitlines()


def checked(world: World) -> None:
    """The log is honest, and replays to what it is."""
    assert findings(Forger(world.path)) == []
    world.run("audit", "replay").ok()


def test_guests_take_a_change_all_the_way_and_the_log_is_honest(house: World) -> None:
    number = proposed(guest(house, TESS, *TRUSTED), "new")
    row = show_change(house.context(), number)
    assert (row["requested_by"], row["requested_username"]) == ("78", TESS)
    lines = trailers_of(house)
    assert lines[lines.index(f"Actor: {TESS}") :][:3] == [f"Actor: {TESS}", f"Attested-By: {ROBOT}", "Flag: trusted"]
    batch = approved(guest(house, GWEN, *MODERATOR), number)["batch_id"]
    answer = apply_changes(guest(house, GWEN, *MODERATOR), (), batch_id=batch)
    assert answer["applied"][0]["applied_username"] == GWEN
    assert "new" in house.context().dataset().names("clip")
    checked(house)


def test_without_a_service_flags_are_worth_nothing_and_are_not_written(house: World) -> None:
    ctx = guest(house, CAROL, *MODERATOR, service=None)
    assert not whoami(ctx)["is_approver"]
    proposed(ctx, "new")
    assert not [line for line in trailers_of(house) if line.startswith(("Flag", "Attested-By"))]
    with pytest.raises(Forbidden):
        proposed(guest(house, TESS, *TRUSTED, service=None), "newer")


def test_who_is_no_service_is_not_believed(house: World) -> None:
    ctx = guest(house, TESS, *MODERATOR, service=ARTHUR)
    assert whoami(ctx)["roles"] == []
    with pytest.raises(Forbidden):
        proposed(ctx, "new")


def test_a_policy_that_asks_for_no_flags_gets_none_in_its_log(house: World) -> None:
    proposed(guest(house, CAROL, "curious", "trusted", "moderator"), "one")
    flags = [line for line in trailers_of(house) if line.startswith("Flag")]
    assert flags == ["Flag: moderator", "Flag: trusted"]


def test_a_person_with_flags_may_what_they_bring(house: World) -> None:
    config = house.context().dataset().config
    found = find_person(house.store, config, GWEN, MODERATOR)
    assert found.is_approver
    assert found.is_requestor
    assert (found.actor.id, found.username, found.flags) == ("77", GWEN, MODERATOR)
    listed = find_person(house.store, config, CAROL, MODERATOR)
    assert listed.member is not None
    assert listed.member.roles == ("requestor", "approver")
    assert listed.email == "carol@people.example"
    assert not find_person(house.store, config, GWEN).is_requestor
    assert whoami(guest(house, GWEN, *MODERATOR))["roles"] == ["approver", "requestor"]


def test_a_guest_does_not_approve_what_they_asked_for(house: World) -> None:
    both = guest(house, GWEN, *MODERATOR)
    number = proposed(both, "mine")
    with pytest.raises(Forbidden, match="somebody else approves it") as fault:
        approved(both, number)
    assert [row["rule"] for row in fault.value.details] == ["review.two_people"]
    carols = house.create("clip", "hers", clip("hers"))
    with pytest.raises(Forbidden, match="somebody else approves it"):
        approved(guest(house, CAROL, *MODERATOR), carols)
    approved(guest(house, TESS, *MODERATOR), number, carols)
    checked(house)


def test_a_guests_approval_stops_counting_with_the_mapping(house: World) -> None:
    number = house.create("clip", "new", clip("new"))
    batch = approved(guest(house, GWEN, *MODERATOR), number)["batch_id"]
    house.pass_policy(set_policy(house.context(), [("flag_roles.moderator", [])]))
    with pytest.raises(Forbidden, match="0 of 1 approvals count"):
        house.apply(batch)
    row = house.run("status", str(number)).ok().json
    assert [item["rule"] for item in row["blockers"]] == ["review.approvals"]
    house.pass_policy(set_policy(house.context(), [("flag_roles.moderator", ["approver:clip"])]))
    house.apply(batch)
    checked(house)


def test_two_guests_are_two_approvals(house: World) -> None:
    house.pass_policy(set_policy(house.context(), TWO))
    number = house.create("clip", "new", clip("new"))
    assert approved(guest(house, GWEN, *MODERATOR), number)["batch_id"] is None
    assert changes_to_review(guest(house, GWEN, *MODERATOR), Filters()) == []
    assert changes_to_review(guest(house, TESS, *MODERATOR), Filters()) == [number]
    assert repository_status(guest(house, TESS, *MODERATOR))["waiting"][0]["change_id"] == number
    house.apply(approved(guest(house, TESS, *MODERATOR), number)["batch_id"])
    checked(house)


def test_a_guests_change_is_rebased_by_an_approver_and_by_the_guest(house: World) -> None:
    tess = guest(house, TESS, *TRUSTED)
    request = Request("update", "clip", "ViT-L/14", {**_record(house), "description": "by tess"})
    number = int(propose_update(replace(tess, route="update_v2_clip"), request)["change_id"])
    house.apply(house.approve(house.update("clip", "ViT-L/14", {"/homepage": "https://models.example/"})))
    propose_rebase(house.context(ARTHUR), number)
    house.apply(house.approve(house.update("clip", "ViT-L/14", {"/homepage": "https://models.example/2"})))
    answer = propose_rebase(tess, number, settings=[("/description", "by tess, better")])
    assert answer["payload"]["homepage"] == "https://models.example/2"
    assert answer["request_metadata"] == {"route": "update_v2_clip"}, "a rebase keeps it"
    with pytest.raises(Forbidden):
        propose_rebase(guest(house, GWEN, *TRUSTED), number)
    checked(house)


def _record(world: World) -> dict[str, Any]:
    dataset = world.context().dataset()
    return codec.decode(dataset.objects.read_blob(dataset.blob("clip", "ViT-L/14") or ""))


def test_a_guest_administers_if_the_policy_says_so(house: World) -> None:
    gwen = guest(house, GWEN, *MODERATOR)
    set_fan_out(gwen, "clip", 1)
    forger = Forger(house.path)
    dataset = forger.dataset()
    data = codec.encode({**_record(house), "description": "by hand"}, dataset.schema("clip").order)
    tree = forger.tree("main", {dataset.path("clip", "ViT-L/14"): data})
    forger.point("refs/heads/main", forger.commit(tree, [forger.main], "by hand\n"))
    with pytest.raises(Forbidden):
        adopt(guest(house, TESS, *TRUSTED), "main", reason="seen")
    adopt(gwen, "main", reason="seen")
    checked(house)


def test_guests_adopt_together(house: World) -> None:
    house.pass_policy(set_policy(house.context(), TWO))
    forger = Forger(house.path)
    dataset = forger.dataset()
    data = codec.encode({**_record(house), "description": "by hand"}, dataset.schema("clip").order)
    tree = forger.tree("main", {dataset.path("clip", "ViT-L/14"): data})
    forger.point("refs/heads/main", forger.commit(tree, [forger.main], "by hand\n"))
    before = house.context().view().main
    adopt(guest(house, GWEN, *MODERATOR), "main", reason="seen")
    assert house.context().view().main == before
    found = house.context().view().queue.header.adopting
    assert [row["flags"] for rows in found.values() for row in rows] == [["moderator"]]
    adopt(guest(house, TESS, *MODERATOR), "main", reason="seen")
    assert house.context().view().main != before
    checked(house)


def test_a_guest_changes_the_policy_with_another_approver(house: World) -> None:
    answer = set_policy(guest(house, GWEN, *MODERATOR), [("replica_max_age", 7)])
    assert "change_id" in answer
    house.apply(house.approve(answer["change_id"], title="policy"))
    assert house.context().dataset().config.policy.replica_max_age == 7
    checked(house)


def test_a_dry_run_answers_as_the_step_would(house: World) -> None:
    before = house.refs()
    number = proposed(guest(house, TESS, *TRUSTED, dry_run=True), "new")
    assert house.refs() == before
    assert proposed(guest(house, TESS, *TRUSTED), "new") == number
    with pytest.raises(Forbidden):
        hold(guest(house, TESS, *TRUSTED, dry_run=True), [number], reason="R")


def test_the_audit_tells_flags_and_routes(house: World) -> None:
    proposed(replace(guest(house, TESS, *TRUSTED), route="create_v2_clip"), "new")
    payload = house.events()[-1]["payload"]
    assert (payload["flags"], payload["route"], payload["attested_by"]) == (["trusted"], "create_v2_clip", ROBOT)
    assert "flags" not in house.events()[0]["payload"]


def test_what_comes_by_a_route_says_so(house: World) -> None:
    ctx = replace(house.context(CAROL), route="create_v2_clip")
    answer = propose_create(ctx, Request("create", "clip", "new", clip("new")))
    assert answer["request_metadata"] == {"route": "create_v2_clip"}
    assert list(answer)[-1] == "request_metadata"
    number = answer["change_id"]
    hold(replace(house.context(OWNER), route="hold_pending_change"), [number], reason="R")
    assert not [line for line in trailers_of(house) if line.startswith("Route")], "only what is proposed keeps it"
    assert show_change(house.context(), number)["request_metadata"] == {"route": "create_v2_clip"}
    assert show_change(house.context(), house.create("clip", "plain", clip("plain")))["request_metadata"] is None
    checked(house)


def test_the_mapping_is_set_and_shown_by_the_command_line(house: World) -> None:
    house.run_policy("policy", "set", 'flag_roles.king=["approver:clip"]', "flag_roles.trusted=[]")
    shown = house.run("policy", "show").ok().json["policy"]["flag_roles"]
    assert shown == {"moderator": ["approver"], "trusted": [], "king": ["approver:clip"]}
    answer = house.run("policy", "set", 'flag_roles.king=["service"]')
    assert answer.code == 5
    assert answer.error["details"][0]["path"] == "/policy/flag_roles/king"


def test_where_signatures_are_required_the_services_key_signs_for_guests(house: World, tmp_path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "robot")]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    public = (tmp_path / "robot.pub").read_text().strip()
    text = house.git("show", "main:modelref.toml").replace("require_signed = false", "require_signed = true")
    before, mark, after = text.partition('name = "robot"\n')
    text = before + mark + after.replace("ssh_keys = []", f'ssh_keys = ["{public}"]', 1)
    house.pass_policy(replace_policy(house.context(), text.encode()))
    for name, value in (
        ("gpg.format", "ssh"),
        ("user.signingkey", str(tmp_path / "robot")),
        ("commit.gpgsign", "true"),
    ):
        house.git("config", name, value)
    number = proposed(guest(house, TESS, *TRUSTED), "new")
    batch = approved(guest(house, GWEN, *MODERATOR), number)["batch_id"]
    apply_changes(guest(house, GWEN, *MODERATOR), (), batch_id=batch)
    assert "gpgsig" in house.git("cat-file", "commit", "queue")
    checked(house)
