"""``diff``: what changes would do to today's records, field by field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app

Paint = Callable[[str, str], str]
"""Gives a text in a colour."""

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
        yield from diff_lines(row)


def diff_lines(
    row: dict[str, Any], critical: Sequence[str] = (), paint: Paint = render.coloured, *, stamps: bool = False
) -> Iterator[str]:
    """A PendingChangeDiff as lines; those of the fields *critical* (dotted paths) have a mark.

    Of records that were modified, *stamps* are shown on demand only.
    """
    if row["net_operation"] != "modified":
        yield from field_lines(row["field_diffs"], critical, paint)
        return
    from modelref_git.operations.changes import readable_difference

    # Two records differ down to the members of lists.
    for line in readable_difference(row["current_state"], row["proposed_state"], stamps=stamps):
        yield paint(_marked(f"  {line}", _is_of(line, critical)), _colour_of(line))
    # A change of the policy has schemas besides, which are files of their own.
    yield from field_lines(
        (item for item in row["field_diffs"] if item["field_path"].startswith("schemas/")), (), paint
    )


def field_lines(
    rows: Iterable[dict[str, Any]], critical: Sequence[str] = (), paint: Paint = render.coloured
) -> Iterator[str]:
    """Field differences as lines: a mark, the field, and what it was and becomes."""
    for row in rows:
        mark, colour = _MARKS[row["change_type"]]
        old, new = render.value(row["old_value"]), render.value(row["new_value"])
        shown = {"added": new, "removed": old}.get(row["change_type"], f"{old} → {new}")
        line = f"  {mark} {render.plain(row['field_path'])}: {shown}"
        yield paint(_marked(line, row["field_path"] in critical), colour)


def _marked(line: str, is_critical: bool) -> str:
    return f"!{line[1:]}" if is_critical else line


def _is_of(line: str, paths: Iterable[str]) -> bool:
    """Whether a line of a readable difference is about one of the dotted *paths*, or something within it."""
    return any(line.startswith(path) and line[len(path) : len(path) + 1] in (":", ".", "[") for path in paths)


def _colour_of(line: str) -> str:
    """Added in green, removed in red, replaced in yellow."""
    _, _, shown = line.partition(": ")
    return {"+": "green", "-": "red"}.get(shown[:1], "yellow") if shown[1:2] == " " else "yellow"
