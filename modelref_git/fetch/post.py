"""One POST to an address that somebody registered: to the very host that was judged, never further.

No redirect is followed and no proxy is asked, since both could lead to where the address may not.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from modelref_git import __version__
from modelref_git.fetch.addresses import addresses_of
from modelref_git.fetch.client import normal, retry_after, trust
from modelref_git.fetch.faults import FetchFault, of_exception, shown

if TYPE_CHECKING:
    from http.client import HTTPConnection

TIMEOUT: Final = 15.0
"""Seconds that a receiver has for its whole answer."""
EXCERPT: Final = 2048
"""Bytes of an answer's body that are read, at most."""

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver answered."""

    status: int
    excerpt: str
    """How the body begins, if the status is none of success."""
    wait: float | None = None
    """Seconds that the receiver asks to be left alone, if it says so."""

    @property
    def is_success(self) -> bool:
        """Whether it took what was sent."""
        return 200 <= self.status < 300


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, private: bool = False, timeout: float = TIMEOUT
) -> Reply:
    """Send *body* to *url*; gives whatever is answered, also a redirect.

    Args:
        url: an http or https address; certificates are verified.
        body: what is sent.
        headers: sent besides those that HTTP asks for.
        private: whether the host may be one that is not of the public network.
        timeout: seconds for all of it but the look-up of the name.

    Raises:
        FetchFault: there is no answer; of kind ``refused`` if the address may not be asked.
    """
    import http.client

    url = normal(url)
    sent = {"User-Agent": f"modelref-git/{__version__}", "Accept": "*/*", "Connection": "close", **headers}
    try:
        with _connection(url, private=private, timeout=timeout) as connection:
            connection.request("POST", _target(url), body, sent)
            with connection.getresponse() as response:
                success = 200 <= response.status < 300
                excerpt = "" if success else _excerpt(response)
                return Reply(response.status, excerpt, retry_after(response.headers.get("Retry-After")))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise of_exception(error, url) from error


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


@contextmanager
def _connection(url: str, *, private: bool, timeout: float) -> Iterator[HTTPConnection]:
    """A connection to an address that may be asked; cut when the time is over, whatever it does then."""
    import http.client

    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    connected = _connected(addresses_of(host, port, private=private), timeout)
    connection: HTTPConnection
    line: socket.socket = connected
    over = threading.Event()

    def cut() -> None:
        over.set()
        with suppress(OSError):
            # Not what ssl makes of it: that would have the reader go on without the encryption.
            socket.socket.shutdown(line, socket.SHUT_RDWR)

    timer = threading.Timer(timeout, cut)
    timer.daemon = True
    try:
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=trust())
            line = trust().wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=timeout)
        timer.start()
        if parts.scheme == "https":
            line.do_handshake()  # type: ignore[attr-defined]
        connection.sock = line
        yield connection
        if over.is_set():  # a head that was cut off in the middle reads like one that ends there
            raise TimeoutError
    except (OSError, http.client.HTTPException) as error:
        if over.is_set():
            raise FetchFault("unreachable", f"{shown(url)} does not answer in time", passing=True) from error
        raise
    finally:
        timer.cancel()
        line.close()


def _connected(addresses: list[tuple[int, Any]], timeout: float) -> socket.socket:
    """A connection to the first of *addresses* that takes one.

    Raises:
        OSError: none does; the last one's fault.
    """
    fault: OSError = OSError("no address")
    for family, address in addresses[:_TRIED]:
        line = socket.socket(family, socket.SOCK_STREAM)
        try:
            line.settimeout(timeout / min(len(addresses), _TRIED))
            line.connect(address)
        except OSError as error:
            line.close()
            fault = error
            continue
        line.settimeout(timeout)
        return line
    raise fault


_TRIED: Final = 4
"""So many addresses of one host are tried, which share the time."""


def _excerpt(response: Any) -> str:
    """How a body begins: printable, in one line."""
    import http.client

    try:
        data: bytes = response.read1(EXCERPT)
    except (OSError, http.client.HTTPException, ValueError):
        return ""
    text = " ".join(data.decode("utf-8", "replace").split())
    return "".join(character for character in text if character.isprintable())[:_SHOWN]


_SHOWN: Final = 200
"""Characters of an excerpt that are kept."""
