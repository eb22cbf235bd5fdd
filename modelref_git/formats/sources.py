"""What `import` reads: a folder or a file of records, in whatever layout it comes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, TypeVar

from modelref_git.errors import Invalid, NotFound, Problem, UsageFault
from modelref_git.formats.source_readers import has_legacy_file, layout_of, read_jsonl, read_legacy, read_v2
from modelref_git.formats.source_types import Format, ImportSource, SourceCategory, SourceEntry, UnreadableFile
from modelref_git.formats.text import files as text_files
from modelref_git.records.categories import CATEGORIES, category_of_legacy_file, category_of_v2_file, v2_file

__all__ = ["Format", "ImportSource", "SourceCategory", "SourceEntry", "UnreadableFile", "detect", "read_source"]

_T = TypeVar("_T")

_LINES: Final = frozenset({".jsonl", ".ndjson"})


def read_source(
    path: Path,
    *,
    layout: Format | Literal["auto"] = "auto",
    category: str | None = None,
    known_categories: Collection[str] = (),
    open_values: bool = False,
    tolerant: bool = False,
) -> ImportSource:
    """Read the records of a folder or file.

    In a folder only files with a category's name are read, the names of the others are told. Records with faults are
    reported one by one.

    Args:
        path: the folder or file.
        layout: what the files are; ``auto`` looks at them.
        category: read this category alone; for a file whose name tells none, the category it belongs to.
        known_categories: the dataset's own categories, besides the fifteen.
        open_values: as in ``legacy.read_category``.
        tolerant: report the files that cannot be read at all as ``unreadable``, instead of refusing the whole.

    Raises:
        NotFound: *path* or *category* does not exist, a file's category cannot be told, or a folder has no file of a
            category.
        Invalid: files cannot be read or are not strict JSON (the faults of all of them are listed); or a folder mixes
            the two layouts.
        UsageFault: *layout* does not fit the source or the category.
    """
    known = [*CATEGORIES, *sorted(set(known_categories) - set(CATEGORIES))]
    if category is not None and category not in known:
        raise NotFound(f"There is no category {category!r}.", hint="modelref-git categories lists them.")
    if not path.exists():
        raise NotFound(f"There is no import source {str(path)!r}.")
    if path.is_dir():
        source = _folder(path, layout, known if category is None else [category], open_values)
    else:
        try:
            source = _file(path, layout, category, known, open_values)
        except Invalid as error:
            source = ImportSource("v2" if layout == "auto" else layout, (), unreadable=(_unreadable(path.name, error),))
    if source.unreadable and not tolerant:
        raise _refusal(path, source.unreadable)
    return source


def detect(files: Mapping[str, bytes]) -> Format:
    """The layout of the category files of a folder, by their entries; files that both layouts have decide.

    Raises:
        Invalid: some are legacy files and some v2 files, or one is not strict JSON.
    """
    return _agreed({name: _verdict(name, data) for name, data in files.items()})


def _verdict(name: str, data: bytes) -> Format | None:
    category = category_of_legacy_file(name)
    return layout_of(data, name) if category is not None and has_legacy_file(category) else None


def _agreed(verdicts: Mapping[str, Format | None]) -> Format:
    """The one layout that the files are of, by what each of them looks like."""
    found: dict[Format, list[str]] = {}
    for name, verdict in verdicts.items():
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
    text = _text_files(names) if text_files.TEXT in wanted and layout != "v2" else []
    broken: dict[str, Invalid] = {}
    data = _each([name for name in names if name in in_both], lambda name: _read(path / name), broken)
    if layout == "auto":
        layout = "legacy" if text else _agreed(_each(data, lambda name: _verdict(name, data[name]), broken))
    if layout == "legacy":
        read = _each(data, lambda name: read_legacy(in_both[name], data[name], name, open_values=open_values), broken)
        read |= _each(text[:1], lambda _: _read_text(path, text, open_values), broken)
    else:
        by_file = {v2_file(category): category for category in reversed(wanted)}
        more = [name for name in names if name in by_file and name not in data]
        data |= _each(more, lambda name: _read(path / name), broken)
        read = _each(data, lambda name: read_v2(by_file[name], data[name], name), broken)
    if not read and not broken:
        raise NotFound(f"The folder {str(path)!r} has no {layout} file of a category.")
    place = {category: index for index, category in enumerate(wanted)}
    parts = sorted(read.values(), key=lambda one: place[one.category])
    ignored = tuple(name for name in names if name not in data and name not in text and name not in broken)
    unreadable = tuple(_unreadable(name, broken[name]) for name in sorted(broken))
    return ImportSource(layout, tuple(parts), ignored=ignored, unreadable=unreadable)


def _each(names: Iterable[str], make: Callable[[str], _T], broken: dict[str, Invalid]) -> dict[str, _T]:
    """What *make* gives for each file that is not *broken*; those that it refuses are from then on."""
    made: dict[str, _T] = {}
    for name in names:
        if name not in broken:
            try:
                made[name] = make(name)
            except Invalid as error:
                broken[name] = error
    return made


def _unreadable(file: str, error: Invalid) -> UnreadableFile:
    nowhere = {"line": None, "column": None}
    return UnreadableFile(file, tuple({**nowhere, "file": file, **detail} for detail in error.details))


def _refusal(path: Path, unreadable: Sequence[UnreadableFile]) -> Invalid:
    details = [detail for one in unreadable for detail in one.details]
    first = details[0]
    place = "" if first["line"] is None else f" line {first['line']} column {first['column']}:"
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    files = "" if len(unreadable) == 1 else f"{len(unreadable)} files of {path.name} cannot be read; the first is "
    return Invalid(f"{files}{first['file']}:{place} {first['message']}{more}", details=details)


def _file(
    path: Path, layout: Format | Literal["auto"], category: str | None, known: list[str], open_values: bool
) -> ImportSource:
    if layout == "jsonl" or (layout == "auto" and path.suffix in _LINES):
        placed, unplaced = read_jsonl(_read(path), path.name, category, known)
        return ImportSource("jsonl", placed, unplaced)
    if path.name == text_files.SOURCE and layout != "v2" and category in (None, text_files.TEXT):
        names = [name for name in text_files.FILES if (path.parent / name).is_file()]
        return ImportSource("legacy", (_read_text(path.parent, names, open_values),))
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


def _text_files(names: Collection[str]) -> list[str]:
    """Those of *names* that are the text models' files: their source and its neighbours, which mean nothing alone."""
    return [name for name in text_files.FILES if name in names] if text_files.SOURCE in names else []


def _read_text(folder: Path, names: Iterable[str], open_values: bool) -> SourceCategory:
    files = {name: _read(folder / name) for name in names}
    return text_files.read_category(files, open_values=open_values)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = Problem("", f"it cannot be read: {error.strerror or error}", "source.unreadable")
        raise Invalid.of(str(path), [problem]) from None
