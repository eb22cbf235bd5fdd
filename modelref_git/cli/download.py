"""``download``: the files of a record."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app, path_word


@click.command("download")
@click.argument("category")
@click.argument("name")
@click.option("--to", "folder", metavar="DIR", type=path_word, required=True, help="The folder for the files.")
@click.option("--at", "revision", metavar="REV", help="The revision of the dataset. Default: main.")
@click.option(
    "--parallel", metavar="N", type=click.IntRange(1, 64), default=4, show_default=True, help="Files at a time."
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(0, 86_400, min_open=True),
    default=30.0,
    show_default=True,
    help="Give up a host that is silent for so long.",
)
@click.option(
    "--retries",
    metavar="N",
    type=click.IntRange(0, 1000),
    default=4,
    show_default=True,
    help="Further tries when a host stumbles.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there and not known to be right.")
@dry_run_option
@pass_app
def command(
    app: App,
    category: str,
    name: str,
    folder: Path,
    revision: str | None,
    parallel: int,
    timeout: float,
    retries: int,
    overwrite: bool,
    dry_run: bool,
) -> None:
    """Fetch the files of a record into DIR, and check their sums.

    A file gets its name when its SHA-256 sum is right, and not before. What was begun is gone on with, by the same
    command; what is there already is left alone.
    """
    from modelref_git.fetch.transfer import Patience
    from modelref_git.operations.download import How, download_record

    how = How(parallel, overwrite, Patience(timeout=timeout, retries=retries))
    context = app.context(dry_run=dry_run)
    with app.transfers() as progress:
        answer = download_record(
            context,
            category,
            name,
            folder,
            revision=revision,
            how=how,
            progress=progress,
            finished=lambda row: None if dry_run or sys.stderr.isatty() else app.talk(_line(row)),
        )
    app.show(
        answer,
        lambda found: render.table(
            ("file", "bytes", "status", "verified"),
            [
                (row["file_name"], row["size_bytes"], row["status"], "yes" if row["verified"] else "no")
                for row in found["files"]
            ],
        ),
        dry_run=dry_run,
    )


def _line(row: Mapping[str, Any]) -> str:
    return f"{row['status']} {render.plain(row['file_name'])} ({render.counted(row['size_bytes'], 'byte')})"
