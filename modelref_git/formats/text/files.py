"""The four files of the text models: in as v2 records, and back.

``models.csv`` is the source: a row is a record. ``db.json`` is made from it, ``defaults.json`` fills what rows leave
open, and ``generation_params.json`` names the keys that settings may have. The last two are kept as they came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.formats.exact import identical
from modelref_git.formats.legacy import profile as legacy_profile
from modelref_git.formats.legacy.losses import LOST, REFUSED, STAMPS
from modelref_git.formats.source_types import SourceCategory
from modelref_git.formats.text import generated as text_generated
from modelref_git.formats.text import places as text_places
from modelref_git.formats.text import rows as text_rows
from modelref_git.formats.text import table as text_table
from modelref_git.formats.text.reading import (
    DEFAULTS,
    FILES,
    GENERATED,
    SETTINGS,
    SOURCE,
    Rows,
    header_remarks,
    json_object,
    read_inputs,
    read_table,
)
from modelref_git.formats.text.rows import COLUMNS, TEXT
from modelref_git.records import pointer, text
from modelref_git.records.codec import without_remainder
from modelref_git.records.merge import CREATED, UPDATED
from modelref_git.records.values import SETTINGS_KEYS

__all__ = [
    "DEFAULTS",
    "FILES",
    "GENERATED",
    "SETTINGS",
    "SOURCE",
    "TEXT",
    "columns_of",
    "generated_faults",
    "losses",
    "new_files",
    "read_category",
    "write",
]

_PROFILE: Final = "profile.json"
_KEPT: Final = (DEFAULTS, SETTINGS)
_FIRST_FEW: Final = 5
_INPUT_LAYOUT: Final = {"indent": "  "}
_DB_LAYOUT: Final = ("indent", "eol", "ascii", "final_newline")


def read_category(files: Mapping[str, bytes], *, open_values: bool = False) -> SourceCategory:
    """The records of the text models' files, and the files that go beside the dataset.

    Every record given is proven: its rows are written again as they were read. Ranks are not set here. A name that
    several rows have is one record, in the place of the first and with the values of the last.

    Args:
        files: the bytes of each file by its name; ``models.csv`` must be among them.
        open_values: as in ``legacy.read_category``.

    Raises:
        Invalid: the source is no CSV in UTF-8 or lacks a column that it needs, or one of the two input files is no
            JSON object; each detail names its ``file``. Faults of single rows are reported with their entries.
    """
    table, inputs = read_table(files)
    rows = Rows(table, inputs, open_values=open_values)
    entries = rows.entries()
    warnings = header_remarks(table)
    profile = text_table.profile_of(table, rows.keys)
    if GENERATED in files:
        layout, found = _generated_layout(files[GENERATED], text_generated.generated_db(rows.cells(), inputs.defaults))
        profile |= layout
        warnings += found
    ordered = _all_rows([(entry.key, entry.record) for entry in entries if entry.key and entry.record])
    if text_table.write(ordered, profile) != files[SOURCE]:
        why = "rows of it are refused" if rows.refused else "its layout is too irregular"
        profile |= {"exact": False, "why": why}
        warnings.append(Problem("", f"{SOURCE} cannot be written back byte for byte: {why}", "legacy.layout"))
    beside = {_PROFILE: legacy_profile.encode(profile)} | {name: files[name] for name in _KEPT if name in files}
    folder = legacy_profile.path_of(TEXT).removesuffix(_PROFILE)
    paths = {folder + name: data for name, data in beside.items()}
    return SourceCategory(TEXT, entries, paths, tuple(warnings))


def write(records: Sequence[tuple[str, Mapping[str, Any]]], kept: Mapping[str, bytes]) -> dict[str, bytes]:
    """The four files, by name.

    Records whose name readers would not take for theirs (``losses`` says which) are left out.

    Args:
        records: key and stored record, with its remainder, in stored order.
        kept: what import put beside the dataset, by base name: ``profile.json``, ``defaults.json`` and
            ``generation_params.json``. Where one is missing the defaults of this package hold, and the settings keys
            that it knows, with null for values, which nobody reads.

    Raises:
        Invalid: a kept file is not what import wrote.
    """
    inputs = read_inputs(kept)
    profile = _profile(kept)
    rows = _all_rows([(key, record) for key, record in records if text_rows.is_writable(key)])
    columns = text_table.columns(rows, profile)
    cells = [{column: row.get(column, "") for column in columns} for _, row in rows]
    return {
        SOURCE: text_table.write(rows, profile),
        GENERATED: legacy_profile.write(text_generated.generated_db(cells, inputs.defaults), profile.get("db", {})),
        DEFAULTS: _kept(kept, DEFAULTS, text.DEFAULTS),
        SETTINGS: _kept(kept, SETTINGS, dict.fromkeys(SETTINGS_KEYS.values)),
    }


def columns_of(kept: Mapping[str, bytes]) -> tuple[str, ...]:
    """The columns that ``write`` can give the source: for ``losses``.

    Raises:
        Invalid: the kept profile is not what import wrote.
    """
    return tuple(dict.fromkeys((*_profile(kept)["columns"], *COLUMNS)))


def losses(key: str, record: Mapping[str, Any], *, columns: Sequence[str] = COLUMNS) -> list[Problem]:
    """What the files cannot hold of a stored record: every place at which reading them would give something else.

    The rules are those of ``legacy_losses``, the paths JSON pointers into the record.

    Args:
        key: the record's key.
        record: the stored record, with its remainder if it has one.
        columns: those of the written file (``columns_of``).
    """
    if not text_rows.is_writable(key):
        return [Problem("", f"the record is left out: {SOURCE} cannot have the name {key!r}", REFUSED)]
    cells = text_rows.cells_of(key, record)
    try:
        back = text_rows.read_row({column: cells.get(column, "") for column in columns}, open_values=True)
    except Invalid as fault:
        return [Problem("", f"an import would refuse its row: {fault.details[0]['message']}", REFUSED)]
    return list(_lost((), without_remainder(record), back))


def generated_faults(files: Mapping[str, bytes]) -> list[Problem]:
    """What in ``db.json`` does not follow from ``models.csv``: a problem for each entry, at its JSON pointer.

    Without one of the two there is nothing to compare, and no fault. Rows that cannot be read are left out.

    Raises:
        Invalid: a file cannot be read; the details have its ``file``, line and column.
    """
    if SOURCE not in files or GENERATED not in files:
        return []
    table, inputs = read_table(files)
    rows = Rows(table, inputs, open_values=True)
    made = text_generated.generated_db(rows.cells(), inputs.defaults)
    return list(text_generated.differences(made, json_object(files[GENERATED], GENERATED)))


def new_files() -> dict[str, bytes]:
    """What import would put beside the dataset, by base name, for files that this version wrote with nothing kept."""
    written = write([], {})
    return {_PROFILE: legacy_profile.encode(text_table.NEW_FILE), **{name: written[name] for name in _KEPT}}


def _profile(kept: Mapping[str, bytes]) -> dict[str, Any]:
    return text_table.decode(kept[_PROFILE]) if _PROFILE in kept else dict(text_table.NEW_FILE)


def _kept(kept: Mapping[str, bytes], name: str, usual: Mapping[str, Any]) -> bytes:
    return kept[name] if name in kept else legacy_profile.write(usual, _INPUT_LAYOUT)


def _generated_layout(data: bytes, made: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The layout of a ``db.json`` as a part of the profile, and remarks on it."""
    try:
        entries = json_object(data, GENERATED)
    except Invalid as fault:
        return {}, [Problem("", f"{fault.message}; it will be made anew from {SOURCE}", "text.generated")]
    found = list(text_generated.differences(made, entries))
    profile = legacy_profile.profile_of(data) if entries else legacy_profile.NEW_FILE
    layout = {name: profile[name] for name in _DB_LAYOUT}
    part = {} if layout == {name: legacy_profile.NEW_FILE[name] for name in _DB_LAYOUT} else {"db": layout}
    if found:
        return part, [_summary(found)]
    if legacy_profile.write(made, layout) == data:
        return part, []
    message = f"{GENERATED} cannot be written back byte for byte: its layout is irregular"
    return part, [Problem("", message, "legacy.layout")]


def _summary(found: Sequence[Problem]) -> Problem:
    more = f"; and {len(found) - _FIRST_FEW} more" if len(found) > _FIRST_FEW else ""
    listed = "; ".join(problem.message for problem in found[:_FIRST_FEW])
    message = f"{GENERATED} does not follow from {SOURCE}, and will be made anew: {listed}{more}"
    return Problem("", message, "text.generated")


def _all_rows(records: Sequence[tuple[str, Mapping[str, Any]]]) -> list[tuple[str, dict[str, str]]]:
    """Every row that records have, with its key, in the order of the file."""
    rows: dict[str, list[dict[str, str]]] = {}
    fronts: dict[str, Any] = {}
    for key, record in records:
        rows[key] = [*text_rows.earlier_rows(key, record), text_rows.cells_of(key, record)]
        fronts[key] = text_rows.remainder_of(record).get("behind")
    order = text_places.in_file_order({key: len(own) for key, own in rows.items()}, fronts)
    return [(key, rows[key][number]) for key, number in order]


def _lost(path: tuple[str, ...], record: Mapping[str, Any], back: Mapping[str, Any]) -> Iterator[Problem]:
    """The places of a record at which reading gives something else; lists and settings are compared as wholes."""
    for name, value in record.items():
        here = (*path, name)
        if name in back and identical(value, back[name]):
            continue
        if name != "settings" and isinstance(value, dict) and isinstance(back.get(name), dict):
            yield from _lost(here, value, back[name])
        elif path == ("metadata",) and name in (*CREATED, *UPDATED):
            yield Problem(pointer.join(here), f"{name!r} is a stamp, and {SOURCE} has none", STAMPS)
        else:
            what = f"comes back as {text_rows.one_line(back[name])}" if name in back else "is lost"
            yield Problem(pointer.join(here), f"{name!r} {what}: {SOURCE} cannot say it", LOST)
