"""What the global options say, and the ways in which a command answers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from modelref_git.cli import render

if TYPE_CHECKING:
    from rich.progress import TaskID

    from modelref_git.operations.context import Context

WARNINGS_SHOWN: Final = 50
"""So many warnings are told one by one: a bulk of thousands can have one for each record."""

Text = Callable[[Any], str | Iterable[str]]
"""Makes of an answer the lines for people."""


@dataclass(slots=True)
class App:
    """The global options of one call."""

    repo: str | None = None
    json: bool = False
    actor: str | None = None
    offline: bool = False
    """Whether the remote of a clone may not be asked."""
    quiet: bool = False
    verbose: bool = False
    warnings: list[str] = field(default_factory=list)
    warned: int = 0
    """How many warnings there were, told or not."""

    @property
    def path(self) -> Path:
        """Where the repository is, or where the search for it starts."""
        return Path(self.repo) if self.repo else Path.cwd()

    @property
    def git_path(self) -> Path:
        """As `path`, for what git calls: a repository that the environment names need not be the one git is at."""
        source = click.get_current_context().find_root().get_parameter_source("repo")
        return Path.cwd() if source is ParameterSource.ENVIRONMENT else self.path

    def context(self, *, dry_run: bool = False) -> Context:
        """The way into the dataset repository.

        Raises:
            NotFound: there is none.
        """
        from modelref_git.operations.context import Context

        context = Context.open(self.path, claim=self.actor, warn=self.warn)
        context.dry_run = dry_run
        context.offline = self.offline
        context.progress = self.transport
        return context

    @property
    def transport(self) -> Callable[[str], None] | None:
        """Shows how far git's transfers are, on one line of stderr, when it is a terminal."""
        return None if self.quiet or not sys.stderr.isatty() else _show_transfer

    def warn(self, text: str) -> None:
        """Tell something on stderr. With ``--json`` it waits, so that an error is the only document there."""
        self.warned += 1
        if self.warned > WARNINGS_SHOWN:
            return
        text = render.sentence(text)
        if self.json:
            self.warnings.append(text)
        elif not self.quiet:
            sys.stderr.write(f"warning: {text}\n")

    def talk(self, text: str) -> None:
        """Tell what was done, on stderr, unless asked to be quiet."""
        if not self.quiet and not self.json:
            sys.stderr.write(f"{text}\n")

    def show(self, answer: Any, text: Text, *, dry_run: bool = False) -> None:
        """Write a command's answer to stdout: one JSON document, or lines for people."""
        if self.json:
            if dry_run and isinstance(answer, dict):
                answer = {**answer, "dry_run": True}
            render.write(render.to_json(answer))
            self._flush_warnings()
            return
        if dry_run:
            self.talk("dry run: nothing was changed")
        lines = text(answer)
        render.write(lines if isinstance(lines, str) else "".join(f"{line}\n" for line in lines))
        self._flush_warnings()

    def show_lines(self, answers: Iterable[Any], text: Callable[[Any], str]) -> None:
        """Write answers as JSON lines, or one line each for people."""
        for answer in answers:
            render.write((render.to_json_line(answer) if self.json else text(answer)) + "\n")
        self._flush_warnings()

    def _flush_warnings(self) -> None:
        """Tell what had to wait, and how much was not told."""
        if not self.quiet:
            for warning in self.warnings:
                sys.stderr.write(f"warning: {warning}\n")
            if self.warned > WARNINGS_SHOWN:
                sys.stderr.write(f"warning: and {self.warned - WARNINGS_SHOWN} more like these\n")
        self.warnings.clear()
        self.warned = 0

    @contextmanager
    def progress(self, label: str, total: int | None = None) -> Iterator[Callable[[], None]]:
        """A progress bar on stderr when it is a terminal; the value is called once for each piece of work."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda: bar.advance(task)

    @contextmanager
    def transfers(self) -> Iterator[Callable[[str, int, int | None], None]]:
        """A bar for each file that comes, on stderr when it is a terminal.

        The value is called with what comes, how many bytes of it there are, and how many there will be if known.
        """
        if self.quiet or not sys.stderr.isatty():
            yield lambda _what, _done, _total: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
        with Progress(*columns, TransferSpeedColumn(), console=Console(stderr=True)) as bar:
            tasks: dict[str, TaskID] = {}

            def tell(what: str, done: int, total: int | None) -> None:
                if what not in tasks:
                    tasks[what] = bar.add_task(render.plain(what), total=total)
                bar.update(tasks[what], completed=done, total=total)

            yield tell


def _show_transfer(text: str) -> None:
    """One line of git's progress, in the place of the one before; what is done leaves the line empty."""
    done = text.endswith("done.")
    sys.stderr.write("\r\x1b[K" + ("" if done else render.plain(text)))
    sys.stderr.flush()


pass_app = click.make_pass_decorator(App)


def dry_run_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option ``--dry-run``, which every command that changes something takes."""
    text = "Do all checks and give the same answer, but change nothing."
    return click.option("--dry-run", is_flag=True, help=text)(command)


def allow_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option ``--allow``, which waives quality rules."""
    text = "Waive this quality rule (repeatable; * for all)."
    return click.option("--allow", multiple=True, metavar="RULE_ID", help=text)(command)


def path_word(text: str) -> Path:
    """A path as it was typed. An empty one is an unset variable of a shell, never the current folder."""
    if not text:
        raise click.BadParameter("the path is empty")
    return Path(text)


def read_input(name: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``.

    Raises:
        NotFound: there is no such file.
        Invalid: it cannot be read.
    """
    from modelref_git.errors import Invalid, NotFound, Problem

    if not name:
        raise click.UsageError("the name of the file is empty")
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {name}") from error
    except OSError as error:
        raise Invalid.of(name, [Problem("", f"it cannot be read: {error.strerror}", "file.unreadable")]) from error
