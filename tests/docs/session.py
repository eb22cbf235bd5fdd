"""Sessions in the documentation: read from a page, run as they stand, and compared without what differs each time."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
README = CHECKOUT / "README.md"
SHOWN_FOLDER = "/home/you"
"""Where a session on a page is said to happen."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "\x01"


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a session, and what it printed."""

    line: str
    output: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page in their order."""
    return [Block(*found) for found in _FENCE.findall(page.read_text(encoding="utf-8"))]


def commands(page: Path) -> list[Command]:
    """The commands of all sessions of a page, each with the output that is shown."""
    text = "".join(block.text for block in blocks(page) if block.language == "console")
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
    assert parts[0] == "", "a session begins with a command"
    return [Command(line, output) for line, output in zip(parts[1::2], parts[2::2], strict=True)]


def play(lines: list[str], folder: Path) -> list[Command]:
    """Run *lines* one after the other in one shell that starts in *folder*; every one must succeed."""
    programs = folder / "bin"
    programs.mkdir()
    program = programs / "modelref-git"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m modelref_git "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = "".join(f"printf '{_MARK}'\n{line} || {{ echo FAILED; exit 1; }}\n" for line in lines)
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env={
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONUTF8": "1",
        },
    )
    outputs = done.stdout.decode().replace(str(folder), SHOWN_FOLDER).split(_MARK)[1:]
    return [Command(line, output) for line, output in zip(lines, outputs, strict=False)]


def timeless(text: str) -> str:
    """*text* without what is different in every run: ids of objects, times, and white space at the ends of lines."""
    text = re.sub(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\b", "<date>", text)
    text = re.sub(r"\b1[0-9]{9}\b", "<time>", text)
    text = re.sub(r"\b(?:[0-9a-f]{40}|[0-9a-f]{12})\b", "<oid>", text)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    # An abbreviated id stands first in its line, behind the drawing of a graph; git makes it longer where it must.
    return re.sub(r"^([ *|\\/]*)[0-9a-f]{7,10}(?= )", r"\1<oid>", text, flags=re.MULTILINE)


def check_page(page: Path, folder: Path, clean: Callable[[str], str] = timeless) -> None:
    """Run the sessions of *page* in *folder*: each command prints what is shown, but for what *clean* takes away."""
    shown = commands(page)
    found = play([command.line for command in shown], folder)
    assert [command.line for command in found] == [command.line for command in shown], found[-1].output
    assert "FAILED" not in found[-1].output
    assert [(one.line, clean(one.output)) for one in found] == [(one.line, clean(one.output)) for one in shown]
