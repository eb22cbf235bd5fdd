"""``verify``: may this repository be believed?"""

from __future__ import annotations

import click

from modelref_git.cli.app import App, pass_app
from modelref_git.errors import IntegrityFailure


@click.command("verify")
@click.option("--from", "since", metavar="EVENT|REV", help="Only what came behind this trusted event or queue commit.")
@pass_app
def command(app: App, since: str | None) -> None:
    """Check everything that the history promises.

    Exit code 9 with the findings if anything fails.
    """
    from modelref_git.cli import render
    from modelref_git.operations.verify import Report, verify

    def lines(report: Report) -> list[str]:
        told = [
            f"{item.rule}: {render.plain(item.message)}"
            + (f" (event {item.event_id})" if item.event_id is not None else "")
            + (f" [{item.commit}]" if item.commit is not None else "")
            for item in report.findings
        ]
        checked = report.as_json()["checked"]
        return told or ["verified: " + ", ".join(f"{count} {what}" for what, count in checked.items())]

    with app.progress("verify") as advance:
        report = verify(app.context(), since=since, progress=advance)
    # Beside findings an error is told, which with --json is the only document on stderr.
    for note in report.notes if not report.findings else ():
        app.warn(note)
    app.show(report.as_json(), lambda _: lines(report))
    if report.findings:
        count = len(report.findings)
        raise IntegrityFailure(
            f"{count} finding{'s' if count != 1 else ''}: this repository breaks what its history promises",
            hint="`git show COMMIT` shows what each finding names; believe nothing that came after it",
            details=[item.as_json() for item in report.findings],
        )
