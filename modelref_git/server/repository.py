"""The repository as requests reach it: reads and writes in threads of their own, and what is live at this moment.

Nothing here is state: every answer begins with the head of the queue log, and what is kept is kept by Git ids.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from modelref_git.errors import Busy, NotFound
from modelref_git.operations.context import Context
from modelref_git.proposals.config import DatasetConfig
from modelref_git.store import layout, log
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.git import GitStore
from modelref_git.store.trees import find

if TYPE_CHECKING:
    from modelref_git.proposals.request_key import RequestKey
    from modelref_git.server.auth.interface import Login
    from modelref_git.server.settings import Settings

READERS: Final = 4
"""Threads that read, in each process."""

_NOBODY: Final = "anonymous#"
"""The claim of who gives no key: the id of no member."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is live at one event, as far as most answers need it. It never changes."""

    head: str
    """The event's commit on ``queue``."""
    main: str
    config: DatasetConfig
    trees: Mapping[str, str | None]
    """By category, the tree of its folder; ``None`` of one without records."""
    legacy: Mapping[str, str | None]
    """By category, the tree of what an import left beside its records."""

    @classmethod
    def of(cls, head: str, dataset: DatasetTree) -> Snapshot:
        """What *dataset*, live at the event *head*, is made of."""
        config = dataset.config
        return cls(
            head,
            dataset.commit or "",
            config,
            {name: _tree(dataset, layout.category_folder(name)) for name in config.categories},
            {name: _tree(dataset, f"{layout.LEGACY}/{name}") for name in config.categories},
        )


def _tree(dataset: DatasetTree, path: str) -> str | None:
    entry = find(dataset.objects, dataset.tree, path)
    return entry.oid if entry is not None and entry.is_folder else None


class Repository:
    """One dataset repository, opened for one process.

    `snapshot` belongs to the event loop; all other work is done in threads, each of which has a handle of its
    own.

    Raises:
        NotFound: there is no dataset repository.
        IntegrityFailure: it is of a format that this version does not read.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = GitStore.open(settings.repo)
        self._queue = self._store.counted(layout.QUEUE)
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._newest: Snapshot | None = None
        self.waiting = 0
        """Writes that wait for their turn, or are under way."""
        self.snapshot()

    @property
    def cache_path(self) -> Path:
        """The folder of what may be deleted at any time."""
        return self._store.local_dir / "cache"

    def head(self) -> str:
        """The newest event's commit.

        Raises:
            NotFound: there is no queue log any more.
        """
        found = self._store.refs.read(self._queue)
        if found is None:
            raise NotFound("the repository has no queue log any more")
        return found

    def snapshot(self) -> Snapshot:
        """What is live at this moment; for the event loop alone.

        Raises:
            NotFound: it is no dataset repository any more.
            IntegrityFailure: it is of a format that this version does not read.
        """
        known = self._newest
        if known is not None and known.head == self.head():
            return known
        view = log.read(self._store)
        self._newest = Snapshot.of(view.head, view.dataset())
        return self._newest

    @property
    def latest(self) -> Snapshot:
        """What was live when `snapshot` was asked for last; for any thread."""
        if self._newest is None:
            raise AssertionError("a repository that was opened has been looked at")
        return self._newest

    async def read(self, work: Callable[[Context], _T], caller: Login | None = None) -> _T:
        """Do *work* in a thread that reads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: work(self.context(caller)))

    async def write(
        self,
        work: Callable[[Context], _T],
        caller: Login,
        *,
        route: str | None = None,
        request: RequestKey | None = None,
    ) -> _T:
        """Do *work*, one step, in the thread that writes, when it is its turn.

        A caller who leaves meanwhile does not stop it.

        Raises:
            Busy: its turn did not come in time; nothing was changed.
        """
        until = time.monotonic() + self._settings.write_wait
        self.waiting += 1
        future = self._writer.submit(self._step, work, caller, until, route, request)
        done = asyncio.wrap_future(future)
        # Only then is it over, also where the caller leaves before.
        done.add_done_callback(self._over)
        return await asyncio.shield(done)

    def _over(self, done: asyncio.Future[_T]) -> None:
        self.waiting -= 1
        if not done.cancelled():
            done.exception()  # a caller who has left does not ask for it

    def _step(
        self,
        work: Callable[[Context], _T],
        caller: Login,
        until: float,
        route: str | None,
        request: RequestKey | None,
    ) -> _T:
        left = until - time.monotonic()
        if left <= 0:
            raise Busy(
                f"other writers kept this one waiting for {self._settings.write_wait:.0f} seconds; nothing was changed",
                hint="try again in a moment",
            )
        ctx = replace(self.context(caller), wait=left, route=route, request=request)
        return work(ctx)

    def loop_context(self, caller: Login | None = None) -> Context:
        """The way in for the event loop: only for what is known already, or costs next to nothing."""
        return self._way_in(self._store, caller)

    def context(self, caller: Login | None = None) -> Context:
        """The way in for the thread that calls it: for *caller*, or a reader without a name."""
        store = getattr(self._local, "store", None)
        if store is None:
            store = self._local.store = GitStore(self._store.git_dir)
        return self._way_in(store, caller)

    def _way_in(self, store: GitStore, caller: Login | None) -> Context:
        if caller is None:
            return Context(store, claim=_NOBODY)
        return Context(store, claim=caller.username, service=self.service, flags=caller.flags)

    @property
    def service(self) -> str | None:
        """The id of the member in whose name this service attests events, as long as that is a service."""
        ident = (self._settings.actor or "").rpartition("#")[2].strip()
        member = self.latest.config.member(ident)
        return ident if member is not None and member.is_service else None

    def close(self) -> None:
        """Let the threads end what they do, and take nothing more."""
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True, cancel_futures=True)
