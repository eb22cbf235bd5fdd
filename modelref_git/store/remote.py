"""A clone's remote: its branches as they were last seen, and how they are asked for and moved.

In a clone the refs that count are the remote's, kept under ``refs/remotes/<remote>/``. The local ``queue`` and ``main``
follow by fast-forward only: the local ``queue`` is also what this clone has seen, so that a rewritten log is noticed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Final

from modelref_git.errors import IntegrityFailure, NotFound, RemoteFailure
from modelref_git.store import layout, projections, transport, worktree
from modelref_git.store.git import GitStore
from modelref_git.store.refs import LostRace
from modelref_git.store.transport import Move, Outcome, Progress

_HEADS: Final = "refs/heads/"
_HEARD: Final = "cache/heard"

FRESH_SECONDS: Final = 30
"""For so long after the remote was heard a step starts from what is there: a lease tells when it was not the newest."""

AT_ONCE: Final = 100
"""So many refs go in one push at most: hosts limit them."""

LOG: Final = (layout.QUEUE, layout.MAIN)
"""The branches that a step's one deciding push carries."""

_FOLLOWED: Final = (layout.PROPOSALS, layout.BATCHES)


class Remote:
    """The remote that counts for a clone.

    Args:
        store: the clone.
        name: the remote's name in git's configuration.
        progress: told how far a transfer is.
    """

    def __init__(self, store: GitStore, name: str, progress: Progress | None = None) -> None:
        self.store = store
        self.name = name
        self.atomic = True
        """Whether it takes several refs as one, as far as is known."""
        self._progress = progress

    @property
    def queue(self) -> str | None:
        """The remote's ``queue``, as it was last seen."""
        return self.store.refs.read(self.store.counted(layout.QUEUE))

    @property
    def main(self) -> str | None:
        """The remote's ``main``, as it was last seen."""
        return self.store.refs.read(self.store.counted(layout.MAIN))

    def heard_lately(self, within: float = FRESH_SECONDS) -> bool:
        """Whether the remote answered in the last *within* seconds: what is there may well be its newest state."""
        try:
            heard = (self.store.local_dir / _HEARD).stat().st_mtime
        except OSError:
            return False
        return 0 <= time.time() - heard < within

    def fetch(self, *, everything: bool = False) -> bool:
        """Bring the log, its branches and the notes, or every branch; gives whether ``queue`` or ``main`` has moved.

        Raises:
            RemoteFailure: the remote did not answer.
            Rewritten: its log was. What was seen before stays.
        """
        seen = (self.queue, self.main)
        # With a star also where there is one branch of that name: git makes an error of a single one that is missing.
        branches = [_HEADS] if everything else [*LOG, *_FOLLOWED, layout.NOTES]
        refspecs = [f"+{branch}*:{self.store.counted(branch)}*" for branch in branches]
        transport.fetch(
            self.store.git_dir, self.name, refspecs, prune=True, progress=self._progress, options=["--refmap="]
        )
        self._check_grown(seen[0])
        self._heard()
        return (self.queue, self.main) != seen

    def _check_grown(self, seen: str | None) -> None:
        """Refuse a log that does not go on from what was seen, and take back what the fetch made of it."""
        store = self.store
        now = self.queue
        if seen is not None and now != seen and (now is None or not projections.is_before(store, seen, now)):
            store.refs.move(store.counted(layout.QUEUE), now, seen)
            raise rewritten(self.name, seen, now)

    def ask(self) -> str | None:
        """The remote's ``queue`` of this moment, its objects brought, without moving any ref.

        Raises:
            RemoteFailure: the remote did not answer.
        """
        found = transport.list_refs(self.name, list(LOG), git_dir=self.store.git_dir)
        missing = [ref for ref in LOG if ref in found and not self.store.has(found[ref])]
        if missing:
            transport.fetch(self.store.git_dir, self.name, missing, progress=self._progress, options=["--refmap="])
        return found.get(layout.QUEUE)

    def push(self, moves: Iterable[Move], *, atomic: bool) -> dict[str, Outcome]:
        """Move branches of the remote; what was done is noted as seen.

        Raises:
            RemoteFailure: as :func:`.transport.push`.
        """
        rows = list(moves)
        done = transport.push(
            self.store.git_dir, self.name, rows, atomic=atomic and len(rows) > 1, progress=self._progress
        )
        for move in rows:
            if done[move.ref].done:
                self.note(move)
        self._heard()
        return done

    def note(self, move: Move) -> None:
        """Keep where a branch of the remote is now; git itself has done so where it was told to track it."""
        refs, ref = self.store.refs, self.store.counted(move.ref)
        found = refs.read(ref)
        with contextlib.suppress(LostRace):
            if move.new is None:
                if found is not None:
                    refs.remove(ref, found)
            elif found != move.new:
                refs.move(ref, found, move.new)

    def _heard(self) -> None:
        path = self.store.local_dir / _HEARD
        self.store.disk.make_folder(path.parent)
        self.store.disk.write_file(path, b"", sync=False)

    def follow(self, head: str, warn: Callable[[str], None]) -> None:
        """Bring the local ``queue`` and ``main`` along to what the log at *head* says, by fast-forward only."""
        refs = self.store.refs
        local = refs.read(layout.QUEUE)
        if local != head and (local is None or projections.is_before(self.store, local, head)):
            with contextlib.suppress(LostRace):
                refs.move(layout.QUEUE, local, head)
        self._follow_main(head, warn)

    def _follow_main(self, head: str, warn: Callable[[str], None]) -> None:
        store = self.store
        wanted = projections.main_of(store, head)
        local = store.refs.read(layout.MAIN)
        if wanted is None or local == wanted:
            return
        if local is not None and not store.is_ancestor(local, wanted):
            warn(
                "your branch main has commits that the remote's has not, so it was left as it is; "
                f"`git log {self.name}/main..main` shows them"
            )
            return
        followed = worktree.bring_along(store, wanted) if local is not None else None
        with contextlib.suppress(LostRace):
            store.refs.move(layout.MAIN, local, wanted)
        if followed is False:
            warn(worktree.LEFT)

    def check_seen(self) -> None:
        """Refuse to go on from a log that is not a continuation of what this clone has seen.

        Raises:
            Rewritten: it was, and then fetched by hand.
            NotFound: the remote's log was never fetched.
        """
        local, head = self.store.refs.read(layout.QUEUE), self.queue
        if head is None:
            raise NotFound(
                f"the remote {self.name} has no branch `queue`, as far as this clone knows",
                hint="`modelref-git pull` fetches it; `modelref-git push` makes a dataset of this repository there",
            )
        if local is not None and local != head and not projections.is_before(self.store, local, head):
            raise rewritten(self.name, local, head)


class Rewritten(IntegrityFailure):
    """The log of the remote is not a continuation of what this clone has seen."""


def rewritten(name: str, before: str, now: str | None) -> Rewritten:
    """The refusal of a log that was seen at *before* and does not hold that any more."""
    what = "is gone" if now is None else f"is at {now}, which does not go on from there"
    return Rewritten(
        f"the branch queue of the remote {name} was seen at {before} and {what}: the log was rewritten",
        hint="ask an approver what happened; if it is right so, `git branch -f queue "
        f"{name}/queue` after `git fetch {name}` takes the new one",
    )


def of(store: GitStore, progress: Progress | None = None) -> Remote | None:
    """The remote at which a repository's refs count, or ``None`` where they count here.

    Raises:
        RemoteFailure: git's configuration names a remote that is none.
    """
    name = store.remote
    if name is None:
        return None
    if store.config(f"remote.{name}.url") is None:
        raise RemoteFailure(
            f"git's configuration says modelref.remote = {name}, and there is no remote of that name",
            hint=f"`git remote add {name} URL`, or `git config --unset modelref.remote`",
        )
    return Remote(store, name, progress)
