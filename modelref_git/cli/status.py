"""``status``: where a change, or the repository, stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app


@click.command("status")
@click.argument("change_id", metavar="[ID]", type=int, required=False)
@pass_app
def command(app: App, change_id: int | None) -> None:
    """Show where a change stands, what blocks it and whose turn it is.

    Without ID: the repository at a glance, and what waits for you.
    """
    from modelref_git.operations.status import change_status, repository_status
    from modelref_git.operations.unsent import count_unsent

    context = app.context()
    if change_id is not None:
        app.show(change_status(context, change_id), _change_text)
        return
    app.show(repository_status(context), _repository_text)
    if unsent := count_unsent(context):
        app.talk(f"{render.counted(unsent, 'proposal')} not sent yet: `modelref-git push` sends what waits")


def _change_text(row: dict[str, Any]) -> Iterator[str]:
    merges = f", merge: {row['merge']}" if row["merge"] is not None else ""
    yield f"change {row['change_id']}: {row['status']}{merges}"
    for blocker in row["blockers"]:
        yield render.coloured(f"  {blocker['rule']}: {render.plain(blocker['message'])}", "yellow")
        yield from conflict_lines(blocker.get("conflicts", ()))
    yield f"turn: {row['turn']}"
    if row["next"] is not None:
        yield f"next: {row['next']}"


def conflict_lines(rows: Any) -> Iterator[str]:
    """Conflict entries as lines for people."""
    for row in rows:
        yield f"  at {row['path'] or 'the whole record'}, of {', '.join(map(render.plain, row['authors']))}:"
        for side in ("base", "ours", "theirs"):
            yield f"    {side}: {render.shortened(render.value(row[side]), 100)}"


def _repository_text(row: dict[str, Any]) -> Iterator[str]:
    yield f"main   {row['main']}"
    yield f"queue  {row['queue']}"
    if row["drift"] is not None:
        yield render.coloured(f"drift  {row['drift']} was put on main by other hands: adopt or disown it", "red")
    yield f"open batch: {row['open_batch'] if row['open_batch'] is not None else 'none'}"
    yield ", ".join(f"{count} {status}" for status, count in row["counts"].items())
    if row["waiting"]:
        yield "waiting for you:"
    for item in row["waiting"]:
        yield f"  {render.change_line(item)}: {item['why']} (`{item['next']}`)"
