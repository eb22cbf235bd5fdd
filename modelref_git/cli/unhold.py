"""``unhold``: held proposals go on."""

from __future__ import annotations

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app


@click.command("unhold")
@click.argument("change_ids", metavar="ID…", nargs=-1, required=True, type=int)
@dry_run_option
@pass_app
def command(app: App, change_ids: tuple[int, ...], dry_run: bool) -> None:
    """Let held proposals go on."""
    from modelref_git.operations.hold import unhold

    rows = unhold(app.context(dry_run=dry_run), change_ids)
    app.show(rows, lambda _: [render.change_line(row) for row in rows], dry_run=dry_run)
