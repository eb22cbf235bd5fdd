"""Links between the pages of a list: the header ``Link`` of RFC 8288."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

from fastapi import Request

_IN_PATHS: Final = "/%:@!$&'()*+,;=~-._"


def page_links(request: Request, offset: int, limit: int, total: int) -> str:
    """The links from the page of *limit* items at *offset* to the first, previous, next and last of *total* items.

    The parameters are ``offset`` and ``limit``; all others of the request are kept.
    """
    last = max(0, total - 1) // limit * limit
    pages = {"first": 0}
    if offset > 0:
        pages["prev"] = min(max(0, offset - limit), last)
    if offset + limit < total:
        pages["next"] = offset + limit
    pages["last"] = last
    return _header({rel: _target(request, {"offset": start, "limit": limit}) for rel, start in pages.items()})


def cursor_links(request: Request, next_cursor: int | None) -> str:
    """The links from a page of a list that is read on from a cursor: to the first page, and to the next if any."""
    targets = {"first": _target(request, {"cursor": None})}
    if next_cursor is not None:
        targets["next"] = _target(request, {"cursor": next_cursor})
    return _header(targets)


def _target(request: Request, changed: Mapping[str, int | None]) -> str:
    """The address of this request, without its host, with other parameters."""
    path = request.scope.get("raw_path") or request.scope["path"].encode(errors="surrogatepass")
    given = [(name, value) for name, value in request.query_params.multi_items() if name not in changed]
    given += [(name, str(value)) for name, value in changed.items() if value is not None]
    query = urlencode(given, errors="replace")
    return quote(path.partition(b"?")[0], safe=_IN_PATHS) + (f"?{query}" if query else "")


def _header(targets: Mapping[str, str]) -> str:
    return ", ".join(f'<{target}>; rel="{rel}"' for rel, target in targets.items())
