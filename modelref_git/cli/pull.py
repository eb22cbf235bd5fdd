"""``pull``: what the remote has, fetched by hand."""

from __future__ import annotations

import click

from modelref_git.cli.app import App, dry_run_option, pass_app


@click.command("pull")
@dry_run_option
@pass_app
def command(app: App, dry_run: bool) -> None:
    """Fetch from the remote, and bring main and queue along.

    Commands that change something fetch by themselves; those that read answer from what is there. A branch main with
    commits of its own is left as it is.
    """
    from modelref_git.operations.exchange import pull

    answer = pull(app.context(dry_run=dry_run))
    app.show(answer, lambda row: f"main is at {row['main'][:10]}, queue at {row['queue'][:10]}\n", dry_run=dry_run)
