"""Rules of who pushes: everybody brings events of their own, now, and what others signed proves itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelref_git.operations.guarding.guard import Guard
from modelref_git.operations.guarding.push import CLAIMS, Push
from modelref_git.operations.verifying.case import EventCase
from modelref_git.operations.verifying.rules import Rule
from modelref_git.operations.verifying.signed import verdict_of
from modelref_git.proposals import policy
from modelref_git.proposals.actors import Actor, Member
from modelref_git.proposals.config import DatasetConfig
from modelref_git.store.objects import split_signature
from modelref_git.store.signatures import verify_commit

AHEAD_AT_MOST: Final = 600
"""Seconds by which an event may be ahead of the server's clock."""


@dataclass(frozen=True, slots=True)
class PushedEvent:
    """One new event of a push."""

    push: Push
    case: EventCase


def _clock(pushed: PushedEvent) -> Iterator[str]:
    ahead = pushed.case.event.time - pushed.push.now
    if ahead > AHEAD_AT_MOST:
        yield f"it is dated {ahead} seconds ahead of this server"


def _actor(pushed: PushedEvent) -> Iterator[str]:
    push, case, config = pushed.push, pushed.case, pushed.case.config
    # A whole log is brought by one who answers for it; and where signatures are asked for, they alone prove.
    if push.present is None or config is None or config.policy.require_signed:
        return
    pusher, writer = push.pusher, case.event.attested_by or case.event.actor
    if _is_signed_by(case, config, writer):
        return
    if pusher.login is None:
        if not pusher.trusts_claims:
            yield f"it names {writer}, it is not signed, and nothing proves who pushes"
        return
    member = pusher.member(config)
    if member is None or not (member.is_service or policy.same_person(config, member.id, writer.id)):
        yield f"it is {writer}'s and not signed by them, and {pusher.name(config)} pushes it"


def _is_signed_by(case: EventCase, config: DatasetConfig, writer: Actor) -> bool:
    verdict = verdict_of(case, config, case.commit.id)
    return verdict.state == "good" and policy.same_person(config, verdict.member or "", writer.id)


def _first(push: Push) -> Iterator[str]:
    config, move = push.config, push.log_move
    if push.present is not None or move is None or move.new is None or config is None:
        return
    pusher = push.pusher
    if pusher.login is None and pusher.trusts_claims:
        return
    member = pusher.member(config) if pusher.login is not None else _signer(push, move.new, config)
    if member is None or not member.approves(None):
        yield f"it begins the log of this server, and {pusher.name(config)} pushes it"


def _signer(push: Push, commit: str, config: DatasetConfig) -> Member | None:
    payload = push.store.read(commit)[1]
    if not split_signature(payload)[1]:
        return None
    verdict = verify_commit(payload, {member.id: member.ssh_keys for member in config.members})
    return config.member(verdict.member or "") if verdict.state == "good" else None


EVENT_RULES: Final[tuple[Guard[PushedEvent], ...]] = (
    Guard(
        "hook.actor",
        "Whoever pushes brings events of their own; a service those of others, too; anybody what its actor signed.",
        _actor,
        "let its actor push it, or sign it; the server is told who pushes by MODELREF_ACTOR, or to believe everybody "
        f"by `git config {CLAIMS} true`",
    ),
    Guard(
        "hook.clock",
        "An event is dated at most ten minutes ahead of the server's clock.",
        _clock,
        "set your clock, go back to the server's `queue`, and make the change anew",
    ),
)
"""What each new event is judged by, besides what verification asks of it."""

FIRST: Final[Guard[Push]] = Guard(
    "hook.first",
    "The first log is brought by an approver of the whole dataset, who answers for what is in it.",
    _first,
    f"the server is told who pushes by MODELREF_ACTOR, or to believe everybody by `git config {CLAIMS} true`",
)


def rules_within(push: Push) -> tuple[Rule[EventCase], ...]:
    """:data:`EVENT_RULES` for the events of one push."""
    return tuple(_within(push, guard) for guard in EVENT_RULES)


def _within(push: Push, guard: Guard[PushedEvent]) -> Rule[EventCase]:
    return Rule(guard.id, guard.text, lambda case: guard.check(PushedEvent(push, case)))
