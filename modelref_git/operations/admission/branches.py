"""The branches that wait to be admitted, found by their names; and taken away once they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from modelref_git.errors import ModelrefError, NotFound
from modelref_git.store import transport
from modelref_git.store.git import GitStore
from modelref_git.store.refs import LostRace
from modelref_git.store.transport import Move, Progress

PREFIX: Final = "intake/"
_HEADS: Final = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Branch:
    """A commit that somebody pushed, and where it was found."""

    ref: str
    """The ref, or the word by which it was named."""
    commit: str
    """``""`` if there is no commit there."""
    source: str | None
    """What the place is called on every machine: the branch, or another ref's full name; ``None`` for a bare commit."""

    @property
    def is_intake(self) -> bool:
        """Whether it is a branch that is there for the intake alone."""
        return self.source is not None and self.source.startswith(PREFIX)


def fetch_intake(store: GitStore, progress: Progress | None = None) -> None:
    """Bring the remote's intake branches, and drop those that are gone there; nothing happens without a remote.

    Raises:
        RemoteFailure: the remote did not answer.
    """
    remote = store.remote
    if remote is not None:
        refspec = f"+{_HEADS}{PREFIX}*:refs/remotes/{remote}/{PREFIX}*"
        transport.fetch(store.git_dir, remote, [refspec], prune=True, progress=progress)


def find_branches(store: GitStore, words: Sequence[str]) -> list[Branch]:
    """The branches that *words* name, or all that there are for the intake; each commit of a source once.

    Raises:
        NotFound: a word names nothing.
    """
    found = [_named(store, word) for word in words] if words else list(_all(store))
    return list({(branch.source or branch.ref, branch.commit): branch for branch in found}.values())


def _all(store: GitStore) -> Iterator[Branch]:
    for prefix in _prefixes(store):
        for ref, target in sorted(store.refs.under(f"{prefix}{PREFIX}").items()):
            yield _at(store, ref, target, ref.removeprefix(prefix))


def _prefixes(store: GitStore) -> list[str]:
    return [_HEADS, *([f"refs/remotes/{store.remote}/"] if store.remote is not None else [])]


def _named(store: GitStore, word: str) -> Branch:
    for ref in (word, *(f"{prefix}{word}" for prefix in reversed(_prefixes(store)))):
        target = store.refs.read(ref) if ref.startswith("refs/") else None
        if target is not None:
            prefix = next((prefix for prefix in _prefixes(store) if ref.startswith(prefix)), "")
            return _at(store, ref, target, ref.removeprefix(prefix))
    return Branch(word, store.resolve(word), None)


def _at(store: GitStore, ref: str, target: str, source: str) -> Branch:
    try:
        return Branch(ref, store.resolve(target) if target else "", source)
    except NotFound:  # a tree, or an object that is not here
        return Branch(ref, "", source)


def delete_branches(store: GitStore, branches: Iterable[Branch], warn: Callable[[str], None]) -> None:
    """Take intake branches away, at the remote and here, from where they were found; what fails is told."""
    wanted = [branch for branch in branches if branch.is_intake]
    remote = store.remote
    if remote is not None:
        # One at a time would ask the host as often; one that has moved on is left, and the others go.
        moves = {f"{_HEADS}{branch.source}": branch.commit for branch in wanted}
        try:
            found = transport.push(store.git_dir, remote, [Move(ref, oid, None) for ref, oid in moves.items()])
        except ModelrefError as fault:
            warn(f"the admitted branches stay at {remote}: {fault.message}")
            return
        for outcome in found.values():
            if not outcome.done:
                warn(f"{outcome.ref} stays at {remote}: {outcome.reason}")
        wanted = [branch for branch in wanted if found[f"{_HEADS}{branch.source}"].done]
    for branch in wanted:
        for prefix in _prefixes(store):
            _remove(store, f"{prefix}{branch.source}", branch.commit, warn)


def _remove(store: GitStore, ref: str, commit: str, warn: Callable[[str], None]) -> None:
    if store.refs.read(ref) != commit:
        return
    try:
        store.refs.remove(ref, commit)
    except (LostRace, ModelrefError) as fault:
        warn(f"{ref} stays: {fault}")
