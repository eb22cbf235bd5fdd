"""A repository as a hook of its own sees it while a push waits: with the objects that came and are not in it yet.

Git keeps them in a folder apart until every hook agreed, and tells the hooks of it by their environment. What is
refused leaves nothing behind.
"""

from __future__ import annotations

from pathlib import Path

import pygit2

from modelref_git.store.disk import Disk
from modelref_git.store.git import GitStore


class QuarantineStore(GitStore):
    """A repository whose objects are found where git's environment says; its refs are those from before the push."""

    def __init__(self, git_dir: Path, disk: Disk | None = None) -> None:
        super().__init__(git_dir, disk)
        self._repo = self._opened()

    def _opened(self) -> pygit2.Repository:
        return pygit2.Repository(str(self.git_dir), pygit2.enums.RepositoryOpenFlag.FROM_ENV)
