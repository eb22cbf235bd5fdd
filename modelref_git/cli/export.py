"""``export``: the dataset as aggregated files."""

from __future__ import annotations

from pathlib import Path

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app, path_word


@click.command("export")
@click.argument("directory", metavar="DIR", type=path_word)
@click.option("--format", "layout", type=click.Choice(["v2"]), default="v2", show_default=True, help="The layout.")
@click.option("--at", "revision", metavar="REV", help="The revision to export. Default: main.")
@click.option("--category", "categories", multiple=True, metavar="C", help="Only this category (repeatable).")
@dry_run_option
@pass_app
def command(
    app: App, directory: Path, layout: str, revision: str | None, categories: tuple[str, ...], dry_run: bool
) -> None:
    """Write one file for each category into DIR.

    Each file is replaced as a whole or not at all.
    """
    from modelref_git.operations.export import export_v2

    del layout  # one so far
    context = app.context(dry_run=dry_run)
    with app.progress("writing categories") as progress:
        answer = export_v2(context, directory, revision=revision, categories=categories, progress=progress)
    app.show(
        answer,
        lambda row: render.table(("file", "records"), [(file["path"], file["records"]) for file in row["files"]]),
        dry_run=dry_run,
    )
