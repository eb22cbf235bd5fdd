"""One record being edited in the browser: what a form holds, from page to page until it is proposed.

Nothing of it is kept by the service: all that a page must know comes back with the next form.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from modelref_git.errors import Problem, UsageFault
from modelref_git.pages.forms.acts import WORDS, act
from modelref_git.pages.forms.posted import read, read_text
from modelref_git.records import codec
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.schemas import Schema

FIELDS: Final = "fields"
JSON: Final = "json"

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ONCE: Final = re.compile(r"[0-9A-Za-z_-]{8,64}")
_METADATA: Final = "metadata"


@dataclass(frozen=True, slots=True)
class Editing:
    """What is being edited, and how."""

    operation: str
    """``create`` or ``update``."""
    category: str
    name: str | None = None
    """The record that is changed; of a new one what it is to be called, where its schema has no name for it."""
    base: str | None = None
    """The commit of ``main`` from which it was read."""
    record: dict[str, Any] = field(default_factory=dict)
    """Without what is `hidden_in` its schema."""
    text: str | None = None
    """The whole record as JSON, where it is edited so."""
    note: str = ""
    allow: tuple[str, ...] = ()
    """Quality rules that are waived."""
    problems: tuple[Problem, ...] = ()
    """What of the fields could not be read."""
    once: str = ""
    """What the form calls itself, so that sent twice it is proposed once."""

    @property
    def mode(self) -> str:
        """Whether the record is edited in fields or as JSON."""
        return FIELDS if self.text is None else JSON

    def as_text(self, schema: Schema) -> Editing:
        """The same, edited as JSON."""
        return replace(self, text=codec.encode(self.record, schema.order).decode())

    def as_fields(self) -> Editing:
        """The same, edited in fields, if the JSON can be read."""
        return self if self.problems else replace(self, text=None)

    def after(self, button: str) -> Editing:
        """The same, after the *button* of a row, such as ``add /config/download``."""
        word, _, path = button.partition(" ")
        return replace(self, record=act(self.record, word, path)) if word in WORDS else self


def begun(operation: str, category: str, schema: Schema, name: str | None = None, **more: Any) -> Editing:
    """A form that is opened; *more* are further fields of it, its record with all that it has."""
    record = {key: value for key, value in more.pop("record", {}).items() if key not in hidden_in(schema)}
    return Editing(operation, category, name, record=record, once=secrets.token_urlsafe(16), **more)


def hidden_in(schema: Schema) -> tuple[str, ...]:
    """The members of a record that are not edited: what the program stamps, and what legacy files alone hold."""
    is_stamped = schema.category in CATEGORIES and schema.has_metadata
    return (_METADATA, codec.REMAINDER) if is_stamped else (codec.REMAINDER,)


def came_back(rows: Sequence[tuple[str, str]], operation: str, *, keep_blank: bool = False) -> Editing:
    """What the fields *rows* of a form hold.

    Args:
        rows: names and values.
        operation: ``create`` or ``update``.
        keep_blank: as for `posted.read`.

    Raises:
        UsageFault: they are none of such a form.
    """
    given = dict(rows)
    base, once, text = given.get("base") or None, given.get("once", ""), given.get("record")
    category = given.get("category", "")
    if not category or (base is not None and not _COMMIT.fullmatch(base)) or not _ONCE.fullmatch(once):
        raise UsageFault("the form is not complete", hint="load the page anew")
    is_text = given.get("mode") == JSON and text is not None
    posted = read_text(text) if is_text and text is not None else read(rows, keep_blank=keep_blank)
    return Editing(
        operation,
        category,
        given.get("name") or None,
        base,
        posted.record,
        text.replace("\r\n", "\n") if is_text and text is not None else None,
        given.get("note", "").replace("\r\n", "\n").strip(),
        tuple(dict.fromkeys(value for name, value in rows if name == "allow")),
        tuple(posted.problems),
        once,
    )


def with_hidden(record: Mapping[str, Any], then: Mapping[str, Any] | None, schema: Schema) -> dict[str, Any]:
    """*record* as it is proposed: with the stamps that *then*, from which it was edited, had."""
    hidden = hidden_in(schema)
    if _METADATA not in hidden:
        return dict(record)
    kept = {_METADATA: then[_METADATA]} if then is not None and _METADATA in then else {}
    return {key: value for key, value in record.items() if key != _METADATA} | kept
