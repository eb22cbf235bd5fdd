"""``check``: every rule, on a revision, on what two revisions differ in, or on files."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, allow_option, pass_app
from modelref_git.errors import Invalid, NotFound

if TYPE_CHECKING:
    from modelref_git.operations.checking.findings import CheckReport
    from modelref_git.operations.checking.hosts import CheckOptions
    from modelref_git.operations.checking.targets import Target
    from modelref_git.operations.context import Context

_FILES: Final = "modelref.check.files"


class _Check(click.Command):
    """A command that knows which of its words stand behind ``--``, and an option whose value may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            ctx.meta[_FILES] = args[at + 1 :]
            args = args[:at]
        # click would take the next word for the value.
        return super().parse_args(ctx, ["--fetch=head" if word == "--fetch" else word for word in args])


@click.command("check", cls=_Check)
@click.argument("words", metavar="[REV|A..B|FILE…]", nargs=-1)
@click.option(
    "--fetch",
    type=click.Choice(["head", "full"]),
    metavar="[=full]",
    help="Ask the hosts of downloads as well; with =full read every file, and compare its sum.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github"]),
    help="What is written to stdout; --json is json. Default: text.",
)
@allow_option
@click.pass_context
@pass_app
def command(
    app: App, ctx: click.Context, words: tuple[str, ...], fetch: Any, form: str | None, allow: tuple[str, ...]
) -> None:
    """Check the dataset, or files, by every rule.

    Without a word the live dataset; REV: every record of a revision; A..B: what B changes of A; FILE: a record, a
    category's file, models.csv with its neighbours, or a folder of them. Files need no repository. What stands
    behind -- is a file. Exit code 5 if there is a finding of severity error.
    """
    from modelref_git.operations.checking.hosts import CheckOptions
    from modelref_git.operations.checking.targets import target_of

    form = _form(app, form)
    repository = _repository(app, needed=not words and not ctx.meta.get(_FILES))
    target = target_of(repository, words, ctx.meta.get(_FILES))
    with contextlib.ExitStack() as bars:
        # One bar at a time: where files are read, that is what takes the time.
        advance = bars.enter_context(app.progress("check")) if fetch != "full" else CheckOptions().progress
        transfers = bars.enter_context(app.transfers()) if fetch == "full" else CheckOptions().transferred
        report = _run(repository, target, CheckOptions(allow, fetch, advance, transfers))
    _show(app, report, form)
    if not report.ok:
        fail(app, report)


def _form(app: App, form: str | None) -> str:
    if app.json and form not in (None, "json", "sarif"):
        raise click.UsageError(f"--json asks for one JSON document, and --format {form} is none")
    return form or ("json" if app.json else "text")


def _repository(app: App, *, needed: bool) -> Context | None:
    """The way into the repository; nothing where there is none, and none was asked for."""
    try:
        return app.context()
    except NotFound:
        if needed or app.repo:
            raise
        return None


def _run(repository: Context | None, target: Target, options: CheckOptions) -> CheckReport:
    from modelref_git.operations.check import check_range, check_revision
    from modelref_git.operations.checking.files import check_files

    if target.files or repository is None:
        return check_files(repository, target.files, options)
    if target.range is not None:
        return check_range(repository, *target.range, options)
    return check_revision(repository, target.revision, options)


def _show(app: App, report: CheckReport, form: str) -> None:
    from modelref_git.cli.reports import github, sarif, text

    if form == "json":
        render.write(render.to_json(report.as_json()))
    elif form == "sarif":
        render.write(render.to_json(sarif.log(report.findings)))
    else:
        lines = text.lines(report.findings) if form == "text" else github.lines(report.findings)
        render.write("".join(f"{line}\n" for line in lines))
    if report.ok:
        app.talk(text.summary(report))


def fail(app: App, report: CheckReport, command: str = "check") -> None:
    """Tell that there are errors; *command* is the one that found them.

    Raises:
        Invalid: always; with ``--json`` it lists them.
    """
    from modelref_git.cli.reports import text

    raise Invalid(
        text.summary(report),
        hint=f"each finding names its rule; `modelref-git --json {command}` tells what to do about it",
        # On a terminal they have just been listed.
        details=[one.as_json() for one in report.findings if one.is_error] if app.json else (),
    )
