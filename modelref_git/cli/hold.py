"""``hold``: an approver stops proposals for now."""

from __future__ import annotations

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app


@click.command("hold")
@click.argument("change_ids", metavar="ID…", nargs=-1, required=True, type=int)
@click.option("--reason", required=True, metavar="R", help="Why; the requestor reads it.")
@dry_run_option
@pass_app
def command(app: App, change_ids: tuple[int, ...], reason: str, dry_run: bool) -> None:
    """Stop open proposals from being approved or applied.

    An approved one stays in its batch, which cannot be applied as a whole until it is let go.
    """
    from modelref_git.operations.hold import hold

    rows = hold(app.context(dry_run=dry_run), change_ids, reason=reason)
    app.show(rows, lambda _: [f"{render.change_line(row)}, held" for row in rows], dry_run=dry_run)
