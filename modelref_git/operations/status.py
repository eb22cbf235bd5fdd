"""Status: where a change stands, what blocks it and whose turn it is; the same at a glance for the repository."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from modelref_git.operations.answers import find_change
from modelref_git.operations.context import Context, Person
from modelref_git.operations.forecast import Forecaster, Outlook
from modelref_git.operations.judging import facts_finder
from modelref_git.operations.review_queue import awaits_approval
from modelref_git.proposals import policy
from modelref_git.proposals.header import APPROVED, PENDING
from modelref_git.proposals.policy import FactsOf
from modelref_git.proposals.queue import Change
from modelref_git.store.index import Index
from modelref_git.store.log import View
from modelref_git.store.projections import main_behind

WAITING_AT_MOST: Final = 50


def change_status(ctx: Context, change_id: int) -> dict[str, Any]:
    """One change: its status, whether it still merges, what blocks it, whose turn it is, and the next command.

    Answers ``{"change_id", "status", "merge", "blockers", "turn", "next"}``; each blocker has a ``rule`` and a
    ``message``, a conflict its entries in ``conflicts`` besides.

    Raises:
        NotFound: there is no such change.
    """
    view = ctx.view()
    return status_of(view, find_change(view.queue, change_id))


def status_of(view: View, change: Change, outlook: Outlook | None = None) -> dict[str, Any]:
    """What `change_status` answers of *change*; *outlook* is what becomes of it, where that is known already."""
    if not change.is_open:
        return _row(change, None, [], "nobody", None)
    outlook = outlook or Forecaster(view).outlook(change)
    blockers = list(_blockers(view, change, outlook))
    turn, command = _next(change, outlook, blockers)
    return _row(change, outlook.verdict, blockers, turn, command)


def _row(
    change: Change, merge: str | None, blockers: list[dict[str, Any]], turn: str, command: str | None
) -> dict[str, Any]:
    return {
        "change_id": change.change_id,
        "status": change.status,
        "merge": merge,
        "blockers": blockers,
        "turn": turn,
        "next": command,
    }


def _blockers(view: View, change: Change, outlook: Outlook) -> Iterator[dict[str, Any]]:
    if change.is_held:
        yield {"rule": "hold", "message": f"held by {change.held_username}: {change.hold_reason}"}
    if outlook.verdict == "conflict":
        fields = ", ".join(path or "the whole record" for path in outlook.paths)
        message = outlook.reason or f"both sides changed {fields}"
        yield {"rule": "merge.conflict", "message": message, "conflicts": list(outlook.conflicts)}
    if outlook.verdict == "obsolete":
        yield {"rule": "merge.obsolete", "message": "main is as it proposes already: nothing is left to do"}
    dataset = view.dataset()
    facts_of = facts_finder(view.objects, dataset)
    for item in policy.missing(dataset.config, change, facts_of):
        yield {"rule": item.rule, "message": item.message}


def _next(change: Change, outlook: Outlook, blockers: list[dict[str, Any]]) -> tuple[str, str | None]:
    """Whose turn it is, and the command that they give next."""
    number = change.change_id
    if outlook.verdict == "obsolete":
        return "requestor", f"modelref-git withdraw {number}"
    if outlook.verdict == "conflict":
        return "requestor", f"modelref-git propose rebase {number}"
    if change.is_held:
        return "approver", f"modelref-git unhold {number}"
    lacking = any(item["rule"] in (policy.ENOUGH, policy.CRITICAL) for item in blockers)
    if change.status == PENDING or lacking:
        return "approver", f"modelref-git approve {number} --title T"
    return "approver", f"modelref-git apply --batch {change.batch_id}"


def repository_status(ctx: Context, *, indexed: bool = False) -> dict[str, Any]:
    """The repository at a glance, and what waits for the caller, at most :data:`WAITING_AT_MOST` changes.

    With *indexed*, the derived index says which changes are the caller's own, as for ``list_changes``.

    Answers ``{"main", "queue", "drift", "open_batch", "counts", "waiting"}``. ``drift`` is the commit that other hands
    put on ``main``, if they did.
    """
    view = ctx.view()
    person = ctx.person(view.dataset().config)
    behind = main_behind(ctx.store, view.head)
    header = view.queue.header
    return {
        "main": view.main,
        "queue": view.head,
        "drift": behind.found if behind is not None and behind.foreign else None,
        "open_batch": header.open_batch,
        "counts": dict(header.as_state()["counts"]),
        "waiting": list(islice(_waiting(view, person, indexed=indexed), WAITING_AT_MOST)),
    }


def _waiting(view: View, person: Person, *, indexed: bool) -> Iterator[dict[str, Any]]:
    dataset = view.dataset()
    facts_of = facts_finder(view.objects, dataset)
    if person.is_approver:
        yield from _to_apply(view, person, facts_of)
    forecaster = Forecaster(view)
    for number in _pending_for(view, person, indexed=indexed):
        change = find_change(view.queue, number)
        mine = change.requested_by == person.actor.id
        if mine and forecaster.alone(change).verdict in ("conflict", "obsolete"):
            yield _waits(change, "it does not merge as it is", f"modelref-git status {number}")
        elif person.is_approver and awaits_approval(dataset.config, person, change, facts_of):
            yield _waits(change, "it waits for an approval", f"modelref-git approve {number} --title T")


def _pending_for(view: View, person: Person, *, indexed: bool) -> Iterable[int]:
    """The pending changes that may concern the person: whoever approves nothing waits for their own alone."""
    numbers = view.queue.change_ids(PENDING)
    if person.is_approver or not indexed:
        return numbers
    with Index(view) as index:
        own = set(index.changes(requested_by=(person.actor.id,)))
    return (number for number in numbers if number in own)


def _to_apply(view: View, person: Person, facts_of: FactsOf) -> Iterator[dict[str, Any]]:
    config = view.dataset().config
    for number in view.queue.change_ids(APPROVED):
        change = find_change(view.queue, number)
        category = change.category if change.category in config.categories else None
        if policy.missing(config, change, facts_of):  # a later policy asks for more than it was approved with
            if awaits_approval(config, person, change, facts_of):
                yield _waits(change, "it needs a further approval", f"modelref-git approve {number} --title T")
        elif person.member is not None and person.member.approves(category):
            yield _waits(change, "its batch waits to be applied", f"modelref-git apply --batch {change.batch_id}")


def _waits(change: Change, why: str, command: str) -> dict[str, Any]:
    return {
        "change_id": change.change_id,
        "category": change.category,
        "model_name": change.model_name,
        "operation": change.operation,
        "status": change.status,
        "requested_by": change.requested_username,
        "why": why,
        "next": command,
    }
