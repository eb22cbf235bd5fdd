"""``blame``: what gave each field of a record its value."""

from __future__ import annotations

from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app


@click.command("blame")
@click.argument("category")
@click.argument("name")
@click.option("--at", "revision", metavar="REV", help="The record as it was at this commit of main.")
@pass_app
def command(app: App, category: str, name: str, revision: str | None) -> None:
    """Show which change gave each field its value.

    One row a field, the members of lists by their place, with who proposed and who approved it.
    """
    from modelref_git.operations.blame import blame

    app.show(blame(app.context(), category, name, revision=revision), _text)


def _text(rows: list[dict[str, Any]]) -> str:
    headers = ("field", "value", "change", "batch", "author", "approver", "time", "commit")
    return render.table(
        headers,
        [
            (
                *(row["path"], render.shortened(render.value(row["value"]), 48), row["change_id"], row["batch_id"]),
                *(row["author"], row["approver"], render.when(row["time"]), row["commit"][:12]),
            )
            for row in rows
        ],
    )
