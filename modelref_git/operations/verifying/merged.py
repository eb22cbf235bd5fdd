"""Rules of merges: a batch holds its members and nothing else, and its tree is what the merge rule gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from modelref_git.errors import Invalid
from modelref_git.operations.merging import Merging, look_alikes, what_goes
from modelref_git.operations.verifying.case import EventCase
from modelref_git.operations.verifying.rules import Fault, Rule
from modelref_git.proposals import events, trailers
from modelref_git.proposals.queue import Change
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import View


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The chain of merges that an event must name."""

    onto: str | None
    members: tuple[Change, ...]
    batch_id: int
    approvers: frozenset[str | None]
    """Whom the merges may name as approver."""


def _wanted(case: EventCase) -> _Wanted | None:
    """The merges that the event must bring; ``None`` for no merge."""
    event, before = case.event, case.before
    main = before.header.main
    actor = str(event.actor)
    if event.action == events.APPROVE and event.batch_id is not None:
        joined = before.batch(event.batch_id)
        onto = joined.merges[-1] if joined is not None and joined.merges else main
        return _Wanted(onto, tuple(case.members(event.change_ids)), event.batch_id, frozenset({actor}))
    if event.action == events.IMPORT:
        opened = case.after.batch(event.batch_id) if event.batch_id is not None else None
        if opened is None:
            return None
        members = tuple(case.members(opened.changes))
        return _Wanted(main, members, opened.batch_id, frozenset({opened.approved_username or actor}))
    if event.action == events.APPLY:
        batch = before.batch(event.batch_id or 0)
        if not event.merges or batch is None:
            return None
        approvers = frozenset({batch.approved_username, actor})
        return _Wanted(main, tuple(case.members(event.change_ids)), batch.batch_id, approvers)
    if event.action == events.BATCH_SPLIT:
        batch = before.batch(event.batch_id or 0)
        if event.new_batch_id is None or batch is None:
            return None
        approvers = frozenset({batch.approved_username, actor})
        return _Wanted(main, tuple(case.members(event.reassigned)), event.new_batch_id, approvers)
    return _rebuilt(case)


def _rebuilt(case: EventCase) -> _Wanted | None:
    """The open batch merged anew because a member left it, or went stale."""
    number = case.before.header.open_batch
    old = case.before.batch(number) if number is not None else None
    new = case.after.batch(number) if number is not None else None
    if number is None or old is None or new is None or (not case.event.merges and new.changes == old.changes):
        return None
    if not new.changes:
        return None
    approvers = frozenset({old.approved_username, str(case.event.actor)})
    return _Wanted(case.before.header.main, tuple(case.members(new.changes)), number, approvers)


def _parents(case: EventCase) -> Iterator[Fault | str]:
    wanted = _wanted(case)
    if wanted is None:
        if case.event.merges:
            yield "it names merges, and there is nothing to merge"
        return
    if not case.event.merges and wanted.members:
        yield "it names no merges of the batch that it makes"
    onto, place = wanted.onto, 0
    for oid in case.event.merges:
        parents = case.objects.read_commit(oid).parents
        members = wanted.members[place : place + len(parents) - 1]
        if list(parents[:1]) != [onto]:
            yield Fault(f"the merge {oid} is not made onto {onto}", oid)
        if list(parents[1:]) != [change.commit for change in members] or not members:
            listed = ", ".join(str(change.change_id) for change in members) or "none"
            yield Fault(f"the merge {oid} does not take in exactly the proposals of the changes {listed}", oid)
        place += len(members)
        onto = oid
    if place != len(wanted.members):
        left = ", ".join(str(change.change_id) for change in wanted.members[place:])
        yield f"no merge that it names takes in the changes {left}"


def _trees(case: EventCase) -> Iterator[Fault]:
    wanted = _wanted(case)
    if wanted is None:
        return
    by_commit = {change.commit: change for change in wanted.members}
    for oid in case.event.merges:
        merge = case.objects.read_commit(oid)
        members = [by_commit[parent] for parent in merge.parents[1:] if parent in by_commit]
        if len(members) != len(merge.parents) - 1:
            continue  # named by the rule about parents
        yield from _tree(case, oid, merge.tree, DatasetTree.at(case.objects, merge.parents[0]), members)


def _tree(case: EventCase, oid: str, tree: str, ours: DatasetTree, members: Sequence[Change]) -> Iterator[Fault]:
    merging = Merging(case.objects, ours)
    for change in members:
        try:
            conflicts = merging.add(change)
        except Invalid as error:
            yield Fault(f"the merge {oid} cannot be: {error.message}", oid, change.change_id)
            return
        if conflicts:
            yield Fault(f"the merge {oid} cannot be: change {change.change_id} conflicts", oid, change.change_id)
            return
    merged = merging.dataset()
    if merged.tree != tree:
        yield Fault(f"the merge {oid} has the tree {tree}; its changes give {merged.tree}", oid)
    for change, other in look_alikes(merged, members):
        yield Fault(f"the merge {oid} holds both {change.model_name!r} and {other!r}", oid, change.change_id)


def _returned(case: EventCase) -> Iterator[Fault]:
    """Members that a batch lost when it was made anew: those, and only those, that do not merge any more."""
    wanted = _wanted(case)
    if not case.event.returned or case.before.header.main is None:
        return
    staying = () if wanted is None else wanted.members
    going = {change.change_id for change in staying}
    together = sorted([*staying, *case.members(case.event.returned)], key=lambda change: change.change_id)
    view = View(case.store, case.commit.id, case.before, case.objects)
    merging, _ = what_goes(view, case.before.header.main, together)
    for change in merging:
        if change.change_id not in going:
            text = f"change {change.change_id} was taken out of its batch, and merges with the others"
            yield Fault(text, change_id=change.change_id)


def _words(case: EventCase) -> Iterator[Fault]:
    wanted = _wanted(case)
    if wanted is None:
        return
    place = 0
    for oid in case.event.merges:
        merge = case.objects.read_commit(oid)
        # By place and not by commit: two who ask for the very same in one second make one commit of two changes.
        members = wanted.members[place : place + len(merge.parents) - 1]
        place += len(members)
        rows = trailers.read(merge.message)
        said = {key: [value for name, value in rows if name == key] for key in ("Batch-Id", "Change-Id", "Approver")}
        if said["Batch-Id"] != [str(wanted.batch_id)]:
            yield Fault(f"the merge {oid} does not say that it is of batch {wanted.batch_id}", oid)
        if said["Change-Id"] != [str(change.change_id) for change in members]:
            yield Fault(f"the merge {oid} does not name the changes that it takes in", oid)
        if len(said["Approver"]) != 1 or said["Approver"][0] not in wanted.approvers:
            yield Fault(f"the merge {oid} does not name who approved it", oid)


RULES: Final = (
    Rule("merge.parents", "A merge is made onto the batch so far or main, of its members' proposals alone.", _parents),
    Rule("merge.tree", "The tree of a merge is exactly what the merge rule gives: nothing slips in.", _trees),
    Rule("merge.returned", "A batch made anew loses only members that do not merge any more.", _returned),
    Rule("merge.words", "A merge names its batch, its changes and its approver.", _words),
)
