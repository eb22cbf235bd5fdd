"""``apply``: an approved batch becomes ``main``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app


@click.command("apply")
@click.argument("change_ids", metavar="ID…", nargs=-1, type=int)
@click.option("--batch", "batch_id", type=int, metavar="N", help="The batch, instead of all its ids.")
@click.option("--allow-mixed-batch", is_flag=True, help="The ids may be of several batches.")
@click.option("--job-id", metavar="J", help="Run again with the same one, the answer is the same and nothing happens.")
@dry_run_option
@pass_app
def command(
    app: App,
    change_ids: tuple[int, ...],
    batch_id: int | None,
    allow_mixed_batch: bool,
    job_id: str | None,
    dry_run: bool,
) -> None:
    """Move main to an approved batch, or to some of its changes.

    All that is named is applied, or nothing. Where it is a part of a batch, the rest becomes a batch of its own.
    """
    from modelref_git.operations.apply import apply_changes

    answer = apply_changes(
        app.context(dry_run=dry_run), change_ids, batch_id=batch_id, allow_mixed=allow_mixed_batch, job_id=job_id
    )
    app.show(answer, _text, dry_run=dry_run)


def _text(answer: dict[str, Any]) -> Iterator[str]:
    rows = answer["applied"]
    yield from (render.change_line(row) for row in rows)
    if not rows:
        yield "nothing was left to apply"
    if answer["batch_split_occurred"]:
        left, new = answer["batch_split_reassigned_count"], answer["batch_split_new_batch_id"]
        yield f"the other {left} of batch {answer['batch_split_original_batch_id']} are batch {new} now"
