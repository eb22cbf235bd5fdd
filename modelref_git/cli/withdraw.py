"""``withdraw``: the requestor takes proposals back."""

from __future__ import annotations

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app


@click.command("withdraw")
@click.argument("change_ids", metavar="ID…", nargs=-1, required=True, type=int)
@click.option("--reason", metavar="R", help="Why.")
@dry_run_option
@pass_app
def command(app: App, change_ids: tuple[int, ...], reason: str | None, dry_run: bool) -> None:
    """Take your open proposals back.

    An approved one leaves its batch, which is merged anew without it. With --offline before the command, in a clone:
    proposals that are not sent yet, by their provisional ids.
    """
    from modelref_git.operations.closing import withdraw
    from modelref_git.operations.unsent import withdraw_unsent

    context = app.context(dry_run=dry_run)
    if context.keeps_unsent:
        rows = withdraw_unsent(context, change_ids)
    else:
        rows = withdraw(context, change_ids, reason=reason)
    app.show(rows, lambda _: [render.change_line(row) for row in rows], dry_run=dry_run)
