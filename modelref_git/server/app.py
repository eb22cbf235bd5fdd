"""The application: every route under both versions, before them what all have in common."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from types import FrameType
from typing import Any, Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import Receive, Scope, Send

from modelref_git import __version__
from modelref_git.server import background, document, faults
from modelref_git.server.answers import FILE
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.front import ACCESS, ROOT, Front
from modelref_git.server.kept import MIN_COMPRESSED
from modelref_git.server.metrics import Metrics
from modelref_git.server.providers import open_providers
from modelref_git.server.repository import Repository
from modelref_git.server.routes import ROUTERS
from modelref_git.server.service import Service
from modelref_git.server.settings import Settings
from modelref_git.server.ui.page import is_page

_COMPRESSION: Final = 4
"""Of what is made for one caller; what is kept for many is compressed better, once."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application of a service with *settings*; those of the environment unless given.

    Raises:
        NotFound: there is no dataset repository.
        UsageFault: a setting makes no sense.
    """
    settings = settings or Settings.from_environment(os.environ)
    app = build(settings)
    app.state.service = open_service(settings)
    return app


def open_service(settings: Settings) -> Service:
    """What the routes of an application answer from, for its ``state.service``.

    Raises:
        NotFound: there is no dataset repository.
        UsageFault: a setting makes no sense.
    """
    repository = Repository(settings)
    return Service(settings, repository, open_providers(settings, repository), Metrics())


def build(settings: Settings) -> FastAPI:
    """The routes of an application, and what stands before them; its service is still to be set.

    Of *settings* only the mode counts here: what is writable, which format, which parts, which origins.
    """
    app = FastAPI(
        title="Horde Model Reference API",
        summary="A curated model reference, and the review queue of its changes, kept in Git.",
        version=__version__,
        servers=[{"url": ROOT}],
        root_path_in_servers=False,
        lifespan=_lifespan,
    )
    app.router.route_class = StrictRoute
    faults.install(app)
    for make in ROUTERS:
        app.include_router(make(settings))
    document.install(app)
    app.add_middleware(
        GZipMiddleware,
        minimum_size=MIN_COMPRESSED,
        compresslevel=_COMPRESSION,
        exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, FILE),
    )
    if settings.cors_origins:
        app.add_middleware(
            _CORS,
            allow_origins=settings.cors_origins,
            allow_credentials=True,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["ETag", "Link", "Retry-After"],
        )
    app.add_middleware(Front, service=lambda: app.state.service)
    _log_to_stderr()
    return app


class _CORS(CORSMiddleware):
    """What lets pages of other origins ask the API; our own pages, which show what a cookie opens, are not theirs."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        if scope["type"] == "http" and is_page(scope):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    async with AsyncExitStack() as stack:
        stack.callback(service.close)
        _warm(app)
        _tell_of_the_end(service)
        for run in background.tasks(service):
            stack.enter_context(run)
        yield


def _warm(app: FastAPI) -> None:
    """Have ready what would be made for the first requests: each would wait for it, and all the others meanwhile."""
    import_module("modelref_git.records.models")
    somewhere = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": []}
    for route in app.router.routes:
        route.matches(somewhere)  # the framework builds its tables when it first looks for a path


def _tell_of_the_end(service: Service) -> None:
    """Have a signal that ends the server end the streams too, which it would wait for."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, _ending(service, before))


def _ending(service: Service, before: Callable[[int, FrameType | None], Any]) -> Callable[[int, FrameType | None], Any]:
    def end(number: int, frame: FrameType | None) -> Any:
        service.stopping.set()
        return before(number, frame)

    return end


def _log_to_stderr() -> None:
    if not ACCESS.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        ACCESS.addHandler(handler)
        ACCESS.setLevel(logging.INFO)
        ACCESS.propagate = False
