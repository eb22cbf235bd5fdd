"""What a service counts, for Prometheus. Several workers count into one folder, and each can tell of all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from modelref_git.store.log import View

MULTIPROCESS: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which several workers count."""

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""A caller can write any word as a method: it becomes no label of its own."""


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "modelref_requests", "Requests that were answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "modelref_request_seconds",
            "Seconds from a request to the end of its answer.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._running = Gauge(
            "modelref_requests_in_progress",
            "Requests that are being answered.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._writes = Gauge(
            "modelref_writes_waiting",
            "Writes that wait for their turn, or are under way.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

        # Finding a counter by its labels costs more than counting: each is found once.
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def begin(self) -> None:
        """A request came."""
        self._running.inc()

    def end(self, method: str, route: str, status: int, seconds: float) -> None:
        """It was answered."""
        self._running.dec()
        key = (method if method in _METHODS else "other", route, status)
        known = self._known.get(key)
        if known is None:
            known = (self._requests.labels(*map(str, key)), self._seconds.labels(*key[:2]))
            self._known[key] = known
        known[0].inc()
        known[1].observe(seconds)

    def text(self, view: View, waiting: int) -> bytes:
        """Everything, with what the queue's state at this moment says of itself, in Prometheus' format."""
        self._writes.set(waiting)
        found = generate_latest(_registry() or self._registry)
        return found + generate_latest(_state(view))


def _registry() -> CollectorRegistry | None:
    """The registry that tells of all workers, if there are several."""
    if not os.environ.get(MULTIPROCESS):
        return None
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _state(view: View) -> CollectorRegistry:
    registry = CollectorRegistry()
    header = view.queue.header
    changes = Gauge("modelref_changes", "Changes of the queue by status.", ["status"], registry=registry)
    for status, count in header.counts.items():
        changes.labels(status).set(count)
    Gauge("modelref_last_event_id", "The newest event of the queue log.", registry=registry).set(header.last_event_id)
    return registry
