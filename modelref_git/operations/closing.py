"""Withdraw and supersede: open proposals closed without a reviewer's verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from modelref_git.errors import UsageFault, WrongState
from modelref_git.operations.answers import find_change, pending_records
from modelref_git.operations.context import Context, Person
from modelref_git.operations.judging import require
from modelref_git.operations.rebuilding import without
from modelref_git.operations.wording import check_reason, listing
from modelref_git.proposals.events import SUPERSEDE, WITHDRAW, Event
from modelref_git.proposals.queue import Change
from modelref_git.store.step import Step


def withdraw(ctx: Context, change_ids: Sequence[int], *, reason: str | None = None) -> list[dict[str, Any]]:
    """The requestor takes open proposals back; answers their records, which are ``rejected`` on the wire.

    An approved one leaves its batch, which is merged anew in the same step.

    Raises:
        UsageFault: none is named.
        NotFound: there is no such change.
        WrongState: one is not open.
        Forbidden: one is somebody else's.
    """
    wanted = sorted(set(change_ids))
    if not wanted:
        raise UsageFault("name at least one change")
    why = check_reason(reason) if reason is not None else None

    def decide(step: Step) -> list[dict[str, Any]]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        changes = [find_open(step, number, "withdrawn") for number in wanted]
        require(step, dataset, person, WITHDRAW, changes)
        _append(step, person, Event(WITHDRAW, person.actor, 0, 0, reason=why), changes)
        return pending_records(step.objects, step.queue, wanted, nulls=True)

    return ctx.write(decide)


def check_superseded(step: Step, person: Person, change_id: int, category: str) -> Change:
    """The open change that a new proposal of *person* in *category* is to take the place of.

    Raises:
        NotFound: there is no such change.
        WrongState: it is not open, or of another category.
        Forbidden: it is somebody else's, and the person is no approver.
    """
    change = find_open(step, change_id, "superseded")
    if change.category != category:
        raise WrongState(
            f"change {change_id} is one of {change.category}: a change of {category} cannot take its place",
            hint=f"take it back with `modelref-git withdraw {change_id}`",
        )
    require(step, step.dataset(), person, SUPERSEDE, [change])
    return change


def append_supersede(step: Step, person: Person, old: Change, change_id: int) -> None:
    """Close *old* in favour of the change *change_id*."""
    _append(step, person, Event(SUPERSEDE, person.actor, 0, 0, superseded_by=change_id), [old])


def find_open(step: Step, change_id: int, done: str) -> Change:
    """The change with that number, which must be open to be *done*.

    Raises:
        NotFound: there is no such change.
        WrongState: it is closed.
    """
    change = find_change(step.queue, change_id)
    if not change.is_open:
        raise WrongState(
            f"change {change_id} is {change.status}, only an open one can be {done}",
            hint=f"`modelref-git show {change_id}` tells its story",
        )
    return change


def _append(step: Step, person: Person, event: Event, changes: Sequence[Change]) -> None:
    """Append *event* about *changes*, with the open batch merged anew without them."""
    numbers = tuple(change.change_id for change in changes)
    rebuilt = without(step, person, numbers)
    event = replace(event, change_ids=numbers, returned=rebuilt.returned, merges=rebuilt.merges)
    step.append(event, keeps=rebuilt.merges[-1:], email=person.email, body=listing(changes))
