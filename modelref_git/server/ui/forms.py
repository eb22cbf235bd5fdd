"""What forms send, and that they are ours: fields read within bounds, and the proof that no other page sent them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request
from starlette.datastructures import UploadFile

from modelref_git.server.faults import Refusal
from modelref_git.server.ui.visitors import Visitor, visitor_of
from modelref_git.server.uploads import FIELD_AT_MOST, MULTIPART

URLENCODED: Final = "application/x-www-form-urlencoded"
FIELDS_AT_MOST: Final = 5_000
FILES_AT_MOST: Final = 50
_PORTS: Final = {"http": 80, "https": 443}

FOREIGN: Final = "This form does not come from a page of this service. Load the page anew and try again."
UNREADABLE: Final = "The form cannot be read"


class Fields(Mapping[str, str]):
    """The fields of a form in their order. A field by its name is the last one of that name."""

    def __init__(self, rows: list[tuple[str, str]]) -> None:
        self.rows = rows
        self._last = dict(rows)

    def __getitem__(self, name: str) -> str:
        return self._last[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def text(self, name: str) -> str | None:
        """The field *name* without space around it; ``None`` where nothing is left."""
        return self._last.get(name, "").strip() or None

    def all(self, name: str) -> list[str]:
        """What all fields of that *name* hold."""
        return [value for key, value in self.rows if key == name]

    def numbers(self, name: str) -> list[int]:
        """What all fields of that *name* hold, as whole numbers from 1 on.

        Raises:
            Refusal: 422, one of them is none.
        """
        values = self.all(name)
        if not all(value.isascii() and value.isdigit() and 0 < len(value) < 16 and int(value) for value in values):
            raise Refusal(422, f"{name} is no number", "usage")
        return [int(value) for value in values]


async def form_of(request: Request) -> tuple[Visitor, Fields]:
    """The visitor and the fields of a form that changes something.

    Raises:
        Refusal: 401 without a session; 403 if another page sent it; 422 if it cannot be read.
    """
    check_origin(request)
    visitor = await visitor_of(request, for_write=True)
    visitor.signed_in()
    fields = await fields_of(request)
    if visitor.session is None or not visitor.session.owns(fields.get("csrf", "")):
        raise Refusal(403, FOREIGN, "forbidden")
    return visitor, fields


async def form_with_files(request: Request) -> tuple[Visitor, Fields, list[bytes]]:
    """The visitor, the fields and the files of a form that proposes something; forms without files are taken too.

    A body with files may be large, so whoever sends it must be one who may propose before it is read.

    Raises:
        Refusal: as `form_of`, and 403 if they may not propose.
        HTTPException: 400 or 413, it cannot be read within the bounds.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MULTIPART:
        return *await form_of(request), []
    check_origin(request)
    visitor = await visitor_of(request, for_write=True)
    visitor.requestor()
    most = 4 * FIELD_AT_MOST
    async with request.form(max_files=FILES_AT_MOST, max_fields=FIELDS_AT_MOST, max_part_size=most) as form:
        rows = form.multi_items()
        fields = Fields([(name, value) for name, value in rows if isinstance(value, str)])
        if visitor.session is None or not visitor.session.owns(fields.get("csrf", "")):
            raise Refusal(403, FOREIGN, "forbidden")
        files = [await value.read() for _, value in rows if isinstance(value, UploadFile) and value.size]
    return visitor, fields, files


async def fields_of(request: Request) -> Fields:
    """The fields of a form, whoever sent it.

    Raises:
        Refusal: 422, they cannot be read.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != URLENCODED:
        raise Refusal(422, UNREADABLE, "usage")
    body = await request.body()
    try:
        text = body.decode("ascii")
        rows = parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=FIELDS_AT_MOST)
    except ValueError as error:
        raise Refusal(422, UNREADABLE, "usage") from error
    return Fields(rows)


def check_origin(request: Request) -> None:
    """Refuse what a page of another origin sends; browsers say with each form where it comes from.

    Raises:
        Refusal: 403.
    """
    sites, origins = request.headers.getlist("sec-fetch-site"), request.headers.getlist("origin")
    if any(site != "same-origin" for site in sites) or len(origins) > 1 or "null" in origins:
        raise Refusal(403, FOREIGN, "forbidden")
    # What the browser says of the site holds also behind a proxy that gives another host's name; a browser says it
    # only where it trusts the way to the service (https, or this machine).
    if not sites and not (origins and _is_of(origins[0], request.headers.getlist("host"))):
        raise Refusal(403, FOREIGN, "forbidden")


def _is_of(origin: str, hosts: list[str]) -> bool:
    """Whether *origin*, ``scheme://host[:port]``, is that of the host that was asked.

    Ports that go without saying are no difference. Before a proxy the scheme may be another one, so it does not count.
    """
    try:
        ours, asked = urlsplit(origin), urlsplit(f"//{hosts[0]}" if len(hosts) == 1 else "")
        places = [(part.hostname, part.port or _PORTS.get(ours.scheme)) for part in (ours, asked)]
    except ValueError:
        return False
    plain = (ours.scheme in _PORTS, ours.hostname, not ours.path, not ours.query, not asked.path)
    return all(plain) and "@" not in origin + hosts[0] and places[0] == places[1]
