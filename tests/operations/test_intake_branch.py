"""``propose --intake``: a proposal's commit as a branch, made and pushed by somebody without rights to the queue."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import Conflict, Forbidden, Invalid, NotFound, RemoteFailure, UsageFault
from modelref_git.operations.answers import find_change
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.intake import take_in
from modelref_git.operations.members import add_member
from modelref_git.operations.policy_settings import replace_policy
from modelref_git.operations.propose import editing, propose_create, propose_delete, propose_update
from modelref_git.store import transport
from modelref_git.store.git import GitStore
from modelref_git.store.log import read_proposal
from modelref_git.store.transport import Move, Outcome, Unreachable
from tests.support.clean import assert_clean
from tests.support.pushed import Outsider
from tests.support.transports import repositories
from tests.support.world import ARTHUR, CAROL, OWNER, FixedClock, World, clip

RECORD = "ViT-L/14"
NEW = Request("create", "clip", "New", clip("New"), "why")


@dataclass(slots=True)
class Clone:
    """A clone by plain git, of somebody with an e-mail."""

    path: Path
    clock: FixedClock
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, world: World, path: Path, *options: str, email: str = "mallory@elsewhere.example") -> Clone:
        subprocess.run(["git", "clone", "-q", *options, f"file://{world.path}", str(path)], check=True)
        clone = cls(path, world.clock)
        clone.git("config", "user.name", "mallory")
        clone.git("config", "user.email", email)
        return clone

    def git(self, *words: str) -> str:
        return repositories.git(self.path, *words)

    def context(self, actor: str | None = None, *, dry_run: bool = False) -> Context:
        return Context(
            GitStore.open(self.path), claim=actor, dry_run=dry_run, clock=self.clock, warn=self.warnings.append
        )

    def create(self, request: Request = NEW, actor: str | None = None) -> dict[str, Any]:
        return propose_create(self.context(actor), request, intake=True)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "world.git", bare=True)


@pytest.fixture
def clone(world: World, tmp_path: Path) -> Clone:
    return Clone.of(world, tmp_path / "clone")


def admit(world: World) -> list[int]:
    answer = take_in(world.context()).as_json()
    assert not answer["refused"], answer["refused"]
    return [number for row in answer["admitted"] for number in row["change_ids"]]


@pytest.mark.parametrize("options", [(), ("--single-branch", "-b", "main"), ("--depth", "1", "-b", "main")])
def test_what_is_pushed_is_a_proposal_that_is_admitted_as_it_is(
    world: World, tmp_path: Path, options: tuple[str, ...]
) -> None:
    clone = Clone.of(world, tmp_path / "mine", *options)
    before = world.refs()
    answer = clone.create()
    ref, commit = answer["intake"], answer["commit"]
    assert answer["change_id"] is None
    assert ref.startswith("refs/heads/intake/mallory/create-clip-new-")
    assert world.refs() == {**before, ref: commit}
    (number,) = admit(world)
    found = find_change(world.context().view().queue, number)
    assert (found.commit, found.requested_by, found.notes) == (commit, "mallory@elsewhere.example", "why")
    world.apply(world.approve(number))
    assert_clean(world.path)


def test_a_clone_that_has_the_queue_knows_what_waits_there(world: World, clone: Clone) -> None:
    clone.git("config", "modelref.remote", "origin")
    rename = Request("create", "gfpgan", "gfpgan", {"config": {"download": []}})
    with pytest.raises(Conflict, match="letter case"):
        clone.create(rename)
    world.delete("gfpgan", "GFPGAN")
    clone.git("fetch", "-q")
    clone.create(rename)
    assert len(admit(world)) == 1
    assert_clean(world.path)


def test_updates_and_deletes_are_made_of_what_the_clone_has(world: World, clone: Clone) -> None:
    world.apply(world.approve(world.update("clip", RECORD, {"/homepage": "https://models.example/"})))
    edit = editing([("/description", "mine")], ())
    propose_update(clone.context(), Request("update", "clip", RECORD), edit=edit, intake=True)
    propose_delete(clone.context(), Request("delete", "gfpgan", "GFPGAN"), intake=True)
    numbers = admit(world)
    world.apply(world.approve(*numbers))
    record = world.run("get", "clip", RECORD).json
    assert (record["description"], record["homepage"]) == ("mine", "https://models.example/")
    assert "GFPGAN" not in world.run("ls", "gfpgan").json
    assert_clean(world.path)


def test_a_member_proposes_in_their_own_name(world: World, tmp_path: Path) -> None:
    clone = Clone.of(world, tmp_path / "carols", email="Carol@people.example")
    proposal = read_proposal(world.store, clone.create()["commit"])
    assert str(proposal.requestor) == CAROL
    (number,) = admit(world)
    assert find_change(world.context().view().queue, number).requested_username == CAROL


def test_a_member_who_is_named_needs_the_email_of_the_list(world: World, clone: Clone) -> None:
    world.pass_policy(add_member(world.context(), "dora#7", emails=(), roles=("requestor",)))
    clone.git("pull", "-q", "--ff-only")
    assert str(read_proposal(world.store, clone.create(actor=ARTHUR)["commit"]).requestor) == ARTHUR
    with pytest.raises(UsageFault, match=r"dora#7.*e-mail"):
        clone.create(actor="dora#7")
    with pytest.raises(UsageFault, match="e-mail"):
        clone.create(actor="nobody#99")


@pytest.mark.parametrize("name", ["carol#2", "\u202emallory", "<b>Bob</b>", "..", "Zoë"])
def test_any_name_of_gits_is_read_back_as_it_was_meant(world: World, clone: Clone, name: str) -> None:
    clone.git("config", "user.name", name)
    commit = clone.create()["commit"]
    (number,) = admit(world)
    found = find_change(world.context().view().queue, number)
    assert found.commit == commit
    assert found.requested_by == "mallory@elsewhere.example"
    assert_clean(world.path)


def test_the_checks_are_those_of_a_proposal_and_nothing_is_pushed_that_fails(world: World, clone: Clone) -> None:
    before = world.refs()
    for request, error in (
        (Request("create", "clip", "New", {"name": "New", "config": 3}), Invalid),
        (Request("create", "clip", " New ", clip(" New ")), Invalid),
        (Request("create", "clip", RECORD, clip(RECORD)), Conflict),
        (Request("create", "none", "New", {}), NotFound),
    ):
        with pytest.raises(error):
            clone.create(request)
    with pytest.raises(NotFound):
        propose_delete(clone.context(), Request("delete", "clip", "New"), intake=True)
    assert world.refs() == before


def test_what_is_protected_is_refused_before_it_is_pushed(world: World, clone: Clone) -> None:
    config = Outsider(world.path).dataset().config_bytes
    world.rewrite_config(config, config + b'\n[[protected]]\ncategory = "clip"\nrequestors = ["2"]\n')
    clone.git("pull", "-q", "--ff-only")
    with pytest.raises(Forbidden, match="carol"):
        clone.create()
    clone.git("config", "user.email", "carol@people.example")
    clone.create()
    assert len(admit(world)) == 1


def test_where_signatures_are_required_a_stranger_is_told_before(world: World, clone: Clone) -> None:
    world.rewrite_config(b"require_signed = false", b"require_signed = true")
    clone.git("pull", "-q", "--ff-only")
    with pytest.raises(Forbidden, match="no member"):
        clone.create()


def test_asking_again_is_the_same_commit_and_branch(world: World, clone: Clone) -> None:
    first = clone.create()
    clone.clock.tick(100)
    refs = world.refs()
    assert clone.create() == first
    assert world.refs() == refs
    other = clone.create(Request("create", "clip", "New", clip("New"), "another why"))
    assert other["intake"] != first["intake"]


def test_after_a_lost_answer_the_truth_is_read_back(
    world: World, clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    push, calls = transport.push, []

    def lost(*given: Any, **more: Any) -> dict[str, Outcome]:
        calls.append(push(*given, **more))
        raise Unreachable("the remote broke off")

    monkeypatch.setattr(transport, "push", lost)
    with pytest.raises(Unreachable):
        clone.create()
    monkeypatch.undo()
    pushed = {ref: oid for ref, oid in world.refs().items() if "intake/" in ref}
    answer = clone.create()
    assert pushed == {answer["intake"]: answer["commit"]}
    assert len(calls) > 1


def test_an_answer_that_is_lost_once_is_no_failure(world: World, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    push, lost = transport.push, []

    def sometimes(*given: Any, **more: Any) -> dict[str, Outcome]:
        found = push(*given, **more)
        if not lost:
            lost.append(found)
            raise Unreachable("the remote broke off")
        return found

    monkeypatch.setattr(transport, "push", sometimes)
    answer = clone.create()
    assert world.refs()[answer["intake"]] == answer["commit"]


def test_a_refusal_of_what_is_there_already_is_no_failure(
    world: World, clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    push = transport.push

    def told_twice(git_dir: Path, remote: str, moves: list[Move], **more: Any) -> dict[str, Outcome]:
        push(git_dir, remote, moves, **more)
        return {move.ref: Outcome(move.ref, False, "stale info", lost=True) for move in moves}

    monkeypatch.setattr(transport, "push", told_twice)
    answer = clone.create()
    assert world.refs()[answer["intake"]] == answer["commit"]


def test_a_branch_of_somebody_else_is_never_overwritten(world: World, clone: Clone, tmp_path: Path) -> None:
    answer = clone.create()
    world.git("update-ref", answer["intake"], world.refs()["refs/heads/main"])
    with pytest.raises(Conflict, match="proposed before"):
        clone.create()
    assert world.refs()[answer["intake"]] == world.refs()["refs/heads/main"]


def test_a_refusal_names_the_way_by_a_fork(world: World, clone: Clone, tmp_path: Path) -> None:
    repositories.protect(world.path, "intake/*", words="{} is not for you")
    with pytest.raises(RemoteFailure, match="not for you") as refused:
        clone.create()
    assert "fork" in (refused.value.hint or "")
    fork = repositories.make_bare(tmp_path / "fork.git")
    clone.git("remote", "add", "fork", f"file://{fork}")
    clone.git("config", "remote.pushDefault", "fork")
    answer = clone.create()
    assert answer["remote"] == "fork"
    assert repositories.refs(fork) == {answer["intake"]: answer["commit"]}


def test_without_a_remote_or_offline_nothing_is_made(world: World, clone: Clone) -> None:
    context = clone.context()
    context.offline = True
    with pytest.raises(RemoteFailure, match="--offline"):
        propose_create(context, NEW, intake=True)
    clone.git("remote", "remove", "origin")
    with pytest.raises((UsageFault, NotFound), match=r"remote|branch"):
        clone.create()


def test_a_dry_run_makes_nothing(world: World, clone: Clone) -> None:
    refs, there = world.refs(), repositories.refs(clone.path)
    said = propose_create(clone.context(dry_run=True), NEW, intake=True)
    assert (world.refs(), repositories.refs(clone.path)) == (refs, there)
    assert clone.create() == said


def test_it_takes_the_place_of_no_change_of_the_queue(clone: Clone) -> None:
    with pytest.raises(UsageFault, match="--supersedes"):
        propose_create(clone.context(), NEW, supersedes=3, intake=True)


def test_amending_the_branch_by_hand_makes_it_one_by_hand(world: World, clone: Clone) -> None:
    answer = clone.create()
    branch = answer["intake"].removeprefix("refs/heads/")
    clone.git("fetch", "-q", "origin", branch)
    clone.git("checkout", "-q", "-b", "mine", "FETCH_HEAD")
    file = clone.path / "dataset/clip/New.json"
    file.write_text(file.read_text().replace("pictures", "images"))
    clone.git("commit", "-q", "-a", "--amend", "--no-edit")
    (first,) = admit(world)
    clone.git("push", "-q", "-f", "origin", f"mine:{branch}")
    (second,) = admit(world)
    queue = world.context().view().queue
    assert not find_change(queue, first).is_open
    assert find_change(queue, second).notes == "why"
    world.apply(world.approve(second))
    assert_clean(world.path)


# --- signed ----------------------------------------------------------------------------------------------------------


def _key(folder: Path, name: str) -> Path:
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    return path


def _sign_with(path: Path, key: Path) -> None:
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", f"{key}.pub"), ("commit.gpgsign", "true")):
        repositories.git(path, "config", name, value)


def test_a_signature_survives_the_intake_and_only_the_members_own_counts(world: World, tmp_path: Path) -> None:
    keys = {who: _key(tmp_path, who.partition("#")[0]) for who in (OWNER, CAROL, ARTHUR, "mallory#0")}
    text = _config(world).decode()
    for who in (OWNER, CAROL, ARTHUR):
        mail = f'emails = ["{who.partition("#")[0]}@people.example"]\n'
        line = keys[who].with_suffix(".pub").read_text().strip()
        text = text.replace(f"{mail}ssh_keys = []", f'{mail}ssh_keys = ["{line}"]')
    text = text.replace("require_signed = false", "require_signed = true")
    world.pass_policy(replace_policy(world.context(), text.encode()))
    _sign_with(world.path, keys[OWNER])
    carol = Clone.of(world, tmp_path / "clone", email="carol@people.example")
    _sign_with(carol.path, keys[CAROL])
    commit = carol.create()["commit"]
    (number,) = admit(world)
    assert find_change(world.context().view().queue, number).commit == commit
    rules = []
    forged = ((keys["mallory#0"], "carol@people.example"), (keys[CAROL], "arthur@people.example"))
    for key, email in (*forged, (keys[CAROL], "carol@people.example")):
        _sign_with(carol.path, key)
        carol.git("config", "user.email", email)
        file = carol.path / "dataset/clip/Forged.json"
        file.write_text(carol.git("show", f"HEAD:{_path(world)}").replace(RECORD, "Forged"))
        carol.git("add", "-A")
        carol.git("commit", "-q", "-m", "by hand")
        carol.git("push", "-q", "-f", "origin", "HEAD:refs/heads/intake/forged")
        answer = take_in(world.context(), ["intake/forged"]).as_json()
        rules.append(answer["refused"][0]["details"][0]["rule"] if answer["refused"] else "")
        carol.git("reset", "-q", "--hard", "origin/main")
    assert rules == ["signature.required", "signature.other", ""]
    assert_clean(world.path)


def _config(world: World) -> bytes:
    return Outsider(world.path).dataset().config_bytes


def _path(world: World) -> str:
    return Outsider(world.path).place("clip", RECORD)


def test_the_lease_of_a_branch_is_that_it_is_not_there(world: World, clone: Clone) -> None:
    seen: list[Move] = []
    push = transport.push
    with pytest.MonkeyPatch.context() as patch:

        def watched(git_dir: Path, remote: str, moves: list[Move], **more: Any) -> dict[str, Outcome]:
            seen.extend(moves)
            return push(git_dir, remote, moves, **more)

        patch.setattr(transport, "push", watched)
        answer = clone.create()
    assert seen == [Move(answer["intake"], None, answer["commit"])]
