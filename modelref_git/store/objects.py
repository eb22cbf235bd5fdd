"""Git objects as values: their bytes, their ids, and a buffer of those a step is about to write.

Everything here is pure but :class:`ObjectBuffer`, which reads what it does not hold through a given function.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The id of the tree without entries; Git knows it without storing it."""

_TYPES: Final = {"commit": 1, "tree": 2, "blob": 3}


@dataclass(frozen=True, slots=True)
class Signature:
    """Name, e-mail and time of a commit's author or committer; for display, never for identity."""

    name: str
    email: str
    time: int
    """Unix seconds, always written as UTC."""

    def encode(self) -> bytes:
        """The signature as it stands in a commit: characters that Git gives a meaning to are replaced."""
        return f"{_clean(self.name) or 'unknown'} <{_clean(self.email)}> {self.time} +0000".encode()


def _clean(text: str) -> str:
    return "".join("?" if ch in "<>" or not ch.isprintable() else ch for ch in text).strip(" .,:;\"'\\")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit's parts. ``id`` is empty for one that has not been written."""

    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str
    id: str = ""
    signature: str = ""
    """The armored signature as its program made it, ending in a line break; empty for an unsigned commit."""

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]

    def encode(self) -> bytes:
        """The commit object's payload. What is signed is that of the same commit without its signature."""
        lines = [b"tree " + self.tree.encode()]
        lines += [b"parent " + parent.encode() for parent in self.parents]
        lines += [b"author " + self.author.encode(), b"committer " + self.committer.encode()]
        if self.signature:
            lines.append(b"gpgsig " + self.signature.removesuffix("\n").replace("\n", "\n ").encode())
        lines.append(b"")
        return b"\n".join(lines) + b"\n" + self.message.encode()

    @classmethod
    def decode(cls, oid: str, payload: bytes) -> Commit:
        """Read a commit; headers that are not ours (encodings, merged tags) are passed over."""
        head, _, message = payload.partition(b"\n\n")
        head, signature = _split_head(head)
        tree, parents = "", []
        author = committer = Signature("", "", 0)
        for line in head.split(b"\n"):
            key, _, value = line.partition(b" ")
            if key == b"tree":
                tree = value.decode()
            elif key == b"parent":
                parents.append(value.decode())
            elif key == b"author":
                author = _signature(value)
            elif key == b"committer":
                committer = _signature(value)
        return cls(tree, tuple(parents), author, committer, message.decode("utf-8", "replace"), oid, signature)


_SIGNED: Final = re.compile(rb"\ngpgsig(-sha256)? ([^\n]*(?:\n [^\n]*)*)")
"""A header with a signature, and the lines that go on with it."""


def split_signature(payload: bytes) -> tuple[bytes, str]:
    """``(what was signed, the signature)`` of a commit's payload; the signature is empty if there is none.

    What was signed is the payload without the signature's header, and without the one that Git keeps beside it for
    repositories of another hash. All other headers are part of what was signed. As Git does, the texts of several
    signature headers are strung together.
    """
    head, blank, message = payload.partition(b"\n\n")
    kept, signature = _split_head(head)
    return kept + blank + message, signature


def _split_head(head: bytes) -> tuple[bytes, str]:
    if b"\ngpgsig" not in head:
        return head, ""
    ours = (text.replace(b"\n ", b"\n") + b"\n" for other, text in _SIGNED.findall(head) if not other)
    return _SIGNED.sub(b"", head), b"".join(ours).decode("utf-8", "replace")


def _signature(line: bytes) -> Signature:
    text = line.decode("utf-8", "replace")
    name, _, rest = text.partition(" <")
    email, _, when = rest.rpartition("> ")
    seconds = when.split(" ")[0]
    return Signature(name, email, int(seconds) if seconds.lstrip("-").isdigit() else 0)


def object_id(kind: str, payload: bytes) -> str:
    """The SHA-1 id that Git gives an object."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(payload)) + payload, usedforsecurity=False).hexdigest()


Reader = Callable[[str], tuple[str, bytes]]
"""Gives ``(kind, payload)`` of an object id; raises ``KeyError`` when there is none."""


Sizer = Callable[[str], int]
"""Gives the bytes that the payload of an object has."""


class ObjectBuffer:
    """The objects of one step: held in memory until the step is decided, then written together.

    Reading looks here first, so that a step may build upon what it has not written yet.
    """

    def __init__(self, read: Reader, size: Sizer | None = None) -> None:
        self._read = read
        self._size = size
        self._held: dict[str, tuple[str, bytes]] = {}

    def add(self, kind: str, payload: bytes) -> str:
        """Hold an object; gives its id."""
        oid = object_id(kind, payload)
        self._held.setdefault(oid, (kind, payload))
        return oid

    def add_commit(self, commit: Commit) -> str:
        """Hold a commit; gives its id."""
        return self.add("commit", commit.encode())

    def read(self, oid: str) -> tuple[str, bytes]:
        """``(kind, payload)`` of an object, held or stored."""
        held = self._held.get(oid)
        return held if held is not None else self._read(oid)

    def size(self, oid: str) -> int:
        """The bytes of an object, held or stored. One that is stored is not read for it, where the store can tell."""
        held = self._held.get(oid)
        if held is None and self._size is not None:
            return self._size(oid)
        return len(self.read(oid)[1])

    def read_blob(self, oid: str) -> bytes:
        """The bytes of a blob, held or stored."""
        return self.read(oid)[1]

    def read_commit(self, oid: str) -> Commit:
        """A commit, held or stored."""
        return Commit.decode(oid, self.read(oid)[1])

    def objects(self) -> Iterable[tuple[str, int, bytes]]:
        """``(id, pack type number, payload)`` of all that is held, in the order it came."""
        return ((oid, _TYPES[kind], payload) for oid, (kind, payload) in self._held.items())

    def __len__(self) -> int:
        return len(self._held)

    def clear(self) -> None:
        """Forget what is held: it was written, or shall not be."""
        self._held.clear()
