"""What `import` reads: a folder or a file of records, in whatever layout it comes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

from modelref_git.errors import Invalid, NotFound, Problem, UsageFault
from modelref_git.formats.source_readers import has_legacy_file, layout_of, read_jsonl, read_legacy, read_v2
from modelref_git.formats.source_types import Format, ImportSource, SourceCategory, SourceEntry
from modelref_git.records.categories import CATEGORIES, category_of_legacy_file, category_of_v2_file, v2_file

__all__ = ["Format", "ImportSource", "SourceCategory", "SourceEntry", "detect", "read_source"]

TEXT_SOURCE: Final = "models.csv"
TEXT_FILES: Final = (TEXT_SOURCE, "db.json", "defaults.json", "generation_params.json")
_TEXT: Final = "text_generation"
_LINES: Final = frozenset({".jsonl", ".ndjson"})


def read_source(
    path: Path,
    *,
    layout: Format | Literal["auto"] = "auto",
    category: str | None = None,
    known_categories: Collection[str] = (),
    open_values: bool = False,
) -> ImportSource:
    """Read the records of a folder or file.

    In a folder only files with a category's name are read, the names of the others are told. Records with faults are
    reported one by one; a file that cannot be read at all refuses the whole.

    Args:
        path: the folder or file.
        layout: what the files are; ``auto`` looks at them.
        category: read this category alone; for a file whose name tells none, the category it belongs to.
        known_categories: the dataset's own categories, besides the fifteen.
        open_values: as in ``legacy.read_category``.

    Raises:
        NotFound: *path* or *category* does not exist, a file's category cannot be told, or a folder has no file of a
            category.
        Invalid: a file cannot be read, is not strict JSON, or a folder mixes the two layouts.
        UsageFault: *layout* does not fit the source or the category.
    """
    known = [*CATEGORIES, *sorted(set(known_categories) - set(CATEGORIES))]
    if category is not None and category not in known:
        raise NotFound(f"There is no category {category!r}.", hint="modelref-git categories lists them.")
    if not path.exists():
        raise NotFound(f"There is no import source {str(path)!r}.")
    if path.is_dir():
        return _folder(path, layout, known if category is None else [category], open_values)
    return _file(path, layout, category, known, open_values)


def detect(files: Mapping[str, bytes]) -> Format:
    """The layout of the category files of a folder, by their entries; files that both layouts have decide.

    Raises:
        Invalid: some are legacy files and some v2 files, or one is not strict JSON.
    """
    found: dict[Format, list[str]] = {}
    for name, data in files.items():
        category = category_of_legacy_file(name)
        verdict = layout_of(data, name) if category is not None and has_legacy_file(category) else None
        if verdict is not None:
            found.setdefault(verdict, []).append(name)
    if len(found) > 1:
        old, new = found["legacy"][0], found["v2"][0]
        message = f"{old} holds legacy entries and {new} v2 records"
        raise Invalid.of("The import source", [Problem("", message, "source.mixed")], hint="Say which with --format.")
    return next(iter(found), "v2")


def _folder(path: Path, layout: Format | Literal["auto"], wanted: list[str], open_values: bool) -> ImportSource:
    names = sorted(entry.name for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
    if layout == "jsonl":
        raise UsageFault(f"{str(path)!r} is a folder; JSON lines are read from a file.")
    # A file that only one layout has must not be opened for its name's sake while the layout is open.
    in_both = {v2_file(category): category for category in wanted if has_legacy_file(category)}
    text = _text_files(path, names) if _TEXT in wanted and layout != "v2" else {}
    data = {name: _read(path / name) for name in names if name in in_both}
    if layout == "auto":
        layout = "legacy" if text else detect(data)
    if layout == "legacy":
        read = [read_legacy(in_both[name], data[name], name, open_values=open_values) for name in data]
    else:
        by_file = {v2_file(category): category for category in reversed(wanted)}
        data |= {name: _read(path / name) for name in names if name in by_file and name not in data}
        read = [read_v2(by_file[name], data[name], name) for name in data]
    if not read and not text:
        raise NotFound(f"The folder {str(path)!r} has no {layout} file of a category.")
    place = {category: index for index, category in enumerate(wanted)}
    read.sort(key=lambda one: place[one.category])
    ignored = tuple(name for name in names if name not in data and name not in text)
    return ImportSource(layout, tuple(read), ignored=ignored, text_files=text)


def _file(
    path: Path, layout: Format | Literal["auto"], category: str | None, known: list[str], open_values: bool
) -> ImportSource:
    if layout == "jsonl" or (layout == "auto" and path.suffix in _LINES):
        placed, unplaced = read_jsonl(_read(path), path.name, category, known)
        return ImportSource("jsonl", placed, unplaced)
    if path.name == TEXT_SOURCE and layout != "v2" and category in (None, _TEXT):
        names = [name for name in TEXT_FILES if (path.parent / name).is_file()]
        return ImportSource("legacy", (), text_files=_text_files(path.parent, names))
    at = category or category_of_v2_file(path.name)
    if at is None or at not in known:
        raise NotFound(f"The name of {path.name!r} is not that of a category's file.", hint="Say which: --category.")
    if layout == "legacy" and not has_legacy_file(at):
        raise UsageFault(f"The category {at!r} has no legacy file of this kind.")
    data = _read(path)
    if layout == "auto":
        layout = (layout_of(data, path.name) or "v2") if has_legacy_file(at) else "v2"
    if layout == "legacy":
        return ImportSource(layout, (read_legacy(at, data, path.name, open_values=open_values),))
    return ImportSource(layout, (read_v2(at, data, path.name),))


def _text_files(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    """The text models' files: their source and its neighbours, which mean nothing without it."""
    present = set(names)
    if TEXT_SOURCE not in present:
        return {}
    return {name: _read(folder / name) for name in TEXT_FILES if name in present}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = Problem("", f"it cannot be read: {error.strerror or error}", "source.unreadable")
        raise Invalid.of(str(path), [problem]) from None
