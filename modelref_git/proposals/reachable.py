"""A configuration that can be lived with: one under which every change can get the approvals that it needs.

What locks everybody out is refused before it is written, since no later change could undo it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelref_git.errors import Problem
from modelref_git.proposals.actors import Member
from modelref_git.proposals.config import FILE, DatasetConfig, Protection
from modelref_git.proposals.header import POLICY
from modelref_git.proposals.policy import able, key_of, same_person

REACHABLE: Final = "policy.reachable"


def config_problems(config: DatasetConfig) -> list[Problem]:
    """What would make *config* one that nobody could get out of, or in which one person counts twice.

    Every change that a member may ask for must be able to get its approvals. (One that an approver put into the queue
    for another approver may lack one: the requestor proposes it anew in their own name.)
    """
    found = []
    if not any(member.approves(None) and not member.is_service for member in config.members):
        found.append(Problem("/members", "nobody would be an approver of the whole dataset", REACHABLE))
    seen: dict[str, Member] = {}
    for member in config.members:
        for key in {*(email.casefold() for email in member.emails), *map(key_of, member.ssh_keys)}:
            other = seen.setdefault(key, member)
            if other is not member:
                text = f"{key} stands with {other.actor} and with {member.actor}: one person is one member"
                found.append(Problem("/members", text, "policy.one_person"))
    for number, item in enumerate(config.policy.protected):
        found += _naming_problems(config, item, f"/protected/{number}")
    found += _keyless_problems(config)
    first: dict[str, Problem] = {}
    for problem in _unreachable(config) if not found else ():
        first.setdefault(problem.path, problem)  # what one setting spoils, it spoils for many
    return [*found, *first.values()]


def _keyless_problems(config: DatasetConfig) -> Iterator[Problem]:
    """Approvers who could sign nothing, in a dataset that takes signed events only and has no service to sign."""
    signs = any(member.is_service and member.ssh_keys for member in config.members)
    for number, member in enumerate(config.members):
        if config.policy.require_signed and not signs and member.is_approver and not member.ssh_keys:
            text = f"{member.actor} is an approver without an SSH key: with require_signed nothing they do would count"
            yield Problem(f"/members/{number}/ssh_keys", text, REACHABLE)


def _naming_problems(config: DatasetConfig, item: Protection, at: str) -> Iterator[Problem]:
    if item.category is not None and item.category != POLICY and item.category not in config.categories:
        yield Problem(f"{at}/category", f"there is no category {item.category!r}", "config.value")
    for ident in dict.fromkeys((*item.requestors, *item.approvers)):
        if config.member(ident) is None:
            yield Problem(at, f"{ident!r} is the id of no member", "config.value")


def _unreachable(config: DatasetConfig) -> Iterator[Problem]:
    """The changes that could be asked for and never get their approvals, by the setting that is to blame."""
    administrators = 0
    for category, name in _subjects(config):
        for asker in config.members:
            if not (asker.approves(None) if category == POLICY else asker.is_requestor or asker.is_service):
                continue
            touched = _touchable(config, category, name, asker)
            if touched is None:
                continue
            administrators += category == POLICY
            wanted, most = _wanted(config, touched), _most(config, category, asker, touched)
            if most < wanted:
                of = f"{category} {name!r}" if name is not None else category
                text = f"a change of {of} by {asker.actor} needs {wanted} approvals, and can get {most} at most"
                yield Problem(_to_blame(config, category, asker, touched), text, REACHABLE)
    if not administrators:
        yield Problem("/protected", f"nobody could ask for a change of {FILE} any more", REACHABLE)


def _to_blame(config: DatasetConfig, category: str, asker: Member, touched: Sequence[Protection]) -> str:
    """The policy, or the first protection that asks for too much beside those before it."""
    count = 0
    while _most(config, category, asker, touched[:count]) >= _wanted(config, touched[:count]):
        count += 1  # with all of them it is too much
    return f"/protected/{config.policy.protected.index(touched[count - 1])}" if count else "/policy/approvals"


def _subjects(config: DatasetConfig) -> Iterator[tuple[str, str | None]]:
    """Each category with the names that protections tell apart; ``None`` is any other name."""
    names = dict.fromkeys(item.name for item in config.policy.protected if item.name is not None)
    for category in config.categories:
        yield from ((category, name) for name in (None, *names))
    yield POLICY, FILE


def _touchable(config: DatasetConfig, category: str, name: str | None, asker: Member) -> list[Protection] | None:
    """The most protections that one change by *asker* can be about; ``None`` if they may not ask for any."""
    found, forbidden = [], set()
    for item in config.policy.protected:
        if item.category not in (None, category) or item.name not in (None, name):
            continue
        if item.field is not None and category == POLICY:
            continue  # the configuration has no fields of a record
        if not item.requestors or asker.id in item.requestors:
            found.append(item)
        elif item.field is None:
            return None
        else:
            forbidden.add(item.field)
    return [item for item in found if item.field not in forbidden]


def _wanted(config: DatasetConfig, items: Sequence[Protection]) -> int:
    """How many approvals a change needs that *items* are about."""
    return max([config.policy.approvals, *(item.approvals for item in items)])


def _most(config: DatasetConfig, category: str, asker: Member, items: Sequence[Protection]) -> int:
    """How many approvals that count a change by *asker* can get."""
    everybody = able(config, category, items)
    others = [member for member in everybody if not same_person(config, member.id, asker.id)]
    return len(others if others and config.policy.two_person_review else everybody)
