"""What a client calls a request that it may send twice, so that the second one does nothing."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

_KEY: Final = re.compile(r"[0-9a-f]{32}")
_CONTENT: Final = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Which request it is, and what it asked for, as digests: what a client writes may not be for everybody's eyes."""

    key: str
    """32 hex digits: one caller's key is never another's."""
    content: str
    """16 hex digits: the same key with another content is another request, and a fault of the client's."""

    def __str__(self) -> str:
        return f"{self.key} {self.content}"

    @classmethod
    def of(cls, caller_id: str, key: str, content: bytes) -> RequestKey:
        """The digests of what the caller with the id *caller_id* calls *key*, and of the request's *content*."""
        named = hashlib.sha256(caller_id.encode(errors="surrogatepass") + b"\0" + key.encode(errors="surrogatepass"))
        return cls(named.hexdigest()[:32], hashlib.sha256(content).hexdigest()[:16])

    @classmethod
    def parse(cls, text: str) -> RequestKey:
        """Read the trailer's value.

        Raises:
            ValueError: it is none.
        """
        key, _, content = text.partition(" ")
        if not _KEY.fullmatch(key) or not _CONTENT.fullmatch(content):
            raise ValueError(f"{text!r} is no key of a request")
        return cls(key, content)
