"""What a service does beside its requests: it follows the remote of a clone, and delivers webhooks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from modelref_git.errors import ModelrefError
from modelref_git.server.service import Service

LOG: Final = logging.getLogger("modelref_git.server")

_ENDS_WITHIN: Final = 5.0
"""Seconds that a thread is waited for when the service ends."""


def tasks(service: Service) -> Iterator[AbstractContextManager[None]]:
    """What runs beside the requests of this process, each as long as its context lasts."""
    settings = service.settings
    if settings.follow and service.repository.loop_context().store.remote is not None:
        yield _thread(service, "follow", lambda: _follow(service))
    if settings.webhooks and not settings.read_only:
        from modelref_git.operations.webhooks.deliver import deliver

        yield _thread(
            service, "webhooks", lambda: deliver(service.repository.context, service.stopping, tell=LOG.warning)
        )


@contextmanager
def _thread(service: Service, name: str, work: Callable[[], None]) -> Iterator[None]:
    def run() -> None:
        try:
            work()
        except Exception:  # the requests go on; whoever runs the service reads of it
            LOG.exception("%s ended", name)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        service.stopping.set()
        thread.join(_ENDS_WITHIN)


def _follow(service: Service) -> None:
    """Ask the remote for what is new, again and again: what others did elsewhere is seen here then."""
    every = service.settings.follow
    failed = 0
    while not service.stopping.wait(every * min(2**failed, 32)):
        try:
            service.repository.context().refresh(within=every / 2)
        except ModelrefError as fault:
            failed += 1
            LOG.warning("the remote was not followed: %s", fault.message)
        else:
            failed = 0
