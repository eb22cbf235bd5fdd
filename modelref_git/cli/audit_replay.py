"""``audit replay``: each of the two histories beside what is stored."""

from __future__ import annotations

from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app
from modelref_git.errors import IntegrityFailure


@click.command("replay")
@click.option("--queue", is_flag=True, help="Only the queue's state, from its events.")
@click.option("--dataset", is_flag=True, help="Only the records, from the history of main.")
@click.option("--at", "revision", metavar="REV", help="As of this commit of queue or main.")
@pass_app
def replay(app: App, queue: bool, dataset: bool, revision: str | None) -> None:
    """Rebuild what is stored from each history alone, and compare.

    Without options both. Exit code 9 with the differences if there are any.
    """
    from modelref_git.operations.replay import replay as operation

    both = queue == dataset
    with app.progress("replay") as advance:
        found = operation(
            app.context(), queue=queue or both, dataset=dataset or both, revision=revision, progress=advance
        )
    app.show(found.as_json(), lambda _: [_line(row) for row in found.differences] or ["both sides are equal"])
    if not found.equal:
        raise IntegrityFailure(
            "what is stored is not what its history gives",
            hint="`modelref-git verify` names the commit in which it begins",
            details=found.differences,
        )


def _line(row: dict[str, Any]) -> str:
    words = {key: value for key, value in row.items() if key not in ("history", "message")}
    told = [f"{key}={render.value(value)}" for key, value in words.items()]
    return f"{row['history']}: {' '.join([*told, *filter(None, [render.plain(row.get('message', ''))])])}"
