"""The page about webhooks: its receiver and its session are run as they stand, and what it says of the file is so."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modelref_git.fetch.post import TIMEOUT
from modelref_git.operations.webhooks import message, outcome
from modelref_git.operations.webhooks.message import new_secret, ping
from modelref_git.operations.webhooks.registry import Registry
from modelref_git.store.index import Index
from tests.docs.session import CHECKOUT, blocks, check_page, timeless
from tests.support.fixtures import empty_world
from tests.support.webhooks import add, propose
from tests.support.world import World

__all__ = ["empty_world"]

PAGE = CHECKOUT / "docs" / "webhooks.md"
TEXT = PAGE.read_text(encoding="utf-8")
PORT = "8800"


@contextmanager
def listening(program: str, folder: Path, port: str) -> Iterator[None]:
    """The page's receiver, running in *folder*."""
    (folder / "receiver.py").write_text(program, encoding="utf-8")
    with (folder / "received").open("wb") as output:
        words = [sys.executable, "receiver.py"]
        running = subprocess.Popen(words, cwd=folder, stdout=output, env={**os.environ, "PYTHONUTF8": "1"})
    try:
        for _ in range(500):
            with socket.socket() as line:
                if line.connect_ex(("127.0.0.1", int(port))) == 0:
                    break
            assert running.poll() is None
            time.sleep(0.02)
        yield
    finally:
        running.kill()
        running.wait()


@pytest.mark.long
def test_the_session_of_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    (shown,) = set(re.findall(r"^webhook ([0-9a-f]{12}) tells", TEXT, re.MULTILINE))
    # A webhook has another id in each run, and the commands that follow name it.
    asked = r"$(modelref-git --json webhook list | grep -o '[0-9a-f]\\{12\\}')"
    page = tmp_path / "webhooks.md"
    text = re.sub(rf"^(\$ .*){shown}", rf"\1{asked}", TEXT, flags=re.MULTILINE).replace(PORT, port)
    page.write_text(text, encoding="utf-8")
    (program,) = [block.text for block in blocks(page) if block.language == "python"]
    with listening(program, tmp_path, port):
        check_page(page, tmp_path, timeless)


def verified() -> Any:
    """The page's own function."""
    (program,) = [block.text for block in blocks(PAGE) if block.language == "python"]
    names: dict[str, Any] = {}
    exec(program.partition("\n\nHTTPServer(")[0], names)
    return names["verified"]


def test_what_the_page_verifies_is_what_is_sent_and_nothing_else() -> None:
    secret, now = new_secret(), int(time.time())
    sent = ping("ab" * 20, "5f2a90c1d3e4", now)
    headers = sent.headers(secret, now)
    check = verified()
    assert check(secret, headers, sent.body)
    assert not check(secret, headers, sent.body + b" ")
    assert not check(new_secret(), headers, sent.body)
    assert not check(secret, {**headers, "webhook-id": "other"}, sent.body)
    assert not check(secret, {**headers, "webhook-timestamp": str(now + 1)}, sent.body)
    assert not check(secret, sent.headers(secret, now - 301), sent.body)


def members(heading: str) -> set[str]:
    """What the table of a section names in its first column."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return {
        name for cell in re.findall(r"^\| (`.*?) \| ", section, re.MULTILINE) for name in re.findall(r"`(.*?)`", cell)
    }


def test_the_file_and_the_requests_are_as_the_page_describes_them(empty_world: World) -> None:
    add(empty_world, "https://receiver.example/")
    document = json.loads(Registry(empty_world.store).path.read_bytes())
    (row,) = document["webhooks"].values()
    assert {*document, *row} == members("The file")
    empty_world.add_category("thing")
    empty_world.apply(empty_world.approve(*propose(empty_world, "one")))
    view = empty_world.context().view()
    with Index(view) as index:
        step = index.next_step(index.last_event - 1)
        assert step is not None
    body = json.loads(message.message_of(view, step, after=0).body)
    sent = new_secret()
    headers = ping("", "", 0).headers(sent, 0)
    assert {*body["data"], *headers} - {"Content-Type"} == members("What is sent")
    assert all(f"`{name}`" in TEXT for name in body["data"]["changes"][0])


def test_the_numbers_of_the_page_are_those_of_the_program() -> None:
    assert (message.MOST_EVENTS, TIMEOUT) == (50, 15.0)
    assert (outcome.SHORTEST, outcome.LONGEST, outcome.LONGEST_ASKED, outcome.PATIENCE) == (1, 3600, 86400, 5 * 86400)
    for words in (
        "up to 50 at a time",
        "within 15 seconds",
        "after 1 second",
        "up to an hour",
        "up to a day",
        "five days",
    ):
        assert words in " ".join(TEXT.split())
