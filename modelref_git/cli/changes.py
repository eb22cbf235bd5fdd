"""``changes``: the queue."""

from __future__ import annotations

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app
from modelref_git.proposals.header import STATUSES


@click.command("changes")
@click.option("--mine", is_flag=True, help="Only the caller's own.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Repeatable.")
@click.option("--category", "categories", multiple=True, metavar="C", help="Repeatable.")
@click.option("--batch", "batch_id", type=int, metavar="N", help="The members of a batch.")
@click.option("--model", "model_name", default="", metavar="NAME", help="Names that contain this text.")
@click.option("--requested-by", multiple=True, metavar="U", help="An id, or NAME#ID (repeatable).")
@click.option("--offset", type=click.IntRange(min=0), default=0, metavar="N", help="How many to pass over.")
@click.option("--limit", type=click.IntRange(min=1), default=50, metavar="N", help="How many; 50 unless given.")
@pass_app
def command(
    app: App,
    mine: bool,
    statuses: tuple[str, ...],
    categories: tuple[str, ...],
    batch_id: int | None,
    model_name: str,
    requested_by: tuple[str, ...],
    offset: int,
    limit: int,
) -> None:
    """List the changes of the queue, oldest first.

    With --offline before the command, in a clone: the proposals that are not sent yet.
    """
    from modelref_git.operations.changes import Filters, list_changes
    from modelref_git.operations.unsent import list_unsent

    context = app.context()
    filters = Filters(statuses, categories, batch_id, model_name, requested_by)
    if context.keeps_unsent:
        page = list_unsent(context, offset=offset, limit=limit)
    else:
        page = list_changes(context, filters, offset=offset, limit=limit, mine=mine)
    columns = ("change_id", "status", "operation", "category", "model_name", "requested_username", "batch_id")
    headers = ("id", "status", "operation", "category", "name", "requested by", "batch")
    app.show(page, lambda row: render.table(headers, [[item[key] for key in columns] for item in row["items"]]))
    rest = page["total"] - offset - len(page["items"])
    if rest > 0:
        app.talk(f"{rest} more: --offset {offset + len(page['items'])}")
