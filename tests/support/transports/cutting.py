"""A program in the place of ``git-receive-pack`` or ``git-upload-pack`` that lets the real one run, and breaks off.

``remote.<name>.receivepack`` and ``.uploadpack`` name the program that git starts at the other side, over ``file://``
and over ssh alike. :class:`Gate` puts this one there. Each time it is started it takes the next line of a plan:

- ``before``: break off before the real one starts.
- ``input`` with ``bytes``: kill the real one after so many bytes from the client.
- ``output`` with ``bytes``: kill the real one after so many bytes to the client.
- ``after``: let the real one come to its end, but tell the client nothing of what it answered.
- ``leave`` with ``file``: go away once the file is there, and leave the real one to its work.
- ``first`` with ``command``: run a command, and only then start the real one.
- ``between`` with ``command``: run a command after the client read where the refs are, and before the real one hears
  what the client wants.

When the plan is used up, all goes through. It imports nothing of this project: git starts it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PIECE = 65536


@dataclass(slots=True)
class Gate:
    """What stands between a clone and the repository that it pushes to or fetches from."""

    plan: Path
    """One JSON object a line, each for one time that the program is started."""

    def program(self, real: str) -> str:
        """The value of ``remote.<name>.receivepack`` or ``.uploadpack``; *real* is the program that it starts."""
        words = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(self.plan), real]
        return " ".join(shlex.quote(word) for word in words)

    def stand_before(self, clone: Path, remote: str = "origin", *, pushes: bool = True, fetches: bool = False) -> None:
        """Have *clone* come through here, with its pushes, its fetches or both."""
        rows = [("receivepack", "git-receive-pack")] * pushes + [("uploadpack", "git-upload-pack")] * fetches
        for key, real in rows:
            words = ["git", "-C", str(clone), "config", f"remote.{remote}.{key}", self.program(real)]
            subprocess.run(words, check=True)

    def expect(self, *points: dict[str, Any]) -> None:
        """What is to be done, from the next time on."""
        self.plan.write_text("".join(json.dumps(point) + "\n" for point in points))

    @property
    def left(self) -> int:
        """So many points have not been come to."""
        return len(self.plan.read_text().splitlines())


def before() -> dict[str, Any]:
    """Break off before anything was said."""
    return {"at": "before"}


def within(count: int) -> dict[str, Any]:
    """Kill the other side after so many bytes from the client."""
    return {"at": "input", "bytes": count}


def answering(count: int) -> dict[str, Any]:
    """Kill the other side after so many bytes to the client."""
    return {"at": "output", "bytes": count}


def after() -> dict[str, Any]:
    """Let the other side finish, and swallow what it answers."""
    return {"at": "after"}


def leaving(file: Path) -> dict[str, Any]:
    """Be gone once *file* is there; the other side goes on, and nobody hears of it."""
    return {"at": "leave", "file": str(file)}


def let_through() -> dict[str, Any]:
    """Do nothing this time."""
    return {"at": "nothing"}


def first(command: Sequence[str]) -> dict[str, Any]:
    """Run *command* before the other side says where the refs are."""
    return {"at": "first", "command": list(command)}


def between(command: Sequence[str]) -> dict[str, Any]:
    """Run *command* after the client read where the refs are, and before its push is looked at."""
    return {"at": "between", "command": list(command)}


# --- what follows runs as the program ---


def take(plan: Path) -> dict[str, Any]:
    """Take the first line off the plan."""
    if not plan.exists():
        return let_through()
    with plan.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = file.read().splitlines(keepends=True)
        file.seek(0)
        file.truncate()
        file.writelines(lines[1:])
    found: dict[str, Any] = json.loads(lines[0]) if lines else let_through()
    return found


def run_other(point: dict[str, Any]) -> None:
    """Let somebody else do something; what git tells this program of its repository is not for them."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key in _KEPT}
    with Path(os.devnull).open("r+b") as nothing:
        subprocess.run(point["command"], check=False, stdin=nothing, stdout=nothing, stderr=nothing, env=env)


_KEPT = ("GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_TERMINAL_PROMPT")


def leave(file: Path) -> None:
    """End this program, and not the one that it started."""
    while not file.exists():
        time.sleep(0.01)
    os._exit(1)


def relay(source: int, sink: int, most: int | None, piece: Callable[[bytes], bytes]) -> bool:
    """Carry bytes over, *most* at the most; gives whether the bound was come to."""
    left = most
    while data := os.read(source, PIECE):
        data = piece(data)
        part = data if left is None else data[:left]
        while part:
            part = part[os.write(sink, part) :]
        if left is not None:
            left -= len(data)
            if left <= 0:
                return True
    return False


def main(words: Sequence[str]) -> int:
    """Stand in for the program that the second word names; what follows is for it."""
    point = take(Path(words[0]))
    if point["at"] == "before":
        return 1
    if point["at"] == "first":
        run_other(point)
    real = subprocess.Popen(words[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert real.stdin is not None
    assert real.stdout is not None
    asked = threading.Event()

    def going(data: bytes) -> bytes:
        if point["at"] == "between" and not asked.is_set():
            run_other(point)
        asked.set()
        return data

    def coming(data: bytes) -> bytes:
        return b"" if point["at"] == "after" and asked.is_set() else data

    def listen() -> None:
        most = point["bytes"] if point["at"] == "input" else None
        try:
            if relay(0, real.stdin.fileno(), most, going):
                real.kill()
        except BrokenPipeError:
            pass
        real.stdin.close()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    if point["at"] == "leave":
        threading.Thread(target=leave, args=(Path(point["file"]),), daemon=True).start()
    try:
        if relay(real.stdout.fileno(), 1, point["bytes"] if point["at"] == "output" else None, coming):
            real.kill()
    except BrokenPipeError:
        real.stdout.close()
    code = real.wait()
    # The listener may still wait for the client: nobody waits for it.
    os._exit(1 if code < 0 or point["at"] == "after" else code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
