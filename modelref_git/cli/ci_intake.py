"""``ci intake``: branches that contributors pushed without rights to the queue, admitted as proposals."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, allow_option, dry_run_option, pass_app
from modelref_git.errors import Invalid

if TYPE_CHECKING:
    from modelref_git.operations.admission.outcomes import Taken

_SUMMARY: Final = "GITHUB_STEP_SUMMARY"


@click.command("intake")
@click.argument("refs", metavar="[REF…]", nargs=-1)
@click.option("--reply", "reply_file", metavar="FILE", help="Write the answer to the authors there, as Markdown.")
@click.option("--delete", is_flag=True, help="Take away the intake branches of which nothing was refused.")
@allow_option
@dry_run_option
@pass_app
def command(
    app: App, refs: tuple[str, ...], reply_file: str | None, delete: bool, allow: tuple[str, ...], dry_run: bool
) -> None:
    """Admit branches of contributors as proposals, each changed record as one.

    REF is a branch, a pull request's head or any other ref, or a commit. Without one: all branches intake/**. What is
    in a branch is checked as data and never run. A commit is admitted once; what a later push to the same branch
    changes takes the place of what it asked for before. Exit code 5 if something was refused, also when the rest went
    in.
    """
    from modelref_git.cli.reports.intake import reply
    from modelref_git.operations.intake import take_in

    context = app.context(dry_run=dry_run)
    with app.progress("looking at branches") as progress:
        taken = take_in(context, refs, allow=allow, delete=delete, progress=progress)
    text = "".join(f"{line}\n" for line in reply(taken, dry_run=dry_run))
    if reply_file is not None:
        _write(app, reply_file, text, "w")
    if os.environ.get(_SUMMARY):
        _write(app, os.environ[_SUMMARY], text, "a")
    app.show(taken.as_json(), lambda _: _lines(taken), dry_run=dry_run)
    if taken.refused:
        raise _refusal(taken)


def _write(app: App, name: str, text: str, mode: str) -> None:
    """Write the answer to a file; what was admitted is so whether that goes well or not."""
    try:
        with Path(name).open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        app.warn(f"the answer cannot be written to {name}: {error.strerror}")


def _lines(taken: Taken) -> list[str]:
    """One line a change: what it became, its branch, and what it is about."""
    found = []
    for one in taken.outcomes:
        place = render.plain(one.branch.source or one.branch.ref)
        rows = [*(("admitted", row) for row in one.admitted), *(("already", row) for row in one.already)]
        for word, row in rows:
            number = f"change {row['change_id']}" if row.get("change_id") is not None else "on main"
            what = f"{row['operation']} {row['category']} {render.plain(row['model_name'])}"
            instead = f" (supersedes {row['supersedes']})" if "supersedes" in row else ""
            found.append(f"{place}\t{word}\t{number}\t{what}{instead}")
        if one.refused:
            found.append(f"{place}\trefused\t{render.counted(len(one.refused), 'fault')}")
        elif not rows:
            found.append(f"{place}\tnothing")
    return found


def _refusal(taken: Taken) -> Invalid:
    details: list[dict[str, Any]] = [{"ref": one.branch.ref, **row} for one in taken.refused for row in one.refused]
    first = details[0]
    where = f"{first['file']}: " if first.get("file") else ""
    some = "the rest was taken" if any(one.admitted or one.already for one in taken.outcomes) else "nothing was taken"
    of = "1 branch" if len(taken.refused) == 1 else f"{len(taken.refused)} branches"
    text = f"of {of} something is refused, {some}; the first fault is of {first['ref']}: {where}{first['message']}"
    return Invalid(
        render.sentence(text),
        hint="--reply FILE writes what to tell the authors",
        details=details,
    )
