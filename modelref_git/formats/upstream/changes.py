"""One PendingChangeRecord of the upstream service as a change: checked field by field, contradictions settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from modelref_git.errors import Problem
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.brought import is_number
from modelref_git.proposals.events import OPERATIONS
from modelref_git.proposals.folds.common import unapproved
from modelref_git.proposals.header import APPLIED, APPROVED, PENDING, POLICY, REJECTED, STATUSES
from modelref_git.proposals.queue import Change, GivenApproval

_APPLYING: Final = "applying"

_APPROVAL: Final = ("batch_id", "batch_title", "approved_by", "approved_username", "approved_at")
_REJECTION: Final = ("rejected_by", "rejected_username", "rejected_at", "reject_reason")
_APPLY: Final = ("applied_at", "applied_by", "applied_username", "applied_job_id")

_STRANGE: Final = {
    PENDING: (*_APPROVAL, *_REJECTION, *_APPLY),
    APPROVED: (*_REJECTION, *_APPLY[:3]),
}
"""What an open change cannot have yet."""
_LACKING: Final = {
    APPROVED: ("batch_id", "approved_by", "approved_at"),
    APPLIED: ("applied_by", "applied_at"),
    REJECTED: ("rejected_by", "rejected_at"),
}
"""What a change of that status has always."""


@dataclass(frozen=True, slots=True)
class UpstreamChange:
    """A change as it would come in: without proposal and blobs, in a status that lasts."""

    change: Change
    payload: Mapping[str, Any] | None
    """What it proposes; of a delete, the record that was live."""


def read_change(record: Mapping[str, Any]) -> tuple[UpstreamChange | None, list[Problem], list[Problem]]:
    """The change that *record* is, its faults, and what was settled. With a fault there is no change.

    Fields that nobody knows are no fault: they stay in the source.
    """
    faults = list(_faults(record))
    if faults:
        return None, faults, []
    fields: dict[str, Any] = {name: record.get(name) for name in _SHAPES if name not in _APART}
    warnings: list[Problem] = []
    if fields["status"] == _APPLYING:
        text = "it was left while it was being applied: it is approved, and its reservation is undone"
        warnings.append(Problem("/status", text, "queue.applying"))
        fields |= {"status": APPROVED, "applied_job_id": None}
    change = Change(commit="", base="", base_blob=None, blob=None, **fields)
    change, settled = _settled(change)
    return UpstreamChange(_with_approval(change), record.get("payload")), [], warnings + settled


def _settled(change: Change) -> tuple[Change, list[Problem]]:
    """*change* without what contradicts its status."""
    warnings = []
    strange = [name for name in _STRANGE.get(change.status, ()) if getattr(change, name) is not None]
    if strange:
        text = f"it is {change.status}, and has {', '.join(strange)}, which are left out"
        warnings.append(Problem(f"/{strange[0]}", text, "queue.contradiction"))
        nothing: dict[str, Any] = dict.fromkeys(strange)
        change = replace(change, **nothing)
    lacking = [name for name in _LACKING.get(change.status, ()) if getattr(change, name) is None]
    if change.status == APPROVED and not lacking and not _is_person(change.approved_by or ""):
        lacking = ["approved_by"]
    if lacking and change.status == APPROVED:
        text = f"it is approved, and does not say {', '.join(lacking)}: it is pending"
        warnings.append(Problem(f"/{lacking[0]}", text, "queue.contradiction"))
        change = unapproved(change)
    elif lacking:
        text = f"it is {change.status}, and does not say {', '.join(lacking)}"
        warnings.append(Problem(f"/{lacking[0]}", text, "queue.contradiction"))
    return change, warnings


def _with_approval(change: Change) -> Change:
    """*change* with the one approval that the service knows, as a given one."""
    by, at = change.approved_by, change.approved_at
    if change.status not in (APPROVED, APPLIED) or by is None or at is None:
        return change
    name = (change.approved_username or "").removesuffix(f"#{by}").strip() or by
    given = GivenApproval(by, str(Actor(by, name)), at)
    return replace(change, approved_username=change.approved_username or given.username, approvals=(given,))


# --- shapes -----------------------------------------------------------------------------------------------------------


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_time(value: Any) -> bool:
    return is_number(value, 0)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_person(value: Any) -> bool:
    """Whether a text can be the id of a person in ``name#id``."""
    return isinstance(value, str) and value == value.strip() and value != "" and "#" not in value


def _is_category(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != "" and value != POLICY


_TEXT: Final = (_is_text, "a text")
_TIME: Final = (_is_time, "a time in Unix seconds")
_ID: Final = (is_number, "a number from 1 on")

_Shape = tuple[Callable[[Any], bool], str]
_SHAPES: Final[dict[str, _Shape]] = {
    "change_id": _ID,
    "category": (_is_category, "the name of a category"),
    "model_name": _TEXT,
    "operation": (lambda value: value in OPERATIONS, "create, update or delete"),
    "payload": (_is_object, "an object"),
    "requested_by": (_is_person, "the id of a user"),
    "requested_username": _TEXT,
    "requested_at": _TIME,
    "status": (lambda value: value in STATUSES, f"one of {', '.join(STATUSES)}"),
    "notes": _TEXT,
    "batch_id": _ID,
    "batch_title": _TEXT,
    "approved_by": _TEXT,
    "approved_username": _TEXT,
    "approved_at": _TIME,
    "rejected_by": _TEXT,
    "rejected_username": _TEXT,
    "rejected_at": _TIME,
    "reject_reason": _TEXT,
    "applied_at": _TIME,
    "applied_by": _TEXT,
    "applied_username": _TEXT,
    "applied_job_id": _TEXT,
    "updated_at": _TIME,
    "request_metadata": (_is_object, "an object"),
    "related_models": (_are_texts, "a list of texts"),
}
"""Every field of a record, with what it must be where it is not null."""
_APART: Final = ("payload", "related_models")
_NEEDED: Final = (
    *("change_id", "category", "model_name", "operation", "requested_by", "requested_username"),
    *("requested_at", "status", "updated_at"),
)


def _faults(record: Mapping[str, Any]) -> Iterator[Problem]:
    for name, (test, wanted) in _SHAPES.items():
        value = record.get(name)
        if value is None and name in _NEEDED:
            yield Problem(f"/{name}", f"it has no {name}", "queue.record")
        elif value is not None and not (isinstance(value, str | int | dict | list) and test(value)):
            yield Problem(f"/{name}", f"{name} is not {wanted}", "queue.record")
