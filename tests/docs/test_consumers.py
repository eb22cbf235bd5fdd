"""The page for consumers: its sessions, its Python and its script are run as they stand."""

from __future__ import annotations

import doctest
import io
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from modelref_git.cli.exits import CODES
from modelref_git.formats import manifest
from modelref_git.reading.export import open_export
from tests.docs.session import CHECKOUT, Command, blocks, commands, play, timeless
from tests.support.world import World

PAGE = CHECKOUT / "docs" / "consumers.md"


class _Quiet(SimpleHTTPRequestHandler):
    """A web server's answers, with the paths that were asked for kept."""

    asked: list[str]

    def log_message(self, *_: Any) -> None:
        self.asked.append(self.path)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".gitconfig"
    file.write_text("[user]\n\tname = olivia\n\temail = olivia@people.example\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.long
def test_the_sessions_print_what_they_show(settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands and Python by turns: what comes before the second session of Python is run before it."""
    shown = commands(PAGE)
    second = next(number for number, command in enumerate(shown) if "propose update" in command.line)
    monkeypatch.chdir(tmp_path)
    python = [block.text for block in blocks(PAGE) if block.language == "pycon"]
    globs: dict[str, Any] = {}
    found = play([command.line for command in shown[:second]], tmp_path)
    _run_python("".join(python[:-1]), globs)
    found += play([command.line for command in shown[second:]], tmp_path)
    assert "FAILED" not in found[-1].output, found[-1]
    _run_python(python[-1], globs)
    assert [_timeless(command) for command in found] == [_timeless(command) for command in shown]


def _timeless(command: Command) -> Command:
    return Command(command.line, timeless(command.output))


def _run_python(text: str, globs: dict[str, Any]) -> None:
    test = doctest.DocTestParser().get_doctest(text, globs, "page", str(PAGE), 0)
    said = io.StringIO()
    doctest.DocTestRunner().run(test, out=said.write, clear_globs=False)
    globs.update(test.globs)
    assert said.getvalue() == ""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A web server of a folder ``www``: its address, and what it is asked for."""
    (tmp_path / "www").mkdir()
    handler = type("Handler", (_Quiet,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(tmp_path / "www"))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/current", handler.asked  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


def fetch(script: Path, url: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, str(script), url, str(folder)], capture_output=True, check=False)


def test_the_script_brings_a_copy_up_to_date_and_fetches_only_what_changed(
    settings: None, tmp_path: Path, web: tuple[str, list[str]]
) -> None:
    (source,) = [block.text for block in blocks(PAGE) if block.language == "python"]
    script = tmp_path / "fetch.py"
    script.write_text(source, encoding="utf-8")
    url, asked = web
    world = World.make(tmp_path / "world")
    replica = tmp_path / "www"
    world.run("replica", "init", str(world.path), str(tmp_path / "made")).ok()
    replica.rmdir()
    (tmp_path / "made").rename(replica)
    copy = tmp_path / "copy"
    done = fetch(script, url, copy)
    assert done.returncode == 0, done.stderr.decode()
    assert manifest.check(copy) == []

    asked.clear()
    world.apply(world.approve(world.update("clip", "ViT-L/14", {"/description": "Words"})))
    world.run("replica", "sync", str(replica)).ok()
    done = fetch(script, url, copy)
    fetched = sorted(line.split()[-1] for line in done.stdout.decode().splitlines())
    assert len(fetched) == len(asked) - 1 == 3
    assert fetched[0] == "clip.json"
    assert re.fullmatch(r"records/clip/[0-9a-f]\.json", fetched[1])
    assert fetched[2] == "records/clip/index.json"
    assert manifest.check(copy) == []
    assert open_export(copy).get("clip", "ViT-L/14")["description"] == "Words"
    assert [change.name for change in open_export(replica).changes_since(open_export(copy))] == []

    file = replica / "current/clip.json"
    file.write_bytes(file.read_bytes().replace(b"Words", b"Wards"))
    (copy / "clip.json").unlink()
    done = fetch(script, url, copy)
    assert done.returncode == 1
    assert b"not what the manifest says" in done.stderr
    row = {**open_export(copy).manifest.files[0].as_json(), "path": "../../secret"}
    document = json.loads((copy / "manifest.json").read_bytes())
    (replica / "current/manifest.json").unlink()
    (replica / "current/manifest.json").write_text(json.dumps({**document, "files": [row]}), encoding="utf-8")
    assert b"leads out of the folder" in fetch(script, url, copy).stderr


def test_the_page_ends_with_what_can_go_wrong_and_names_exit_codes_that_there_are() -> None:
    heading, *rows = PAGE.read_text(encoding="utf-8").split("\n## ")[-1].splitlines()
    assert heading == "What can go wrong"
    codes = [int(row.split(" | ")[1]) for row in rows if row.startswith("| `")]
    assert len(codes) > 4
    assert set(codes) <= {*CODES.values()}
