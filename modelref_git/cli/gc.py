"""``gc``: packs objects and refs."""

from __future__ import annotations

from typing import Any

import click

from modelref_git.cli.app import App, dry_run_option, pass_app


@click.command("gc")
@dry_run_option
@pass_app
def command(app: App, dry_run: bool) -> None:
    """Pack objects and refs; nothing is pruned."""
    from modelref_git.operations.maintain import collect_garbage

    app.show(collect_garbage(app.context(dry_run=dry_run)), _text, dry_run=dry_run)


def _text(row: dict[str, Any]) -> str:
    before, after = row["bytes_before"] / 1024, row["bytes_after"] / 1024
    return f"{row['objects_after']} objects, {before:.0f} KiB before, {after:.0f} KiB now\n"
