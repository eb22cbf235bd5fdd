"""``get``: one record, or all of a category."""

from __future__ import annotations

from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app


@click.command("get")
@click.argument("category")
@click.argument("name", required=False)
@click.option("--at", "revision", metavar="REV", help="The revision to read. Default: main.")
@pass_app
def command(app: App, category: str, name: str | None, revision: str | None) -> None:
    """Print one record as JSON, or all records of CATEGORY by name."""
    from modelref_git.operations.read import get_category, get_record

    context = app.context()
    answer: dict[str, Any]
    if name is None:
        answer = get_category(context, category, revision)
    else:
        answer = get_record(context, category, name, revision)
    app.show(answer, render.to_json)
