"""``clone``: a working copy of a dataset repository on a host."""

from __future__ import annotations

from pathlib import Path

import click

from modelref_git.cli.app import App, pass_app, path_word


@click.command("clone")
@click.argument("url")
@click.argument("directory", required=False, metavar="[DIR]", type=path_word)
@pass_app
def command(app: App, url: str, directory: Path | None) -> None:
    """Clone a dataset repository, to propose and to review in.

    What is changed in the clone is pushed to where it came from: each command fetches what it needs, decides, and
    pushes. Git itself makes the connection, so ssh keys, credential helpers and proxies work as they do for git.
    """
    from modelref_git.operations.clone import clone

    answer = clone(url, directory, progress=app.transport)
    app.show(answer, lambda row: f"cloned into {row['path']}\n")
    app.talk(f"next: `cd {answer['path']}`, then `modelref-git status`")
