"""Bare repositories as hosts keep them: some take no push as one, some refuse a branch, each in the words of a hook."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def git(path: Path, *words: str, stdin: bytes = b"") -> str:
    """What the ``git`` program says about the repository at *path*; it must not fail."""
    done = subprocess.run(["git", "-C", str(path), *words], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr.decode()}"
    return done.stdout.decode().strip()


def make_bare(path: Path) -> Path:
    """A new, empty one."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)
    return path


def make_commits(path: Path, count: int, *, size: int = 0) -> list[str]:
    """So many commits in a row, oldest first; each holds a file of *size* random bytes. No ref is moved."""
    made: list[str] = []
    for number in range(count):
        blob = git(path, "hash-object", "-w", "--stdin", stdin=f"{number}\n".encode() + os.urandom(size))
        tree = git(path, "mktree", stdin=f"100644 blob {blob}\tfile\n".encode())
        parents = ["-p", made[-1]] if made else []
        who = ["-c", "user.name=somebody", "-c", "user.email=somebody@people.example"]
        made.append(git(path, *who, "commit-tree", tree, *parents, "-m", f"commit {number}"))
    return made


def refs(path: Path) -> dict[str, str]:
    """Every ref with its object."""
    rows = git(path, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(row.split(" ") for row in rows)  # type: ignore[misc] # two words each


def refuse_atomic(path: Path) -> None:
    """Say that several refs cannot be moved as one."""
    git(path, "config", "receive.advertiseAtomic", "false")


def refuse_refs(path: Path, *patterns: str, words: str = "this name is not for you") -> None:
    """Refuse each of the refs that match a shell pattern, and take the others of the same push."""
    rows = "".join(f"  {pattern}) echo {words!r} >&2; exit 1 ;;\n" for pattern in patterns)
    hook(path, "update", f'case "$1" in\n{rows}esac\nexit 0\n')


def protect(path: Path, *branches: str, words: str = "{} is protected") -> None:
    """Refuse every push that moves one of *branches*, whole."""
    rows = "".join(f"  refs/heads/{row}) echo {words.format(row)!r} >&2; exit 1 ;;\n" for row in branches)
    hook(path, "pre-receive", f'while read -r old new ref; do\n  case "$ref" in\n{rows}  esac\ndone\nexit 0\n')


def hook(path: Path, name: str, script: str) -> None:
    """A hook of the bare repository at *path*, in the words of the shell."""
    file = path / "hooks" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}")
    file.chmod(0o755)
