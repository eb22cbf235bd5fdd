"""Why something did not come from a host, said so that a person can act on it."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from modelref_git.errors import RemoteFailure

Kind: TypeAlias = Literal["unreachable", "gone", "refused", "page"]
"""No answer that is of use; the file is not there; it is not given to us; what is there is a web page."""

_GONE: Final = frozenset({404, 410})
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be another one in a moment."""
_REASONS: Final = {
    401: "it needs a login",
    403: "it needs a login, or does not give the file to programs",
    404: "it is not there",
    410: "it was taken away",
    429: "too many were asked",
    451: "it is withheld for legal reasons",
}


class FetchFault(RemoteFailure):
    """A host did not give what was asked of it.

    Attributes:
        kind: what is to be done about it.
        passing: whether the same request may succeed in a moment.
        wait: seconds that the host asks to be left alone, if it says so.
    """

    def __init__(self, kind: Kind, message: str, *, passing: bool = False, wait: float | None = None) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.passing = passing
        self.wait = wait


def shown(url: str) -> str:
    """An address for people and logs: without what follows the question mark, which may hold a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def of_status(status: int, url: str, wait: float | None = None) -> FetchFault:
    """The fault that an answer with that *status* is."""
    reason = f" ({_REASONS[status]})" if status in _REASONS else ""
    message = f"{shown(url)} answers {status}{reason}"
    if status in _PASSING:
        return FetchFault("unreachable", message, passing=True, wait=wait)
    if status in _GONE:
        return FetchFault("gone", message)
    return FetchFault("refused" if 400 <= status < 500 else "unreachable", message)


def of_exception(error: BaseException, url: str) -> FetchFault:
    """The fault that an exception of Python's network modules stands for."""
    import socket
    import ssl

    cause = getattr(error, "reason", None)
    cause = cause if isinstance(cause, BaseException) else error
    place = shown(url)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FetchFault("unreachable", f"{place}: the certificate is not valid: {cause.verify_message}")
    if isinstance(cause, socket.gaierror):
        again = cause.errno == getattr(socket, "EAI_AGAIN", None)
        return FetchFault("unreachable", f"{place}: the host is not known: {cause.strerror}", passing=again)
    if isinstance(cause, (UnicodeError, ValueError)) and not isinstance(cause, ssl.SSLError):
        return FetchFault("unreachable", f"{place} is no address: {cause}")
    if isinstance(cause, TimeoutError):
        return FetchFault("unreachable", f"{place} does not answer in time", passing=True)
    reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return FetchFault("unreachable", f"{place} broke off: {reason}", passing=True)
