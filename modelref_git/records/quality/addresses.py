"""What an address says about itself, without asking anybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_ADDRESS: Final = re.compile(r"(?i:https?)://(?:[^/?#@]*@)?([^/?#@:]+)(?::\d+)?([^?#]*)(?:\?([^#]*))?")
"""Host, path, and what is asked of it."""
_NO_PART: Final = re.compile(r"[\s\x00-\x1f\x7f<>\"{}|\\^`]")
_PASSWORD: Final = re.compile(r"(?i:https?)://[^/?#@:]*:([^/?#@]+)@")
_SECRETS: Final = frozenset(
    {"token", "access_token", "auth_token", "authtoken", "api_key", "apikey", "api-key", "secret", "password"}
    | {"x-amz-signature", "x-amz-security-token", "x-goog-signature"}
)
_GAP: Final = re.compile(r"[<{$%\[]|(?i:your|x{3})")
"""How a value begins that a person or program has yet to fill in."""
_SERVED: Final = {
    "huggingface.co": ("/resolve/", "/raw/", "/api/"),
    "hf.co": ("/resolve/", "/raw/", "/api/"),
    "civitai.com": ("/api/",),
}
"""Hosts on which an address is a file only if its path has one of these."""
_POINTERS: Final = frozenset({"huggingface.co", "hf.co"})
"""Hosts that keep large files aside, and show under ``raw`` what stands for them."""
_TEXTS: Final = frozenset({".json", ".yaml", ".yml", ".txt", ".md", ".csv", ".toml", ".py"})
_VERSION: Final = re.compile(r"/api/download/models/\d+/?")
_SELECTORS: Final = frozenset({"type", "format", "size", "fp", "fileId"})
_PAGES: Final = {
    "github.com": re.compile(
        r"\A/[^/]+(?:/[^/]+)?/?\Z|\A/[^/]+/[^/]+/(?:blob|tree|wiki|issues|releases/tag)\b|/releases/?\Z"
    ),
    "drive.google.com": re.compile(r"/file/d/[^/]+|/drive/|/open\Z"),
    "mega.nz": re.compile(""),
    "mediafire.com": re.compile(r"/file/|/folder/"),
    "pixeldrain.com": re.compile(r"/[ul]/"),
}
"""Hosts, and the paths on them that are pages."""
_PAGE: Final = re.compile(r"/-/(?:blob|tree)/|\.html?\Z|\A/?\Z")
"""Paths that are pages on any host."""


def form_fault(url: str) -> str | None:
    """What is wrong with the form of an address; None if it is a whole http(s) address."""
    found = _NO_PART.search(url)
    if found is not None:
        return "has white space in it" if found[0].isspace() else f"has {found[0]!r} in it, which no address has"
    return None if _ADDRESS.match(url) else "is no whole http or https address"


def host_of(url: str) -> str:
    """The host of an address, in small letters; empty if it has none."""
    found = _ADDRESS.match(url)
    return found[1].lower() if found else ""


def path_of(url: str) -> str:
    """The path of an address, as it is written; empty if it has none."""
    found = _ADDRESS.match(url)
    return found[2] if found else ""


def last_part(url: str) -> str:
    """The last part of an address' path, in small letters: the file, on most hosts."""
    return path_of(url).rpartition("/")[2].lower()


def query(url: str) -> Iterator[tuple[str, str]]:
    """What an address asks for after the question mark, name by name, as it is written."""
    for part in url.partition("#")[0].partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        yield name, value


def extension(path: str) -> str:
    """The extension of the last part of a path, in small letters with its dot; empty if it has none."""
    name = path.rpartition("/")[2]
    stem, dot, last = name.rpartition(".")
    return f".{last.lower()}" if dot and stem else ""


def no_file(url: str) -> str | None:
    """What an address is known to lead to in the place of a file; None if nothing speaks against it."""
    found = _ADDRESS.match(url)
    if found is None:
        return None
    host, path, asked = found[1].lower().removeprefix("www."), found[2], found[3] or ""
    if host in _SERVED:
        if "/raw/" in path and host in _POINTERS and extension(path) not in _TEXTS:
            return "a pointer of a few lines to the file"
        is_one = not any(part in path for part in _SERVED[host])
    else:
        pages = _PAGES.get(host)
        is_one = _PAGE.search(path) is not None or (pages is not None and pages.search(path) is not None)
        is_one = is_one and "raw=" not in asked
    return "a web page" if is_one else None


def is_ambiguous(url: str) -> bool:
    """Whether an address names a version of a model of which its host keeps several files, and not which one."""
    found = _ADDRESS.match(url)
    if found is None or found[1].lower().removeprefix("www.") != "civitai.com" or not _VERSION.fullmatch(found[2]):
        return False
    return not any(name in _SELECTORS for name, _ in query(url))


def secret_in(url: str) -> str | None:
    """How the part of an address is called that is a secret in so many letters; None if there is none."""
    password = _PASSWORD.match(url)
    if password is not None and not _GAP.match(password[1]):
        return "password"
    for name, value in query(url):
        if value and name.lower() in _SECRETS and not _GAP.match(value):
            return name.lower()
    return None
