"""``diff-revs``: what differs between two revisions of the dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app
from modelref_git.cli.diff import field_lines


@click.command("diff-revs")
@click.argument("old", metavar="REV_A")
@click.argument("new", metavar="REV_B")
@click.option("--category", metavar="C", help="Only this category.")
@pass_app
def command(app: App, old: str, new: str, category: str | None) -> None:
    """Show what differs between two revisions, record by record."""
    from modelref_git.operations.read import diff_revisions

    app.show(diff_revisions(app.context(), old, new, category), _text)


def _text(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{row['net_operation']} {row['category']} {render.plain(row['model_name'])}"
        if row["net_operation"] == "modified":
            yield from field_lines(row["field_diffs"])
