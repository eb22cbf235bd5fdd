"""Who may do what: the rules that the policy in ``modelref.toml`` and its members set, as objects.

Each :class:`Rule` has an id, a sentence for people and a check; a refusal lists every rule that failed. The same rules
judge a step before it is written and, in a verification, an event by the policy that was in force then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelref_git.proposals import events
from modelref_git.proposals.actors import Actor, Member
from modelref_git.proposals.config import SECOND, DatasetConfig, Protection, person
from modelref_git.proposals.header import APPROVED, POLICY
from modelref_git.proposals.queue import Change, GivenApproval

Path = tuple[str, ...]

DECISIONS: Final = (events.APPROVE, events.REJECT, events.APPLY, events.HOLD, events.UNHOLD, events.PURGE)
"""Actions of an approver of the change's category."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a proposal touches: the leaves that differ from its base, and whether a critical field is among them."""

    touched: tuple[Path, ...] = ()
    critical: bool = False


FactsOf = Callable[[Change], Facts]
"""Finds the facts of a change; asked only where a rule needs them, since records have to be read for it."""


@dataclass(frozen=True, slots=True)
class Case:
    """One action of one person on one change, to be judged by one configuration."""

    config: DatasetConfig
    actor: Actor
    action: str
    change: Change | None
    facts_of: FactsOf
    acknowledged: bool = False
    edits: bool = False
    """Of a rebase: whether it changes what is proposed."""
    attested_by: Actor | None = None
    flags: tuple[str, ...] = ()
    """What the login service said of the actor."""

    @property
    def member(self) -> Member | None:
        """The actor as a member, with the roles that their flags bring; only a service is believed about flags."""
        flags = self.flags if self.flags and self.config.is_service(self.attested_by) else ()
        return self.config.acting(self.actor, flags)

    @property
    def protections(self) -> list[Protection]:
        """The ``[[protected]]`` tables that are about this change."""
        return [] if self.change is None else protections_of(self.config, self.change, self.facts_of)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the policy."""

    id: str
    text: str
    """One sentence for people: what the rule asks for."""
    check: Callable[[Case], Iterable[str]]
    """Gives a message for each way in which a case breaks the rule."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rule that failed, and for which change."""

    rule: str
    message: str
    change_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The entry of ``details`` that stands for it."""
        return {"rule": self.rule, "message": self.message, "change_id": self.change_id}


def judge(case: Case) -> list[Refusal]:
    """Every rule that *case* breaks; empty when the action is allowed."""
    number = case.change.change_id if case.change is not None else None
    return [Refusal(rule.id, message, number) for rule in RULES for message in rule.check(case)]


def same_person(config: DatasetConfig, one: str, other: str) -> bool:
    """Whether two ids are those of one person: the same, or of members who share a key or an e-mail."""
    if one == other:
        return True
    first, second = _member(config, one), _member(config, other)
    if first is None or second is None:
        return False
    keys = ({key_of(line) for line in member.ssh_keys} for member in (first, second))
    emails = ({email.casefold() for email in member.emails} for member in (first, second))
    return bool(set.intersection(*keys) or set.intersection(*emails))


def _member(config: DatasetConfig, ident: str) -> Member | None:
    """The member with that id; whoever asked before becoming a member is known by an e-mail alone."""
    return config.member(ident) or (config.member_by_email(ident) if "@" in ident else None)


def key_of(line: str) -> str:
    """A public key without its comment."""
    return " ".join(line.split()[:2])


def protections_of(config: DatasetConfig, change: Change, facts_of: FactsOf) -> list[Protection]:
    """The ``[[protected]]`` tables that are about a change."""
    found = []
    for item in config.policy.protected:
        if item.category not in (None, change.category) or item.name not in (None, change.model_name):
            continue
        if item.field is None or any(_matches(item.field, path) for path in facts_of(change).touched):
            found.append(item)
    return found


def _matches(pattern: str, path: Path) -> bool:
    """Whether a leaf is, or lies under, what a protection's field names."""
    if not pattern.startswith("/"):
        return pattern in path
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pattern[1:].split("/")]
    return len(parts) <= len(path) and all(want in ("*", part) for want, part in zip(parts, path, strict=False))


# --- whose approvals count, and how many are needed -------------------------------------------------------------------


def eligible(config: DatasetConfig, change: Change, facts_of: FactsOf) -> list[Member]:
    """The members whose approval of *change* would count under two-person review: not one of those who asked for it."""
    askers = askers_of(config, change)
    return [
        member
        for member in _approvers(config, change, facts_of)
        if not any(same_person(config, member.id, asker) for asker in askers)
    ]


def askers_of(config: DatasetConfig, change: Change) -> frozenset[str]:
    """The ids of those who asked for *change*: the requestor, and who put it into the queue, services apart."""
    services = {member.id for member in config.members if member.is_service}
    return frozenset({change.requested_by, *({change.enqueued_by or change.requested_by} - services)})


def _approvers(config: DatasetConfig, change: Change, facts_of: FactsOf) -> list[Member]:
    return able(config, change.category, protections_of(config, change, facts_of))


def able(config: DatasetConfig, category: str, protections: Iterable[Protection]) -> list[Member]:
    """The members who may approve in a category what *protections* are about; a service approves nothing itself."""
    limits = [item.approvers for item in protections if item.approvers]
    return [member for member in config.members if _is_able(member, category, limits)]


def _is_able(member: Member, category: str, limits: Iterable[tuple[str, ...]]) -> bool:
    return _approves(member, category) and not member.is_service and all(member.id in allowed for allowed in limits)


def _approves(member: Member | None, category: str) -> bool:
    """Whether somebody is an approver of a category; a change of the policy takes one of the whole dataset."""
    return member is not None and member.approves(None if category == POLICY else category)


def counting(config: DatasetConfig, change: Change, facts_of: FactsOf) -> list[Member]:
    """The members whose approval of *change* would count.

    Under two-person review they are those who did not ask for it; where there is nobody else, those who did.
    """
    others = eligible(config, change, facts_of) if config.policy.two_person_review else []
    return others or _approvers(config, change, facts_of)


def is_sole_approver(config: DatasetConfig, actor: Actor, change: Change, facts_of: FactsOf) -> bool:
    """Whether two-person review would bind *actor*, and does not because nobody else could approve this very change.

    Listed members alone are looked at: who else has which flags at a login service, nobody here knows.
    """
    if not config.policy.two_person_review or not _asked(config, actor.id, change):
        return False
    mine = any(member.id == actor.id for member in _approvers(config, change, facts_of))
    return mine and not eligible(config, change, facts_of)


def _asked(config: DatasetConfig, ident: str, change: Change) -> bool:
    return any(same_person(config, ident, asker) for asker in askers_of(config, change))


def counted(
    config: DatasetConfig, change: Change, facts_of: FactsOf, approvals: Sequence[GivenApproval] | None = None
) -> list[GivenApproval]:
    """The approvals that count by *config*: one a person, of those who may approve *change*.

    *approvals* are those of the change unless given.
    """
    allowed = {member.id for member in counting(config, change, facts_of)}
    found: list[GivenApproval] = []
    for given in change.approvals if approvals is None else approvals:
        counts = given.by in allowed or _counts_by_flags(config, change, facts_of, given)
        if counts and not any(same_person(config, given.by, other.by) for other in found):
            found.append(given)
    return found


def _counts_by_flags(config: DatasetConfig, change: Change, facts_of: FactsOf, given: GivenApproval) -> bool:
    """Whether an approval counts for what its giver's flags bring by *config*: two-person review always binds them."""
    giver = config.acting(Actor(given.by, given.username), given.flags) if given.flags else None
    if giver is None or not _approves(giver, change.category):
        return False
    limits = [item.approvers for item in protections_of(config, change, facts_of) if item.approvers]
    own = config.policy.two_person_review and _asked(config, given.by, change)
    return _is_able(giver, change.category, limits) and not own


def needed(config: DatasetConfig, change: Change, facts_of: FactsOf) -> int:
    """How many approvals *change* needs."""
    return max([config.policy.approvals, *(item.approvals for item in protections_of(config, change, facts_of))])


def missing(
    config: DatasetConfig, change: Change, facts_of: FactsOf, approvals: Sequence[GivenApproval] | None = None
) -> list[Refusal]:
    """What *change* lacks to be part of a batch, or to be applied; empty when it has all.

    *approvals* are those of the change unless given.
    """
    have = counted(config, change, facts_of, approvals)
    wanted = needed(config, change, facts_of)
    found = []
    if len(have) < wanted:
        text = f"{len(have)} of {wanted} approvals count"
        found.append(Refusal(ENOUGH, f"{_what(change)} needs more approvals: {text}", change.change_id))
    if _needs_second_look(config, change, facts_of, have):
        how = ", or to be approved with --ack-critical" if _may_acknowledge(config, change, facts_of) else ""
        text = f"{_what(change)} touches critical fields: it needs a second approver{how}"
        found.append(Refusal(CRITICAL, text, change.change_id))
    return found


def _needs_second_look(config: DatasetConfig, change: Change, facts_of: FactsOf, have: Sequence[GivenApproval]) -> bool:
    if not config.policy.ack_critical or len(have) >= 2 or change.category == POLICY or not facts_of(change).critical:
        return False
    return not (any(given.acknowledged for given in have) and _may_acknowledge(config, change, facts_of))


def _may_acknowledge(config: DatasetConfig, change: Change, facts_of: FactsOf) -> bool:
    """Whether one approver's second look is enough: always, unless the policy wants a second one who is there."""
    return config.policy.ack_critical != SECOND or len(counting(config, change, facts_of)) < 2


# --- the rules -------------------------------------------------------------------------------------------------------

ENOUGH: Final = "review.approvals"
CRITICAL: Final = "review.critical"


def _what(change: Change) -> str:
    """What messages call a change; one that is not in the queue has no number yet."""
    return f"change {change.change_id}" if change.change_id else f"the {change.proposal.title}"


def _who(case: Case) -> str:
    return str(case.actor) if case.member is not None or "@" not in case.actor.id else person(case.actor)


def _requestor(case: Case) -> Iterator[str]:
    if case.action in (events.ENQUEUE, events.REBASE, events.WITHDRAW, events.SUPERSEDE):
        member = case.member
        if member is None or not (member.is_requestor or member.is_service):
            yield f"{_who(case)} is no requestor"


def _approver(case: Case) -> Iterator[str]:
    if case.action in DECISIONS and case.change is not None and not _approves(case.member, case.change.category):
        of = f" of {case.change.category}" if case.change.category != POLICY else ""
        yield f"{_who(case)} is no approver{of}"


def _administrator(case: Case) -> Iterator[str]:
    if case.action in events.ADMINISTRATIVE and (case.member is None or not case.member.approves(None)):
        yield f"{_who(case)} is no approver of the whole dataset"


def _own(case: Case) -> Iterator[str]:
    change = case.change
    if change is None:
        return
    own = same_person(case.config, case.actor.id, change.requested_by)
    stranger = case.member is None or not case.member.approves(change.category)
    if case.action == events.WITHDRAW and not own:
        yield f"change {change.change_id} is {change.requested_username}'s: only they take it back"
    if case.action == events.REBASE and not own:
        if case.edits:
            yield f"change {change.change_id} is {change.requested_username}'s: only they change what it proposes"
        elif stranger:
            yield f"change {change.change_id} is {change.requested_username}'s: they or an approver rebase it"
    if case.action == events.SUPERSEDE and not own and stranger and not _brought_it(case):
        yield f"change {change.change_id} is {change.requested_username}'s: they or an approver supersede it"


def _brought_it(case: Case) -> bool:
    """Whether the actor is the service that put the change into the queue for somebody else."""
    change, member = case.change, case.member
    return change is not None and member is not None and member.is_service and change.enqueued_by == member.id


def _two_people(case: Case) -> Iterator[str]:
    change = case.change
    if case.action != events.APPROVE or change is None or not case.config.policy.two_person_review:
        return
    if not _asked(case.config, case.actor.id, change):
        return
    others = eligible(case.config, change, case.facts_of)
    listed = case.config.member(case.actor.id)
    by_flags = _approves(case.member, change.category) and not _approves(listed, change.category)
    if others or by_flags:
        named = f" ({', '.join(str(member.actor) for member in others[:5])})" if others else ""
        yield f"{_who(case)} asked for {_what(change)}: somebody else approves it{named}"


def _no_service(case: Case) -> Iterator[str]:
    if case.action == events.APPROVE and case.member is not None and case.member.is_service:
        yield f"{_who(case)} is a service, which approves nothing in its own name"


def _attested(case: Case) -> Iterator[str]:
    if case.attested_by is not None and not case.config.is_service(case.attested_by):
        yield f"{case.attested_by} is no service, and may write in nobody else's name"


def _flags(case: Case) -> Iterator[str]:
    if case.flags and not case.config.is_service(case.attested_by):
        said = ", ".join(case.flags)
        yield f"no service says that {_who(case)} is {said}"


def _in_own_name(case: Case) -> Iterator[str]:
    change = case.change
    if case.action != events.ENQUEUE or change is None or case.actor.id == change.requested_by:
        return
    if case.member is None or not (case.member.is_service or case.member.is_approver):
        yield f"{_who(case)} is neither a service nor an approver, and queues nothing for {change.requested_username}"


def _protected_requestor(case: Case) -> Iterator[str]:
    if case.action not in (events.ENQUEUE, events.REBASE) or case.change is None:
        return
    for item in case.protections:
        if item.requestors and case.change.requested_by not in item.requestors:
            yield f"{subject_of(item)} may only be changed by {people_of(case.config, item.requestors)}{_why(item)}"


def _protected_approver(case: Case) -> Iterator[str]:
    if case.action != events.APPROVE or case.change is None:
        return
    for item in case.protections:
        if item.approvers and case.actor.id not in item.approvers:
            yield f"{subject_of(item)} is only approved by {people_of(case.config, item.approvers)}{_why(item)}"


def _enough(case: Case) -> Iterator[str]:
    if case.action == events.APPLY and case.change is not None and case.change.status == APPROVED:
        yield from (item.message for item in missing(case.config, case.change, case.facts_of) if item.rule == ENOUGH)


def _critical(case: Case) -> Iterator[str]:
    if case.action == events.APPLY and case.change is not None and case.change.status == APPROVED:
        yield from (item.message for item in missing(case.config, case.change, case.facts_of) if item.rule == CRITICAL)


def subject_of(item: Protection) -> str:
    """What a protection is about, in words."""
    what = [f"the field {item.field}" if item.field else "", f"the record {item.name!r}" if item.name else ""]
    what.append(f"the category {item.category}" if item.category else "")
    return " of ".join(word for word in what if word) or "everything"


def people_of(config: DatasetConfig, idents: Iterable[str]) -> str:
    """The members with these ids, in words."""
    members = (config.member(ident) or ident for ident in idents)
    return ", ".join(str(m.actor) if isinstance(m, Member) else f"#{m}" for m in members)


def _why(item: Protection) -> str:
    return f" ({item.reason})" if item.reason else ""


RULES: Final = (
    Rule("role.requestor", "Only a requestor, an approver or a service proposes and withdraws.", _requestor),
    Rule("role.approver", "Only an approver of the category approves, rejects, applies, holds and purges.", _approver),
    Rule("role.administrator", "Only an approver of everything does what moves main without a batch.", _administrator),
    Rule("role.owner", "What is proposed is changed or withdrawn by the requestor alone.", _own),
    Rule(
        "role.own_name", "Only a service or an approver puts a proposal of somebody else into the queue.", _in_own_name
    ),
    Rule("role.service", "Only a service writes events in the name of others.", _attested),
    Rule("role.flags", "Only a service says what a login may do.", _flags),
    Rule("review.two_people", "Whoever asked for a change does not approve it, if anybody else can.", _two_people),
    Rule("review.no_service", "A service approves nothing in its own name.", _no_service),
    Rule(ENOUGH, "A change is applied with as many counting approvals as the policy asks for.", _enough),
    Rule(CRITICAL, "A change of critical fields has a second look, where the policy asks for it.", _critical),
    Rule(
        "protected.requestor",
        "What is protected is changed by those alone whom the protection names.",
        _protected_requestor,
    ),
    Rule(
        "protected.approver",
        "What is protected is approved by those alone whom the protection names.",
        _protected_approver,
    ),
)
"""Every rule of the policy, in the order in which refusals are listed."""
