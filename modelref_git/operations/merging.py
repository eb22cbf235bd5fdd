"""Merging approved proposals into a batch: which record each side has, the tree that results, and the merge commits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from modelref_git.errors import Conflict, IntegrityFailure, Invalid
from modelref_git.operations.context import Person
from modelref_git.proposals.events import CREATE, Proposal, batch_message
from modelref_git.proposals.header import POLICY
from modelref_git.proposals.lifecycle import Change
from modelref_git.records import codec
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import Step
from modelref_git.store.projections import main_behind
from modelref_git.store.trees import TreeEditor, compare

PROPOSALS_A_MERGE: Final = 127
"""``git show`` of a merge slows down with the square of its parents; larger batches are a chain of merges."""


def merge(step: Step, onto: str, changes: Sequence[Change], batch_id: int, title: str, person: Person) -> list[str]:
    """Merge *changes*, ascending, onto the commit *onto*; gives the chain of merges, oldest first.

    Raises:
        Conflict: a record is not what a change was made against, or two names would differ by case only.
    """
    chain: list[str] = []
    rest = iter(changes)
    while part := list(islice(rest, PROPOSALS_A_MERGE)):
        ours = step.dataset(onto)
        tree = merged_tree(step, ours, part)
        members: list[tuple[int, Proposal]] = [(change.change_id, change.proposal) for change in part]
        message = batch_message(batch_id, title, members, person.actor)
        parents = [onto, *(change.commit for change in part)]
        onto = step.commit(tree, parents, step.author(person.actor, person.email), message)
        chain.append(onto)
    return chain


def merged_tree(step: Step, ours: DatasetTree, changes: Sequence[Change]) -> str:
    """The tree of *ours* with every change made.

    Raises:
        Conflict: as :func:`merge`; ``details`` has one entry for each.
    """
    editor = TreeEditor(step.objects, ours.tree)
    conflicts: list[dict[str, Any]] = []
    settled: dict[str, Change] = {}
    schemas: set[str] = set()
    for change in changes:
        if change.category == POLICY:
            _take_policy(step, editor, change, conflicts)
            continue
        schemas.add(change.category)
        path = ours.path(change.category, change.model_name)
        entry = editor.get(path)
        found = entry.oid if entry is not None else None
        if found != change.base_blob:
            conflicts.append(_conflict(step, change, found, settled.get(path)))
            continue
        if change.blob is None:
            editor.remove(path)
        else:
            editor.put(path, change.blob)
        settled[path] = change
    if conflicts:
        raise _refusal(conflicts)
    merged = DatasetTree(step.objects, editor.write())
    _check_look_alikes(merged, changes)
    _check_schemas(step, ours, changes)
    return merged.tree


def _take_policy(step: Step, editor: TreeEditor, change: Change, conflicts: list[dict[str, Any]]) -> None:
    """A policy change is never merged: what it touches must be as it was in its base."""
    base, mine = step.objects.read_commit(change.base).tree, step.objects.read_commit(change.commit).tree
    for path, old, new in compare(step.objects, base, mine):
        found = editor.get(path)
        if (found.oid if found else None) != (old.oid if old else None):
            conflicts.append(_conflict(step, change, found.oid if found else None, None, path))
        elif new is None:
            editor.remove(path)
        else:
            editor.put(path, new.oid)


def _conflict(step: Step, change: Change, found: str | None, other: Change | None, path: str = "") -> dict[str, Any]:
    def value(blob: str | None) -> Any:
        if blob is None or change.category == POLICY:
            return None
        return codec.without_remainder(codec.decode(step.objects.read_blob(blob)))

    authors = [change.requested_username] + ([other.requested_username] if other is not None else [])
    return {
        "change_id": change.change_id,
        "category": change.category,
        "model_name": change.model_name,
        "path": path,
        "base": value(change.base_blob),
        "ours": value(found),
        "theirs": value(change.blob),
        "other_change_id": other.change_id if other is not None else None,
        "authors": authors,
    }


def _refusal(conflicts: list[dict[str, Any]]) -> Conflict:
    first = conflicts[0]
    what = f"change {first['change_id']} ({first['category']} {first['model_name']!r})"
    if first["other_change_id"] is not None:
        why = f"changes the same record as change {first['other_change_id']}"
        hint = f"approve and apply change {first['other_change_id']} first, then propose this one anew"
    else:
        why = "was made against a record that has changed on main since"
        hint = f"look with `modelref-git diff {first['change_id']}`, reject it, and propose it anew on today's record"
    more = f"; {len(conflicts) - 1} more conflict(s)" if len(conflicts) > 1 else ""
    return Conflict(f"{what} {why}{more}", hint=hint, details=conflicts)


def _check_look_alikes(merged: DatasetTree, changes: Sequence[Change]) -> None:
    for change in changes:
        if change.category == POLICY or change.operation != CREATE:
            continue  # an update's name was there before, without a look-alike
        other = merged.look_alike(change.category, change.model_name)
        if other is not None and merged.blob(change.category, change.model_name) is not None:
            raise Conflict(
                f"the batch would hold both {change.model_name!r} and {other!r} in {change.category}: "
                "the names differ by letter case or Unicode form only",
                hint=f"reject change {change.change_id}, or approve the delete of {other!r} with it",
            )


def _check_schemas(step: Step, ours: DatasetTree, changes: Sequence[Change]) -> None:
    """A record proposed under another schema than today's must satisfy today's."""
    bases: dict[str, DatasetTree] = {}
    for change in changes:
        if change.category == POLICY or change.blob is None:
            continue
        base = bases.get(change.base) or bases.setdefault(change.base, step.dataset(change.base))
        now = ours.schema(change.category)
        if now is base.schema(change.category):
            continue
        problems = now.problems(codec.decode(step.objects.read_blob(change.blob)))
        if problems:
            raise Invalid.of(f"the record of change {change.change_id} under today's schema", problems)


def check_main_not_drifted(step: Step, allowed: str | None = None) -> None:
    """Refuse a step that moves ``main`` while other hands have moved it.

    Args:
        step: the step.
        allowed: a commit that ``main`` may be at already: the open batch's own merge.

    Raises:
        IntegrityFailure: ``main`` is neither where the log says nor behind it.
    """
    if step.start is None:
        return
    found = main_behind(step.store, step.start)
    if found is not None and found.foreign and found.found != allowed:
        raise IntegrityFailure(
            f"main is at {found.found}, which no event names; the log says {found.wanted}",
            hint="somebody moved main by hand; `modelref-git doctor` says more",
        )
