"""``diff``: what changes would do to today's records, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app

_MARKS = {"added": ("+", "green"), "removed": ("-", "red"), "modified": ("~", "yellow")}


@click.command("diff")
@click.argument("change_ids", metavar="ID…", type=int, nargs=-1, required=True)
@pass_app
def command(app: App, change_ids: tuple[int, ...]) -> None:
    """Show what changes would do to today's records."""
    from modelref_git.errors import NotFound
    from modelref_git.operations.changes import diff_change, diff_changes

    context = app.context()
    if len(change_ids) == 1:
        app.show(diff_change(context, change_ids[0]), lambda row: _text([row]))
        return
    page = diff_changes(context, change_ids)
    if page["errors"] and not page["diffs"]:
        raise NotFound(f"there is no change {page['errors'][0]['change_id']}", details=page["errors"])
    app.show(page, lambda row: _text(row["diffs"]))
    for error in page["errors"]:
        app.talk(f"there is no change {error['change_id']}")


def _text(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        critical = ", critical" if row["is_critical"] else ""
        yield f"change {row['change_id']}: {row['operation']} {row['category']} {render.plain(row['model_name'])}"
        yield f"  ({row['net_operation']}{critical})"
        if row["net_operation"] == "modified":
            yield from _described(row)
        else:
            yield from field_lines(row["field_diffs"])


def _described(row: dict[str, Any]) -> Iterator[str]:
    """The difference of two records down to the members of lists."""
    from modelref_git.operations.changes import readable_difference

    for line in readable_difference(row["current_state"], row["proposed_state"]):
        yield render.coloured(f"  {line}", "yellow")


def field_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Field differences as lines: a mark, the field, and what it was and becomes."""
    for row in rows:
        mark, colour = _MARKS[row["change_type"]]
        old, new = render.value(row["old_value"]), render.value(row["new_value"])
        shown = {"added": new, "removed": old}.get(row["change_type"], f"{old} → {new}")
        yield render.coloured(f"  {mark} {row['field_path']}: {shown}", colour)
