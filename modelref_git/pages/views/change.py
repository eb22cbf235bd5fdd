"""One change: what it proposes beside what was there and what is there now, and all that bears on a decision."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from modelref_git.operations.answers import find_change, without_stamps
from modelref_git.operations.audit_events import EventFilters
from modelref_git.operations.changes import pending_diff
from modelref_git.operations.context import Context, Person
from modelref_git.operations.forecast import Outlook
from modelref_git.operations.judging import case_of, facts_finder
from modelref_git.operations.queue_rows import choices_of
from modelref_git.operations.review_queue import Sheet, content_of, sheet_of
from modelref_git.operations.status import status_of
from modelref_git.operations.timeline import timeline
from modelref_git.pages.views.queue import CHOICES, Draft, open_batch, seen_text
from modelref_git.proposals import policy
from modelref_git.proposals.events import APPLY, APPROVE, REBASE, WITHDRAW
from modelref_git.proposals.header import APPROVED, POLICY
from modelref_git.proposals.queue import Change
from modelref_git.records import codec, pictures, pointer
from modelref_git.records.diff import FieldDiff, field_diffs, is_critical
from modelref_git.records.json_text import same
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import View

FIELDS_AT_MOST: Final = 200
CHARACTERS_AT_MOST: Final = 4_000
"""Of a value; more of it, and more fields, are shown when asked for."""
STEPS_AT_MOST: Final = 50

_Record = dict[str, Any] | None


def change_view(
    ctx: Context,
    change_id: int,
    *,
    policy_too: bool,
    audit: bool,
    whole: bool = False,
    draft: Draft | None = None,
    faults: Sequence[Mapping[str, str]] = (),
    tried: str = "",
) -> dict[str, Any]:
    """What the page shows.

    Args:
        ctx: the reader's way in.
        change_id: the change.
        policy_too: whether it may be one of the policy.
        audit: whether its history may be shown.
        whole: every field and value to its end, however long the page gets.
        draft: what the reader typed.
        faults: what is wrong with it.
        tried: what they tried to do.

    Raises:
        ChangeNotFound: there is no such change.
    """
    view = ctx.view()
    change = find_change(view.queue, change_id, policy=policy_too)
    person = ctx.person(view.dataset().config)
    sheet = sheet_of(view, person, change) if change.is_open else None
    outlook = Outlook(sheet.verdict, sheet.conflicts, sheet.trouble) if sheet is not None else None
    status = status_of(view, change, outlook)
    rows = list(_rows(view, change, sheet))
    shown = rows if whole else rows[:FIELDS_AT_MOST]
    return {
        "change": change,
        "seen": seen_text(change_id, content_of(change), change.status),
        "status": status,
        "sheet": sheet,
        "rows": [{**row, **{side: _cell(row[side], whole) for side in _SIDES}} for row in shown],
        "more": len(rows) - len(shown),
        "whole": whole,
        "critical": [row["path"] for row in rows if row["is_critical"] and row["kind"]],
        "pictures": _pictures(view, change),
        "steps": _steps(ctx, change_id, policy_too) if audit else [],
        "commands": list(_commands(change)),
        "actions": _actions(view, person, change),
        "open_batch": open_batch(ctx, view),
        "draft": draft or Draft(),
        "faults": faults,
        "tried": tried,
    }


_SIDES: Final = ("base", "proposed", "now")


# --- fields ----------------------------------------------------------------------------------------------------------


def _rows(view: View, change: Change, sheet: Sheet | None) -> Iterator[dict[str, Any]]:
    """The fields that the change or somebody since touches: critical ones first, then those in conflict."""
    conflicts = [row["path"] for row in sheet.conflicts] if sheet is not None else []
    found = _policy_rows(view, change) if change.category == POLICY else _record_rows(view, change, conflicts)
    yield from sorted(found, key=lambda row: (not row["is_critical"], not row["in_conflict"], not row["kind"]))


def _policy_rows(view: View, change: Change) -> list[dict[str, Any]]:
    rows = pending_diff(view, view.dataset(), change)["field_diffs"]
    kinds = ("added", "removed")
    return [
        {
            "path": row["field_path"],
            "kind": row["change_type"],
            "since": None,
            "is_critical": False,
            "in_conflict": False,
            "base": (row["change_type"] != kinds[0], row["old_value"]),
            "proposed": (row["change_type"] != kinds[1], row["new_value"]),
            "now": (row["change_type"] != kinds[0], row["old_value"]),
        }
        for row in rows
    ]


def _record_rows(view: View, change: Change, conflicts: Sequence[str]) -> list[dict[str, Any]]:
    dataset = view.dataset()
    known = change.category in dataset.config.categories
    fields = dataset.schema(change.category).critical if known else ()
    live = dataset.blob(change.category, change.model_name) if known else None
    base, proposed, now = (_record(view, change, blob) for blob in (change.base_blob, change.blob, live))
    mine, theirs = _by_path(base, proposed), _by_path(base, now)
    rows = []
    for path in sorted(mine.keys() | theirs.keys()):
        sides = {side: _at(record, path) for side, record in zip(_SIDES, (base, proposed, now), strict=True)}
        kind = mine[path].kind if path in mine else None
        since: str | None = theirs[path].kind if path in theirs else None
        if since and _is_same(sides["now"], sides["proposed"]):
            since = "same"
        rows.append(
            {
                "path": ".".join(path),
                "kind": kind,
                "since": since,
                "is_critical": kind is not None and is_critical([path], fields),
                "in_conflict": _is_in(path, conflicts),
                **sides,
            }
        )
    return rows


def _record(view: View, change: Change, blob: str | None) -> _Record:
    if blob is None:
        return None
    record = codec.decode(view.objects.read_blob(blob))
    # What legacy files alone hold is shown of an import, which may change it, and left out of all others.
    return without_stamps(record if change.origin is not None else codec.without_remainder(record))


def _by_path(before: _Record, after: _Record) -> dict[tuple[str, ...], FieldDiff]:
    return {item.path: item for item in field_diffs(before, after)}


def _at(record: _Record, path: tuple[str, ...]) -> tuple[bool, Any]:
    """Whether something stands at *path*, and what."""
    found: Any = record
    for key in path:
        if not isinstance(found, dict) or found.get(key) is None:
            return False, None
        found = found[key]
    return True, found


def _is_same(one: tuple[bool, Any], other: tuple[bool, Any]) -> bool:
    return one[0] == other[0] and same(one[1], other[1])


def _is_in(path: tuple[str, ...], conflicts: Sequence[str]) -> bool:
    """Whether a field is, holds, or lies in one of those at these JSON pointers."""
    here = pointer.join(path)
    return any(here == one or here.startswith(f"{one}/") or one.startswith(f"{here}/") for one in conflicts)


def _cell(side: tuple[bool, Any], whole: bool) -> dict[str, Any]:
    """A value as text: strings as they are, numbers and words as JSON, lists and objects as JSON in lines."""
    there, value = side
    nested = isinstance(value, list | dict)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2 if nested else None)
    cut = 0 if whole else max(0, len(text) - CHARACTERS_AT_MOST)
    return {
        "there": there,
        "text": text[:-cut] if cut else text,
        "cut": cut,
        "form": "text" if isinstance(value, str) else "lines" if nested else "code",
    }


# --- pictures --------------------------------------------------------------------------------------------------------


def _pictures(view: View, change: Change) -> dict[str, list[dict[str, Any]]] | None:
    """The pictures of the record when proposed, as proposed and now; ``None`` where the change leaves them alone."""
    dataset = view.dataset()
    if change.category not in dataset.config.categories:
        return None
    live = dataset.blob(change.category, change.model_name)
    base, proposed, now = (_named(view, dataset, change, blob) for blob in (change.base_blob, change.blob, live))
    if [row["entry"] for row in base] == [row["entry"] for row in proposed]:
        return None
    sides = {"base": base, "proposed": proposed, "now": now}
    entries = {side: {row["sha256"]: row["entry"] for row in rows} for side, rows in sides.items()}
    for row in base:
        row["state"] = "kept" if row["sha256"] in entries["proposed"] else "removed"
    for row in proposed:
        old = entries["base"].get(row["sha256"])
        row["state"] = "added" if old is None else "kept" if old == row["entry"] else "changed"
    for row in (*base, *proposed, *now):
        # Of a proposal that is decided only what is live is handed out.
        row["is_shown"] = change.is_open or row["sha256"] in entries["now"]
    return {**sides, "now": [] if entries["now"].keys() == entries["base"].keys() else now}


def _named(view: View, dataset: DatasetTree, change: Change, blob: str | None) -> list[dict[str, Any]]:
    record = codec.decode(view.objects.read_blob(blob)) if blob is not None else None
    entries = pictures.shown(pictures.named(record, dataset.schema(change.category)))
    return [{"sha256": one.sha256, "entry": one.entry, "state": ""} for one in entries]


# --- what bears on it ------------------------------------------------------------------------------------------------


def _steps(ctx: Context, change_id: int, policy_too: bool) -> list[dict[str, Any]]:
    page = timeline(ctx, EventFilters(change_id=change_id), limit=STEPS_AT_MOST, policy=policy_too)
    return list(page.items)


def _actions(view: View, person: Person, change: Change) -> dict[str, bool]:
    """What the reader may do: nothing that their role would be refused."""
    dataset = view.dataset()
    facts_of = facts_finder(view.objects, dataset)
    # Over HTTP nothing is done to a change of the policy here.
    mine = choices_of(dataset, person, change, facts_of) if change.category != POLICY else ()
    found = {word: word in mine for word in (*CHOICES, WITHDRAW, REBASE, APPLY)}
    if change.is_open and change.category != POLICY:
        for action in (WITHDRAW, REBASE, APPLY):
            case = case_of(dataset.config, person, action, change, facts_of)
            may = person.is_approver if action == APPLY else person.is_requestor
            found[action] = may and not policy.judge(case)
        found[APPLY] = found[APPLY] and change.status == APPROVED
    return found


def _commands(change: Change) -> Iterator[tuple[str, str]]:
    """What one types instead, each with what it does."""
    number = change.change_id
    yield "Everything about it", f"modelref-git show {number}"
    yield "What it changes", f"modelref-git diff {number}"
    if not change.is_open:
        yield "What became of it", f"modelref-git audit events --change {number}"
        return
    yield "Where it stands", f"modelref-git status {number}"
    if change.status != APPROVED:
        yield "Approve exactly this", f"modelref-git {APPROVE} {number}@{content_of(change)} --title TITLE"
    yield "Reject it", f"modelref-git reject {number} --reason REASON"
    if change.is_held:
        yield "Let it go on", f"modelref-git unhold {number}"
    else:
        yield "Stop it for now", f"modelref-git hold {number} --reason REASON"
    if change.status == APPROVED:
        yield "Apply its batch", f"modelref-git apply --batch {change.batch_id}"
        yield "Apply it alone", f"modelref-git apply {number}"
    if change.category != POLICY:
        yield "Bring it up to date", f"modelref-git propose rebase {number}"
    yield "Take it back", f"modelref-git withdraw {number}"
