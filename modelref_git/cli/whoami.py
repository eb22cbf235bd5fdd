"""``whoami``: as whom one acts."""

from __future__ import annotations

from typing import Any

import click

from modelref_git.cli.app import App, pass_app


@click.command("whoami")
@pass_app
def command(app: App) -> None:
    """Tell as whom you act here, and with which roles."""
    from modelref_git.operations.members import whoami

    app.show(whoami(app.context()), _text)


def _text(row: dict[str, Any]) -> str:
    return f"{row['username']}: {', '.join(row['roles']) or 'no role, reads only'}\n"
