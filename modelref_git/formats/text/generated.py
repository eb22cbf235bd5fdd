"""``db.json``, which old clients of text models read: made from the rows of ``models.csv``, entry by entry."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelref_git.errors import Problem
from modelref_git.formats.exact import identical
from modelref_git.formats.text.rows import flag_of, parameters_of, tag_items
from modelref_git.records import pointer, text


def generated_db(rows: Iterable[Mapping[str, str]], defaults: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The entries that rows stand for: three for each, the base model's and those of the two backends.

    Values of a row go over *defaults* in place; empty ones count as none. Of several rows with one name the first has
    the place and the last the values.

    Args:
        rows: the rows in file order, cells by column in the order of the header.
        defaults: what ``defaults.json`` holds.
    """
    entries: dict[str, dict[str, Any]] = {}
    for cells in rows:
        name = cells.get("name", "").strip()
        model = text.model_name(name)
        values = _values(model, cells)
        for key in (name, f"aphrodite/{name}", f"koboldcpp/{model}"):
            entries[key] = {"name": key, "model_name": model, **defaults, **values}
    return entries


def differences(made: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Problem]:
    """What a ``db.json`` says otherwise than its source: a problem for each entry, at its JSON pointer.

    Where every entry is as it should be, their order may still be a problem.
    """
    count = 0
    for key, entry in made.items():
        count += 1
        if key not in found:
            yield _problem("", f"the entry {key!r} is missing")
        elif not identical(entry, found[key]):
            yield _problem(pointer.join((key,)), f"the entry {key!r} {_how(entry, found[key])}")
        else:
            count -= 1
    for key in found:
        if key not in made:
            count += 1
            yield _problem(pointer.join((key,)), f"the entry {key!r} comes from no row")
    if not count and list(made) != list(found):
        yield _problem("", "the entries are not in the order of the rows")


def _values(model: str, cells: Mapping[str, str]) -> dict[str, Any]:
    """The fields that a row gives an entry, in the order of its columns, without those that are empty."""
    values: dict[str, Any] = {}
    for column, cell in cells.items():
        match column:
            case "parameters_bn":
                values["parameters"] = _parameters(cell)
            case "settings":
                # The plain reader: old programs write numbers as Python does, not as they were written.
                values["settings"] = json.loads(cell) if cell.strip() else None
            case "nsfw":
                values["nsfw"] = flag_of(cell)
            case "name":
                pass
            case _:
                values[column] = cell
    count = values.get("parameters") or 0
    size = [text.size_tag(count)] if count else []
    style = values.get("style") or ""
    values["tags"] = sorted({*tag_items(values.get("tags", "")), *([style] if style else []), *size})
    values["display_name"] = values.get("display_name") or text.display_name(model)
    return {name: value for name, value in values.items() if value}


def _parameters(cell: str) -> int | None:
    try:
        return parameters_of(cell)
    except ValueError:
        return None


def _how(made: Mapping[str, Any], found: Any) -> str:
    if not isinstance(found, dict):
        return "is not a JSON object"
    names = [name for name in (*made, *(name for name in found if name not in made)) if not _equal(made, found, name)]
    if not names:
        return "has its fields in another order"
    return f"is not what its row makes of it: {', '.join(names)}"


def _equal(made: Mapping[str, Any], found: Mapping[str, Any], name: str) -> bool:
    return name in made and name in found and identical(made[name], found[name])


def _problem(path: str, message: str) -> Problem:
    return Problem(path, message, "text.generated")
