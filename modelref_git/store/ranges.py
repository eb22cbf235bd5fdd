"""What lies between two commits: asked before anything of it is read. libgit2 walks the history."""

from __future__ import annotations

from itertools import islice
from typing import Final

import pygit2
from pygit2.enums import SortMode

from modelref_git.errors import IntegrityFailure
from modelref_git.store.git import GitStore

MAX_COMMIT_BYTES: Final = 2**20
"""A larger commit is nobody's: its message is read as a whole."""


def merge_base(store: GitStore, one: str, other: str) -> str | None:
    """The newest commit behind both; ``None`` if their histories have nothing in common, as far as they are here.

    Raises:
        IntegrityFailure: one is not here, or is no commit.
    """
    try:
        found = store.pygit2.merge_base(one, other)
    except (KeyError, ValueError, TypeError, pygit2.GitError) as error:
        raise IntegrityFailure(f"the commits {one} and {other} cannot be compared: {error}") from error
    return str(found) if found else None


def count_beyond(store: GitStore, base: str, head: str, most: int) -> int:
    """How many commits *head* has that *base* has not; counting ends behind *most*.

    Raises:
        IntegrityFailure: a commit between them is not here.
    """
    try:
        walker = store.pygit2.walk(pygit2.Oid(hex=head), SortMode.NONE)
        walker.hide(pygit2.Oid(hex=base))
        return sum(1 for _ in islice(walker, most + 1))
    except (KeyError, ValueError, pygit2.GitError) as error:
        raise IntegrityFailure(f"the history of {head} cannot be read: {error}") from error


def is_commit(store: GitStore, oid: str) -> bool:
    """Whether an object is a commit, and of a size that one can have.

    Raises:
        IntegrityFailure: it is not here.
    """
    return store.size(oid) <= MAX_COMMIT_BYTES and store.read(oid)[0] == "commit"
