from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.calls import CHECKOUT, call
from tests.support.clones import server_and_clones
from tests.support.transports import repositories
from tests.support.transports.fixtures import Transport
from tests.support.transports.proxy import Cut, Proxy, closed_port
from tests.support.transports.smart_http import HttpServer
from tests.support.world import CAROL, World


@pytest.fixture
def server(tmp_path: Path) -> World:
    return server_and_clones(tmp_path)[0]


def test_a_clone_can_be_worked_in_at_once(transport: Transport, server: World, tmp_path: Path) -> None:
    answer = call("--json", "clone", transport.url(server.path), str(tmp_path / "mine")).ok()
    refs = server.refs()
    assert answer.json == {
        "path": str(tmp_path / "mine"),
        "remote": "origin",
        "main": refs["refs/heads/main"],
        "queue": refs["refs/heads/queue"],
    }
    assert answer.err == b""
    mine = World(tmp_path / "mine")
    assert mine.git("status", "--porcelain") == ""
    number = mine.run("propose", "delete", "clip", "ViT-L/14", actor=CAROL).ok().json["change_id"]
    assert server.run("show", str(number)).ok().json["requested_username"] == CAROL


def test_people_are_told_where_it_is_and_how_to_go_on(server: World, tmp_path: Path) -> None:
    answer = call("clone", f"file://{server.path}", str(tmp_path / "mine")).ok()
    assert answer.out.decode() == f"cloned into {tmp_path / 'mine'}\n"
    assert "modelref-git status" in answer.err.decode()
    quiet = call("-q", "clone", f"file://{server.path}", str(tmp_path / "other")).ok()
    assert quiet.err == b""


def refused(url: str, target: Path, code: int, words: str) -> str:
    """The message of a clone that does not come about, and leaves nothing behind."""
    answer = call("--json", "clone", url, str(target))
    assert (answer.code, answer.out) == (code, b"")
    assert answer.error["code"] == {3: "not_found", 4: "conflict", 8: "remote"}[code]
    message: str = answer.error["message"]
    assert words in message
    assert not target.exists() or list(target.iterdir())
    return message


def test_no_repository_is_not_found(transport: Transport, tmp_path: Path) -> None:
    refused(transport.url(tmp_path / "none.git"), tmp_path / "mine", 3, "there is no repository at")


def test_a_repository_without_a_queue_is_not_found_and_the_command_for_it_is_told(
    http: HttpServer, tmp_path: Path
) -> None:
    plain = repositories.make_bare(tmp_path / "plain.git")
    repositories.git(plain, "fetch", "-q", ".", check_in(plain))
    for url in (str(plain), http.url(plain), http.url(repositories.make_bare(tmp_path / "empty.git"))):
        message = refused(url, tmp_path / "mine", 3, "no branch `queue`")
        assert "`git clone`" in message
        assert "`modelref-git init`" in message


def check_in(path: Path) -> str:
    """A branch `main` of a plain repository."""
    repositories.git(path, "update-ref", "refs/heads/main", repositories.make_commits(path, 1)[0])
    return "main"


def test_a_folder_that_holds_something_is_a_conflict(server: World, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    refused(str(server.path), tmp_path / "mine", 4, "not empty")


def test_no_network_and_no_rights_are_the_remotes_affair(http: HttpServer, server: World, tmp_path: Path) -> None:
    refused(http.url(server.path, port=closed_port()), tmp_path / "mine", 8, "did not answer")
    http.door(server.path).passwords = {"carol": "right"}
    refused(http.url(server.path), tmp_path / "mine", 8, "let nobody in")
    refused(http.url(server.path, user="carol:wrong"), tmp_path / "mine", 8, "let nobody in")
    call("--json", "clone", http.url(server.path, user="carol:right"), str(tmp_path / "mine")).ok()


def test_a_clone_that_is_cut_off_leaves_nothing_behind(http: HttpServer, server: World, tmp_path: Path) -> None:
    url = http.url(server.path)
    wire = Proxy(http.port, lambda number: Cut(to_client=20_000))
    try:
        refused(url.replace(str(http.port), str(wire.port)), tmp_path / "mine", 8, "broke off")
    finally:
        wire.close()
    assert wire.cut


def test_a_folder_that_was_there_and_empty_stays_empty(server: World, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert call("clone", str(tmp_path / "none.git"), str(tmp_path / "mine")).code == 3
    assert list((tmp_path / "mine").iterdir()) == []
    call("clone", str(server.path), str(tmp_path / "mine")).ok()


def test_an_address_is_no_option(server: World, tmp_path: Path) -> None:
    answer = call("--json", "clone", "--", f"--upload-pack=touch {tmp_path / 'evil'};", str(tmp_path / "mine"))
    assert answer.code in (3, 8)
    assert not (tmp_path / "evil").exists()
    assert call("--json", "clone").code == 2


def test_progress_is_shown_on_a_terminal_only(server: World, tmp_path: Path) -> None:
    assert b"objects" not in call("clone", f"file://{server.path}", str(tmp_path / "piped")).ok().err
    shown = on_a_terminal("clone", f"file://{server.path}", str(tmp_path / "seen"))
    assert b"objects" in shown
    assert b"objects" not in on_a_terminal("-q", "clone", f"file://{server.path}", str(tmp_path / "quiet"))


def on_a_terminal(*words: str) -> bytes:
    """What a command says on stderr where that is a terminal; stdout is a pipe."""
    main, side = os.openpty()
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-m", "modelref_git", *words], env=env, stdout=subprocess.PIPE, stderr=side, stdin=side
    ) as process:
        os.close(side)
        said = b""
        try:
            while piece := os.read(main, 65536):
                said += piece
        except OSError:
            pass  # how a terminal ends
        finally:
            os.close(main)
        assert process.wait() == 0
        assert process.stdout is not None
        assert b"objects" not in process.stdout.read()
    return said


def test_without_git_the_message_says_so(server: World, tmp_path: Path) -> None:
    assert shutil.which("git")
    answer = call("--json", "clone", str(server.path), str(tmp_path / "mine"), env={"PATH": str(tmp_path)})
    assert answer.code == 3
    assert "git program is not installed" in answer.error["message"]
