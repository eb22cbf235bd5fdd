"""``purge``: changes leave the queue."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app
from modelref_git.errors import UsageFault
from modelref_git.proposals.header import STATUSES

if TYPE_CHECKING:
    from modelref_git.operations.changes import Filters


@click.command("purge")
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Repeatable.")
@click.option("--category", "categories", multiple=True, metavar="C", help="Repeatable.")
@click.option("--batch", "batch_id", type=int, metavar="N", help="The members of a batch.")
@click.option("--model", "model_name", default="", metavar="NAME", help="Names that contain this text.")
@click.option("--requested-by", multiple=True, metavar="U", help="An id, or NAME#ID (repeatable).")
@click.option("--all", "everything", is_flag=True, help="Every change; needed where there is no filter.")
@click.option("--dry-run", is_flag=True, help="Say what would go, but change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_app
def command(
    app: App,
    statuses: tuple[str, ...],
    categories: tuple[str, ...],
    batch_id: int | None,
    model_name: str,
    requested_by: tuple[str, ...],
    everything: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Take changes out of the queue.

    Their history stays in the audit, and their numbers are never used again. An approved one leaves its batch.
    """
    from modelref_git.operations.changes import Filters
    from modelref_git.operations.purge import purge_changes

    filters = Filters(statuses, categories, batch_id, model_name, requested_by)
    if not dry_run and not yes:
        _ask(app, filters, everything)
    app.show(purge_changes(app.context(dry_run=dry_run), filters, everything=everything), _text)


def _ask(app: App, filters: Filters, everything: bool) -> None:
    """Ask at a terminal; anywhere else nobody would answer.

    Raises:
        UsageFault: nobody can be asked.
    """
    from modelref_git.operations.purge import purge_changes

    found = purge_changes(app.context(dry_run=True), filters, everything=everything)
    if not found["removed_count"]:
        return
    if not sys.stdin.isatty():
        raise UsageFault(
            f"{render.counted(found['removed_count'], 'change')} would be purged, and there is no terminal to ask at",
            hint="say --yes, or look first with --dry-run",
        )
    click.confirm(f"Take {render.counted(found['removed_count'], 'change')} out of the queue?", abort=True, err=True)


def _text(answer: dict[str, Any]) -> str:
    ids = ", ".join(map(str, answer["removed_change_ids"][:50]))
    word = "would be purged" if answer["dry_run"] else "purged"
    return f"{render.counted(answer['removed_count'], 'change')} {word}" + (f": {ids}" if ids else "") + "\n"
