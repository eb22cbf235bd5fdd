"""Where an older file says what a record's field holds: for messages about records that were read from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from modelref_git.formats.legacy import rules
from modelref_git.formats.text import table as text_table
from modelref_git.records import pointer

_OF_FILE: Final = {"file_name": "path", "file_purpose": "file_type"}
"""Fields of a download that the file's item has by another name."""

_COLUMNS: Final = {"parameters": "parameters_bn"}
"""Fields of a text model that the column has by another name."""


def in_entry(category: str, entry: Mapping[str, Any], path: str) -> str:
    """The JSON pointer into an entry of an old image file at which stands what *path* leads to in its record.

    What the entry does not say by itself keeps its pointer.
    """
    parts = pointer.split(path)
    if category == "controlnet" and parts[:1] == ("controlnet_style",):
        said = entry.get("type")
        return "/type" if isinstance(said, str) and said else "/style"
    if parts[:2] != ("config", "download") or len(parts) < 3 or not parts[2].isdecimal():
        return path
    config = entry.get("config")
    places = _downloads(config if isinstance(config, dict) else {})
    if int(parts[2]) >= len(places):
        return path
    file, address = places[int(parts[2])]
    field = parts[3] if len(parts) > 3 else None
    if field == "file_url" and address is not None:
        return pointer.join(("config", "download", address, "file_url"))
    named = () if field is None else (_OF_FILE.get(field, field),)
    return pointer.join(("config", "files", file, *named))


def _downloads(config: Mapping[str, Any]) -> list[tuple[int, int | None]]:
    """For each download of the record, the places of its item in ``files`` and of its address in ``download``."""
    files, downloads = config.get("files"), config.get("download")
    addresses: dict[Any, int] = {}
    for index, download in enumerate(downloads if isinstance(downloads, list) else ()):
        name = download.get("file_name") if isinstance(download, dict) else None
        if isinstance(name, str):
            addresses.setdefault(name, index)
    return [
        (index, addresses.get(item["path"]))
        for index, item in enumerate(files if isinstance(files, list) else ())
        if isinstance(item, dict) and isinstance(item.get("path"), str) and not rules.is_yaml(item["path"])
    ]


def in_row(columns: Sequence[str], row: text_table.Row, path: str) -> tuple[int, int]:
    """Line and column, from 1, at which a row of ``models.csv`` says what *path* leads to in its record."""
    parts = pointer.split(path)
    column = _COLUMNS.get(parts[0], parts[0]) if parts else ""
    places = text_table.cell_places(row)
    if column in columns and columns.index(column) < len(places):
        return places[columns.index(column)]
    return row.line, 1
