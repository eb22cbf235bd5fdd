"""``ls``: the names of a category's records."""

from __future__ import annotations

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app


@click.command("ls")
@click.argument("category")
@click.option("--at", "revision", metavar="REV", help="The revision to read. Default: main.")
@pass_app
def command(app: App, category: str, revision: str | None) -> None:
    """List the record names of CATEGORY, sorted."""
    from modelref_git.operations.read import list_names

    names = list_names(app.context(), category, revision)
    app.show(names, lambda rows: [render.plain(name) for name in rows])
