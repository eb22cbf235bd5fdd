"""``ci``: what a continuous integration runs for a dataset. Its environment says what happened, and who started it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, allow_option, dry_run_option, pass_app
from modelref_git.cli.ci_run import CiRun, Request, split_ids
from modelref_git.errors import ModelrefError, UsageFault

if TYPE_CHECKING:
    from modelref_git.operations.ci.check import BranchReport
    from modelref_git.operations.context import Context
    from modelref_git.operations.review import Pick

_ELSEWHERE: Final = {"intake": "modelref_git.cli.ci_intake"}
"""Commands of the group that have a module of their own."""


class _Ci(click.Group):
    """A group that imports each of its commands when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in order."""
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        command: click.Command = import_module(_ELSEWHERE[cmd_name]).command
        return command


@click.group("ci", cls=_Ci)
def command() -> None:
    """What a CI runs: check a branch, admit it, merge what was approved.

    Where the run is of GitHub's, or of a host that does as GitHub does, faults become annotations, and the report is
    appended to the summary of the step.
    """


@command.command("check")
@click.argument("words", metavar="[REV|A..B]", nargs=1, required=False)
@allow_option
@pass_app
def check(app: App, words: str | None, allow: tuple[str, ...]) -> None:
    """Check what a branch would do to the dataset, as untrusted data.

    Nothing of it is run, and only its records count. REV: against the log's main; A..B: what B changes of A. Without
    a word it is the commit that the CI's event names, else HEAD. Exit code 5 if there is a finding of severity error.
    """
    from modelref_git.cli.check import fail
    from modelref_git.operations.checking.hosts import CheckOptions
    from modelref_git.operations.ci.check import check_branch

    run = CiRun.here()
    with told(app, run), app.progress("check") as advance:
        since, revision = _range(words, run)
        report = check_branch(app.context(), revision, since, CheckOptions(allow, progress=advance))
        _show(app, run, report)
    if not report.ok:
        fail(app, report.found, "ci check")


def _range(words: str | None, run: CiRun) -> tuple[str | None, str]:
    """What is compared with what."""
    if words is None:
        return None, run.head or "HEAD"
    before, dots, after = words.partition("..")
    if not dots:
        return None, words
    if after.startswith("."):
        raise UsageFault(f"{words!r} has three dots", hint="two are enough: what counts is the change since the fork")
    return before or None, after or "HEAD"


def _show(app: App, run: CiRun, report: BranchReport) -> None:
    from modelref_git.cli.reports import github, markdown, text

    if app.json:
        render.write(render.to_json(report.as_json()))
    else:
        lines = [_line(row) for row in report.changes]
        form = github if run.is_github else text
        lines += form.lines(report.found.findings)
        render.write("".join(f"{line}\n" for line in lines))
        for sentence in report.unseen:
            app.warn(sentence)
    run.summarise(markdown.branch(report))
    if report.found.ok:
        app.talk(text.summary(report.found))


def _line(row: dict[str, Any]) -> str:
    """One changed record in one line."""
    marks = ["critical"] if row["is_critical"] else []
    marks += [f"rival {item['change_id']}" for item in row["rivals"]]
    more = f" ({', '.join(marks)})" if marks else ""
    name = render.plain(row["model_name"])
    return f"{row['operation']} {row['category']} {name}: {row['merge']}{more}, {render.plain(row['requested_by'])}"


@command.command("merge")
@click.option("--title", metavar="T", help="The batch's title. Default: the event's, else one made of the changes.")
@click.option("--ids", multiple=True, metavar="ID[@BLOB]…", help="The changes, between commas or spaces; repeatable.")
@click.option("--label", metavar="L", help="The changes of the pull request that was just given this label.")
@click.option("--ack-critical", is_flag=True, help="Critical fields were looked at a second time.")
@click.option("--job-id", metavar="J", help="Of this run. Default: the one of the CI.")
@click.option("--service", metavar="ID", envvar="MODELREF_SERVICE", help="The service member that writes.")
@dry_run_option
@pass_app
def merge(
    app: App,
    title: str | None,
    ids: tuple[str, ...],
    label: str | None,
    ack_critical: bool,
    job_id: str | None,
    service: str | None,
    dry_run: bool,
) -> None:
    """Approve changes and apply them, in one step: what an approver's workflow runs.

    Without --ids and --label the event says which: a comment `/merge IDS [TITLE]`, or the inputs `ids`, `title` and
    `acknowledged` of a workflow started by hand. The approver is --actor, else the member who is the login that
    started the run. As long as a change needs further approvals, the approval is kept and nothing is applied.
    """
    from modelref_git.cli.approve import pick
    from modelref_git.cli.reports import markdown
    from modelref_git.operations.ci.merge import merge_changes
    from modelref_git.operations.ci.people import act_for

    if ids and label is not None:
        raise click.UsageError("--ids and --label are two ways to say which changes")
    run = CiRun.here()
    with told(app, run):
        asked = _asked(run, ids) if label is None else Request(())
        context = app.context(dry_run=dry_run)
        act_for(context, run.login, run.actors, service)
        answer = merge_changes(
            context,
            [pick(word) for word in asked.ids] if label is None else _labelled(context, run, label),
            title=title or asked.title,
            acknowledged=ack_critical or asked.acknowledged,
            job_id=job_id or run.job_id,
        )
        app.show(answer, _text, dry_run=dry_run)
        run.summarise(markdown.merged(answer, dry_run=dry_run))


def _asked(run: CiRun, ids: tuple[str, ...]) -> Request:
    """Which changes are to be merged, by the options, else by the event."""
    if ids:
        return Request(tuple(word for text in ids for word in split_ids(text)))
    asked = run.request()
    if asked is None or not asked.ids:
        raise UsageFault(
            "which changes? there are no --ids, and the event names none",
            hint="`modelref-git ci merge --ids 3,4 --title T`, or a comment `/merge 3 4 TITLE`",
        )
    return asked


def _labelled(context: Context, run: CiRun, label: str) -> list[Pick]:
    """The changes of the pull request that was just given *label*."""
    from modelref_git.operations.ci.labelled import labelled_changes

    if run.label != label or run.head is None:
        raise UsageFault(
            f"no pull request was just given the label {label!r}",
            hint="--label is for runs that such a label starts; else name the changes with --ids",
        )
    return labelled_changes(context, run.head)


def _text(answer: dict[str, Any]) -> Iterator[str]:
    applied, approved = answer["applied"], answer["approved"]
    if approved is not None and approved["batch_id"] is not None:
        yield f"batch {approved['batch_id']}: {render.plain(approved['batch_title'])}"
    rows = applied["applied"] if applied is not None else (approved or {"approved": []})["approved"]
    yield from (render.change_line(row) for row in rows)
    yield from (f"waits: {render.sentence(item['message'])}" for item in answer["waiting"])


@contextlib.contextmanager
def told(app: App, run: CiRun) -> Iterator[None]:
    """Tell a refusal also where the host of a CI shows it: as an annotation, and in the summary of the step."""
    try:
        yield
    except ModelrefError as fault:
        from modelref_git.cli.reports import github, markdown

        run.summarise(markdown.refused(fault.message, fault.hint, fault.details))
        if run.is_github and not app.json:
            sys.stderr.write(f"{github.error(fault.message)}\n")
        raise
