"""``export``: the dataset as the files that clients read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app, path_word


@click.command("export")
@click.argument("directory", metavar="DIR", type=path_word)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["v2", "legacy", "all"]),
    default="v2",
    show_default=True,
    help="Which files: v2 and legacy go into DIR itself, all into DIR/v2 and DIR/legacy.",
)
@click.option("--at", "revision", metavar="REV", help="The revision to export. Default: main.")
@click.option("--category", "categories", multiple=True, metavar="C", help="Only this category (repeatable).")
@dry_run_option
@pass_app
def command(
    app: App,
    directory: Path,
    layout: Literal["v2", "legacy", "all"],
    revision: str | None,
    categories: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Write the files that clients read into DIR.

    v2 is one file for each category. legacy is what older clients read: stable_diffusion.json and eight more JSON
    files of image models, each in the layout that it was imported in; and of text models models.csv, db.json,
    defaults.json and generation_params.json. What a legacy file cannot hold of a record is a warning.

    A category without records has an empty v2 file. Its legacy file is written, without entries, if it was imported,
    is named with --category, or lies in DIR from before.

    All files are made before the first is written, and each is replaced as a whole. Other files in DIR are left
    alone.
    """
    from modelref_git.operations.export import export_dataset

    context = app.context(dry_run=dry_run)
    with app.progress("writing categories") as progress:
        answer = export_dataset(
            context, directory, layout=layout, revision=revision, categories=categories, progress=progress
        )
    app.show(
        answer,
        lambda row: render.table(("file", "records"), [(file["path"], file["records"]) for file in row["files"]]),
        dry_run=dry_run,
    )
