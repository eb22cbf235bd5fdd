"""``category``: categories of one's own."""

from __future__ import annotations

import click

from modelref_git.cli import categories, render
from modelref_git.cli.app import App, dry_run_option, pass_app, read_input
from modelref_git.cli.policy_answer import policy_text


@click.group("category")
def command() -> None:
    """List the categories, add one of your own, or change how one is kept."""


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
    from modelref_git.operations.category_schemas import add_category

    answer = add_category(app.context(dry_run=dry_run), name, read_input(schema))
    app.show(answer, policy_text(f"added the category {name}"), dry_run=dry_run)


@command.command("update")
@click.argument("name")
@click.option("--schema", required=True, metavar="FILE", help="The JSON Schema of one record (2020-12).")
@dry_run_option
@pass_app
def update(app: App, name: str, schema: str, dry_run: bool) -> None:
    """Give a category another schema; every live record must satisfy it."""
    from modelref_git.operations.category_schemas import update_category

    answer = update_category(app.context(dry_run=dry_run), name, read_input(schema))
    app.show(answer, policy_text(f"updated the schema of {name}"), dry_run=dry_run)


@command.command("layout")
@click.argument("name")
@click.option("--fan-out", required=True, type=click.IntRange(0, 2), help="Levels of folders by hash: 0, 1 or 2.")
@dry_run_option
@pass_app
def layout(app: App, name: str, fan_out: int, dry_run: bool) -> None:
    """Split the folder of a category for many records, or join it again; no record changes."""
    from modelref_git.operations.layout import set_fan_out

    answer = set_fan_out(app.context(dry_run=dry_run), name, fan_out)
    app.show(
        answer,
        lambda row: f"{name} is split by {render.counted(fan_out, 'level')}; main is {row['main']}\n",
        dry_run=dry_run,
    )
