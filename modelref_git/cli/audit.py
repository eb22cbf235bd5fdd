"""``audit``: the queue's history, and what became of the dataset by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app
from modelref_git.cli.audit_replay import replay
from modelref_git.cli.diff import field_lines
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


command.add_command(replay)


@command.command("current")
@pass_app
def current(app: App) -> None:
    """List what waits for a decision, newest first."""
    from modelref_git.operations.audit import audit_current

    app.show(audit_current(app.context()), lambda answer: _changes(answer["pending_changes"]))


@command.command("batches")
@click.option("--cursor", type=click.IntRange(min=1), metavar="N", help="Only batches with lower numbers.")
@click.option("--limit", type=click.IntRange(min=1), default=50, metavar="N", help="How many; 50 unless given.")
@pass_app
def batches(app: App, cursor: int | None, limit: int) -> None:
    """List the batches, newest first."""
    from modelref_git.operations.audit import audit_batches

    page = audit_batches(app.context(), cursor=cursor, limit=limit)
    app.show(page, lambda answer: _batches(answer["batches"]))
    if page["next_cursor"] is not None:
        app.talk(f"there are older ones: --cursor {page['next_cursor']}")


@command.command("batch")
@click.argument("batch_id", metavar="N", type=int)
@pass_app
def batch(app: App, batch_id: int) -> None:
    """Show one batch with its changes."""
    from modelref_git.operations.audit import audit_batch

    app.show(audit_batch(app.context(), batch_id), lambda row: _batches([row]) + _changes(row["changes"]))


@command.command("net-changes")
@click.argument("batch_id", metavar="N", type=int)
@pass_app
def net_changes(app: App, batch_id: int) -> None:
    """Show what a batch did to the dataset.

    By the trees of main before and after it: what its changes together made of each record.
    """
    from modelref_git.operations.audit import audit_net_changes

    app.show(audit_net_changes(app.context(), batch_id), _net_changes)


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
    from modelref_git.operations.audit_events import EventFilters, list_events

    filters = EventFilters(change_id, batch_id, actor, actions, since, until)
    app.show_lines(list_events(app.context(), filters), _line)


def _line(row: dict[str, Any]) -> str:
    payload = {key: value for key, value in row["payload"].items() if key != "action"}
    words = " ".join(f"{key}={render.value(value)}" for key, value in payload.items())
    return f"{row['event_id']}\t{render.when(row['timestamp'])}\t{row['action']}\t{row['logical_user_id']}\t{words}"


def _changes(rows: list[dict[str, Any]]) -> str:
    headers = ("id", "status", "operation", "category", "name", "requested by", "requested at", "batch", "events")
    columns = ("change_id", "status", "operation", "category", "model_name", "requested_by")
    return render.table(
        headers,
        [
            (
                *(row[column] for column in columns),
                *(render.when(row["requested_at"]), row["batch_id"], len(row["events"])),
            )
            for row in rows
        ],
    )


def _batches(rows: list[dict[str, Any]]) -> str:
    headers = ("batch", "title", "approved by", "approved at", "applied at", "approved", "rejected", "applied")
    counts = ("approved_change_count", "rejected_change_count", "applied_change_count")
    return render.table(
        headers,
        [
            (
                *(row["batch_id"], render.shortened(row["batch_title"] or ""), row["approved_by"]),
                *(render.when(row["approved_at"]), render.when(row["applied_at"]), *(row[count] for count in counts)),
            )
            for row in rows
        ],
    )


def _net_changes(answer: dict[str, Any]) -> Iterator[str]:
    title = f" {render.value(answer['batch_title'])}" if answer["batch_title"] else ""
    kinds = ("added", "modified", "deleted", "unchanged")
    counts = ", ".join(f"{answer[f'models_{kind}']} {kind}" for kind in kinds)
    yield f"batch {answer['batch_id']}{title}: {counts}"
    for row in answer["model_changes"]:
        critical = ", critical" if row["is_critical"] else ""
        yield f"{row['category']} {render.plain(row['model_name'])} ({row['net_operation']}{critical})"
        yield from field_lines(row["field_diffs"])
