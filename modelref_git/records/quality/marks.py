"""Marks: what two records can have in common, as numbers by which the one is found from the other.

A mark is a hash of 63 bits. An index of marks answers "which records share this address" at a cost that does not grow
with the dataset, and need not hold a single address.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

from modelref_git.records.names import fold
from modelref_git.records.values import UNKNOWN_HASH

VERSION: Final = 1
"""Raised whenever a record's marks change, so that an index made by another version is made anew."""

_SEPARATORS: Final = re.compile(r"[\W_]+")
_HOMOGLYPHS: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04cf\u04bb\u051b\u051d\u0432\u043a\u043c\u043d\u0442"
    "\u03b1\u03b5\u03b9\u03bf\u03c1\u03c4\u03c5\u03c7\u03ba\u03bd\u0131\u0261",
    "aeopcyxijsdlhqwbkmhtaeioptuxkvig",
)
"""Letters of other scripts that look like a Latin one, folded to it. The look-alikes that fonts of programs and chats
really show, not the whole of Unicode's list: a false alarm costs more here than a clever forgery."""


def marks(category: str, key: str, record: Mapping[str, Any]) -> Iterator[int]:
    """Every mark of a record; none twice for one kind and value."""
    yield skeleton_mark(key)
    yield from near_marks(key)
    if category == "text_generation":
        yield tail_mark(key)
    for download in downloads(record):
        name, url, sha256sum = (download.get(field) for field in ("file_name", "file_url", "sha256sum"))
        if isinstance(name, str) and name:
            yield file_mark(category, name)
        if isinstance(url, str) and url.strip():
            yield address_mark(url)
        if isinstance(sha256sum, str) and sha256sum not in ("", UNKNOWN_HASH):
            yield sum_mark(sha256sum)


def downloads(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The downloads of a record, whatever else it is; one that is no object counts as an empty one."""
    config = record.get("config")
    found = config.get("download") if isinstance(config, Mapping) else None
    return [item if isinstance(item, Mapping) else {} for item in found] if isinstance(found, list) else []


# --- addresses, files, sums ------------------------------------------------------------------------------------------


def address_mark(url: str) -> int:
    """That of a download's address."""
    return _mark("address", same_address(url))


def same_address(url: str) -> str:
    """What addresses have in common that lead to one file: scheme, letter case of the host, and fragment aside."""
    rest = url.strip().partition("#")[0].partition("://")
    host, slash, path = (rest[2] or rest[0]).partition("/")
    return f"{host.lower()}{slash}{path}"


def file_mark(category: str, file_name: str) -> int:
    """That of a file on a worker's disk, where each category has a folder of its own."""
    return _mark("file", category, file_name)


def sum_mark(sha256sum: str) -> int:
    """That of a SHA-256 sum; letter case does not count."""
    return _mark("sum", sha256sum.lower())


# --- names -----------------------------------------------------------------------------------------------------------


def skeleton(name: str) -> str:
    """What is left of a name for the eye: no separators, no letter case, no accents, look-alike letters as one."""
    if name.isascii():  # most are, and a whole dataset is marked at once
        return _SEPARATORS.sub("", name.lower())
    plain = "".join(char for char in unicodedata.normalize("NFKD", fold(name)) if not unicodedata.combining(char))
    return _SEPARATORS.sub("", plain.translate(_HOMOGLYPHS))


def skeleton_mark(name: str) -> int:
    """That of all names which look the same at a glance."""
    return _mark("skeleton", skeleton(name))


def near_marks(name: str) -> Iterator[int]:
    """Names whose skeletons are one edit of a letter apart share at least one of these.

    The skeleton itself, and it with any one letter left out. Digits stay: versions differ by them on purpose.
    """
    text = skeleton(name)
    forms = {text, *(text[:at] + text[at + 1 :] for at, char in enumerate(text) if not char.isdecimal())}
    for form in sorted(forms):
        yield _mark("near", form)


def tail_mark(name: str) -> int:
    """That of text models which share the variant of a backend that drops the author."""
    return _mark("tail", name.partition("/")[2] or name)


def _mark(*parts: str) -> int:
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 1
