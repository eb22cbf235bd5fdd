"""Revert: the inverse of an applied batch as new proposals, record by record and field by field; later edits stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from modelref_git.errors import Conflict, WrongState
from modelref_git.operations.answers import find_batch
from modelref_git.operations.conflict_rows import conflict_rows
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.drafts import drafting
from modelref_git.operations.merging import record_of
from modelref_git.operations.propose import enqueue
from modelref_git.proposals.events import CREATE, DELETE, UPDATE
from modelref_git.proposals.header import POLICY
from modelref_git.proposals.queue import BATCH_APPLIED, Batch, Change
from modelref_git.records import codec
from modelref_git.records.json_text import same
from modelref_git.records.merge import merge_records
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.step import Step


def revert_batch(ctx: Context, batch_id: int, *, title: str | None = None) -> dict[str, Any]:
    """Propose the inverse of an applied batch; answers ``{"change_ids", "conflicts"}``.

    A field that was changed again since, by others, is a conflict, and its record is left out. What is as it was before
    the batch already needs no inverse.

    Args:
        ctx: the caller.
        batch_id: the batch.
        title: the note of the proposals; ``revert of batch N`` and its title unless given.

    Raises:
        NotFound: there is no such batch.
        WrongState: it is not applied, or is one of the policy.
        Conflict: every record conflicts; ``details`` lists the conflicts.
        Forbidden: the caller is no requestor.
    """
    return ctx.write(reverting(ctx, batch_id, title=title))


def reverting(ctx: Context, batch_id: int, *, title: str | None = None) -> Callable[[Step], dict[str, Any]]:
    """What `revert_batch` does in its step."""

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        person.require_requestor("propose a revert")
        batch = _applied(step, batch_id)
        note = (title or "").strip() or f"revert of batch {batch_id}: {batch.title}"
        requests, conflicts = _inverses(step, dataset, batch, note)
        # A rename by letter case is taken back as it was made: the one name leaves for the other.
        leaving = {(one.category, one.name or "") for one in requests if one.operation == DELETE}
        with drafting(step, dataset, person, leaving) as drafts:
            for request in requests:
                drafts.add(request)
        if conflicts and not drafts.made:
            raise Conflict(
                f"nothing of batch {batch_id} can be reverted by itself: what it changed was changed again since",
                hint="see who did with `modelref-git blame CATEGORY NAME`, and propose the update by hand",
                details=conflicts,
            )
        return {"change_ids": enqueue(step, person, drafts.made), "conflicts": conflicts}

    return decide


def revert_conflicts(step: Step, batch_id: int) -> list[dict[str, Any]]:
    """What kept records out of a revert of a batch in *step*, as its answer lists it. Raises as `revert_batch`."""
    return _inverses(step, step.dataset(), _applied(step, batch_id), "")[1]


def _inverses(step: Step, dataset: DatasetTree, batch: Batch, note: str) -> tuple[list[Request], list[dict[str, Any]]]:
    """The requests that take back what *batch* did, and the conflicts that stand against the others."""
    requests: list[Request] = []
    conflicts: list[dict[str, Any]] = []
    for change in _one_a_record(_members(step, batch)):
        made, rows = _inverse(step, dataset, batch, change, note)
        conflicts += rows
        requests += [made] if made is not None else []
    return requests, conflicts


def _applied(step: Step, batch_id: int) -> Batch:
    batch = find_batch(step.queue, batch_id)
    if batch.status != BATCH_APPLIED:
        raise WrongState(
            f"batch {batch_id} is {batch.status}, only an applied one can be reverted",
            hint=f"what it holds is seen with `modelref-git changes --batch {batch_id}`",
        )
    if not batch.merges:
        raise WrongState(
            f"batch {batch_id} was applied before the queue was imported: what it did to records is not known here",
            hint=f"`modelref-git audit net-changes {batch_id}` tells what is known; propose the updates by hand",
        )
    return batch


def _members(step: Step, batch: Batch) -> Iterator[Change]:
    for number in batch.changes:
        change = step.queue.change(number) or step.queue.purged(number)
        if change is not None:
            if change.category == POLICY:
                raise WrongState(
                    f"batch {batch.batch_id} is a change of the policy, which is not reverted by field",
                    hint="`modelref-git policy show --at REV` prints an older policy, `policy edit FILE` proposes it",
                )
            yield change


def _one_a_record(changes: Iterator[Change]) -> list[Change]:
    """The last change of each record: a batch can hold several of one."""
    return list({(change.category, change.model_name): change for change in changes}.values())


def _inverse(
    step: Step, dataset: DatasetTree, batch: Batch, change: Change, note: str
) -> tuple[Request | None, list[dict[str, Any]]]:
    """The request that takes back what *batch* did to one record, or the conflicts that stand against it."""
    category, name = change.category, change.model_name
    if category not in dataset.config.categories:
        return None, []
    first = step.objects.read_commit(batch.merges[0])
    before, after = (_record(step, step.dataset(commit), category, name) for commit in (first.parents[0], batch.head))
    live = _record(step, dataset, category, name)
    merged = merge_records(after, live, before, dataset.schema(category).merge_hints)
    if merged.conflicts:
        return None, conflict_rows(step, change, merged.conflicts, None)
    if _is_content(merged.record, live):
        return None, []
    operation = DELETE if merged.record is None else CREATE if live is None else UPDATE
    if operation == CREATE and before is not None and codec.REMAINDER in before:
        step.warnings.append(
            f"{category} {name!r} comes back without what legacy files alone hold: import it to add that"
        )
    payload = codec.without_remainder(merged.record) if merged.record is not None else None
    # What was let into the batch is let back out of it.
    return Request(operation, category, name, payload, note, ("*",)), []


def _record(step: Step, dataset: DatasetTree, category: str, name: str) -> dict[str, Any] | None:
    if category not in dataset.config.categories:
        return None
    return record_of(step.objects, dataset.blob(category, name))


def _is_content(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    """Whether two records are the same but for their stamps."""
    if one is None or other is None:
        return one is other
    return same({**one, "metadata": None}, {**other, "metadata": None})
