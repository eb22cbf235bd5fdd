"""The export of a replica: the files of ``export``, cut into record files besides, with a manifest that sums them up.

It goes into a folder that nobody reads yet. What did not change since the export before is linked from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from modelref_git import __version__
from modelref_git.errors import Conflict, ModelrefError
from modelref_git.formats import manifest as manifests
from modelref_git.formats import record_files
from modelref_git.formats.manifest import CategoryRow, FileRow, Layout, Manifest
from modelref_git.operations.export import folders_of, legacy_file, make_legacy, make_v2, picture_place, refusals
from modelref_git.operations.order import stored_order
from modelref_git.operations.picture_files import file_of, named_by
from modelref_git.records.categories import v2_file
from modelref_git.records.codec import cut_remainder
from modelref_git.records.names import check_category_name
from modelref_git.store import layout as places
from modelref_git.store.dataset import DatasetTree, changed_records
from modelref_git.store.disk import Disk
from modelref_git.store.git import GitStore
from modelref_git.store.objects import ObjectBuffer
from modelref_git.store.signatures import signer_of
from modelref_git.store.trees import find, read_tree

_KEPT_FOLDERS: Final = (places.DATASET, places.LEGACY)
"""Below these a category has a folder each, and its files are made of what is in them."""


def write_export(
    store: GitStore,
    commit: str,
    event_id: int,
    into: Path,
    *,
    layout: Layout,
    before: Path | None,
    progress: Callable[[], None] = lambda: None,
) -> Manifest:
    """Write the export of one revision into a folder of its own; gives its manifest, which is written last.

    A category is made anew if anything that its files are made of was touched between the two revisions, if the
    export before is of another layout or by another version of the program, or if a file of it is gone or of another
    size. All else is linked, so that *before* and *into* share files: neither may be edited in place. All of it is
    synced, but for the entry of *into* in the folder above it, which the caller renames and syncs.

    Args:
        store: the repository.
        commit: the revision, a commit of ``main``.
        event_id: the last event of the queue log that had happened; the manifest tells it.
        into: the folder; a new one, that no reader looks at.
        layout: the v2 files, the legacy files, or both in folders of these names.
        before: the folder of an export of before, if there is one. One that is broken or foreign is passed over.
        progress: called after each category.

    Raises:
        NotFound: there is no such revision.
        Conflict: the files of a category would stand where the manifest does.
        Invalid: a record, a format profile or the name of a category is not what it must be, or *into* cannot be
            written.
        UsageFault: signing is on, and the key does not sign.
    """
    dataset = DatasetTree.at(store.buffer(), commit)
    making = _Making(store, dataset, layout, _Writer(store.disk, into))
    _check_names(dataset, layout)
    past = _Past.of(store, dataset, before, layout)
    with refusals(into):
        making.writer.make_folder(into)
        for category in dataset.config.categories:
            if not (past is not None and past.has_same(category) and making.carry(past, category)):
                making.make(past, category)
            progress()
        manifest = Manifest(
            commit,
            event_id,
            layout,
            __version__,
            (*making.v2, *making.legacy),
            tuple(making.categories),
            tuple(making.pictures[name] for name in sorted(making.pictures)),
        )
        data = manifests.encode(manifest)
        signer = signer_of(store, required=False)
        if signer is not None:
            signature = signer.sign(data, namespace=manifests.NAMESPACE, what="the manifest")
            making.writer.write(manifests.SIGNATURE, signature.encode())
        making.writer.sync()
        making.writer.write(manifests.FILE, data)
        making.writer.sync()
    return manifest


def _check_names(dataset: DatasetTree, layout: Layout) -> None:
    """Refuse, before anything is written, names that a hand-made ``modelref.toml`` may have."""
    for category in dataset.config.categories:
        check_category_name(category)
        if layout == "v2" and v2_file(category) == manifests.FILE:
            raise Conflict(
                f"the file of the category {category!r} would stand where the manifest does",
                hint="`--format all` keeps them apart",
            )


class _Stale(Exception):
    """Something of the export before is gone or other than its manifest says."""


@dataclass(slots=True)
class _Writer:
    """The new folder, and what of it is not synced yet."""

    disk: Disk
    root: Path
    _waiting: list[Path] = field(default_factory=list)
    _folders: dict[Path, None] = field(default_factory=dict)

    def make_folder(self, path: Path) -> None:
        """Make a folder of the export, and those between it and the root."""
        if path in self._folders:
            return
        if path != self.root:
            self.make_folder(path.parent)
        self.disk.make_folder(path)
        self._folders[path] = None

    def write(self, path: str, data: bytes) -> None:
        """Put a new file at a path below the root."""
        target = self._target(path)
        self.disk.write_file(target, data, sync=False)
        self._waiting.append(target)

    def link(self, past: Path, row: FileRow) -> None:
        """Take a file over from an export of before.

        Raises:
            _Stale: it is gone, or not of the size that it was.
        """
        target = self._target(row.path)
        source = past / row.path
        try:
            if source.stat().st_size != row.size:
                raise _Stale
            if not self.disk.link_file(source, target):
                self._waiting.append(target)
        except FileExistsError:
            return  # taken over when all of its category was to be, and something else of it turned out to be gone
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _Stale from error

    def sync(self) -> None:
        """Sync what was written, and then the folders from the innermost out."""
        self.disk.sync(self._waiting, sorted(self._folders, key=lambda path: len(path.parts), reverse=True))
        self._waiting.clear()

    def _target(self, path: str) -> Path:
        target = self.root / path
        self.make_folder(target.parent)
        return target


@dataclass(frozen=True, slots=True)
class _Past:
    """The export before, and what was touched since."""

    folder: Path
    manifest: Manifest
    tree: str
    touched: frozenset[str]
    """The categories whose folders were another at some commit between the two: the trees at both ends alone do not
    tell, since a record that was deleted and created again comes last in its category."""
    _now: dict[str, str | None]

    @classmethod
    def of(cls, store: GitStore, dataset: DatasetTree, folder: Path | None, layout: Layout) -> _Past | None:
        """The export in *folder*, or ``None`` if nothing of it can be taken over."""
        if folder is None or dataset.commit is None:
            return None
        try:
            manifest = manifests.read(folder)
            if (manifest.layout, manifest.program) != (layout, __version__):
                return None
            touched = _touched(store, dataset.objects, manifest.commit, dataset.commit)
            if touched is None:
                return None
            tree = dataset.objects.read_commit(manifest.commit).tree
        except ModelrefError:  # a broken manifest, or history that this repository lacks
            return None
        now = {name: _tree_of(dataset, name) for name in dataset.config.categories}
        return cls(folder, manifest, tree, touched, now)

    @property
    def pictures(self) -> dict[str, FileRow]:
        """The rows of its pictures, by their names."""
        return {row.sha256: row for row in self.manifest.pictures}

    def has_same(self, category: str) -> bool:
        """Whether the files of a category are what they were."""
        row = self.manifest.category(category)
        return row is not None and category not in self.touched and row.tree == self._now[category]

    def rows(self, row: CategoryRow) -> dict[str, list[FileRow]]:
        """The record files of a category, by the path of their index.

        Raises:
            _Stale: an index is gone or broken.
        """
        rows = {}
        for index in row.index:
            try:
                data = (self.folder / index.path).read_bytes()
                if index.fault_of(data) is not None:
                    raise _Stale
                rows[index.path] = list(manifests.decode_index(data))
            except (OSError, ModelrefError) as error:
                raise _Stale from error
        return rows


def _touched(store: GitStore, objects: ObjectBuffer, old: str, new: str) -> frozenset[str] | None:
    """The categories that commits of ``main`` behind *old*, up to *new*, touched; ``None`` if *old* is not on it."""
    if not store.has(old) or not store.is_ancestor(old, new):
        return None
    touched: set[str] = set()
    after: list[dict[str, str]] | None = None
    for commit in store.first_parents(new):
        now = [_folders(objects, commit.tree, folder) for folder in _KEPT_FOLDERS]
        for one, other in zip(after or now, now, strict=True):
            if one != other:
                touched.update(name for name, _ in one.items() ^ other.items())
        if commit.id == old:
            return frozenset(touched)
        after = now
    return None


def _folders(objects: ObjectBuffer, tree: str, path: str) -> dict[str, str]:
    folder = find(objects, tree, path)
    if folder is None or not folder.is_folder:
        return {}
    return {name: entry.oid for name, entry in read_tree(objects, folder.oid).entries.items()}


def _tree_of(dataset: DatasetTree, category: str) -> str | None:
    folder = find(dataset.objects, dataset.tree, places.category_folder(category))
    return folder.oid if folder is not None and folder.is_folder else None


@dataclass(slots=True)
class _Making:
    """The export under way: category by category, the files made or taken over."""

    store: GitStore
    dataset: DatasetTree
    layout: Layout
    writer: _Writer
    v2: list[FileRow] = field(default_factory=list)
    legacy: list[FileRow] = field(default_factory=list)
    categories: list[CategoryRow] = field(default_factory=list)
    pictures: dict[str, FileRow] = field(default_factory=dict)
    """By name, the pictures that records of the categories so far name."""

    def carry(self, past: _Past, category: str) -> bool:
        """Take a category over; gives false where it has to be made anew."""
        row = past.manifest.category(category)
        if row is None:
            return False
        files = [file for file in past.manifest.files if file.category == category]
        try:
            for file in (*files, *row.index, *(file for part in past.rows(row).values() for file in part)):
                self.writer.link(past.folder, file)
        except _Stale:
            return False
        v2_path = folders_of(self.layout)["v2"] + v2_file(category) if self.layout != "legacy" else None
        self.v2 += [file for file in files if file.path == v2_path]
        self.legacy += [file for file in files if file.path != v2_path]
        self._add(category, row.records, row.index, row.pictures)
        self._hand_out(past, category, row.pictures)
        return True

    def make(self, past: _Past | None, category: str) -> None:
        """Make the files of a category anew; of its record files only those that differ from *past*."""
        records = stored_order(self.store, self.dataset, category)
        folders = folders_of(self.layout)
        index: tuple[FileRow, ...] = ()
        if self.layout != "v2" and legacy_file(category) is not None:
            kept = self.dataset.legacy_files(category)
            if records or kept:
                for file in make_legacy(folders["legacy"], category, records, kept)[0]:
                    self._write(self.legacy, file.path, file.data, category, file.records)
        if self.layout != "legacy":
            cut = [(name, cut_remainder(data)) for name, data in records]
            pictures = named_by(self.dataset, category, cut)
            del records
            made = make_v2(folders["v2"], category, cut)
            self._write(self.v2, made.path, made.data, category, made.records)
            index = _RecordFiles(self.writer, category, cut).write(past, self.dataset)
            self._add(category, made.records, index, pictures)
            self._hand_out(past, category, pictures)
        else:
            self._add(category, len(records), index)

    def _hand_out(self, past: _Past | None, category: str, names: Iterable[str]) -> None:
        """Have the files of pictures in the export, each once: linked where it was there before, else written."""
        left = [name for name in names if name not in self.pictures]
        known = past.pictures if past is not None and left else {}
        for name in left:
            row = known.get(name)
            if past is not None and row is not None:
                with suppress(_Stale):
                    self.writer.link(past.folder, row)
                    self.pictures[name] = replace(row, category=category)
                    continue
            data = file_of(self.dataset, name)
            path = picture_place(folders_of(self.layout)["v2"], name)
            self.writer.write(path, data)
            self.pictures[name] = FileRow(path, name, len(data), category, 0)

    def _write(self, rows: list[FileRow], path: str, data: bytes, category: str, records: int) -> None:
        self.writer.write(path, data)
        rows.append(FileRow.of(path, data, category, records))

    def _add(self, category: str, records: int, index: tuple[FileRow, ...], pictures: tuple[str, ...] = ()) -> None:
        fields: tuple[str, ...] = ()
        with suppress(ModelrefError):  # a schema that somebody broke by hand is no reason to serve older records
            fields = tuple(self.dataset.schema(category).order.labels)
        tree = _tree_of(self.dataset, category)
        digits = record_files.digits_for(records)
        self.categories.append(CategoryRow(category, records, fields, tree, digits, index, pictures))


@dataclass(slots=True)
class _RecordFiles:
    """The record files of one category."""

    writer: _Writer
    category: str
    records: list[tuple[str, bytes]]

    def write(self, past: _Past | None, dataset: DatasetTree) -> tuple[FileRow, ...]:
        """Write or link all of them; gives the rows of their indexes."""
        digits = record_files.digits_for(len(self.records))
        buckets: dict[str, list[tuple[str, bytes]]] = {}
        for record in self.records:
            buckets.setdefault(record_files.bucket_of(record[0], digits), []).append(record)
        row = past.manifest.category(self.category) if past is not None else None
        if past is not None and row is not None and row.digits == digits:
            changed = changed_records(dataset.objects, past.tree, dataset.tree, self.category)
            other = {record_files.bucket_of(name, digits) for _, name in changed}
            with suppress(_Stale):
                return self._write(buckets, other, past.folder, past.rows(row), row.index)
        return self._write(buckets, buckets.keys(), None, {}, ())

    def _write(
        self,
        buckets: dict[str, list[tuple[str, bytes]]],
        changed: Iterable[str],
        past: Path | None,
        files: dict[str, list[FileRow]],
        index: tuple[FileRow, ...],
    ) -> tuple[FileRow, ...]:
        """Write the buckets that *changed*, and link the others with their indexes from *past*."""
        known = {row.path: row for row in index}
        parts: dict[str, list[str]] = {}
        for bucket in sorted(buckets):
            parts.setdefault(record_files.part_of(bucket), []).append(bucket)
        anew = set(changed)
        parts_anew = {record_files.part_of(bucket) for bucket in anew}
        made = []
        for part, members in parts.items():
            path = record_files.index_of(self.category, part)
            old = {row.path: row for row in files.get(path, ())}
            rows = []
            for bucket in members:
                place = record_files.file_of(self.category, bucket)
                if past is None or bucket in anew:
                    rows.append(self._write_bucket(place, buckets[bucket]))
                elif place in old:
                    self.writer.link(past, old[place])
                    rows.append(old[place])
                else:
                    raise _Stale
            if past is not None and part not in parts_anew and path in known:
                self.writer.link(past, known[path])
                made.append(known[path])
                continue
            data = manifests.encode_index(self.category, rows)
            self.writer.write(path, data)
            made.append(FileRow.of(path, data, self.category, sum(row.records for row in rows)))
        return tuple(made)

    def _write_bucket(self, path: str, records: list[tuple[str, bytes]]) -> FileRow:
        data = record_files.file_bytes(records)
        self.writer.write(path, data)
        return FileRow.of(path, data, self.category, len(records))
