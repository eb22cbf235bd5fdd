"""Forecast: what would become of open proposals, alone and together, before anybody approves them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final, Literal

from modelref_git.errors import Conflict, ModelrefError
from modelref_git.operations.answers import find_change
from modelref_git.operations.conflict_rows import conflict_rows
from modelref_git.operations.context import Context
from modelref_git.operations.merging import Merging, check_precondition, look_alikes, same_schema
from modelref_git.proposals.events import CREATE, DELETE
from modelref_git.proposals.header import APPROVED, PENDING, POLICY
from modelref_git.proposals.queue import Change
from modelref_git.records.merge import FieldConflict
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import View

Verdict = Literal["clean", "merged", "overlaps", "conflict", "obsolete"]

ALL_SUBSETS_UP_TO: Final = 10
"""Of so many rivals every subset is tried for the largest that goes together; of more, they are taken in turn."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would become of a proposal."""

    verdict: Verdict
    conflicts: tuple[dict[str, Any], ...] = ()
    """The conflict entries, of a conflict about fields."""
    reason: str | None = None
    """Why it does not merge, in words, where no field conflicts."""

    @property
    def paths(self) -> list[str]:
        """The JSON pointers at which it conflicts."""
        return [row["path"] for row in self.conflicts]


@dataclass(slots=True)
class Forecaster:
    """Looks ahead from the log's ``main``, or from the open batch."""

    view: View
    tells_whose: bool = True
    """Whether it is looked up whose the other side of a conflict is; else conflicts have their paths alone."""
    main: DatasetTree = field(init=False)

    def __post_init__(self) -> None:
        self.main = self.view.dataset()

    def outlook(self, change: Change) -> Outlook:
        """What would become of an open *change*, with its rivals in view."""
        alone = self.alone(change)
        if alone.verdict in ("conflict", "obsolete"):
            return alone
        batch = self._batch()
        if change.status == PENDING and batch is not None:
            joined = self._onto(batch, change)
            if joined.verdict == "conflict":
                return joined
        rivals = [number for number in self.rivals(change) if number != change.change_id]
        return Outlook("overlaps") if rivals else alone

    def alone(self, change: Change) -> Outlook:
        """What would become of *change* if it alone were merged onto ``main``."""
        return self._onto(self.main, change)

    def rivals(self, change: Change) -> tuple[int, ...]:
        """The open changes of the same record, or of a look-alike of it; *change* is one of them."""
        if change.category == POLICY:
            return (change.change_id,)
        return self.view.queue.open_changes(change.category, change.model_name)

    def together(self, changes: Sequence[Change]) -> Outlook:
        """What would become of several changes of one record, merged in ascending order."""
        merging = Merging(self.view.objects, self.main)
        for change in changes:
            outlook = self._added(merging, change)
            if outlook.verdict in ("conflict", "obsolete"):
                return outlook
        clash = next(look_alikes(merging.dataset(), changes), None)
        return Outlook("overlaps") if clash is None else _alike(clash[0], clash[1])

    def largest_together(self, changes: Sequence[Change]) -> list[Change]:
        """The most of *changes* that go through together; of several such sets the one with the lowest numbers."""
        if len(changes) <= ALL_SUBSETS_UP_TO:
            for size in range(len(changes), 1, -1):
                for some in combinations(changes, size):
                    if self.together(some).verdict == "overlaps":
                        return list(some)
            return []
        going: list[Change] = []
        for change in changes:
            if self.together([*going, change]).verdict == "overlaps":
                going.append(change)
        return going

    def _batch(self) -> DatasetTree | None:
        number = self.view.queue.header.open_batch
        batch = self.view.queue.batch(number) if number is not None else None
        return self.view.dataset(batch.head) if batch is not None else None

    def _onto(self, dataset: DatasetTree, change: Change) -> Outlook:
        if change.category == POLICY:
            conflicts = Merging(self.view.objects, dataset).add(change)
            return Outlook("conflict", self._rows(change, conflicts, None)) if conflicts else CLEAN
        if change.category not in dataset.config.categories:
            return Outlook("conflict", reason=f"there is no category {change.category!r} any more")
        found = dataset.blob(change.category, change.model_name)
        if found == change.blob:
            return Outlook("obsolete")
        try:
            check_precondition(dataset, change, self.view if self.tells_whose else None)
        except Conflict as fault:
            return Outlook("conflict", tuple(fault.details), fault.message)
        if change.operation == CREATE:
            other = dataset.look_alike(change.category, change.model_name)
            if other is not None and not self._goes(change, other):
                return _alike(change, other)
        unchanged = found == change.base_blob
        if unchanged and same_schema(self.view.objects, dataset, change):
            return CLEAN
        outlook = self._added(Merging(self.view.objects, dataset), change)
        return CLEAN if unchanged and outlook.verdict == "merged" else outlook

    def _goes(self, change: Change, name: str) -> bool:
        """Whether an open rival of *change* deletes the record *name*."""
        rivals = (find_change(self.view.queue, number) for number in self.rivals(change))
        return any(rival.operation == DELETE and rival.model_name == name for rival in rivals)

    def _added(self, merging: Merging, change: Change) -> Outlook:
        try:
            before = merging.editor.write()
            conflicts = merging.add(change)
        except ModelrefError as fault:
            return Outlook("conflict", reason=fault.message)
        if conflicts:
            return Outlook("conflict", self._rows(change, conflicts, merging.other(change)))
        return Outlook("obsolete") if merging.editor.write() == before else Outlook("merged")

    def _rows(
        self, change: Change, conflicts: Sequence[FieldConflict], other: Change | None
    ) -> tuple[dict[str, Any], ...]:
        if not self.tells_whose:
            return tuple({"path": conflict.path} for conflict in conflicts)
        return tuple(conflict_rows(self.view, change, conflicts, other))


CLEAN: Final = Outlook("clean")


def _alike(change: Change, other: str) -> Outlook:
    text = f"{change.model_name!r} and {other!r} would differ by letter case or Unicode form only"
    return Outlook("conflict", reason=text)


def forecast_conflicts(ctx: Context, change_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Which open proposals touch the same record, and what each pair, all of them, and the most that go together do.

    Args:
        ctx: the caller.
        change_ids: only the records of these changes; every open one with none.

    Raises:
        NotFound: there is no change with one of the numbers.
    """
    view = ctx.view()
    forecaster = Forecaster(view)
    rows: list[dict[str, Any]] = []
    for group in _groups(view, forecaster, change_ids):
        rows += _group_rows(forecaster, group)
    return rows


def _groups(view: View, forecaster: Forecaster, change_ids: Sequence[int]) -> Iterator[list[Change]]:
    """Open changes by record, in the order of their first."""
    seen: set[int] = set()
    ids: Iterable[int] = change_ids or sorted(
        number for folder in (PENDING, APPROVED) for number in view.queue.change_ids(folder)
    )
    for number in ids:
        change = find_change(view.queue, number)
        if number in seen or not change.is_open or change.category == POLICY:
            continue
        group = [find_change(view.queue, rival) for rival in forecaster.rivals(change)]
        seen.update(member.change_id for member in group)
        yield group


def _group_rows(forecaster: Forecaster, group: Sequence[Change]) -> Iterator[dict[str, Any]]:
    for change in group:
        outlook = forecaster.alone(change)
        if outlook.verdict in ("conflict", "obsolete"):
            yield _row([change], outlook)
    for pair in combinations(group, 2):
        yield _row(pair, forecaster.together(pair))
    if len(group) > 2:
        together = forecaster.together(group)
        yield _row(group, together)
        most = forecaster.largest_together(group) if together.verdict != "overlaps" else []
        if len(most) > 2:
            yield _row(most, Outlook("overlaps"))


def _row(changes: Sequence[Change], outlook: Outlook) -> dict[str, Any]:
    return {
        "change_ids": [change.change_id for change in changes],
        "category": changes[0].category,
        "model_name": changes[0].model_name,
        "verdict": outlook.verdict,
        "paths": outlook.paths,
    }
