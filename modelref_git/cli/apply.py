"""``apply``: an approved batch becomes ``main``."""

from __future__ import annotations

from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app


@click.command("apply")
@click.argument("change_ids", metavar="ID…", nargs=-1, type=int)
@click.option("--batch", "batch_id", type=int, metavar="N", help="The batch, instead of all its ids.")
@click.option("--job-id", metavar="J", help="Run again with the same one, the answer is the same and nothing happens.")
@dry_run_option
@pass_app
def command(app: App, change_ids: tuple[int, ...], batch_id: int | None, job_id: str | None, dry_run: bool) -> None:
    """Move main to an approved batch.

    The batch is named by its number or by all its ids. It is applied as a whole or not at all.
    """
    from modelref_git.operations.apply import apply_changes

    answer = apply_changes(app.context(dry_run=dry_run), change_ids, batch_id=batch_id, job_id=job_id)
    app.show(answer, _text, dry_run=dry_run)


def _text(answer: dict[str, Any]) -> list[str]:
    rows = answer["applied"]
    return [render.change_line(row) for row in rows] if rows else ["nothing was left to apply"]
