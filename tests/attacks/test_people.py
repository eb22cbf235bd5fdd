"""Attacks by people: who did what they may not, or in whose name."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from modelref_git.proposals import events
from modelref_git.proposals.actors import Actor
from tests.attacks.forging import Forger, passed
from tests.attacks.judge import caught, findings
from tests.attacks.story import APPROVED, PENDING, world_change
from tests.support.calls import call
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip


def waiting(forger: Forger, name: str = PENDING[0]) -> int:
    """The number of a change that waits."""
    return world_change(World(forger.path), name)


def reconfigured(forger: Forger, *edits: tuple[str, str]) -> str:
    """A change of the policy, passed by the rules, that puts new texts in the place of old ones; gives its apply."""
    settings = forger.read(f"{forger.main}:modelref.toml").decode()
    for old, new in edits:
        assert old in settings
        settings = settings.replace(old, new, 1)
    return passed(forger, forger.tree(forger.main, {"modelref.toml": settings.encode()}))


def test_an_approval_by_somebody_who_is_no_approver(forger: Forger) -> None:
    number = waiting(forger)
    bad = forger.approve([number], actor=CAROL, title="mine")
    found = caught(forger, "role.approver", bad, also=("review.two_people", "review.complete"))
    assert found[0]["change_id"] == number


@pytest.mark.parametrize("action", [events.HOLD, events.REJECT, events.PURGE])
def test_a_decision_by_somebody_who_is_no_approver(forger: Forger, action: str) -> None:
    bad = forger.event(action, CAROL, change_ids=(waiting(forger),), reason="R" if action != events.PURGE else None)
    caught(forger, "role.approver", bad)


def test_an_apply_by_somebody_who_is_no_approver(forger: Forger) -> None:
    number = waiting(forger, APPROVED)
    batch_id = forger.change(number).batch_id
    batch = forger.queue.batch(batch_id or 0)
    assert batch is not None
    bad = forger.event(events.APPLY, CAROL, change_ids=(number,), batch_id=batch_id, main=batch.head)
    caught(forger, "role.approver", bad)


def test_an_event_by_nobody_on_the_list(forger: Forger) -> None:
    caught(forger, "role.approver", forger.event(events.HOLD, "eve#666", change_ids=(waiting(forger),)))
    proposal = forger.proposal("create", "clip", "fine", clip("fine"), requestor="eve#666")
    bad = forger.enqueue(proposal, actor="eve#666")
    assert (bad, "role.requestor") in {(row["commit"], row["rule"]) for row in findings(forger)}


def test_a_withdrawal_by_somebody_else(forger: Forger) -> None:
    caught(forger, "role.owner", forger.event(events.WITHDRAW, ARTHUR, change_ids=(waiting(forger),)))


def test_a_proposal_in_the_name_of_another(forger: Forger) -> None:
    forger.enqueue(forger.proposal("create", "clip", "fine", clip("fine"), requestor=OWNER))
    caught(forger, "role.own_name", forger.head)


def test_an_approval_by_the_requestor(forger: Forger) -> None:
    forger.enqueue(forger.proposal("create", "clip", "fine", clip("fine"), requestor=ARTHUR), actor=ARTHUR)
    bad = forger.approve([waiting(forger, "fine")], actor=ARTHUR)
    caught(forger, "review.two_people", bad, also=("review.complete",))


def test_an_approval_by_who_put_it_into_the_queue_for_another(forger: Forger) -> None:
    forger.enqueue(forger.proposal("create", "clip", "fine", clip("fine")), actor=ARTHUR)
    bad = forger.approve([waiting(forger, "fine")], actor=ARTHUR)
    caught(forger, "review.two_people", bad, also=("review.complete",))


@pytest.mark.parametrize("shared", ["an e-mail", "a key"])
def test_an_approval_by_the_requestor_under_another_id(forger: Forger, keys: dict[str, Path], shared: str) -> None:
    kept = "\n[[members]]"
    public = keys["carol"].with_suffix(".pub").read_text().strip()
    same = 'emails = ["CAROL@people.example"]' if shared == "an e-mail" else f'ssh_keys = ["{public} at work"]'
    second = f'\n[[members]]\nid = "22"\nname = "cora"\n{same}\nroles = ["approver"]\n'
    mail = 'emails = ["carol@people.example"]\nssh_keys = '
    reconfigured(forger, (f"{mail}[]", f'{mail}["{public}"]'))
    apply = reconfigured(forger, (kept, second + kept))
    caught(forger, "apply.policy", apply)
    trusted = forger.head
    bad = forger.approve([waiting(forger)], actor="cora#22")
    caught(forger, "review.two_people", bad, "--from", trusted, also=("review.complete",))


def test_a_role_that_is_given_for_what_was_done_before(forger: Forger) -> None:
    bad = forger.approve([waiting(forger)], actor="carol#2", title="mine")
    reconfigured(forger, ('roles = ["requestor"]', 'roles = ["requestor", "approver"]'))
    caught(forger, "role.approver", bad, also=("review.two_people", "review.complete"))


def test_an_approval_of_who_is_no_approver_any_more_when_it_is_applied(forger: Forger) -> None:
    reconfigured(forger, ('emails = ["arthur@people.example"]\nssh_keys = []\nroles = ["approver"]', _DEMOTED))
    number = waiting(forger, APPROVED)
    batch = forger.queue.batch(forger.change(number).batch_id or 0)
    assert batch is not None
    merge = forger.merge(forger.main, [forger.change(number)], batch.batch_id, title=batch.title)
    said = {"change_ids": (number,), "batch_id": batch.batch_id, "merges": (merge,), "main": merge}
    bad = forger.event(events.APPLY, OWNER, **said)
    caught(forger, "review.approvals", bad)


_DEMOTED = 'emails = ["arthur@people.example"]\nssh_keys = []\nroles = ["requestor"]'


def test_one_approval_where_two_are_needed(forger: Forger) -> None:
    third = '\n[[members]]\nid = "5"\nname = "dora"\nemails = []\nssh_keys = []\nroles = ["approver"]\n'
    reconfigured(forger, ("\n[[members]]", third + "\n[[members]]"))
    reconfigured(forger, ("approvals = 1", "approvals = 2"))
    assert findings(forger) == []
    bad = forger.approve([waiting(forger)])
    caught(forger, "review.complete", bad)


def test_an_approval_that_should_have_made_a_batch_and_did_not(forger: Forger) -> None:
    number = waiting(forger)
    change = forger.change(number)
    bound = (events.Approval(number, change.base_blob, change.blob),)
    bad = forger.event(events.APPROVE, ARTHUR, change_ids=(number,), approvals=bound)
    caught(forger, "review.complete", bad)


def test_an_approval_that_claims_to_be_a_sole_approvers(forger: Forger) -> None:
    number = waiting(forger)
    caught(forger, "review.sole", forger.approve([number], sole=(number,)))


def test_an_event_that_no_service_attests(forger: Forger) -> None:
    bad = forger.event(events.HOLD, ARTHUR, change_ids=(waiting(forger),), attested_by=Actor.parse(CAROL))
    caught(forger, "role.service", bad)


# --- signatures ------------------------------------------------------------------------------------------------------

Sign = Callable[[str], str]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Keys of three people."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("carol", "arthur", "olivia"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    return {name: folder / name for name in ("carol", "arthur", "olivia")}


def signing(key: Path) -> Sign:
    """Signs a commit's payload with a key."""

    def sign(payload: str) -> str:
        done = subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(key)],
            input=payload.encode(),
            capture_output=True,
            check=True,
        )
        return done.stdout.decode()

    return sign


def with_keys(forger: Forger, keys: dict[str, Path], *, required: bool = False) -> None:
    """List everybody's key, and perhaps require signatures from now on."""
    edits = []
    for name, path in keys.items():
        public = path.with_suffix(".pub").read_text().strip()
        mail = f'emails = ["{name}@people.example"]\nssh_keys = '
        edits.append((f"{mail}[]", f'{mail}["{public}"]'))
    if required:
        edits.append(("require_signed = false", "require_signed = true"))
    reconfigured(forger, *edits)


def test_an_event_that_the_actor_signed(forger: Forger, keys: dict[str, Path]) -> None:
    with_keys(forger, keys)
    forger.event(events.HOLD, ARTHUR, change_ids=(waiting(forger),), sign=signing(keys["arthur"]))
    assert findings(forger) == []


def test_a_signature_by_another_member(forger: Forger, keys: dict[str, Path]) -> None:
    with_keys(forger, keys)
    bad = forger.event(events.HOLD, ARTHUR, change_ids=(waiting(forger),), sign=signing(keys["carol"]))
    caught(forger, "signature.other", bad)


def test_an_approval_by_the_requestor_under_another_key(forger: Forger, keys: dict[str, Path]) -> None:
    with_keys(forger, keys)
    bad = forger.approve([waiting(forger)], sign=signing(keys["carol"]))
    caught(forger, "signature.other", bad)


def test_a_signature_of_something_else(forger: Forger, keys: dict[str, Path]) -> None:
    with_keys(forger, keys)

    def sign(payload: str) -> str:
        return signing(keys["arthur"])(payload.replace("arthur", "olivia"))

    bad = forger.event(events.HOLD, ARTHUR, change_ids=(waiting(forger),), sign=sign)
    caught(forger, "signature.holds", bad)


def test_what_is_not_signed_where_signatures_are_required(forger: Forger, keys: dict[str, Path]) -> None:
    with_keys(forger, keys, required=True)
    forger.event(events.HOLD, ARTHUR, change_ids=(waiting(forger),), sign=signing(keys["arthur"]))
    assert findings(forger) == []
    bad = forger.event(events.UNHOLD, ARTHUR, change_ids=(waiting(forger),))
    caught(forger, "signature.required", bad)
    assert b"rests on claims" not in call("-C", str(forger.path), "verify").err


def test_a_proposal_that_is_not_signed_where_signatures_are_required(forger: Forger, keys: dict[str, Path]) -> None:
    with_keys(forger, keys, required=True)
    bad = forger.proposal("create", "clip", "fine", clip("fine"))
    forger.enqueue(bad, sign=signing(keys["carol"]))
    assert caught(forger, "signature.required", bad)[0]["commit"] == bad


def test_a_key_that_no_member_has_where_signatures_are_required(
    forger: Forger, keys: dict[str, Path], tmp_path: Path
) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "eve")], check=True)
    with_keys(forger, keys)
    forger.event(events.HOLD, ARTHUR, change_ids=(waiting(forger),), sign=signing(tmp_path / "eve"))
    assert findings(forger) == []  # a signature that nobody asked for, by nobody known, proves nothing
    reconfigured(forger, ("require_signed = false", "require_signed = true"))
    bad = forger.event(events.UNHOLD, ARTHUR, change_ids=(waiting(forger),), sign=signing(tmp_path / "eve"))
    caught(forger, "signature.required", bad)
