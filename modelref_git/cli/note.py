"""``note``: remarks on records, beside the dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app, read_input


@click.group("note")
def command() -> None:
    """Write notes on records, and read them.

    Notes are no part of the dataset: nobody reviews them, no export or replica has them, and they stay when the
    record changes or goes. They stand on a branch of their own, notes.
    """


def _text_option(command: Callable[..., Any]) -> Callable[..., Any]:
    argument = click.argument("text", metavar="TEXT|-", required=False)
    return argument(click.option("--file", "file", metavar="F", help="Take the text from a file.")(command))


@command.command("add")
@click.argument("category")
@click.argument("name")
@_text_option
@click.option("--team", is_flag=True, help="Make it the team's, which approvers may change too.")
@dry_run_option
@pass_app
def add(app: App, category: str, name: str, text: str | None, file: str | None, team: bool, dry_run: bool) -> None:
    """Write a note on a record.

    With - the text comes from standard input. Members alone write notes; other members read them.
    """
    from modelref_git.operations.notes import note_add

    answer = note_add(app.context(dry_run=dry_run), category, name, _text(text, file), team=team)
    app.show(answer, lambda row: f"note {row['id']} on {_record(row)}\n", dry_run=dry_run)


@command.command("set")
@click.argument("category")
@click.argument("name")
@click.argument("note_id", metavar="ID", type=int)
@_text_option
@dry_run_option
@pass_app
def set_command(
    app: App, category: str, name: str, note_id: int, text: str | None, file: str | None, dry_run: bool
) -> None:
    """Give a note of yours another text, or, as an approver, one of the team's."""
    from modelref_git.operations.notes import note_set

    answer = note_set(app.context(dry_run=dry_run), category, name, note_id, _text(text, file))
    app.show(answer, lambda row: f"note {row['id']} on {_record(row)}: set\n", dry_run=dry_run)


@command.command("remove")
@click.argument("category")
@click.argument("name")
@click.argument("note_id", metavar="ID", type=int)
@dry_run_option
@pass_app
def remove(app: App, category: str, name: str, note_id: int, dry_run: bool) -> None:
    """Remove a note of yours, or, as an approver, one of the team's.

    What it said stays in the history: note list --history shows it.
    """
    from modelref_git.operations.notes import note_remove

    answer = note_remove(app.context(dry_run=dry_run), category, name, note_id)
    app.show(answer, lambda row: f"note {row['id']} on {_record(row)}: removed\n", dry_run=dry_run)


@command.command("list")
@click.argument("category")
@click.argument("name")
@click.option("--history", is_flag=True, help="Show who wrote, changed and removed what, newest first.")
@pass_app
def list_command(app: App, category: str, name: str, history: bool) -> None:
    """Show the notes on a record, oldest first."""
    from modelref_git.operations.notes import note_history, note_list

    if history:
        app.show(note_history(app.context(), category, name), _acts)
    else:
        app.show(note_list(app.context(), category, name), _notes)


def _notes(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        marks = ", ".join(["for the team"] * row["team"] + ["edited"] * (row["edited_at"] is not None))
        yield f"{row['id']}  {render.when(row['at'])}  {_person(row)}{f' ({marks})' if marks else ''}"
        yield from _lines(row["text"])


def _acts(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{row['commit'][:12]}  {render.when(row['at'])}  {_person(row)}: {row['action']} {row['id']}"
        yield from _lines(row["text"] or "")


def _lines(text: str) -> Iterator[str]:
    return (f"  {render.sentence(line)}".rstrip() for line in text.splitlines())


def _person(row: dict[str, Any]) -> str:
    return render.plain(f"{row['by_name']}#{row['by']}")


def _record(row: dict[str, Any]) -> str:
    return f"{row['category']} {render.plain(row['model_name'])}"


def _text(text: str | None, file: str | None) -> str:
    """The text of a note, from the command line, a file or standard input."""
    from modelref_git.errors import Invalid, Problem

    if (text is None) == (file is None):
        raise click.UsageError("give the text, or - for standard input, or --file F")
    if text is not None and text != "-":
        return text
    name = file if file is not None else "-"
    try:
        return read_input(name).decode()
    except UnicodeDecodeError as error:
        problem = Problem("", f"it is no UTF-8 at byte {error.start}", "file.encoding")
        raise Invalid.of("the text" if name == "-" else name, [problem]) from error
