"""Pictures of a record: listed, and added, changed or removed by a proposal like any other change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from modelref_git.errors import Conflict, NotFound, UsageFault, WrongState
from modelref_git.operations.answers import find_change
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.picture_files import NONE, Given, accepted, file_of, name_of
from modelref_git.operations.propose import Prepare, propose_prepared, updating
from modelref_git.operations.read import dataset_at, get_record
from modelref_git.proposals.events import UPDATE
from modelref_git.records import pictures
from modelref_git.records.pictures import DETAILS, FACTS, PICTURES, SHA256, Named
from modelref_git.records.schemas import Schema
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.step import Step
from modelref_git.store.trees import find, read_tree

SHORTEST: Final = 4
"""So many digits of its name are needed to say which picture is meant."""

_Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """One picture that somebody gives."""

    data: bytes
    details: Mapping[str, Any] = field(default_factory=dict)
    """How it came about: members of an entry that people decide, see `DETAILS`; ``None`` is left out."""
    what: str | None = None
    """Names it in a refusal, such as the file that it was read from."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a change of pictures is proposed; the fields are those of every proposal."""

    note: str | None = None
    allow: tuple[str, ...] = ()
    """Rules of good data that are waived."""
    supersedes: int | None = None
    """An open change that this one takes the place of."""
    intake: bool = False
    """Push it as a branch instead."""


DEFAULTS: Final = Options()


def image_list(ctx: Context, category: str, name: str, revision: str | None = None) -> list[dict[str, Any]]:
    """The entries of a record's pictures, in the order in which they are shown.

    Raises:
        NotFound: there is no such revision, category or record.
    """
    schema = dataset_at(ctx, revision).schema(category)
    record = get_record(ctx, category, name, revision)
    return [one.entry for one in pictures.shown(pictures.named(record, schema))]


def image_add(
    ctx: Context, category: str, name: str, uploads: Sequence[Upload], options: Options = DEFAULTS
) -> dict[str, Any]:
    """Propose to add pictures to a record, behind those that it has; answers the PendingChangeRecord.

    Raises:
        NotFound: there is no such category or record.
        WrongState: the category's schema has no list of pictures.
        Invalid: a file is no sound picture, or something that is said of it is not right; every fault is listed.
        Conflict: the record has one of the pictures already.
        UsageFault: no picture is given, or what decodes pictures is not installed.
        Forbidden: the caller may not propose.
    """
    if not uploads:
        raise UsageFault("no picture is given", hint="name a FILE")
    for upload in uploads:
        _check_details(upload.details)
    entries = [_entry(upload) for upload in uploads]

    at = f"{category} {name!r}"

    def edit(record: _Record, schema: Schema) -> list[Any]:
        there = {one.sha256 for one in pictures.named(record, schema)}
        for entry in entries:
            if entry[SHA256] in there:
                raise Conflict(
                    f"{at} has the picture {entry[SHA256]} already",
                    hint=f"`modelref-git image set {at} {entry[SHA256][:12]}` changes what is said of it",
                )
            there.add(entry[SHA256])
        return [*record.get(PICTURES, ()), *entries]

    given = Given.uploads(upload.data for upload in uploads)
    return _propose(ctx, category, name, edit, options, given)


def image_set(
    ctx: Context,
    category: str,
    name: str,
    picture: str,
    values: Mapping[str, Any],
    clear: Sequence[str] = (),
    options: Options = DEFAULTS,
) -> dict[str, Any]:
    """Propose to change what a record says of one of its pictures; answers the PendingChangeRecord.

    Args:
        ctx: the caller.
        category: where the record is.
        name: the record.
        picture: the picture's name, or so much of its beginning that no other of the record is meant.
        values: members of the entry that people decide, see `DETAILS`.
        clear: such members to take away.
        options: how it is proposed.

    Raises:
        UsageFault: nothing is to be changed, a member is none that people decide, or *picture* means several.
        NotFound: there is no such category, record or picture.
        ModelrefError: as `image_add`.
    """
    _check_details({**values, **dict.fromkeys(clear)})
    if not values and not clear:
        raise UsageFault("say what to change of the picture", hint=f"one of {', '.join(DETAILS)}")

    def edit(record: _Record, schema: Schema) -> list[Any]:
        wanted = _find(pictures.named(record, schema), picture, category, name)
        kept = {key: value for key, value in wanted.entry.items() if key not in clear}
        after = list(record[PICTURES])
        after[wanted.place] = kept | dict(values)
        return after

    return _propose(ctx, category, name, edit, options)


def image_remove(
    ctx: Context, category: str, name: str, names: Sequence[str], options: Options = DEFAULTS
) -> dict[str, Any]:
    """Propose that a record names pictures no more; answers the PendingChangeRecord.

    The files stay in the history, from which nothing is taken; what the live dataset hands out has them no more.

    Args:
        ctx: the caller.
        category: where the record is.
        name: the record.
        names: the pictures' names, or so much of their beginnings that no other of the record is meant.
        options: how it is proposed.

    Raises:
        UsageFault: no picture is named, or one of *names* means several.
        NotFound: there is no such category, record or picture.
        ModelrefError: as `image_add`.
    """
    if not names:
        raise UsageFault("no picture is named", hint=f"`modelref-git image list {category} {name!r}` lists them")

    def edit(record: _Record, schema: Schema) -> list[Any]:
        entries = pictures.named(record, schema)
        gone = {_find(entries, word, category, name).place for word in names}
        return [entry for place, entry in enumerate(record[PICTURES]) if place not in gone]

    return _propose(ctx, category, name, edit, options)


def picture_bytes(ctx: Context, sha256: str, *, revision: str | None = None, change_id: int | None = None) -> bytes:
    """The file of a picture.

    Args:
        ctx: the repository.
        sha256: the picture's name.
        revision: where it is; in the live dataset unless given.
        change_id: the proposal that brings it, or the record that names it.

    Raises:
        NotFound: there is no such picture, revision or change.
        IntegrityFailure: the file is not the picture that its name says.
    """
    return file_of(_dataset(ctx, revision, change_id), sha256)


def picture_names(ctx: Context, word: str, *, revision: str | None = None, change_id: int | None = None) -> list[str]:
    """The names of pictures that begin with *word*, sorted; the arguments are those of `picture_bytes`.

    Raises:
        NotFound: there is no such revision or change.
    """
    dataset = _dataset(ctx, revision, change_id)
    folder = find(dataset.objects, dataset.tree, layout.PICTURES)
    entries = read_tree(dataset.objects, folder.oid).entries if folder is not None and folder.is_folder else {}
    return sorted(name for name in entries if name.startswith(word) and pictures.is_name(name))


def _dataset(ctx: Context, revision: str | None, change_id: int | None) -> DatasetTree:
    if change_id is None:
        return dataset_at(ctx, revision)
    view = ctx.view()
    change = find_change(view.queue, change_id)
    return view.dataset(change.commit or None)


# --- proposing -------------------------------------------------------------------------------------------------------


def _check_details(details: Mapping[str, Any]) -> None:
    for key in details:
        if key in (SHA256, *FACTS):
            raise UsageFault(f"{key} is what the file itself says, and is not set by hand")
        if key not in DETAILS:
            raise UsageFault(f"{key!r} is nothing that is said of a picture", hint=f"one of {', '.join(DETAILS)}")


def _entry(upload: Upload) -> dict[str, Any]:
    name = name_of(upload.data)
    facts = accepted(upload.data, name, what=upload.what)
    return pictures.make_entry(name, {key: getattr(facts, key) for key in FACTS}, upload.details)


def _find(entries: Iterable[Named], word: str, category: str, name: str) -> Named:
    """The entry that *word*, a picture's name or its beginning, means."""
    hint = f"`modelref-git image list {category} {name!r}` lists them"
    found = [one for one in entries if one.sha256.startswith(word.lower())]
    if len(word) < SHORTEST:
        raise UsageFault(f"{word!r} is too short to name a picture: {SHORTEST} digits at least", hint=hint)
    if not found:
        raise NotFound(f"{category} {name!r} has no picture {word}", hint=hint)
    if len(found) > 1:
        raise UsageFault(f"{word} is the beginning of {len(found)} pictures of {category} {name!r}", hint=hint)
    return found[0]


def _propose(
    ctx: Context,
    category: str,
    name: str,
    edit: Callable[[_Record, Schema], list[Any]],
    options: Options,
    given: Given = NONE,
) -> dict[str, Any]:
    """Propose the update that gives a record the pictures that *edit* makes of today's."""
    request = Request(UPDATE, category, name, None, options.note, options.allow, pictures=given)

    def prepare(step: Step, dataset: DatasetTree) -> Request:
        schema = _schema(dataset, category)

        def edited(record: _Record) -> _Record:
            after = edit(record, schema)
            return {key: value for key, value in record.items() if key != PICTURES} | (
                {PICTURES: after} if after else {}
            )

        make: Prepare = updating(request, edit=edited)
        return make(step, dataset)

    return propose_prepared(ctx, prepare, options.supersedes, options.intake)


def _schema(dataset: DatasetTree, category: str) -> Schema:
    schema = dataset.schema(category)
    if not schema.has_pictures:
        raise WrongState(
            f"records of {category} have no pictures: its schema has no list of them",
            hint=f"an approver gives it one with `modelref-git category update {category} --schema FILE`: a property "
            '`pictures` with "x-merge": {"key": "sha256"}',
        )
    return schema
