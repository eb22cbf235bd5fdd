r"""How the bytes of one legacy file are laid out, and writing a file back in that layout.

The published files were written by hand and by several programs. A *profile* says what is regular about a file, and
names what is not by the record it belongs to, so that an edit of one record moves nothing else. It is JSON:

=================  ====================================================================================
member             meaning (left out: as in ``NEW_FILE``)
=================  ====================================================================================
``indent``         the text of one level, four spaces or a tab
``eol``            ``"\n"`` or ``"\r\n"``
``ascii``          true when what is not ASCII is written as lower-case ``\uXXXX``
``final_newline``  whether one end of line follows the last brace
``exact``          false when the file cannot be written back byte for byte; ``why`` says the reason
``before``         by key: the white space in front of it, where that is not an end of line and one indent
``verbatim``       by key: the member's own text, where its layout is irregular; used while it says the same
``start, close, end, empty``  odd white space in front of the first brace, before and after the last one,
                   and between the two of a file without records
=================  ====================================================================================
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.formats.exact import identical, number_text
from modelref_git.formats.scan import Layout, scan
from modelref_git.records import codec, json_text, pointer

NEW_FILE: Final[Mapping[str, Any]] = {
    "indent": "    ",
    "eol": "\n",
    "ascii": True,
    "final_newline": True,
    "exact": True,
}

_INDENT: Final = re.compile(r"^([ \t]*)[^\s]", re.MULTILINE)
_ESCAPED: Final = re.compile(r"\\u(?!00[0-7])[0-9a-fA-F]{4}")


def profile_of(data: bytes) -> dict[str, Any]:
    """The profile of a file, such that writing its own records with it gives *data* again.

    Never fails: for what is no JSON object in UTF-8 the profile has what could be seen of it, ``exact`` false, and
    the reason as ``why``.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {**NEW_FILE, "exact": False, "why": "the file is not UTF-8"}
    profile: dict[str, Any] = _regular(text)
    layout = scan(text)
    if layout is None:
        return {**profile, "exact": False, "why": "the file is not one JSON object"}
    try:
        records = json_text.parse(text, max_bytes=None)
    except Invalid as error:
        return {**profile, "exact": False, "why": error.message}
    return profile | _exceptions(text, layout, records, profile)


def write(entries: Mapping[str, Any], profile: Mapping[str, Any]) -> bytes:
    """The bytes of a file that holds *entries*, in their order and in the layout of *profile*.

    A record that the profile has no word about, as every new one, gets the regular layout. With an empty profile the
    file is laid out as a new one.
    """
    layout = {**NEW_FILE, **profile}
    eol, end = layout["eol"], layout.get("end")
    if end is None:
        end = eol if layout["final_newline"] else ""
    start = layout.get("start", "")
    if not entries:
        return f"{start}{{{layout.get('empty', '')}}}{end}".encode()
    before, verbatim = layout.get("before", {}), layout.get("verbatim", {})
    usual = eol + layout["indent"]
    parts = []
    for key, entry in entries.items():
        text = verbatim.get(key)
        if text is None or not _says(text, key, entry):
            text = _member(key, entry, layout)
        parts.append(before.get(key, usual) + text)
    return f"{start}{{{','.join(parts)}{layout.get('close', eol)}}}{end}".encode()


def path_of(category: str) -> str:
    """Where the dataset repository keeps the profile of a category's file."""
    return f"legacy/{category}/profile.json"


def encode(profile: Mapping[str, Any]) -> bytes:
    """The stored form of a profile."""
    return json.dumps(profile, indent=2, ensure_ascii=False).encode() + b"\n"


def decode(data: bytes) -> dict[str, Any]:
    """The profile that ``encode`` wrote.

    Raises:
        Invalid: it is not strict JSON, no object, or has members that ``encode`` would not have written.
    """
    what = "the format profile"
    profile = codec.decode(data, what=what)
    wrong = [name for name, value in profile.items() if not _CHECKS.get(name, _anything)(value)]
    if wrong:
        problems = [Problem(pointer.join((name,)), "an import does not write this", "legacy.profile") for name in wrong]
        raise Invalid.of(what, problems)
    return profile


def _anything(_value: Any) -> bool:
    return True


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_space(value: Any) -> bool:
    return isinstance(value, str) and not value.strip(" \t\r\n")


def _is_map_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


_CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("indent", "eol", "start", "close", "end", "empty"), _is_space),
    **dict.fromkeys(("ascii", "final_newline", "exact"), _is_flag),
    "before": _is_map_of(_is_space),
    "verbatim": _is_map_of(lambda value: isinstance(value, str)),
}
"""What the members of a profile must be, or a file written with it would be no JSON."""


def _regular(text: str) -> dict[str, Any]:
    """What the greater part of *text* does."""
    breaks = text.count("\n")
    eol = "\r\n" if text.count("\r\n") * 2 > breaks else "\n"
    raw = sum(1 for char in text if char > "\x7f") if not text.isascii() else 0
    return {
        "indent": _one_level(text),
        "eol": eol,
        "ascii": raw == 0 or len(_ESCAPED.findall(text)) > raw,
        "final_newline": text.endswith("\n"),
        "exact": True,
    }


def _one_level(text: str) -> str:
    """What most lines that are deeper than the line before have more than it."""
    steps: Counter[str] = Counter()
    last = ""
    for match in _INDENT.finditer(text):
        lead = match.group(1)
        if len(lead) > len(last) and lead.startswith(last):
            steps[lead[len(last) :]] += 1
        last = lead
    return steps.most_common(1)[0][0] if steps else str(NEW_FILE["indent"])


def _exceptions(text: str, layout: Layout, records: dict[str, Any], profile: dict[str, Any]) -> dict[str, Any]:
    """What the regular layout alone would write otherwise."""
    found: dict[str, Any] = {}
    eol, end = profile["eol"], text[layout.closes + 1 :]
    if end != (eol if profile["final_newline"] else ""):
        found["end"] = end
    if layout.opens:
        found["start"] = text[: layout.opens]
    if not layout.members:
        inner = text[layout.opens + 1 : layout.closes]
        return found | ({"empty": inner} if inner else {})
    before: dict[str, str] = {}
    verbatim: dict[str, str] = {}
    at = layout.opens + 1
    last = layout.members[-1]
    for member in layout.members:
        lead = text[at : member.start]
        if lead != eol + profile["indent"]:
            before[member.key] = lead
        stop = member.end if member is last else text.index(",", member.end)
        written = text[member.start : stop]
        if written != _member(member.key, records[member.key], profile):
            verbatim[member.key] = written
        at = stop + 1
    close = text[last.end : layout.closes]
    odd = {"before": before, "verbatim": verbatim, "close": close if close != eol else None}
    # A close of no white space at all is as odd as any other, so None alone means regular.
    return found | {name: value for name, value in odd.items() if value is not None and value != {}}


def _says(text: str, key: str, entry: Any) -> bool:
    """Whether the kept text of a member still says what is to be written."""
    try:
        said = json_text.parse("{" + text + "}", max_bytes=None)
    except Invalid:
        return False
    return identical(said, {key: entry})


def _member(key: str, entry: Any, layout: Mapping[str, Any]) -> str:
    quote = encode_basestring_ascii if layout["ascii"] else encode_basestring
    writer = _Writer(layout["indent"], layout["eol"], quote)
    return f"{quote(key)}: {writer.value(entry, layout['eol'] + layout['indent'])}"


class _Writer:
    """Python's own indented JSON layout, with numbers as they were written."""

    def __init__(self, indent: str, eol: str, quote: Any) -> None:
        self._indent = indent
        self._eol = eol
        self._quote = quote

    def value(self, value: Any, margin: str) -> str:
        """*value* as text; *margin* is the end of line and the white space of the line that it begins on."""
        if isinstance(value, str):
            return str(self._quote(value))
        if value is None:
            return "null"
        if value is True or value is False:
            return "true" if value else "false"
        if isinstance(value, float):
            return number_text(value)
        if isinstance(value, int):
            return int.__repr__(value)
        return self._container(value, margin)

    def _container(self, value: Any, margin: str) -> str:
        inner = margin + self._indent
        if isinstance(value, dict):
            parts = [f"{self._quote(key)}: {self.value(member, inner)}" for key, member in value.items()]
            opens, closes = "{", "}"
        else:
            parts = [self.value(item, inner) for item in value]
            opens, closes = "[", "]"
        if not parts:
            return opens + closes
        return opens + inner + ("," + inner).join(parts) + margin + closes
