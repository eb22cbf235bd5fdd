"""Rules of the import of a queue: what came in is what the kept source says, and nothing of it is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from modelref_git.formats.upstream.changes import UpstreamChange
from modelref_git.formats.upstream.queue import UpstreamQueue, read_queue
from modelref_git.operations.answers import without_stamps
from modelref_git.operations.drafting import stored_form
from modelref_git.operations.import_queue import REFUSED
from modelref_git.operations.merging import record_of
from modelref_git.operations.verifying.case import Asked, EventCase
from modelref_git.operations.verifying.rules import Fault, Rule
from modelref_git.proposals.brought import Brought
from modelref_git.proposals.events import BY_IMPORT, DELETE
from modelref_git.proposals.folds.common import rejected, unapproved
from modelref_git.proposals.header import APPROVED, OPEN
from modelref_git.proposals.queue import Change
from modelref_git.records import codec
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.json_text import same
from modelref_git.store import kept_queue
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.objects import object_id


def _source(case: EventCase) -> Iterator[Fault]:
    imported, brought = case.event.imported, case.brought
    if imported is None or brought is None:
        return
    files = kept_queue.read_source(case.objects, imported)
    source = read_queue(files)
    yield from (Fault(text, imported) for text in _other_counts(source, brought))
    rows = {change.change_id: change for change in brought.changes}
    known = {item.change.change_id: item for item in source.changes}
    for number in sorted(rows.keys() ^ known.keys()):
        text = "is in no record of its source" if number in rows else "is in its source, and was left out"
        yield Fault(f"change {number} {text}", imported, number)
    payloads = {}
    for number in sorted(rows.keys() & known.keys()):
        row, item = rows[number], known[number]
        if row.status not in OPEN and item.payload is not None:
            payloads[number] = kept_queue.payload_bytes(item.payload)
        ways = list(_ways_in(case, item, payloads.get(number), row))
        # An older program left out how a change was asked for.
        if row not in [*ways, *(replace(way, request_metadata=None) for way in ways)]:
            yield Fault(f"change {number} did not come in as its source has it", imported, number)
    buffer = case.store.buffer()
    tree = kept_queue.write_kept(buffer, files, payloads, brought)
    kept = case.objects.read_commit(imported)
    if kept.tree != tree or kept.parents:
        yield Fault("it keeps other things than its source, and what was read from it", imported)


def _other_counts(source: UpstreamQueue, brought: Brought) -> Iterator[str]:
    for name in ("last_change_id", "last_batch_id", "last_event_id"):
        if getattr(source, name) != getattr(brought, name):
            yield f"its {name} is {getattr(brought, name)}, and by its source {getattr(source, name)}"
    same_events = len(source.events) == len(brought.events) and all(
        same(one.as_row(), other.as_row()) for one, other in zip(source.events, brought.events, strict=True)
    )
    if not same_events:
        yield "its events are not those of its source"


def _ways_in(case: EventCase, item: UpstreamChange, payload: bytes | None, row: Change) -> Iterator[Change]:
    """The forms in which a change of the source can come in."""
    change = item.change
    blob = None if payload is None else object_id("blob", payload)

    def about(closed: Change) -> Change:
        return replace(closed, base_blob=blob) if closed.operation == DELETE else replace(closed, blob=blob)

    if change.status not in OPEN:
        yield about(change)
        return
    yield change
    if change.status == APPROVED:
        yield unapproved(change)  # it did not merge, or nothing proves the approval
    reason = row.reject_reason or ""
    if reason.startswith(REFUSED):  # it cannot be proposed: an administrator may reject it as well
        yield about(rejected(unapproved(change), case.event, reason))


def _proposed(case: EventCase) -> Iterator[Fault]:
    imported = case.event.imported
    if imported is None:
        return
    source = read_queue(kept_queue.read_source(case.objects, imported))
    known = {item.change.change_id: item for item in source.changes}
    for one in case.asked:
        item = known.get(one.change_id)
        if one.proposal.origin == BY_IMPORT:
            yield Fault(f"the proposal of change {one.change_id} is one of records", one.commit.id, one.change_id)
        if item is not None and item.payload is not None and not _is_asked(case, one, item.payload):
            text = f"change {one.change_id} proposes another record than its source"
            yield Fault(text, one.commit.id, one.change_id)


def _is_asked(case: EventCase, one: Asked, payload: Mapping[str, object]) -> bool:
    """Whether a proposal has the record of the source's payload, as the dataset stores it, stamps apart."""
    asked = one.proposal
    if asked.operation == DELETE:
        return True
    schema = DatasetTree.at(case.objects, asked.base).schema(asked.category)
    old = record_of(case.objects, asked.base_blob)
    found = record_of(case.objects, asked.blob) or {}
    wanted = dict(payload)
    if asked.category in CATEGORIES and wanted.get("name") is None:
        wanted["name"] = asked.name
    stored, _ = stored_form(schema, wanted, old)
    left, right = (without_stamps({"metadata": {}, **codec.without_remainder(record)}) for record in (found, stored))
    return same(left, right)


RULES: Final = (
    Rule("import.source", "What an import of a queue brings is all that its kept source says, as it says it.", _source),
    Rule(
        "import.proposed", "An open change that comes with it proposes the record that its source asks for.", _proposed
    ),
)
