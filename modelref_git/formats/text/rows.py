"""One row of ``models.csv`` as a v2 record, and a record as a row.

What the row says and the rules would not write for its record goes into the record's member ``_legacy``:

===========  ==========================================================================================================
``rank``     the place of the record's first row among those of the others (``ranks``); set by import, always first
``cells``    by column: the text of a cell that the rules would write otherwise; used while it still means what the
             record says. A cell of a column that nobody knows is kept as it is
``earlier``  the rows with the same name in front of the one that counts, by column, without empty cells and without
             the name where it is the key: readers take the last row
``behind``   where the second row and those after it stand: for each the rows in front of it that it follows, nearest
             first, as ``[key]`` or ``[key, number]`` (rows of a key are counted from 0); ``[]`` is right behind the
             row of the same name. Left out where each is
===========  ==========================================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring_ascii
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.formats.exact import identical, number_text
from modelref_git.records import text
from modelref_git.records.codec import REMAINDER

TEXT: Final = "text_generation"
COLUMNS: Final = (
    *("name", "parameters_bn", "display_name", "url", "baseline"),
    *("description", "style", "tags", "instruct_format", "settings"),
)
"""The columns of the file, in order."""
TOLERATED: Final = ("version", "nsfw")
"""Columns that some older layouts have as well: they are read, and written where a file has them."""

_VERBATIM: Final = ("url", "baseline", "description", "style", "instruct_format", "version")
_BILLION: Final = 10**9
_FLAGS: Final = {"": False, "false": False, "0": False, "no": False, "true": True, "1": True, "yes": True}


# In


def read_row(cells: Mapping[str, str], *, open_values: bool = False) -> dict[str, Any]:
    """The record that a row stands for, in its stored form, with what else the row says as ``_legacy``.

    Raises:
        Invalid: with every fault of the row at once; paths name the column.
    """
    problems, values = _values(cells)
    if problems:
        raise Invalid.of("the row", problems)
    from modelref_git.records import normal  # pydantic comes with it

    record = normal.normalise(TEXT, values, open_values=open_values)
    made = _by_rules(record["name"], record)
    kept = {column: cell for column, cell in cells.items() if cell != made.get(column, "")}
    if kept:
        record[REMAINDER] = {"cells": kept}
    again = cells_of(record["name"], record)
    if any(again.get(column, "") != cell for column, cell in ({**made, **cells}).items()):
        # Not known to happen; a row that would be lost in part must not go in unseen.
        raise Invalid.of("the row", [Problem("", "the row cannot be kept exactly", "legacy.lost")])
    return record


def remarks(cells: Mapping[str, str], settings_keys: frozenset[str]) -> list[Problem]:
    """What is unusual about a row that can be read."""
    found = []
    items = tag_items(cells.get("tags", ""))
    if items and "" in items:
        found.append(Problem("/tags", "there is an empty tag between the commas", "text.empty_tag"))
    settings = text.settings_object(cells.get("settings", ""))
    unknown = sorted(set(settings) - settings_keys) if isinstance(settings, dict) else []
    if unknown:
        message = f"{', '.join(map(repr, unknown))}: the list of generation settings does not have it"
        found.append(Problem("/settings", message, "text.settings_key"))
    return found


def parameters_of(cell: str) -> int:
    """The number of parameters that a cell says in billions, as the readers of the file work it out.

    Raises:
        ValueError: it says none; the message is for people.
    """
    try:
        count = int(float(cell.strip()) * _BILLION)
    except (ValueError, OverflowError):
        raise ValueError(f"{cell.strip()!r} is not a number of billions") from None
    if count <= 0:
        raise ValueError("the number of parameters must be greater than 0")
    return count


def tag_items(cell: str) -> list[str]:
    """The items of a list of tags, stripped, empty ones included."""
    return [item.strip() for item in cell.split(",")] if cell else []


def flag_of(cell: str) -> bool | None:
    """What a cell of yes or no says; None: neither."""
    return _FLAGS.get(cell.strip().lower())


def _values(cells: Mapping[str, str]) -> tuple[list[Problem], dict[str, Any]]:
    problems: list[Problem] = []
    for column, cell in cells.items():
        if "\0" in cell:
            problems.append(Problem(f"/{column}", "a cell holds a NUL character", "csv.nul"))
    name = cells.get("name", "").strip()
    if not name:
        problems.append(Problem("/name", "the name is empty", "text.name"))
    elif "://" in name:
        problems.append(Problem("/name", f"the name {name!r} is a URL, and readers skip it", "text.name_url"))
    values: dict[str, Any] = {"name": name}
    try:
        values["parameters"] = parameters_of(cells.get("parameters_bn", ""))
    except ValueError as error:
        problems.append(Problem("/parameters_bn", str(error), "text.parameters"))
    values |= {column: cells[column] for column in ("display_name", *_VERBATIM) if cells.get(column)}
    # With the style among the tags nobody can take it for one that was merely filled in.
    values["tags"] = [*tag_items(cells.get("tags", "")), cells.get("style", "")]
    try:
        values["settings"] = _settings(cells.get("settings", ""))
    except ValueError as error:
        problems.append(Problem("/settings", str(error), "text.settings"))
    values["nsfw"] = flag_of(cells.get("nsfw", ""))
    if values["nsfw"] is None:
        problems.append(Problem("/nsfw", f"{cells['nsfw']!r} is neither true nor false", "text.nsfw"))
    return problems, values


def _settings(cell: str) -> dict[str, Any] | None:
    settings = text.settings_object(cell)
    if settings is None:
        return None
    if not isinstance(settings, dict):
        raise ValueError("the settings are not a JSON object")
    for key, value in settings.items():
        items = value if isinstance(value, list) else [value]
        if any(isinstance(item, (dict, list)) for item in items):
            raise ValueError(f"the setting {key!r} is neither a value nor a list of values")
    return settings


# Out


def is_writable(key: str) -> bool:
    """Whether readers of the file would see a row with this name as this record."""
    return key == key.strip() != "" and "\0" not in key and "://" not in key and not text.has_backend_prefix(key)


def cells_of(key: str, record: Mapping[str, Any]) -> dict[str, str]:
    """The cells of the row that counts for a stored record, by column: the known ones, and those that it came with."""
    kept = _texts(remainder_of(record).get("cells"))
    still = {column: cell for column, cell in kept.items() if _still_says(column, cell, key, record)}
    return _by_rules(key, record) | still


def earlier_rows(key: str, record: Mapping[str, Any]) -> list[dict[str, str]]:
    """The cells of the rows with the record's name in front of the one that counts."""
    earlier = remainder_of(record).get("earlier")
    return [{"name": key, **_texts(row)} for row in earlier] if isinstance(earlier, list) else []


def remainder_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The member ``_legacy`` of a stored record; empty where it is none that an import wrote."""
    remainder = record.get(REMAINDER)
    return remainder if isinstance(remainder, dict) else {}


def billions(parameters: int) -> str:
    """The shortest text in billions that ``parameters_of`` reads as exactly this number, if there is one."""
    whole, rest = divmod(parameters, _BILLION)
    digits = f"{rest:09d}"
    plain = f"{whole}.{digits}".rstrip("0").rstrip(".")
    # Where the product of floats falls short, one digit more lifts it over the whole number.
    for candidate in (plain, *(f"{whole}.{digits}{digit}" for digit in range(1, 10))):
        try:
            if parameters_of(candidate) == parameters:
                return candidate
        except ValueError:
            break
    return plain


def one_line(value: Any) -> str:
    """JSON in one line as ``json.dumps`` writes it, with numbers as they were written."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{encode_basestring_ascii(key)}: {one_line(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(one_line, value)) + "]"
    if isinstance(value, str):
        return str(encode_basestring_ascii(value))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return number_text(value) if isinstance(value, float) else str(value)


def _by_rules(key: str, record: Mapping[str, Any]) -> dict[str, str]:
    """The cells that a record has by itself; those of tolerated columns among them."""
    cells = dict.fromkeys(COLUMNS, "")
    cells |= {column: _plain(record.get(column)) for column in _VERBATIM}
    cells["name"] = key
    parameters = record.get("parameters")
    if isinstance(parameters, int):
        cells["parameters_bn"] = billions(parameters)
    title = _plain(record.get("display_name"))
    cells["display_name"] = "" if title == text.display_name(key) else title
    if cells["style"] == text.DEFAULTS["style"] and cells["style"] not in _tags(record):
        cells["style"] = ""  # the default that a writer filled in, and nobody stated
    cells["tags"] = ",".join(sorted(_stated(_tags(record), record)))
    settings = record.get("settings")
    cells["settings"] = one_line(settings) if isinstance(settings, dict) and settings else ""
    cells["nsfw"] = "true" if record.get("nsfw") is True else ""
    return cells


def _still_says(column: str, cell: str, key: str, record: Mapping[str, Any]) -> bool:
    """Whether the kept text of a cell means what the record says."""
    try:
        match column:
            case "name":
                return cell.strip() == key
            case "parameters_bn":
                return parameters_of(cell) == record.get("parameters")
            case "display_name":
                return cell in (record.get("display_name"), text.display_name(key) if not record.get(column) else None)
            case "tags":
                return _stated(tag_items(cell), record) == _stated(_tags(record), record)
            case "settings":
                return identical(_settings(cell) or {}, record.get("settings") or {})
            case "nsfw":
                return flag_of(cell) is bool(record.get("nsfw"))
    except ValueError:
        return False
    return column not in _VERBATIM


def _stated(tags: list[str], record: Mapping[str, Any]) -> set[str]:
    """*tags* without those that every reader adds: style and size."""
    parameters = record.get("parameters")
    added = {_plain(record.get("style")).strip(), ""}
    if isinstance(parameters, int):
        added.add(text.size_tag(parameters))
    return set(tags) - added


def _tags(record: Mapping[str, Any]) -> list[str]:
    tags = record.get("tags")
    return [tag.replace("\0", "") for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def _texts(cells: Any) -> dict[str, str]:
    members = cells.items() if isinstance(cells, dict) else ()
    return {column: cell for column, cell in members if isinstance(cell, str)}


def _plain(value: Any) -> str:
    """The text of a cell; a NUL character, which no reader takes, is left out."""
    return value.replace("\0", "") if isinstance(value, str) else ""
