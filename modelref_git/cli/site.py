"""``site``: the reading half of the pages as plain files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelref_git.cli.app import App, dry_run_option, pass_app, path_word


@click.command("site")
@click.argument("directory", metavar="DIR", type=path_word)
@dry_run_option
@pass_app
def command(app: App, directory: Path, dry_run: bool) -> None:
    """Write a static site of the dataset into DIR, for any host that serves files.

    It has the records with their histories, the batches, charts and a search, and works from any folder of a host. Of
    a site that is there already only what changed is written, and what is no more is removed. The queue, notes and
    members are no part of it.

    It takes the extra `pages`: pip install 'modelref-git[pages]'.
    """
    from modelref_git.pages.site.build import build_site

    def told(row: dict[str, Any]) -> list[str]:
        head = f"{row['files']} files in {directory}: {row['written']} written, {row['removed']} removed"
        return [f"{head}, {row['unchanged']} left as they were", f"open {directory / 'index.html'}"]

    context = app.context(dry_run=dry_run)
    with app.progress("writing pages") as progress:
        answer = build_site(context, directory, progress=progress)
    app.show(answer, told, dry_run=dry_run)
