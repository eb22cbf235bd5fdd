"""Small things to store: Git repositories without a dataset, and what stock ``git`` says about them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from modelref_git.store.git import GitStore
from modelref_git.store.objects import EMPTY_TREE, Commit, Signature
from modelref_git.store.trees import FILE, TreeEditor, walk

SOMEBODY = Signature("Somebody", "somebody@people.example", 1_750_000_000)


def git(path: Path, *words: str, stdin: bytes = b"", check: bool = True) -> str:
    """What the ``git`` program prints on stdout."""
    done = subprocess.run(["git", "-C", str(path), *words], input=stdin, capture_output=True, check=False)
    assert not check or done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def fsck(path: Path) -> None:
    """Every object and ref is as stock ``git`` wants it, and it has nothing to say."""
    done = subprocess.run(
        ["git", "-C", str(path), "fsck", "--strict", "--no-dangling", "--no-progress"], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def bare(path: Path) -> GitStore:
    """A new repository without a work tree, and without anything in it."""
    return GitStore.create(path, bare=True)


def commit(store: GitStore, files: Mapping[str, bytes], *parents: str, message: str = "a commit\n") -> str:
    """Write a commit whose tree holds exactly *files*; gives its id."""
    objects = store.buffer()
    editor = TreeEditor(objects, None)
    for path, data in files.items():
        editor.put(path, objects.add("blob", data))
    if not files:
        objects.add("tree", b"")
    oid = objects.add_commit(Commit(editor.write(), parents, SOMEBODY, SOMEBODY, message))
    store.write(objects)
    return oid


def files_of(store: GitStore, tree: str) -> dict[str, tuple[int, str]]:
    """``(mode, blob)`` of each file of a tree by its path."""
    return {path: (entry.mode, entry.oid) for path, entry in walk(store.buffer(), tree)}


__all__ = ["EMPTY_TREE", "FILE", "SOMEBODY", "bare", "commit", "files_of", "fsck", "git"]
