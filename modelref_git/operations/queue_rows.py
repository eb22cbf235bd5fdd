"""What one looks at before a click: of each change of a page of the queue what stands for it and against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from modelref_git.operations.answers import find_change
from modelref_git.operations.changes import Filters, changes_after
from modelref_git.operations.checking.approval import finder
from modelref_git.operations.checking.weighing import Finding
from modelref_git.operations.context import Context, Person
from modelref_git.operations.forecast import Forecaster, Outlook
from modelref_git.operations.judging import case_of, facts_finder
from modelref_git.operations.review_queue import awaits_approval, content_of
from modelref_git.proposals import policy
from modelref_git.proposals.events import APPROVE, HOLD, REJECT, UNHOLD
from modelref_git.proposals.header import APPROVED
from modelref_git.proposals.policy import FactsOf
from modelref_git.proposals.queue import Change
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import View

RIVALS_AT_MOST: Final = 3
"""So many rivals of a change are tried with it: what a page costs has a bound."""

CLOSED: Final = Outlook("clean")
"""What is told of a change that is decided: nothing becomes of it any more."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One change of a page."""

    change: Change
    content: str | None
    """The blob that an approval of it is bound to."""
    outlook: Outlook
    rivals: tuple[int, ...] = ()
    """The other open changes of the same record."""
    clashes: tuple[int, ...] = ()
    """Those of the first `RIVALS_AT_MOST` rivals with which it does not merge."""
    is_critical: bool = False
    findings: tuple[Finding, ...] = ()
    approvals: int = 0
    """How many count."""
    needed: int = 0
    lacks: tuple[str, ...] = ()
    """What it lacks to be part of a batch, or to be applied."""
    choices: tuple[str, ...] = ()
    """What the reader may decide: ``approve``, ``reject``, ``hold``, ``unhold``."""

    @property
    def missing(self) -> int:
        """How many approvals are missing."""
        return max(0, self.needed - self.approvals)


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A page of the queue, oldest change first."""

    rows: tuple[QueueRow, ...]
    next_after: int | None
    """Behind which change the next page begins; ``None`` at the end."""
    total: int | None
    """How many changes are wanted in all, where that is known."""


def queue_page(ctx: Context, filters: Filters, *, after: int = 0, limit: int = 50) -> QueuePage:
    """At most *limit* of the changes that *filters* hold for, behind the change *after*, each with what matters of it.

    What it costs does not grow with the queue: only the changes of the page are looked at.
    """
    view = ctx.view()
    found = changes_after(view, filters, after, limit)
    person = ctx.person(view.dataset().config)
    rows = tuple(rows_of(view, person, found.changes))
    return QueuePage(rows, None if found.is_last else found.changes[-1].change_id, found.total)


def rows_of(view: View, person: Person, changes: Sequence[Change]) -> Iterator[QueueRow]:
    """What *person* sees of each of *changes*."""
    if not any(change.is_open for change in changes):
        yield from (QueueRow(change, content_of(change), CLOSED) for change in changes)
        return
    dataset = view.dataset()
    facts_of = facts_finder(view.objects, dataset)
    forecaster = Forecaster(view, tells_whose=False)
    pairs: dict[tuple[int, int], bool] = {}
    with finder(view.store, dataset) as find:
        for change in changes:
            if not change.is_open:
                yield QueueRow(change, content_of(change), CLOSED)
                continue
            rivals = tuple(number for number in forecaster.rivals(change) if number != change.change_id)
            yield QueueRow(
                change,
                content_of(change),
                forecaster.outlook(change),
                rivals,
                tuple(number for number in rivals[:RIVALS_AT_MOST] if _clashes(forecaster, change, number, pairs)),
                facts_of(change).critical,
                tuple(find(change, change.base_blob, change.blob)),
                len(policy.counted(dataset.config, change, facts_of)),
                policy.needed(dataset.config, change, facts_of),
                tuple(item.message for item in policy.missing(dataset.config, change, facts_of)),
                choices_of(dataset, person, change, facts_of),
            )


def _clashes(forecaster: Forecaster, change: Change, rival: int, known: dict[tuple[int, int], bool]) -> bool:
    """Whether a change and one of its rivals do not go together; *known* are the pairs that were tried."""
    pair = (min(change.change_id, rival), max(change.change_id, rival))
    if pair not in known:
        both = [find_change(forecaster.view.queue, number) for number in pair]
        known[pair] = forecaster.together(both).verdict != "overlaps"
    return known[pair]


def choices_of(dataset: DatasetTree, person: Person, change: Change, facts_of: FactsOf) -> tuple[str, ...]:
    """What *person* may decide about *change*: no step among them would be refused for their role."""
    config = dataset.config
    if not change.is_open or not person.is_approver:
        return ()
    other = UNHOLD if change.is_held else HOLD
    may = [
        action
        for action in (APPROVE, REJECT, other)
        if not policy.judge(case_of(config, person, action, change, facts_of))
    ]
    if APPROVE in may and not _takes_approval(dataset, person, change, facts_of):
        may.remove(APPROVE)
    return tuple(may)


def _takes_approval(dataset: DatasetTree, person: Person, change: Change, facts_of: FactsOf) -> bool:
    if awaits_approval(dataset.config, person, change, facts_of):
        return True
    # A policy that asks for less by now leaves a pending change with all it needs: whoever approves it brings it on.
    waits = change.is_open and not change.is_held and change.status != APPROVED
    return waits and not policy.missing(dataset.config, change, facts_of)
