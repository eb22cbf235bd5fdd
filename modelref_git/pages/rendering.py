"""Templates filled in. Whatever is put into one is escaped: records, names and titles are what anybody wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from modelref_git import __version__
from modelref_git.pages.links import Links
from modelref_git.records.codec import line

if TYPE_CHECKING:
    from jinja2 import Environment

_UNITS: Final = ("bytes", "KB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at a page; nothing is shown beyond what that person may see."""

    username: str | None = None
    """``name#id``; ``None`` for somebody who did not sign in."""
    user_id: str | None = None
    is_member: bool = False
    is_requestor: bool = False
    is_approver: bool = False
    csrf: str = ""
    """Goes with every form that changes something."""
    notice: str | None = None
    """What became of the step before, in a sentence."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page has around its content."""

    links: Links
    reader: Reader = field(default_factory=Reader)
    here: str = ""
    """The entry of the navigation that the page belongs to."""
    at: str | None = None
    """The revision that is shown, where that is not what is live."""
    is_read_only: bool = False
    """Whether nothing can be changed here."""
    has_queue: bool = True
    has_audit: bool = True


def render(template: str, frame: Frame, values: Mapping[str, Any]) -> bytes:
    """The page that *template* (``NAME.html``) makes of *values*, in UTF-8."""
    text = (
        _environment()
        .get_template(template)
        .render(frame=frame, links=frame.links, reader=frame.reader, version=__version__, **values)
    )
    return text.encode("utf-8", "replace")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("modelref_git.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"stamp": stamp, "machine_time": machine_time, "size": size, "short": short, "json": line}
    made.filters["span"] = span
    return made


def stamp(seconds: float | None) -> str:
    """A time for people: Unix *seconds* as ``2026-06-01 12:00 UTC``; a dash for none."""
    found = _time(seconds)
    return f"{found:%Y-%m-%d %H:%M} UTC" if found is not None else "–"


def machine_time(seconds: float | None) -> str:
    """The same for ``datetime=``; empty for none."""
    found = _time(seconds)
    return f"{found:%Y-%m-%dT%H:%M:%SZ}" if found is not None else ""


def _time(seconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None  # a stamp of a record may be anything


def span(seconds: float | None) -> str:
    """A length of time for people, in its largest unit: ``3 days``; a dash for none."""
    if seconds is None:
        return "–"
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = round(seconds / length)
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return f"{round(seconds)} second{'' if round(seconds) == 1 else 's'}"


def size(count: Any) -> str:
    """A number of bytes for people, in powers of ten; a dash for what is none."""
    if not isinstance(count, int | float) or isinstance(count, bool) or count < 0:
        return "–"
    value = float(count)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            return f"{value:,.0f} {unit}" if unit == _UNITS[0] else f"{value:,.1f} {unit}"
        value /= 1000
    raise AssertionError("the last unit takes every number")


def short(oid: str | None) -> str:
    """The beginning of a commit's or blob's id."""
    return (oid or "")[:12]
