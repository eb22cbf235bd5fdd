"""The queue: a page of its changes with what stands for and against each, and what a decision met with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from modelref_git.operations.changes import Filters
from modelref_git.operations.context import Context
from modelref_git.operations.queue_rows import QueueRow, queue_page
from modelref_git.operations.review import Pick
from modelref_git.operations.review_queue import content_of
from modelref_git.proposals.events import APPROVE, HOLD, REJECT, UNHOLD
from modelref_git.proposals.header import APPLIED, APPROVED, OPEN, PENDING, REJECTED
from modelref_git.proposals.queue import Change
from modelref_git.store.log import View

PAGE: Final = 50
CHOICES: Final = (APPROVE, REJECT, HOLD, UNHOLD)
STATUSES: Final = (PENDING, APPROVED, APPLIED, REJECTED)
FINDINGS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody typed into the form over the queue, or into that of one change."""

    choices: Mapping[int, str] = field(default_factory=dict)
    """By change, one of `CHOICES`."""
    seen: Mapping[int, str] = field(default_factory=dict)
    """By change, the blob that they saw."""
    reasons: Mapping[int, str] = field(default_factory=dict)
    title: str = ""
    reason: str = ""
    acknowledged: bool = False
    states: Mapping[int, str] = field(default_factory=dict)
    """By change, the status that they saw."""

    def seen_text(self, change_id: int) -> str | None:
        """What they saw of a change, as forms say it."""
        rest = (self.seen.get(change_id), self.states.get(change_id))
        return "@".join([str(change_id), *filter(None, rest)]) if rest[0] else None

    def picks(self, choice: str) -> list[Pick]:
        """The changes of one *choice*, each with what was seen of it."""
        return [Pick(number, self.seen.get(number)) for number, made in self.choices.items() if made == choice]


def queue_view(
    ctx: Context,
    filters: Filters,
    *,
    after: int,
    draft: Draft | None = None,
    faults: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """What the page shows of the changes that *filters* hold for, behind the change *after*.

    Where they ask for no status it is the open changes. *draft* is what was typed, *faults* what is wrong with it.
    """
    typed = draft or Draft()
    asked = filters if filters.statuses else Filters(OPEN, *_facts(filters))
    page = queue_page(ctx, asked, after=after, limit=PAGE)
    view = ctx.view()
    rows = [_row(row, typed) for row in page.rows]
    return {
        "rows": rows,
        "filters": asked,
        "are_open": not filters.statuses,
        "categories": sorted(view.dataset().config.categories),
        "statuses": STATUSES,
        "total": page.total,
        "after": after,
        "next_after": page.next_after,
        "open_batch": open_batch(ctx, view),
        "decides": any(row["choices"] for row in rows),
        "asks_for_look": any(row["is_critical"] and APPROVE in row["choices"] for row in rows),
        "draft": typed,
        "faults": faults,
    }


def _facts(filters: Filters) -> tuple[tuple[str, ...], int | None, str, tuple[str, ...], bool]:
    return filters.categories, filters.batch_id, filters.model_name, filters.requested_by, filters.policy


def _row(row: QueueRow, draft: Draft) -> dict[str, Any]:
    change = row.change
    number = change.change_id
    counts = Counter(finding.severity for finding in row.findings)
    return {
        **_named(change),
        "requested_by": change.requested_username,
        "requested_at": change.requested_at,
        "status": change.status,
        "batch_id": change.batch_id,
        "held": f"held by {change.held_username}: {change.hold_reason}" if change.is_held else None,
        "seen": seen_text(number, row.content, change.status),
        "verdict": row.outlook.verdict,
        "trouble": row.outlook.reason or ", ".join(path or "the whole record" for path in row.outlook.paths),
        "rivals": row.rivals,
        "clashes": row.clashes,
        "is_critical": row.is_critical,
        "counts": {severity: counts[severity] for severity in ("error", "warning", "hint") if counts[severity]},
        "findings": [finding.problem.message for finding in row.findings[:FINDINGS_SHOWN]],
        "needed": row.needed,
        "missing": row.missing,
        "lacks": row.lacks,
        "choices": row.choices,
        "choice": draft.choices.get(number, ""),
        "reason": draft.reasons.get(number, ""),
    }


def _named(change: Change) -> dict[str, Any]:
    keys = ("change_id", "operation", "category", "model_name")
    return {key: getattr(change, key) for key in keys}


def open_batch(ctx: Context, view: View) -> dict[str, Any] | None:
    """The batch that waits to be applied, and whether the caller may apply batches at all; ``None`` without one."""
    number = view.queue.header.open_batch
    batch = view.queue.batch(number) if number is not None else None
    if batch is None:
        return None
    person = ctx.person(view.dataset().config)
    return {
        "batch_id": batch.batch_id,
        "title": batch.title,
        "count": len(batch.changes),
        "may_apply": person.is_approver,
    }


def seen_text(change_id: int, content: str | None, status: str) -> str | None:
    """What a form says of a change that somebody saw: what it proposes, and where it stands."""
    return f"{change_id}@{content}@{status}" if content else None


def collisions(ctx: Context, draft: Draft) -> dict[int, str]:
    """By change of *draft* that is not any more what was seen, what became of it, in a sentence."""
    queue = ctx.view().queue
    found = {}
    for number, choice in draft.choices.items():
        change = queue.change(number)
        if change is None:
            purged = queue.purged(number)
            by = purged.purged_username if purged is not None else "somebody"
            found[number] = f"{by} took it out of the queue"
            continue
        text = _decided(change) or _other(change, choice, draft.seen.get(number), draft.states.get(number))
        if text is not None:
            found[number] = text
    return found


def _decided(change: Change) -> str | None:
    """Who has decided a change, and what, if it is closed."""
    if change.status == APPLIED:
        return f"{change.applied_username} applied it in batch {change.batch_id}"
    if change.status == REJECTED:
        why = f": {change.reject_reason}" if change.reject_reason else ""
        return f"{change.rejected_username} rejected it{why}"
    return None


def _other(change: Change, choice: str, seen: str | None, status: str | None) -> str | None:
    if seen is not None and content_of(change) != seen:
        return f"{change.requested_username}'s proposal was changed, and proposes other content now"
    if change.status == APPROVED and (choice == APPROVE or status == PENDING):
        return f"{change.approved_username} approved it: it is in batch {change.batch_id}"
    if choice in (APPROVE, HOLD) and change.is_held:
        return f"{change.held_username} holds it: {change.hold_reason}"
    if choice == UNHOLD and not change.is_held:
        return "somebody let it go already"
    if status == APPROVED and change.status == PENDING:
        return "it is not approved any more, but pending again"
    return None


def collision_view(ctx: Context, draft: Draft, found: Mapping[int, str]) -> dict[str, Any]:
    """What the page shows where others were first: what they did, and what is left to decide."""
    view = ctx.view()
    rows, left = [], []
    for number, choice in draft.choices.items():
        change = view.queue.change(number) or view.queue.purged(number)
        named = _named(change) if change is not None else {"change_id": number, "operation": "", "model_name": ""}
        if number in found:
            # Of a closed change it is when it was closed, of an open one when it was last touched.
            at = change.updated_at if change is not None else None
            rows.append({**named, "choice": choice, "text": found[number], "at": at})
        else:
            left.append({**named, "choice": choice, "seen": draft.seen_text(number)})
    return {"rows": rows, "left": left, "draft": draft, "open_batch": open_batch(ctx, view)}
