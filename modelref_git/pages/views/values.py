"""Values of records as pages show them: within bounds, and with what they are told apart by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from modelref_git.operations.answers import METADATA, STAMPS
from modelref_git.records.codec import line
from modelref_git.records.diff import FieldDiff

LONGEST: Final = 1_500
"""Characters of one value."""
SHORTEST: Final = 20
"""So much of a value is shown even where a page has shown a lot."""


@dataclass(slots=True)
class Budget:
    """How much of values one page still shows, so that no page grows without bounds."""

    characters: int = 30_000
    rows: int = 300

    def value(self, content: Any) -> Any:
        """*Content*, or the beginning of its text."""
        if content is None or isinstance(content, bool | int | float):
            return content
        text = content if isinstance(content, str) else line(content)
        most = min(LONGEST, max(self.characters, SHORTEST))
        self.characters -= min(len(text), most)
        return content if len(text) <= most else f"{text[:most]} …"

    def differences(self, diffs: Iterable[FieldDiff]) -> dict[str, Any]:
        """The differences of one record as rows of a table: ``rows``, and how many ``more`` there are."""
        found = [item.as_json() for item in telling(diffs)]
        shown = found[: min(60, max(self.rows, 3))]
        self.rows -= len(shown)
        rows = [{**row, **{side: self.value(row[side]) for side in ("old_value", "new_value")}} for row in shown]
        return {"rows": rows, "more": len(found) - len(rows)}


def telling(diffs: Iterable[FieldDiff]) -> list[FieldDiff]:
    """*Diffs* without the stamps, which every change sets; with them where nothing else differs."""
    found = list(diffs)
    told = [item for item in found if not (len(item.path) == 2 and item.path[0] == METADATA and item.path[1] in STAMPS)]
    return told or found


def web_address(text: Any) -> str | None:
    """*Text*, if it is an address that a browser may be sent to: http or https, and of a host."""
    if not isinstance(text, str) or any(char.isspace() or not char.isprintable() for char in text):
        return None
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and host else None


def host_of(text: Any) -> str | None:
    """The host of an address; ``None`` for what is none."""
    return urlsplit(text).hostname if web_address(text) is not None else None


def beginning(text: Any, most: int) -> str:
    """The first *most* characters of a text in one line; empty for what is none."""
    if not isinstance(text, str):
        return ""
    flat = " ".join(text[: most * 4].split())
    return flat if len(flat) <= most else f"{flat[:most].rstrip()} …"


def whole_number(value: Any) -> int | None:
    """*Value*, if it is a whole number from 0 on."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
