"""``show``: one change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app


@click.command("show")
@click.argument("change_id", metavar="ID", type=int)
@pass_app
def command(app: App, change_id: int) -> None:
    """Show one change and what became of it.

    With --offline before the command, in a clone: a proposal that is not sent yet, by its provisional id.
    """
    from modelref_git.operations.changes import show_change
    from modelref_git.operations.unsent import show_unsent

    context = app.context()
    show = show_unsent if context.keeps_unsent else show_change
    app.show(show(context, change_id), _text)


def _text(row: dict[str, Any]) -> Iterator[str]:
    yield render.change_line(row)
    yield f"requested by {row['requested_username']} at {render.when(row['requested_at'])}"
    for verb in ("approved", "rejected", "applied"):
        if row.get(f"{verb}_at") is not None:
            yield f"{verb} by {row[f'{verb}_username']} at {render.when(row[f'{verb}_at'])}"
    for key, label in (("notes", "note"), ("batch_title", "batch title"), ("reject_reason", "reason")):
        if row[key] is not None:
            yield f"{label}: {render.value(row[key])}"
    if row["related_models"]:
        yield f"variants: {', '.join(row['related_models'])}"
    if row["payload"] is not None:
        yield render.to_json(row["payload"]).rstrip("\n")
