"""Propose: a create, an update or a delete of one record, or many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelref_git.errors import Invalid, ModelrefError, Problem, UsageFault
from modelref_git.operations import stale
from modelref_git.operations.answers import PROVISIONAL, find_change, pending_record
from modelref_git.operations.checking.weighing import check_waivers
from modelref_git.operations.closing import append_supersede, check_superseded
from modelref_git.operations.context import Context, Person
from modelref_git.operations.drafting import Draft, Request, missing_record, rivals
from modelref_git.operations.drafts import drafting
from modelref_git.operations.picture_files import files_of
from modelref_git.proposals.events import CREATE, DELETE, ENQUEUE, OPERATIONS, UPDATE, Event
from modelref_git.records import codec, pointer
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.step import Step

Edit = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes of today's record the one that is proposed."""

Prepare = Callable[[Step, DatasetTree], Request]
"""Gives the request, from the dataset as the step finds it."""


def propose_create(
    ctx: Context, request: Request, *, supersedes: int | None = None, intake: bool = False
) -> dict[str, Any]:
    """Queue the create of a record; answers its PendingChangeRecord. Raises as :func:`.drafting.draft`.

    *supersedes* is an open change that this one takes the place of. With *intake* it is pushed as a branch instead, as
    :func:`.intake_branch.push_branch` says.
    """
    return propose_prepared(ctx, lambda _step, _dataset: replace(request, operation=CREATE), supersedes, intake)


def propose_delete(
    ctx: Context, request: Request, *, supersedes: int | None = None, intake: bool = False
) -> dict[str, Any]:
    """Queue the delete of a record; answers its PendingChangeRecord. Raises as :func:`.drafting.draft`.

    *supersedes* and *intake* are as for :func:`propose_create`.
    """
    return propose_prepared(ctx, lambda _step, _dataset: replace(request, operation=DELETE), supersedes, intake)


def propose_update(
    ctx: Context,
    request: Request,
    *,
    edit: Edit | None = None,
    base: str | None = None,
    supersedes: int | None = None,
    intake: bool = False,
) -> dict[str, Any]:
    """Queue the update of a record; answers its PendingChangeRecord.

    Args:
        ctx: the caller.
        request: what is asked for; its payload is the full new record, unless *edit* is given.
        edit: edits of today's record instead of a full one.
        base: the revision that the full record was edited from. What it changed since then is merged onto today's
            record; so is a record whose ``metadata.updated_at`` is that of an older state.
        supersedes: an open change that this one takes the place of.
        intake: push it as a branch instead, as :func:`.intake_branch.push_branch` says.

    Raises:
        Conflict: the full record was edited from an older state, and does not merge.
        ModelrefError: as :func:`.drafting.draft`.
    """
    return propose_prepared(ctx, updating(request, edit=edit, base=base), supersedes, intake)


def updating(request: Request, *, edit: Edit | None = None, base: str | None = None) -> Prepare:
    """What gives an update's request in its step; the arguments are those of `propose_update`."""

    def prepare(step: Step, dataset: DatasetTree) -> Request:
        name = request.name or str((request.payload or {}).get("name", ""))
        live = _live_record(dataset, request.category, name)
        if edit is not None:
            if live is None:
                raise missing_record(dataset, request.category, name)
            return replace(request, operation=UPDATE, payload=edit(codec.without_remainder(live)))
        return _from_older_state(step, dataset, replace(request, operation=UPDATE), name, live, base)

    return prepare


def editing(changes: Sequence[tuple[str, Any]], removals: Sequence[str]) -> Edit:
    """The edit that sets each ``(JSON pointer, value)`` and removes what each pointer names, in the order given."""

    def edit(record: dict[str, Any]) -> dict[str, Any]:
        for where, value in changes:
            record = pointer.with_set(record, where, value)
        for where in removals:
            record = pointer.without(record, where)
        return record

    return edit


def current_record(ctx: Context, category: str, name: str) -> dict[str, Any]:
    """Today's record, as an editor is to show it.

    Raises:
        NotFound: there is none.
    """
    dataset = ctx.dataset()
    found = _live_record(dataset, category, name)
    if found is None:
        raise missing_record(dataset, category, name)
    return codec.without_remainder(found)


@dataclass(frozen=True, slots=True)
class BulkLine:
    """One line of a bulk: its number, and the request or what is wrong with the line."""

    number: int
    request: Request | None
    fault: ModelrefError | None = None


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of a bulk."""

    change_ids: list[int]
    errors: list[dict[str, Any]]
    provisional: bool = False
    """Whether they wait in the outbox of a clone, so that ``push`` gives them other numbers."""

    def as_json(self) -> dict[str, Any]:
        """The answer of ``propose bulk``."""
        answer = {"change_ids": self.change_ids, "errors": self.errors}
        return {**answer, PROVISIONAL: True} if self.provisional else answer


def read_bulk_line(number: int, row: Any, allow: tuple[str, ...]) -> BulkLine:
    """The request in one line ``{"operation", "category", "model_name"?, "payload"?, "note"?}``."""
    if isinstance(row, ModelrefError):
        return BulkLine(number, None, row)
    problems = []
    if not isinstance(row, dict):
        problems.append(Problem("", "a line is one JSON object", "bulk.line"))
        row = {}
    else:
        problems += [
            Problem(f"/{key}", f"{key!r} is no member of a bulk line", "bulk.line")
            for key in row.keys() - {"operation", "category", "model_name", "payload", "note"}
        ]
        if row.get("operation") not in OPERATIONS:
            problems.append(Problem("/operation", f"operation is one of {', '.join(OPERATIONS)}", "bulk.line"))
        if not isinstance(row.get("category"), str):
            problems.append(Problem("/category", "category must be a text", "bulk.line"))
        for key, kind, word in (("model_name", str, "a text"), ("note", str, "a text"), ("payload", dict, "an object")):
            if row.get(key) is not None and not isinstance(row[key], kind):
                problems.append(Problem(f"/{key}", f"{key} must be {word}", "bulk.line"))
    if problems:
        return BulkLine(number, None, Invalid.of(f"line {number}", problems))
    request = Request(
        row["operation"], row["category"], row.get("model_name"), row.get("payload"), row.get("note"), allow
    )
    return BulkLine(number, request)


def propose_bulk(
    ctx: Context,
    lines: Iterable[BulkLine],
    *,
    atomic: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> BulkResult:
    """Queue many proposals as one step; a bad line is reported and the others go in, unless *atomic*.

    Raises:
        Forbidden: the caller is no requestor.
    """
    rows = list(lines)

    def decide(step: Step) -> BulkResult:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        person.require_requestor("propose")
        errors = []
        with drafting(step, dataset, person) as drafts:
            for line in rows:
                if line.request is not None:
                    check_waivers(line.request.allow)
                try:
                    if line.request is None:
                        raise line.fault or UsageFault("an empty line")
                    drafts.add(_update_of_today(step, dataset, line.request))
                except ModelrefError as fault:
                    errors.append(_line_error(line.number, fault))
                progress()
        if errors and atomic:
            return BulkResult([], errors)
        change_ids = enqueue(step, person, drafts.made)
        return BulkResult(change_ids, errors, provisional=ctx.keeps_unsent)

    return ctx.propose(decide)


def _line_error(number: int, fault: ModelrefError) -> dict[str, Any]:
    details = fault.details or [{"path": "", "message": fault.message, "rule": fault.code}]
    return {"line": number, "details": details}


def _update_of_today(step: Step, dataset: DatasetTree, request: Request) -> Request:
    if request.operation != UPDATE or request.payload is None:
        return request
    name = request.name or str(request.payload.get("name", ""))
    return _from_older_state(step, dataset, request, name, _live_record(dataset, request.category, name), None)


def enqueue(
    step: Step, person: Person, drafts: Sequence[Draft], *, intake: str | None = None, source: str | None = None
) -> list[int]:
    """Append the ``enqueue`` event of *drafts*; gives their change ids.

    *intake* is the commit that they were read off, pushed without rights to the queue, and *source* its branch.
    """
    if not drafts:
        return []
    first = step.queue.header.last_change_id + 1
    change_ids = tuple(range(first, first + len(drafts)))
    pairs = list(zip(change_ids, drafts, strict=True))
    event = Event(
        ENQUEUE,
        person.actor,
        0,
        0,
        change_ids=change_ids,
        proposals=tuple(item.proposal for item in drafts),
        waived=tuple((change_id, rule) for change_id, item in pairs for rule in item.waived),
        intake=intake,
        source=source,
    )
    body = [f"- change {n}: {item.proposal.title}" for n, item in pairs[:127]] if len(pairs) > 1 else []
    step.append(event, keeps=[item.proposal.commit for item in drafts], email=person.email, body=body)
    for item in drafts:
        step.warnings += map(str, item.warnings)
    return list(change_ids)


def propose_prepared(ctx: Context, prepare: Prepare, supersedes: int | None, intake: bool) -> dict[str, Any]:
    """Queue what *prepare* asks for; the other arguments and the answer are those of `propose_create`."""
    if intake:
        from modelref_git.operations.intake_branch import push_branch

        if supersedes is not None:
            raise UsageFault(
                "--supersedes closes a change of the queue, and --intake does not touch the queue",
                hint="leave it out, and say in --note which change this is to replace",
            )
        return push_branch(ctx, prepare)
    return ctx.propose(proposing(ctx, prepare, supersedes))


def proposing(ctx: Context, prepare: Prepare, supersedes: int | None = None) -> Callable[[Step], dict[str, Any]]:
    """What a proposal does in its step, for those who do more in the same one; it answers the PendingChangeRecord."""

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        request = prepare(step, dataset)
        old = check_superseded(step, person, supersedes, request.category) if supersedes is not None else None
        if old is not None and old.pictures:
            kept = files_of(step.objects, old.commit, old.pictures)
            request = replace(request, pictures=replace(request.pictures, kept=kept))
        with drafting(step, dataset, person) as drafts:
            made = drafts.add(request)
        others = [number for number in rivals(step, made.proposal) if old is None or number != old.change_id]
        change_id = enqueue(step, person, [made])[0]
        if old is not None:
            append_supersede(step, person, old, change_id)
        if others:
            listed = ", ".join(str(number) for number in others)
            step.warnings.append(
                f"rival open proposals for this record: {listed}; `modelref-git conflicts {change_id}` tells what "
                "becomes of them together, --supersedes ID takes the place of one"
            )
        answer = pending_record(step.objects, find_change(step.queue, change_id), nulls=False)
        return {**answer, PROVISIONAL: True} if ctx.keeps_unsent else answer

    return decide


def _from_older_state(
    step: Step, dataset: DatasetTree, request: Request, name: str, live: dict[str, Any] | None, base: str | None
) -> Request:
    """*request* with its full record brought from the state it was edited from to today's."""
    if request.payload is None or live is None:
        return request
    if base is not None:
        then = _live_record(step.dataset(step.store.resolve(base)), request.category, name)
        return stale.brought_up(dataset, request, name, live, then, base)
    return stale.by_stamp(step, dataset, request, name, live)


def _live_record(dataset: DatasetTree, category: str, name: str) -> dict[str, Any] | None:
    try:
        blob = dataset.blob(category, name)
    except Invalid:
        return None  # a name that no record can have; the checks on the way in say why
    return None if blob is None else codec.decode(dataset.objects.read_blob(blob))
