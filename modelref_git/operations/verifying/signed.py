"""Rules of signatures: who signed what, by the keys that the members' list had then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelref_git.operations.verifying.case import EventCase
from modelref_git.operations.verifying.rules import Fault, Rule
from modelref_git.proposals import policy
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.config import DatasetConfig
from modelref_git.proposals.events import ADOPT, IMPORT, REBASE
from modelref_git.store.objects import split_signature
from modelref_git.store.signatures import Verdict, verify_commit


def _signed(case: EventCase) -> Iterator[Fault]:
    config = case.config
    if config is None:
        return
    for oid, what, people in _commits(case):
        verdict = verdict_of(case, config, oid)
        if verdict.state == "unsigned" and config.policy.require_signed:
            yield Fault(f"{what} is not signed", oid, rule=REQUIRED)
        elif verdict.state == "unknown_key" and config.policy.require_signed:
            yield Fault(f"{what} is signed with a key that no member has", oid, rule=REQUIRED)
        elif verdict.state == "bad":
            yield Fault(f"the signature of {what} does not hold", oid, rule=HOLDS)
        elif verdict.state == "good" and not _is_one_of(config, verdict.member or "", people):
            named = " or ".join(str(one) for one in people)
            yield Fault(f"{what} is signed with the key of member {verdict.member}, not of {named}", oid, rule=OTHER)


def verdict_of(case: EventCase, config: DatasetConfig, oid: str) -> Verdict:
    """What the signature of a commit is worth by the keys of *config*."""
    payload = case.objects.read(oid)[1]
    if not split_signature(payload)[1]:
        return Verdict("unsigned")
    return verify_commit(payload, {member.id: member.ssh_keys for member in config.members})


def _is_one_of(config: DatasetConfig, ident: str, people: tuple[Actor, ...]) -> bool:
    return any(policy.same_person(config, ident, one.id) for one in people)


def _commits(case: EventCase) -> Iterator[tuple[str, str, tuple[Actor, ...]]]:
    """The commits that an event brings, in words, with those whose signature each may have."""
    event = case.event
    writers = (event.attested_by,) if event.attested_by is not None else (event.actor,)
    yield case.commit.id, "the event", writers
    for one in case.asked:
        # A rebase without an edit makes the commit anew, whoever does it; an import makes those of others, and so does
        # an intake of what was made by hand.
        made = event.action in (REBASE, IMPORT) or event.attested_by is not None or event.intake is not None
        moved = writers if made else ()
        askers = tuple(dict.fromkeys((one.proposal.requestor, *moved)))
        yield one.commit.id, f"the proposal of change {one.change_id}", askers
    if event.imported is not None:
        yield event.imported, "what was imported", writers
    for oid in event.merges:
        yield oid, "the merge", writers
    if event.main is not None and event.main not in event.merges and not event.change_ids and event.action != ADOPT:
        yield event.main, "the commit of main", writers


HOLDS: Final = "signature.holds"
OTHER: Final = "signature.other"
REQUIRED: Final = "signature.required"


def _nothing(_case: EventCase) -> Iterator[str]:
    """All three rules are checked in one go."""
    yield from ()


RULES: Final = (
    Rule(HOLDS, "A signature with the key of a member holds.", _signed),
    Rule(OTHER, "What is signed is signed by who it says asked or acted, or by the service that attests it.", _nothing),
    Rule(REQUIRED, "Where the policy asks for it, events, proposals and merges are signed by members.", _nothing),
)
