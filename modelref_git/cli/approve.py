"""``approve``: changes become one titled batch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app

if TYPE_CHECKING:
    from modelref_git.operations.review import Pick


def pick(text: str) -> Pick:
    """Read ``ID``, or ``ID@BLOB`` for a change with that content and no other."""
    from modelref_git.operations.review import Pick

    found = re.fullmatch(r"(\d+)(?:@([0-9a-f]{40}))?", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no change id, nor ID@BLOB")
    return Pick(int(found[1]), found[2])


@click.command("approve")
@click.argument("picks", metavar="ID[@BLOB]…", nargs=-1, required=True, type=pick)
@click.option("--title", required=True, metavar="T", help="The batch's title.")
@click.option("--reject", "rejected", multiple=True, type=int, metavar="ID", help="Reject this one in the same step.")
@click.option("--reason", metavar="R", help="Why; needed with --reject.")
@click.option("--ack-critical", is_flag=True, help="Critical fields were looked at a second time.")
@dry_run_option
@pass_app
def command(
    app: App,
    picks: tuple[Pick, ...],
    title: str,
    rejected: tuple[int, ...],
    reason: str | None,
    ack_critical: bool,
    dry_run: bool,
) -> None:
    """Approve changes as one titled batch.

    All of them or none. A batch that is open already is joined. A change that needs more approvals stays pending.
    """
    from modelref_git.operations.review import review_changes

    context = app.context(dry_run=dry_run)
    answer = review_changes(context, picks, rejected, title=title, reason=reason, acknowledged=ack_critical)
    show(app, answer, dry_run)


def show(app: App, answer: dict[str, Any], dry_run: bool) -> None:
    """Answer with a PendingBatchResult."""
    app.show(answer, _text, dry_run=dry_run)
    if answer["batch_id"] is not None and not dry_run:
        app.talk(f"next: `modelref-git apply --batch {answer['batch_id']}`")


def _text(answer: dict[str, Any]) -> Iterator[str]:
    if answer["batch_id"] is not None:
        yield f"batch {answer['batch_id']}: {render.plain(answer['batch_title'])}"
    yield from (render.change_line(row) for row in [*answer["approved"], *answer["rejected"]])
