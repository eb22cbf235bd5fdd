"""The manifest of an export: what it was made from, and the sum and size of each file, so that no reader needs Git.

It is written last and names everything else, directly or through the indexes of the record files. Whoever trusts the
manifest, by its signature or by where it came from, can trust each file whose sum is right.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, cast

from modelref_git.errors import IntegrityFailure, Invalid, NotFound, Problem
from modelref_git.formats.record_files import MAX_DIGITS
from modelref_git.records import codec, file_names, json_text, pointer

FILE: Final = "manifest.json"
SIGNATURE: Final = f"{FILE}.sig"
NAMESPACE: Final = "modelref-manifest"
"""What signatures of manifests are made for; one of a commit is none of a manifest, nor the other way round."""

FORMAT: Final = 1
Layout = Literal["v2", "legacy", "all"]
LAYOUTS: Final = ("v2", "legacy", "all")

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_OID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file of an export."""

    path: str
    """Relative to the manifest, with ``/`` between the parts."""
    sha256: str
    size: int
    """In bytes."""
    category: str
    records: int
    """How many records it holds; of an index, how many its files hold."""

    @classmethod
    def of(cls, path: str, data: bytes, category: str, records: int) -> FileRow:
        """The row of a file with the bytes *data*."""
        return cls(path, hashlib.sha256(data).hexdigest(), len(data), category, records)

    def as_json(self) -> dict[str, Any]:
        """The row as it stands in a manifest or index."""
        return {
            "path": self.path,
            "sha256": self.sha256,
            "size": self.size,
            "category": self.category,
            "records": self.records,
        }

    def fault_of(self, data: bytes) -> str | None:
        """Why *data* is not the file's content; ``None`` if it is."""
        if len(data) != self.size:
            return self._other_size(len(data))
        return None if hashlib.sha256(data).hexdigest() == self.sha256 else _OTHER_SUM

    def fault_in(self, folder: Path) -> Problem | None:
        """What is wrong with the file in an export's folder. It is read piece by piece."""
        path = folder / self.path
        try:
            if not path.is_file():
                return Problem(self.path, "the file is missing", "manifest.missing")
            size = path.stat().st_size
            if size != self.size:
                return Problem(self.path, self._other_size(size), "manifest.size")
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != self.sha256:
                    return Problem(self.path, _OTHER_SUM, "manifest.sum")
        except OSError as error:
            return Problem(self.path, f"it cannot be read: {error.strerror}", "manifest.unreadable")
        return None

    def _other_size(self, size: int) -> str:
        return f"it has {size} bytes, and the manifest says {self.size}"


_OTHER_SUM: Final = "its content is not what the manifest says: the SHA-256 differs"


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """One category of an export."""

    category: str
    records: int
    fields: tuple[str, ...] = ()
    """The fields that its schema names; none in a category that takes any."""
    tree: str | None = None
    """The Git tree that its files were made from; ``None`` where there was none."""
    digits: int = 1
    """How many digits of a name's hash lead to its record file."""
    index: tuple[FileRow, ...] = ()
    """The indexes of the record files, by path; none without records, or in an export of legacy files alone."""
    pictures: tuple[str, ...] = ()
    """The names of the pictures that its records name, sorted."""

    def as_json(self) -> dict[str, Any]:
        """The row as it stands in a manifest."""
        row: dict[str, Any] = {
            "category": self.category,
            "records": self.records,
            "fields": list(self.fields),
            "tree": self.tree,
            "digits": self.digits,
            "index": [row.as_json() for row in self.index],
        }
        return {**row, "pictures": list(self.pictures)} if self.pictures else row


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export says of itself."""

    commit: str
    """The revision of the dataset."""
    event_id: int
    """The last event of the queue log that had happened."""
    layout: Layout
    """Which files clients read: v2 or legacy beside the manifest, or both in folders of these names."""
    program: str
    """The version that made the files; another one makes them all anew."""
    files: tuple[FileRow, ...]
    """The files that clients read."""
    categories: tuple[CategoryRow, ...]
    pictures: tuple[FileRow, ...] = ()
    """The files of the pictures that records name, by path; they hold no records, and each is of the first category
    that names it."""

    def category(self, name: str) -> CategoryRow | None:
        """The row of a category, or ``None``."""
        return next((row for row in self.categories if row.category == name), None)

    def file(self, path: str) -> FileRow | None:
        """The row of a file that clients read, or ``None``."""
        return next((row for row in self.files if row.path == path), None)


def encode(manifest: Manifest) -> bytes:
    """The bytes of ``manifest.json``."""
    document = {
        "format": FORMAT,
        "commit": manifest.commit,
        "event_id": manifest.event_id,
        "layout": manifest.layout,
        "program": manifest.program,
        "files": [row.as_json() for row in manifest.files],
        "categories": [row.as_json() for row in manifest.categories],
    }
    if manifest.pictures:
        document["pictures"] = [row.as_json() for row in manifest.pictures]
    return codec.dumps(document).encode() + b"\n"


def encode_index(category: str, files: list[FileRow]) -> bytes:
    """The bytes of an index of record files."""
    document = {"format": FORMAT, "category": category, "files": [row.as_json() for row in files]}
    return codec.dumps(document).encode() + b"\n"


def decode(data: bytes, what: str = "the manifest") -> Manifest:
    """The manifest that *data* is. Members that this version does not know are passed over.

    Raises:
        IntegrityFailure: it has a format that this version does not read.
        Invalid: it is no JSON or no manifest; every fault is listed. No path in it leads out of its folder.
    """
    reading = _Reading(what, _document(data, what))
    manifest = Manifest(
        reading.text("commit", _is_oid, "a commit id"),
        reading.number("event_id"),
        cast(Layout, reading.text("layout", LAYOUTS.__contains__, "v2, legacy or all")),
        reading.text("program", bool, "the version of a program"),
        reading.files("files"),
        tuple(_category(row) for row in reading.rows("categories")),
        reading.files("pictures") if "pictures" in reading.row else (),
    )
    indexes = (row for part in manifest.categories for row in part.index)
    paths = [row.path for row in (*manifest.files, *manifest.pictures, *indexes)]
    reading.refuse_twice("path", paths)
    reading.refuse_twice("category", [row.category for row in manifest.categories])
    reading.refuse()
    return manifest


def decode_index(data: bytes, what: str = "the index") -> tuple[FileRow, ...]:
    """The rows of an index of record files.

    Raises:
        IntegrityFailure, Invalid: as `decode`.
    """
    reading = _Reading(what, _document(data, what))
    rows = reading.files("files")
    reading.refuse_twice("path", [row.path for row in rows])
    reading.refuse()
    return rows


def read(folder: Path) -> Manifest:
    """The manifest of the export in *folder*.

    Raises:
        NotFound: there is none.
        IntegrityFailure, Invalid: as `decode`.
    """
    path = folder / FILE
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(
            f"{folder} holds no {FILE}: it is no export that can be checked",
            hint="`modelref-git replica init URL DIR` makes such exports, in DIR/current",
        ) from error
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error
    return decode(data, str(path))


def check(folder: Path) -> list[Problem]:
    """Whether the export in *folder* is what its manifest says, file by file, record files too; no Git is needed.

    Files that the manifest does not name are passed over. That the manifest itself is the right one, only its
    signature or the way that it came can say.

    Returns:
        One problem for each file that is missing or other; ``path`` is the file's. Rules: ``manifest.missing``,
        ``manifest.size``, ``manifest.sum``, ``manifest.index``, ``manifest.unreadable``.

    Raises:
        NotFound, IntegrityFailure, Invalid: as `read`.
    """
    manifest = read(folder)
    rows = (*manifest.files, *manifest.pictures)
    problems = [problem for row in rows if (problem := row.fault_in(folder)) is not None]
    for category in manifest.categories:
        for index in category.index:
            problems += _check_index(folder, index)
    return problems


def _check_index(folder: Path, index: FileRow) -> Iterator[Problem]:
    fault = index.fault_in(folder)
    if fault is not None:
        yield fault
        return
    try:
        rows = decode_index((folder / index.path).read_bytes(), index.path)
    except (Invalid, IntegrityFailure) as error:
        yield Problem(index.path, error.message, "manifest.index")
        return
    except OSError as error:
        yield Problem(index.path, f"it cannot be read: {error.strerror}", "manifest.unreadable")
        return
    for row in rows:
        problem = row.fault_in(folder)
        if problem is not None:
            yield problem


# --- reading ---------------------------------------------------------------------------------------------------------


def _document(data: bytes, what: str) -> dict[str, Any]:
    """The JSON object that *data* is, if it is of a format that this version reads."""
    value = json_text.parse(data, what=what, max_bytes=None)
    if not isinstance(value, dict):
        raise Invalid.of(what, [Problem("", "a JSON object is expected", "manifest.shape")])
    if type(value.get("format")) is int and value["format"] != FORMAT:
        raise IntegrityFailure(
            f"{what} has format {value['format']}, and this version reads format {FORMAT}",
            hint="a newer modelref-git reads it",
        )
    if value.get("format") != FORMAT or type(value["format"]) is not int:
        raise Invalid.of(what, [Problem("/format", f"the format is {FORMAT}", "manifest.shape")])
    return value


@dataclass(slots=True)
class _Reading:
    """One object of a manifest, and what was found wrong with all of it so far."""

    what: str
    row: dict[str, Any]
    at: tuple[str | int, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    """The same list for all objects of one manifest."""

    def fault(self, key: str | int, message: str) -> None:
        self.problems.append(Problem(pointer.join((*self.at, key)), message, "manifest.shape"))

    def refuse(self) -> None:
        if self.problems:
            raise Invalid.of(self.what, self.problems)

    def refuse_twice(self, key: str, values: list[str]) -> None:
        seen: set[str] = set()
        for value in values:
            if value in seen:
                self.fault("files" if key == "path" else "categories", f"the {key} {value!r} stands twice")
            seen.add(value)

    def text(self, key: str, right: Callable[[str], object], words: str) -> str:
        value = self.row.get(key)
        if isinstance(value, str) and right(value):
            return value
        self.fault(key, f"{key} is {words}")
        return ""

    def number(self, key: str, most: int | None = None) -> int:
        value = self.row.get(key)
        if type(value) is int and value >= 0 and (most is None or value <= most):
            return value
        self.fault(key, f"{key} is a whole number from 0 on" + (f", at most {most}" if most is not None else ""))
        return 0

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.row.get(key)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.fault(key, f"{key} is a list of texts")
        return ()

    def rows(self, key: str) -> Iterator[_Reading]:
        value = self.row.get(key)
        if not isinstance(value, list):
            self.fault(key, f"{key} is a list")
            return
        inner = replace(self, at=(*self.at, key))
        for place, row in enumerate(value):
            if isinstance(row, dict):
                yield replace(self, row=row, at=(*self.at, key, place))
            else:
                inner.fault(place, "an object is expected")

    def files(self, key: str) -> tuple[FileRow, ...]:
        return tuple(
            FileRow(
                row.path("path"),
                row.text("sha256", _SHA256.fullmatch, "64 small hexadecimal digits"),
                row.number("size"),
                row.text("category", bool, "the name of a category"),
                row.number("records"),
            )
            for row in self.rows(key)
        )

    def path(self, key: str) -> str:
        path = self.text(key, bool, "a path below the manifest's folder")
        fault = file_names.fault(path) if path else None
        if fault is not None:
            self.fault(key, f"the path {path!r} {fault}")
        return path


def _category(row: _Reading) -> CategoryRow:
    tree = row.row.get("tree")
    return CategoryRow(
        row.text("category", bool, "the name of a category"),
        row.number("records"),
        row.texts("fields"),
        None if tree is None else row.text("tree", _is_oid, "the id of a tree, or null"),
        row.number("digits", MAX_DIGITS),
        row.files("index"),
        row.texts("pictures") if "pictures" in row.row else (),
    )


def _is_oid(text: str) -> bool:
    return _OID.fullmatch(text) is not None
