"""The service behind a real socket: uvicorn on loopback in a thread, where the point is the connection itself."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from httpx import Client

from modelref_git.server.app import create_app
from modelref_git.server.service import Service
from modelref_git.server.settings import Settings
from tests.support.http import key_file
from tests.support.world import World

_STARTS_WITHIN = 30.0


@dataclass(slots=True)
class Live:
    """One service behind a socket."""

    world: World
    url: str
    """Its address, without a slash at the end."""
    service: Service
    server: uvicorn.Server

    def client(self, who: str | None = "olivia", **more: Any) -> Client:
        """A client with the key *who*; whoever takes it closes it."""
        headers = {"apikey": who} if who else {}
        return Client(base_url=self.url, headers=headers, timeout=30, trust_env=False, **more)


@contextmanager
def live(world: World, **settings: Any) -> Iterator[Live]:
    """The service over *world* behind a free port of loopback, with the keys of `tests.support.http`.

    Webhooks, the access log and the follower are off unless *settings* turn them on.
    """
    given = {"webhooks": False, "access_log": False, "follow": 0.0, "auth": ("file",), "grace": 2, **settings}
    given.setdefault("auth_file", key_file(world.path.parent / f"{world.path.name}.keys.json"))
    made = Settings(repo=world.path, **given)
    app = create_app(made)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, access_log=False, log_config=None, ws="none", timeout_graceful_shutdown=made.grace, lifespan="on"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        until = time.monotonic() + _STARTS_WITHIN
        while not server.started:
            assert thread.is_alive(), "the service did not start"
            assert time.monotonic() < until, "the service did not start in time"
            time.sleep(0.005)
        yield Live(world, f"http://127.0.0.1:{listening.getsockname()[1]}", app.state.service, server)
    finally:
        # As the signal that ends a real one does: the streams first, which the server would wait for.
        app.state.service.stopping.set()
        server.should_exit = True
        thread.join(_STARTS_WITHIN)
        listening.close()
        assert not thread.is_alive(), "the service did not end"
