"""Export: the dataset as the files that clients read, all made before the first is written, each written whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from modelref_git.errors import Conflict, Invalid, Problem, UsageFault
from modelref_git.formats import v2
from modelref_git.formats.legacy import losses as legacy_losses
from modelref_git.formats.legacy import profile as legacy_profile
from modelref_git.formats.legacy.entries import to_legacy
from modelref_git.formats.source_readers import has_legacy_file
from modelref_git.formats.text import files as text_files
from modelref_git.formats.text import rows as text_rows
from modelref_git.operations.context import Context
from modelref_git.operations.order import stored_order
from modelref_git.operations.picture_files import file_of, named_by
from modelref_git.operations.read import dataset_at
from modelref_git.records.categories import CATEGORIES, v2_file
from modelref_git.records.codec import cut_remainder, decode
from modelref_git.records.pictures import PICTURES
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.writing import once

Layout = Literal["v2", "legacy", "all"]

_Records = list[tuple[str, dict[str, Any]]]
"""Names and stored records of a category, in stored order."""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file of an export; ``path`` is below the folder that is exported into."""

    path: str
    data: bytes
    records: int

    def as_json(self) -> dict[str, Any]:
        """The file's row in the answer."""
        return {"path": self.path, "sha256": hashlib.sha256(self.data).hexdigest(), "records": self.records}


@dataclass(frozen=True, slots=True)
class ExportPicture:
    """The file of one picture; it is read when it is written, since all of them together may be large."""

    path: str
    name: str

    def as_json(self) -> dict[str, Any]:
        """The file's row in the answer."""
        return {"path": self.path, "sha256": self.name, "records": 0}


def export_dataset(
    ctx: Context,
    target: Path,
    *,
    layout: Layout = "v2",
    revision: str | None = None,
    categories: tuple[str, ...] = (),
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Write the files of the dataset into *target*; answers the commit, and each file with its sum.

    What a legacy file does not hold of a record is a warning, told and answered (``warnings``), but for the stamps,
    of which only the number is told.

    Args:
        ctx: the repository.
        target: the folder; made if it is not there. Files of other names in it are left alone.
        layout: the v2 files, the legacy files, or both in folders of these names.
        revision: the revision; the log's ``main`` if not given.
        categories: only these.
        progress: called after each category.

    Raises:
        NotFound: there is no such revision or category.
        UsageFault: legacy files are asked for of a category that never had one.
        Conflict: a file is where a folder has to be, or the other way round.
        Invalid: a record or a format profile is not what it must be, or *target* cannot be written.
        IntegrityFailure: a record names a picture that is not there, or whose file is another.
    """
    dataset = dataset_at(ctx, revision)
    wanted = _wanted(dataset, categories, layout)
    folders = folders_of(layout)
    with refusals(target):
        for folder in folders.values():
            _check_folder(target / folder)
    making, warn = _Making(), once(ctx.warn)
    for category in wanted:
        records = stored_order(ctx.store, dataset, category, warn)
        if layout != "legacy":
            making.v2.append(make_v2(folders["v2"], category, [(name, cut_remainder(data)) for name, data in records]))
            making.pictures |= dict.fromkeys(named_by(dataset, category, records))
        old = legacy_file(category)
        if layout != "v2" and old is not None:
            kept = dataset.legacy_files(category)
            if records or kept or category in categories or (target / folders["legacy"] / old).exists():
                making.add_legacy(folders["legacy"], category, records, kept)
        progress()
    files = [*making.v2, *making.legacy]
    pictures = [ExportPicture(picture_place(folders["v2"], name), name) for name in sorted(making.pictures)]
    with refusals(target):
        _check_places(target, [*files, *pictures])
        if not ctx.dry_run:
            _write(ctx, target, files)
            _write_pictures(ctx, target, dataset, pictures)
    making.tell(ctx)
    rows = [file.as_json() for file in files] + [picture.as_json() for picture in pictures]
    answer: dict[str, Any] = {"at": dataset.commit, "files": rows}
    if making.warnings:
        answer["warnings"] = making.warnings
    return {**answer, "dry_run": True} if ctx.dry_run else answer


def folders_of(layout: Layout) -> dict[str, str]:
    """Where the ``v2`` and the ``legacy`` files of an export stand, as the beginning of their paths."""
    return {"v2": "v2/" if layout == "all" else "", "legacy": "legacy/" if layout == "all" else ""}


def picture_place(folder: str, name: str) -> str:
    """Where the file of a picture stands, beside the v2 files; *folder* is the beginning of their paths."""
    return f"{folder}{PICTURES}/{name}"


def make_v2(folder: str, category: str, records: list[tuple[str, bytes]]) -> ExportFile:
    """The v2 file of a category; *records* are canonical bytes without remainder, in stored order."""
    return ExportFile(folder + v2_file(category), v2.aggregate(records), len(records))


def make_legacy(
    folder: str, category: str, blobs: list[tuple[str, bytes]], kept: Mapping[str, bytes]
) -> tuple[list[ExportFile], list[tuple[str, list[Problem]]]]:
    """The legacy files of a category that has some, and what they do not hold of each record.

    Args:
        folder: the beginning of their paths.
        category: a category with a `legacy_file`.
        blobs: names and canonical bytes, in stored order.
        kept: what an import left beside the records.

    Raises:
        Invalid: a record or the format profile is not what it must be.
    """
    records = [(name, decode(blob, what=f"the {category} record {name!r}")) for name, blob in blobs]
    lost = list(_losses(category, records, kept))
    made = _image_file(category, records, kept) if has_legacy_file(category) else _text_files(records, kept)
    return [ExportFile(folder + name, data, count) for name, data, count in made], lost


def legacy_file(category: str) -> str | None:
    """The name of the file that older clients read of a category, or of the one that theirs is made from; or None."""
    known = CATEGORIES.get(category)
    return known.legacy_file if known else None


def _wanted(dataset: DatasetTree, categories: tuple[str, ...], layout: Layout) -> tuple[str, ...]:
    """The categories to export, each once; those that are named must exist, and have files of the layout."""
    for category in categories:
        dataset.fan_out(category)
    without = [category for category in dict.fromkeys(categories) if legacy_file(category) is None]
    if layout == "legacy" and without:
        raise UsageFault(
            f"there is no legacy file of {', '.join(without)}", hint="export it with --format v2 or --format all"
        )
    return tuple(dict.fromkeys(categories or dataset.config.categories))


@dataclass(slots=True)
class _Making:
    """The files made so far, and what the legacy ones do not hold."""

    v2: list[ExportFile] = field(default_factory=list)
    legacy: list[ExportFile] = field(default_factory=list)
    pictures: dict[str, None] = field(default_factory=dict)
    """The names of those that records of the v2 files name."""
    warnings: list[dict[str, Any]] = field(default_factory=list)
    stamped: int = 0
    """How many records have stamps that the legacy files do not hold."""

    def add_legacy(self, folder: str, category: str, blobs: list[tuple[str, bytes]], kept: Mapping[str, bytes]) -> None:
        """Make the legacy files of one category; *kept* is what its import left beside the records."""
        files, losses = make_legacy(folder, category, blobs, kept)
        for name, lost in losses:
            told = [problem for problem in lost if problem.rule != legacy_losses.STAMPS]
            self.stamped += len(told) < len(lost)
            self.warnings += [{"category": category, "name": name, **problem.as_json()} for problem in told]
        self.legacy += files

    def tell(self, ctx: Context) -> None:
        """Warn of each record that loses something, and once of all stamps."""
        if self.stamped:
            whose = "1 record" if self.stamped == 1 else f"{self.stamped} records"
            ctx.warn(f"the stamps of {whose} are not in the legacy files")
        by_record: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in self.warnings:
            by_record.setdefault((row["category"], row["name"]), []).append(row)
        for (category, name), rows in by_record.items():
            lost = ", ".join(row["path"] for row in rows if row["rule"] != legacy_losses.REFUSED)
            sentences = [f"its legacy entry does not hold {lost}"] if lost else []
            sentences += [row["message"] for row in rows if row["rule"] == legacy_losses.REFUSED]
            ctx.warn(f"{category} {name!r}: {'; '.join(sentences)}")


def _image_file(category: str, records: _Records, kept: Mapping[str, bytes]) -> list[tuple[str, bytes, int]]:
    """Name, bytes and number of records of the legacy file of a category of image models."""
    data = kept.get(PurePosixPath(legacy_profile.path_of(category)).name)
    profile = legacy_profile.decode(data) if data is not None else {}
    entries = {name: to_legacy(category, name, record) for name, record in records}
    return [(legacy_file(category) or "", legacy_profile.write(entries, profile), len(entries))]


def _text_files(records: _Records, kept: Mapping[str, bytes]) -> list[tuple[str, bytes, int]]:
    """Names, bytes and numbers of records of the text models' legacy files."""
    count = sum(text_rows.is_writable(name) for name, _ in records)
    inputs = (text_files.DEFAULTS, text_files.SETTINGS)  # they hold no records
    files = text_files.write(records, kept)
    return [(name, data, 0 if name in inputs else count) for name, data in files.items()]


def _losses(category: str, records: _Records, kept: Mapping[str, bytes]) -> Iterator[tuple[str, list[Problem]]]:
    """What the legacy files do not hold of each record.

    Raises:
        Invalid: a record that somebody put on ``main`` by hand is none that the rules of the legacy files understand.
    """
    columns = () if has_legacy_file(category) else text_files.columns_of(kept)
    for name, record in records:
        try:
            if has_legacy_file(category):
                yield name, legacy_losses.losses(category, name, record)
            else:
                yield name, text_files.losses(name, record, columns=columns)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # The rules take a record as the models leave it, which is true of all that came by the front door.
            problem = Problem("", "it has not the shape of a record of its category", "legacy.shape")
            hint = "mend the record, or export the v2 files alone"
            raise Invalid.of(f"the {category} record {name!r}", [problem], hint=hint) from error


@contextmanager
def refusals(target: Path) -> Iterator[None]:
    """Tell what the file system refuses as an error about *target*."""
    try:
        yield
    except OSError as error:
        problem = Problem("", f"it cannot be written: {error.strerror or error}", "file.unwritable")
        raise Invalid.of(str(target), [problem]) from error


def _check_folder(folder: Path) -> None:
    there = next((path for path in (folder, *folder.parents) if path.exists()), None)
    if there is not None and not there.is_dir():
        raise Conflict(f"{there} is a file; an export goes into a folder")


def _check_places(target: Path, files: Sequence[ExportFile | ExportPicture]) -> None:
    """Refuse before anything is written what would stop in the middle of writing."""
    for file in files:
        if (target / file.path).is_dir():
            raise Conflict(f"{target / file.path} is a folder; an export writes a file of that name")


def _write(ctx: Context, target: Path, files: list[ExportFile]) -> None:
    ctx.store.disk.make_folder(target)
    for file in files:
        path = target / file.path
        ctx.store.disk.make_folder(path.parent)
        ctx.store.disk.write_file(path, file.data)


def _write_pictures(ctx: Context, target: Path, dataset: DatasetTree, pictures: Sequence[ExportPicture]) -> None:
    """Write the files of pictures, but for those that an earlier export has left."""
    for picture in pictures:
        path = target / picture.path
        if not _is_there(path, picture.name):
            ctx.store.disk.make_folder(path.parent)
            ctx.store.disk.write_file(path, file_of(dataset, picture.name))


def _is_there(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
