"""``hook``: a server of one's own, which refuses what breaks the rules."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from modelref_git.cli.app import App, dry_run_option, pass_app
from modelref_git.errors import IntegrityFailure, ModelrefError, UsageFault

if TYPE_CHECKING:
    from modelref_git.operations.guarding.guard import Refusal
    from modelref_git.operations.hook import Installed

_SHOWN: Final = 20
"""So many rules that a push breaks are told one by one."""


@click.group("hook")
def command() -> None:
    """Let a Git server refuse whatever breaks the rules."""


@command.command("install")
@click.option("--server", is_flag=True, help="In the repository that others push to.")
@dry_run_option
@pass_app
def install(app: App, server: bool, dry_run: bool) -> None:
    """Install the hooks of a server: pre-receive refuses, post-receive brings branches along.

    A hook of somebody else's is never overwritten. Again is harmless, and brings the hooks up to date.
    """
    if not server:
        raise UsageFault(
            "there is a hook for servers alone",
            hint="`modelref-git hook install --server` on the server's repository; a clone needs none",
        )
    from modelref_git.operations.hook import install_hooks
    from modelref_git.store.git import GitStore

    def line(item: Installed) -> str:
        return f"{'installed' if item.written else 'there already'}: {item.path}"

    store = GitStore.open(app.path)
    done = install_hooks(store, dry_run=dry_run)
    answer = {"path": str(store.git_dir), "hooks": [item.as_json() for item in done]}
    app.show(answer, lambda _: [line(item) for item in done], dry_run=dry_run)


@command.command("run")
@click.argument("name", type=click.Choice(["pre-receive", "post-receive"]))
@pass_app
def run(app: App, name: str) -> None:
    """Do what a hook has to do; git calls this.

    pre-receive reads `old new ref` lines from standard input and refuses the push with exit code 9. Who pushes is
    told by $MODELREF_ACTOR, else by $REMOTE_USER.
    """
    # Git says which repository its hook runs in; $MODELREF_REPO is about the pusher's.
    folder = Path(os.environ["GIT_DIR"]) if os.environ.get("GIT_DIR") else app.path
    if name == "post-receive":
        _follow(app, folder)
    else:
        _judge(app, folder)


def _follow(app: App, folder: Path) -> None:
    from modelref_git.operations.hook import follow_push
    from modelref_git.store.git import GitStore

    try:
        follow_push(GitStore.open(folder), app.warn)
    except (ModelrefError, OSError) as fault:
        app.warn(f"the push was taken, but the branches could not follow: {fault}; the next push brings them along")
    app.show_lines((), str)


def _judge(app: App, folder: Path) -> None:
    from modelref_git.operations.guarding.judgement import judge_push
    from modelref_git.operations.guarding.push import CLAIMS, Push, Pusher, read_moves
    from modelref_git.store.quarantine import QuarantineStore
    from modelref_git.store.writing import wall_clock

    # Not splitlines(): a ref may have any of the other letters that end a line somewhere.
    lines = sys.stdin.buffer.read().decode("utf-8", "backslashreplace").removesuffix("\n").split("\n")
    store = QuarantineStore.open(folder)
    claims = (store.config(CLAIMS) or "").lower() in ("true", "yes", "on", "1")
    pusher = Pusher(app.actor or os.environ.get("REMOTE_USER") or None, claims)
    refusals = judge_push(Push(store, read_moves(lines if lines != [""] else []), pusher, wall_clock()))
    if refusals:
        _refuse(app, refusals)


def _refuse(app: App, refusals: list[Refusal]) -> None:
    from modelref_git.cli import render

    count = len(refusals)
    if not app.json:
        told = [f"refused by {render.sentence(str(item))}\n" for item in refusals[:_SHOWN]]
        sys.stderr.write("".join(told) + (f"and {count - _SHOWN} more\n" if count > _SHOWN else ""))
    raise IntegrityFailure(
        f"the push breaks {render.counted(count, 'rule')} of this dataset; nothing of it was taken",
        details=[item.as_json() for item in refusals] if app.json else (),
    )
