"""What import-linter cannot say of Python's own modules."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.calls import CHECKOUT

PACKAGE = CHECKOUT / "modelref_git"
NETWORK = ("asyncio", "ftplib", "http", "imaplib", "poplib", "smtplib", "urllib.request", "xmlrpc")
"""Not socket: the store asks it for the name of this machine, and pygit2 loads it with ssl."""
NUMBERS = "http.HTTPStatus"
"""The names of statuses, and nothing that talks."""


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _is_network(name: str) -> bool:
    return name != NUMBERS and any(name == module or name.startswith(f"{module}.") for module in NETWORK)


def test_only_this_room_talks_to_the_network() -> None:
    talking = {
        (path.relative_to(PACKAGE).parts[0], name.partition(".")[0])
        for path in PACKAGE.rglob("*.py")
        for name in _imports(path)
        if _is_network(name)
    }
    # The service answers and asks nobody: asyncio is the loop that it answers from.
    assert {room for room, _ in talking - {("server", "asyncio")}} == {"fetch"}


def test_the_modules_for_it_are_loaded_when_they_are_needed() -> None:
    code = (
        "import sys, modelref_git.cli.download, modelref_git.operations.download;"
        f"print([name for name in {NETWORK} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=True, capture_output=True)
    assert done.stdout.strip() == b"[]"
