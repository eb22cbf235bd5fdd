"""The dataset at one commit: its configuration, schemas and records, each read when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelref_git.errors import NotFound
from modelref_git.proposals.config import DatasetConfig
from modelref_git.records.names import fold, name_of
from modelref_git.store import layout
from modelref_git.store.objects import ObjectBuffer
from modelref_git.store.trees import FILE, Tree, compare, find, read_tree, walk

if TYPE_CHECKING:
    from modelref_git.records.schemas import Schema

_CONFIGS: dict[str, DatasetConfig] = {}
_SCHEMAS: dict[tuple[str, str], Schema] = {}
"""Parsed files by blob id: what an id names never changes."""


@dataclass(slots=True)
class DatasetTree:
    """The tree of a dataset repository's ``main`` at one commit, or of one being made."""

    objects: ObjectBuffer
    tree: str
    commit: str | None = None
    _config: DatasetConfig | None = field(default=None, repr=False)

    @classmethod
    def at(cls, objects: ObjectBuffer, commit: str) -> DatasetTree:
        """The dataset at a commit."""
        return cls(objects, objects.read_commit(commit).tree, commit)

    @property
    def config_bytes(self) -> bytes:
        """``modelref.toml`` as it stands.

        Raises:
            NotFound: there is none, so the tree is no dataset's.
        """
        entry = find(self.objects, self.tree, layout.CONFIG)
        if entry is None:
            raise NotFound(f"{self.commit or self.tree} holds no {layout.CONFIG}: it is no revision of a dataset")
        return self.objects.read_blob(entry.oid)

    @property
    def config(self) -> DatasetConfig:
        """The configuration: members, policy, categories."""
        if self._config is None:
            entry = find(self.objects, self.tree, layout.CONFIG)
            key = entry.oid if entry is not None else ""
            if key not in _CONFIGS:
                _CONFIGS[key] = DatasetConfig.parse(self.config_bytes)
            self._config = _CONFIGS[key]
        return self._config

    def fan_out(self, category: str) -> int:
        """By how many levels a category's folder is split.

        Raises:
            NotFound: there is no such category.
        """
        found = self.config.categories.get(category)
        if found is None:
            known = ", ".join(self.config.categories)
            raise NotFound(f"there is no category {category!r}", hint=f"categories here are: {known}")
        return found.fan_out

    def schema(self, category: str) -> Schema:
        """The schema of a category's records.

        Raises:
            NotFound: there is no such category, or its schema file is missing.
            Invalid: the file is no JSON Schema.
        """
        self.fan_out(category)
        path = self.config.categories[category].schema
        entry = find(self.objects, self.tree, path)
        if entry is None:
            raise NotFound(f"the schema file {path} of the category {category!r} is missing")
        key = (category, entry.oid)
        if key not in _SCHEMAS:
            from modelref_git.records.schemas import Schema

            _SCHEMAS[key] = Schema.parse(category, self.objects.read_blob(entry.oid))
        return _SCHEMAS[key]

    def legacy_files(self, category: str) -> dict[str, bytes]:
        """By name, the files that an import left beside a category's records; none if there was no import."""
        folder = find(self.objects, self.tree, f"{layout.LEGACY}/{category}")
        if folder is None or not folder.is_folder:
            return {}
        entries = read_tree(self.objects, folder.oid).entries
        return {name: self.objects.read_blob(entry.oid) for name, entry in entries.items() if not entry.is_folder}

    def picture(self, sha256: str) -> str | None:
        """The blob of a picture, or ``None`` when there is no such file."""
        entry = find(self.objects, self.tree, layout.picture_path(sha256))
        return None if entry is None or entry.mode != FILE else entry.oid

    def path(self, category: str, name: str) -> str:
        """The file of a record, whether or not it is there."""
        return layout.record_path(category, name, self.fan_out(category))

    def blob(self, category: str, name: str) -> str | None:
        """The blob of a record, or ``None`` when there is no such record."""
        entry = find(self.objects, self.tree, self.path(category, name))
        return None if entry is None else entry.oid

    def look_alike(self, category: str, name: str) -> str | None:
        """A record whose name differs from *name* by letter case or Unicode form only."""
        folder = find(self.objects, self.tree, layout.record_folder(category, name, self.fan_out(category)))
        if folder is None:
            return None
        folded = fold(name)
        for found, alike in _folded_names(read_tree(self.objects, folder.oid)):
            if alike == folded and found != name:
                return found
        return None

    def names(self, category: str) -> list[str]:
        """The names of a category's records, sorted."""
        return sorted(name for name, _ in self.records(category))

    def records(self, category: str) -> Iterator[tuple[str, str]]:
        """``(name, blob)`` of a category's records, in the order of their files."""
        self.fan_out(category)
        folder = find(self.objects, self.tree, layout.category_folder(category))
        if folder is None:
            return
        for path, entry in walk(self.objects, folder.oid):
            yield name_of(path.rpartition("/")[2].removesuffix(layout.SUFFIX)), entry.oid

    def count(self, category: str) -> int:
        """How many records a category has."""
        self.fan_out(category)
        folder = find(self.objects, self.tree, layout.category_folder(category))
        return 0 if folder is None else sum(1 for _ in walk(self.objects, folder.oid))


def added_pictures(objects: ObjectBuffer, before: str | None, after: str) -> tuple[str, ...]:
    """The names of the pictures that the tree *after* has and *before* has not, sorted."""
    trees = [None if tree is None else find(objects, tree, layout.PICTURES) for tree in (before, after)]
    if trees[0] == trees[1]:
        return ()
    old, new = (entry.oid if entry is not None and entry.is_folder else None for entry in trees)
    found = compare(objects, old, new, f"{layout.PICTURES}/")
    return tuple(name for path, left, _ in found if left is None and (name := layout.picture_of(path)) is not None)


def changed_records(
    objects: ObjectBuffer, before: str | None, after: str | None, category: str | None = None
) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    """``(category, name)`` of each record in which two trees differ, with its blobs.

    A mere change of layout differs in nothing. The keys are sorted.

    Args:
        objects: where the trees are read.
        before: a dataset's tree, or ``None`` for an empty one.
        after: the other one.
        category: look at this category alone.
    """
    folder = layout.DATASET if category is None else layout.category_folder(category)
    trees = [None if tree is None else find(objects, tree, folder) for tree in (before, after)]
    roots = [entry.oid if entry is not None and entry.is_folder else None for entry in trees]
    old: dict[tuple[str, str], str] = {}
    new: dict[tuple[str, str], str] = {}
    for path, left, right in compare(objects, roots[0], roots[1], f"{folder}/"):
        key = layout.record_of(path)
        if key is None:
            continue
        if left is not None:
            old[key] = left.oid
        if right is not None:
            new[key] = right.oid
    keys = sorted(old.keys() | new.keys())
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


def _folded_names(tree: Tree) -> list[tuple[str, str]]:
    """``(name, folded name)`` of the records in a folder."""
    names = [name_of(file.removesuffix(layout.SUFFIX)) for file, e in tree.entries.items() if not e.is_folder]
    return [(name, fold(name)) for name in names]
