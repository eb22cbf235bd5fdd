"""Writes in the older format: an entry as it stands in an older file becomes a change of the record behind it.

The answers show the entry that the record gives, with a null for each field that it has not, as clients of the older
format know them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modelref_git.errors import Invalid, Problem
from modelref_git.formats import entries
from modelref_git.formats.text.reading import read_inputs
from modelref_git.formats.text.rows import TEXT
from modelref_git.operations.answers import find_change, pending_record
from modelref_git.operations.apply import applying
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request, missing_record
from modelref_git.operations.propose import Prepare, proposing, updating
from modelref_git.operations.review import Pick, reviewing
from modelref_git.proposals.events import UPDATE, Event
from modelref_git.proposals.queue import Change
from modelref_git.records import codec
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import View
from modelref_git.store.objects import ObjectBuffer
from modelref_git.store.step import Step


def entry_faults(dataset: DatasetTree, category: str, entry: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with an *entry* that has a name, by the rules of the older format and the schema in *dataset*."""
    return _record_of(dataset, category, entry)[1]


def _record_of(dataset: DatasetTree, category: str, entry: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    schema = dataset.schema(category)
    record, problems = entries.record_of(category, entry, open_values=not schema.is_shipped)
    return record, problems if problems or schema.is_shipped else schema.problems(record)


def propose_entry(ctx: Context, request: Request) -> dict[str, Any]:
    """Queue a write whose payload is an entry; answers its PendingChangeRecord, with the entry as the payload.

    An update changes what the entry says otherwise than the live one: what only records have stays.

    Raises:
        Invalid: the entry stands for no record, or the record is none that may be stored.
        ModelrefError: as `modelref_git.operations.propose.propose_create` and the like.
    """

    def decide(step: Step) -> dict[str, Any]:
        answer = proposing(ctx, _preparing(request))(step)
        return _told(step.objects, step.dataset(), find_change(step.queue, answer["change_id"]), answer)

    return ctx.propose(decide)


def write_entry(ctx: Context, request: Request, title: str) -> dict[str, Any]:
    """Propose, approve and apply such a write in one step; answers as `propose_entry`, of the applied change.

    Raises:
        Forbidden: the policy does not let the caller do it alone.
        WrongState: it takes more approvals than the caller's.
        ModelrefError: as `propose_entry`.
    """

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        number = proposing(ctx, _preparing(request))(step)["change_id"]
        reviewing(ctx, [Pick(number)], (), title=title)(step)
        answer = applying(ctx, [number])(step)["applied"][0]
        return _told(step.objects, dataset, find_change(step.queue, number), answer)

    return ctx.write(decide)


def entry_again(view: View, step: list[Event]) -> dict[str, Any]:
    """The answer of a step that `propose_entry` or `write_entry` made, given once more."""
    change = find_change(view.queue, step[0].change_ids[0])
    return _told(view.objects, view.dataset(), change, pending_record(view.objects, change, nulls=False))


def _preparing(request: Request) -> Prepare:
    def prepare(step: Step, dataset: DatasetTree) -> Request:
        if request.payload is None:
            return request
        if request.operation == UPDATE:
            return updating(request, edit=_editing(dataset, request))(step, dataset)
        record, problems = _record_of(dataset, request.category, request.payload)
        if problems:
            raise Invalid.of(f"the entry {request.name!r}", problems)
        return replace(request, payload=record)

    return prepare


def _editing(dataset: DatasetTree, request: Request) -> Callable[[dict[str, Any]], dict[str, Any]]:
    category, name, entry = request.category, request.name or "", request.payload or {}
    blob = dataset.blob(category, name)
    if blob is None:
        raise missing_record(dataset, category, name)
    schema = dataset.schema(category)
    # With its remainder: the entry that clients have read was made of that too.
    stored = codec.decode(dataset.objects.read_blob(blob))
    changed = entries.edited(category, name, stored, entry, schema.merge_hints, open_values=not schema.is_shipped)
    return lambda _live: codec.without_remainder(changed)


def _told(objects: ObjectBuffer, dataset: DatasetTree, change: Change, answer: dict[str, Any]) -> dict[str, Any]:
    """*answer* with the entry in the place of the record."""
    blob = change.blob or change.base_blob
    if blob is None:
        return answer
    category = change.category
    defaults = read_inputs(dataset.legacy_files(TEXT)).defaults if category == TEXT else {}
    entry = entries.entry_of(category, change.model_name, codec.decode(objects.read_blob(blob)), defaults)
    return {**answer, "payload": entries.with_nulls(category, entry)}
