"""The rules of good data, asked again at approve: beside the dataset and the batch of that moment."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from modelref_git.errors import Invalid
from modelref_git.operations.checking.around import around, glance
from modelref_git.operations.checking.weighing import Finding, found_in_change, is_allowed
from modelref_git.proposals.header import POLICY
from modelref_git.proposals.queue import Change
from modelref_git.records.quality.rule import Facts
from modelref_git.store.dataset import DatasetTree, changed_records
from modelref_git.store.git import GitStore
from modelref_git.store.lookup import open_lookup
from modelref_git.store.step import Step


def check_merged(step: Step, main: DatasetTree, merged: DatasetTree, changes: Sequence[Change]) -> None:
    """Judge what *changes* make of *main*, as the batch *merged* has it; what it remarks upon, the step tells.

    What a rule says about a record may have become true since it was proposed: another one has its address by now.

    Raises:
        Invalid: findings of severity error that the change's requestor did not waive; each detail names the change.
    """
    blobs = changed_records(step.objects, main.tree, merged.tree)
    refused: list[dict[str, Any]] = []
    with around(step.store, merged, main) as others:
        for change in changes:
            before, after = blobs.get((change.category, change.model_name), (None, None))
            if change.category != POLICY and after is not None:
                record, old = glance(merged, after), glance(merged, before)
                facts = Facts(change.category, change.model_name, record, old, others=others)
                refused += _refused(step, main, change, facts)
    if refused:
        first = refused[0]["change_id"]
        raise Invalid(
            f"{refused[0]['message']} (change {first}, rule {refused[0]['rule']})",
            hint=f"reject it, or its requestor mends or waives it: `modelref-git propose rebase {first} "
            f"--set PTR=VALUE`, or --allow {refused[0]['rule']}",
            details=refused,
        )


def findings_of(
    store: GitStore, main: DatasetTree, change: Change, before: str | None, after: str | None
) -> list[Finding]:
    """What the rules find in *change*, which makes of the record in the blob *before* the one in *after*."""
    if after is None:
        return []
    with finder(store, main) as find:
        return find(change, before, after)


@contextlib.contextmanager
def finder(store: GitStore, main: DatasetTree) -> Iterator[Callable[[Change, str | None, str | None], list[Finding]]]:
    """What :func:`findings_of` finds, for many changes beside the same *main*."""
    with open_lookup(store, main) as others:

        def find(change: Change, before: str | None, after: str | None) -> list[Finding]:
            if change.category not in main.config.categories or after is None:
                return []
            record, old = glance(main, after), glance(main, before)
            facts = Facts(change.category, change.model_name, record, old, others=others)
            return found_in_change(main.config, facts, importing=change.origin is not None)

        yield find


def _refused(step: Step, main: DatasetTree, change: Change, facts: Facts) -> list[dict[str, Any]]:
    """The findings that refuse a change; those that only warn are told."""
    found = found_in_change(main.config, facts, importing=change.origin is not None)
    step.warnings += [f"change {change.change_id}: {one}" for one in found if _is_told(one, change)]
    return [
        {**one.problem.as_json(), "change_id": change.change_id}
        for one in found
        if one.severity == "error" and not is_allowed(one, change.waived)
    ]


def _is_told(finding: Finding, change: Change) -> bool:
    """Whether an approver hears of it: warnings, and what the requestor waived."""
    return finding.severity == "warning" or (finding.severity == "error" and is_allowed(finding, change.waived))
