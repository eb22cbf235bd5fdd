"""``category``: categories of one's own."""

from __future__ import annotations

import click

from modelref_git.cli import categories
from modelref_git.cli.app import App, dry_run_option, pass_app, read_input


@click.group("category")
def command() -> None:
    """List the categories, or add one of your own."""


@command.command("list")
@pass_app
def list_command(app: App) -> None:
    """List the categories with their record counts."""
    from modelref_git.operations.read import list_categories

    categories.show(app, list_categories(app.context()))


@command.command("add")
@click.argument("name")
@click.option("--schema", required=True, metavar="FILE", help="The JSON Schema of one record (2020-12).")
@dry_run_option
@pass_app
def add(app: App, name: str, schema: str, dry_run: bool) -> None:
    """Add a category of your own; merge hints and critical fields are read from its schema."""
    from modelref_git.operations.administer import add_category

    answer = add_category(app.context(dry_run=dry_run), name, read_input(schema))
    app.show(answer, lambda row: f"added the category {row['category']}\n", dry_run=dry_run)
