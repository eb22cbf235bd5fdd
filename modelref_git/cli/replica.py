"""``replica``: a read-only follower that serves exported files."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from modelref_git.cli import exits, render
from modelref_git.cli.app import App, dry_run_option, pass_app, path_word

if TYPE_CHECKING:
    from modelref_git.errors import ModelrefError
    from modelref_git.operations.replicas.folder import Folder
    from modelref_git.operations.replicas.sync import Told


@click.group("replica")
def command() -> None:
    """Follow a dataset and serve its files, with no right to change it.

    DIR/current is a folder that readers open: manifest.json, and the files that it names. It is swapped as one, so that
    nobody ever sees half of an update.
    """


@command.command("init")
@click.argument("url", metavar="URL")
@click.argument("directory", metavar="DIR", type=path_word)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["v2", "legacy", "all"]),
    default="v2",
    show_default=True,
    help="Which files: v2 and legacy go into DIR/current itself, all into folders v2 and legacy there.",
)
@click.option(
    "--verify",
    type=click.Choice(["full", "fast-forward", "off"]),
    default="full",
    show_default=True,
    help="What is checked of the history before it is served: every promise, that it only grew, or nothing.",
)
@dry_run_option
@pass_app
def init(
    app: App,
    url: str,
    directory: Path,
    layout: Literal["v2", "legacy", "all"],
    verify: Literal["full", "fast-forward", "off"],
    dry_run: bool,
) -> None:
    """Make a replica of the dataset at URL in the folder DIR.

    URL is whatever git fetches from, a bundle (git bundle create FILE main queue), or the https address of one that
    ends in .bundle. If it fails, nothing of DIR stays.
    """
    from modelref_git.operations.replicas.folder import Folder
    from modelref_git.operations.replicas.init import init_replica

    _refuse_offline(app)
    with _told(app) as told:
        answer = init_replica(url, Folder(directory), layout=layout, verify=verify, told=told, dry_run=dry_run)
    app.show(answer, lambda row: f"{row['at']}\n", dry_run=dry_run)
    app.talk(f"{render.counted(len(answer['files']), 'file')} in {directory / 'current'}")


@command.command("sync")
@click.argument("directory", metavar="[DIR]", type=path_word, default=".")
@click.option("--watch", type=click.FloatRange(min=0.1), metavar="SECONDS", help="Go on, a sync every so many seconds.")
@click.option("--on-change", metavar="CMD", help="Run this in a shell after a sync that changed what readers see.")
@dry_run_option
@pass_app
def sync(app: App, directory: Path, watch: float | None, on_change: str | None, dry_run: bool) -> None:
    """Fetch, verify and export what is new, and swap it in.

    On any failure the last good data stays and is served; `replica status` says what is wrong.

    --watch goes on until it is interrupted or terminated, with one answer a line (--json: one JSON document a line);
    what fails is told on stderr and tried again, less and less often. CMD is told in its environment: MODELREF_FROM,
    MODELREF_TO (commits) and MODELREF_DIR.
    """
    from modelref_git.operations.replicas.folder import Folder
    from modelref_git.operations.replicas.watch import sync_and_announce

    if watch is not None and dry_run:
        raise click.UsageError("--watch goes on for ever, and --dry-run changes nothing: say one of them")
    _refuse_offline(app)
    folder = Folder(directory)
    if watch is not None:
        _watch(app, folder, watch, on_change)
        return
    with _told(app) as told:
        answer = sync_and_announce(folder, on_change=on_change, told=told, dry_run=dry_run)
    app.show(answer, lambda row: f"{_line(row)}\n", dry_run=dry_run)


@command.command("status")
@click.argument("directory", metavar="[DIR]", type=path_word, default=".")
@pass_app
def status(app: App, directory: Path) -> None:
    """Tell what a replica serves, how old that is, and what is wrong, if anything is.

    age_seconds counts from the newest event that was believed. last_error is why the last sync failed; if it did not,
    that the source stands still or its main went astray; else nothing. The source is not asked.
    """
    from modelref_git.operations.replicas.folder import Folder
    from modelref_git.operations.replicas.status import replica_status

    app.show(replica_status(Folder(directory)), _status_text)


def _refuse_offline(app: App) -> None:
    from modelref_git.errors import RemoteFailure

    if app.offline:
        raise RemoteFailure("a replica has to ask its source, and --offline forbids that", hint="leave --offline out")


def _watch(app: App, folder: Folder, seconds: float, on_change: str | None) -> None:
    from modelref_git.operations.replicas.watch import watch_replica

    def answered(answer: dict[str, Any]) -> None:
        app.show_lines([answer], _line)

    def failed(fault: ModelrefError) -> None:
        exits.tell(fault, as_json=app.json)

    with _until_ended(), _told(app) as told:
        watch_replica(folder, seconds, answered, failed, on_change=on_change, told=told)


@contextmanager
def _until_ended() -> Iterator[None]:
    """To be interrupted, or terminated as by a service manager, is how watching ends: that is no failure."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _told(app: App) -> Iterator[Told]:
    from modelref_git.operations.replicas.sync import Told

    with app.progress("verifying and exporting") as progress:
        yield Told(warn=app.warn, transfer=app.transport, verified=progress, exported=progress)


def _line(answer: dict[str, Any]) -> str:
    before, after = (answer[key][:12] if answer[key] else "nothing" for key in ("from", "to"))
    counts = ", ".join(
        f"{row['category']} +{row['added']} ~{row['modified']} -{row['deleted']}" for row in answer["changed"]
    )
    moved = f"{before}..{after}" if before != after else after
    return "\t".join(filter(None, (moved, counts or "nothing new", "stale" if answer["stale"] else "")))


def _status_text(row: dict[str, Any]) -> str:
    wrong = row["last_error"]
    cells = [
        ("at", row["at"]),
        ("age_seconds", row["age_seconds"]),
        ("last_success", render.when(row["last_success"])),
        ("last_error", f"{wrong['rule']}: {wrong['message']}" if wrong is not None else "none"),
        ("verified", "yes" if row["verified"] else "no"),
    ]
    return render.table(("", ""), cells)
