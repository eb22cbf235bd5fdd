"""A record: its fields with what gave them their values, its files, its pictures, and what is going on around it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

from modelref_git.errors import ModelrefError, NotFound
from modelref_git.operations.blame import blame
from modelref_git.operations.context import Context
from modelref_git.operations.notes import note_list
from modelref_git.operations.read import dataset_at, get_record, record_bytes
from modelref_git.operations.record_log import versions
from modelref_git.pages.views.dataset import NOT_SAFE
from modelref_git.pages.views.values import Budget, beginning, host_of, web_address, whole_number
from modelref_git.proposals.notes import Note, why_not
from modelref_git.records import pictures, pointer, text
from modelref_git.records.categories import TEXT_GENERATION

if TYPE_CHECKING:
    from modelref_git.records.schemas import Schema

FIELDS_AT_MOST: Final = 150
FILES_AT_MOST: Final = 60
"""More fields and files than that are told of by their number; the whole record is a click away."""
NOTES_AT_MOST: Final = 50
"""The newest of them."""
CHANGES_AT_MOST: Final = 20

_APART: Final = (("config", "download"), ("pictures",), ("showcases",))
"""Members that have a part of the page to themselves."""
_DEEPEST: Final = 4
_SUM: Final = re.compile("[0-9a-fA-F]{64}")
_STAMPS: Final = ("created_at", "updated_at")

_Path = tuple[str | int, ...]


def record_view(
    ctx: Context,
    category: str,
    name: str,
    *,
    revision: str | None = None,
    live: bool = True,
    queue: bool = False,
    notes: bool = False,
) -> dict[str, Any]:
    """What the page shows.

    Args:
        ctx: the reader's way in.
        category: the record's category.
        name: its name; that of a variant of a text model is one too.
        revision: the state of the dataset; what is live unless given.
        live: whether that is the live state; of earlier ones those pictures alone are shown that it has still.
        queue: whether its open changes are told.
        notes: whether the notes on it are told.

    Raises:
        NotFound: there is no such revision, category or record.
    """
    record = get_record(ctx, category, name, revision)
    stored = record_bytes(ctx, category, name, revision) is not None
    base = None if stored else text.base_of_variant(name, _names(ctx, category, revision))
    key = name if stored else (base[-1] if base else name)
    origins = _Origins(_blame(ctx, category, key, revision))
    fields, budget = list(_fields(record)), Budget()
    return {
        "category": category,
        "name": name,
        "base": None if stored else key,
        "description": record.get("description") if isinstance(record.get("description"), str) else "",
        "nsfw": record.get("nsfw") is True,
        "baseline": beginning(record.get("baseline"), 80),
        "size": whole_number(record.get("size_on_disk_bytes")),
        "newest": _newest(ctx, category, key, revision),
        "fields": _shown_fields(fields[:FIELDS_AT_MOST], origins, budget),
        "more_fields": max(0, len(fields) - FIELDS_AT_MOST),
        "downloads": list(_downloads(record, origins, budget)),
        "pictures": list(_pictures(_of(ctx, category, name, revision, live), name, record, origins, budget)),
        "showcases": _showcases(record, budget),
        "variants": text.related_models(name) if stored and category == TEXT_GENERATION else [],
        "changes": _open_changes(ctx, category, key) if queue else None,
        "notes": notes_view(ctx, category, key) if notes else None,
        "commands": list(_commands(category, key)),
        "milestones": (),
        "raw": None,
        "may_propose": False,
    }


def notes_view(
    ctx: Context, category: str, name: str, *, draft: Mapping[str, str] | None = None, faults: Sequence[Any] = ()
) -> dict[str, Any]:
    """The notes on a record for a member, newest first.

    Args:
        ctx: the member's way in.
        category: the record's category.
        name: its name.
        draft: what the member typed and was refused: ``act``, ``id``, ``text``, ``team``.
        faults: why.
    """
    config = ctx.view().dataset().config
    person = ctx.person(config)
    trouble = None
    try:
        found = [Note(**row) for row in note_list(ctx, category, name)]
    except ModelrefError as fault:
        found, trouble = [], fault.message
    rows = [
        {
            "note": note,
            "seen": str(note.edited_at or note.at),
            "may_change": person.is_requestor and why_not(config, person.actor, person.member, category, note) is None,
        }
        for note in reversed(found[-NOTES_AT_MOST:])
    ]
    return {
        "rows": rows,
        "older": len(found) - len(rows),
        "may_add": person.is_requestor and trouble is None,
        "trouble": trouble,
        "draft": draft or {},
        "faults": faults,
    }


def _names(ctx: Context, category: str, revision: str | None) -> list[str]:
    return dataset_at(ctx, revision).names(category)


# --- what gave the fields their values -------------------------------------------------------------------------------


class _Origins:
    """By the place of a value, the version that gave it its newest part."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._newest: dict[tuple[str, ...], Mapping[str, Any]] = {}
        self._all: dict[tuple[str, ...], set[tuple[str, int | None]]] = {}
        for row in rows:
            place = tuple(pointer.split(row["path"]))
            for depth in range(1, min(len(place), _DEEPEST) + 1):
                above = place[:depth]
                known = self._newest.get(above)
                if known is None or _age(known) < _age(row):
                    self._newest[above] = row
                self._all.setdefault(above, set()).add((row["commit"], row["change_id"]))

    def of(self, path: _Path) -> dict[str, Any] | None:
        """The newest version below *path*, with ``others``: how many more have a part in it."""
        place = tuple(str(part) for part in path)
        newest = self._newest.get(place)
        return None if newest is None else {**newest, "others": len(self._all[place]) - 1}


def _age(row: Mapping[str, Any]) -> tuple[int, int]:
    return row["time"], row["change_id"] or 0


def _blame(ctx: Context, category: str, name: str, revision: str | None) -> list[dict[str, Any]]:
    try:
        return blame(ctx, category, name, revision=revision)
    except NotFound:
        return []  # a revision between two of main, or a clone without its history


def _newest(ctx: Context, category: str, name: str, revision: str | None) -> Any:
    try:
        with closing(versions(ctx, category, name, revision=revision)) as past:
            return next(past, None)
    except NotFound:
        return None


# --- fields ----------------------------------------------------------------------------------------------------------


def _fields(record: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The fields in their order; those of objects one by one, lists as they are."""

    def below(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        if path in _APART:
            return
        if isinstance(value, dict) and value and len(path) < _DEEPEST:
            for key, item in value.items():
                yield from below((*path, key), item)
        else:
            yield path, value

    for key, value in record.items():
        yield from below((key,), value)


def _shown_fields(
    fields: Sequence[tuple[tuple[str, ...], Any]], origins: _Origins, budget: Budget
) -> list[dict[str, Any]]:
    return [{"path": ".".join(path), **_cell(path, value, budget), "blame": origins.of(path)} for path, value in fields]


def _cell(path: tuple[str, ...], value: Any, budget: Budget) -> dict[str, Any]:
    """How a value is shown: as ``text``, ``link``, ``words``, ``time``, ``size``, ``number``, ``none`` or ``code``."""
    label = path[-1]
    if value is None or value == [] or value == {}:
        return {"form": "none", "value": None}
    if isinstance(value, bool):
        return {"form": "text", "value": "yes" if value else "no"}
    if isinstance(value, int | float):
        if label in _STAMPS and path[0] == "metadata":
            return {"form": "time", "value": value}
        form = "size" if label.endswith("_bytes") and whole_number(value) is not None else "number"
        return {"form": form, "value": value}
    if isinstance(value, str):
        shown = budget.value(value)
        return {"form": "link" if shown == value and web_address(value) else "text", "value": shown}
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value[:200]):
        words = [budget.value(str(item)) for item in value[:60]]
        return {"form": "words", "value": words, "more": len(value) - len(words)}
    return {"form": "code", "value": budget.value(value)}


# --- files, pictures -------------------------------------------------------------------------------------------------


def _downloads(record: Mapping[str, Any], origins: _Origins, budget: Budget) -> Iterator[dict[str, Any]]:
    config = record.get("config")
    entries = config.get("download") if isinstance(config, dict) else None
    for place, entry in enumerate(entries[:FILES_AT_MOST] if isinstance(entries, list) else ()):
        if not isinstance(entry, dict):
            continue
        address, found = entry.get("file_url"), entry.get("sha256sum")
        is_known = isinstance(found, str) and _SUM.fullmatch(found) is not None
        yield {
            "file": beginning(entry.get("file_name"), 200) or "(no name)",
            "address": beginning(address, 300),
            "href": _href(address, budget),
            "host": host_of(address),
            "sum": found if is_known else None,
            "placeholder": None if is_known else beginning(found, 80),
            "content_hash": beginning(entry.get("content_hash"), 128),
            "size": whole_number(entry.get("size_bytes")),
            "purpose": beginning(entry.get("file_purpose"), 80),
            "slow": entry.get("known_slow_download") is True,
            "blame": origins.of(("config", "download", place)),
        }


@dataclass(frozen=True, slots=True)
class _Album:
    """What decides which pictures of a record are shown."""

    schema: Schema
    handed_out: frozenset[str] | None
    """Those that may be; ``None`` for all."""


def _of(ctx: Context, category: str, name: str, revision: str | None, live: bool) -> _Album:
    schema = dataset_at(ctx, revision).schema(category)
    return _Album(schema, None if live else _live_names(ctx, category, name))


def _pictures(
    album: _Album, name: str, record: Mapping[str, Any], origins: _Origins, budget: Budget
) -> Iterator[dict[str, Any]]:
    for one in pictures.shown(pictures.named(record, album.schema))[: pictures.AT_MOST]:
        entry = one.entry
        level = whole_number(entry.get("nsfw_level")) or 0
        prompt = entry.get("prompt")
        details = [(key, entry[key]) for key in (*pictures.FACTS, *pictures.DETAILS) if entry.get(key) is not None]
        yield {
            "sha256": one.sha256,
            "alt": beginning(prompt, 200) or f"Picture {one.place + 1} of {name}",
            "caption": beginning(prompt, 120),
            "is_shown": album.handed_out is None or one.sha256 in album.handed_out,
            "is_hidden": level >= NOT_SAFE or record.get("nsfw") is True,
            "level": level,
            "width": whole_number(entry.get("width")),
            "height": whole_number(entry.get("height")),
            "size": whole_number(entry.get("size_bytes")),
            "details": [(key, _detail(key, value, budget)) for key, value in details],
            "blame": origins.of((pictures.PICTURES, one.place)),
        }


def _detail(key: str, value: Any, budget: Budget) -> Any:
    if key == "comfy_workflow" and isinstance(value, dict):
        return f"a workflow of {len(value)} members, in the whole record"
    return budget.value(value)


def _live_names(ctx: Context, category: str, name: str) -> frozenset[str]:
    """The pictures that the live record names: of what is gone nothing is handed out."""
    try:
        dataset = dataset_at(ctx, None)
        found = pictures.named(get_record(ctx, category, name), dataset.schema(category))
    except NotFound:
        return frozenset()
    return frozenset(one.sha256 for one in found)


def _showcases(record: Mapping[str, Any], budget: Budget) -> list[dict[str, Any]]:
    listed = record.get("showcases")
    rows = listed[:60] if isinstance(listed, list) else []
    return [{"text": beginning(row, 300), "href": _href(row, budget)} for row in rows if isinstance(row, str)]


def _href(address: Any, budget: Budget) -> str | None:
    """An address to go to, if it is one, and short enough."""
    found = web_address(address)
    return found if found is not None and budget.value(found) == found else None


# --- around it -------------------------------------------------------------------------------------------------------


def _open_changes(ctx: Context, category: str, name: str) -> list[Any]:
    queue = ctx.view().queue
    found = (queue.change(number) for number in queue.open_changes(category, name)[:CHANGES_AT_MOST])
    return [change for change in found if change is not None]


def _commands(category: str, name: str) -> Iterator[tuple[str, str, str]]:
    """What it tells, the command, and what that is given at its end; a revision may stand before that."""
    record = f"{quote(category)} {quote(name)}"
    words = f"-- {record}" if name.startswith("-") else record
    yield "The record", "modelref-git get", words
    yield "What gave each field its value", "modelref-git blame", words
    yield "Its history", "modelref-git log", words
