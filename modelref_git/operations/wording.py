"""Texts of people on their way into events: titles and reasons, checked, and changes as lines to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelref_git.errors import UsageFault
from modelref_git.proposals.queue import Change

TITLE_AT_MOST: Final = 120
REASON_AT_MOST: Final = 500
SHOWN_AT_MOST: Final = 127
"""So many changes are listed in a message for people."""


def check_title(title: str | None) -> str:
    """A batch's title, trimmed.

    Raises:
        UsageFault: it is blank or too long.
    """
    return _checked_text(title, "a title", TITLE_AT_MOST)


def check_reason(reason: str | None) -> str:
    """A reason, trimmed.

    Raises:
        UsageFault: it is blank or too long.
    """
    return _checked_text(reason, "a reason", REASON_AT_MOST)


def _checked_text(text: str | None, what: str, longest: int) -> str:
    trimmed = (text or "").strip()
    if not trimmed:
        raise UsageFault(f"{what} is needed, and may not be blank")
    if len(trimmed) > longest:
        raise UsageFault(f"{what} has at most {longest} characters, this one has {len(trimmed)}")
    return trimmed


def listing(changes: Sequence[Change]) -> list[str]:
    """The changes as lines for people."""
    return [f"- change {change.change_id}: {change.proposal.title}" for change in changes[:SHOWN_AT_MOST]]
