"""What git is told of record files in a repository's own configuration: who merges them, and who shows differences.

The dataset's ``.gitattributes`` names the merge driver and a clone's own settings say what it runs, since git takes no
commands from a commit. The diff driver is named in ``info/attributes``, which is this clone's alone, so that it is off
for everybody else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import pygit2

from modelref_git.errors import Conflict, WrongState
from modelref_git.store.git import GitStore

MERGE: Final = {
    "merge.modelref.name": "records, field by field",
    "merge.modelref.driver": "modelref-git merge-driver %O %A %B %P",
    "merge.modelref.recursive": "binary",
}
"""Git's settings for the merge of records, by name. ``recursive``: merge bases are not merged with conflict markers."""

DIFF_COMMAND: Final = "diff.modelref.command"
DIFF_PROGRAM: Final = "modelref-git diff-driver"
DIFF_ATTRIBUTE: Final = b"dataset/** diff=modelref"


def set_drivers(store: GitStore) -> None:
    """Have git merge records by field in this repository; what a person has set is left as it is.

    Raises:
        WrongState: git's configuration of the repository cannot be written.
    """
    for key, value in MERGE.items():
        if store.config(key) is None:
            _set(store, key, value)


def is_diff_driver_set(store: GitStore) -> bool:
    """Whether git shows differences of records by field in this repository."""
    return store.config(DIFF_COMMAND) == DIFF_PROGRAM and DIFF_ATTRIBUTE in _lines(_attributes(store))


def check_diff_driver(store: GitStore) -> None:
    """Refuse to take the place of a command that a person has set.

    Raises:
        Conflict: there is one.
    """
    command = store.config(DIFF_COMMAND)
    if command not in (None, DIFF_PROGRAM):
        raise Conflict(
            f"git's {DIFF_COMMAND} is {command!r} already", hint=f"take it out with `git config --unset {DIFF_COMMAND}`"
        )


def set_diff_driver(store: GitStore) -> None:
    """Have git show differences of records by field, in this repository alone.

    Raises:
        Conflict: a person has set another command under that name.
        WrongState: the repository's settings cannot be written.
    """
    check_diff_driver(store)
    if store.config(DIFF_COMMAND) is None:
        _set(store, DIFF_COMMAND, DIFF_PROGRAM)
    data = _attributes(store)
    if DIFF_ATTRIBUTE not in _lines(data):
        gap = b"\n" if data and not data.endswith(b"\n") else b""
        _write_attributes(store, data + gap + DIFF_ATTRIBUTE + b"\n")


def unset_diff_driver(store: GitStore) -> None:
    """Take back what :func:`set_diff_driver` did, and nothing that a person has set.

    Raises:
        WrongState: the repository's settings cannot be written.
    """
    data = _attributes(store)
    kept = [line for line in data.splitlines(keepends=True) if line.strip() != DIFF_ATTRIBUTE]
    if b"".join(kept) != data:
        _write_attributes(store, b"".join(kept))
    config = _own(store)
    # A person's own configuration, for all repositories, may say the same: only this repository's is taken back.
    if DIFF_COMMAND in config and config[DIFF_COMMAND] == DIFF_PROGRAM:
        with _told(DIFF_COMMAND):
            del config[DIFF_COMMAND]


def _own(store: GitStore) -> pygit2.Config:
    """The repository's own configuration, which its linked work trees share."""
    return pygit2.Config(str(store.git_dir / "config"))


def _set(store: GitStore, key: str, value: str) -> None:
    with _told(key):
        _own(store)[key] = value


@contextlib.contextmanager
def _told(key: str) -> Iterator[None]:
    try:
        yield
    except (pygit2.GitError, OSError, KeyError, ValueError) as error:
        raise WrongState(
            f"git's configuration cannot be written: {error}", hint=f"set {key} by `git config`"
        ) from error


def _attributes(store: GitStore) -> bytes:
    try:
        return (store.git_dir / "info" / "attributes").read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise WrongState(f"git's info/attributes cannot be read: {error}") from error


def _write_attributes(store: GitStore, data: bytes) -> None:
    path = store.git_dir / "info" / "attributes"
    try:
        if data:
            store.disk.make_folder(path.parent)
            store.disk.write_file(path, data)
        else:
            store.disk.remove(path)
    except OSError as error:
        raise WrongState(f"git's info/attributes cannot be written: {error}") from error


def _lines(data: bytes) -> list[bytes]:
    return [line.strip() for line in data.splitlines()]
