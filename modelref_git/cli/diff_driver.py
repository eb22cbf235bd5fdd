"""``diff-driver``: what git calls for ``diff=modelref``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app
from modelref_git.cli.diff import Paint, diff_lines, field_lines

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
"""By the first character of a line of a difference of lines."""


@click.command("diff-driver")
@click.argument("arguments", metavar="[PATH [OLD-FILE OLD-ID OLD-MODE NEW-FILE NEW-ID NEW-MODE]]", nargs=-1)
@click.option("--install", is_flag=True, help="Have git show records by field in this clone.")
@click.option("--uninstall", is_flag=True, help="Have git show them by line again.")
@dry_run_option
@pass_app
def command(app: App, arguments: tuple[str, ...], install: bool, uninstall: bool, dry_run: bool) -> None:
    """Show how a record file differs by field; git calls this.

    It does so in a clone where `modelref-git diff-driver --install` was run: for `git diff`, and for `git log -p` and
    `git show` with `--ext-diff`. That is noted in the clone's own settings (`diff.modelref.command`, and a line in
    `info/attributes` of its git folder), and nowhere else.

    A file that is no record's is shown by line, and so is a record that is the same and only written in another way.
    """
    from modelref_git.operations import diff_driver

    if [bool(arguments), install, uninstall].count(True) != 1:
        raise click.UsageError("say --install or --uninstall; all else is for git to call")
    if install or uninstall:
        answer = diff_driver.install(app.path, on=install, dry_run=dry_run)
        app.show(answer, _setting, dry_run=dry_run)
        return
    asked = diff_driver.read_arguments(arguments)
    coloured = _paged if os.environ.get("GIT_PAGER_IN_USE") and diff_driver.colours(app.git_path) else render.coloured
    app.show(diff_driver.file_difference(asked), lambda row: _text(row, coloured))


def _setting(answer: dict[str, Any]) -> str:
    how = "by field, in this clone" if answer["installed"] else "by line"
    return f"git shows records {how}" + ("" if answer["changed"] else ", as it did") + "\n"


def _paged(text: str, colour: str) -> str:
    """*text* in a colour, for a person who looks at it through git's pager."""
    return text if "NO_COLOR" in os.environ else click.style(text, fg=colour)


def _text(row: dict[str, Any], paint: Paint) -> Iterator[str]:
    named = row["model_name"] is not None
    what = f"{row['category']} {render.plain(row['model_name'])}" if named else render.plain(row["path"])
    moved = f", moved to {render.plain(row['moved_to'])}" if row["moved_to"] else ""
    yield f"{row['net_operation']} {what}{moved}"
    if row["modes"]:
        yield paint(f"  mode {row['modes'][0]} → {row['modes'][1]}", "yellow")
    for line in row["lines"]:
        yield paint(render.sentence(line), _COLOURS[line[0]]) if line[:1] in _COLOURS else render.sentence(line)
    # Some differences are too fine for people's eyes, and must not go unseen for that.
    yield from list(diff_lines(row, (), paint, stamps=True)) or field_lines(row["field_diffs"], (), paint)
