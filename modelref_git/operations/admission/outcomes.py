"""What became of each branch that was to be admitted, as values: one row a change, one a fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelref_git.errors import ModelrefError, Problem
from modelref_git.operations.admission.branches import Branch
from modelref_git.operations.untrusted import ChangedRecord
from modelref_git.proposals.events import CREATE, DELETE, UPDATE, Proposal
from modelref_git.proposals.queue import Change


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one branch."""

    branch: Branch
    requestor: str | None = None
    """``name#id``; the id is an e-mail of somebody who is no member."""
    admitted: tuple[dict[str, Any], ...] = ()
    """Each with ``change_id``, ``operation``, ``category``, ``model_name``, and ``supersedes`` if it took the place of
    a change."""
    already: tuple[dict[str, Any], ...] = ()
    """What is in the queue from before, each as above with its ``status``; or is on ``main`` as it is asked for, and
    then without ``change_id``."""
    refused: tuple[dict[str, Any], ...] = ()
    """One entry a fault: ``path``, ``message``, ``rule``, and ``file``, ``category``, ``model_name`` where it is of
    one record; where a record does not merge, the members of a conflict besides."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of all branches."""

    outcomes: tuple[Outcome, ...] = ()

    @property
    def refused(self) -> list[Outcome]:
        """The branches of which something was refused."""
        return [one for one in self.outcomes if one.refused]

    def as_json(self) -> dict[str, Any]:
        """The answer of ``ci intake``. A branch stands in each list in which it has something."""
        return {
            "admitted": [
                {**_place(one), "requested_by": one.requestor, "change_ids": _ids(one.admitted)}
                for one in self.outcomes
                if one.admitted
            ],
            "already": [
                {**_place(one), "change_ids": _ids(one.already)}
                for one in self.outcomes
                if one.already or not (one.admitted or one.refused)
            ],
            "refused": [{**_place(one), "details": list(one.refused)} for one in self.refused],
        }


def _place(one: Outcome) -> dict[str, Any]:
    return {"ref": one.branch.ref, "commit": one.branch.commit}


def _ids(rows: Sequence[dict[str, Any]]) -> list[int]:
    return [row["change_id"] for row in rows if row.get("change_id") is not None]


def problem_row(problem: Problem) -> dict[str, Any]:
    """A problem of a branch or a file; the path of its row is one into a record, and empty."""
    row = {**problem.as_json(), "path": ""}
    return {**row, "file": problem.path} if problem.path else row


def fault_rows(fault: ModelrefError, record: ChangedRecord) -> list[dict[str, Any]]:
    """The faults of one record, as rows; where it does not merge, with the members of a conflict."""
    about = {"category": record.category, "model_name": record.name, "file": record.path}
    general = {"path": "", "message": fault.message, "rule": fault.code}
    return [{**general, **detail, **about} for detail in fault.details or [general]]


def record_row(record: ChangedRecord) -> dict[str, Any]:
    """A changed record of which the queue knows nothing."""
    operation = DELETE if record.new is None else UPDATE if record.old is not None else CREATE
    return {"operation": operation, "category": record.category, "model_name": record.name}


def proposal_row(proposal: Proposal) -> dict[str, Any]:
    """What a proposal is about."""
    return {"operation": proposal.operation, "category": proposal.category, "model_name": proposal.name}


def known_row(change: Change) -> dict[str, Any]:
    """A change that is in the queue from before."""
    status = "purged" if change.purged_by is not None else change.status
    row = {"change_id": change.change_id, **proposal_row(change.proposal), "status": status}
    return {**row, "reason": change.reject_reason} if change.reject_reason else row
