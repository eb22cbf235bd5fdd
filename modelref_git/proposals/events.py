"""Lifecycle events of the queue, and their text form: a subject for people, trailers for programs.

One commit on ``queue`` holds one :class:`Event`; an event speaks of one change or of several, each of which has an
event id of its own. ``docs/formats.md`` describes the trailers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from modelref_git.errors import IntegrityFailure, UsageFault
from modelref_git.proposals import spans, trailers
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.request_key import RequestKey
from modelref_git.proposals.spans import Span

if TYPE_CHECKING:
    from modelref_git.proposals.brought import Brought

CREATE: Final = "create"
UPDATE: Final = "update"
DELETE: Final = "delete"
OPERATIONS: Final = (CREATE, UPDATE, DELETE)

ENQUEUE: Final = "enqueue"
REBASE: Final = "rebase"
WITHDRAW: Final = "withdraw"
SUPERSEDE: Final = "supersede"
HOLD: Final = "hold"
UNHOLD: Final = "unhold"
APPROVE: Final = "approve"
REJECT: Final = "reject"
APPLY: Final = "apply"
BATCH_SPLIT: Final = "batch_split"
PURGE: Final = "purge"
INIT: Final = "init"
IMPORT: Final = "import"
LAYOUT: Final = "layout"
ADOPT: Final = "adopt"
DISOWN: Final = "disown"

ADMINISTRATIVE: Final = (INIT, IMPORT, LAYOUT, ADOPT, DISOWN)
"""Actions that put a commit of their own on ``main``; the import of a queue alone leaves ``main`` as it is."""
ACTIONS: Final = (
    *(ENQUEUE, REBASE, WITHDRAW, SUPERSEDE, HOLD, UNHOLD, APPROVE, REJECT, APPLY, BATCH_SPLIT, PURGE),
    *ADMINISTRATIVE,
)

BY_IMPORT: Final = "import"
"""The origin of proposals that an import made: they alone may change a record's legacy remainder."""

_YES: Final = "yes"

_SHOWN_AT_MOST: Final = 127
"""So many changes are listed in a message for people."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One requested create, update or delete of one record, as its commit states it. The commit holds no number."""

    operation: str
    category: str
    name: str
    requestor: Actor
    note: str | None
    commit: str
    base: str
    """The commit of ``main`` that it was made against: its parent."""
    base_blob: str | None
    """The record as it was there; ``None`` for a create."""
    blob: str | None
    """The record as proposed; ``None`` for a delete."""
    origin: str | None = None
    """:data:`BY_IMPORT` for a proposal that an import made."""
    pictures: tuple[str, ...] = ()
    """The names of the picture files that its commit adds, sorted."""

    @property
    def title(self) -> str:
        """The proposal in a few words."""
        return f"{self.operation} {self.category} {trailers.quoted(self.name)}"

    def message(self) -> str:
        """The message of the proposal's commit."""
        rows = [("Operation", self.operation), ("Category", self.category), ("Name", self.name)]
        if self.note:
            rows.append(("Note", self.note))
        if self.origin:
            rows.append(("Origin", self.origin))
        rows.append(("Requestor", str(self.requestor)))
        return trailers.message(self.title, (), rows)


@dataclass(frozen=True, slots=True)
class Approval:
    """What an approval is bound to: the record it was made against, and the record that it proposes."""

    change_id: int
    base_blob: str | None
    blob: str | None

    def __str__(self) -> str:
        return f"{self.change_id} {self.base_blob or 'none'} {self.blob or 'none'}"

    @classmethod
    def parse(cls, text: str) -> Approval:
        """Read the trailer's value."""
        ident, base, blob = text.split(" ")
        return cls(int(ident), None if base == "none" else base, None if blob == "none" else blob)


@dataclass(frozen=True, slots=True)
class Event:
    """One commit of the queue log."""

    action: str
    actor: Actor
    first_id: int
    time: int
    """Unix seconds: the later of the writer's clock and the parent event's time."""
    genesis: str | None = None
    """The first commit of the log; ``None`` in that commit itself."""
    change_ids: tuple[int, ...] = ()
    """Ascending. The event of ``change_ids[i]`` has the id ``first_id + i``."""
    proposals: tuple[Proposal, ...] = ()
    """Of an ``enqueue``, a ``rebase`` and the import of a queue: one for each change id."""
    waived: tuple[tuple[int, str], ...] = ()
    """Quality rules that were waived: of an ``enqueue`` by change id, of an ``import`` with 0 for its records."""
    approvals: tuple[Approval, ...] = ()
    acknowledged: bool = False
    """Of an ``approve``: its giver looked at the critical fields a second time."""
    sole: tuple[int, ...] = ()
    """Of an ``approve``: the changes that nobody besides its giver, who asked for them too, could have approved."""
    batch_id: int | None = None
    """``None`` of an ``approve`` that leaves approvals missing; of a ``batch_split`` the batch that was split."""
    new_batch_id: int | None = None
    reassigned: tuple[int, ...] = ()
    """Of a ``batch_split``: the changes that are the new batch."""
    returned: tuple[int, ...] = ()
    """Members of a batch that was merged anew which no longer merge, and are pending again."""
    superseded_by: int | None = None
    title: str | None = None
    reason: str | None = None
    job_id: str | None = None
    merges: tuple[str, ...] = ()
    """The merges that make the batch from here on, oldest first; after a rebuild, all of them anew."""
    main: str | None = None
    """The commit that ``main`` moves to."""
    stranger: str | None = None
    """Of ``adopt`` and ``disown``: the commit that other hands put on ``main``."""
    imported: str | None = None
    """Of the import of a queue: the commit that keeps its source, and what was read from it."""
    brought: Brought | None = None
    """What :attr:`imported` holds, once that is read."""
    skipped_changes: tuple[Span, ...] = ()
    """Of the import of a queue: the change ids before the last one that no change has."""
    skipped_batches: tuple[Span, ...] = ()
    skipped_events: tuple[Span, ...] = ()
    """The event ids that the log passes over, because the service that kept the queue before has given them out."""
    intake: str | None = None
    """Of an ``enqueue``: the commit, pushed by somebody without rights to the queue, that its changes were read off.
    Nothing keeps it: it may be gone."""
    source: str | None = None
    """The branch that :attr:`intake` was at, as ``intake/<anything>`` or a ref; ``None`` if it was named by itself."""
    attested_by: Actor | None = None
    """The service that wrote the event in the actor's name."""
    flags: tuple[str, ...] = ()
    """What the login service said of the actor, sorted. Only a service is believed about it."""
    route: str | None = None
    """Of an ``enqueue``: the operation id of the HTTP route that it came by."""
    request: RequestKey | None = None
    """What the client called the request that the event is part of."""
    note: str | None = None
    headline: str | None = None
    """What the subject says after the action."""

    @property
    def last_id(self) -> int:
        """The last of the event's ids."""
        return self.first_id + max(1, len(self.change_ids)) - 1

    @property
    def span(self) -> str:
        """The event's ids as the trailer has them: ``12``, or ``12-14``."""
        return str(self.first_id) if self.last_id == self.first_id else f"{self.first_id}-{self.last_id}"

    def ids(self) -> Iterator[tuple[int, int | None]]:
        """``(event id, change id)`` of each part; one with no change id for an event about none."""
        if not self.change_ids:
            yield self.first_id, None
        for number, change_id in enumerate(self.change_ids):
            yield self.first_id + number, change_id

    def is_of_batch(self, change_id: int | None) -> bool:
        """Whether what the event says of a batch is said of that change: an import brings others besides."""
        return self.action != IMPORT or any(approval.change_id == change_id for approval in self.approvals)

    def message(self, body: Iterable[str] = ()) -> str:
        """The commit message."""
        rows = [("Event", self.action), ("Event-Id", self.span)]
        rows += [("Change-Id", str(change_id)) for change_id in self.change_ids]
        rows += [("Proposal", proposal.commit) for proposal in self.proposals]
        rows += [("Waived", f"{change_id} {rule}" if change_id else rule) for change_id, rule in self.waived]
        rows += [("Approval", str(approval)) for approval in self.approvals]
        rows += [("Sole-Approver", str(change_id)) for change_id in self.sole]
        rows += [("Reassigned", str(change_id)) for change_id in self.reassigned]
        rows += [("Returned", str(change_id)) for change_id in self.returned]
        for key, value in self._optional():
            if value is not None:
                rows.append((key, str(value)))
        rows += [("Merge", oid) for oid in self.merges]
        rows += [("Main", self.main)] if self.main else []
        rows.append(("Actor", str(self.actor)))
        rows += [("Attested-By", str(self.attested_by))] if self.attested_by else []
        rows += [("Flag", flag) for flag in self.flags]
        rows += [("Request-Key", str(self.request))] if self.request else []
        rows += [("Genesis", self.genesis)] if self.genesis else []
        return trailers.message(f"{self.action}: {self.headline or self._words()}", body, rows)

    def _optional(self) -> tuple[tuple[str, Any], ...]:
        return (
            ("Ack-Critical", _YES if self.acknowledged else None),
            ("Batch-Id", self.batch_id),
            ("New-Batch-Id", self.new_batch_id),
            ("Superseded-By", self.superseded_by),
            ("Stranger", self.stranger),
            ("Imported", self.imported),
            ("Skipped-Changes", spans.text_of(self.skipped_changes) or None),
            ("Skipped-Batches", spans.text_of(self.skipped_batches) or None),
            ("Skipped-Events", spans.text_of(self.skipped_events) or None),
            ("Title", self.title),
            ("Reason", self.reason),
            ("Job-Id", self.job_id),
            ("Intake", self.intake),
            ("Source", self.source),
            ("Route", self.route),
            ("Note", self.note),
        )

    def _words(self) -> str:
        count = len(self.change_ids)
        changes = f"change {self.change_ids[0]}" if count == 1 else f"{count} changes"
        batch = f"batch {self.batch_id}" + (f" {trailers.quoted(self.title)}" if self.title else "")
        match self.action:
            case "enqueue" if count == 1:
                return f"{self.proposals[0].title} as {changes}"
            case "enqueue":
                return f"{count} changes ({self.change_ids[0]}-{self.change_ids[-1]})"
            case "approve" if self.batch_id is None:
                return f"{changes}, more approvals needed"
            case "approve":
                return f"{changes} as {batch}"
            case "apply":
                return f"{batch} ({count} change{'s' if count != 1 else ''})"
            case "batch_split" if self.new_batch_id is None:
                return f"of {batch} nothing is left to apply"
            case "batch_split":
                return f"the rest of {batch} is batch {self.new_batch_id} ({len(self.reassigned)} left)"
            case "supersede":
                return f"{changes} by change {self.superseded_by}"
            case "adopt" | "disown":
                return f"{self.stranger}: {trailers.quoted(self.reason or '')}"
        return f"{changes}: {trailers.quoted(self.reason)}" if self.reason else changes


def batch_message(batch_id: int, title: str, members: Sequence[tuple[int, Proposal]], approver: Actor) -> str:
    """The message of a batch's merge on ``main``; *members* are its proposals in the order of the parents."""
    count = len(members)
    subject = f"batch {batch_id}: {title if trailers.is_plain(title) else trailers.quoted(title)}"
    subject += f" ({count} change{'s' if count != 1 else ''})"
    body = [f"- {p.title} (change {change_id}, by {_shown(p.requestor)})" for change_id, p in members[:_SHOWN_AT_MOST]]
    rows = [("Batch-Id", str(batch_id)), ("Title", title)]
    rows += [("Change-Id", str(change_id)) for change_id, _ in members]
    rows.append(("Approver", str(approver)))
    return trailers.message(subject, body, rows)


def _shown(actor: Actor) -> str:
    text = str(actor)
    return text if trailers.is_plain(text) else trailers.quoted(text)


def decode(oid: str, text: str, time: int) -> Event:
    """The event in the commit *oid* with the message *text*; its proposals have only their commits.

    Raises:
        IntegrityFailure: the message is not that of an event.
    """
    rows = trailers.read(text)
    single = dict(rows)
    many: dict[str, list[str]] = {}
    for key, value in rows:
        many.setdefault(key, []).append(value)
    try:
        first, _, _ = single["Event-Id"].partition("-")
        subject = text.partition("\n")[0]
        event = Event(
            action=single["Event"],
            actor=Actor.parse(single["Actor"]),
            first_id=int(first),
            time=time,
            genesis=single.get("Genesis"),
            change_ids=tuple(int(value) for value in many.get("Change-Id", ())),
            waived=tuple(_waiver(value) for value in many.get("Waived", ())),
            approvals=tuple(Approval.parse(value) for value in many.get("Approval", ())),
            acknowledged=single.get("Ack-Critical") == _YES,
            sole=tuple(int(value) for value in many.get("Sole-Approver", ())),
            batch_id=_number(single, "Batch-Id"),
            new_batch_id=_number(single, "New-Batch-Id"),
            reassigned=tuple(int(value) for value in many.get("Reassigned", ())),
            returned=tuple(int(value) for value in many.get("Returned", ())),
            superseded_by=_number(single, "Superseded-By"),
            title=single.get("Title"),
            reason=single.get("Reason"),
            job_id=single.get("Job-Id"),
            merges=tuple(many.get("Merge", ())),
            main=single.get("Main"),
            stranger=single.get("Stranger"),
            imported=single.get("Imported"),
            skipped_changes=_spans(single, "Skipped-Changes"),
            skipped_batches=_spans(single, "Skipped-Batches"),
            skipped_events=_spans(single, "Skipped-Events"),
            intake=single.get("Intake"),
            source=single.get("Source"),
            attested_by=Actor.parse(single["Attested-By"]) if "Attested-By" in single else None,
            flags=_flags(many.get("Flag", [])),
            route=_word(single, "Route"),
            request=RequestKey.parse(single["Request-Key"]) if "Request-Key" in single else None,
            note=single.get("Note"),
            headline=subject.partition(": ")[2],
        )
    except (KeyError, ValueError, TypeError, UsageFault) as error:
        raise IntegrityFailure(f"the commit {oid} of the queue log is no event: {error}") from error
    if single["Event-Id"] != event.span:
        raise IntegrityFailure(f"the commit {oid} of the queue log has ids that do not fit its changes")
    if event.action not in ACTIONS:
        raise IntegrityFailure(f"the commit {oid} of the queue log has the unknown action {event.action!r}")
    commits = many.get("Proposal", [])
    nobody = Actor("", "")
    blanks = tuple(Proposal("", "", "", nobody, None, commit, "", None, None) for commit in commits)
    return replace(event, proposals=blanks)


def _number(rows: dict[str, str], key: str) -> int | None:
    return int(rows[key]) if key in rows else None


def _word(rows: dict[str, str], key: str) -> str | None:
    if key in rows and not rows[key].strip():
        raise ValueError(f"{key} is blank")
    return rows.get(key)


def _flags(values: list[str]) -> tuple[str, ...]:
    if values != sorted({value for value in values if value.strip()}):
        raise ValueError("its flags are not in order, stand twice, or are blank")
    return tuple(values)


def _spans(rows: dict[str, str], key: str) -> tuple[Span, ...]:
    return spans.parse(rows[key]) if key in rows else ()


def _waiver(text: str) -> tuple[int, str]:
    ident, _, rule = text.rpartition(" ")
    return int(ident or 0), rule
