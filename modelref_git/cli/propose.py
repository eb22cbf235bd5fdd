"""``propose``: create, update or delete one record, or many at once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, allow_option, dry_run_option, pass_app, read_input
from modelref_git.cli.settings import settings
from modelref_git.errors import Invalid, ModelrefError, UsageFault

if TYPE_CHECKING:
    from modelref_git.operations.context import Context
    from modelref_git.operations.picture_files import Given
    from modelref_git.operations.settling import Side


def _edit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "Set the value at a JSON pointer; VALUE is JSON where it parses as JSON, else a text (repeatable)."
    same = "The same, always a text."
    command = click.option("--set-string", "texts", multiple=True, metavar="PTR=VALUE", help=same)(command)
    return click.option("--set", "values", multiple=True, metavar="PTR=VALUE", help=text)(command)


def note_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option ``--note`` of every proposal."""
    return click.option("--note", metavar="N", help="Why; shown to the approver.")(command)


def supersedes_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option ``--supersedes`` of proposals that take the place of others."""
    text = "Close this open change in favour of the new one."
    return click.option("--supersedes", type=int, metavar="ID", help=text)(command)


def _picture_option(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "The file of a picture that the record names (repeatable)."
    return click.option("--picture", "files", multiple=True, metavar="FILE", help=text)(command)


def _pictures(files: tuple[str, ...]) -> Given:
    from modelref_git.cli.image import read_picture
    from modelref_git.operations.picture_files import Given

    return Given.uploads(map(read_picture, files))


def intake_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options ``--intake`` and ``--no-intake``."""
    text = "Push a branch for others to admit, which takes no right to the queue. Default: git's modelref.intake."
    return click.option("--intake/--no-intake", default=None, help=text)(command)


def by_branch(context: Context, intake: bool | None) -> bool:
    """Whether a proposal becomes a branch: as the option says, else as the clone does."""
    from modelref_git.operations.intake_branch import is_default

    return is_default(context.store) if intake is None else intake


@click.group("propose")
def command() -> None:
    """Propose changes of records; an approver decides."""


@command.command("create")
@click.argument("category")
@click.argument("file", required=False, metavar="[FILE|-]")
@click.option("--name", metavar="NAME", help="The record's name. Default: the one in the file.")
@_edit_options
@note_option
@supersedes_option
@_picture_option
@intake_option
@allow_option
@dry_run_option
@pass_app
def create(
    app: App,
    category: str,
    file: str | None,
    name: str | None,
    values: tuple[str, ...],
    texts: tuple[str, ...],
    note: str | None,
    supersedes: int | None,
    files: tuple[str, ...],
    intake: bool | None,
    allow: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Propose a new record, read from FILE (- for standard input) or made with --set."""
    from modelref_git.operations.drafting import Request
    from modelref_git.operations.propose import editing, propose_create

    if file is None and not values and not texts:
        raise UsageFault("no record is given", hint="name a FILE (- for standard input), or use --set")
    payload = _read_record(file) if file is not None else {}
    payload = editing(settings(values, texts), ())(payload)
    request = Request("create", category, name, payload, note, allow, pictures=_pictures(files))
    context = app.context(dry_run=dry_run)
    show_proposal(
        app, propose_create(context, request, supersedes=supersedes, intake=by_branch(context, intake)), dry_run
    )


@command.command("update")
@click.argument("category")
@click.argument("name")
@click.argument("file", required=False, metavar="[FILE|-]")
@_edit_options
@click.option("--unset", "removals", multiple=True, metavar="PTR", help="Remove what a pointer names (repeatable).")
@click.option("--edit", "in_editor", is_flag=True, help="Open today's record in $EDITOR.")
@click.option("--base", metavar="REV", help="The revision that FILE was edited from.")
@note_option
@supersedes_option
@_picture_option
@intake_option
@allow_option
@dry_run_option
@pass_app
def update(
    app: App,
    category: str,
    name: str,
    file: str | None,
    values: tuple[str, ...],
    texts: tuple[str, ...],
    removals: tuple[str, ...],
    in_editor: bool,
    base: str | None,
    note: str | None,
    supersedes: int | None,
    files: tuple[str, ...],
    intake: bool | None,
    allow: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Propose a change of a record: a full new one from FILE, or edits of today's."""
    from modelref_git.operations.drafting import Request
    from modelref_git.operations.propose import current_record, editing, propose_update

    edits = bool(values or texts or removals)
    if (file is not None) + edits + in_editor != 1:
        raise UsageFault("say what to change, in one way", hint="a FILE, or --set and --unset, or --edit")
    if base is not None and file is None:
        raise UsageFault("--base goes with a FILE")
    context = app.context(dry_run=dry_run)
    is_branch = by_branch(context, intake)
    request = Request("update", category, name, None, note, allow, pictures=_pictures(files))
    if edits:
        edit = editing(settings(values, texts), removals)
        answer = propose_update(context, request, edit=edit, supersedes=supersedes, intake=is_branch)
    elif file is not None:
        request = replace(request, payload=_read_record(file))
        answer = propose_update(context, request, base=base, supersedes=supersedes, intake=is_branch)
    else:
        before = render.to_json(current_record(context, category, name))
        after = click.edit(before, extension=".json")
        if after is None or after == before:
            app.show(None, lambda _: "")
            app.talk("nothing was changed in the editor, so nothing is proposed")
            return
        answer = _from_editor(after, lambda payload: propose_update(
            context, replace(request, payload=payload), supersedes=supersedes, intake=is_branch
        ))  # fmt: skip
    show_proposal(app, answer, dry_run)


@command.command("delete")
@click.argument("category")
@click.argument("name")
@note_option
@supersedes_option
@intake_option
@dry_run_option
@pass_app
def delete(
    app: App,
    category: str,
    name: str,
    note: str | None,
    supersedes: int | None,
    intake: bool | None,
    dry_run: bool,
) -> None:
    """Propose to take a record out of the dataset."""
    from modelref_git.operations.drafting import Request
    from modelref_git.operations.propose import propose_delete

    request = Request("delete", category, name, None, note)
    context = app.context(dry_run=dry_run)
    show_proposal(
        app, propose_delete(context, request, supersedes=supersedes, intake=by_branch(context, intake)), dry_run
    )


@command.command("rebase")
@click.argument("change_id", metavar="ID", type=int)
@_edit_options
@click.option(
    "--take",
    type=click.Choice(["mine", "theirs"]),
    help="Settle conflicts: mine is what is proposed, theirs what is on main now.",
)
@allow_option
@dry_run_option
@pass_app
def rebase(
    app: App,
    change_id: int,
    values: tuple[str, ...],
    texts: tuple[str, ...],
    take: Side | None,
    allow: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Bring an open proposal up to today's main.

    Fields that one side changed are merged. Where both changed one, say whose value stands, or set another.
    """
    from modelref_git.operations.rebase import propose_rebase

    context = app.context(dry_run=dry_run)
    answer = propose_rebase(context, change_id, settings=settings(values, texts), take=take, allow=allow)
    show_proposal(app, answer, dry_run)


@command.command("bulk")
@click.argument("file", metavar="FILE.jsonl|-")
@click.option("--atomic", is_flag=True, help="Take all lines or none.")
@allow_option
@dry_run_option
@pass_app
def bulk(app: App, file: str, atomic: bool, allow: tuple[str, ...], dry_run: bool) -> None:
    """Propose many changes at once.

    Each line of the file is {"operation", "category", "model_name"?, "payload"?, "note"?}.
    """
    from modelref_git.formats.jsonl import read_lines
    from modelref_git.operations.propose import propose_bulk, read_bulk_line

    what = "standard input" if file == "-" else file
    rows = [read_bulk_line(number, row, allow) for number, row in read_lines(read_input(file), what)]
    with app.progress("checking proposals", len(rows)) as progress:
        result = propose_bulk(app.context(dry_run=dry_run), rows, atomic=atomic, progress=progress)
    if result.change_ids or not result.errors:
        app.show(result.as_json(), _bulk_text, dry_run=dry_run)
    if result.errors:
        details = [{"line": row["line"], **detail} for row in result.errors for detail in row["details"]]
        taken = "the others were taken" if result.change_ids else "none was taken"
        raise Invalid(f"{len(result.errors)} of the lines are refused, {taken}", details=details)


def _bulk_text(answer: dict[str, Any]) -> str:
    ids = answer["change_ids"]
    span = "" if not ids else f": {ids[0]}" if len(ids) == 1 else f": {ids[0]}-{ids[-1]}"
    return f"{render.counted(len(ids), 'change')}{span}\n"


def show_proposal(app: App, answer: dict[str, Any], dry_run: bool) -> None:
    """Show a proposal that was made, and the next step."""
    from modelref_git.operations.answers import PROVISIONAL

    if "intake" in answer:
        # Scripts get the two members of the contract; people, what and where.
        wire = {key: answer[key] for key in ("intake", "change_id")}
        app.show(wire if app.json else answer, _branch_line, dry_run=dry_run)
        if not dry_run:
            app.talk("next: open a pull request of it, or wait until it is admitted; then it gets its number")
        return
    app.show(answer, lambda row: render.change_line(row) + "\n", dry_run=dry_run)
    number = answer["change_id"]
    if PROVISIONAL in answer and not dry_run:
        app.talk(f"next: `modelref-git push` sends it and tells its number; {number} is provisional")
    elif not dry_run:
        app.talk(f"next: `modelref-git diff {number}`; an approver: `modelref-git approve {number} --title T`")


def _branch_line(answer: dict[str, Any]) -> str:
    what = f"{answer['operation']} {answer['category']} {render.plain(answer['model_name'])}"
    return f"{what}: branch {answer['intake'].removeprefix('refs/heads/')} at {answer['remote']}\n"


def _read_record(file: str) -> dict[str, Any]:
    from modelref_git.records.json_text import parse

    what = "standard input" if file == "-" else file
    return _object(parse(read_input(file), what=what), what)


def _object(value: Any, what: str) -> dict[str, Any]:
    from modelref_git.errors import Problem

    if not isinstance(value, dict):
        raise Invalid.of(what, [Problem("", "a record is a JSON object", "json.object")])
    return value


def _from_editor(text: str, propose: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Propose what an editor left; if it is refused, keep the text in a file, so that no typing is lost."""
    from modelref_git.records.json_text import parse

    try:
        return propose(_object(parse(text, what="the edited record"), "the edited record"))
    except ModelrefError as fault:
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False, encoding="utf-8") as kept:
            kept.write(text)
        fault.hint = f"your text is kept in {Path(kept.name)}" + (f"; {fault.hint}" if fault.hint else "")
        raise
