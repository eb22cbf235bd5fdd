"""``disown``: what other hands put on ``main`` is undone."""

from __future__ import annotations

import click

from modelref_git.cli.app import App, dry_run_option, pass_app


@click.command("disown")
@click.argument("revision", metavar="REV")
@click.option("--reason", required=True, metavar="R", help="Why.")
@dry_run_option
@pass_app
def command(app: App, revision: str, reason: str, dry_run: bool) -> None:
    """Undo what other hands put on main, by a merge that keeps the content of the record."""
    from modelref_git.operations.adopt import disown

    answer = disown(app.context(dry_run=dry_run), revision, reason=reason)
    app.show(answer, lambda row: f"event {row['event_id']}: main is {row['main']}\n", dry_run=dry_run)
