"""The open batch merged anew: when members leave it, when a part of it was applied, when ``main`` moved under it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from modelref_git.operations.answers import find_change
from modelref_git.operations.context import Person
from modelref_git.operations.merging import merge, what_goes
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.queue import Batch, Change
from modelref_git.store.step import Step


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What is left of a batch: its chain of merges, oldest first, and the members that do not merge any more."""

    merges: tuple[str, ...] = ()
    members: tuple[int, ...] = ()
    returned: tuple[int, ...] = ()


def open_batch(step: Step) -> Batch | None:
    """The batch of approved records that waits to be applied, if there is one."""
    number = step.queue.header.open_batch
    return None if number is None else step.queue.batch(number)


def without(step: Step, person: Person, leaving: Collection[int]) -> Rebuilt:
    """The open batch merged anew onto the log's ``main`` without those of *leaving* that are in it.

    Nothing when none of them is in it.
    """
    batch = open_batch(step)
    if batch is None or not set(leaving) & set(batch.changes):
        return Rebuilt()
    rest = [find_change(step.queue, number) for number in batch.changes if number not in leaving]
    return anew(step, person, batch, rest, batch.batch_id)


def anew(step: Step, person: Person, batch: Batch, members: Sequence[Change], batch_id: int) -> Rebuilt:
    """*members*, approved as part of *batch*, merged onto the log's ``main`` as batch *batch_id*: those that merge."""
    going, staying = what_goes(step, step.main, members)
    approver = Actor.parse(batch.approved_username) if batch.approved_username else None
    merges = merge(step, step.main, going, batch_id, batch.title, person, approver) if going else []
    return Rebuilt(tuple(merges), *(tuple(sorted(c.change_id for c in part)) for part in (going, staying)))
