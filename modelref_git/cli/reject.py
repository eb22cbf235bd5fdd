"""``reject``: changes are turned down, with a reason."""

from __future__ import annotations

import click

from modelref_git.cli.app import App, dry_run_option, pass_app
from modelref_git.cli.approve import show


@click.command("reject")
@click.argument("change_ids", metavar="ID…", nargs=-1, required=True, type=int)
@click.option("--reason", required=True, metavar="R", help="Why; the requestor reads it.")
@click.option("--title", metavar="T", help="A title for the decision.")
@dry_run_option
@pass_app
def command(app: App, change_ids: tuple[int, ...], reason: str, title: str | None, dry_run: bool) -> None:
    """Reject open changes, with a reason.

    An approved one leaves its batch, which is merged anew without it.
    """
    from modelref_git.operations.review import review_changes

    context = app.context(dry_run=dry_run)
    show(app, review_changes(context, (), change_ids, title=title, reason=reason), dry_run)
