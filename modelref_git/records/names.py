"""Names of records: their file keys and back, what makes two of them look alike, and which are refused.

A name is data and never a path. Its file key is one that Linux, macOS, Windows and Git all take as it is. File keys and
foldings last as long as the history that holds them, so everything here rests on Unicode 3.2, which Python keeps for
the DNS and which no later Python changes; characters that are younger are percent-encoded and have no letter case.
"""

from __future__ import annotations

import re
from hashlib import sha256
from itertools import groupby
from typing import Final, Literal, NoReturn
from unicodedata import ucd_3_2_0 as _unicode

from modelref_git.errors import Invalid, Problem

MAX_FILE_KEY_BYTES: Final = 250
"""Longest file key in bytes: what file systems allow a name (255), less ``.json``."""

RESERVED_CATEGORY: Final = "policy"
"""The category under which the queue lists changes of policy."""

BACKEND_PREFIXES: Final = ("aphrodite/", "koboldcpp/")
"""What a backend puts before the name of a text model; variants with it are derived, never stored."""

NAME_POINTER: Final = "/name"
"""Where problems of a name are said to be, as a JSON pointer into the record."""

_KEPT: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.()+,=@'!")
_ENCODED_ASCII: Final = {code: f"%{code:02X}" for code in range(128) if chr(code) not in _KEPT}
_KEPT_KINDS: Final = frozenset("LMNPS")
"""First letters of the general categories that are visible: letters, marks, numbers, punctuation, symbols."""

_SOFT_HYPHEN: Final = "\N{SOFT HYPHEN}"
"""The one character that Unicode 3.2 calls punctuation and that shows nothing all the same."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_()+,=@'!-](?:[A-Za-z0-9_.()+,=@'!-]*[A-Za-z0-9_()+,=@'!-])?")
"""Names that are their own file keys, unless they are reserved or too long."""

_DEVICE: Final = re.compile(
    r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\.|\Z)", re.ASCII | re.IGNORECASE
)
"""Names that Windows takes for a device, with any extension."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPE: Final = re.compile(rb"%([0-9A-F]{2})")
_CATEGORY: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


def file_key(name: str) -> str:
    """The file key of *name*: one to one, and safe as a part of a path everywhere.

    ASCII letters, digits and ``- _ . ( ) + , = @ ' !`` stay, as do visible characters beyond ASCII if name and key are
    in normal form C. All else becomes ``%XX``, the bytes of its UTF-8; so do a dot at either end and the first letter
    of a Windows device name.

    Raises:
        Invalid: rules ``name.blank``, ``name.backslash``, ``name.surrogate``, ``name.too_long``.
    """
    if _PLAIN.fullmatch(name) and len(name) <= MAX_FILE_KEY_BYTES and not _DEVICE.match(name):
        return name
    problems = _problems(name)
    if problems:
        raise Invalid.of(f"the name {_shown(name)}", problems)
    return _encoded(name)


def name_of(file_key: str) -> str:
    """The name whose file key is *file_key*.

    Raises:
        Invalid: no name has it (``name.file_key``).
    """
    if _PLAIN.fullmatch(file_key) and len(file_key) <= MAX_FILE_KEY_BYTES and not _DEVICE.match(file_key):
        return file_key
    try:
        name = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), file_key.encode()).decode()
    except UnicodeError:
        _refuse_file_key(file_key)
    if _problems(name) or _encoded(name) != file_key:
        _refuse_file_key(file_key)
    return name


def fold(name: str) -> str:
    """What names have in common that differ only by letter case or Unicode form."""
    if name.isascii():
        return name.lower()
    return _normal("NFC", "".join(run.casefold() if old else run for old, run in _runs(_normal("NFD", name))))


def fold_hash(name: str) -> str:
    """The SHA-256 of the folded *name*, in lower-case hex.

    Raises:
        Invalid: the name has half of a surrogate pair (``name.surrogate``).
    """
    return sha256(_utf8(fold(name))).hexdigest()


def index_hash(category: str, name: str) -> str:
    """The SHA-256 of *category*, a NUL and the folded *name*, in lower-case hex: where open changes are indexed.

    Raises:
        Invalid: the name has half of a surrogate pair (``name.surrogate``).
    """
    return sha256(_utf8(f"{category}\0{fold(name)}")).hexdigest()


def structural_problems(category: str, name: str) -> list[Problem]:
    """Why no record of *category* may have this *name*; empty if it may. None of these rules can be waived."""
    problems = _problems(name)
    if category == "text_generation":
        problems += [
            Problem(NAME_POINTER, f"the backend prefix {prefix} is never stored", "name.backend_prefix")
            for prefix in BACKEND_PREFIXES
            if name.startswith(prefix)
        ]
    return problems


def is_device(text: str) -> bool:
    """Whether Windows takes a file of that name for a device, whatever its extension."""
    return _DEVICE.match(text) is not None


def check_category_name(text: str) -> None:
    """Refuse what cannot name a category: it is a folder and a file everywhere, and ``policy`` is taken.

    Raises:
        Invalid: rule ``category.name``.
    """
    if not _CATEGORY.fullmatch(text):
        message = "it begins with a small letter and has at most 64 small letters, digits and underscores"
    elif text == RESERVED_CATEGORY:
        message = "it is reserved for changes of policy"
    elif _DEVICE.match(text):
        message = "Windows takes it for a device"
    else:
        return
    raise Invalid.of(f"the category name {_shown(text)}", [Problem("", message, "category.name")])


def _problems(name: str) -> list[Problem]:
    """What no name of any category may be."""
    problems = []
    if not name.strip():
        problems.append(Problem(NAME_POINTER, "it is blank", "name.blank"))
    if "\\" in name:
        problems.append(Problem(NAME_POINTER, "it has a backslash", "name.backslash"))
    if _SURROGATE.search(name):
        problems.append(Problem(NAME_POINTER, "it has half of a surrogate pair", "name.surrogate"))
    # A key is never shorter than its name, so a very long name needs no key to be refused.
    elif len(name) > MAX_FILE_KEY_BYTES or (name and len(_encoded(name).encode()) > MAX_FILE_KEY_BYTES):
        message = f"its file key would be longer than {MAX_FILE_KEY_BYTES} bytes"
        problems.append(Problem(NAME_POINTER, message, "name.too_long"))
    return problems


def _encoded(name: str) -> str:
    """The file key of a *name* without surrogates, whatever its length."""
    if name.isascii():
        return _with_safe_ends(name, name.translate(_ENCODED_ASCII))
    key = _with_safe_ends(name, "".join(map(_kept_or_encoded, name)))
    # An escape ends in a letter or digit, with which a mark behind it could combine: hence the look at the key as well.
    if _normal("NFC", name) == name and _normal("NFC", key) == key:
        return key
    return _with_safe_ends(name, "".join(_kept_or_encoded(char) if char.isascii() else _escaped(char) for char in name))


def _with_safe_ends(name: str, key: str) -> str:
    """*key* of *name* without a dot at its ends, and not the name of a device."""
    if key.endswith("."):
        key = key[:-1] + "%2E"
    if key.startswith(".") or _DEVICE.match(name):
        key = _escaped(key[0]) + key[1:]
    return key


def _kept_or_encoded(char: str) -> str:
    if char.isascii():
        return char.translate(_ENCODED_ASCII)
    kept = _unicode.category(char)[0] in _KEPT_KINDS and char != _SOFT_HYPHEN
    return char if kept else _escaped(char)


def _escaped(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())


def _runs(text: str) -> list[tuple[bool, str]]:
    """*text* in pieces, each with whether Unicode 3.2 knew its characters."""
    return [(old, "".join(run)) for old, run in groupby(text, key=lambda char: _unicode.category(char) != "Cn")]


def _normal(form: Literal["NFC", "NFD"], text: str) -> str:
    # Python normalises younger characters by the newest rules, and a character composed of an old and a younger one may
    # be added any year: only runs that Unicode 3.2 knew are looked at.
    return "".join(_unicode.normalize(form, run) if old else run for old, run in _runs(text))


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        problem = Problem(NAME_POINTER, "it has half of a surrogate pair", "name.surrogate")
        raise Invalid.of(f"the name {_shown(text)}", [problem]) from error


def _shown(text: str) -> str:
    """*text* for a message: on one line, what does not print escaped, not too long."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _refuse_file_key(file_key: str) -> NoReturn:
    problem = Problem("", "no name has this file key", "name.file_key")
    raise Invalid.of(f"the file name {_shown(file_key)}", [problem])
