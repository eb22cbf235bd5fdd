"""Fixtures that give a test each way to reach a repository; servers live as long as the tests' process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from tests.support.transports.proxy import Proxy
from tests.support.transports.smart_http import HttpServer, NoBackend
from tests.support.transports.sshd import NoSshd, SshServer

TRANSPORTS = ("file", "ssh", "http")


class Transport(Protocol):
    """One way to reach a bare repository on this machine."""

    @property
    def name(self) -> str:
        """``file``, ``ssh`` or ``http``."""

    @property
    def env(self) -> Mapping[str, str]:
        """The variables with which git finds its way; the fixtures set them."""

    def url(self, repository: Path) -> str:
        """The address of *repository*."""


_T = TypeVar("_T", bound=Transport)


class Server(Transport, Protocol):
    """One with a port, before which a proxy can stand."""

    port: int

    def url(self, repository: Path, *, port: int | None = None) -> str:
        """The address of *repository*, or that of a proxy's *port*."""


class Files:
    """The file system, through git's own programs."""

    name = "file"
    env: Mapping[str, str] = {}

    def url(self, repository: Path) -> str:
        """The address of *repository*."""
        return f"file://{repository.resolve()}"


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """The server for ssh; where there is none the tests that want it are left out, and say why."""
    try:
        server = SshServer(tmp_path_factory.mktemp("sshd"))
    except NoSshd as error:
        pytest.skip(f"NOTHING IS TESTED OVER SSH: {error}")
    yield server
    server.close()


@pytest.fixture(scope="session")
def httpd() -> Iterator[HttpServer]:
    """The server for smart HTTP; where there is none the tests that want it are left out, and say why."""
    try:
        server = HttpServer()
    except NoBackend as error:
        pytest.skip(f"NOTHING IS TESTED OVER HTTP: {error}")
    yield server
    server.close()


@pytest.fixture
def ssh(sshd: SshServer, monkeypatch: pytest.MonkeyPatch) -> SshServer:
    """The server for ssh, with git set up to come in."""
    return entered(sshd, monkeypatch)


@pytest.fixture
def http(httpd: HttpServer, monkeypatch: pytest.MonkeyPatch) -> HttpServer:
    """The server for smart HTTP, with git set up to come in."""
    return entered(httpd, monkeypatch)


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Transport:
    """Each way, one after the other."""
    if request.param == "file":
        return Files()
    found: Transport = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["ssh", "http"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each way that has a port."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A wire to the server that can be cut."""
    wire = Proxy(server.port)
    yield wire
    wire.close()


def entered(transport: _T, monkeypatch: pytest.MonkeyPatch) -> _T:
    """*transport*, with git set up to use it."""
    for name, value in transport.env.items():
        monkeypatch.setenv(name, value)
    return transport
