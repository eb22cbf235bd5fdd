"""What would become of a branch's changes: alone, beside the open proposals, and by the policy."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from modelref_git.errors import Problem
from modelref_git.operations.answers import find_change
from modelref_git.operations.changes import pending_diff
from modelref_git.operations.context import Person
from modelref_git.operations.forecast import Forecaster, Outlook
from modelref_git.operations.judging import facts_finder
from modelref_git.proposals import policy
from modelref_git.proposals.events import CREATE, ENQUEUE
from modelref_git.proposals.policy import Case
from modelref_git.proposals.queue import Change
from modelref_git.records.diff import is_critical
from modelref_git.records.quality.rule import Severity
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import View
from modelref_git.store.trees import TreeEditor

RIVALS_SHOWN: Final = 20
"""So many open proposals of the same record are looked at."""

Told: TypeAlias = tuple[Severity, Problem]

_REQUESTOR: Final = "protected.requestor"


@dataclass(slots=True)
class Looking:
    """Looks ahead for changes that are not in the queue."""

    view: View
    dataset: DatasetTree
    leaving: Collection[tuple[str, str]]
    """The records that the branch deletes: a create may take a look-alike's place."""
    admitted: Collection[int]
    """The branch's own changes in the queue, which are no rivals of it."""
    _forecaster: Forecaster = field(init=False)

    def __post_init__(self) -> None:
        self._forecaster = Forecaster(self.view)

    def row(self, change: Change, path: str, person: Person, *, valid: bool) -> tuple[dict[str, Any], list[Told]]:
        """What a change does and what becomes of it, and what speaks against it.

        Args:
            change: as intake would make it.
            path: its file.
            person: who would be its requestor.
            valid: whether its record can be stored.

        Returns:
            A PendingChangeDiff without a number, and ``path``, ``blob``, ``requested_by``, ``critical_fields``,
            ``merge`` (a verdict of ``status``, or ``invalid``), ``reason``, ``conflicts`` (conflict entries),
            ``rivals`` and ``approvals_needed``; and problems with their severities.
        """
        told: list[Told] = []
        diff = pending_diff(self.view, self.dataset, change)
        outlook, rivals = Outlook("conflict", reason="the record is not valid"), []
        if valid:
            outlook = self._outlook(change, diff["net_operation"], told)
            rivals = self._rivals(change, told)
        facts_of = facts_finder(self.view.objects, self.dataset)
        case = Case(self.dataset.config, person.actor, ENQUEUE, change, facts_of)
        told += [
            ("error", Problem("", item.message, item.rule)) for item in policy.judge(case) if item.rule == _REQUESTOR
        ]
        fields = self.dataset.schema(change.category).critical
        paths = [row["field_path"] for row in diff["field_diffs"]] if diff["is_critical"] else []
        return {
            **diff,
            "change_id": None,
            "path": path,
            "blob": change.blob or change.base_blob,
            "requested_by": person.username,
            "critical_fields": [path for path in paths if is_critical([tuple(path.split("."))], fields)],
            "merge": outlook.verdict if valid else "invalid",
            "reason": outlook.reason,
            "conflicts": [{**row, "change_id": None} for row in outlook.conflicts],
            "rivals": rivals,
            "approvals_needed": policy.needed(self.dataset.config, change, facts_of),
        }, told

    def _outlook(self, change: Change, net: str, told: list[Told]) -> Outlook:
        forecaster = self._forecaster if not self._renames(change) else self._without_leaving(change.category)
        alone = forecaster.alone(change)
        if alone.verdict == "conflict":
            what = ", ".join(alone.paths) if any(alone.paths) else alone.reason
            told += [
                ("error", Problem(at, f"it conflicts with what is on main now: {what}", "merge.conflict"))
                for at in dict.fromkeys(alone.paths or [""])
            ]
            return alone
        if alone.verdict == "obsolete" or net == "unchanged":  # but for stamps, which the program sets
            told.append(("warning", Problem("", "main says so already: there is nothing to do", "merge.obsolete")))
            return Outlook("obsolete")
        outlook = forecaster.outlook(change)
        if outlook.verdict == "conflict":
            batch = self.view.queue.header.open_batch
            told.append(("warning", Problem("", f"it conflicts with the open batch {batch}", "merge.batch")))
        # Its own changes in the queue are no rivals of it.
        others = set(forecaster.rivals(change)) - set(self.admitted)
        return alone if outlook.verdict == "overlaps" and not others else outlook

    def _renames(self, change: Change) -> bool:
        if change.operation != CREATE:
            return False
        alike = self.dataset.look_alike(change.category, change.model_name)
        return alike is not None and (change.category, alike) in self.leaving

    def _without_leaving(self, category: str) -> Forecaster:
        """A forecaster of the dataset without what the branch deletes of a category."""
        editor = TreeEditor(self.view.objects, self.dataset.tree)
        for name in (name for kind, name in self.leaving if kind == category):
            path = self.dataset.path(category, name)
            if editor.get(path) is not None:
                editor.remove(path)
        forecaster = Forecaster(self.view)
        forecaster.main = DatasetTree(self.view.objects, editor.write())
        return forecaster

    def _rivals(self, change: Change, told: list[Told]) -> list[dict[str, Any]]:
        """The open proposals of the same record, with what becomes of both together."""
        rows = []
        numbers = [number for number in self._forecaster.rivals(change) if number and number not in self.admitted]
        for number in numbers[:RIVALS_SHOWN]:
            rival = find_change(self.view.queue, number)
            both = self._forecaster.together([rival, change])
            rows.append(
                {
                    "change_id": number,
                    "requested_by": rival.requested_username,
                    "status": rival.status,
                    "merge": both.verdict,
                    "paths": both.paths,
                }
            )
            clashes = both.verdict == "conflict"
            what = "conflicts with this one" if clashes else "is about this record too"
            severity: Severity = "warning" if clashes else "hint"
            told.append((severity, Problem("", f"the open change {number} {what}", "merge.rival")))
        return rows
