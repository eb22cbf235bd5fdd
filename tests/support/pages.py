"""A browser without JavaScript: one visitor of the pages, with a cookie, forms and their proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from httpx import Response

from tests.support.http import Wire

ORIGIN = "http://models.test"


@dataclass(slots=True)
class Pages:
    """One visitor of a service."""

    wire: Wire
    cookie: str = ""
    headers: dict[str, str] = field(default_factory=lambda: {"accept": "text/html", "origin": ORIGIN})

    def get(self, path: str, **more: Any) -> Response:
        """One page."""
        return self.wire.ask("GET", path, None, self._headers(), **more)

    def post(self, path: str, fields: Mapping[str, Any] | Sequence[tuple[str, Any]] = (), **more: Any) -> Response:
        """One form, sent from a page of the service; the proof comes from a page of this visitor's."""
        rows = list(fields.items()) if isinstance(fields, Mapping) else list(fields)
        rows = [(name, str(one)) for name, value in rows for one in (value if isinstance(value, list) else [value])]
        rows.append(("csrf", self.csrf()))
        headers = {**self._headers(), "content-type": "application/x-www-form-urlencoded"}
        return self.wire.ask("POST", path, None, headers, content=urlencode(rows).encode(), **more)

    def csrf(self) -> str:
        """The proof that a form is this visitor's."""
        page = self.get("/ui/").text
        return page.partition('name="csrf" value="')[2].partition('"')[0]

    def _headers(self) -> dict[str, str]:
        self.wire.client.cookies.clear()  # the client remembers those of every visitor
        return {**self.headers, **({"cookie": self.cookie} if self.cookie else {})}


def signed_in(wire: Wire, who: str) -> Pages:
    """A visitor who signed in with the key *who*."""
    visitor = Pages(wire)
    body = urlencode({"key": who}).encode()
    headers = {**visitor.headers, "content-type": "application/x-www-form-urlencoded"}
    answer = wire.ask("POST", "/ui/sign-in", None, headers, content=body)
    wire.client.cookies.clear()
    assert answer.status_code == 303, answer.text
    visitor.cookie = answer.headers["set-cookie"].partition(";")[0]
    return visitor


def text_of(page: str) -> str:
    """What a page says, with one space between its pieces."""
    reader = _Text()
    reader.feed(page)
    return " ".join(" ".join(reader.pieces).split())


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def sent_by(page: str, action: str) -> list[tuple[str, str]]:
    """What a browser sends of the form of *page* whose action ends with *action*, as nobody has touched it."""
    reader = _Form(action)
    reader.feed(page)
    assert reader.found, f"no form to {action}"
    return [(name, value) for name, value in reader.rows if name != "csrf"]


class _Form(HTMLParser):
    def __init__(self, action: str) -> None:
        super().__init__()
        self.action = action
        self.inside = self.found = False
        self.rows: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "form":
            self.inside = (known.get("action") or "").endswith(self.action)
            self.found = self.found or self.inside
        ticked = known.get("type") not in ("checkbox", "radio") or "checked" in known
        if tag == "input" and self.inside and known.get("name") and ticked:
            self.rows.append((known["name"] or "", known.get("value") or ""))

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "form"
