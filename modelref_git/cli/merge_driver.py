"""``merge-driver``: what git calls for ``merge=modelref``."""

from __future__ import annotations

from pathlib import Path

import click

from modelref_git.cli.app import App, pass_app, read_input
from modelref_git.errors import UsageFault


@click.command("merge-driver")
@click.argument("base")
@click.argument("ours")
@click.argument("theirs")
@click.argument("path", required=False)
@pass_app
def command(app: App, base: str, ours: str, theirs: str, path: str | None) -> None:
    """Merge a record file by field; git calls this.

    `init` and `clone` tell git to. After a plain `git clone` you do:
    `git config merge.modelref.driver 'modelref-git merge-driver %O %A %B %P'` and
    `git config merge.modelref.recursive binary`.

    The result is written to OURS. What both sides changed is put between conflict markers there, and the exit code
    is 4. PATH is the file's place in the repository, which tells the category; an empty BASE is none. Records of
    different names have none either: git may take a new record for a deleted one that it is like.
    """
    from modelref_git.operations.merge_driver import merge_into, record_file

    if "-" in (base, ours, theirs):
        raise UsageFault("a merge driver reads files, not standard input")
    before, mine, other = (read_input(name) for name in (base, ours, theirs))
    merge_into(Path(ours), before, mine, other, record_file(app.git_path, path or ours))
    app.show(None, lambda _: "")
