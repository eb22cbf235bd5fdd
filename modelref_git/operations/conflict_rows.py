"""Conflicts as values: what two changes of a record disagree about, whose they are, and the commands that settle it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelref_git.errors import Conflict
from modelref_git.proposals import trailers
from modelref_git.proposals.header import POLICY
from modelref_git.proposals.queue import Change
from modelref_git.records.merge import FieldConflict
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import View
from modelref_git.store.objects import Commit
from modelref_git.store.step import Step


def conflict_rows(
    step: Step | View, change: Change, conflicts: Sequence[FieldConflict], other: Change | None
) -> list[dict[str, Any]]:
    """The entries of ``details`` for the *conflicts* of *change*; *other* is what it met in the batch, if it did."""
    if other is None:
        other = changed_since(step, change)
    authors = [change.requested_username] + ([other.requested_username] if other is not None else [])
    return [
        {
            "change_id": change.change_id,
            "category": change.category,
            "model_name": change.model_name,
            "path": conflict.path,
            "base": _shown(conflict.base),
            "ours": _shown(conflict.ours),
            "theirs": _shown(conflict.theirs),
            "other_change_id": other.change_id if other is not None else None,
            "authors": authors,
        }
        for conflict in conflicts
    ]


def _shown(value: Any) -> Any:
    """A value without the legacy remainder, where it is a whole record."""
    from modelref_git.records.codec import without_remainder

    return without_remainder(value) if isinstance(value, dict) else value


def refusal(rows: list[dict[str, Any]]) -> Conflict:
    """The refusal that lists *rows*, and says how to go on with the first."""
    first = rows[0]
    number = first["change_id"]
    what = f"change {number} ({first['category']} {first['model_name']!r})"
    other = f"change {first['other_change_id']}" if first["other_change_id"] is not None else "what is on main now"
    where = f" at {first['path']}" if first["path"] else ""
    more = f"; {len(rows) - 1} more conflict(s)" if len(rows) > 1 else ""
    if first["category"] == POLICY:
        hint = f"reject change {number} and propose it anew: changes of the policy are never merged"
    else:
        texts = all(isinstance(first[side], str) for side in ("ours", "theirs"))
        hint = settling(number, first["path"], "--set-string" if texts else "--set")
    return Conflict(f"{what} conflicts with {other}{where}{more}", hint=hint, details=rows)


def settling(change_id: int, path: str, option: str = "--set") -> str:
    """The commands that settle a conflict of a change; *option* is how a value is set there."""
    rebase = f"modelref-git propose rebase {change_id}"
    by_field = f", `{rebase} {option} {path}=VALUE`" if path else ""
    return (
        f"its requestor settles it with `{rebase} --take mine` (what is proposed), `{rebase} --take theirs` "
        f"(what is there now){by_field}; `modelref-git status {change_id}` shows both sides"
    )


def changed_since(step: Step | View, change: Change) -> Change | None:
    """The newest change that gave the record on ``main`` what it is now, since *change* was made against it."""
    if change.category == POLICY:
        return None
    commits = step.store.first_parents(step.main)
    commit = next(commits, None)
    while commit is not None and commit.id != change.base:
        parent = next(commits, None)
        if parent is not None and _blob(step, commit, change) != _blob(step, parent, change):
            number = change_of(step, commit, change.category, change.model_name)
            return step.queue.change(number) if number is not None else None
        commit = parent
    return None


def _blob(step: Step | View, commit: Commit, change: Change) -> str | None:
    dataset = DatasetTree(step.objects, commit.tree, commit.id)
    return dataset.blob(change.category, change.model_name) if change.category in dataset.config.categories else None


def change_of(step: Step | View, merge: Commit, category: str, name: str) -> int | None:
    """The number of the last change by which a batch's merge changed a record."""
    numbers = [int(value) for key, value in trailers.read(merge.message) if key == "Change-Id"]
    found = None
    for number, parent in zip(numbers, merge.parents[1:], strict=False):
        rows = dict(trailers.read(step.objects.read_commit(parent).message))
        if rows.get("Category") == category and rows.get("Name") == name:
            found = number
    return found
