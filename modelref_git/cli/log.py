"""``log``: the history of one record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app


@click.command("log")
@click.argument("category")
@click.argument("name")
@click.option("--at", "revision", metavar="REV", help="Up to this commit of main.")
@pass_app
def command(app: App, category: str, name: str, revision: str | None) -> None:
    """Show who changed a record, when, and how.

    Newest first, field by field, with the change and the batch.
    """
    from modelref_git.operations.record_log import record_log

    app.show(record_log(app.context(), category, name, revision=revision), _text)


def _text(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        change = f"change {row['change_id']}, batch {row['batch_id']}" if row["change_id"] else "administrative"
        yield f"{row['commit'][:12]}  {render.when(row['time'])}  {row['operation']}  ({change})"
        people = [("author", row["author"]), ("approver", row["approver"]), ("applied by", row["applied_by"])]
        yield "  " + ", ".join(f"{word} {name}" for word, name in people if name)
        for item in row["fields"]:
            if row["operation"] == "create":
                yield f"  {item['path']}: {render.value(item['new'])}"
            else:
                yield f"  {item['path']}: {render.value(item['old'])} → {render.value(item['new'])}"
