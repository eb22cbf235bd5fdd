"""Admit: a proposal whose commit was made elsewhere, judged as ``verify`` judges it, and as a request of today is.

The commit stays as it is, and so does a signature on it: only the event binds a number to it.
"""

from __future__ import annotations

from collections.abc import Container

from modelref_git.errors import Invalid, Problem
from modelref_git.operations.checking.weighing import Finding, check_waivers, found_in_change, refuse
from modelref_git.operations.context import Person
from modelref_git.operations.drafting import Draft, Request, check_existence
from modelref_git.operations.judging import require
from modelref_git.operations.merging import record_of
from modelref_git.operations.picture_files import accepted, files_of
from modelref_git.operations.verifying import proposed
from modelref_git.operations.verifying.case import EventCase, MainHistory
from modelref_git.operations.verifying.rules import judge
from modelref_git.proposals.events import BY_IMPORT, DELETE, ENQUEUE, Event, Proposal
from modelref_git.proposals.folds.asked import queued
from modelref_git.proposals.header import POLICY
from modelref_git.records.quality.rule import Facts, Others
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.objects import EMPTY_TREE, Commit
from modelref_git.store.step import Step, host


def admitted(
    step: Step,
    dataset: DatasetTree,
    person: Person,
    proposal: Proposal,
    allow: tuple[str, ...] = (),
    leaving: Container[tuple[str, str]] = (),
    others: Others | None = None,
) -> Draft:
    """The draft of a ready-made proposal, once it has passed every check.

    Args:
        step: the step that will enqueue it.
        dataset: today's.
        person: who brings it; the proposal says who asked for it.
        proposal: as :func:`~modelref_git.store.log.read_proposal` reads it from its commit.
        allow: quality rules that are waived.
        leaving: records, by category and name, that the same step proposes to delete.
        others: the dataset around the record, for the rules that look at it.

    Raises:
        NotFound: no such category; update or delete of a record that is not there.
        Invalid: the commit is no good proposal, or the record does not satisfy the dataset as it is today.
        Forbidden: the person may not propose that.
        Conflict: create of a record that is there, or of a look-alike.
    """
    check_waivers(allow)
    what = f"the {proposal.operation} of {proposal.category} {proposal.name!r}"
    if proposal.category == POLICY or proposal.origin == BY_IMPORT:
        text = "a change of the policy, or of an import, is proposed by a command and never brought as a commit"
        raise Invalid.of(what, [Problem("", text, "proposal.origin")])
    schema = dataset.schema(proposal.category)
    record = None if proposal.blob is None else record_of(step.objects, proposal.blob)
    old = None if proposal.base_blob is None else record_of(step.objects, proposal.base_blob)
    waived: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()
    if proposal.operation != DELETE and record is not None:
        problems = schema.problems(record)
        if problems:
            raise Invalid.of(what, problems)
        facts = Facts(proposal.category, proposal.name, record, old, others=others)
        found = found_in_change(dataset.config, facts)
        waived = refuse(what, found, allow)
        warnings = tuple(one for one in found if one.severity == "warning")
    _check_commit(step, what, proposal, waived)
    for name, file in files_of(step.objects, proposal.commit, proposal.pictures).items():
        accepted(step.objects.read_blob(file), name)
    is_own = proposal.requestor.id == person.actor.id
    if is_own:
        person.require_requestor(f"propose a {proposal.operation}")
    live = dataset.blob(proposal.category, proposal.name)
    request = Request(proposal.operation, proposal.category, proposal.name)
    check_existence(step, dataset, request, proposal.name, live, leaving)
    if proposal.blob == live:
        text = "the record is so already: there is nothing to change"
        raise Invalid.of(what, [Problem("", text, "update.unchanged")])
    if dataset.config.policy.protected or not is_own:
        require(step, dataset, person, ENQUEUE, [queued(proposal, 0, step.time)])
    return Draft(proposal, waived, warnings, record)


def _check_commit(step: Step, what: str, proposal: Proposal, waived: tuple[str, ...]) -> None:
    """Judge the commit by the very rules by which ``verify`` will."""
    number = step.queue.header.last_change_id + 1
    event = Event(
        ENQUEUE,
        proposal.requestor,
        0,
        step.time,
        change_ids=(number,),
        proposals=(proposal,),
        waived=tuple((number, rule) for rule in waived),
    )
    parent = None if step.start is None else step.store.read_commit(step.start)
    blank = Commit(EMPTY_TREE, (), host(step.time), host(step.time), "")  # no rule of proposals looks at the event's
    case = EventCase(step.store, blank, event, parent, None, MainHistory(step.store, step.main))
    case.objects = step.objects
    faults = list(judge(proposed.RULES, case))
    if faults:
        raise Invalid.of(what, [Problem("", _plain(fault.message, number), fault.rule) for fault in faults])


def _plain(message: str, number: int) -> str:
    """What a rule says, of a change that has no number yet."""
    name = f"change {number}"
    return message.replace(f"the proposal of {name}", "the proposal").replace(name, "the proposal")
