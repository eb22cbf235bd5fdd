"""The page about a server of one's own: its session, and each way of telling who pushes as it is written there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.server import PAGE, page
from tests.docs.session import blocks, check_page
from tests.support import server as yards
from tests.support.server import Server
from tests.support.transports.fixtures import http, httpd, ssh, sshd
from tests.support.transports.smart_http import HttpServer
from tests.support.transports.sshd import SshServer
from tests.support.world import CAROL, World, clip

__all__ = ["http", "httpd", "ssh", "sshd"]


@pytest.fixture
def clone(tmp_path: Path) -> World:
    """A repository with a new change of Carol's that the server does not have."""
    world = yards.yard(tmp_path / "clone.git")
    world.create("clip", "new", clip("new"))
    return world


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """A server that runs as it would anywhere."""
    found = Server.of(yards.yard(tmp_path / "server.git").path)
    found.stand_alone()
    return found


@pytest.mark.long
def test_the_session_of_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    check_page(PAGE, tmp_path)


def test_the_table_of_rules_is_made_from_the_rules() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.docs.generated`"


def test_the_forced_command_tells_who_pushes_over_ssh(ssh: SshServer, server: Server, clone: World) -> None:
    (line,) = [line for block in blocks(PAGE) for line in block.text.splitlines() if line.startswith("restrict,")]
    option = re.fullmatch(r'restrict,(command=".*") ssh-ed25519 AAAA… carol@home', line)
    assert option is not None
    carol = ssh.client(ssh.key("carol", "restrict", option[1]))
    arthur = ssh.client(ssh.key("arthur", "restrict", option[1].replace("=2 ", "=3 ")))
    lie = {"MODELREF_ACTOR": "2", "REMOTE_USER": "2"}
    address = ssh.url(server.path)
    server.push(clone.path, "queue", url=address, env={**arthur, **lie}).refused("hook.actor")
    server.push(clone.path, "queue", url=address, env=ssh.env).refused("hook.actor")  # a key without a member
    server.push(clone.path, "queue", url=address, env=carol).ok()
    assert server.refs() == clone.refs()


def test_the_login_tells_who_pushes_over_http(http: HttpServer, server: Server, clone: World) -> None:
    http.url(server.path)
    http.door(server.path).passwords = {"2": "a", "arthur@people.example": "b"}
    arthur = http.url(server.path, user="arthur%40people.example:b")
    server.push(clone.path, "queue", url=arthur, env={"REMOTE_USER": CAROL}).refused("hook.actor")
    server.push(clone.path, "queue", url=http.url(server.path, user="2:a")).ok()
    assert server.refs() == clone.refs()
