"""Layout: the same records in other files or other bytes, as one commit on ``main`` that changes no value."""

from __future__ import annotations

from typing import Any

from modelref_git.errors import UsageFault
from modelref_git.operations.administrative import append_administrative
from modelref_git.operations.context import Context, Person
from modelref_git.operations.judging import require_administrator
from modelref_git.operations.merging import check_main_not_drifted
from modelref_git.operations.policy_checks import changed_schemas, non_canonical
from modelref_git.proposals import config_edit
from modelref_git.proposals.events import LAYOUT
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.step import Step
from modelref_git.store.trees import TreeEditor


def set_fan_out(ctx: Context, category: str, fan_out: int) -> dict[str, Any]:
    """Split the folder of *category* by *fan_out* levels (0, 1 or 2); answers the category and the new ``main``.

    Open proposals stay good: they merge by record, not by path.

    Raises:
        NotFound: there is no such category.
        UsageFault: there is no such fan-out.
        Forbidden: the caller is no approver of the whole dataset.
    """
    if fan_out not in (0, 1, 2):
        raise UsageFault("a fan-out is 0, 1 or 2")

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        require_administrator(dataset, person, LAYOUT)
        check_main_not_drifted(step)
        if dataset.fan_out(category) != fan_out:
            editor = TreeEditor(step.objects, dataset.tree)
            settings = config_edit.with_fan_out(dataset.config_bytes, category, fan_out)
            editor.put(layout.CONFIG, step.objects.add("blob", settings))
            records = list(dataset.records(category))
            for name, _ in records:
                editor.remove(dataset.path(category, name))
            for name, blob in records:
                editor.put(layout.record_path(category, name, fan_out), blob)
            levels = f"{fan_out} level{'s' if fan_out != 1 else ''}"
            append_administrative(step, person, LAYOUT, editor.write(), f"{category} split by {levels}")
        return {"category": category, "main": step.main}

    return ctx.write(decide)


def append_layout_if_needed(step: Step, person: Person, before: DatasetTree) -> None:
    """Write anew the records that a change of schemas since *before* left in another form than theirs."""
    after = step.dataset()
    editor = TreeEditor(step.objects, after.tree)
    count = 0
    for category in changed_schemas(before, after):
        for name, data in non_canonical(after, category):
            editor.put(after.path(category, name), step.objects.add("blob", data))
            count += 1
    if count:
        records = f"{count} record{'s' if count != 1 else ''}"
        append_administrative(step, person, LAYOUT, editor.write(), f"{records} in the order of the new schema")
