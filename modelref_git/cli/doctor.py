"""``doctor``: what a crash or a hand left behind."""

from __future__ import annotations

import click

from modelref_git.cli.app import App, pass_app
from modelref_git.errors import IntegrityFailure


@click.command("doctor")
@click.option("--repair", is_flag=True, help="Roll forward what is behind, remove what nobody needs.")
@pass_app
def command(app: App, repair: bool) -> None:
    """Look for what a crash or a hand left behind."""
    from modelref_git.operations.maintain import Finding, examine

    report = examine(app.context(), repair=repair)

    def line(finding: Finding) -> str:
        return f"{finding.code}: {finding.message}" + (" (repaired)" if finding.repaired else "")

    app.show(report.as_json(), lambda _: [line(item) for item in report.findings] or ["all is well"])
    if report.is_beyond_repair:
        raise IntegrityFailure(
            "something was found that only a person can settle",
            hint="whoever moved these branches by hand has to say what was meant",
            details=[item.as_json() for item in report.findings],
        )
    if not repair and report.is_repairable:
        app.talk("next: `modelref-git doctor --repair`")
