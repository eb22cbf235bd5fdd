"""One running service: its settings, its repository, who tells who asks, what it counts."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from fastapi import Request

from modelref_git.server.auth.chain import Chain
from modelref_git.server.catalogue import Catalogue
from modelref_git.server.kept import Kept
from modelref_git.server.lane import Lane
from modelref_git.server.metrics import Metrics
from modelref_git.server.rates import RateLimit
from modelref_git.server.repository import Repository
from modelref_git.server.sessions import Sessions
from modelref_git.server.settings import Settings
from modelref_git.server.streams import Streams

SIGN_INS_A_MINUTE: Final = 20
"""Keys that are nobody's, from one address to one worker."""


@dataclass(slots=True)
class Service:
    """What every route can reach."""

    settings: Settings
    repository: Repository
    providers: Chain
    metrics: Metrics
    kept: Kept = field(default_factory=Kept)
    lane: Lane = field(default_factory=Lane)
    asking: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(32, thread_name_prefix="asking"))
    """Threads that ask others who somebody is."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the service is to end: streams end then."""
    streams: Streams = field(init=False)
    catalogue: Catalogue = field(init=False)
    sessions: Sessions = field(init=False)
    """Who is signed in on the pages."""
    sign_ins: RateLimit = field(default_factory=lambda: RateLimit(SIGN_INS_A_MINUTE))
    """How often one address may send a key that is nobody's."""
    rate: RateLimit | None = field(init=False)
    """How often a caller may ask, if there is a bound."""

    def __post_init__(self) -> None:
        self.rate = RateLimit(self.settings.rate_limit) if self.settings.rate_limit else None
        self.streams = Streams(self.repository, self.stopping)
        self.catalogue = Catalogue(self.repository)
        self.sessions = Sessions(self.repository.cache_path / "sessions.sqlite")

    def close(self) -> None:
        """End what runs beside the requests."""
        self.stopping.set()
        self.asking.shutdown(wait=False, cancel_futures=True)
        self.providers.close()
        self.repository.close()


def service_of(request: Request) -> Service:
    """The service that answers *request*."""
    service: Service = request.app.state.service
    return service
