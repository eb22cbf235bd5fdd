"""``conflicts``: a forecast over the open proposals."""

from __future__ import annotations

from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app


@click.command("conflicts")
@click.argument("change_ids", metavar="[ID…]", nargs=-1, type=int)
@pass_app
def command(app: App, change_ids: tuple[int, ...]) -> None:
    """Show which open proposals touch the same record, and what becomes of them together.

    One row for each pair of rivals, one for all of them, one for the most that go through together; and one for each
    proposal that does not merge by itself.
    """
    from modelref_git.operations.forecast import forecast_conflicts

    rows = forecast_conflicts(app.context(), change_ids)
    app.show(rows, _text)
    if not rows:
        app.talk("no open proposals are in each other's way")


def _text(rows: list[dict[str, Any]]) -> str:
    headers = ("changes", "category", "name", "verdict", "at")
    cells = [
        (
            " ".join(map(str, row["change_ids"])),
            row["category"],
            row["model_name"],
            row["verdict"],
            " ".join(path or "(record)" for path in row["paths"]),
        )
        for row in rows
    ]
    return render.table(headers, cells)
