"""What the queue's state is made of: changes, batches, and where both are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Protocol

from modelref_git.errors import IntegrityFailure
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import Proposal
from modelref_git.proposals.header import OPEN, Header

BATCH_OPEN: Final = "open"
BATCH_APPLIED: Final = "applied"
BATCH_CLOSED: Final = "closed"


@dataclass(frozen=True, slots=True)
class GivenApproval:
    """One person's approval of a change as it is."""

    by: str
    username: str
    at: int
    acknowledged: bool = False
    """Whether the giver looked at the critical fields a second time."""
    flags: tuple[str, ...] = ()
    """What the login service said of the giver: the policy says, whenever it is asked, what that counts for."""

    def as_state(self) -> dict[str, Any]:
        """The approval as JSON for the state tree."""
        row: dict[str, Any] = {"by": self.by, "username": self.username, "at": self.at}
        row |= {"acknowledged": True} if self.acknowledged else {}
        return {**row, "flags": list(self.flags)} if self.flags else row

    @classmethod
    def from_state(cls, row: Mapping[str, Any]) -> GivenApproval:
        """Read what :meth:`as_state` wrote.

        Raises:
            IntegrityFailure: it is no approval.
        """
        try:
            return cls(**{**row, "flags": tuple(row.get("flags", ()))})
        except TypeError as error:
            raise IntegrityFailure(f"the state of an approval is not readable: {error}") from error


@dataclass(frozen=True, slots=True)
class Change:
    """One change as the queue's state holds it: the wire's record with its payload replaced by ids."""

    change_id: int
    category: str
    model_name: str
    operation: str
    commit: str
    """The proposal; ``""`` for a closed change that came with the import of a queue, which has none."""
    base: str
    """The ``main`` that it was made against; ``""`` where there is no commit."""
    base_blob: str | None
    blob: str | None
    requested_by: str
    requested_username: str
    requested_at: int
    status: str
    updated_at: int
    notes: str | None = None
    batch_id: int | None = None
    batch_title: str | None = None
    approved_by: str | None = None
    approved_username: str | None = None
    approved_at: int | None = None
    rejected_by: str | None = None
    rejected_username: str | None = None
    rejected_at: int | None = None
    reject_reason: str | None = None
    applied_at: int | None = None
    applied_by: str | None = None
    applied_username: str | None = None
    applied_job_id: str | None = None
    waived: tuple[str, ...] = ()
    approvals: tuple[GivenApproval, ...] = ()
    """Who has approved it as it is, in the order of the events; an edit makes them void."""
    origin: str | None = None
    pictures: tuple[str, ...] = ()
    """The names of the picture files that its proposal adds, sorted."""
    enqueued_by: str | None = None
    """The id of who put it into the queue, where that was not the requestor."""
    held_by: str | None = None
    held_username: str | None = None
    held_at: int | None = None
    hold_reason: str | None = None
    purged_by: str | None = None
    purged_username: str | None = None
    purged_at: int | None = None
    request_metadata: Mapping[str, Any] | None = field(default=None, hash=False)
    """How it was asked for: ``{"route": ...}`` of what came by HTTP."""

    @property
    def is_open(self) -> bool:
        """Whether the change is still to be decided or applied."""
        return self.status in OPEN

    @property
    def is_held(self) -> bool:
        """Whether an approver has stopped it for now."""
        return self.held_by is not None

    @property
    def requestor(self) -> Actor:
        """Who asked."""
        # Not all services write names as ours do: what comes before the id is the name, else all of it.
        name = self.requested_username.removesuffix(f"#{self.requested_by}").strip()
        return Actor(self.requested_by, name or self.requested_by)

    @property
    def is_imported(self) -> bool:
        """Whether the change was closed before the queue was imported: it has no commit in this history."""
        return not self.commit

    @property
    def proposal(self) -> Proposal:
        """The proposal that the change is about."""
        return Proposal(
            self.operation,
            self.category,
            self.model_name,
            self.requestor,
            self.notes,
            self.commit,
            self.base,
            self.base_blob,
            self.blob,
            self.origin,
            self.pictures,
        )

    def as_state(self) -> dict[str, Any]:
        """The change as JSON for the state tree: nulls omitted."""
        row: dict[str, Any] = {
            name: value for name in _CHANGE_FIELDS if (value := getattr(self, name)) is not None and value != ()
        }
        for name in ("commit", "base"):
            if not row[name]:
                del row[name]
        for name in ("waived", "pictures"):
            if name in row:
                row[name] = list(row[name])
        if self.approvals:
            row["approvals"] = [given.as_state() for given in self.approvals]
        return row

    @classmethod
    def from_state(cls, row: Mapping[str, Any]) -> Change:
        """Read what :meth:`as_state` wrote."""
        try:
            given = tuple(GivenApproval.from_state(item) for item in row.get("approvals", ()))
            lists = {name: tuple(row.get(name, ())) for name in ("waived", "pictures")} | {"approvals": given}
            return cls(**{"commit": "", "base": "", "base_blob": None, "blob": None, **row, **lists})
        except TypeError as error:
            raise IntegrityFailure(f"the state of a change is not readable: {error}") from error


_CHANGE_FIELDS: Final = tuple(item.name for item in fields(Change))


@dataclass(frozen=True, slots=True)
class Batch:
    """Approved changes, merged together."""

    batch_id: int
    title: str
    status: str
    changes: tuple[int, ...] = ()
    """The approved members, ascending; an applied batch keeps them."""
    rejected: tuple[int, ...] = ()
    """Changes that the requests which approved into this batch rejected."""
    merges: tuple[str, ...] = ()
    """The chain of merges, oldest first; the last is the batch."""
    approved_by: str | None = None
    approved_username: str | None = None
    approved_at: int | None = None
    applied_at: int | None = None
    applied_by: str | None = None
    last_event_id: int = 0

    @property
    def head(self) -> str:
        """The merge that ``main`` moves to when the batch is applied."""
        return self.merges[-1]

    def as_state(self) -> dict[str, Any]:
        """The batch as JSON for the state tree: nulls omitted."""
        row = {item.name: getattr(self, item.name) for item in fields(self)}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in row.items() if v is not None}

    @classmethod
    def from_state(cls, row: Mapping[str, Any]) -> Batch:
        """Read what :meth:`as_state` wrote."""
        try:
            known: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
            return cls(**known)
        except TypeError as error:
            raise IntegrityFailure(f"the state of a batch is not readable: {error}") from error


class Queue(Protocol):
    """The state that events are folded into, wherever it is kept. Indexes of open changes are its own affair."""

    header: Header

    def change(self, change_id: int) -> Change | None:
        """The change with that number."""
        ...

    def put_change(self, change: Change, before: Change | None) -> None:
        """Keep *change*, which was *before*."""
        ...

    def purge_change(self, change: Change, before: Change) -> None:
        """Take *before* out of the queue; *change* is what is kept of it, out of sight."""
        ...

    def batch(self, batch_id: int) -> Batch | None:
        """The batch with that number."""
        ...

    def put_batch(self, batch: Batch) -> None:
        """Keep *batch*."""
        ...

    def put_job(self, job_id: str, batch_id: int, change_ids: tuple[int, ...]) -> None:
        """Keep which changes were applied under *job_id*."""
        ...

    def put_intake(self, key: str, change_ids: tuple[int, ...]) -> None:
        """Keep which changes came by intake from *key*: a commit, or the branch that it was at."""
        ...
