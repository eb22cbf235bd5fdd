"""The short way: answers for everybody that were given since the newest event are given again without the framework."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from modelref_git.server.kept import Body

_ANSWERS_AT_MOST: Final = 2_000

_Key = tuple[str, bytes]


class Lane:
    """Bodies by path and query, for one event: what is live can change with the next, and then all are forgotten.

    A route puts here only what any caller may have, and what nothing else of the request than its path and query
    decides.
    """

    def __init__(self) -> None:
        self._head = ""
        self._bodies: dict[_Key, tuple[Body, str]] = {}

    def remember(self, request: Request, head: str, body: Body) -> None:
        """*body* is the answer to *request* as long as *head* is the newest event."""
        if head != self._head or len(self._bodies) >= _ANSWERS_AT_MOST:
            self._head, self._bodies = head, {}
        self._bodies[_key(request.scope)] = (body, str(getattr(request.scope.get("route"), "path", "")))

    def find(self, scope: Scope, head: str) -> tuple[Body, str] | None:
        """The answer to a request at the event *head*, with the name of its route; ``None`` to ask the route."""
        return self._bodies.get(_key(scope)) if head == self._head else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is remembered."""
        return not self._bodies


def _key(scope: Scope) -> _Key:
    return scope["path"], scope.get("query_string", b"")
