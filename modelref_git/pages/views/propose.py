"""Proposing: where one begins, the form of one record, its preview, its conflicts, and a file taken in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelref_git.errors import Invalid, ModelrefError, Problem
from modelref_git.operations.changes import Filters, list_changes
from modelref_git.operations.checking.weighing import Finding
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request, missing_record
from modelref_git.operations.propose import current_record
from modelref_git.operations.rehearsal import Rehearsal, rehearse_all
from modelref_git.pages.forms.editing import Editing, hidden_in
from modelref_git.pages.forms.fields import Field, every, fields_of, placed
from modelref_git.pages.forms.imported import Row
from modelref_git.pages.forms.shapes import shape_of
from modelref_git.pages.forms.typed import Blank
from modelref_git.proposals.events import CREATE, UPDATE
from modelref_git.proposals.header import APPROVED, PENDING
from modelref_git.records import pictures
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.codec import decode, line
from modelref_git.records.quality import catalogue
from modelref_git.records.schemas import Schema
from modelref_git.store.dataset import DatasetTree

OWN_AT_MOST: Final = 50

_FIXED: Final = (pictures.SHA256, *pictures.FACTS)
_ASIDE: Final = ("record_type", "model_classification")
"""What the category of a record says already."""
_DOWNLOADS: Final = "/config/download"


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to mend or to know, as the page shows it."""

    message: str
    path: str = ""
    id: str = ""
    """The id of the field that it is about; empty for none."""
    rule: str = ""

    def as_json(self) -> dict[str, str]:
        """For a script."""
        return {"message": self.message, "path": self.path, "id": self.id, "rule": self.rule}


def start_view(ctx: Context, categories: Iterable[str]) -> dict[str, Any]:
    """Where one begins: *categories* that one may propose for, and one's own open proposals."""
    filters = Filters(statuses=(PENDING, APPROVED), policy=False)
    own = list_changes(ctx, filters, limit=OWN_AT_MOST, mine=True, indexed=True)
    return {"categories": sorted(categories), "own": own["items"], "own_total": own["total"]}


def form_view(
    ctx: Context,
    editing: Editing,
    *,
    tried: Rehearsal | None = None,
    fault: ModelrefError | None = None,
    uploads: Collection[str] = (),
) -> dict[str, Any]:
    """The form of one record.

    Args:
        ctx: the visitor's way in.
        editing: what the form holds.
        tried: what would become of it, if that was asked for.
        fault: why it was refused, if it was.
        uploads: the names of the pictures that were sent along and are not in the dataset.
    """
    dataset = ctx.dataset()
    schema = dataset.schema(editing.category)
    fields = fields_of(shape_of(schema.document), editing.record, hidden_in(schema)) if editing.text is None else []
    if schema.has_pictures:
        _fix_pictures(fields)
    told, findings = said_of(fields, editing, tried, fault)
    aside = [one for one in fields if editing.category in CATEGORIES and one.key in _ASIDE]
    fault = fault or (tried.fault if tried is not None else None)
    return {
        "editing": editing,
        "fields": fields,
        "asks_name": editing.operation == CREATE and editing.category not in CATEGORIES,
        "names_itself": "name" in schema.order.labels,
        "aside": aside,
        "aside_has_problems": any(one.problems for one in every(aside)),
        "told": told,
        "hint": fault.hint if fault is not None and not fault.details else None,
        "findings": findings,
        "waivers": waivers(editing, tried, fault),
        "differences": tried.differences if tried is not None else (),
        "rivals": tried.rivals if tried is not None else (),
        "is_checked": tried is not None and not told,
        "has_pictures": schema.has_pictures and editing.text is None,
        "there": _there(dataset, schema, editing.record),
        "uploads": set(uploads),
    }


def _fix_pictures(fields: list[Field]) -> None:
    """What a picture's file decides is shown and not edited."""
    for one in fields:
        if one.key == pictures.PICTURES and one.kind == "rows":
            for part in (part for row in one.parts for part in row.parts):
                part.is_fixed = part.key in _FIXED and part.kind in ("text", "number", "choice")


def _there(dataset: DatasetTree, schema: Schema, record: Mapping[str, Any]) -> set[str]:
    """The pictures of *record* that the dataset has."""
    names = {one.sha256 for one in pictures.named(record, schema)}
    return {name for name in names if dataset.picture(name) is not None}


def said_of(
    fields: list[Field], editing: Editing, tried: Rehearsal | None, fault: ModelrefError | None
) -> tuple[list[Told], list[Told]]:
    """What is to be mended, put beside the fields too, and what the rules only remark upon."""
    problems = list(editing.problems)
    fault = fault or (tried.fault if tried is not None else None)
    if fault is not None and not problems:
        problems = [
            Problem(str(row.get("path", "")), str(row["message"]), str(row.get("rule", "")))
            for row in fault.details
            if "message" in row
        ] or [Problem("", fault.message, fault.code)]
    told = [Told(one.message, one.path, at, one.rule) for one, at in placed(fields, problems)]
    return told, _remarks(fields, tried.findings if tried is not None else ())


def _remarks(fields: Iterable[Field], findings: Sequence[Finding]) -> list[Told]:
    ids = {one.path: one.id for one in every(fields)}
    found = []
    for one in findings:
        path = one.problem.path
        while path and path not in ids:
            path = path.rpartition("/")[0]
        found.append(Told(one.problem.message, one.problem.path, ids.get(path, ""), one.rule.id))
    return found


def check_answer(ctx: Context, editing: Editing, tried: Rehearsal | None) -> dict[str, Any]:
    """What would be said of a form, for a script: the ids are those of its fields."""
    schema = ctx.dataset().schema(editing.category)
    fields = fields_of(shape_of(schema.document), editing.record, hidden_in(schema)) if editing.text is None else []
    told, findings = said_of(fields, editing, tried, None)
    return {
        "ok": not told,
        "told": [one.as_json() for one in told],
        "findings": [one.as_json() for one in findings],
        "changes": len(tried.differences) if tried is not None else 0,
        "rivals": list(tried.rivals) if tried is not None else [],
    }


def waivers(editing: Editing, tried: Rehearsal | None, fault: ModelrefError | None) -> list[dict[str, Any]]:
    """The rules that refuse the record and can be waived, and those that are waived."""
    refusing = Rehearsal(fault).waivable if fault is not None else tried.waivable if tried is not None else ()
    rules = {rule: catalogue.BY_ID[rule] for rule in editing.allow if rule in catalogue.BY_ID}
    rules |= {rule.id: rule for rule in refusing}
    return [
        {"id": rule.id, "text": rule.text, "reason": rule.reason, "is_on": rule.id in editing.allow}
        for rule in rules.values()
    ]


def new_record(schema: Schema) -> dict[str, Any]:
    """What the form of a new record begins with: an empty row for its first download, where it has downloads."""
    place = schema.document
    paths = {one.path: one.kind for one in every(fields_of(shape_of(place), {}))}
    return {"config": {"download": [Blank()]}} if paths.get(_DOWNLOADS) == "rows" else {}


def record_at(dataset: DatasetTree, category: str, name: str, commit: str | None = None) -> dict[str, Any]:
    """A record of the live *dataset*, or as it was at a *commit*, with all that it has.

    Raises:
        NotFound: there is none.
    """
    there = dataset if commit is None else DatasetTree.at(dataset.objects, commit)
    try:
        blob = there.blob(category, name)
    except Invalid:
        blob = None  # a name that no record can have
    if blob is None:
        raise missing_record(dataset, category, name)
    return decode(dataset.objects.read_blob(blob))


def delete_view(ctx: Context, category: str, name: str) -> dict[str, Any]:
    """The question whether a record is to be deleted.

    Raises:
        NotFound: there is none.
    """
    record = current_record(ctx, category, name)
    facts = [(key, record[key]) for key in ("description", "baseline", "version") if key in record]
    blob = ctx.dataset().blob(category, name)
    return {"category": category, "name": name, "facts": facts, "blob": blob, "fault": None, "note": ""}


def meeting_view(
    editing: Editing, details: Iterable[Mapping[str, Any]], choices: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    """The three columns of a record that others changed meanwhile; *choices* are those made before, by path."""
    return {"editing": editing, "rows": conflict_rows(details, choices)}


def conflict_rows(
    details: Iterable[Mapping[str, Any]], choices: Mapping[str, tuple[str, str]] | None = None
) -> list[dict[str, Any]]:
    """Conflicts as a page shows them: each path once, with what was chosen for it and the value that was typed."""
    rows: dict[str, dict[str, Any]] = {}
    for row in details:
        path = str(row["path"])
        side, value = (choices or {}).get(path, ("", ""))
        shown = value or (row["theirs"] if isinstance(row["theirs"], str) else line(row["theirs"]))
        rows.setdefault(
            path,
            {
                "path": path,
                "label": path.removeprefix("/").replace("/", " › ") or "the whole record",
                "base": row["base"],
                "now": row["ours"],
                "mine": row["theirs"],
                "side": side,
                "value": shown,
            },
        )
    return list(rows.values())


@dataclass(frozen=True, slots=True)
class Planned:
    """One record of a file, as it would be proposed."""

    row: Row
    request: Request | None
    outcome: str
    """``create``, ``update``, ``delete``, ``unchanged`` or ``error``."""
    problems: tuple[Told, ...] = ()
    remarks: tuple[Told, ...] = ()
    changes: int = 0


def plan(ctx: Context, rows: Sequence[Row], allow: tuple[str, ...], note: str | None) -> list[Planned]:
    """What would become of the records of a file, proposed together."""
    dataset = ctx.dataset()
    requests = {row.number: _request(dataset, row, allow, note) for row in rows if not row.problems}
    tried = dict(zip(requests, rehearse_all(ctx, list(requests.values())), strict=True))
    return [_planned(row, requests.get(row.number), tried.get(row.number)) for row in rows]


def _request(dataset: DatasetTree, row: Row, allow: tuple[str, ...], note: str | None) -> Request:
    operation, category, name = row.operation, row.category or "", row.name or ""
    if operation is None:
        try:
            operation = UPDATE if dataset.blob(category, name) is not None else CREATE
        except ModelrefError:
            operation = CREATE  # the checks on the way in say what is wrong with the category or the name
    return Request(operation, category, name, row.payload, row.note or note, allow)


def _planned(row: Row, request: Request | None, tried: Rehearsal | None) -> Planned:
    if request is None or tried is None:
        return Planned(row, None, "error", tuple(Told(one.message, one.path, rule=one.rule) for one in row.problems))
    if tried.fault is not None:
        rules = {detail.get("rule") for detail in tried.fault.details}
        if rules == {"update.unchanged"}:
            return Planned(row, None, "unchanged")
        nothing: list[Field] = []
        told, _ = said_of(nothing, Editing(request.operation, request.category), tried, None)
        return Planned(row, request, "error", tuple(told))
    remarks = tuple(Told(one.problem.message, one.problem.path, rule=one.rule.id) for one in tried.findings)
    return Planned(row, request, request.operation, (), remarks, len(tried.differences))
