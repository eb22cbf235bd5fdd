"""Where a replica gets its history: a Git repository at any address that git takes, or a bundle, also on a web server.

What is fetched goes to refs of the replica's own, where nobody looks before it is believed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from modelref_git.errors import ModelrefError, NotFound, RemoteFailure, UsageFault
from modelref_git.operations.replicas.folder import BUNDLE, Folder
from modelref_git.operations.replicas.state import State
from modelref_git.operations.replicas.trouble import CORRUPT, distrust, incomplete, unwritable
from modelref_git.store import layout, transport
from modelref_git.store.git import GitStore

SILENCE: Final = 300.0
"""Seconds without a word after which a source is given up."""

ARRIVED: Final = "refs/modelref/arrived/"
"""Where the source's branches are put."""

_BRANCHES: Final = {layout.QUEUE: f"{ARRIVED}queue", layout.MAIN: f"{ARRIVED}main"}

_BROKEN: Final = re.compile(
    r"is corrupt|repository corruption|fsck error|inflate|bad object|not a valid object|hash mismatch|"
    r"did not send all necessary objects|unable to read [0-9a-f]{40}|missing (blob|tree|commit)|"
    r"unresolved delta|collision|object of unexpected type|remote did not send|bad pack checksum|SHA1 mismatch",
    re.IGNORECASE,
)
_FULL: Final = re.compile(r"no space left on device|quota exceeded|file too large|read-only file system", re.IGNORECASE)
_ABSENT: Final = re.compile(r"(?:couldn't find remote ref|the remote has no) (refs/\S+)", re.IGNORECASE)
_SHALLOW: Final = re.compile(r"shallow", re.IGNORECASE)
_PARTIAL: Final = re.compile(r"lazy fetch|promisor", re.IGNORECASE)
_BEHIND: Final = re.compile(r"lacks these prerequisite commits", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Arrived:
    """What the source has now: where its branches are, and by what its bundle is known, if it is one on a server."""

    queue: str
    main: str
    bundle: str | None = None


def named(text: str) -> str:
    """The source that somebody means by *text*: a place on this machine becomes a whole path.

    Raises:
        UsageFault: it is empty, or looks like an option of git's.
        NotFound: there is nothing of that name.
    """
    if not text or text.startswith("-"):
        raise UsageFault(f"{text!r} is no address", hint="name a repository by its address or path, or a bundle")
    with contextlib.suppress(OSError):  # no name of a file is that long
        if Path(text).exists():
            return str(Path(text).absolute())
    if ":" not in text:
        raise NotFound(f"there is no repository or bundle {text}")
    return text


def fetch(
    folder: Folder,
    store: GitStore,
    state: State,
    *,
    progress: Callable[[str], None] | None = None,
    patience: float = SILENCE,
) -> Arrived:
    """Bring what is new from the source into the replica's repository; it is not believed yet.

    Args:
        folder: the replica.
        store: its repository.
        state: what it remembers.
        progress: told how far it is.
        patience: seconds without a word after which the source is given up.

    Raises:
        RemoteFailure: the source did not answer, broke off or refused.
        IntegrityFailure: an object of it is missing or broken.
        NotFound: it is no dataset repository, or has not all of its history.
        Invalid: the replica's disk is full.
    """
    place, known = state.source, state.bundle
    if _is_bundle_on_server(place):
        there = state.bundle if state.queue is not None and store.has(state.queue) else None
        known = _download(folder, state.source, there, patience)
        if known is not None and known == there:
            return Arrived(state.queue or "", state.stranger or state.main or "", known)
        place = str(folder.path / BUNDLE)
    elif place.startswith("file://"):
        path = Path(unquote(urlsplit(place).path))
        place = str(path) if path.is_file() else place
    try:
        _fetch(store, place, state.source, folder, progress or _unheard, patience)
    finally:
        folder.disk.remove(folder.path / BUNDLE)  # all of it is in the repository now, or none
    queue, main = (store.refs.read(ref) for ref in _BRANCHES.values())
    if queue is None or main is None:  # git fetches nothing that lacks its beginning, and says it went well
        raise _shallow(state.source)
    for commit in (queue, main):
        store.read_commit(commit)
    return Arrived(queue, main, known)


def _fetch(
    store: GitStore, place: str, source: str, folder: Folder, progress: Callable[[str], None], patience: float
) -> None:
    """Fetch both branches of *source*, which is at *place*; one that does not come is absent afterwards."""
    for ref in _BRANCHES.values():
        there = store.refs.read(ref)
        if there is not None:
            store.refs.remove(ref, there)
    words = [f"+{theirs}:{ours}" for theirs, ours in _BRANCHES.items()]
    try:
        transport.fetch(store.git_dir, place, words, progress=progress, timeout=patience)
    except RemoteFailure as fault:
        raise _meaning(fault, source, folder) from fault


def _unheard(_: str) -> None:
    """Progress is asked for even if nobody hears it: it tells a slow source from a silent one."""


def _is_bundle_on_server(source: str) -> bool:
    parts = urlsplit(source) if source.startswith(("http://", "https://")) else None
    return parts is not None and parts.path.endswith(".bundle")


def _download(folder: Folder, source: str, there: str | None, patience: float) -> str | None:
    """Have the bundle at *source* beside the repository, unless it is the one that is in there already.

    Gives what names its content, if the server says so; *there* names that of the one before.
    """
    from modelref_git.fetch.client import Client
    from modelref_git.fetch.crew import Stop
    from modelref_git.fetch.files import Errand, Wanted, fetch_file
    from modelref_git.fetch.probe import probe
    from modelref_git.fetch.transfer import Patience

    waiting = Patience(timeout=min(patience, 60.0), retries=2)
    client, stop = Client(waiting.timeout), Stop()
    found = probe(client, source, waiting, stop)
    if found.fault is not None:
        raise RemoteFailure(found.message)
    if found.validator is None or found.validator != there:
        errand = Errand(client, folder.path, waiting, overwrite=True)
        fetch_file(errand, Wanted(BUNDLE, source, None, None), stop, lambda _done, _total: None)
    return found.validator


def _meaning(fault: RemoteFailure, source: str, folder: Folder) -> ModelrefError:
    """What a failure of git's means for a replica."""
    text = fault.message
    absent = _ABSENT.search(text)
    if absent:
        branch = absent[1].removeprefix("refs/heads/")
        return incomplete(f"{source} has no branch {branch}: it is no dataset repository, or not all of one")
    full = _FULL.search(text)
    if full:
        return unwritable(str(folder.path), full[0])
    if _PARTIAL.search(text):
        hint = "name the repository that it was cloned from, or fetch the rest: `git fetch --refetch --no-filter`"
        return incomplete(f"{source} is a partial clone and has not all objects: {text}", hint=hint)
    if _BEHIND.search(text):
        hint = "a bundle of the whole history helps: `git bundle create FILE main queue`"
        return incomplete(f"{source} begins behind what this replica has: {text}", hint=hint)
    if _BROKEN.search(text):
        return distrust(CORRUPT, f"{source} has a missing or broken object: {text}", hint="`git fsck` there names it")
    return _shallow(source) if _SHALLOW.search(text) else fault


def _shallow(source: str) -> ModelrefError:
    hint = "name the repository that it was cloned from, or deepen it: `git fetch --unshallow`"
    return incomplete(f"{source} is a shallow clone, which lacks the beginning of its history", hint=hint)
