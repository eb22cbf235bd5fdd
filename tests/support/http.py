"""The service in this process: the real application over a real repository, asked as clients ask."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from modelref_git.server.app import build, open_service
from modelref_git.server.settings import Settings
from tests.support.world import ARTHUR, CAROL, OWNER, World

V1 = "/model_references/v1"
V2 = "/model_references/v2"
Q1 = f"{V1}/pending_queue"
Q2 = f"{V2}/pending_queue"

KEYS = {
    "olivia": OWNER,
    "carol": CAROL,
    "arthur": ARTHUR,
    "nina": "nina#9",
}
"""Keys, and whose they are: an owner, a requestor, an approver, and somebody who is no member."""


def key_file(path: Path, keys: Mapping[str, str] = KEYS) -> Path:
    """A file of the provider ``file`` at *path*."""
    rows = {key: {"user_id": name.rpartition("#")[2], "username": name} for key, name in keys.items()}
    path.write_text(json.dumps({"keys": rows}))
    return path


_T = TypeVar("_T")


@dataclass(slots=True)
class Wire:
    """A client of one service. *who* is a key; ``None`` sends none."""

    world: World
    client: AsyncClient
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do *work* on the service's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def ask(
        self, method: str, path: str, who: str | None = "olivia", headers: Mapping[str, str] | None = None, **more: Any
    ) -> Response:
        """One request."""
        sent = {**({"apikey": who} if who else {}), **(headers or {})}
        return self.run(self.client.request(method, path, headers=sent, **more))

    def get(self, path: str, who: str | None = "olivia", **more: Any) -> Response:
        """One GET request."""
        return self.ask("GET", path, who, **more)

    def post(self, path: str, body: Any = None, who: str | None = "olivia", **more: Any) -> Response:
        """One POST request with a JSON body, if there is one."""
        return self.ask("POST", path, who, **({"json": body} if body is not None else {}), **more)

    def put(self, path: str, body: Any = None, who: str | None = "olivia", **more: Any) -> Response:
        """One PUT request with a JSON body, if there is one."""
        return self.ask("PUT", path, who, **({"json": body} if body is not None else {}), **more)

    def delete(self, path: str, who: str | None = "olivia", **more: Any) -> Response:
        """One DELETE request."""
        return self.ask("DELETE", path, who, **more)


_MODE = ("read_only", "canonical_format", "queue", "audit", "pages", "cors_origins")
"""The settings that decide which routes there are; all others are asked of the service by each request."""
_BUILT: dict[Settings, list[FastAPI]] = {}
"""Applications that are not in use, by their settings: routes take their time to build, and know no repository."""


@contextmanager
def wire(world: World, **settings: Any) -> Iterator[Wire]:
    """The service over *world*, with webhooks and the access log off unless *settings* turn them on."""
    given = {"webhooks": False, "access_log": False, "auth": ("file",), **settings}
    given.setdefault("auth_file", key_file(world.path.parent / f"{world.path.name}.keys.json"))
    made = Settings(repo=world.path, **given)
    mode = Settings(**{name: getattr(made, name) for name in _MODE})
    routes = _BUILT.setdefault(mode, [])
    app = routes.pop() if routes else build(mode)
    app.state.service = open_service(made)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    # What an unforeseen exception becomes is what a client sees.
    client = AsyncClient(transport=ASGITransport(app, raise_app_exceptions=False), base_url="http://models.test")
    running = app.router.lifespan_context(app)
    served = Wire(world, client, loop)
    try:
        served.run(running.__aenter__())
        yield served
    finally:
        served.run(client.aclose())
        served.run(running.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        del app.state.service
        routes.append(app)
