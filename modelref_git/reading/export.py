"""Reading an export: a folder with a manifest, as a replica makes it. No Git is needed, nor any library for it.

All that is read is compared with the sums that the manifest gives, so a file that somebody changed is told, not served.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, Unpack

from modelref_git.errors import IntegrityFailure, ModelrefError, NotFound, Problem, UsageFault
from modelref_git.formats import manifest as manifests
from modelref_git.formats import record_files, v2
from modelref_git.formats.exact import identical
from modelref_git.formats.manifest import CategoryRow, FileRow, Manifest
from modelref_git.reading.interface import Change, Filters, Hit, Record, SearchPage, query_of
from modelref_git.records import query, text
from modelref_git.records.categories import TEXT_GENERATION, v2_file

CURRENT: Final = "current"
"""What a replica calls the export that is to be read."""

_TRIES: Final = 5
_AGAIN: Final = "a sync has replaced it meanwhile: open the export again"


def open_export(path: str | os.PathLike[str]) -> Export:
    """Open an export to read from.

    Args:
        path: a folder with ``manifest.json``, or that of a replica, whose export of this moment is opened. It stays
            what it was at that moment, until the next sync but one removes its files.

    Raises:
        NotFound: there is no manifest.
        Invalid: the manifest is none.
        IntegrityFailure: it is of a format that this version does not read.
        UsageFault: it is an export of legacy files alone.
    """
    for last in (*[False] * (_TRIES - 1), True):
        given = Path(path)
        if not (given / manifests.FILE).exists() and (given / CURRENT).exists():
            given /= CURRENT
        folder = given.resolve()  # once: from here on a swap changes nothing for this reader
        try:
            manifest = manifests.read(folder)
            break
        except NotFound:
            if last or not (given / manifests.FILE).exists():
                raise
    if manifest.layout == "legacy":
        raise UsageFault(
            f"{folder} holds the legacy files alone", hint="`--format all` exports what is read here as well"
        )
    return Export(folder, manifest)


class Export:
    """One export; see :class:`~modelref_git.reading.interface.Dataset`. Made by :func:`open_export`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        self._manifest = manifest
        self._indexes: dict[str, dict[str, FileRow]] = {}

    def __repr__(self) -> str:
        return f"<export of {self.commit} in {self._folder}>"

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._folder

    @property
    def manifest(self) -> Manifest:
        """What it says of itself."""
        return self._manifest

    @property
    def commit(self) -> str:
        """The revision."""
        return self._manifest.commit

    @property
    def event_id(self) -> int:
        """The last event of the queue log that had happened."""
        return self._manifest.event_id

    def categories(self) -> list[str]:
        """The names of the categories."""
        return [row.category for row in self._manifest.categories]

    def names(self, category: str) -> list[str]:
        """The names of a category's records, sorted."""
        return sorted(self._all(category))

    def get(self, category: str, name: str) -> Record:
        """One record, or the variant of a text model. One small file is read, whatever the size of the category."""
        row = self._row(category)
        record = self._stored(row, name)
        if record is None and category == TEXT_GENERATION:
            record = text.variant_record(name, lambda base: self._stored(row, base), lambda: self.names(category))
        if record is None:
            raise NotFound(f"{category} has no record {name!r}", hint=f"names({category!r}) lists the names")
        return record

    def records(self, category: str) -> Iterator[tuple[str, Record]]:
        """Names and records of a category, in stored order."""
        return iter(self._all(category).items())

    def __iter__(self) -> Iterator[Hit]:
        """Every record of every category."""
        for category in self.categories():
            yield from self._hits(category)

    def search(
        self, category: str | None = None, *, offset: int = 0, limit: int = 50, **filters: Unpack[Filters]
    ) -> SearchPage:
        """The records that match every filter, one page of them."""
        wanted = query_of(category, filters)
        rows = self._manifest.categories if category is None else (self._row(category),)
        hits = (hit for row in rows for hit in self._hits(row.category))
        fields = {row.category: row.fields for row in rows}
        return query.answer(wanted, hits, fields, offset=offset, limit=limit)

    def changes_since(self, mark: int | str | Export) -> Iterator[Change]:
        """What differs between another export and this one, each record once, by category and name.

        Args:
            mark: the other export; or the ``commit`` or ``event_id`` of one that lies beside this one, as the export
                before does until the next sync.
        """
        before = mark if isinstance(mark, Export) else self._beside(mark)
        return self._changes(before)

    def verify(self) -> list[Problem]:
        """Every file that is missing or not what the manifest says; see :func:`modelref_git.formats.manifest.check`."""
        return manifests.check(self._folder)

    # --- files ---

    def _row(self, category: str) -> CategoryRow:
        row = self._manifest.category(category)
        if row is None:
            known = ", ".join(self.categories())
            raise NotFound(f"there is no category {category!r}", hint=f"categories here are: {known}")
        return row

    def _all(self, category: str) -> dict[str, Record]:
        """All records of a category, in stored order."""
        row = self._row(category)
        folder = "v2/" if self._manifest.layout == "all" else ""
        file = self._manifest.file(folder + v2_file(row.category))
        if file is None:
            raise IntegrityFailure(f"the manifest in {self._folder} names no file of the category {category!r}")
        return self._records(file)

    def _hits(self, category: str) -> Iterator[Hit]:
        for name, record in self._all(category).items():
            yield Hit(category, name, record)

    def _stored(self, row: CategoryRow, name: str) -> Record | None:
        """The record that is stored under *name*."""
        try:
            bucket = record_files.bucket_of(name, row.digits)
        except UnicodeEncodeError:
            return None
        path = record_files.index_of(row.category, record_files.part_of(bucket))
        index = next((file for file in row.index if file.path == path), None)
        file = self._index(index).get(record_files.file_of(row.category, bucket)) if index is not None else None
        return self._records(file).get(name) if file is not None else None

    def _index(self, row: FileRow) -> dict[str, FileRow]:
        """The rows of an index, by path; read once."""
        if row.path not in self._indexes:
            rows = manifests.decode_index(self._bytes(row), str(self._folder / row.path))
            self._indexes[row.path] = {file.path: file for file in rows}
        return self._indexes[row.path]

    def _records(self, row: FileRow) -> dict[str, Record]:
        return v2.read_category(self._bytes(row), str(self._folder / row.path))

    def _bytes(self, row: FileRow) -> bytes:
        path = self._folder / row.path
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            if (self._folder / manifests.FILE).exists():
                raise IntegrityFailure(f"{path}, which the manifest names, is missing") from error
            raise NotFound(f"{self._folder} is gone", hint=_AGAIN) from error
        except OSError as error:
            raise NotFound(f"{path} cannot be read: {error.strerror}") from error
        fault = row.fault_of(data)
        if fault is not None:
            raise IntegrityFailure(f"{path} was changed: {fault}", hint="the next sync of the replica makes it anew")
        return data

    # --- differences ---

    def _beside(self, mark: int | str) -> Export:
        """The export with that commit or event, this one or one in a folder beside it."""
        for folder in (self._folder, *sorted(self._folder.parent.glob(f"*/{manifests.FILE}"))):
            try:
                found = self if folder == self._folder else Export(folder.parent, manifests.read(folder.parent))
            except ModelrefError:
                continue  # one that is being removed, or that somebody broke
            if str(mark) in (found.commit, str(found.event_id)) and found.manifest.layout != "legacy":
                return found
        raise NotFound(
            f"there is no export of {mark} beside {self._folder}, to tell what changed since",
            hint="read everything once with records(); or keep a copy of the folder that was read, and give "
            "changes_since(open_export(COPY)); a repository, which open_dataset() opens, knows every revision",
        )

    def _changes(self, before: Export) -> Iterator[Change]:
        for category in dict.fromkeys((*self.categories(), *before.categories())):
            old, new = before.manifest.category(category), self._manifest.category(category)
            known = {row.path: row for row in (old.index if old is not None else ())}
            here = {row.path: row for row in (new.index if new is not None else ())}
            left, right = before._differing(known, here), self._differing(here, known)
            shared = {path for path in left.keys() & right.keys() if left[path].sha256 == right[path].sha256}
            was = before._union(row for path, row in left.items() if path not in shared)
            now = self._union(row for path, row in right.items() if path not in shared)
            for name in sorted(was.keys() | now.keys()):
                if name in was and name in now and identical(was[name], now[name]):
                    continue
                operation: Literal["create", "update", "delete"]
                operation = "create" if name not in was else "delete" if name not in now else "update"
                yield Change(category, name, operation, now.get(name), self.commit, self.event_id)

    def _differing(self, mine: dict[str, FileRow], others: dict[str, FileRow]) -> dict[str, FileRow]:
        """The record files of those indexes of *mine* that *others* have not just so, by path."""
        rows: dict[str, FileRow] = {}
        for path, row in mine.items():
            if path not in others or others[path].sha256 != row.sha256:
                rows.update(self._index(row))
        return rows

    def _union(self, rows: Iterator[FileRow]) -> dict[str, Record]:
        return {name: record for row in rows for name, record in self._records(row).items()}
