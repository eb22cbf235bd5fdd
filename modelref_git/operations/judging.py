"""May they? The rules of the policy in force, asked about the changes of a step; a refusal lists all that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from modelref_git.errors import Forbidden
from modelref_git.operations.context import Person
from modelref_git.proposals import policy
from modelref_git.proposals.config import DatasetConfig
from modelref_git.proposals.events import ENQUEUE, LAYOUT
from modelref_git.proposals.header import POLICY
from modelref_git.proposals.policy import Case, Facts, Refusal
from modelref_git.proposals.queue import Change, GivenApproval
from modelref_git.records import codec
from modelref_git.records.diff import changed_leaves, is_critical
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.objects import ObjectBuffer
from modelref_git.store.step import Step

SHOWN_AT_MOST: Final = 5

_VERBS: Final = {ENQUEUE: "propose", LAYOUT: "change the layout"}
"""What people say for an action whose name is not their word."""


def facts_finder(objects: ObjectBuffer, dataset: DatasetTree) -> Callable[[Change], Facts]:
    """Finds what a change touches, by the schemas of *dataset*; each change is looked at once."""
    known: dict[tuple[str | None, str | None, str], Facts] = {}

    def find(change: Change) -> Facts:
        key = (change.base_blob, change.blob, change.category)
        if key not in known:
            known[key] = _facts(objects, dataset, change)
        return known[key]

    return find


def _facts(objects: ObjectBuffer, dataset: DatasetTree, change: Change) -> Facts:
    if change.category == POLICY or change.category not in dataset.config.categories:
        return Facts()
    old, new = (
        codec.decode(objects.read_blob(blob)) if blob is not None else None for blob in (change.base_blob, change.blob)
    )
    touched = changed_leaves(old, new)
    return Facts(tuple(touched), is_critical(touched, dataset.schema(change.category).critical))


def case_of(
    config: DatasetConfig,
    person: Person,
    action: str,
    change: Change | None,
    facts_of: Callable[[Change], Facts],
    *,
    edits: bool = False,
) -> Case:
    """The case of *person* doing *action* to *change*, to be judged by *config*."""
    return Case(
        config,
        person.actor,
        action,
        change,
        facts_of,
        edits=edits,
        attested_by=person.attested_by,
        flags=person.flags,
    )


def approval_of(person: Person, time: int, *, acknowledged: bool = False) -> GivenApproval:
    """The approval that *person* gives at *time* (Unix seconds)."""
    return GivenApproval(person.actor.id, str(person.actor), time, acknowledged, person.flags)


def require(
    step: Step,
    dataset: DatasetTree,
    person: Person,
    action: str,
    changes: Sequence[Change],
    *,
    edits: bool = False,
) -> None:
    """Refuse unless the policy on *dataset* lets *person* do *action* to every one of *changes*.

    Raises:
        Forbidden: it does not; ``details`` lists every rule that failed, for every change.
    """
    facts_of = facts_finder(step.objects, dataset)
    config = dataset.config
    cases = (case_of(config, person, action, change, facts_of, edits=edits) for change in changes)
    refuse(config, action, [refusal for case in cases for refusal in policy.judge(case)])


def require_administrator(dataset: DatasetTree, person: Person, action: str) -> None:
    """Refuse unless *person* may do the administrative *action*.

    Raises:
        Forbidden: they may not.
    """
    config = dataset.config
    case = case_of(config, person, action, None, lambda _: Facts())
    refuse(config, action, policy.judge(case))


def refuse(config: DatasetConfig, action: str, refusals: Sequence[Refusal]) -> None:
    """Raise what *refusals* say, if there are any.

    Raises:
        Forbidden: there are.
    """
    if not refusals:
        return
    messages = list(dict.fromkeys(item.message for item in refusals))
    shown = "; ".join(messages[:SHOWN_AT_MOST])
    more = f" (and {len(messages) - SHOWN_AT_MOST} more)" if len(messages) > SHOWN_AT_MOST else ""
    raise Forbidden(
        f"the policy does not let you {_VERBS.get(action, action)}: {shown}{more}",
        hint=_hint({item.rule for item in refusals}, config, changes=any(item.change_id for item in refusals)),
        details=[item.as_json() for item in refusals],
    )


def _hint(rules: Iterable[str], config: DatasetConfig, *, changes: bool) -> str:
    rules = set(rules)
    if rules & {policy.ENOUGH, policy.CRITICAL}:
        return "another approver approves it too; `modelref-git status ID` says what is missing"
    if "review.two_people" in rules and changes:
        return "`modelref-git status ID` says whose turn it is"
    approvers = ", ".join(str(member.actor) for member in config.members if member.approves(None))
    return f"`modelref-git whoami` tells as whom you act; the approvers here are {approvers or 'none'}"


def sole_approvals(
    config: DatasetConfig, person: Person, changes: Sequence[Change], facts_of: Callable[[Change], Facts]
) -> tuple[int, ...]:
    """The changes that *person* may approve only because nobody else could."""
    return tuple(
        change.change_id for change in changes if policy.is_sole_approver(config, person.actor, change, facts_of)
    )
