"""``init``: a new dataset repository."""

from __future__ import annotations

from pathlib import Path

import click

from modelref_git.cli.app import App, dry_run_option, pass_app, path_word


@click.command("init")
@click.argument("directory", required=False, metavar="[DIR]", type=path_word)
@click.option("--bare", is_flag=True, help="Without a work tree, as on a server.")
@click.option("--empty", is_flag=True, help="Without the starter dataset.")
@click.option("--owner", metavar="NAME#ID", help="The first approver. Default: git's user.name with the id 1.")
@click.option("--email", metavar="E", help="The owner's e-mail. Default: git's user.email.")
@click.option("--with-ci", is_flag=True, help="With workflows for the CI of GitHub and hosts that do as it does.")
@dry_run_option
@pass_app
def command(
    app: App,
    directory: Path | None,
    bare: bool,
    empty: bool,
    owner: str | None,
    email: str | None,
    with_ci: bool,
    dry_run: bool,
) -> None:
    """Make a dataset repository.

    It holds the schemas of all categories, the starter dataset, and an empty queue.
    """
    from modelref_git.operations.init import init_repository

    path = directory or app.path
    answer = init_repository(
        path, bare=bare, empty=empty, with_ci=with_ci, owner=owner, email=email, dry_run=dry_run, warn=app.warn
    )
    app.show(
        answer,
        lambda row: f"dataset repository {row['path']} with {row['records']} records\n",
        dry_run=dry_run,
    )
    app.talk("next: `modelref-git import SOURCE`, or `modelref-git propose create CATEGORY FILE`")
