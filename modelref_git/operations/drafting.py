"""From a request to a proposal's commit: every check on the way in, then the record's canonical bytes and its tree."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modelref_git.errors import Conflict, Invalid, NotFound, Problem
from modelref_git.operations.answers import METADATA, STAMPS, without_stamps
from modelref_git.operations.checking.weighing import Finding, check_waivers, found_in_change, refuse
from modelref_git.operations.context import Person
from modelref_git.operations.judging import require
from modelref_git.operations.picture_files import MISSING, NEXT, NONE, Brought, Given, bring
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import BY_IMPORT, CREATE, DELETE, ENQUEUE, Proposal
from modelref_git.proposals.folds.asked import queued
from modelref_git.records import codec, names
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.json_text import MAX_RECORD_BYTES, same
from modelref_git.records.quality.rule import Facts, Others
from modelref_git.records.schemas import Schema
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.step import Step
from modelref_git.store.trees import TreeEditor


@dataclass(frozen=True, slots=True)
class Request:
    """One requested create, update or delete, as it came in."""

    operation: str
    category: str
    name: str | None = None
    """The key; the body's ``name`` where it is left out."""
    payload: Mapping[str, Any] | None = None
    note: str | None = None
    allow: tuple[str, ...] = ()
    """Quality rules that are waived; ``*`` for all."""
    importing: bool = False
    """Whether an import asks: its records bring their legacy remainder and keep their source's stamps."""
    asked_at: int | None = None
    """The time of the stamps and of the author's line; the step's unless given, as by a rebase without an edit."""
    requested_by: Actor | None = None
    """Who asked, where that is not the caller: somebody at the service from which a queue is imported, or who pushed a
    branch without rights to the queue. Whether the caller may speak for them is for the operation to check."""
    requested_email: str = ""
    """Of :attr:`requested_by`, for display."""
    pictures: Given = NONE
    """The picture files that come with it."""
    is_for_intake: bool = False
    """Whether it becomes a branch that somebody else admits: then nobody's role is asked for."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that passed every check: its proposal's commit is held by the step, and not written yet."""

    proposal: Proposal
    waived: tuple[str, ...]
    warnings: tuple[Finding, ...]
    """What the rules of good data remark upon."""
    record: dict[str, Any] | None = None
    """The record as it will be stored; ``None`` for a delete."""


def draft(
    step: Step,
    dataset: DatasetTree,
    person: Person,
    request: Request,
    leaving: Container[tuple[str, str]] = (),
    others: Others | None = None,
) -> Draft:
    """Check *request* against the dataset, and hold its proposal's commit.

    *leaving* are the records, by category and name, that the same step proposes to delete: a rename may take a
    look-alike of one of them. *others* is the dataset around the record, for the rules that look at it.

    The order of the checks is the one that the queue's clients know: the category, the record, the role, the name,
    then whether the record exists.

    Raises:
        NotFound: no such category; update or delete of a record that is not there.
        Invalid: the record or its name; every fault of the record at once.
        Forbidden: the person is no requestor, or not one who may change what is protected.
        Conflict: create of a record that is there, or of a look-alike.
    """
    check_waivers(request.allow)
    schema = dataset.schema(request.category)
    name = _key(request)
    live = dataset.blob(request.category, name) if not _structural(request.category, name) else None
    old = codec.decode(step.objects.read_blob(live)) if live is not None else None
    checked = Checked()
    if request.operation != DELETE:
        facts = Facts(request.category, name, before=old, others=others)
        if request.operation == CREATE and (alike := _left(dataset, request.category, name, leaving)):
            facts = replace(facts, renamed_from=alike)
        checked = checked_record(step, dataset, schema, facts, person, request)
    record = checked.record
    if request.requested_by is None:
        person.require_requestor(f"propose a {request.operation}")
    problems = _structural(request.category, name)
    if problems:
        raise Invalid.of(f"the name {name!r}", problems)
    check_existence(step, dataset, request, name, live, leaving)
    blob = None
    if record is not None:
        data = canonical_bytes(record, schema, name)
        blob = step.objects.add("blob", data)
        if blob == live or (old is not None and not request.importing and _is_content(record, old)):
            text = "the record is so already: there is nothing to change"
            raise Invalid.of(f"record {name!r}", [Problem("", text, "update.unchanged")])
    proposal = _commit(step, dataset, person, request, name, live, blob, checked.pictures)
    if dataset.config.policy.protected and not request.is_for_intake:
        require(step, dataset, person, ENQUEUE, [queued(proposal, 0, step.time)])
    return Draft(proposal, checked.waived, checked.warnings, record)


def _is_content(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two records are the same but for their stamps."""
    left, right = (without_stamps({METADATA: {}, **record}) for record in (one, other))
    return same(left, right)


def _key(request: Request) -> str:
    if request.name is not None:
        return request.name
    body = request.payload or {}
    if isinstance(body.get("name"), str):
        return str(body["name"])
    what = "the record has no name of its own" if "name" not in body else "the record's name is not a text"
    raise Invalid.of("the proposal", [Problem("/name", f"{what}, and none was given", "name.missing")])


def _structural(category: str, name: str) -> list[Problem]:
    return names.structural_problems(category, name)


@dataclass(frozen=True, slots=True)
class Checked:
    """A record that passed every check."""

    record: dict[str, Any] | None = None
    """As it will be stored; ``None`` for a delete."""
    waived: tuple[str, ...] = ()
    """The rules that were waived for it."""
    warnings: tuple[Finding, ...] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)
    """By name, the blobs of the pictures that come with it."""


def checked_record(
    step: Step,
    dataset: DatasetTree,
    schema: Schema,
    facts: Facts,
    person: Person,
    request: Request,
) -> Checked:
    """The record that *request* asks for, once it has passed every check.

    *facts* are what the rules of good data look at, but for the record itself.

    Raises:
        Invalid: every fault of the record and of its pictures at once.
    """
    name, old = facts.key, dict(facts.before) if facts.before is not None else None
    what = f"record {name!r}"
    if request.payload is None:
        raise Invalid.of(what, [Problem("", f"a {request.operation} needs a record", "payload.missing")])
    record = dict(request.payload)
    if request.category in CATEGORIES:
        record.setdefault("name", name)
        if record["name"] is None:
            record["name"] = name
    problems = [] if request.importing else _carry_remainder(record, old)
    brought = bring(step.objects, dataset, schema, record, old, request.pictures)
    record, faults = stored_form(schema, brought.record, old)
    problems += faults + _told_once(brought, faults)
    if problems:
        is_missing = any(problem.rule == MISSING for problem in problems)
        raise Invalid.of(what, problems, hint=NEXT if is_missing else None)
    found = found_in_change(dataset.config, replace(facts, record=record), importing=request.importing)
    waived = refuse(what, found, request.allow)
    warnings = tuple(one for one in found if one.severity == "warning")
    if not request.importing and request.category in CATEGORIES and schema.has_metadata:
        asked_at = request.asked_at if request.asked_at is not None else step.time
        record["metadata"] = _stamped(asked_at, record.get("metadata"), old, request.requested_by or person.actor)
    return Checked(record, waived, warnings, brought.added)


def _told_once(brought: Brought, faults: Sequence[Problem]) -> list[Problem]:
    """The problems of pictures at places of which the schema has not complained already."""
    told = {problem.path for problem in faults}
    return [problem for problem in brought.problems if problem.path not in told]


def stored_form(
    schema: Schema, record: dict[str, Any], old: dict[str, Any] | None = None
) -> tuple[dict[str, Any], list[Problem]]:
    """*record*, which replaces *old*, as the dataset stores it, and its faults by the schema of the dataset.

    For the package's own categories, defaults are filled in and the text rules are applied. A record of a category of
    one's own stays as it is.
    """
    if schema.category not in CATEGORIES:
        return record, schema.problems(record)
    from modelref_git.records import normal

    try:
        stored = normal.normalise(schema.category, record, before=old, open_values=not schema.is_shipped)
    except Invalid as fault:
        found = [Problem(row["path"], row["message"], row["rule"]) for row in fault.details]
        if schema.is_shipped:
            return record, found
        # The dataset's own schema decides what is valid; the models only fill in and put in order.
        stored = {key: value for key, value in record.items() if value is not None}
        return stored, [problem for problem in found if problem.rule.startswith("text.")] + schema.problems(stored)
    # A schema that the package ships was made from the very models that have just accepted the record.
    return stored, [] if schema.is_shipped else schema.problems(stored)


def canonical_bytes(record: Mapping[str, Any], schema: Schema, name: str) -> bytes:
    """The bytes under which a record is stored.

    Raises:
        Invalid: there are more than a record may have.
    """
    data = codec.encode(record, schema.order)
    if len(data) > MAX_RECORD_BYTES:
        text = f"the record has {len(data)} bytes, {MAX_RECORD_BYTES} are the most"
        raise Invalid.of(f"record {name!r}", [Problem("", text, "json.size")])
    return data


def _carry_remainder(record: dict[str, Any], old: dict[str, Any] | None) -> list[Problem]:
    """Give *record* the legacy remainder of the live one: only an import may change it."""
    kept = (old or {}).get(codec.REMAINDER)
    given = record.pop(codec.REMAINDER, kept)
    if not same(given, kept):
        text = "the legacy remainder belongs to imports; leave it out"
        return [Problem(f"/{codec.REMAINDER}", text, "remainder.changed")]
    if kept is not None:
        record[codec.REMAINDER] = kept
    return []


def _stamped(asked_at: int, given: Any, old: dict[str, Any] | None, asker: Actor) -> dict[str, Any]:
    """The ``metadata`` with who and when: values in the body are replaced, a live record's ``created_*`` kept."""
    stamps: dict[str, Any] = dict(given) if isinstance(given, dict) else {}
    for key in STAMPS:
        stamps.pop(key, None)
    live = (old or {}).get("metadata")
    if old is None:
        stamps |= {"created_at": asked_at, "created_by": str(asker)}
    elif isinstance(live, dict):
        stamps |= {key: live[key] for key in ("created_at", "created_by") if key in live}
    return stamps | {"updated_at": asked_at, "updated_by": str(asker)}


def _left(dataset: DatasetTree, category: str, name: str, leaving: Container[tuple[str, str]]) -> str | None:
    """The look-alike of *name* whose place it takes in the same step."""
    if _structural(category, name):
        return None
    alike = dataset.look_alike(category, name)
    return alike if alike is not None and (category, alike) in leaving else None


def check_existence(
    step: Step,
    dataset: DatasetTree,
    request: Request,
    name: str,
    live: str | None,
    leaving: Container[tuple[str, str]],
) -> None:
    """Refuse a create of what is there (*live* is its blob) or of a look-alike, any other request of what is not.

    Raises:
        Conflict: the record, or a look-alike that is not about to leave, is there.
        NotFound: it is not there.
    """
    category = request.category
    if request.operation == CREATE:
        if live is not None:
            raise Conflict(
                f"{category} has a record {name!r} already",
                hint=f"to change it: modelref-git propose update {category} {name!r}",
            )
        other = dataset.look_alike(category, name)
        if other is not None and (category, other) not in leaving and not _is_being_deleted(step, category, other):
            raise Conflict(
                f"{category} has a record {other!r}, which differs from {name!r} by letter case or Unicode form only",
                hint="propose the delete of that one first, to rename it",
            )
    elif live is None:
        raise missing_record(dataset, category, name)


def missing_record(dataset: DatasetTree, category: str, name: str) -> NotFound:
    """The refusal to update or delete what is not there."""
    try:
        other = dataset.look_alike(category, name)
    except Invalid:
        other = None  # a name that no record can have
    meant = f"; there is {other!r}" if other is not None else ""
    return NotFound(f"{category} has no record {name!r}{meant}", hint=f"`modelref-git ls {category}` lists the names")


def _is_being_deleted(step: Step, category: str, name: str) -> bool:
    for change_id in step.queue.open_changes(category, name):
        change = step.queue.change(change_id)
        if change is not None and change.operation == DELETE and change.model_name == name:
            return True
    return False


def _commit(
    step: Step,
    dataset: DatasetTree,
    person: Person,
    request: Request,
    name: str,
    live: str | None,
    blob: str | None,
    pictures: Mapping[str, str],
) -> Proposal:
    editor = TreeEditor(step.objects, dataset.tree)
    path = dataset.path(request.category, name)
    if blob is None:
        editor.remove(path)
    else:
        editor.put(path, blob)
    for picture, file in pictures.items():
        editor.put(layout.picture_path(picture), file)
    base = dataset.commit or step.main
    note = (request.note or "").strip() or None
    origin = BY_IMPORT if request.importing else None
    asker = request.requested_by or person.actor
    names = tuple(sorted(pictures))
    made = Proposal(request.operation, request.category, name, asker, note, "", base, live, blob, origin, names)
    author = step.author(asker, person.email if request.requested_by is None else request.requested_email)
    if request.asked_at is not None:
        author = replace(author, time=request.asked_at)
    return replace(made, commit=step.commit(editor.write(), [base], author, made.message()))


def rivals(step: Step, proposal: Proposal) -> list[int]:
    """The open changes of the same record, or of a look-alike of it."""
    return list(step.queue.open_changes(proposal.category, proposal.name))
