from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelref_git.operations.guarding.judgement import judge_push
from modelref_git.operations.guarding.push import Moved, Push, Pusher
from modelref_git.proposals import events
from modelref_git.proposals.actors import Actor
from tests.attacks.forging import Forger, passed
from tests.support.server import WAITS, offered
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

QUEUE = "refs/heads/queue"
UNKNOWN = Pusher()
BELIEVED = Pusher(None, trusts_claims=True)


def rules(world: World, *moves: Moved, by: Pusher, now: int | None = None) -> list[str]:
    """The rules that a push of *moves* breaks."""
    push = Push(world.store, moves, by, world.clock.now if now is None else now)
    return [item.finding.rule for item in judge_push(push)]


def pushed(world: World, event: Callable[[Forger], str]) -> Moved:
    """The move of the log to an event that is made beside it."""
    forger = Forger(world.path)
    return Moved(QUEUE, forger.head, event(forger))


def hold(actor: str = ARTHUR, **said: Any) -> Callable[[Forger], str]:
    """An event of *actor* that an approver may make."""
    return lambda forger: forger.event("hold", actor, change_ids=(WAITS,), reason="R", push=False, **said)


def with_member(world: World, old: str, new: str) -> None:
    """A change of the policy that puts *new* in the place of *old* in the list of members."""
    forger = Forger(world.path)
    settings = forger.read(f"{forger.main}:modelref.toml").decode()
    assert old in settings
    settings = settings.replace(old, new, 1)
    passed(forger, forger.tree(forger.main, {"modelref.toml": settings.encode()}))


ROBOT = '\n[[members]]\nid = "9"\nname = "robot"\nemails = []\nssh_keys = []\nroles = ["service"]\n'


@pytest.mark.parametrize(
    ("by", "taken"),
    [
        (Pusher("3"), True),
        (Pusher("arthur#3"), True),
        (Pusher("arthur@people.example"), True),
        (Pusher("1"), False),
        (Pusher("2"), False),
        (Pusher("nobody@people.example"), False),
        (Pusher("3", trusts_claims=True), True),
        (Pusher("2", trusts_claims=True), False),
        (UNKNOWN, False),
        (BELIEVED, True),
    ],
)
def test_whoever_pushes_brings_events_of_their_own(by: Pusher, taken: bool, yard: World) -> None:
    assert rules(yard, pushed(yard, hold()), by=by) == ([] if taken else ["hook.actor"])


def test_who_may_do_it_is_asked_besides(yard: World) -> None:
    assert rules(yard, pushed(yard, hold(CAROL)), by=Pusher("2")) == ["role.approver"]
    assert rules(yard, pushed(yard, hold(CAROL)), by=Pusher("3")) == ["role.approver", "hook.actor"]


def test_one_foreign_event_among_ones_own_is_found(yard: World) -> None:
    def steps() -> None:
        yard.create("clip", "mine", clip("mine"))
        yard.create("clip", "hers", clip("hers"), actor=OWNER)

    moves = offered(yard.path, steps)
    found = judge_push(Push(yard.store, moves, Pusher("2"), yard.clock.now))
    assert [(item.finding.rule, item.finding.event_id) for item in found] == [("hook.actor", 12)]
    assert "it is olivia#1's and not signed by them, and carol#2 pushes it" in str(found[0])


def test_a_service_brings_the_events_of_others(yard: World) -> None:
    with_member(yard, "\n[[members]]", ROBOT + "\n[[members]]")
    robot = Actor.parse("robot#9")
    assert rules(yard, pushed(yard, hold()), by=Pusher("9")) == []
    assert rules(yard, pushed(yard, hold(attested_by=robot)), by=Pusher("9")) == []
    # What says that a service attests it comes from that service, not from who it is about.
    assert rules(yard, pushed(yard, hold(attested_by=robot)), by=Pusher("3")) == ["hook.actor"]
    assert rules(yard, pushed(yard, hold(attested_by=robot)), by=UNKNOWN) == ["hook.actor"]


def test_a_service_brings_the_events_of_guests(yard: World) -> None:
    with_member(yard, "\n[[members]]", f'\n[policy.flag_roles]\nmoderator = ["approver"]\n{ROBOT}\n[[members]]')
    robot, flags = Actor.parse("robot#9"), ("moderator",)
    by_guest = hold("gwen#77", attested_by=robot, flags=flags)
    assert rules(yard, pushed(yard, by_guest), by=Pusher("9")) == []
    assert rules(yard, pushed(yard, by_guest), by=Pusher("3")) == ["hook.actor"]
    assert rules(yard, pushed(yard, by_guest), by=Pusher("77")) == ["hook.actor"]
    unheard = hold("gwen#77", attested_by=robot, flags=("king",))
    assert rules(yard, pushed(yard, unheard), by=Pusher("9")) == ["role.approver"]
    own = hold("gwen#77", flags=flags)
    assert rules(yard, pushed(yard, own), by=Pusher("9")) == ["role.approver", "role.flags"]
    assert rules(yard, pushed(yard, hold(flags=flags)), by=Pusher("3")) == ["role.flags"]


def test_a_role_counts_from_the_event_after_the_one_that_gives_it(yard: World) -> None:
    before = yard.refs()
    with_member(yard, "\n[[members]]", ROBOT + "\n[[members]]")
    head = hold()(Forger(yard.path))
    yard.git("update-ref", QUEUE, before[QUEUE])
    found = judge_push(Push(yard.store, (Moved(QUEUE, before[QUEUE], head),), Pusher("9"), yard.clock.now))
    assert [item.finding.rule for item in found] == ["hook.actor"] * 3  # enqueue, approve and apply of the change
    assert head not in {item.finding.commit for item in found}


# --- signatures ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Keys of two approvers, by their ids."""
    folder = tmp_path_factory.mktemp("keys")
    for ident in ("1", "3"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / ident)], check=True)
    return {ident: folder / ident for ident in ("1", "3")}


def signing(key: Path) -> Callable[[str], str]:
    """Signs a commit's payload with a key."""

    def sign(payload: str) -> str:
        words = ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(key)]
        return subprocess.run(words, input=payload.encode(), capture_output=True, check=True).stdout.decode()

    return sign


def listed(world: World, keys: dict[str, Path]) -> None:
    """List the keys."""
    for ident, mail in (("1", "olivia"), ("3", "arthur")):
        public = keys[ident].with_suffix(".pub").read_text().strip()
        line = f'emails = ["{mail}@people.example"]\nssh_keys = '
        with_member(world, f"{line}[]", f'{line}["{public}"]')


@pytest.mark.parametrize("by", [UNKNOWN, Pusher("2"), Pusher("nobody"), Pusher("3"), BELIEVED])
def test_what_its_actor_signed_is_taken_from_anybody(by: Pusher, yard: World, keys: dict[str, Path]) -> None:
    listed(yard, keys)
    assert rules(yard, pushed(yard, hold(sign=signing(keys["3"]))), by=by) == []


def test_what_somebody_else_signed_is_taken_from_nobody(yard: World, keys: dict[str, Path]) -> None:
    listed(yard, keys)
    move = pushed(yard, hold(sign=signing(keys["1"])))
    assert rules(yard, move, by=Pusher("3")) == ["signature.other"]
    assert rules(yard, move, by=Pusher("1")) == ["signature.other", "hook.actor"]


def test_a_signature_of_something_else_proves_nothing(yard: World, keys: dict[str, Path]) -> None:
    listed(yard, keys)
    move = pushed(yard, hold(sign=lambda payload: signing(keys["3"])(payload.replace("arthur", "olivia"))))
    assert rules(yard, move, by=UNKNOWN) == ["signature.holds", "hook.actor"]


def test_a_signature_by_a_key_that_nobody_lists_proves_nothing(yard: World, keys: dict[str, Path]) -> None:
    assert rules(yard, pushed(yard, hold(sign=signing(keys["3"]))), by=UNKNOWN) == ["hook.actor"]


def test_where_signatures_are_asked_for_they_alone_count(yard: World, keys: dict[str, Path]) -> None:
    listed(yard, keys)
    with_member(yard, "require_signed = false", "require_signed = true")
    assert rules(yard, pushed(yard, hold(sign=signing(keys["3"]))), by=Pusher("2")) == []
    for by in (Pusher("3"), UNKNOWN, BELIEVED):
        assert rules(yard, pushed(yard, hold()), by=by) == ["signature.required"]


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ahead", "taken"), [(600, True), (601, False), (-10_000, True)])
def test_an_event_is_at_most_ten_minutes_ahead(ahead: int, taken: bool, yard: World) -> None:
    now = Forger(yard.path).now
    move = pushed(yard, hold())
    assert rules(yard, move, by=Pusher("3"), now=now - ahead) == ([] if taken else ["hook.clock"])


def test_a_proposal_is_at_most_ten_minutes_later_than_its_event(yard: World) -> None:
    def enqueued(forger: Forger, late: int) -> str:
        made = forger.proposal("create", "clip", "late", clip("late"), dated=forger.now + late)
        return forger.enqueue(made, push=False)

    assert rules(yard, pushed(yard, lambda forger: enqueued(forger, 600)), by=Pusher("2")) == []
    assert rules(yard, pushed(yard, lambda forger: enqueued(forger, 601)), by=Pusher("2")) == ["proposal.date"]


# --- the first push --------------------------------------------------------------------------------------------------


def whole(world: World) -> tuple[Moved, ...]:
    """The moves of a first push of everything, into a server that has nothing."""
    refs = world.refs()
    for ref in refs:
        world.git("update-ref", "-d", ref)
    return tuple(Moved(ref, None, oid) for ref, oid in refs.items())


@pytest.mark.parametrize(
    ("by", "taken"),
    [(Pusher("1"), True), (Pusher("3"), True), (Pusher("2"), False), (Pusher("8"), False), (UNKNOWN, False)],
)
def test_the_first_log_is_brought_by_an_approver(by: Pusher, taken: bool, yard: World) -> None:
    assert rules(yard, *whole(yard), by=by) == ([] if taken else ["hook.first"])


def test_the_first_log_is_taken_from_anybody_where_claims_are_believed(yard: World) -> None:
    assert rules(yard, *whole(yard), by=BELIEVED) == []


@pytest.mark.parametrize(("key", "taken"), [("1", True), ("3", True), (None, False)])
def test_the_first_log_is_taken_where_an_approver_signed_its_end(
    key: str | None, taken: bool, yard: World, keys: dict[str, Path]
) -> None:
    listed(yard, keys)
    forger = Forger(yard.path)
    actor = {"1": OWNER, "3": ARTHUR}.get(key or "", ARTHUR)
    sign = signing(keys[key]) if key is not None else None
    forger.event(events.HOLD, actor, change_ids=(WAITS,), reason="R", sign=sign)
    (log,) = [move for move in whole(yard) if move.ref == QUEUE]
    assert rules(yard, log, by=UNKNOWN) == ([] if taken else ["hook.first"])


def test_every_event_of_a_first_log_is_judged(yard: World) -> None:
    head = hold(CAROL)(Forger(yard.path))
    whole(yard)
    assert rules(yard, Moved(QUEUE, None, head), by=Pusher("1")) == ["role.approver"]
    assert rules(yard, Moved(QUEUE, None, head), by=Pusher("1"), now=0).count("hook.clock") > 5


def test_a_main_alone_is_no_beginning(yard: World) -> None:
    (main,) = [move for move in whole(yard) if move.ref == "refs/heads/main"]
    assert rules(yard, main, by=Pusher("1")) == ["hook.main"]
