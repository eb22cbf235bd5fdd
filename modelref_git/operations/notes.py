"""Notes: members' remarks on a record, kept beside the dataset whatever becomes of the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelref_git.errors import Forbidden, IntegrityFailure, Invalid, NotFound, RemoteFailure
from modelref_git.operations.context import Context, Person
from modelref_git.proposals.config import DatasetConfig
from modelref_git.proposals.notes import ADD, REMOVE, SET, Act, Note, Page, check_text, why_not
from modelref_git.store import notes
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.notes import Board
from modelref_git.store.step import Step

_What = Callable[[Person, DatasetConfig, Page], tuple[str, int, str | None, bool]]
"""Gives action, number, text and whether it is the team's, or refuses by raising."""


def note_add(ctx: Context, category: str, name: str, text: str, *, team: bool = False) -> dict[str, Any]:
    """Remark on a record; answers the note, with ``category`` and ``model_name``.

    Args:
        ctx: who asks, and where.
        category: the record's category.
        name: its key. It is live, or has had notes before.
        text: what there is to say, up to 10,000 characters.
        team: whether it is the team's note, which approvers keep up to date too.

    Raises:
        UsageFault: the text is blank or too long.
        NotFound: there is no such category or record.
        Forbidden: the caller may not propose either.
        ModelrefError: as :func:`modelref_git.store.notes.write`.
    """
    wanted = check_text(text)
    act, page = _do(ctx, category, name, lambda _person, _config, page: (ADD, page.next, wanted, team))
    return _answer(act, page.find(act.note_id))


def note_set(ctx: Context, category: str, name: str, note_id: int, text: str) -> dict[str, Any]:
    """Give a note of one's own another text; one of the team's, as an approver too. Answers as :func:`note_add`.

    Raises:
        Forbidden: it is somebody else's.
        NotFound: there is no such note.
        ModelrefError: as :func:`note_add`.
    """
    wanted = check_text(text)

    def what(person: Person, config: DatasetConfig, page: Page) -> tuple[str, int, str | None, bool]:
        _require_right(person, config, category, page.find(note_id))
        return SET, note_id, wanted, False

    act, page = _do(ctx, category, name, what)
    return _answer(act, page.find(note_id))


def note_remove(ctx: Context, category: str, name: str, note_id: int) -> dict[str, Any]:
    """Remove a note of one's own; one of the team's, as an approver too. Answers the note as it was.

    What it said stays in the history.

    Raises:
        ModelrefError: as :func:`note_set`.
    """
    removed: list[Note] = []

    def what(person: Person, config: DatasetConfig, page: Page) -> tuple[str, int, str | None, bool]:
        removed[:] = [page.find(note_id)]
        _require_right(person, config, category, removed[0])
        return REMOVE, note_id, None, False

    act, _ = _do(ctx, category, name, what)
    return _answer(act, removed[0])


def note_own(ctx: Context, category: str, name: str, text: str | None) -> None:
    """Have the caller's own newest note on a record say *text*: it is set, or else made; without a text, removed.

    Raises:
        ModelrefError: as :func:`note_add`.
    """
    wanted = None if text is None else check_text(text)

    def what(person: Person, _config: DatasetConfig, page: Page) -> tuple[str, int, str | None, bool]:
        own = page.own(person.actor.id)
        if own is None:
            if wanted is None:
                raise _NothingToDo
            return ADD, page.next, wanted, False
        if wanted == own.text:
            raise _NothingToDo
        return REMOVE if wanted is None else SET, own.id, wanted, False

    try:
        _do(ctx, category, name, what)
    except _NothingToDo:
        return


class _NothingToDo(Exception):
    """It is so already."""


def note_list(ctx: Context, category: str, name: str) -> list[dict[str, Any]]:
    """The notes on a record, oldest first, each ``{"id", "by", "by_name", "at", "team", "text", "edited_at"}``.

    Times are Unix seconds. A record that is gone keeps its notes.

    Raises:
        NotFound: there is no such category or record, and never were notes on it.
        IntegrityFailure: the notes are not readable.
    """
    return [note.as_json() for note in _page(ctx, category, name)[1].notes]


def note_history(ctx: Context, category: str, name: str) -> list[dict[str, Any]]:
    """What was done with the notes on a record, newest first.

    Each is ``{"commit", "action", "id", "by", "by_name", "at", "team", "text", "attested_by"}``, where the action is
    ``add``, ``set`` or ``remove``, and the text what the note says since then.

    Raises:
        ModelrefError: as :func:`note_list`.
    """
    board, _ = _page(ctx, category, name)
    return [act.as_json(commit.id) for commit, act in board.history(category, name)]


def shown_note(ctx: Context, category: str, name: str) -> str | None:
    """The one note on a record that its caller is shown first: their own newest one, else the team's; or ``None``.

    Whoever is no member is shown none. Notes that are not readable are none: what they stand beside is shown anyway.
    """
    person = ctx.person(ctx.view().dataset().config)
    if person.member is None:
        return None
    try:
        page = notes.read(ctx.store).page(category, name)
    except IntegrityFailure:
        return None
    found = None if page is None else page.own(person.actor.id) or page.of_team
    return None if found is None else found.text


def _page(ctx: Context, category: str, name: str) -> tuple[Board, Page]:
    board = notes.read(ctx.store)
    dataset = ctx.view().dataset()
    return board, _checked(dataset, board, category, name)


def _checked(dataset: DatasetTree, board: Board, category: str, name: str) -> Page:
    """The notes on a record; refuses one that is not there and never had any.

    Raises:
        NotFound: so it is.
    """
    try:
        page = board.page(category, name)
    except Invalid:
        page = None  # a name that no record can have
    if page is not None:
        return page
    dataset.fan_out(category)  # refuses a category that there is not
    try:
        blob = dataset.blob(category, name)
    except Invalid:
        blob = None
    if blob is None:
        alike = dataset.look_alike(category, name) if name.strip() else None
        hint = f"there is {alike!r}" if alike else f"`modelref-git ls {category}` lists the names"
        raise NotFound(f"{category} has no record {name!r}", hint=hint)
    return Page()


def _do(ctx: Context, category: str, name: str, what: _What) -> tuple[Act, Page]:
    """Do one act in the caller's name."""
    if ctx.keeps_unsent:
        raise RemoteFailure(
            "this takes the remote, which --offline leaves alone; nothing was changed", hint="leave out --offline"
        )
    ctx.refresh()

    def decide(step: Step, board: Board) -> tuple[Act, str]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        person.require_requestor("write notes")
        step.attested_by = person.attested_by
        page = _checked(dataset, board, category, name)
        action, number, text, team = what(person, dataset.config, page)
        genesis = step.queue.header.genesis or step.start
        words = (action, category, name, number, person.actor, step.time, text, team, person.attested_by, genesis)
        return Act(*words), person.email

    return notes.write(
        ctx.store,
        decide,
        clock=ctx.clock,
        dry_run=ctx.dry_run,
        warn=ctx.warn,
        progress=ctx.progress,
        wait=ctx.wait,
    )


def _require_right(person: Person, config: DatasetConfig, category: str, note: Note) -> None:
    why = why_not(config, person.actor, person.member, category, note)
    if why is not None:
        raise Forbidden(
            f"{person.username} may not change the note {note.id}: {why}",
            hint="`modelref-git note add CATEGORY NAME TEXT` adds one of your own",
        )


def _answer(act: Act, note: Note) -> dict[str, Any]:
    return {"category": act.category, "model_name": act.name, **note.as_json()}
