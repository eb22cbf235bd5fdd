"""One dataset repository's Git store: objects in, objects out, and its parts at hand.

No work tree and no index are on the write path: objects go straight into the object database, as one synced pack for
each step, before the ref that makes them count is moved.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pygit2

from modelref_git.errors import IntegrityFailure, ModelrefError, NotFound
from modelref_git.store import layout
from modelref_git.store.disk import Disk
from modelref_git.store.objects import Commit, ObjectBuffer
from modelref_git.store.refs import Refs


class GitStore:
    """A repository opened for reading and writing.

    Args:
        git_dir: the folder with the objects and refs (``.git``, or a bare repository's own).
        disk: the door to the file system; tests put one here that fails.
    """

    def __init__(self, git_dir: Path, disk: Disk | None = None) -> None:
        self.git_dir = git_dir
        self.disk = disk or Disk()
        self.refs = Refs(git_dir)
        self._repo = self.refs.repository

    @classmethod
    def open(cls, path: Path, disk: Disk | None = None, *, upward: bool = True) -> GitStore:
        """Open the repository at *path*, or, with *upward*, the one that *path* lies in.

        Raises:
            NotFound: there is none.
        """
        ceiling = "" if upward else str(path.resolve())
        found = pygit2.discover_repository(str(path), False, ceiling) if path.exists() else None
        if found is None:
            raise NotFound(
                f"{path} is not inside a Git repository",
                hint="make a dataset repository with `modelref-git init DIR`, or name one with -C",
            )
        git_dir = Path(found)
        common = git_dir / "commondir"
        if common.is_file():  # a linked work tree: objects and refs are the main one's
            git_dir = (git_dir / common.read_text().strip()).resolve()
        try:
            return cls(git_dir, disk)
        except pygit2.GitError as error:
            raise NotFound(f"{path} cannot be opened as a Git repository: {error}") from error

    @classmethod
    def create(cls, path: Path, *, bare: bool, disk: Disk | None = None) -> GitStore:
        """Make a new repository at *path*, with SHA-1 objects and the branch ``main``."""
        flags = pygit2.enums.RepositoryInitFlag.MKPATH
        if bare:
            flags |= pygit2.enums.RepositoryInitFlag.BARE
        made = pygit2.init_repository(str(path), bare=bare, flags=flags, initial_head="main")
        return cls(Path(made.path), disk)

    def _opened(self) -> pygit2.Repository:
        """A new handle of the library's."""
        return pygit2.Repository(str(self.git_dir))

    @property
    def local_dir(self) -> Path:
        """Where this program keeps files of its own: the lock, and caches that may be deleted at any time."""
        return self.git_dir / "modelref"

    @property
    def lock_path(self) -> Path:
        """The advisory lock of writers."""
        return self.local_dir / "lock"

    @property
    def is_bare(self) -> bool:
        """Whether the repository has no work tree."""
        return bool(self._repo.is_bare)

    @property
    def pygit2(self) -> pygit2.Repository:
        """The library's handle, for the modules of this room alone."""
        return self._repo

    def config(self, key: str) -> str | None:
        """A value of git's configuration (the repository's, the user's or the system's), or ``None``."""
        try:
            return str(self._repo.config[key])
        except (KeyError, ValueError):
            return None

    def set_config(self, key: str, value: str) -> None:
        """Set a value in the repository's own configuration."""
        self._repo.config[key] = value

    @property
    def remote(self) -> str | None:
        """The remote at which this repository's refs count, if it is a clone that says so: ``modelref.remote``."""
        return self.config("modelref.remote") or None

    def counted(self, branch: str) -> str:
        """The ref at which *branch* (``refs/heads/…``) counts: in a clone that of the remote, as it was last seen."""
        remote = self.remote
        if remote is None:
            return branch
        return f"refs/remotes/{remote}/{branch.removeprefix('refs/heads/')}"

    def buffer(self) -> ObjectBuffer:
        """A new, empty buffer over this repository's objects."""
        return ObjectBuffer(self.read, self.size)

    def read(self, oid: str) -> tuple[str, bytes]:
        """``(kind, payload)`` of an object.

        Raises:
            IntegrityFailure: there is no such object, or it cannot be read.
            NotFound: this clone is shallow or partial, and did not fetch it.
        """
        for last in (False, True):
            try:
                kind, payload = self._repo.odb.read(oid)
                return _KINDS[kind], bytes(payload)
            except (KeyError, pygit2.GitError, ValueError, OSError) as error:
                if last:
                    raise self._unreadable(oid, error) from error
                # Packs may have been joined or repacked since the repository was opened.
                self._repo = self._opened()
        raise AssertionError("unreachable")

    def size(self, oid: str) -> int:
        """The bytes of an object, which is not read.

        Raises:
            IntegrityFailure, NotFound: as `read`.
        """
        for last in (False, True):
            try:
                return int(self._repo.odb.read_header(oid)[1])
            except (KeyError, pygit2.GitError, ValueError) as error:
                if last:
                    raise self._unreadable(oid, error) from error
                self._repo = self._opened()
        raise AssertionError("unreachable")

    def _unreadable(self, oid: str, error: Exception) -> ModelrefError:
        """Why an object cannot be read: a clone need not have all, and then nothing is broken."""
        from modelref_git.store import unlogged

        failure = IntegrityFailure(f"the object {oid} is missing or cannot be read: {error}")
        return unlogged.unfetched(self, oid) or failure

    def has(self, oid: str) -> bool:
        """Whether an object is there."""
        try:
            return bool(self._repo.odb.exists(oid))
        except ValueError:
            return False  # a text that is no object's id, as something made by hand may name one

    def write(self, objects: ObjectBuffer) -> None:
        """Write what *objects* holds as one pack, synced; nothing refers to it yet."""
        if len(objects):
            from modelref_git.store import pack

            pack.write_pack(self.disk, self.pack_folder, objects.objects())

    @property
    def pack_folder(self) -> Path:
        """Where packs stand."""
        return self.git_dir / "objects" / "pack"

    def join_packs(self) -> int:
        """Join small packs when there are many; gives how many were joined."""
        from modelref_git.store import pack

        return pack.join_small_packs(self.disk, self.pack_folder)

    def read_commit(self, oid: str) -> Commit:
        """A commit.

        Raises:
            IntegrityFailure: there is no such commit.
        """
        kind, payload = self.read(oid)
        if kind != "commit":
            raise IntegrityFailure(f"{oid} is a {kind}, not a commit")
        return Commit.decode(oid, payload)

    def resolve(self, revision: str) -> str:
        """The commit that a revision names.

        Raises:
            NotFound: it names none.
        """
        try:
            found = self._repo.revparse_single(revision)
            return str(found.peel(pygit2.Commit).id)
        except (KeyError, ValueError, pygit2.GitError) as error:
            hint = "a branch, a tag or a commit id is a revision"
            if self._repo.is_shallow:
                hint += "; this clone is shallow, and `git fetch --unshallow` fetches older ones"
            raise NotFound(f"there is no revision {revision!r}", hint=hint) from error

    def first_parents(self, start: str | None) -> Iterator[Commit]:
        """The commits from *start* back along first parents."""
        while start is not None:
            commit = self.read_commit(start)
            yield commit
            start = commit.parents[0] if commit.parents else None

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether *old* is *new* or one of the commits behind it.

        Raises:
            IntegrityFailure: one of them, or one between them, is missing or no commit.
        """
        try:
            return old == new or bool(self._repo.descendant_of(new, old))
        except (KeyError, pygit2.GitError, ValueError) as error:
            raise IntegrityFailure(f"whether {old} is behind {new} cannot be told: {error}") from error

    def run_git(self, *words: str) -> str:
        """Run the ``git`` program on this repository; gives what it prints.

        Raises:
            NotFound: there is no such program.
            IntegrityFailure: it failed.
        """
        import subprocess

        try:
            done = subprocess.run(
                ["git", "--git-dir", str(self.git_dir), *words],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "LC_ALL": "C"},
            )
        except FileNotFoundError as error:
            raise NotFound("the git program is not installed, or not on PATH") from error
        if done.returncode:
            raise IntegrityFailure(f"git {words[0]} failed: {done.stderr.strip()}")
        return done.stdout

    @property
    def is_dataset(self) -> bool:
        """Whether the repository holds a queue log."""
        return self.refs.read(layout.QUEUE) is not None


def user_config(key: str) -> str | None:
    """A value of git's configuration where there is no repository: the user's, else the system's, or ``None``."""
    for find in (
        pygit2.Config.get_global_config,
        pygit2.Config.get_xdg_config,
        pygit2.Config.get_system_config,
    ):
        try:
            return str(find()[key])
        except (OSError, KeyError, ValueError):
            continue
    return None


_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
