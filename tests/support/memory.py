"""The queue's state in memory, to fold events into."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelref_git.proposals.header import Header
from modelref_git.proposals.queue import Batch, Change


@dataclass(slots=True)
class MemoryQueue:
    """Implements the protocol :class:`~modelref_git.proposals.lifecycle.Queue` with dictionaries."""

    header: Header = field(default_factory=Header)
    changes: dict[int, Change] = field(default_factory=dict)
    batches: dict[int, Batch] = field(default_factory=dict)
    purged: dict[int, Change] = field(default_factory=dict)
    jobs: dict[str, list[tuple[int, tuple[int, ...]]]] = field(default_factory=dict)
    intakes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def change(self, change_id: int) -> Change | None:
        return self.changes.get(change_id)

    def put_change(self, change: Change, before: Change | None) -> None:
        assert self.changes.get(change.change_id) == before, "what a change was is told right"
        self.changes[change.change_id] = change

    def purge_change(self, change: Change, before: Change) -> None:
        assert self.changes.pop(change.change_id) == before, "what a change was is told right"
        self.purged[change.change_id] = change

    def batch(self, batch_id: int) -> Batch | None:
        return self.batches.get(batch_id)

    def put_batch(self, batch: Batch) -> None:
        self.batches[batch.batch_id] = batch

    def put_job(self, job_id: str, batch_id: int, change_ids: tuple[int, ...]) -> None:
        self.jobs.setdefault(job_id, []).append((batch_id, change_ids))

    def put_intake(self, key: str, change_ids: tuple[int, ...]) -> None:
        self.intakes[key] = (*self.intakes.get(key, ()), *change_ids)
