"""``key``: API keys of the HTTP service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app


@click.group("key")
def command() -> None:
    """Make, list and take away API keys of the HTTP service.

    They stand in modelref/keys.json of this repository's git folder ($MODELREF_KEYS_FILE names another file), which
    no push or clone takes along: run this where the service runs.
    """


@command.command("create")
@click.argument("ident", metavar="ID")
@click.option("--label", default="", metavar="L", help="What the key is for.")
@click.option("--expires", "days", type=int, metavar="DAYS", help="Good for so many days; for ever unless given.")
@dry_run_option
@pass_app
def create(app: App, ident: str, label: str, days: int | None, dry_run: bool) -> None:
    """Make a key for a member and print it, this once.

    An approver makes keys for anybody, a member for themself. A dry run prints none.
    """
    from modelref_git.operations.keys import create_key

    answer = create_key(app.context(dry_run=dry_run), ident, label=label, days=days, path=_file())
    _show(app, answer, dry_run=dry_run)


@command.command("list")
@pass_app
def list_command(app: App) -> None:
    """List the keys without their secrets: an approver sees all, a member their own."""
    from modelref_git.operations.keys import list_keys

    rows = list_keys(app.context(), path=_file())
    names = ("key", "member", "label", "created", "expires", "last used")
    app.show(rows, lambda _: render.table(names, [_cells(row) for row in rows]))


@command.command("revoke")
@click.argument("key_id", metavar="KEY_ID")
@dry_run_option
@pass_app
def revoke(app: App, key_id: str, dry_run: bool) -> None:
    """Take a key away: it is dead at once."""
    from modelref_git.operations.keys import revoke_key

    answer = revoke_key(app.context(dry_run=dry_run), key_id, path=_file())
    app.show(answer, lambda row: f"revoked the key {row['key_id']} of {row['user_id']}\n", dry_run=dry_run)


@command.command("regenerate")
@click.argument("key_id", metavar="KEY_ID")
@dry_run_option
@pass_app
def regenerate(app: App, key_id: str, dry_run: bool) -> None:
    """Give a key another secret and print it, this once; the old one is dead at once.

    Its label stays, and it is good for as many days again.
    """
    from modelref_git.operations.keys import regenerate_key

    answer = regenerate_key(app.context(dry_run=dry_run), key_id, path=_file())
    _show(app, answer, dry_run=dry_run)


def _show(app: App, answer: dict[str, Any], *, dry_run: bool) -> None:
    """The key alone on stdout, so that a script can take it from there."""
    app.show(answer, lambda row: f"{row['key']}\n" if row["key"] else "", dry_run=dry_run)
    if answer["key"]:
        app.talk("this is the only time that the key is shown: keep it now")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    times = (render.when(row[name]) for name in ("created", "expires", "last_used"))
    return (row["key_id"], row["user_id"], row["label"], *times)


def _file() -> Path | None:
    """The file of the keys, if the environment names one."""
    named = os.environ.get("MODELREF_KEYS_FILE")
    return Path(named) if named else None
