"""Branches as projections of the log: rolled forward to what its head says, by whoever finds them behind.

Behind means absent, or at a value that the log gave before. A branch at any other value was moved by other hands: it
is left as it is, for ``doctor`` and ``verify`` to name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import quote

from modelref_git.errors import WrongState
from modelref_git.proposals import trailers
from modelref_git.proposals.events import DISOWN
from modelref_git.proposals.queue import BATCH_OPEN
from modelref_git.store import layout, worktree
from modelref_git.store.git import GitStore
from modelref_git.store.objects import Commit
from modelref_git.store.refs import LostRace
from modelref_git.store.state import FOLDERS, StoredQueue, open_refs
from modelref_git.store.trees import compare

_CACHE: Final = "cache/projected"

_STUCK_AT_MOST: Final = 3
"""After so many branches that cannot be moved, the others are left too: waiting for each takes seconds."""

_NEAR: Final = 16
"""So many events are walked back one by one before libgit2 is asked, which also looks into all that they speak of."""

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Behind:
    """A branch that is not where the log says: ``wanted`` and ``found`` are commits, ``None`` for absent.

    ``found`` is ``""`` for a file without a commit id in it, as a power cut can leave one.
    """

    ref: str
    wanted: str | None
    found: str | None
    foreign: bool
    """Whether the log never gave it the value it has, so that it is left alone."""


def roll_forward(store: GitStore, head: str, warn: Warn = lambda _: None) -> None:
    """Bring the branches to where the log at *head* says; done already is done at once.

    A branch that something holds (a stale lock, a stranger's branch in its place) is told to *warn* and left for the
    next time: what has happened is in the log, so it stops nobody.
    """
    done = _projected(_cache(store))
    stuck = _move(store, _branches(store, head, done)) if done != head else []
    main = main_behind(store, head)
    if main is not None and not main.foreign:
        stuck += _move_main(store, main, warn)
    for fault in stuck:
        warn(f"{fault.message}; {fault.hint}")
    if done != head and not stuck:
        note_projected(store, head)


def note_projected(store: GitStore, head: str) -> None:
    """Remember that the branches were brought to what the log at *head* says."""
    path = _cache(store)
    store.disk.make_folder(path.parent)
    store.disk.write_file(path, f"{head}\n".encode(), sync=False)


def forget_projected(store: GitStore) -> None:
    """Have every branch looked at with the next step."""
    store.disk.remove(_cache(store))


def _cache(store: GitStore) -> Path:
    """Where it is kept up to which event the branches that count were brought."""
    remote = store.remote
    return store.local_dir / (_CACHE if remote is None else f"{_CACHE}-{quote(remote, safe='')}")


def newly_behind(store: GitStore, head: str) -> list[Behind]:
    """The branches of proposals and batches, and ``main``, that the log moved since they were last brought along."""
    done = _projected(_cache(store))
    main = main_behind(store, head)
    return (_branches(store, head, done) if done != head else []) + ([main] if main is not None else [])


def _projected(path: Path) -> str:
    """The queue commit up to which branches were brought; ``""`` when that is lost, or was never finished."""
    try:
        found = path.read_bytes().strip()
    except OSError:
        return ""
    return found.decode() if re.fullmatch(rb"[0-9a-f]{40}", found) else ""


def last_projected(store: GitStore) -> str | None:
    """The newest queue commit that this clone brought its branches to, if that is known."""
    return _projected(_cache(store)) or None


def find_behind(store: GitStore, head: str) -> list[Behind]:
    """Every branch that is not where the log at *head* says, found by looking at all of them."""
    main = main_behind(store, head)
    return _branches(store, head, "") + ([main] if main is not None else [])


def main_behind(store: GitStore, head: str) -> Behind | None:
    """How ``main`` differs from the log's, or ``None`` when it does not."""
    wanted = main_of(store, head)
    found = store.refs.read(store.counted(layout.MAIN))
    if wanted is None or found == wanted:
        return None
    if found is None:
        return Behind(layout.MAIN, wanted, None, foreign=False)
    before = store.has(found) and store.is_ancestor(found, wanted)
    given = before and any(found == commit.id or found in _disowned(commit) for commit in store.first_parents(wanted))
    return Behind(layout.MAIN, wanted, found, foreign=not given)


def main_of(store: GitStore, head: str) -> str | None:
    """The ``main`` that the log at *head* names."""
    return StoredQueue(store.buffer(), store.read_commit(head).tree).header.main


def _disowned(commit: Commit) -> tuple[str, ...]:
    """What other hands had put on ``main`` when *commit* disowned it: ``main`` moves on from there."""
    return commit.parents[1:] if commit.subject.startswith(f"{DISOWN}: ") else ()


def _branches(store: GitStore, head: str, done: str) -> list[Behind]:
    """The branches of proposals and batches that are not where they belong.

    With *done*, the queue commit up to which they were brought, only what the log changed since is looked at.
    """
    objects = store.buffer()
    tree = store.read_commit(head).tree
    before: dict[str, str | None] = {}
    if done and store.has(done) and is_before(store, done, head):
        old = store.read_commit(done).tree
        refs = _touched(store, old, tree)
        queue, then = StoredQueue(objects, tree), StoredQueue(objects, old)
        wanted = {ref: wanted_at(queue, ref) for ref in refs}
        found = {ref: store.refs.read(store.counted(ref)) for ref in refs}
        before = {ref: wanted_at(then, ref) for ref in refs}
    else:
        every: dict[str, str] = open_refs(objects, tree)
        present = _present(store)
        names = sorted(every.keys() | present.keys())
        wanted = {ref: every.get(ref) for ref in names}
        found = {ref: present.get(ref) for ref in names}
    behind = []
    for ref, oid in wanted.items():
        if found[ref] != oid:
            known = not found[ref] or found[ref] == before.get(ref)
            foreign = not known and not was_given(store, head, ref, found[ref] or "")
            behind.append(Behind(ref, oid, found[ref], foreign))
    return behind


def _present(store: GitStore) -> dict[str, str]:
    """The branches of proposals and batches that there are, where they count."""
    found: dict[str, str] = {}
    for prefix in (layout.PROPOSALS, layout.BATCHES):
        counted = store.counted(prefix)
        found |= {prefix + ref.removeprefix(counted): oid for ref, oid in store.refs.under(counted).items()}
    return found


def is_before(store: GitStore, done: str, head: str) -> bool:
    """Whether the event *done* is *head* or one of those before it: most often one of the last."""
    if any(commit.id == done for commit in islice(store.first_parents(head), _NEAR)):
        return True
    return store.has(done) and store.is_ancestor(done, head)


def _touched(store: GitStore, old: str, new: str) -> list[str]:
    """The branches whose changes or batches differ between two states."""
    refs = set()
    for path, _, _ in compare(store.buffer(), old, new):
        top, _, rest = path.partition("/")
        if top == "changes" and rest.partition("/")[0] in FOLDERS:
            refs.add(layout.proposal_ref(layout.number_of(path)))
        elif top == "batches":
            refs.add(layout.batch_ref(layout.number_of(path)))
    return sorted(refs)


def wanted_at(queue: StoredQueue, ref: str) -> str | None:
    """Where the branch of a proposal or batch belongs by a state of the queue; ``None`` for nowhere."""
    number = int(ref.rpartition("/")[2])
    if ref.startswith(layout.PROPOSALS):
        change = queue.change(number)
        return change.commit if change is not None and change.is_open else None
    batch = queue.batch(number)
    return batch.head if batch is not None and batch.status == BATCH_OPEN else None


def was_given(store: GitStore, head: str, ref: str, oid: str) -> bool:
    """Whether the log gave *ref* the value *oid* at some time."""
    number = ref.rpartition("/")[2]
    if not number.isdigit():
        return False
    queue = StoredQueue(store.buffer(), store.read_commit(head).tree)
    if ref.startswith(layout.PROPOSALS):
        change = queue.change(int(number))
        if change is not None and change.commit == oid:
            return True
        named: tuple[str, ...] = ("Change-Id", "Proposal")
    else:
        batch = queue.batch(int(number))
        if batch is not None and oid in batch.merges:
            return True
        named = ("Merge",)
    # Rare: the value is none of the newest, so the whole log is asked.
    return any(_names(commit, named, number, oid) for commit in store.first_parents(head))


def _names(commit: Commit, keys: tuple[str, ...], number: str, oid: str) -> bool:
    """Whether an event gave a branch the value *oid*: a proposal's stands in the same place as its change."""
    rows = trailers.read(commit.message)
    *numbers, values = ([value for key, value in rows if key == wanted] for wanted in keys)
    return (number, oid) in zip(numbers[0], values, strict=False) if numbers else oid in values


def _move(store: GitStore, behind: Iterable[Behind]) -> list[WrongState]:
    """Move each branch that is not foreign; gives what some of them are held by."""
    removals = []
    stuck: list[WrongState] = []
    for item in behind:
        if item.foreign:
            continue
        if item.wanted is None:
            removals.append((item.ref, item.found or ""))
            continue
        if len(stuck) == _STUCK_AT_MOST:
            break
        try:
            store.refs.move(item.ref, item.found or None, item.wanted, sync=False)
        except LostRace:
            continue  # another writer rolls forward too
        except WrongState as fault:
            stuck.append(fault)
    try:
        store.refs.remove_many(removals)
    except WrongState as fault:
        stuck.append(fault)
    return stuck


def _move_main(store: GitStore, main: Behind, warn: Warn) -> list[WrongState]:
    wanted = main.wanted or ""
    followed = worktree.bring_along(store, wanted)
    try:
        store.refs.move(layout.MAIN, main.found, wanted)
    except LostRace:
        return []
    except WrongState as fault:
        return [fault]
    if followed is False:
        warn(worktree.LEFT)
    return []
