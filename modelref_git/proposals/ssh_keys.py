"""Public SSH keys: lines of text such as ``ssh-ed25519 AAAA… comment``, and the bytes that they stand for.

Everything here is pure. A key is its bytes; comments, and how a line is laid out, say nothing about it.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import Final

from modelref_git.errors import Invalid, Problem

_PARTS: Final = {
    "ssh-ed25519": 2,
    "ssh-rsa": 3,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
    "sk-ssh-ed25519@openssh.com": 3,
    "sk-ecdsa-sha2-nistp256@openssh.com": 4,
}
"""The key types that count, each with how many parts such a key has. No certificates: whoever holds the key of their
authority could sign as anybody. No DSA: OpenSSH gave it up."""


def check_key_line(text: str) -> str:
    """The one public key that *text* holds, as ``type base64 [comment]``.

    Raises:
        Invalid: it holds no public SSH key, or more than one line. The message never repeats the text.
    """
    if "PRIVATE KEY" in text:
        raise _no_key("it is a private key, which nobody else may see", hint="the public one is in the file FILE.pub")
    line = " ".join(text.strip().split("\t"))
    if len(line.splitlines()) != 1 or not line.isprintable():
        raise _no_key("a public key is one line without control characters")
    words = line.split()
    if "-cert-v01@" in words[0]:
        raise _no_key("it is a certificate; a member is known by a key of their own")
    if words[0] not in _PARTS:
        raise _no_key(f"it does not begin with a key type; key types are {', '.join(_PARTS)}")
    blob = key_blob(line)
    if blob is None:
        raise _no_key(f"what follows {words[0]} is no such key")
    return " ".join([line_of(blob), *words[2:]])


def key_fingerprint(line: str) -> str:
    """The fingerprint of a public key's line, as ``ssh-keygen -l`` shows it: ``SHA256:`` and 43 characters.

    Raises:
        Invalid: the line holds no public SSH key.
    """
    blob = key_blob(check_key_line(line)) or b""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _no_key(
    why: str, *, hint: str = "`ssh-keygen -t ed25519` makes a key, FILE, with its public half, FILE.pub"
) -> Invalid:
    return Invalid.of("the SSH key", [Problem("", why, "member.ssh_key")], hint=hint)


def strings(data: bytes) -> list[bytes]:
    """The parts of *data*, each led by its length in four bytes: how SSH strings things together.

    Raises:
        ValueError: the last part is cut off.
    """
    parts, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            raise ValueError("a part is cut off")
        parts.append(data[at + 4 : end])
        at = end
    return parts


@lru_cache(maxsize=4096)
def key_blob(line: str) -> bytes | None:
    """The key of a line ``type base64 …`` as bytes; ``None`` if it holds none.

    Each key has one spelling that counts, so that whoever compares lines finds the same keys equal.
    """
    words = line.split(None, 2)
    if len(words) < 2:
        return None
    try:
        blob = base64.b64decode(words[1])
    except ValueError:
        return None
    return blob if type_of(blob) and line_of(blob).split() == words[:2] else None


def type_of(blob: bytes) -> str:
    """The type that a key says it is of; empty unless it has that type's shape."""
    try:
        kind, *parts = strings(blob)
    except ValueError:
        return ""
    name = kind.decode("ascii", "replace")
    if len(parts) + 1 != _PARTS.get(name) or not all(parts):
        return ""
    return "" if "ed25519" in name and len(parts[0]) != 32 else name


def line_of(blob: bytes) -> str:
    """The line of a key, without a comment."""
    return f"{strings(blob)[0].decode('ascii')} {base64.b64encode(blob).decode()}"


def public_half(text: str) -> str | None:
    """The public key that OpenSSH writes, unencrypted, ahead of a private one; ``None`` for older kinds of files."""
    try:
        data = base64.b64decode("".join(text.strip().splitlines()[1:-1]), validate=True)
    except ValueError:
        return None
    magic = b"openssh-key-v1\0"
    at = len(magic)
    for part in range(4):  # cipher, derivation, its options; then, after the number of keys, the key
        at += 4 if part == 3 else 0
        size = int.from_bytes(data[at : at + 4], "big")
        blob = data[at + 4 : at + 4 + size]
        at += 4 + size
    return line_of(blob) if data.startswith(magic) and type_of(blob) else None
