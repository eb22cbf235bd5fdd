"""What files on disk hold for a check: records, each with where its fields stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from modelref_git.errors import Invalid, Problem
from modelref_git.formats import v2
from modelref_git.formats.legacy import places as legacy_places
from modelref_git.formats.source_readers import has_legacy_file, layout_of, read_legacy, read_v2
from modelref_git.formats.source_types import SourceCategory
from modelref_git.formats.sources import read_source
from modelref_git.formats.text import files as text_files
from modelref_git.formats.text import table as text_table
from modelref_git.operations.checking.findings import Fault, of_error, structural
from modelref_git.operations.checking.hosts import by_path
from modelref_git.records import json_text, pointer
from modelref_git.records.categories import CATEGORIES, category_of_v2_file
from modelref_git.records.json_text import MAX_RECORD_BYTES
from modelref_git.records.names import NAME_POINTER
from modelref_git.records.quality.names import KEY_MISMATCH
from modelref_git.store import layout

Where = Callable[[Problem], Mapping[str, Any]]
"""Where a fault of a record is, as the last arguments of a `Fault`."""


Form = Literal["record", "v2", "legacy"]
"""What a record stands in: a file of its own, a category's file, or an older file, out of which it comes in its stored
form."""


@dataclass(frozen=True, slots=True)
class CheckedEntry:
    """A record of a file."""

    category: str
    key: str
    record: dict[str, Any]
    form: Form
    where: Where
    """Where a fault of ``record`` is in the file."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What the reader of a file finds unusual, and no reason to refuse."""

    problem: Problem
    category: str
    key: str
    place: Mapping[str, Any]
    """Where it is, as the last arguments of a `Fault`."""


@dataclass(slots=True)
class CheckedFile:
    """A file: its records, and what is wrong with it besides them."""

    file: str
    text: str | None = None
    """Its content, if that is JSON."""
    entries: list[CheckedEntry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def content(self) -> str | None:
        """Its content, if that is JSON."""
        return self.text


def read_files(paths: Iterable[Path], known: Sequence[str], *, open_values: bool = False) -> Iterator[CheckedFile]:
    """What the files at *paths* hold, and those of folders that an import would read.

    Args:
        paths: files and folders.
        known: the names of all categories.
        open_values: as in ``legacy.read_category``.

    Raises:
        NotFound: a folder has no file of a category.
    """
    reader = _Reader(known, open_values)
    for path in paths:
        for checked in reader.read(path):
            if checked.file not in reader.seen:
                reader.seen.add(checked.file)
                yield checked


class _Reader:
    def __init__(self, known: Sequence[str], open_values: bool) -> None:
        self._known = known
        self._open_values = open_values
        self.seen: set[str] = set()

    def read(self, path: Path) -> Iterator[CheckedFile]:
        if path.is_dir():
            yield from self._folder(path)
        elif path.name in text_files.FILES and (path.parent / text_files.SOURCE).is_file():
            yield from self._text(path.parent)
        else:
            yield self._single(path, None)

    def _folder(self, folder: Path) -> Iterator[CheckedFile]:
        if self._is_in_dataset(folder):
            for path in sorted(folder.rglob(f"*{layout.SUFFIX}")):
                yield self._single(path, None)
            return
        known = [name for name in self._known if name not in CATEGORIES]
        try:
            source = read_source(folder, known_categories=known, open_values=self._open_values, tolerant=True)
        except Invalid as error:
            yield CheckedFile(str(folder), faults=[_whole(fault) for fault in of_error(error)])
            return
        names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        for name in (name for name in names if name not in source.ignored):
            if name == text_files.SOURCE:
                yield from self._text(folder)
            elif name not in text_files.FILES:
                yield self._single(folder / name, source.format)

    def _single(self, path: Path, form: str | None) -> CheckedFile:
        """A file of one record, or of a category; *form* is the layout of its folder, where that is known."""
        checked = CheckedFile(str(path))
        try:
            data = path.read_bytes()
        except OSError as error:
            problem = Problem("", f"it cannot be read: {error.strerror or error}", "file.unreadable")
            checked.faults.append(structural(problem))
            return checked
        try:
            value = json_text.parse(data, what=path.name, max_bytes=None, max_depth=v2.MAX_DEPTH)
        except Invalid as error:
            checked.faults += of_error(error)
            return checked
        checked.text = data.decode()
        category = None if self._is_in_dataset(path) else category_of_v2_file(path.name)
        is_record = isinstance(value, dict) and isinstance(value.get("name"), str) and form is None
        if category is not None and category in self._known and not is_record:
            self._category(checked, path, category, data, value, form)
        else:
            self._record(checked, path, data, value)
        return checked

    def _category(
        self, checked: CheckedFile, path: Path, category: str, data: bytes, value: Any, form: str | None
    ) -> None:
        try:
            if form is None:
                form = layout_of(data, path.name) if has_legacy_file(category) else "v2"
            if form == "legacy":
                source = read_legacy(category, data, path.name, open_values=self._open_values)
            else:
                source = read_v2(category, data, path.name)
        except Invalid as error:
            checked.faults += of_error(error)
            return
        checked.remarks += [Remark(problem, category, "", {"path": ""}) for problem in source.warnings]
        _take(checked, source, "legacy" if form == "legacy" else "v2", entries=value)

    def _record(self, checked: CheckedFile, path: Path, data: bytes, value: Any) -> None:
        category, key = self._place(path, value)
        if not isinstance(value, dict):
            message = f"{path.name} is not a JSON object"
            checked.faults.append(structural(Problem("", message, "json.object"), category or "", key, path=""))
        elif category is None:
            message = "its category is not known: no folder is called by one, and the record has no 'record_type'"
            checked.faults.append(structural(Problem("", message, "file.category"), path=""))
        elif len(data) > MAX_RECORD_BYTES:
            message = f"the record has {len(data)} bytes, {MAX_RECORD_BYTES} are the most"
            checked.faults.append(structural(Problem("", message, "json.size"), category, key, path=""))
        else:
            checked.entries.append(CheckedEntry(category, key, value, "record", by_path))

    def _place(self, path: Path, value: Any) -> tuple[str | None, str]:
        """The category and name of the record in a file: by its path, else by the record itself."""
        parts = path.absolute().parts
        if (start := self._dataset_at(parts)) is not None:
            found = layout.record_of("/".join(parts[start:]))
            if found is not None:
                return found
        body = value if isinstance(value, dict) else {}
        name = body.get("name")
        key = name if isinstance(name, str) else path.stem
        above = parts[start + 1] if start is not None else parts[-2] if len(parts) > 1 else ""
        said = next((word for word in (above, body.get("record_type")) if word in self._known), None)
        return said, key

    def _is_in_dataset(self, path: Path) -> bool:
        parts = path.absolute().parts
        return parts[-1:] == (layout.DATASET,) or self._dataset_at((*parts, "")) is not None

    def _dataset_at(self, parts: tuple[str, ...]) -> int | None:
        """Where in a path the folder ``dataset`` is, with a category's folder and a file in it."""
        for at in range(len(parts) - 3, -1, -1):
            if parts[at] == layout.DATASET and parts[at + 1] in self._known:
                return at
        return None

    def _text(self, folder: Path) -> Iterator[CheckedFile]:
        """The text models' source and its neighbours."""
        found = {name: CheckedFile(str(folder / name)) for name in text_files.FILES if (folder / name).is_file()}
        files: dict[str, bytes] = {}
        for name, checked in found.items():
            try:
                data = (folder / name).read_bytes()
                if name != text_files.SOURCE:
                    json_text.parse(data, what=name, max_bytes=None)
                    checked.text = data.decode()
                files[name] = data
            except OSError as error:
                problem = Problem("", f"it cannot be read: {error.strerror or error}", "file.unreadable")
                checked.faults.append(structural(problem))
            except Invalid as error:
                checked.faults += of_error(error)
        if text_files.SOURCE in files:
            _read_text(found, files, self._open_values)
        yield from found.values()


def _read_text(found: Mapping[str, CheckedFile], files: dict[str, bytes], open_values: bool) -> None:
    source = found[text_files.SOURCE]
    given = {name: data for name, data in files.items() if name != text_files.GENERATED}
    try:
        read = text_files.read_category(given, open_values=open_values)
        table = text_table.parse(files[text_files.SOURCE], text_files.SOURCE)
        start = {"line": 1, "column": 1}
        source.remarks += [Remark(problem, text_files.TEXT, "", start) for problem in read.warnings]
        _take(source, read, "legacy", table=table)
        if text_files.GENERATED in files:
            generated = text_files.generated_faults(files)
            for problem in generated:
                key = "".join(pointer.split(problem.path)[:1])
                remark = Remark(problem, text_files.TEXT, key, {"path": problem.path})
                found[text_files.GENERATED].remarks.append(remark)
    except Invalid as error:
        for row, fault in zip(error.details, of_error(error), strict=True):
            found.get(row.get("file", ""), source).faults.append(fault)


def _take(
    checked: CheckedFile,
    source: SourceCategory,
    form: Form,
    *,
    entries: Any = None,
    table: text_table.Table | None = None,
) -> None:
    """Take in the records of a category's file, and what its reader says of each."""
    rows = {row.line: row for row in table.rows} if table is not None else {}
    for entry in source.entries:
        key = entry.key or ""
        row = rows.get(entry.line or 0)
        if table is not None and row is not None:
            said = where = _in_row(table.header.cells, row)
        else:
            said, where = (
                _in_member(key),
                _in_member(key, source.category, entries.get(key) if form == "legacy" else None),
            )
        for problem in entry.problems:
            checked.faults.append(structural(problem, source.category, key, **said(problem)))
        for problem in entry.warnings:
            checked.remarks.append(Remark(problem, source.category, key, said(problem)))
        if entry.record is not None:
            checked.entries.append(CheckedEntry(source.category, key, entry.record, form, where))


def _in_member(key: str, category: str = "", entry: Any = None) -> Where:
    """Where faults are in the member *key* of a file; of an old one's *entry*, if they speak of its record."""

    def where(problem: Problem) -> Mapping[str, Any]:
        if problem.path == NAME_POINTER and problem.rule.startswith("name.") and problem.rule != KEY_MISMATCH:
            return {"path": pointer.join((key,)), "of_key": True}
        path = legacy_places.in_entry(category, entry, problem.path) if isinstance(entry, dict) else problem.path
        return {"path": pointer.join((key,)) + path}

    return where


def _in_row(columns: Sequence[str], row: text_table.Row) -> Where:
    def where(problem: Problem) -> Mapping[str, Any]:
        line, column = legacy_places.in_row(columns, row, problem.path)
        return {"line": line, "column": column}

    return where


def _whole(fault: Fault) -> Fault:
    return Fault(fault.finding)
