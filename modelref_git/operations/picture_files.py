"""Picture files beside the entries that name them: judged on the way in, and when a history is verified.

On the way in a picture is really decoded. A verification reads its container alone, so that no version of a library
changes the verdict on history.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelref_git.errors import IntegrityFailure, Invalid, NotFound, Problem
from modelref_git.records import codec, pictures
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.json_text import same
from modelref_git.records.pictures import FACTS, PICTURES, SHA256, Named
from modelref_git.records.schemas import Schema
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.objects import ObjectBuffer
from modelref_git.store.trees import FILE, Entry, find

if TYPE_CHECKING:
    from modelref_git.formats.pictures.facts import Facts

# What reads picture files is imported where one is read: most records have none.

MISSING: Final = "picture.missing"
UNNAMED: Final = "picture.unnamed"
ENTRY: Final = "picture.entry"
NAME: Final = "picture.name"
CHANGED: Final = "picture.changed"

NEXT: Final = (
    "give the file with the record: `--picture FILE`, or `modelref-git image add CATEGORY NAME FILE`; a picture that "
    "is in the dataset is named by its SHA-256 alone"
)
"""What to do about a picture that is named and not there."""

_MARK: Final = f'"{PICTURES}"'.encode()
"""In the bytes of every record that names pictures."""
_FACTS: Final[dict[tuple[str, str], Facts]] = {}
"""By blob and name, what sound pictures are: what an id names never changes."""
_DECODED: Final[set[str]] = set()
"""The names of pictures that were decoded."""
_AT_MOST: Final = 65_536


@dataclass(frozen=True, slots=True)
class Given:
    """Picture files that come with a request, by their names."""

    data: Mapping[str, bytes] = field(default_factory=dict)
    """Uploads: each must be named by the record."""
    blobs: Mapping[str, str] = field(default_factory=dict)
    """Files of a commit that somebody brought."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Files of a proposal in the queue, which were decoded when they came."""

    @classmethod
    def uploads(cls, files: Iterable[bytes]) -> Given:
        """What somebody gives with a record."""
        return cls({name_of(data): data for data in files})


NONE: Final = Given()


@dataclass(slots=True)
class Brought:
    """A record with its pictures looked at."""

    record: dict[str, Any]
    """With what the files decide filled in."""
    added: dict[str, str] = field(default_factory=dict)
    """By name, the blobs of the pictures that the dataset has not yet."""
    problems: list[Problem] = field(default_factory=list)


def name_of(data: bytes) -> str:
    """The name of a picture with these bytes."""
    return hashlib.sha256(data).hexdigest()


def files_of(objects: ObjectBuffer, commit: str, names: Iterable[str]) -> dict[str, str]:
    """By name, the blobs of pictures that a commit has."""
    names = tuple(names)
    if not names:
        return {}
    tree = objects.read_commit(commit).tree
    found = ((name, find(objects, tree, layout.picture_path(name))) for name in names)
    return {name: entry.oid for name, entry in found if entry is not None and entry.mode == FILE}


# --- on the way in ---------------------------------------------------------------------------------------------------


def bring(
    objects: ObjectBuffer,
    dataset: DatasetTree,
    schema: Schema,
    record: Mapping[str, Any],
    old: Mapping[str, Any] | None,
    given: Given,
) -> Brought:
    """Find and judge the pictures that *record* names and *old*, which it replaces, does not name just so.

    Args:
        objects: what holds the files that come new.
        dataset: the dataset that the record is proposed for.
        schema: that of the record's category there.
        record: as it was asked for.
        old: as it is in the dataset.
        given: the files that come with it.

    Raises:
        UsageFault: a picture has to be decoded, and what does that is not installed.
    """
    made = Brought(dict(record))
    entries = pictures.named(record, schema)
    if not entries and not given.data:
        return made
    made.problems += pictures.list_problems(entries)
    made.problems += _unnamed(given.data, entries, schema)
    if _is_in_the_way(dataset):
        made.problems.append(Problem(f"/{PICTURES}", f"the dataset has a file called {layout.PICTURES}", CHANGED))
    before = {one.sha256: one.entry for one in pictures.named(old, schema)}
    filled = list(record.get(PICTURES) or ())
    for one in entries:
        held = dataset.picture(one.sha256)
        if held is not None and same(before.get(one.sha256), one.entry):
            continue
        try:
            facts, blob = _taken(objects, one.sha256, held, given)
        except Invalid as fault:
            made.problems += _placed(one, fault)
            continue
        made.problems += _entry_problems(one, facts)
        if held is None:
            made.added[one.sha256] = blob
        if schema.category in CATEGORIES:  # in one's own nothing is filled in
            filled[one.place] = _filled(one.entry, facts)
    if entries:
        made.record[PICTURES] = filled
    return made


def _taken(objects: ObjectBuffer, name: str, held: str | None, given: Given) -> tuple[Facts, str]:
    """What a picture is, and its blob, from wherever it can be had.

    Raises:
        Invalid: it is nowhere, or not sound.
    """
    blob = held or given.kept.get(name)
    if blob is not None:
        return judged(objects, blob, name), blob
    if name in given.data:
        facts = accepted(given.data[name], name)
        return facts, objects.add("blob", given.data[name])
    if name in given.blobs:
        blob = given.blobs[name]
        judged(objects, blob, name)  # by its size, before it is read
        return accepted(objects.read_blob(blob), name), blob
    text = f"there is no picture {name} in the dataset, and none came with the record"
    raise Invalid.of(_called(name), [Problem("", text, MISSING)])


def _is_in_the_way(dataset: DatasetTree) -> bool:
    """Whether something else than the folder of pictures is where that would be."""
    entry = find(dataset.objects, dataset.tree, layout.PICTURES)
    return entry is not None and not entry.is_folder


def _unnamed(data: Iterable[str], entries: Iterable[Named], schema: Schema) -> Iterator[Problem]:
    names = {one.sha256 for one in entries}
    for name in sorted(set(data) - names):
        text = f"the picture {name} is given, and no entry of the record names it"
        if not schema.has_pictures:
            text = f"the schema of {schema.category} has no list of pictures, so a record cannot name {name}"
        yield Problem(f"/{PICTURES}", text, UNNAMED)


def _filled(entry: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """An entry with what the file decides where it does not say so."""
    lacking = [key for key in FACTS if entry.get(key) is None]
    return {**entry, **{key: getattr(facts, key) for key in lacking}} if lacking else entry


def accepted(data: bytes, name: str, *, what: str | None = None) -> Facts:
    """What the picture *data*, which is to be called *name*, is, once every frame of it was decoded.

    *what* names it in a refusal.

    Raises:
        Invalid: it is no sound picture, or of another name.
        UsageFault: what decodes pictures is not installed.
    """
    facts = _facts_named(data, name, what)
    if name not in _DECODED:
        from modelref_git.formats.pictures.decode import check

        check(data, what=what or _called(name))
        if len(_DECODED) >= _AT_MOST:
            _DECODED.clear()
        _DECODED.add(name)
    return facts


# --- handing out -----------------------------------------------------------------------------------------------------


def file_of(dataset: DatasetTree, name: str) -> bytes:
    """The file of a picture.

    Raises:
        NotFound: there is no such picture.
        IntegrityFailure: the file is not the picture that its name says.
    """
    blob = dataset.picture(name) if pictures.is_name(name) else None
    if blob is None:
        raise NotFound(f"there is no picture {name}", hint="`modelref-git image list CATEGORY NAME` lists them")
    try:
        judged(dataset.objects, blob, name)
    except Invalid as fault:
        raise IntegrityFailure(f"the picture {name} is not what it must be: {fault.message}") from fault
    return dataset.objects.read_blob(blob)


def named_by(dataset: DatasetTree, category: str, records: Iterable[tuple[str, bytes]]) -> tuple[str, ...]:
    """The names of the pictures that records name, sorted.

    Args:
        dataset: the dataset that has them.
        category: theirs.
        records: names and canonical bytes.

    Raises:
        IntegrityFailure: a record names a picture that is not there.
    """
    found: set[str] = set()
    schema: Schema | None = None
    for record, data in records:
        if _MARK not in data:
            continue
        schema = schema or dataset.schema(category)
        for one in pictures.named(codec.decode(data), schema):
            if dataset.picture(one.sha256) is None:
                raise IntegrityFailure(
                    f"{category} {record!r} names the picture {one.sha256}, which is not there",
                    hint="`modelref-git check` lists all of them",
                )
            found.add(one.sha256)
    return tuple(sorted(found))


# --- in history ------------------------------------------------------------------------------------------------------


def judged(objects: ObjectBuffer, blob: str, name: str) -> Facts:
    """What the picture in *blob* is, by its container alone. One that is too large is not read.

    Raises:
        Invalid: it is no sound picture, or *name* is not the SHA-256 of its bytes.
    """
    known = _FACTS.get((blob, name))
    if known is not None:
        return known
    from modelref_git.formats.pictures.parts import BYTES_AT_MOST, SIZE

    size = objects.size(blob)
    if size > BYTES_AT_MOST:
        text = f"it has {size:,} bytes, and a picture may have {BYTES_AT_MOST:,}"
        raise Invalid.of(_called(name), [Problem("", text, SIZE)])
    facts = _facts_named(objects.read_blob(blob), name)
    if len(_FACTS) >= _AT_MOST:
        _FACTS.clear()
    _FACTS[blob, name] = facts
    return facts


def problems_in(
    dataset: DatasetTree,
    schema: Schema,
    record: Mapping[str, Any] | None,
    old: Mapping[str, Any] | None,
    added: Collection[str] = (),
) -> Iterator[Problem]:
    """What is wrong with the pictures of *record*, which is in *dataset* and replaced *old*, a record judged before.

    Args:
        dataset: the dataset that has the record.
        schema: that of its category there.
        record: the record; ``None`` where it is deleted.
        old: what it replaced.
        added: the names of the pictures that came with it: each must be named by it.
    """
    entries = pictures.named(record, schema)
    names = {one.sha256 for one in entries}
    for name in added:
        if name not in names:
            yield Problem("", f"it brings the picture {name}, which its record does not name", UNNAMED)
    yield from pictures.list_problems(entries)
    before = {one.sha256: one.entry for one in pictures.named(old, schema)}
    for one in entries:
        blob = dataset.picture(one.sha256)
        if blob is None:
            yield missing(one)
        elif one.sha256 in added or not same(before.get(one.sha256), one.entry):
            try:
                yield from _entry_problems(one, judged(dataset.objects, blob, one.sha256))
            except Invalid as fault:
                yield from _placed(one, fault)


def arriving_problems(
    before: DatasetTree | None, after: DatasetTree, touched: Iterable[tuple[str, Entry | None, Entry | None]]
) -> Iterator[Problem]:
    """What is wrong with pictures, and with those of records, that come to ``main`` without a proposal.

    Pictures are only ever added, and each by a record that names it; the path of a problem is that of a file.

    Args:
        before: the dataset as it was; ``None`` for none.
        after: the dataset as it is.
        touched: path and entries of each file in which the two differ.
    """
    added: dict[str, None] = {}
    names: set[str] = set()
    rows = list(touched)
    for path, old, new in rows:
        name = layout.picture_of(path)
        if name is not None and old is None and new is not None and new.mode == FILE:
            added[name] = None
        elif name is not None:
            yield Problem(f"/{path}", "pictures are added, and never changed or removed", CHANGED)
    for path, old, new in rows:
        key = layout.record_of(path)
        if key is None or new is None or key[0] not in after.config.categories:
            continue
        schema = after.schema(key[0])
        if schema.has_pictures:
            record = naming(after.objects, new.oid)
            names.update(one.sha256 for one in pictures.named(record, schema))
            was = naming(after.objects, old.oid) if old is not None and before is not None else None
            mine = [one.sha256 for one in pictures.named(record, schema) if one.sha256 in added]
            for problem in problems_in(after, schema, record, was, mine):
                yield Problem(f"/{path}{problem.path}", problem.message, problem.rule)
    for name in added:
        if name not in names:
            text = "no record that comes with it names it"
            yield Problem(f"/{layout.picture_path(name)}", text, UNNAMED)


def naming(objects: ObjectBuffer, blob: str | None) -> dict[str, Any] | None:
    """The record in a blob if it may name pictures; ``None`` for one that does not, or is none."""
    data = objects.read_blob(blob) if blob is not None else b""
    try:
        return codec.decode(data) if _MARK in data else None
    except Invalid:
        return None  # said by the rules about records


def _facts_named(data: bytes, name: str, what: str | None = None) -> Facts:
    from modelref_git.formats.pictures.facts import facts_of

    facts = facts_of(data, what=what or _called(name))
    if name_of(data) != name:
        text = f"the SHA-256 of its bytes is {name_of(data)}, which is not its name"
        raise Invalid.of(_called(name), [Problem("", text, NAME)])
    return facts


def _entry_problems(one: Named, facts: Facts) -> Iterator[Problem]:
    for key in FACTS:
        said, found = one.entry.get(key), getattr(facts, key)
        if said is not None and not same(said, found):
            yield Problem(f"{one.path}/{key}", f"it says {said!r}, and the file has {found!r}", ENTRY)


def _placed(one: Named, fault: Invalid) -> Iterator[Problem]:
    """The faults of a picture, at the entry that names it."""
    for row in fault.details:
        text = row["message"] if row["rule"] == MISSING else f"the picture {one.sha256}: {row['message']}"
        yield Problem(f"{one.path}/{SHA256}", text, row["rule"])


def missing(one: Named) -> Problem:
    """The fault of an entry whose picture is not there."""
    return Problem(f"{one.path}/{SHA256}", f"there is no picture {one.sha256} in the dataset", MISSING)


def _called(name: str) -> str:
    return f"the picture {name[:12]}"
