"""The same work by the ``git`` program, in a clone with a work tree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from worlds import CATEGORY

from modelref_git.operations.context import Context
from modelref_git.store import layout

SYNCED = "objects,derived-metadata,reference"
"""``core.fsync``: what git is told to sync so that it promises what we promise. Its default syncs packs alone."""


def git(repository: Path, *words: str, fsync: str | None = None, stdin: bytes | None = None) -> bytes:
    """Run git in a repository; the user's own configuration has no say."""
    options = [f"core.fsync={fsync}"] if fsync else []
    options += ["user.name=Owner", "user.email=owner@example.org", "gc.auto=0", "maintenance.auto=false"]
    command = ["git", "-C", str(repository)]
    for option in options:
        command += ["-c", option]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    done = subprocess.run([*command, *words], input=stdin, capture_output=True, check=False, env=environment)
    if done.returncode:
        sys.exit(f"git {words[0]} failed: {done.stderr.decode(errors='replace')}")
    return done.stdout


def clone(repository: Path, target: Path, *, branches: bool = False) -> Path:
    """A clone with a work tree, with the branches of proposals and batches too if wanted."""
    git(repository.parent, "clone", "-q", "--branch", "main", str(repository), str(target))
    if branches:
        fetch_branches(target)
    return target


def fetch_branches(work: Path) -> None:
    """Make the branches of proposals and batches anew, as they are in the repository that was cloned."""
    specs = [f"+refs/heads/{name}/*:refs/heads/{name}/*" for name in ("proposals", "batches")]
    git(work, "fetch", "-q", "origin", *specs)


def record_path(context: Context, name: str) -> str:
    """The file of a record."""
    return layout.record_path(CATEGORY, name, context.view().dataset().fan_out(CATEGORY))


def propose(work: Path, branch: str, path: str, data: bytes, *, fsync: str | None) -> None:
    """One proposal: a branch off main, the file, add, commit."""
    git(work, "checkout", "-q", "-b", branch, "main", fsync=fsync)
    (work / path).write_bytes(data)
    git(work, "add", "--", path, fsync=fsync)
    git(work, "commit", "-q", "-m", f"update {path}", fsync=fsync)


def branches(repository: Path) -> bytes:
    """Every branch with its commit."""
    return git(repository, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads")


def version() -> str:
    """Which git it is."""
    return subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.strip()
