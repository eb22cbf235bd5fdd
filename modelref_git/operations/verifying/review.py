"""Rules of the review: each event as the policy in force before it judges it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelref_git.errors import Conflict, Invalid
from modelref_git.operations.drafting import stored_form
from modelref_git.operations.merging import check_precondition, record_of
from modelref_git.operations.policy_checks import check_policy_change
from modelref_git.operations.verifying.case import Asked, EventCase
from modelref_git.operations.verifying.rules import Fault, Rule
from modelref_git.proposals import events, policy
from modelref_git.proposals.header import APPROVED, POLICY
from modelref_git.proposals.policy import Case
from modelref_git.records.json_text import same
from modelref_git.records.merge import METADATA, UPDATED, merge_records
from modelref_git.store.dataset import DatasetTree


def _policy(case: EventCase) -> Iterator[Fault]:
    event, config = case.event, case.config
    if config is None:
        return
    # Who imports a queue acts as an administrator, and for each open change as who puts it into the queue.
    judged_as = [(event.action, change) for change in (case.changes or (None,))]
    if event.imported is not None:
        judged_as = [(events.IMPORT, None), *((events.ENQUEUE, change) for change in case.changes)]
    edited = {one.change_id for one in case.asked if _is_edit(case, one)} if event.action == events.REBASE else set()
    for action, change in judged_as:
        judged = Case(
            config,
            event.actor,
            action,
            change,
            case.facts_of,
            acknowledged=event.acknowledged,
            edits=change is not None and change.change_id in edited,
            attested_by=event.attested_by,
            flags=event.flags,
        )
        for refusal in policy.judge(judged):
            yield Fault(refusal.message, change_id=refusal.change_id, rule=refusal.rule)


def _is_edit(case: EventCase, one: Asked) -> bool:
    """Whether a rebase changes what is proposed: it is not what merging the proposal with its new base gives."""
    before = one.before
    if before is None or one.proposal.base_blob == before.base_blob:
        return before is None or one.proposal.blob != before.blob
    schema = DatasetTree.at(case.objects, one.proposal.base).schema(before.category)
    base, live, asked, new = (
        record_of(case.objects, blob)
        for blob in (before.base_blob, one.proposal.base_blob, before.blob, one.proposal.blob)
    )
    merged = merge_records(base, live, asked, schema.merge_hints)
    if merged.conflicts or merged.record is None or new is None:
        return bool(merged.conflicts) or merged.record != new
    stored, _ = stored_form(schema, merged.record, live)
    return not same(_unstamped(stored), _unstamped(new))


def _unstamped(record: dict[str, object]) -> dict[str, object]:
    stamps = record.get(METADATA)
    if not isinstance(stamps, dict):
        return record
    return {**record, METADATA: {key: value for key, value in stamps.items() if key not in UPDATED}}


def _complete(case: EventCase) -> Iterator[Fault]:
    config = case.config
    if case.event.action != events.APPROVE or config is None:
        return
    for change in case.members(case.event.change_ids):
        lacking = policy.missing(config, change, case.facts_of)
        if case.event.batch_id is not None:
            yield from (Fault(item.message, change_id=change.change_id) for item in lacking)
        elif not lacking and change.status != APPROVED:
            yield Fault(f"change {change.change_id} has all it needs, and joins no batch", change_id=change.change_id)


def _sole(case: EventCase) -> Iterator[Fault]:
    config = case.config
    if case.event.action != events.APPROVE or config is None:
        return
    for change in case.changes:
        alone = policy.is_sole_approver(config, case.event.actor, change, case.facts_of)
        if alone != (change.change_id in case.event.sole):
            others = "nobody" if alone else "somebody"
            yield Fault(
                f"{others} else could approve change {change.change_id}, and it says otherwise", None, change.change_id
            )


def _applies(case: EventCase) -> Iterator[Fault | str]:
    """What an apply makes ``main``: the batch as it was approved, on top of the log's ``main``."""
    event, dataset = case.event, case.dataset
    if event.action != events.APPLY or dataset is None:
        return
    batch = case.before.batch(event.batch_id or 0)
    if batch is None:
        return  # impossible, and said so by another rule
    head = event.merges[-1] if event.merges else batch.merges[-1] if batch.merges else None
    if event.main != head:
        yield Fault(f"main moves to {event.main}, and its batch is {head}", event.main)
    if not event.merges:
        if batch.changes != event.change_ids:
            yield "it applies a part of the batch with the merge of the whole"
        base = case.objects.read_commit(batch.merges[0]).parents[0] if batch.merges else None
        if base != dataset.commit:
            yield f"its batch was merged onto {base}, and main is at {dataset.commit}"
    for change in case.changes:
        try:
            check_precondition(dataset, change)
        except Conflict as error:
            yield Fault(error.message, change_id=change.change_id)


def _sound(case: EventCase) -> Iterator[str]:
    event, dataset = case.event, case.dataset
    if event.action != events.APPLY or event.main is None or dataset is None:
        return
    if any(change.category == POLICY for change in case.changes):
        try:
            check_policy_change(dataset, DatasetTree.at(case.objects, event.main))
        except Invalid as error:
            yield error.message


RULES: Final = (
    Rule("review.policy", "What the policy in force asks of an event holds; findings name its rules.", _policy),
    Rule("review.complete", "An approval makes a batch if, and only if, nothing is missing then.", _complete),
    Rule("review.sole", "An approval is marked as a sole approver's if, and only if, it is one.", _sole),
    Rule("apply.batch", "An apply moves main to the batch that was approved, and from where main is.", _applies),
    Rule("apply.policy", "A change of the policy leaves one that can be lived with.", _sound),
)
