"""``adopt``: what other hands put on ``main`` is taken into the record."""

from __future__ import annotations

import click

from modelref_git.cli.app import App, dry_run_option, pass_app


@click.command("adopt")
@click.argument("revision", metavar="REV")
@click.option("--reason", required=True, metavar="R", help="Why.")
@dry_run_option
@pass_app
def command(app: App, revision: str, reason: str, dry_run: bool) -> None:
    """Take commits that other hands put on main into the record.

    They need the approvals that proposals of the same changes would need.
    """
    from modelref_git.operations.adopt import adopt

    answer = adopt(app.context(dry_run=dry_run), revision, reason=reason)
    app.show(answer, lambda row: f"event {row['event_id']}: main is {row['main']}\n", dry_run=dry_run)
