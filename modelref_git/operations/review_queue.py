"""What waits for one approver, and all that they should see of each change before they decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelref_git.errors import WrongState
from modelref_git.operations.answers import Held, find_change
from modelref_git.operations.changes import Filters, Sides, matching_changes, pending_diff
from modelref_git.operations.checking.approval import findings_of
from modelref_git.operations.checking.weighing import Finding
from modelref_git.operations.context import Context, Person
from modelref_git.operations.forecast import Forecaster, Outlook, Verdict
from modelref_git.operations.judging import approval_of, case_of, facts_finder, refuse
from modelref_git.operations.merging import merged_blob
from modelref_git.proposals import policy
from modelref_git.proposals.config import DatasetConfig
from modelref_git.proposals.events import APPROVE
from modelref_git.proposals.header import APPROVED, PENDING, POLICY
from modelref_git.proposals.policy import FactsOf
from modelref_git.proposals.queue import Change
from modelref_git.records.diff import is_critical
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import View


@dataclass(frozen=True, slots=True)
class Rival:
    """Another open change of the same record, or of a look-alike of it."""

    change_id: int
    operation: str
    requested_username: str
    status: str
    verdict: str
    """What becomes of both together: ``overlaps`` when they go through, ``conflict``, ``obsolete``."""
    paths: tuple[str, ...]
    """The JSON pointers at which they conflict."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One change as an approver reads it; an approval of it is bound to ``blob``."""

    change: Change
    diff: dict[str, Any]
    """Its PendingChangeDiff: what it makes of today's record, or where it conflicts, of the one it was made from."""
    critical: tuple[str, ...]
    """The dotted paths of the differences that are critical."""
    verdict: Verdict
    """What ``status`` calls ``merge``."""
    trouble: str | None
    """Why it does not merge, in words, where no field conflicts."""
    conflicts: tuple[dict[str, Any], ...]
    rivals: tuple[Rival, ...]
    lacks: tuple[str, ...]
    """What it would still lack after this approver's approval."""
    needs_acknowledgement: bool
    """Whether the policy takes the approval only with a second look at critical fields."""
    findings: tuple[Finding, ...] = ()
    """What the rules of good data find in it."""

    @property
    def blob(self) -> str | None:
        """What the change proposes; of a delete the record that it takes away."""
        return content_of(self.change)

    @property
    def is_policy(self) -> bool:
        """Whether it is a change of the policy, which is approved alone."""
        return self.change.category == POLICY


def content_of(change: Change) -> str | None:
    """The blob by which an approval names what it covers."""
    return change.blob or change.base_blob


def awaits_approval(config: DatasetConfig, person: Person, change: Change, facts_of: FactsOf) -> bool:
    """Whether *change* can take an approval of *person* that it lacks."""
    if not change.is_open or change.is_held or any(given.by == person.actor.id for given in change.approvals):
        return False
    if change.status == APPROVED and not policy.missing(config, change, facts_of):
        return False
    return not policy.judge(case_of(config, person, APPROVE, change, facts_of))


def changes_to_review(ctx: Context, filters: Filters, change_ids: Sequence[int] = ()) -> list[int]:
    """The open changes that the caller may decide on, oldest first; those of *change_ids* in the order given.

    Raises:
        NotFound: there is no change with one of the numbers.
        WrongState: one that is named is closed or held, or has the caller's approval already.
        Forbidden: the caller is no approver, or may not approve one that is named.
    """
    view = ctx.view()
    config = view.dataset().config
    person = ctx.person(config)
    person.require_some_approver("review changes")
    facts_of = facts_finder(view.objects, view.dataset())
    if change_ids:
        named = [find_change(view.queue, number) for number in dict.fromkeys(change_ids)]
        refusals = [
            item
            for change in named
            if change.is_open
            for item in policy.judge(case_of(config, person, APPROVE, change, facts_of))
        ]
        refuse(config, APPROVE, refusals)
        for change in named:
            if not awaits_approval(config, person, change, facts_of):
                raise _not_waiting(change)
        return [change.change_id for change in named]
    found = matching_changes(view.queue, replace(filters, statuses=(PENDING, APPROVED)))
    return [change.change_id for change in found if awaits_approval(config, person, change, facts_of)]


def review_sheet(ctx: Context, change_id: int) -> Sheet:
    """All that the caller should see of a change before they decide on it.

    Raises:
        NotFound: there is no such change.
        WrongState: it does not wait for the caller any more.
    """
    view = ctx.view()
    dataset = view.dataset()
    person = ctx.person(dataset.config)
    change = find_change(view.queue, change_id)
    facts_of = facts_finder(view.objects, dataset)
    if not awaits_approval(dataset.config, person, change, facts_of):
        raise _not_waiting(change)
    return sheet_of(view, person, change)


def sheet_of(view: View, person: Person, change: Change) -> Sheet:
    """The same of any open *change*, for whoever reads it; what it lacks is counted with an approval of *person*."""
    dataset = view.dataset()
    facts_of = facts_finder(view.objects, dataset)
    forecaster = Forecaster(view)
    outlook = forecaster.outlook(change)
    sides = _sides(view, dataset, change, outlook)
    diff = pending_diff(view, dataset, change, sides)
    known = change.category in dataset.config.categories
    fields = dataset.schema(change.category).critical if known else ()
    paths = [row["field_path"] for row in diff["field_diffs"]] if diff["is_critical"] else []
    lacks, with_a_look = (_lacks(dataset.config, person, change, facts_of, look) for look in (False, True))
    return Sheet(
        change,
        diff,
        tuple(path for path in paths if is_critical([tuple(path.split("."))], fields)),
        outlook.verdict,
        outlook.reason,
        outlook.conflicts,
        tuple(_rivals(forecaster, change)),
        tuple(item.message for item in with_a_look),
        len(with_a_look) < len(lacks),
        tuple(findings_of(view.store, dataset, change, *(sides or (change.base_blob, change.blob)))),
    )


def _sides(view: View, dataset: DatasetTree, change: Change, outlook: Outlook) -> Sides | None:
    """What to compare where today's record is not the one that the change was made from.

    The proposal beside today's record would look as if it took back what others did since, which a merge does not.
    """
    if change.category == POLICY or change.category not in dataset.config.categories:
        return None
    found = dataset.blob(change.category, change.model_name)
    if outlook.verdict == "conflict":
        return change.base_blob, change.blob
    if found == change.base_blob or outlook.verdict == "obsolete":
        return None
    merged, conflicts = merged_blob(view.objects, dataset, change, found)
    return (change.base_blob, change.blob) if conflicts else (found, merged)


def _lacks(
    config: DatasetConfig, person: Person, change: Change, facts_of: FactsOf, acknowledged: bool
) -> list[policy.Refusal]:
    mine = approval_of(person, change.updated_at, acknowledged=acknowledged)
    return policy.missing(config, change, facts_of, [*change.approvals, mine])


def _rivals(forecaster: Forecaster, change: Change) -> Iterator[Rival]:
    for number in forecaster.rivals(change):
        if number == change.change_id:
            continue
        other = find_change(forecaster.view.queue, number)
        pair = sorted((change, other), key=lambda one: one.change_id)
        outlook = forecaster.together(pair)
        by = other.requested_username
        yield Rival(number, other.operation, by, other.status, outlook.verdict, tuple(outlook.paths))


def changed_since_read(ctx: Context, read: Sequence[tuple[int, str | None]]) -> list[int]:
    """Those of the changes, each with the content that was read, that are no more what they were, or closed, or held.

    Args:
        ctx: the caller.
        read: numbers of changes, each with :func:`content_of` it; ``None`` where only the number was decided on.
    """
    queue = ctx.view().queue
    found = []
    for number, blob in read:
        change = queue.change(number)
        same = change is not None and change.is_open and (blob is None or content_of(change) == blob)
        if change is None or not same or (blob is not None and change.is_held):
            found.append(number)
    return found


def _not_waiting(change: Change) -> WrongState:
    number = change.change_id
    if change.is_held and change.is_open:
        return Held(change, hint=f"an approver lets it go with `modelref-git unhold {number}`")
    now = f"is {change.status}" if change.status != PENDING else "has your approval already"
    return WrongState(f"change {number} {now}", hint=f"`modelref-git status {number}` says what it waits for")
