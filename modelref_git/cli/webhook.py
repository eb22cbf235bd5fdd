"""``webhook``: who is told of events."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app
from modelref_git.proposals.events import ACTIONS


@click.group("webhook")
def command() -> None:
    """Tell other programs of the events of the queue, by signed POST requests.

    `serve` delivers them, or `webhook deliver`. The receivers stand in modelref/webhooks.json of this repository's git
    folder, which no push or clone takes along: run this where they are delivered.
    """


def _from_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option("--from", "start", type=click.IntRange(min=1), metavar="EVENT", help=text)


@command.command("add")
@click.argument("url", metavar="URL")
@click.option("--event", "events", multiple=True, type=click.Choice(ACTIONS), help="Only of this kind (repeatable).")
@click.option("--allow-private", is_flag=True, help="URL may be in a private network, or on this machine.")
@_from_option("The first event that is told; those to come unless given, 1 for all.")
@dry_run_option
@pass_app
def add(app: App, url: str, events: tuple[str, ...], allow_private: bool, start: int | None, dry_run: bool) -> None:
    """Have the events sent to URL, and print the secret that signs them, this once."""
    from modelref_git.operations.webhooks.manage import add_webhook

    context = app.context(dry_run=dry_run)
    answer = add_webhook(context, url, events=events, allow_private=allow_private, start=start)
    app.show(answer, lambda row: f"{row['secret']}\n" if row["secret"] else "", dry_run=dry_run)
    if answer["secret"]:
        app.talk(f"webhook {answer['webhook_id']} tells {answer['url']}; its secret is shown this once: keep it now")


@command.command("list")
@pass_app
def list_command(app: App) -> None:
    """List the webhooks without their secrets, and how each of them does."""
    from modelref_git.operations.webhooks.manage import list_webhooks

    rows = list_webhooks(app.context())
    names = ("webhook", "url", "events", "status", "told up to", "waiting", "last success", "last error", "next try")
    app.show(rows, lambda _: render.table(names, [_cells(row) for row in rows]))


@command.command("remove")
@click.argument("webhook_id", metavar="ID")
@dry_run_option
@pass_app
def remove(app: App, webhook_id: str, dry_run: bool) -> None:
    """Send nothing more to a webhook."""
    from modelref_git.operations.webhooks.manage import remove_webhook

    answer = remove_webhook(app.context(dry_run=dry_run), webhook_id)
    app.show(answer, lambda row: f"removed the webhook {row['webhook_id']} to {row['url']}\n", dry_run=dry_run)


@command.command("resume")
@click.argument("webhook_id", metavar="ID")
@_from_option("Go on with this event: an earlier one again, or a later one.")
@dry_run_option
@pass_app
def resume(app: App, webhook_id: str, start: int | None, dry_run: bool) -> None:
    """Try a webhook that is paused or failing again, at once, from where it stopped."""
    from modelref_git.operations.webhooks.manage import resume_webhook

    answer = resume_webhook(app.context(dry_run=dry_run), webhook_id, start=start)
    app.show(answer, lambda row: f"{row['webhook_id']}\t{row['status']}\t{row['waiting']} waiting\n", dry_run=dry_run)


@command.command("test")
@click.argument("webhook_id", metavar="ID")
@pass_app
def test(app: App, webhook_id: str) -> None:
    """Send a ping to a webhook, and tell what it answers. What it is still to be told stays as it is."""
    from modelref_git.operations.webhooks.manage import ping_webhook

    answer = ping_webhook(app.context(), webhook_id)
    app.show(answer, lambda row: f"{row['url']} answers {row['status']}\n")


@command.command("deliver")
@click.option("--watch", is_flag=True, help="Go on, until interrupted or terminated.")
@dry_run_option
@pass_app
def deliver(app: App, watch: bool, dry_run: bool) -> None:
    """Send what is waiting, once; what fails is told on stderr and has its time to be tried again.

    With --watch it is a service of its own, for those without `serve`. Of several such processes one delivers, and
    another takes over when it ends. In a clone the events are those that it has fetched.
    """
    if watch and dry_run:
        raise click.UsageError("--watch goes on for ever, and --dry-run changes nothing: say one of them")
    if watch:
        _watch(app)
        return
    from modelref_git.operations.webhooks.deliver import deliver_once

    answer = deliver_once(app.context(dry_run=dry_run))
    names = ("webhook", "delivered", "waiting", "status")
    app.show(answer, lambda row: render.table(names, [one.values() for one in row["webhooks"]]), dry_run=dry_run)


def _watch(app: App) -> None:
    from modelref_git.operations.webhooks import deliver as delivering

    app.context().view()  # what is no dataset repository will not become one

    def tell(text: str) -> None:
        if not app.quiet:
            sys.stderr.write(f"{render.sentence(text)}\n")

    with _stopped_by_signals() as stop:
        delivering.deliver(app.context, stop, tell=tell)


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """To be interrupted, or terminated as by a service manager, is how watching ends: that is no failure."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    wrong = row["paused"] or (row["last_error"] or {}).get("message", "")
    return (
        *(row["webhook_id"], row["url"], " ".join(row["events"]) or "all", row["status"], row["event_id"]),
        *(row["waiting"], render.when(row["last_success"]), wrong, render.when(row["next_try"])),
    )
