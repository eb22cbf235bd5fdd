"""Sessions in the documentation: read from a page, run as they stand, and compared without what differs each time."""

from __future__ import annotations

import os
import re
import shlex
import socket
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
_PORT = re.compile(r"\b(?:8000|19800)\b")
"""Ports that pages show."""
_MARK = "\x01"
_TRAP = "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n"


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
    """Run *lines* one after the other in one shell that starts in *folder*; every one must succeed.

    What a line leaves running behind an ``&`` ends with the shell, however that ends.
    """
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    _write_program(programs / "modelref-git", "-m modelref_git ")
    _write_program(programs / "python", "")
    script = _TRAP + "".join(f"printf '{_MARK}'\n{_checked(line)}\n" for line in lines)
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


def _checked(line: str) -> str:
    return line if line.endswith("&") else f"{line} || {{ echo FAILED; exit 1; }}"


def _write_program(path: Path, words: str) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words}"$@"\n', encoding="utf-8")
    path.chmod(0o755)


def write_scripts(page: Path, folder: Path) -> list[Path]:
    """Write the Python programs of *page* into *folder*: each says in its first line what its file is called."""
    found = []
    for block in blocks(page):
        name = re.match(r'"""([\w-]+\.py)\b', block.text)
        if block.language == "python" and name is not None:
            found.append(folder / name[1])
            found[-1].write_text(block.text, encoding="utf-8")
    return found


def timeless(text: str) -> str:
    """*text* without what is different in every run: ids of objects, times, and white space at the ends of lines."""
    text = re.sub(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\b", "<date>", text)
    text = re.sub(r"\b1[0-9]{9}\b", "<time>", text)
    text = re.sub(r"\b(?:[0-9a-f]{40}|[0-9a-f]{12})\b", "<oid>", text)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    # An abbreviated id stands first in its line, behind the drawing of a graph; git makes it longer where it must.
    return re.sub(r"^([ *|\\/]*)[0-9a-f]{7,10}(?= )", r"\1<oid>", text, flags=re.MULTILINE)


def check_page(page: Path, folder: Path, clean: Callable[[str], str] = timeless) -> None:
    """Run the sessions of *page* in *folder*: each command prints what is shown, but for what *clean* takes away.

    The page's Python programs lie there too, and a port that it names is a free one.
    """
    write_scripts(page, folder)
    ports: dict[str, str] = {}
    shown = commands(page)
    lines = [_PORT.sub(lambda found: ports.setdefault(found[0], _free_port()), command.line) for command in shown]
    found = play(lines, folder)
    assert [command.line for command in found] == lines, found[-1].output
    assert "FAILED" not in found[-1].output, found[-1]
    outputs = [command.output for command in found]
    for port, taken in ports.items():
        outputs = [output.replace(taken, port) for output in outputs]
    told = [(command.line, clean(output)) for command, output in zip(shown, outputs, strict=True)]
    assert told == [(command.line, clean(command.output)) for command in shown]


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])
