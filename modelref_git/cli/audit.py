"""``audit``: the queue's history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app
from modelref_git.proposals.events import ACTIONS


def _time(text: str) -> int:
    """Read Unix seconds, or a date and time as ISO 8601 writes them (UTC unless it says otherwise)."""
    if text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = "write Unix seconds, or 2026-06-30, or 2026-06-30T12:00:00"
        raise click.BadParameter(f"{text!r} is no time; {hint}") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


@click.group("audit")
def command() -> None:
    """Ask the queue log who did what."""


@command.command("events")
@click.option("--change", "change_id", type=int, metavar="ID", help="Only of this change.")
@click.option("--batch", "batch_id", type=int, metavar="N", help="Only of this batch.")
@click.option("--actor", metavar="U", help="Only by this person: an id, or NAME#ID.")
@click.option("--action", "actions", multiple=True, type=click.Choice(ACTIONS), help="Only of this kind (repeatable).")
@click.option("--since", type=_time, metavar="T", help="From this time on: Unix seconds or ISO 8601.")
@click.option("--until", type=_time, metavar="T", help="Up to this time.")
@pass_app
def events(
    app: App,
    change_id: int | None,
    batch_id: int | None,
    actor: str | None,
    actions: tuple[str, ...],
    since: int | None,
    until: int | None,
) -> None:
    """List the queue's lifecycle events, oldest first.

    With --json one JSON document a line.
    """
    from modelref_git.operations.history import EventFilters, list_events

    filters = EventFilters(change_id, batch_id, actor, actions, since, until)
    app.show_lines(list_events(app.context(), filters), _line)


def _line(row: dict[str, Any]) -> str:
    payload = {key: value for key, value in row["payload"].items() if key != "action"}
    words = " ".join(f"{key}={render.value(value)}" for key, value in payload.items())
    return f"{row['event_id']}\t{render.when(row['timestamp'])}\t{row['action']}\t{row['logical_user_id']}\t{words}"
