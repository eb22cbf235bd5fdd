"""``member``: the allowlist."""

from __future__ import annotations

from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app, read_input
from modelref_git.proposals.actors import ROLES


@click.group("member")
def command() -> None:
    """List the members of the dataset, or add one."""


@command.command("list")
@pass_app
def list_command(app: App) -> None:
    """List the members with their roles."""
    from modelref_git.operations.administer import list_members

    rows = list_members(app.context())
    cells = [(row["username"], ", ".join(row["roles"]), ", ".join(row["emails"])) for row in rows]
    app.show(rows, lambda _: render.table(("member", "roles", "e-mails"), cells))


@command.command("add")
@click.argument("who", metavar="NAME#ID")
@click.option("--email", "emails", multiple=True, required=True, metavar="E", help="Repeatable.")
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="Repeatable; without one: only reads.")
@click.option("--ssh-key", "key_files", multiple=True, metavar="FILE", help="A public key file (repeatable).")
@dry_run_option
@pass_app
def add(
    app: App,
    who: str,
    emails: tuple[str, ...],
    roles: tuple[str, ...],
    key_files: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Add a member: an approver's act, recorded in the history like any change."""
    from modelref_git.operations.administer import add_member

    keys = tuple(line for file in key_files for line in _key_lines(read_input(file)))
    answer = add_member(app.context(dry_run=dry_run), who, emails=emails, roles=roles, ssh_keys=keys)
    app.show(answer, _text, dry_run=dry_run)


def _key_lines(data: bytes) -> list[str]:
    from modelref_git.errors import Invalid, Problem

    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys or not all(key.startswith(("ssh-", "ecdsa-", "sk-")) for key in keys):
        raise Invalid.of("the key file", [Problem("", "it holds no public SSH key", "member.ssh_key")])
    return keys


def _text(row: dict[str, Any]) -> str:
    return f"added {row['username']}: {', '.join(row['roles']) or 'no role, reads only'}\n"
