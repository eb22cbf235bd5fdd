"""One event of the log with what it is judged by: the state and the dataset before it, and what it speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

from modelref_git.operations.judging import facts_finder
from modelref_git.operations.verifying.rules import UNREADABLE, told
from modelref_git.proposals import events, lifecycle
from modelref_git.proposals.brought import Brought
from modelref_git.proposals.config import DatasetConfig
from modelref_git.proposals.events import Event, Proposal
from modelref_git.proposals.folds.asked import queued
from modelref_git.proposals.policy import FactsOf
from modelref_git.proposals.queue import Change
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.git import GitStore
from modelref_git.store.kept_queue import read_brought
from modelref_git.store.log import read_proposal
from modelref_git.store.objects import Commit, ObjectBuffer
from modelref_git.store.state import StoredQueue


class MainHistory:
    """The commits that the log's ``main`` ever was at or came through: first parents, walked as far as needed.

    Args:
        store: the repository.
        start: the log's ``main`` where the verification begins, which is trusted.
    """

    def __init__(self, store: GitStore, start: str | None) -> None:
        self._store = store
        self._older = store.first_parents(start)
        self._known: set[str] = set()
        self._all = start is None

    def holds(self, commit: str) -> bool:
        """Whether *commit* is one of them."""
        while commit not in self._known and not self._all:
            found = next(self._older, None)
            self._all = found is None
            if found is not None:
                self._known.add(found.id)
        return commit in self._known

    def add(self, main: str) -> None:
        """The log's ``main`` has moved to *main*."""
        self._known.update(self.since(main))

    def since(self, head: str, limit: int | None = None) -> list[str]:
        """The first parents from *head* back to what is known, newest first; at most *limit*."""
        found = []
        for commit in islice(self._store.first_parents(head), limit):
            if self.holds(commit.id):
                break
            found.append(commit.id)
        return found


@dataclass(frozen=True, slots=True)
class Asked:
    """A proposal that an event brings: its commit, and the change that it is or becomes."""

    change_id: int
    proposal: Proposal
    commit: Commit
    before: Change | None
    """Of a rebase: the change as it was."""


@dataclass
class EventCase:
    """One commit of ``queue`` under verification. Everything but what is given is read when it is first asked for."""

    store: GitStore
    commit: Commit
    event: Event
    """Without what its proposals hold; :attr:`asked` has that."""
    parent: Commit | None
    genesis: str | None
    """The first commit of this log; ``None`` for that commit itself."""
    mains: MainHistory
    objects: ObjectBuffer = field(init=False)

    def __post_init__(self) -> None:
        self.objects = self.store.buffer()

    @cached_property
    def before(self) -> StoredQueue:
        """The queue before the event."""
        return StoredQueue(self.objects, self.parent.tree if self.parent is not None else None)

    @cached_property
    def after(self) -> StoredQueue:
        """The queue after the event, as the commit has it."""
        return StoredQueue(self.objects, self.commit.tree)

    @cached_property
    def dataset(self) -> DatasetTree | None:
        """The dataset at the log's ``main`` before the event; ``None`` before the first."""
        main = self.before.header.main
        return None if main is None else DatasetTree.at(self.objects, main)

    @property
    def config(self) -> DatasetConfig | None:
        """The configuration by which the event is judged."""
        return None if self.dataset is None else self.dataset.config

    @cached_property
    def facts_of(self) -> FactsOf:
        """What changes touch, by the schemas before the event."""
        if self.dataset is None:
            raise AssertionError("the first event is judged by no policy")
        return facts_finder(self.objects, self.dataset)

    @cached_property
    def asked(self) -> tuple[Asked, ...]:
        """The proposals of an ``enqueue``, a ``rebase`` or the import of a queue.

        Raises:
            IntegrityFailure: a commit is no proposal.
        """
        found = []
        for change_id, blank in zip(self.event.change_ids, self.event.proposals, strict=False):
            before = self.before.change(change_id) if self.event.action == events.REBASE else None
            proposal = read_proposal(self.store, blank.commit)
            found.append(Asked(change_id, proposal, self.objects.read_commit(blank.commit), before))
        return tuple(found)

    @cached_property
    def brought(self) -> Brought | None:
        """What the import of a queue brings; ``None`` of any other event.

        Raises:
            IntegrityFailure: what it keeps is not readable.
        """
        return None if self.event.imported is None else read_brought(self.store, self.event.imported)

    @cached_property
    def folded(self) -> tuple[str | None, str]:
        """The state's tree that the event makes of the one before; or ``None``, and why the event is not possible."""
        queue = StoredQueue(self.objects, self.parent.tree if self.parent is not None else None)
        try:
            proposals = tuple(one.proposal for one in self.asked)
            lifecycle.apply_event(queue, replace(self.event, proposals=proposals, brought=self.brought))
            return queue.write(), ""
        except UNREADABLE as error:
            return None, told(error)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """The changes that the event is about, as they were before it; open ones that enter, as they do."""
        if self.event.action in (events.ENQUEUE, events.IMPORT):
            return tuple(queued(one.proposal, one.change_id, self.event.time) for one in self.asked)
        found = (self.before.change(change_id) for change_id in self.event.change_ids)
        return tuple(change for change in found if change is not None)

    def members(self, change_ids: Iterable[int]) -> Iterator[Change]:
        """Changes as the event left them, ascending."""
        for change_id in sorted(change_ids):
            change = self.after.change(change_id)
            if change is not None:
                yield change
