"""``feed``: the record changes of ``main``, for consumers that keep a copy."""

from __future__ import annotations

import contextlib
import select
import sys
import time
from typing import Any, Final

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app

_SECONDS: Final = 1.0
"""How long to wait before looking for what is new."""


@click.command("feed")
@click.option("--since", metavar="REV|EVENT", help="Behind this event's number, or this commit of main or queue.")
@click.option("--follow", is_flag=True, help="Go on with what is new, until interrupted.")
@pass_app
def command(app: App, since: str | None, follow: bool) -> None:
    """Tell the record changes of main, oldest first.

    With --json one JSON document a line. The event_id of the last line is what --since takes to go on.
    """
    from modelref_git.operations.feed import read_feed

    # To be interrupted is how following ends.
    with contextlib.suppress(KeyboardInterrupt) if follow else contextlib.nullcontext():
        app.show_lines(read_feed(app.context(), since=since, pause=_pause if follow else None), _line)


def _pause() -> bool:
    time.sleep(_SECONDS)
    return not _reader_has_left()


def _reader_has_left() -> bool:
    """Whether nobody reads stdout any more: while nothing is new, no write would tell."""
    if not hasattr(select, "poll"):  # Windows: the next write tells
        return False
    try:
        watched = select.poll()
        watched.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return False
    return any(happened & (select.POLLERR | select.POLLNVAL) for _, happened in watched.poll(0))


def _line(row: dict[str, Any]) -> str:
    what = (row["operation"], row["category"], render.plain(row["model_name"]))
    return "\t".join((row["commit"][:12], str(row["event_id"]), *what))
