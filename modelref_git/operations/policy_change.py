"""A change of members, policy or categories: a change like any other, of ``modelref.toml`` and ``schemas/`` alone.

It goes through the queue as a batch of its own. Where the policy lets its requestor pass it alone, one step proposes,
approves and applies it; otherwise it waits for another approver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modelref_git.errors import Invalid, Problem
from modelref_git.operations.answers import find_change
from modelref_git.operations.apply import append_apply
from modelref_git.operations.context import Context, Person
from modelref_git.operations.drafting import Draft
from modelref_git.operations.judging import approval_of, case_of, facts_finder
from modelref_git.operations.policy_checks import check_policy_change
from modelref_git.operations.propose import enqueue
from modelref_git.operations.review import append_approve
from modelref_git.proposals import policy
from modelref_git.proposals.events import APPROVE, UPDATE, Proposal
from modelref_git.proposals.header import POLICY
from modelref_git.proposals.queue import Change
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.step import Step
from modelref_git.store.trees import TreeEditor, find

Files = Mapping[str, bytes]
"""New files by path: ``modelref.toml`` and schemas."""


def change_policy(ctx: Context, title: str, change: Callable[[DatasetTree], Files]) -> dict[str, Any]:
    """Propose a change of the policy, and pass it where the caller may do so alone.

    Answers ``{"main"}``, or ``{"change_id"}`` where somebody else must approve.

    Args:
        ctx: the caller.
        title: what it does, in a few words.
        change: gives the new files, from the dataset as it is.

    Raises:
        Forbidden: the caller is no approver of the whole dataset.
        Invalid: nothing would change, or nobody could work under the new policy; every fault is listed.
    """

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        person.require_administrator(title)
        editor = TreeEditor(step.objects, dataset.tree)
        for path, data in change(dataset).items():
            editor.put(path, step.objects.add("blob", data))
        tree = editor.write()
        if tree == dataset.tree:
            text = "it is so already: there is nothing to change"
            raise Invalid.of(layout.CONFIG, [Problem("", text, "update.unchanged")])
        check_policy_change(dataset, DatasetTree(step.objects, tree))
        change_id = enqueue(step, person, [Draft(_proposal(step, dataset, tree, person, title), (), ())])[0]
        queued = find_change(step.queue, change_id)
        if not _passes_alone(step, dataset, person, queued):
            step.warnings.append(
                f"change {change_id} needs another approver: `modelref-git approve {change_id} --title T`"
            )
            return {"change_id": change_id}
        batch = step.queue.batch(append_approve(step, person, [queued], title))
        if batch is None:
            raise AssertionError(change_id)
        return {"main": append_apply(step, person, batch, batch.changes)}

    return ctx.write(decide)


def _proposal(step: Step, dataset: DatasetTree, tree: str, person: Person, title: str) -> Proposal:
    blobs = (find(step.objects, root, layout.CONFIG) for root in (dataset.tree, tree))
    before, after = (entry.oid if entry is not None else None for entry in blobs)
    made = Proposal(UPDATE, POLICY, layout.CONFIG, person.actor, title, "", step.main, before, after)
    commit = step.commit(tree, [step.main], step.author(person.actor, person.email), made.message())
    return replace(made, commit=commit)


def _passes_alone(step: Step, dataset: DatasetTree, person: Person, change: Change) -> bool:
    """Whether the policy lets *person*, who asked for it, approve and apply *change*."""
    config, facts_of = dataset.config, facts_finder(step.objects, dataset)
    if policy.judge(case_of(config, person, APPROVE, change, facts_of)):
        return False
    return not policy.missing(config, change, facts_of, [approval_of(person, step.time)])
