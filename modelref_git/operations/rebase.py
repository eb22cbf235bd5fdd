"""Rebase: an open proposal brought up to today's ``main``, with conflicts settled as told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelref_git.errors import Invalid, Problem, WrongState
from modelref_git.operations.answers import find_change, pending_record
from modelref_git.operations.checking.weighing import check_waivers
from modelref_git.operations.conflict_rows import conflict_rows, refusal
from modelref_git.operations.context import Context, Person
from modelref_git.operations.drafting import Draft, Request
from modelref_git.operations.drafts import drafting
from modelref_git.operations.judging import require
from modelref_git.operations.merging import record_of, same_schema
from modelref_git.operations.picture_files import Given, files_of
from modelref_git.operations.rebuilding import Rebuilt, anew, open_batch
from modelref_git.operations.settling import Choice, Side, settled
from modelref_git.proposals.events import CREATE, DELETE, REBASE, UPDATE, Event
from modelref_git.proposals.header import APPROVED, POLICY
from modelref_git.proposals.queue import Change
from modelref_git.records import codec, pointer
from modelref_git.records.json_text import same
from modelref_git.records.merge import FieldConflict, merge_records
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.step import Step
from modelref_git.store.trees import TreeEditor


def propose_rebase(
    ctx: Context,
    change_id: int,
    *,
    settings: Sequence[tuple[str, Any]] = (),
    take: Side | None = None,
    sides: Mapping[str, Side] | None = None,
    values: Mapping[str, Any] | None = None,
    allow: Sequence[str] = (),
) -> dict[str, Any]:
    """Bring an open proposal up to today's ``main``; answers its PendingChangeRecord.

    Fields that only one side changed are merged. Where both changed one, *take* says whose value stands, unless *sides*
    say so for the path of that conflict, or *values* give another; *settings* set values at JSON pointers. *allow* are
    rules of good data to waive besides those that were waived before; that counts as an edit. An approval survives when
    neither the base record nor the proposal changes; an edit makes an approved change pending again.

    Raises:
        NotFound: there is no such change.
        WrongState: it is closed, or there is nothing left for it to do.
        Conflict: fields that both sides changed are not settled; ``details`` lists them.
        Invalid: the record that results.
        Forbidden: the caller is neither the requestor nor, without an edit, an approver.
        UsageFault: *allow* names what is no rule.
    """
    check_waivers(allow)
    choice = Choice(take, sides or {}, values or {}, settings)

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        change = find_change(step.queue, change_id)
        _check_open(change)
        edits = choice.is_edit or bool(allow)
        require(step, dataset, person, REBASE, [change], edits=edits)
        made = _rebased(step, dataset, person, change, choice, allow)
        if made is not None:
            _append(step, person, change, made)
        return pending_record(step.objects, find_change(step.queue, change_id), nulls=False)

    return ctx.write(decide)


def _check_open(change: Change) -> None:
    number = change.change_id
    if not change.is_open:
        raise WrongState(
            f"change {number} is {change.status}, only an open one can be rebased",
            hint=f"`modelref-git show {number}` tells its story",
        )
    if change.category == POLICY:
        raise WrongState(
            f"change {number} is one of the policy, which is never merged",
            hint=f"withdraw it with `modelref-git withdraw {number}`, and propose it anew on today's policy",
        )


def _append(step: Step, person: Person, change: Change, made: Draft) -> None:
    proposal = made.proposal
    rebuilt = Rebuilt()
    batch = open_batch(step)
    if change.status == APPROVED and batch is not None:
        # The batch holds the commits of its members as they are now; one that was edited is in it no more.
        keeps_content = (proposal.base_blob, proposal.blob) == (change.base_blob, change.blob)
        after = replace(change, commit=proposal.commit, base=proposal.base)
        members = [
            after if number == change.change_id else find_change(step.queue, number)
            for number in batch.changes
            if keeps_content or number != change.change_id
        ]
        rebuilt = anew(step, person, batch, members, batch.batch_id)
    event = Event(
        REBASE,
        person.actor,
        0,
        0,
        change_ids=(change.change_id,),
        proposals=(proposal,),
        waived=tuple((change.change_id, rule) for rule in made.waived),
        returned=rebuilt.returned,
        merges=rebuilt.merges,
        headline=f"change {change.change_id}: {proposal.title}",
    )
    step.append(event, keeps=[proposal.commit, *rebuilt.merges[-1:]], email=person.email)
    step.warnings += map(str, made.warnings)


def _rebased(
    step: Step,
    dataset: DatasetTree,
    person: Person,
    change: Change,
    choice: Choice,
    allow: Sequence[str],
) -> Draft | None:
    """The proposal on today's ``main``; ``None`` when it is there already and nothing is to be edited."""
    live = dataset.blob(change.category, change.model_name)
    edits = choice.is_edit or bool(allow)
    if not edits and live == change.base_blob and same_schema(step.objects, dataset, change):
        return _moved(step, dataset, change) if change.base != step.main else None
    record = _merged(step, dataset, change, live, choice)
    if record is None and live is None:
        raise _nothing_left(change)
    operation = DELETE if record is None else CREATE if live is None else UPDATE
    original = step.objects.read_commit(change.commit).author
    request = Request(
        operation,
        change.category,
        change.model_name,
        record,
        change.notes,
        (*change.waived, *allow),
        importing=change.origin is not None,
        asked_at=None if edits else original.time,
        # Whether they may ask was looked at when they did; they can be a guest, whose roles nobody here knows.
        requested_by=change.requestor,
        requested_email=original.email,
        pictures=Given(kept=files_of(step.objects, change.commit, change.pictures)),
    )
    try:
        with drafting(step, dataset, person) as drafts:
            return drafts.add(request)
    except Invalid as fault:
        if any(row["rule"] == "update.unchanged" for row in fault.details):
            raise _nothing_left(change) from fault
        raise


def _merged(
    step: Step,
    dataset: DatasetTree,
    change: Change,
    live: str | None,
    choice: Choice,
) -> dict[str, Any] | None:
    base, ours, mine = (record_of(step.objects, blob) for blob in (change.base_blob, live, change.blob))
    hints = dataset.schema(change.category).merge_hints
    merged = merge_records(base, ours, mine, hints)
    if merged.conflicts:
        merged = settled(merged, ours, mine, choice)
    record = merged.record
    if record is not None:
        record = _with_settings(change, record, choice.settings)
    elif choice.settings:
        problem = Problem("", "there is no record whose fields could be set", "rebase.set")
        raise Invalid.of(f"change {change.change_id}", [problem])
    left = [conflict for conflict in merged.conflicts if not _is_set(conflict, choice.settings)]
    if left:
        raise refusal(conflict_rows(step, change, left, None))
    return codec.without_remainder(record) if record is not None and change.origin is None else record


def _with_settings(change: Change, record: dict[str, Any], settings: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    kept = record.get(codec.REMAINDER)
    for where, value in settings:
        record = pointer.with_set(record, where, value)
    if not same(record.get(codec.REMAINDER, kept), kept):
        text = "what legacy files alone hold is changed by an import alone"
        problem = Problem(f"/{codec.REMAINDER}", text, "remainder.changed")
        raise Invalid.of(f"change {change.change_id}", [problem])
    return record if kept is None else {**record, codec.REMAINDER: kept}


def _is_set(conflict: FieldConflict, settings: Sequence[tuple[str, Any]]) -> bool:
    """Whether a value was set at the conflict's place, or at one that it lies within."""
    return any(f"{conflict.path}/".startswith(f"{where}/") for where, _ in settings)


def _moved(step: Step, dataset: DatasetTree, change: Change) -> Draft:
    """The same proposal of the same record, on top of today's ``main``."""
    editor = TreeEditor(step.objects, dataset.tree)
    path = dataset.path(change.category, change.model_name)
    if change.blob is None:
        editor.remove(path)
    else:
        editor.put(path, change.blob)
    lacking = [name for name in change.pictures if dataset.picture(name) is None]
    for name, file in files_of(step.objects, change.commit, lacking).items():
        editor.put(layout.picture_path(name), file)
    original = step.objects.read_commit(change.commit)
    proposal = replace(change.proposal, base=step.main, pictures=tuple(lacking))
    commit = step.commit(editor.write(), [step.main], original.author, proposal.message())
    return Draft(replace(proposal, commit=commit), change.waived, ())


def _nothing_left(change: Change) -> WrongState:
    return WrongState(
        f"change {change.change_id} has nothing left to do: {change.category} {change.model_name!r} is on main as it "
        "proposes already",
        hint=f"take it back with `modelref-git withdraw {change.change_id}`",
    )
