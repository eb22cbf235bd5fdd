"""One request and its answer: redirects followed within bounds, every failure a :class:`FetchFault`."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import quote, urljoin, urlsplit

from modelref_git import __version__
from modelref_git.fetch.faults import FetchFault, of_exception, shown

if TYPE_CHECKING:
    from email.message import Message
    from types import TracebackType

PIECE: Final = 1 << 20
"""Bytes of a body that are handed on at once, at most."""
MAX_REDIRECTS: Final = 10

_DIGITS: Final = 18
"""No file has a length of more digits."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PERMANENT: Final = frozenset({301, 308})
_KEPT: Final = "%/:=&?~#+!$,;'@()*[]|"
"""What stays as it is in an address; all else beyond ASCII letters and digits is percent-encoded."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One answer on the way to the last: where it came from, and what it said."""

    url: str
    status: int
    headers: Message


class Answer:
    """What a host answered at the end of the redirects; its body is still to be read. Close it when done."""

    __slots__ = ("_stream", "headers", "hops", "status", "url")

    def __init__(self, url: str, status: int, headers: Message, hops: tuple[Hop, ...], stream: IO[bytes]) -> None:
        self.url = url
        self.status = status
        self.headers = headers
        self.hops = hops
        self._stream = stream

    def __enter__(self) -> Answer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stream.close()

    @property
    def length(self) -> int | None:
        """Bytes of the body, if the host says."""
        return whole_number(self.headers.get("Content-Length"))

    @property
    def is_page(self) -> bool:
        """Whether it is a web page."""
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return kind in ("text/html", "application/xhtml+xml")

    @property
    def wait(self) -> float | None:
        """Seconds that the host asks to be left alone, if it says so."""
        return retry_after(self.headers.get("Retry-After"))

    @property
    def moved_to(self) -> str | None:
        """The address to which it has moved for good, if every redirect up to there says so."""
        found = None
        places = [*(hop.url for hop in self.hops), self.url]
        for hop, following in zip(self.hops, places[1:], strict=True):
            if hop.status not in _PERMANENT:
                break
            found = following
        return found

    def stated(self, name: str) -> str | None:
        """The last value of a header on the way, redirects included: some hosts tell of a file where they redirect."""
        values = [hop.headers.get(name) for hop in self.hops] + [self.headers.get(name)]
        return next((value for value in reversed(values) if value is not None), None)

    def pieces(self) -> Iterator[bytes]:
        """The body, piece by piece, as it comes.

        Raises:
            FetchFault: the host breaks off or falls silent.
        """
        import http.client

        read: Any = getattr(self._stream, "read1", self._stream.read)
        while True:
            try:
                piece: bytes = read(PIECE)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise FetchFault("unreachable", of_exception(error, self.url).message, passing=True) from error
            if not piece:
                return
            yield piece


class Client:
    """Asks hosts; may be used by several threads. Proxies are those of the environment, certificates are verified.

    Args:
        timeout: seconds without a byte after which a host is taken to be silent, and for which a connection is
            waited for.
    """

    __slots__ = ("_opener", "_timeout")

    def __init__(self, timeout: float) -> None:
        import urllib.request as request

        # Put together by hand: what Python offers by default also reads files and FTP, and follows every redirect.
        self._opener = request.OpenerDirector()
        handlers = (request.ProxyHandler(), request.HTTPHandler(), request.HTTPSHandler(context=trust()))
        for handler in (*handlers, request.UnknownHandler()):
            self._opener.add_handler(handler)
        self._opener.addheaders = [("User-Agent", f"modelref-git/{__version__}"), ("Accept", "*/*")]
        self._timeout = timeout

    def ask(self, method: str, url: str, headers: Mapping[str, str] | None = None, *, follow: bool = True) -> Answer:
        """Ask for *url*, whatever the status of the answer.

        Args:
            method: the verb of HTTP.
            url: the address.
            headers: sent with every request, to wherever redirects lead.
            follow: whether redirects are followed; else one is the answer, for those who send a secret.

        Raises:
            FetchFault: there is no answer, a redirect leads from https to http or to another scheme, or there are
                more than ten of them.
        """
        hops: list[Hop] = []
        here = normal(url)
        while True:
            status, found, stream = self._ask_once(method, here, headers or {})
            target = found.get("Location")
            if not follow or status not in _REDIRECTS or target is None:
                return Answer(here, status, found, tuple(hops), stream)
            stream.close()
            hops.append(Hop(here, status, found))
            if len(hops) > MAX_REDIRECTS:
                raise FetchFault("unreachable", f"{shown(url)} is redirected more than {MAX_REDIRECTS} times")
            here = _redirected(here, target)

    def _ask_once(self, method: str, url: str, headers: Mapping[str, str]) -> tuple[int, Message, IO[bytes]]:
        import http.client
        import urllib.request

        # The address is http or https: `normal` and `_redirected` see to it.
        request = urllib.request.Request(url, headers=dict(headers), method=method)  # noqa: S310
        try:
            response = self._opener.open(request, timeout=self._timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise of_exception(error, url) from error
        return response.status, response.headers, response


def normal(url: str) -> str:
    """An address as it goes over the wire: no fragment, no white space around it, all else encoded.

    Raises:
        FetchFault: it is no whole http or https address, or has a password in it.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
        asked = parts._replace(path=quote(parts.path, _KEPT), query=quote(parts.query, _KEPT), fragment="")
        text = asked._replace(netloc=parts.netloc.encode("idna").decode()).geturl()
    except (ValueError, UnicodeError) as error:
        raise FetchFault("unreachable", f"{shown(url)} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise FetchFault("unreachable", f"{shown(url)} is no whole http or https address")
    if "@" in parts.netloc:
        raise FetchFault("refused", f"{shown(url)} has a name or password in it, which is not sent")
    return text


def whole_number(text: str | None) -> int | None:
    """The number that a header holds, if it is one."""
    digits = (text or "").strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS else None


def _redirected(url: str, target: str) -> str:
    try:
        # Some hosts send the bytes of UTF-8, which Python reads as Latin-1.
        target = target.encode("latin-1").decode("utf-8")
        there = normal(urljoin(url, target))
    except ValueError as error:
        raise FetchFault("unreachable", f"{shown(url)} redirects to what is no address") from error
    if url.startswith("https:") and not there.startswith("https:"):
        raise FetchFault("refused", f"{shown(url)} redirects from https to http, which is not followed")
    return there


@functools.cache
def trust() -> Any:
    """The certificates that this machine trusts, read once: that takes as long as a request."""
    import ssl

    return ssl.create_default_context()


def retry_after(text: str | None) -> float | None:
    """Seconds to wait as the header ``Retry-After`` says them; ``None`` where it says nothing that is readable."""
    if text is None:
        return None
    seconds = whole_number(text)
    if seconds is not None:
        return float(seconds)
    import time
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError, OSError):
        return None
