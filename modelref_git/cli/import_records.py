"""``import``: records from a folder or file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from modelref_git.cli.app import App, allow_option, dry_run_option, pass_app, path_word
from modelref_git.errors import Invalid


@click.command("import")
@click.argument("source", type=path_word)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["auto", "legacy", "v2", "jsonl", "queue"]),
    default="auto",
    show_default=True,
    help="The layout of the source; auto looks at it.",
)
@click.option("--category", metavar="C", help="Read this category alone; needed where a file's name tells none.")
@click.option("--as-proposals", is_flag=True, help="Propose each record that differs, instead of one commit on main.")
@click.option("--prune", is_flag=True, help="Also delete the records that the source does not have.")
@click.option("--keep-going", is_flag=True, help="Take the good records when some are refused.")
@click.option("--note", metavar="N", help="A note for the history.")
@allow_option
@dry_run_option
@pass_app
def command(
    app: App,
    source: Path,
    layout: Literal["auto", "legacy", "v2", "jsonl", "queue"],
    category: str | None,
    as_proposals: bool,
    prune: bool,
    keep_going: bool,
    note: str | None,
    allow: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Bring in the records of a folder or file.

    Into empty categories they go at once, in one commit on main. A category that has records takes changes by
    --as-proposals.

    With --format queue, the state of the upstream service's queue: a folder with its changes.json, index.json and audit
    lines. It comes in as it is, into a queue that no change was ever in.
    """
    from modelref_git.operations.import_options import ImportOptions
    from modelref_git.operations.import_records import import_source

    options = ImportOptions(layout, category, as_proposals, prune, keep_going, note, allow)
    with app.progress("reading records") as progress:
        answer = import_source(app.context(dry_run=dry_run), source, options, progress=progress)
    rejected = answer["rejected"]
    taken = any(answer[key] for key in ("created", "updated", "deleted", "unchanged"))
    if taken or not rejected:
        app.show(answer, _text, dry_run=dry_run)
    if rejected:
        details = [{"name": row["name"], **detail} for row in rejected for detail in row["details"]]
        rest = "the others were taken" if taken else "and there was no other"
        files = " and files" if any(row["name"] is None for row in rejected) else ""
        raise Invalid(f"{len(rejected)} of the records{files} are refused, {rest}", details=details)
    if answer["change_ids"]:
        app.talk("next: `modelref-git changes --status pending`; an approver: `modelref-git approve ID… --title T`")


def _text(answer: dict[str, Any]) -> str:
    words = [f"{answer[key]} {key}" for key in ("created", "updated", "deleted", "unchanged")]
    ids = answer["change_ids"]
    if ids:
        words.append(f"changes {ids[0]}-{ids[-1]}" if len(ids) > 1 else f"change {ids[0]}")
    return ", ".join(words) + "\n"
