"""Changes of the policy as people decide on them: which are open, what one does, and what the caller may do with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from difflib import unified_diff
from itertools import islice
from typing import Any, Final

from modelref_git.errors import Conflict, NotFound
from modelref_git.operations.answers import find_batch, find_change, pending_record
from modelref_git.operations.changes import Filters, list_changes
from modelref_git.operations.context import Context, Person
from modelref_git.operations.deciding import head_of
from modelref_git.operations.judging import case_of, facts_finder
from modelref_git.operations.review_queue import awaits_approval, content_of
from modelref_git.operations.status import status_of
from modelref_git.proposals import policy
from modelref_git.proposals.events import APPLY, APPROVE, REJECT, WITHDRAW
from modelref_git.proposals.header import APPLIED, APPROVED, OPEN, POLICY
from modelref_git.proposals.queue import Change
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.index import Index
from modelref_git.store.log import View
from modelref_git.store.step import Step
from modelref_git.store.trees import Entry, compare, find

OPEN_AT_MOST: Final = 50
LAST: Final = 5


class PolicyMoved(Conflict):
    """The policy that somebody looked at before they changed it is not the one in force any more."""


def content_in_force(ctx: Context) -> str:
    """The blob of ``modelref.toml`` as it is on ``main``."""
    return _blob(ctx.view().dataset())


def as_seen(ctx: Context, content: str) -> Context:
    """*ctx*, whose next step is refused with `PolicyMoved` unless ``modelref.toml`` is still the blob *content*."""

    def check(step: Step) -> None:
        if _blob(step.dataset()) == content:
            return
        last = next(_applied(ctx.view()), None)
        who = f": {last.notes or 'the policy'}, applied by {last.applied_username}" if last is not None else ""
        raise PolicyMoved(
            f"{layout.CONFIG} was changed since you looked at it{who}",
            hint="look at what it says now, and ask again for what you still want",
        )

    return replace(ctx, before=check)


def open_policy_changes(ctx: Context) -> list[dict[str, Any]]:
    """The PendingChangeRecords of the open changes of the policy, oldest first, at most :data:`OPEN_AT_MOST`."""
    filters = Filters(statuses=tuple(sorted(OPEN)), categories=(POLICY,))
    rows: list[dict[str, Any]] = list_changes(ctx, filters, limit=OPEN_AT_MOST, indexed=True)["items"]
    return rows


def last_policy_changes(ctx: Context) -> list[dict[str, Any]]:
    """The PendingChangeRecords of the changes of the policy that were applied last, newest first."""
    view = ctx.view()
    return [
        pending_record(view.objects, change, nulls=True) for change, _ in zip(_applied(view), range(LAST), strict=False)
    ]


def policy_change(ctx: Context, change_id: int) -> dict[str, Any]:
    """One change of the policy, its difference to what is in force, where it stands, and what the caller may do.

    Answers ``{"record", "files", "status", "content", "main", "head", "steps"}``: ``files`` has the path and the lines
    of a unified difference of each file, a closed change's to what it was made against; ``content`` is the blob that
    an approval names, ``head`` the merge of its batch, ``steps`` those of ``approve``, ``reject``, ``apply`` and
    ``withdraw`` that the policy lets the caller do.

    Raises:
        NotFound: there is no change of the policy with that number.
    """
    view = ctx.view()
    change = find_change(view.queue, change_id)
    if change.category != POLICY:
        raise NotFound(f"change {change_id} is none of the policy", hint="the queue shows it")
    dataset = view.dataset()
    batch = find_batch(view.queue, change.batch_id) if change.batch_id is not None else None
    return {
        "record": pending_record(view.objects, change, nulls=True),
        "files": list(_differences(view, dataset, change)),
        "status": status_of(view, change),
        "content": content_of(change),
        "main": view.main,
        "head": head_of(batch) if batch is not None else None,
        "steps": frozenset(_steps(view, dataset, ctx.person(dataset.config), change)),
    }


def _differences(view: View, dataset: DatasetTree, change: Change) -> Iterator[dict[str, Any]]:
    if change.is_imported:
        return
    base, mine = (view.objects.read_commit(commit).tree for commit in (change.base, change.commit))
    for path, old, new in compare(view.objects, base, mine):
        before = find(view.objects, dataset.tree, path) if change.is_open else old
        told = unified_diff(_lines(view, before), _lines(view, new), lineterm="")
        yield {"path": path, "lines": list(islice(told, 2, None))}


def _lines(view: View, entry: Entry | None) -> list[str]:
    return view.objects.read_blob(entry.oid).decode("utf-8", "replace").splitlines() if entry is not None else []


def _steps(view: View, dataset: DatasetTree, person: Person, change: Change) -> Iterator[str]:
    if not change.is_open:
        return
    config, facts_of = dataset.config, facts_finder(view.objects, dataset)

    def may(action: str) -> bool:
        return not policy.judge(case_of(config, person, action, change, facts_of))

    if awaits_approval(config, person, change, facts_of):
        yield APPROVE
    if change.status == APPROVED and not change.is_held and may(APPLY):
        yield APPLY
    yield from (action for action in (REJECT, WITHDRAW) if may(action))


def _applied(view: View) -> Iterator[Change]:
    """The applied changes of the policy, newest first."""
    with Index(view) as index:
        numbers = index.changes((POLICY,))
    for number in reversed(numbers):
        change = view.queue.change(number)
        if change is not None and change.status == APPLIED:
            yield change


def _blob(dataset: DatasetTree) -> str:
    entry = find(dataset.objects, dataset.tree, layout.CONFIG)
    return entry.oid if entry is not None else ""
