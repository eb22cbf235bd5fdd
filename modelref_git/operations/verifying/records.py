"""What must hold of every record that comes into the dataset, whichever way it comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.operations.drafting import canonical_bytes
from modelref_git.records import codec, names
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.json_text import same
from modelref_git.records.schemas import Schema
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.trees import FILE, Entry

MISPLACED: Final = "layout.place"

_SOUND: Final[set[tuple[int, str, str]]] = set()
"""Records that were looked at and were right: by schema, name and blob. A rebase or merge brings most of them again."""
_SOUND_AT_MOST: Final = 65_536


def record_faults(dataset: DatasetTree, files: Iterable[tuple[str, Entry | None]]) -> Iterator[str]:
    """What is wrong with *files* of *dataset* below ``dataset/``: with their places, names and content.

    Args:
        dataset: the dataset that has them.
        files: path and entry of each file that is new or changed; ``None`` for one that is gone.
    """
    for path, entry in files:
        if entry is None:
            continue
        problem = place_problem(dataset, path, entry)
        if problem is not None:
            yield f"{path} {problem.message}"
        elif key := layout.record_of(path):
            yield from (f"{path}: {text}" for text in content_faults(dataset, *key, entry.oid))


def place_problem(dataset: DatasetTree, path: str, entry: Entry) -> Problem | None:
    """Why the file at *path* below ``dataset/`` is no record that readers find; the message goes on from the path."""
    key = layout.record_of(path)
    if key is None or key[0] not in dataset.config.categories:
        return Problem("", "is no record of a category", "layout.category")
    # A name that can be read off a path can always be turned into one.
    if dataset.path(*key) != path:
        return Problem("", f"does not stand where the layout of {key[0]} has it", MISPLACED)
    if entry.mode != FILE:
        return Problem("", "is no plain file", "layout.mode")
    return None


def look_alike_faults(dataset: DatasetTree, category: str) -> Iterator[str]:
    """Names of a category that differ by letter case or Unicode form only."""
    for name, other in look_alikes(name for name, _ in dataset.records(category)):
        yield f"{category} holds both {other!r} and {name!r}"


def look_alikes(found: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each name that looks like one before it, and that one."""
    seen: dict[str, str] = {}
    for name in found:
        other = seen.setdefault(names.fold(name), name)
        if other != name:
            yield name, other


def content_faults(dataset: DatasetTree, category: str, name: str, blob: str) -> Iterator[str]:
    """What is wrong with one record: it is not canonical, or its schema does not accept it or its name."""
    schema = dataset.schema(category)
    known = (id(schema), name, blob)
    if known in _SOUND:
        return
    faults = list(_content_faults(dataset, category, name, blob))
    if not faults:
        if len(_SOUND) >= _SOUND_AT_MOST:
            _SOUND.clear()
        _SOUND.add(known)
    yield from faults


def _content_faults(dataset: DatasetTree, category: str, name: str, blob: str) -> Iterator[str]:
    data = dataset.objects.read_blob(blob)
    try:
        record = codec.decode(data)
    except Invalid as error:
        yield error.message
        return
    for problem in content_problems(dataset.schema(category), category, name, record, data):
        judged_by_schema = problem.rule.startswith("schema.")
        yield f"{problem.message} at {problem.path or 'the top'}" if judged_by_schema else problem.message


def content_problems(
    schema: Schema, category: str, name: str, record: dict[str, Any], data: bytes | None
) -> Iterator[Problem]:
    """What is wrong with a stored record: with its name, its form, and by its schema.

    Args:
        schema: that of the category in the same tree.
        category: where the record is.
        name: its key.
        record: what its file holds.
        data: the bytes of its file, which must be canonical; ``None`` where that is not asked for.
    """
    yield from names.structural_problems(category, name)
    if data is not None:
        try:
            if canonical_bytes(record, schema, name) != data:
                yield Problem("", "it is not in canonical form", "json.canonical")
        except Invalid as error:
            yield from (Problem(row["path"], row["message"], row["rule"]) for row in error.details)
    if not _is_shipped_form(schema, record):
        yield from schema.problems(record)


def _is_shipped_form(schema: Schema, record: Mapping[str, Any]) -> bool:
    """Whether a record is, as it stands, what the package's own models make of it.

    A schema that the package ships was made from them and accepts it; they tell much sooner than the schema does.
    """
    if not schema.is_shipped or schema.category not in CATEGORIES:
        return False
    from modelref_git.records import normal

    try:
        return same(normal.normalise(schema.category, record, before=record), dict(record))
    except Invalid:
        return False
