"""``revert``: the inverse of an applied batch, as proposals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app


@click.command("revert")
@click.argument("batch_id", metavar="BATCH", type=int)
@click.option("--title", metavar="T", help="The note of the proposals.")
@dry_run_option
@pass_app
def command(app: App, batch_id: int, title: str | None, dry_run: bool) -> None:
    """Propose the inverse of an applied batch, record by record and field by field.

    What was changed again since stays as it is, and is listed as a conflict.
    """
    from modelref_git.operations.revert import revert_batch

    answer = revert_batch(app.context(dry_run=dry_run), batch_id, title=title)
    app.show(answer, _text, dry_run=dry_run)


def _text(answer: dict[str, Any]) -> Iterator[str]:
    ids = answer["change_ids"]
    if ids:
        yield f"proposed as change{'s' if len(ids) > 1 else ''} {', '.join(map(str, ids))}"
    elif not answer["conflicts"]:
        yield "nothing is left of it that could be reverted"
    for row in answer["conflicts"]:
        where = row["path"] or "the whole record"
        yield f"left as it is: {row['category']} {render.plain(row['model_name'])} at {where}"
