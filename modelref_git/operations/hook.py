"""Hook: what a server of one's own refuses of a push, and what it does once it took one."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from modelref_git.errors import Conflict, UsageFault
from modelref_git.store import layout
from modelref_git.store.git import GitStore
from modelref_git.store.lock import writer_lock
from modelref_git.store.publishing import Here

PRE_RECEIVE: Final = "pre-receive"
POST_RECEIVE: Final = "post-receive"
TRANSACTION: Final = "reference-transaction"
NAMES: Final = (PRE_RECEIVE, TRANSACTION, POST_RECEIVE)

_MARK: Final = "# Made by `modelref-git hook install --server`, which also brings it up to date."

_IF_THE_LOG_MOVED: Final = """\
grep -q ' refs/heads/queue$' || exit 0
"""
"""The branches follow the log, so there is nothing to do where it did not move."""

_MAIN_ALONE: Final = r"""# Without --atomic git moves the refs of a push one by one, main before queue, after
# pre-receive judged them together. If queue could not follow, main would be where no event says: so git stops there.
test "$1" = prepared || exit 0
moves=$(cat)
printf '%s\n' "$moves" | grep -q ' refs/heads/queue$' && exit 0
new=$(printf '%s\n' "$moves" | sed -n 's|^[0-9a-f]* \([0-9a-f]*\) refs/heads/main$|\1|p')
case "$new" in *[!0]*) ;; *) exit 0 ;; esac
git cat-file blob refs/heads/queue:state.json 2>/dev/null | grep -q "\"main\": \"$new\"" && exit 0
echo "refused by hook.main: the log does not say yet that main is at $new; push both with --atomic" >&2
exit 1
"""
"""Of the shell alone, since git asks it at every move of a ref."""


def follow_push(store: GitStore, warn: Callable[[str], None] = lambda _: None) -> None:
    """Bring the branches to where the log says, after a push was taken.

    What cannot follow is told to *warn*: the push has happened, and the next writer does it.
    """
    with writer_lock(store.lock_path):
        head = store.refs.read(layout.QUEUE)
        if head is not None:
            Here(store, warn).follow(head)


@dataclass(frozen=True, slots=True)
class Installed:
    """One hook of a repository, and whether it was written anew."""

    path: Path
    written: bool

    def as_json(self) -> dict[str, Any]:
        """The entry of the answer."""
        return {"name": self.path.name, "path": str(self.path), "written": self.written}


def install_hooks(store: GitStore, *, dry_run: bool = False) -> list[Installed]:
    """Make the repository one that judges what is pushed to it. What is there already and ours is brought up to date.

    Raises:
        Conflict: a hook of somebody else's stands there. Nothing was written.
        UsageFault: git takes the hooks of this repository from a folder outside it.
        NotFound: there is no git program.
    """
    folder = _folder(store)
    texts = {folder / name: script(name) for name in NAMES}
    for path in texts:
        if path.exists() and _MARK not in path.read_text("utf-8", "replace"):
            raise Conflict(
                f"{path} is a hook that somebody else put there; nothing was changed",
                hint="move it away and install again; docs/server.md says how to have both",
            )
    done = []
    for path, text in texts.items():
        fresh = not path.is_file() or path.read_text("utf-8", "replace") != text or not path.stat().st_mode & 0o100
        if fresh and not dry_run:
            store.disk.make_folder(folder)
            store.disk.write_file(path, text.encode(), mode=0o755)
        done.append(Installed(path, fresh))
    return done


def _folder(store: GitStore) -> Path:
    """Where git looks for the hooks of the repository."""
    named = store.config("core.hooksPath")
    ours = store.git_dir / "hooks"
    if named is None:
        return ours
    found = (store.git_dir / Path(named).expanduser()).resolve()
    if found != ours.resolve():
        raise UsageFault(
            f"git takes the hooks of this repository from {found} (core.hooksPath), which may be those of others too",
            hint=f"`git -C {store.git_dir} config core.hooksPath {ours}` makes it look into the repository",
        )
    return ours


def script(name: str) -> str:
    """The text of a hook: it calls this very program, which need not be on the server's PATH."""
    words: Sequence[str] = (Path(sys.executable).as_posix(), "-P", "-m", "modelref_git", "hook", "run", name)
    call = f"exec {shlex.join(words)}\n"
    texts = {PRE_RECEIVE: call, TRANSACTION: _MAIN_ALONE, POST_RECEIVE: _IF_THE_LOG_MOVED + call}
    return f"#!/bin/sh\n{_MARK}\n{texts[name]}"
