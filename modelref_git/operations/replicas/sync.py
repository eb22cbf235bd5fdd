"""Sync: what is new is fetched, believed or not, exported, and swapped in; if that fails, readers see what they saw."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from modelref_git import __version__
from modelref_git.errors import IntegrityFailure, ModelrefError
from modelref_git.formats.manifest import Manifest
from modelref_git.operations.replicas import sources, trust
from modelref_git.operations.replicas.exported import write_export
from modelref_git.operations.replicas.folder import Folder, follow
from modelref_git.operations.replicas.sources import SILENCE, Arrived
from modelref_git.operations.replicas.state import State
from modelref_git.operations.replicas.trouble import DISK, Trouble
from modelref_git.store.dataset import changed_records
from modelref_git.store.git import GitStore
from modelref_git.store.step import Clock
from modelref_git.store.writing import wall_clock

_LOOKS: Final = 3
"""So often a source is asked whose ``main`` is ahead of its log: servers move branches one by one."""
_MOMENT: Final = 0.3
"""Seconds between two of them."""

_PACKS: Final = 20
"""From so many packs on, the replica's repository joins some."""


def _nothing() -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears of the progress of a sync, and by which clock it goes."""

    clock: Clock = wall_clock
    warn: Callable[[str], None] = lambda _: None
    transfer: Callable[[str], None] | None = None
    """Told each line of progress of a transfer."""
    verified: Callable[[], None] = _nothing
    """Told of each event that was verified."""
    exported: Callable[[], None] = _nothing
    """Told of each category that was exported."""


def sync_replica(
    folder: Folder, *, told: Told | None = None, patience: float = SILENCE, dry_run: bool = False
) -> dict[str, Any]:
    """Bring a replica to what its source has; answers where it was, where it is, and what changed between the two.

    Of two at once, the second waits for the first. Whatever goes wrong, readers of ``current`` see what they saw
    before, and the status says what it was.

    Args:
        folder: the replica.
        told: who hears of it.
        patience: seconds without a word after which the source is given up.
        dry_run: fetch and judge, and leave everything else as it is.

    Returns:
        ``from`` and ``to``, commits of ``main`` (``from`` is null if nothing was served before); ``changed``, for each
        category the numbers of records added, modified and deleted; ``stale``, whether the newest event is older than
        the policy's ``replica_max_age``.

    Raises:
        NotFound: the folder is no replica, or the source no dataset repository with all of its history.
        RemoteFailure: the source did not answer, broke off or refused.
        IntegrityFailure: the source is not believed, or an object is missing or broken.
        Invalid: the disk is full, or what has to be exported is not what it must be.
    """
    attempt = _Attempt(folder, told or Told(), patience, dry_run)
    folder.state()  # there is no lock to take in a folder that is no replica
    with folder.told(), folder.locked():
        state = folder.state()
        try:
            with folder.told():
                return attempt.run(state)
        except ModelrefError as fault:
            if not dry_run:
                attempt.remember_failure(fault)
            raise


@dataclass(slots=True)
class _Attempt:
    """One sync under way."""

    folder: Folder
    told: Told
    patience: float
    dry_run: bool

    def run(self, state: State) -> dict[str, Any]:
        """Do all of it, in the order in which nothing is lost if it ends anywhere."""
        self.folder.tidy()
        store = self.folder.repository(checks=state.verify != "off")
        arrived = self._fetch(store, state)
        now = self.told.clock()
        new = trust.believed(store, state, arrived, now, progress=self.told.verified)
        new = replace(new, stranger=arrived.main if trust.is_strange(store, arrived) else None)
        before = self.folder.served()
        answer = {
            "from": before.commit if before is not None else None,
            "to": new.main,
            "changed": _changed(store, before, new),
            "stale": trust.is_stale(new, now),
        }
        if self.dry_run:
            return answer
        if new != state:
            # What was believed once is never forgotten, also when what follows fails: not by a rollback in between.
            self.folder.remember(new)
        follow(store, new)
        self._export(store, new, before)
        found = trust.alarm(new, now)
        self.folder.remember(new.succeeded(now))
        self.folder.set_aside()
        if found is not None:
            self.told.warn(f"{found.message} [{found.rule}]")
        self._join_packs(store)
        return answer

    def remember_failure(self, fault: ModelrefError) -> None:
        """Note why the attempt failed, so that the status can tell; a full disk may not even take that."""
        trouble = Trouble.of(fault, self.told.clock())
        try:
            if trouble.rule == DISK:
                self.folder.make_room()
            # What was believed meanwhile stays believed.
            self.folder.remember_at_last(self.folder.state().failed(trouble))
        except OSError as error:
            self.told.warn(f"the status cannot say so: {error}")

    def _fetch(self, store: GitStore, state: State) -> Arrived:
        """What the source has; asked again while its ``main`` is ahead of its log, unless that is known of it."""
        for number in range(_LOOKS):
            if number:
                time.sleep(_MOMENT * (0.5 + random.random()))  # noqa: S311 - jitter
            arrived = sources.fetch(self.folder, store, state, progress=self.told.transfer, patience=self.patience)
            if arrived.main == state.stranger or not trust.is_strange(store, arrived):
                break
        return arrived

    def _export(self, store: GitStore, state: State, before: Manifest | None) -> None:
        """Have readers see what is believed, if they do not yet."""
        if state.main is None:
            raise IntegrityFailure("there is nothing to export")
        commit = state.main
        if before is not None and before.commit == commit and self._is_served_well(before, state):
            return

        def make(into: Path) -> None:
            write_export(
                store,
                commit,
                state.event_id,
                into,
                layout=state.layout,
                before=self.folder.current.resolve() if before is not None else None,
                progress=self.told.exported,
            )

        self.folder.swap(f"{state.event_id}-{commit[:12]}", make)

    def _is_served_well(self, served: Manifest, state: State) -> bool:
        """Whether this version would export the same, and nobody has cut or removed a file since."""
        if (served.layout, served.program) != (state.layout, __version__):
            return False
        try:
            rows = (*served.files, *served.pictures)
            return all((self.folder.current / row.path).stat().st_size == row.size for row in rows)
        except OSError:
            return False

    def _join_packs(self, store: GitStore) -> None:
        """Keep the packs of many fetches few; that it fails is no failure of the sync."""
        if sum(1 for _ in store.pack_folder.glob("*.pack")) >= _PACKS:
            with contextlib.suppress(ModelrefError):
                store.run_git("repack", "-d", "-q", "--geometric=2")


def _changed(store: GitStore, before: Manifest | None, after: State) -> list[dict[str, Any]]:
    """How many records of each category were added, modified and deleted; only categories of which there are some."""
    objects = store.buffer()
    old = before.commit if before is not None and store.has(before.commit) else None
    if old == after.main or after.main is None:
        return []
    trees = [objects.read_commit(commit).tree if commit is not None else None for commit in (old, after.main)]
    counts: dict[str, Counter[str]] = {}
    for (category, _), (was, now) in changed_records(objects, *trees).items():
        kind = "added" if was is None else "deleted" if now is None else "modified"
        counts.setdefault(category, Counter())[kind] += 1
    kinds = ("added", "modified", "deleted")
    return [{"category": name, **{kind: found[kind] for kind in kinds}} for name, found in sorted(counts.items())]
