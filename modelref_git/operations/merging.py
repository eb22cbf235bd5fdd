"""Merging approved proposals into a batch: which record each side has, the tree that results, and the merge commits.

The rule itself is :mod:`modelref_git.records.merge`; here a proposal meets the dataset. A merge commit's tree is
exactly what :class:`Merging` makes of its parents, so a verification can make it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from modelref_git.errors import Conflict, IntegrityFailure, Invalid, ModelrefError
from modelref_git.operations.conflict_rows import conflict_rows, refusal
from modelref_git.operations.context import Person
from modelref_git.operations.drafting import canonical_bytes
from modelref_git.operations.picture_files import files_of
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import CREATE, DELETE, UPDATE, Proposal, batch_message
from modelref_git.proposals.header import POLICY
from modelref_git.proposals.queue import Change
from modelref_git.records import codec, pictures
from modelref_git.records.merge import FieldConflict, merge_records
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import View
from modelref_git.store.objects import ObjectBuffer
from modelref_git.store.projections import main_behind
from modelref_git.store.step import Step
from modelref_git.store.trees import TreeEditor, compare

PROPOSALS_A_MERGE: Final = 127
"""``git show`` of a merge slows down with the square of its parents; larger batches are a chain of merges."""


@dataclass(slots=True)
class Merging:
    """Changes merged one after the other into the dataset *ours*, which stays as it is."""

    objects: ObjectBuffer
    ours: DatasetTree
    editor: TreeEditor = field(init=False)
    settled: dict[str, Change] = field(default_factory=dict)
    """The last change that was merged into each file."""

    def __post_init__(self) -> None:
        self.editor = TreeEditor(self.objects, self.ours.tree)

    def add(self, change: Change) -> tuple[FieldConflict, ...]:
        """Merge *change*; gives what conflicts, in which case nothing was merged.

        Raises:
            Invalid: the merged record does not satisfy the schema of *ours*.
        """
        if change.category == POLICY:
            return self._add_policy(change)
        path = self.ours.path(change.category, change.model_name)
        entry = self.editor.get(path)
        found = entry.oid if entry is not None else None
        blob, conflicts = merged_blob(self.objects, self.ours, change, found)
        if conflicts:
            return conflicts
        if blob is None and found is not None:
            self.editor.remove(path)
        elif blob is not None:
            self.editor.put(path, blob)
        for name, file in files_of(self.objects, change.commit, change.pictures).items():
            if self.editor.get(layout.picture_path(name)) is None:
                self.editor.put(layout.picture_path(name), file)
        self.settled[path] = change
        return ()

    def other(self, change: Change) -> Change | None:
        """The change that was merged into the same record before *change*."""
        if change.category == POLICY:
            return None
        return self.settled.get(self.ours.path(change.category, change.model_name))

    def _add_policy(self, change: Change) -> tuple[FieldConflict, ...]:
        """A policy change is never merged: what it touches must be as it was in its base."""
        base, mine = self.objects.read_commit(change.base).tree, self.objects.read_commit(change.commit).tree
        touched = list(compare(self.objects, base, mine))
        conflicts = []
        for path, old, _ in touched:
            found = self.editor.get(path)
            if (found.oid if found else None) != (old.oid if old else None):
                conflicts.append(FieldConflict(f"/{path}", None, None, None))
        for path, _, new in touched if not conflicts else ():
            if new is None:
                self.editor.remove(path)
            else:
                self.editor.put(path, new.oid)
        return tuple(conflicts)

    def dataset(self) -> DatasetTree:
        """The dataset with everything that was merged."""
        return DatasetTree(self.objects, self.editor.write())


def merged_blob(
    objects: ObjectBuffer, ours: DatasetTree, change: Change, found: str | None
) -> tuple[str | None, tuple[FieldConflict, ...]]:
    """The record that *change* and the one *found* in *ours* give, as a blob; ``None`` is no record.

    Raises:
        Invalid: it does not satisfy the schema of *ours*.
    """
    if found == change.blob or change.blob == change.base_blob:
        return found, ()
    if found == change.base_blob and (change.blob is None or same_schema(objects, ours, change)):
        return change.blob, ()
    schema = ours.schema(change.category)
    base, mine, theirs = (record_of(objects, blob) for blob in (change.base_blob, found, change.blob))
    merged = merge_records(base, mine, theirs, schema.merge_hints)
    if merged.conflicts or merged.record is None:
        return None, merged.conflicts
    problems = schema.problems(merged.record)
    problems += pictures.list_problems(pictures.named(merged.record, schema))
    if problems:
        number = f"change {change.change_id}" if change.change_id else "the change"
        raise Invalid.of(f"the record that {number} gives with what is there now", problems)
    return objects.add("blob", canonical_bytes(merged.record, schema, change.model_name)), ()


def record_of(objects: ObjectBuffer, blob: str | None) -> dict[str, Any] | None:
    """The record in a blob, with its remainder; ``None`` for no blob."""
    return None if blob is None else codec.decode(objects.read_blob(blob))


def same_schema(objects: ObjectBuffer, ours: DatasetTree, change: Change) -> bool:
    """Whether the proposal was made under the schema of *ours*, so that its bytes are right as they are."""
    if ours.commit == change.base:
        return True
    try:
        return DatasetTree.at(objects, change.base).schema(change.category) is ours.schema(change.category)
    except ModelrefError:
        return False


# --- commits ---------------------------------------------------------------------------------------------------------


def merge(
    step: Step,
    onto: str,
    changes: Sequence[Change],
    batch_id: int,
    title: str,
    person: Person,
    approver: Actor | None = None,
) -> list[str]:
    """Merge *changes*, ascending, onto the commit *onto*; gives the chain of merges, oldest first.

    *approver* is whom the message names, if that is not the *person* who merges.

    Raises:
        Conflict: they do not merge, or two names would differ by case only; ``details`` has an entry a conflict.
        Invalid: a merged record does not satisfy today's schema.
    """
    chain: list[str] = []
    rest = iter(changes)
    while part := list(islice(rest, PROPOSALS_A_MERGE)):
        tree = merged_tree(step, step.dataset(onto), part)
        members: list[tuple[int, Proposal]] = [(change.change_id, change.proposal) for change in part]
        message = batch_message(batch_id, title, members, approver or person.actor)
        parents = [onto, *(change.commit for change in part)]
        onto = step.commit(tree, parents, step.author(person.actor, person.email), message)
        chain.append(onto)
    return chain


def merged_tree(step: Step, ours: DatasetTree, changes: Sequence[Change]) -> str:
    """The tree of *ours* with every change merged. Raises as :func:`merge`."""
    merging = Merging(step.objects, ours)
    rows: list[dict[str, Any]] = []
    for change in changes:
        conflicts = merging.add(change)
        if conflicts:
            rows += conflict_rows(step, change, conflicts, merging.other(change))
    if rows:
        raise refusal(rows)
    merged = merging.dataset()
    for change, other in look_alikes(merged, changes):
        raise _look_alike_refusal(change, other)
    return merged.tree


def what_goes(step: Step | View, onto: str, changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    """Those of *changes* that merge onto the commit *onto*, taken in ascending order, and those that do not."""
    going = list(changes)
    staying: list[Change] = []
    while True:
        merging = Merging(step.objects, step.dataset(onto))
        stuck = [change for change in going if not _goes(merging, change)]
        if not stuck:
            stuck = [change for change, _ in islice(look_alikes(merging.dataset(), going), 1)]
        if not stuck:
            return going, staying
        staying += stuck
        going = [change for change in going if change not in stuck]


def _goes(merging: Merging, change: Change) -> bool:
    try:
        return is_possible(merging.ours, change) and not merging.add(change)
    except (Conflict, Invalid):
        return False


def look_alikes(merged: DatasetTree, changes: Sequence[Change]) -> Iterator[tuple[Change, str]]:
    """The creates among *changes* whose record has a look-alike in the merged dataset, with its name."""
    for change in changes:
        if change.category == POLICY or change.operation != CREATE:
            continue  # an update's name was there before, without a look-alike
        other = merged.look_alike(change.category, change.model_name)
        if other is not None and merged.blob(change.category, change.model_name) is not None:
            yield change, other


def _look_alike_refusal(change: Change, other: str) -> Conflict:
    return Conflict(
        f"the batch would hold both {change.model_name!r} and {other!r} in {change.category}: "
        "the names differ by letter case or Unicode form only",
        hint=f"reject change {change.change_id}, or approve the delete of {other!r} with it",
    )


# --- what must hold before -------------------------------------------------------------------------------------------


def is_possible(main: DatasetTree, change: Change) -> bool:
    """Whether a create finds no record, an update or delete one."""
    if change.category == POLICY:
        return True
    if change.category not in main.config.categories:
        return False
    there = main.blob(change.category, change.model_name) is not None
    return there == (change.operation in (UPDATE, DELETE))


def check_precondition(main: DatasetTree, change: Change, where: Step | View | None = None) -> None:
    """Refuse a create that finds a record, an update or delete that finds none.

    Raises:
        Conflict: so it is; ``details`` has both records, and whose they are, if *where* is told to look it up in.
    """
    if is_possible(main, change):
        return
    title = f"{change.operation} {change.category} {change.model_name!r}"
    what = f"change {change.change_id} ({title})" if change.change_id else f"the {title}"
    if change.category not in main.config.categories:
        raise Conflict(
            f"{what} cannot be made: there is no category {change.category!r} any more",
            hint=f"reject change {change.change_id}, or its requestor withdraws it",
        )
    found = main.blob(change.category, change.model_name)
    base, ours, theirs = (record_of(main.objects, blob) for blob in (change.base_blob, found, change.blob))
    done = change.operation == DELETE
    raise Conflict(
        f"{what} cannot be made: the record {'is gone' if found is None else 'is there already'}",
        hint=f"there is nothing left to do: reject change {change.change_id}, or its requestor withdraws it"
        if done
        else f"its requestor says what is meant with `modelref-git propose rebase {change.change_id} --take mine`, "
        f"or `modelref-git reject {change.change_id} --reason R`",
        details=conflict_rows(where, change, [FieldConflict("", base, ours, theirs)], None) if where else (),
    )


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
            hint=f"look at it with `git log {found.wanted}..{found.found}`, then take it into the record with "
            f"`modelref-git adopt {found.found} --reason R`, or undo it with `modelref-git disown {found.found} "
            "--reason R`",
        )
