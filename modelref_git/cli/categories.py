"""``categories``: the categories and how many records each has."""

from __future__ import annotations

from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app


@click.command("categories")
@click.option("--at", "revision", metavar="REV", help="The revision to read. Default: main.")
@pass_app
def command(app: App, revision: str | None) -> None:
    """List the categories with their record counts."""
    from modelref_git.operations.read import list_categories

    show(app, list_categories(app.context(), revision))


def show(app: App, rows: list[dict[str, Any]]) -> None:
    """Answer with a list of categories."""
    cells = [(row["category"], row["records"], row["schema"]) for row in rows]
    app.show(rows, lambda _: render.table(("category", "records", "schema"), cells))
