"""What must hold of every record that comes into the dataset, whichever way it comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from modelref_git.errors import Invalid
from modelref_git.operations.drafting import canonical_bytes
from modelref_git.records import codec, names
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.trees import FILE, Entry

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
        key = layout.record_of(path)
        if key is None or key[0] not in dataset.config.categories:
            yield f"{path} is no record of a category"
        elif dataset.path(*key) != path:
            yield f"{path} does not stand where the layout of {key[0]} has it"
        elif entry.mode != FILE:
            yield f"{path} is no plain file"
        else:
            yield from (f"{path}: {text}" for text in content_faults(dataset, *key, entry.oid))


def look_alike_faults(dataset: DatasetTree, category: str) -> Iterator[str]:
    """Names of a category that differ by letter case or Unicode form only."""
    seen: dict[str, str] = {}
    for name, _ in dataset.records(category):
        other = seen.setdefault(names.fold(name), name)
        if other != name:
            yield f"{category} holds both {other!r} and {name!r}"


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
    schema = dataset.schema(category)
    yield from (problem.message for problem in names.structural_problems(category, name))
    data = dataset.objects.read_blob(blob)
    try:
        record = codec.decode(data)
        if canonical_bytes(record, schema, name) != data:
            yield "it is not in canonical form"
    except Invalid as error:
        yield error.message
        return
    yield from (f"{problem.message} at {problem.path or 'the top'}" for problem in schema.problems(record))
