"""``push``: what is only here, sent by hand."""

from __future__ import annotations

from typing import Any

import click

from modelref_git.cli import exits, render
from modelref_git.cli.app import App, dry_run_option, pass_app
from modelref_git.operations.answers import PROVISIONAL


@click.command("push")
@dry_run_option
@pass_app
def command(app: App, dry_run: bool) -> int:
    """Send to the remote what is only here.

    Proposals that were made with --offline get their numbers; one that today's dataset refuses stays, and is told. An
    empty remote is given this repository's log and dataset. Other commands push by themselves.
    """
    from modelref_git.operations.exchange import push

    answer, faults = push(app.context(dry_run=dry_run))
    for fault in faults:
        app.warn(
            f"unsent {fault[PROVISIONAL]} ({fault['category']} {fault['model_name']!r}) was refused and waits: "
            f"{fault['message']}; `modelref-git --offline withdraw {fault[PROVISIONAL]}` takes it back"
        )
    app.show(answer, _text, dry_run=dry_run)
    return max((exits.CODES[fault["code"]] for fault in faults), default=0)


def _text(row: dict[str, Any]) -> list[str]:
    lines = [f"unsent {one[PROVISIONAL]} is change {one['change_id']}" for one in row.get("changes", ())]
    lines += [f"sent {ref.removeprefix('refs/heads/')}" for ref in row["sent"]] or ["nothing to send"]
    return [render.plain(line) for line in lines]
