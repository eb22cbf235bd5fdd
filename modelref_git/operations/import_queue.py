"""Import of a queue: the state of the service that kept it before, as one event, into a queue that is empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from modelref_git.errors import Conflict, Forbidden, Invalid, ModelrefError, NotFound, UsageFault
from modelref_git.formats.upstream.changes import UpstreamChange
from modelref_git.formats.upstream.files import read_files
from modelref_git.formats.upstream.queue import UpstreamQueue, read_queue
from modelref_git.operations.context import Context, Person
from modelref_git.operations.drafting import Draft, Request
from modelref_git.operations.drafts import Drafts, drafting
from modelref_git.operations.import_options import ImportOptions
from modelref_git.operations.merging import merge, record_of, what_goes
from modelref_git.proposals import trailers
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.brought import Brought
from modelref_git.proposals.events import CREATE, DELETE, IMPORT, UPDATE, Approval, Event
from modelref_git.proposals.folds.common import rejected, unapproved
from modelref_git.proposals.folds.imported import batches_of
from modelref_git.proposals.header import APPROVED, OPEN
from modelref_git.proposals.queue import Change
from modelref_git.records.merge import METADATA
from modelref_git.store import kept_queue
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.step import Step

REFUSED: Final = "import: "
"""How the reason of an open change begins that could not be proposed, and so came in as rejected."""

_REFUSALS: Final = (Conflict, Forbidden, Invalid, NotFound)
"""Why a change can be refused that others asked for somewhere else."""

Progress = Callable[[], None]


def import_queue(
    ctx: Context, path: Path, options: ImportOptions, *, progress: Progress = lambda: None
) -> dict[str, Any]:
    """Take in the state of a queue; answers the changes by operation, what was refused, and all ids.

    Closed changes come as they were, open ones with a proposal on today's ``main``.

    Raises:
        UsageFault: an option makes no sense for a queue.
        NotFound: the source is not there.
        Invalid: the source cannot be read; or a record, a line or an open change is refused and *keep_going* is off:
            every fault is listed.
        Conflict: a change was in this queue before.
        Forbidden: the caller is no approver of the whole dataset.
    """
    given = {"--prune": options.prune, "--category": options.category, "--as-proposals": options.as_proposals}
    unfit = [name for name, value in given.items() if value]
    if unfit:
        raise UsageFault(f"{unfit[0]} makes no sense for a queue, which is taken in as a whole")
    files = read_files(path)
    source = read_queue(files)

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        person.require_administrator("import a queue")
        _check_empty(step)
        coming = _Coming(step, dataset, person, options.allow)
        coming.look_at(source, progress)
        if coming.refused and not options.keep_going:
            raise _refusal(path, coming.refused)
        coming.append(files, source, path.resolve(), options.note or None)
        step.warnings += coming.warnings
        return coming.as_json()

    return ctx.write(decide)


def _check_empty(step: Step) -> None:
    header = step.queue.header
    if header.last_change_id or header.last_batch_id:
        raise Conflict(
            f"the queue is not empty: it has had {header.last_change_id} changes, and their numbers are taken",
            hint="import a queue into a new repository (`modelref-git init DIR`), before members are added: "
            "each of them is a change as well",
        )


def _refusal(path: Path, refused: Sequence[Mapping[str, Any]]) -> Invalid:
    details = [{"name": row["name"], **detail} for row in refused for detail in row["details"]]
    first = details[0]
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return Invalid(
        f"{len(refused)} of the changes and lines of {path.name} are refused; "
        f"the first is {first['name']}: {first['message']}{more}",
        hint="mend the source, waive quality rules with --allow, or take what is good with --keep-going: "
        "an open change that cannot be proposed comes in as rejected then",
        details=details,
    )


@dataclass(slots=True)
class _Coming:
    """What comes in: found out first, then appended as one event."""

    step: Step
    dataset: DatasetTree
    person: Person
    allow: tuple[str, ...]
    rows: dict[int, Change] = field(default_factory=dict)
    """The changes as they come in, by number; open ones without what their proposals say."""
    drafts: dict[int, Draft] = field(default_factory=dict)
    payloads: dict[int, bytes] = field(default_factory=dict)
    """What closed changes are about, as it is kept."""
    refused: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The answer of ``import``."""
        counts = Counter(change.operation for change in self.rows.values())
        return {
            "created": counts[CREATE],
            "updated": counts[UPDATE],
            "deleted": counts[DELETE],
            "unchanged": 0,
            "rejected": self.refused,
            "change_ids": list(self.rows),
        }

    def look_at(self, source: UpstreamQueue, progress: Progress) -> None:
        """Find out what becomes of each change."""
        self.warnings += [str(fault) for fault in source.warnings]
        named: dict[str, list[dict[str, Any]]] = {}
        for fault in source.faults:
            named.setdefault(fault.name, []).append(fault.as_json())
        self.refused += [{"name": name, "details": details} for name, details in named.items()]
        waiting = [item.change for item in source.changes if item.change.status in OPEN]
        leaving = {(change.category, change.model_name) for change in waiting if change.operation == DELETE}
        with drafting(self.step, self.dataset, self.person, leaving) as drafts:
            for item in source.changes:
                progress()
                self.rows[item.change.change_id] = self._coming(item, drafts)

    def _coming(self, item: UpstreamChange, drafts: Drafts) -> Change:
        change = item.change
        if change.status in OPEN:
            try:
                made = drafts.add(self._request(item))
            except _REFUSALS as fault:
                self._refuse(change, fault)
                at = Event(IMPORT, self.person.actor, 0, self.step.time)
                change = rejected(unapproved(change), at, REFUSED + fault.message)
            else:
                self.drafts[change.change_id] = made
                self.warnings += [f"change {change.change_id}: {text}" for text in made.warnings]
                self._warn_if_stale(change, made)
                return change
        if item.payload is None:
            return change
        data = self.payloads[change.change_id] = kept_queue.payload_bytes(item.payload)
        blob = self.step.objects.add("blob", data)
        return replace(change, base_blob=blob) if change.operation == DELETE else replace(change, blob=blob)

    def _request(self, item: UpstreamChange) -> Request:
        change = item.change
        return Request(
            change.operation,
            change.category,
            change.model_name,
            item.payload,
            change.notes,
            self.allow,
            # A clock that was ahead dates no proposal after the event that brings it.
            asked_at=min(change.requested_at, self.step.time),
            requested_by=change.requestor,
        )

    def _refuse(self, change: Change, fault: ModelrefError) -> None:
        where = {"file": "changes.json", "line": None, "change_id": change.change_id}
        details = [{**row, **where} for row in fault.details if "path" in row]
        whole = {"path": "", "message": fault.message, "rule": "queue.not_possible", **where}
        self.refused.append({"name": str(change.change_id), "details": details or [whole]})

    def _warn_if_stale(self, change: Change, made: Draft) -> None:
        """Say so if a record was changed after somebody asked to replace it: what they edited is not known."""
        live = record_of(self.step.objects, made.proposal.base_blob)
        stamps = (live or {}).get(METADATA)
        changed_at = stamps.get("updated_at") if isinstance(stamps, dict) else None
        if change.operation == UPDATE and isinstance(changed_at, int) and changed_at > change.requested_at:
            self.warnings.append(
                f"change {change.change_id} was asked for before its record was last changed, and replaces the whole "
                f"of it: look at `modelref-git diff {change.change_id}`"
            )

    # --- the event ---

    def append(self, files: Mapping[str, bytes], source: UpstreamQueue, path: Path, note: str | None) -> None:
        """Append the event, with everything that it keeps; nothing for a source in which there is nothing."""
        last = (source.last_change_id, source.last_batch_id, source.last_event_id)
        if not (self.rows or source.events or any(last)):
            return
        going = self._approved()
        brought = Brought(tuple(self.rows.values()), source.events, *last)
        batch_id, title, merges = self._merged(going, brought)
        tree = kept_queue.write_kept(self.step.objects, files, self.payloads, brought)
        name = path.name if trailers.is_plain(path.name) else trailers.quoted(path.name)
        author = self.step.author(self.person.actor, self.person.email)
        kept = self.step.commit(tree, [], author, f"source: a queue from {name}\n")
        proposals = tuple(item.proposal for item in self.drafts.values())
        event = Event(
            IMPORT,
            self.person.actor,
            0,
            0,
            change_ids=tuple(self.drafts),
            proposals=proposals,
            waived=tuple((number, rule) for number, item in self.drafts.items() for rule in item.waived),
            approvals=tuple(Approval(change.change_id, change.base_blob, change.blob) for change in going),
            batch_id=batch_id,
            title=title,
            merges=tuple(merges),
            imported=kept,
            brought=brought,
            skipped_changes=brought.skipped_changes,
            skipped_batches=brought.skipped_batches,
            skipped_events=brought.skipped_events(self.step.queue.header.last_event_id),
            note=note,
            headline=f"a queue of {len(self.rows)} changes ({len(self.drafts)} open) from {name}",
        )
        keeps = [kept, *(proposal.commit for proposal in proposals), *merges[-1:]]
        self.step.append(event, keeps=keeps, email=self.person.email)

    def _approved(self) -> list[Change]:
        """The approved changes that stay so, with what they propose; the others are pending from here on."""
        approved = [self._bound(number) for number in self.drafts if self.rows[number].status == APPROVED]
        if not approved:
            return []
        if self.dataset.config.policy.require_signed:
            self._return(approved, "nothing proves who approved it, and this dataset asks for signatures")
            return []
        going, staying = what_goes(self.step, self.step.main, approved)
        self._return(staying, "it does not merge with what else is approved")
        return going

    def _bound(self, number: int) -> Change:
        made = self.drafts[number].proposal
        return replace(self.rows[number], commit=made.commit, base=made.base, base_blob=made.base_blob, blob=made.blob)

    def _return(self, changes: Sequence[Change], why: str) -> None:
        for change in changes:
            number = change.change_id
            self.rows[number] = unapproved(self.rows[number])
            self.warnings.append(f"change {number} was approved in batch {change.batch_id}, but {why}: it is pending")

    def _merged(self, going: Sequence[Change], brought: Brought) -> tuple[int | None, str | None, list[str]]:
        """The open batch, its title and its merges, made as an approval makes them."""
        if not going:
            return None, None, []
        number = going[0].batch_id or 0
        told = next(
            batch for batch in batches_of(brought, Event(IMPORT, self.person.actor, 0, 0)) if batch.batch_id == number
        )
        title = told.title or f"imported batch {number}"
        approver = Actor.parse(told.approved_username) if told.approved_username else None
        merges = merge(self.step, self.step.main, going, number, title, self.person, approver)
        return number, title, merges
