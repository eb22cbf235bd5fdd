"""``member``: the allowlist."""

from __future__ import annotations

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, dry_run_option, pass_app, read_input
from modelref_git.cli.policy_answer import policy_text
from modelref_git.proposals.actors import ROLES


@click.group("member")
def command() -> None:
    """List the members of the dataset, add or remove one, or change what one may do."""


@command.command("list")
@pass_app
def list_command(app: App) -> None:
    """List the members with their roles."""
    from modelref_git.operations.members import list_members

    rows = list_members(app.context())
    cells = [(row["username"], ", ".join(row["roles"]), ", ".join(row["emails"])) for row in rows]
    app.show(rows, lambda _: render.table(("member", "roles", "e-mails"), cells))


@command.command("add")
@click.argument("who", metavar="NAME#ID")
@click.option("--email", "emails", multiple=True, required=True, metavar="E", help="Repeatable.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="ROLE",
    help=f"{', '.join(ROLES)}, or approver:CATEGORY (repeatable); without one: only reads.",
)
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
    """Add a member: a change of the policy, recorded in the history like any other."""
    from modelref_git.operations.members import add_member, public_keys

    keys = tuple(line for file in key_files for line in public_keys(read_input(file)))
    answer = add_member(app.context(dry_run=dry_run), who, emails=emails, roles=roles, ssh_keys=keys)
    roles_text = ", ".join(answer["roles"]) or "no role, reads only"
    app.show(answer, policy_text(f"added {answer['username']}: {roles_text}"), dry_run=dry_run)


@command.command("remove")
@click.argument("ident", metavar="ID")
@dry_run_option
@pass_app
def remove(app: App, ident: str, dry_run: bool) -> None:
    """Take a member off the list; what they did stays in the history."""
    from modelref_git.operations.members import remove_member

    answer = remove_member(app.context(dry_run=dry_run), ident)
    app.show(answer, policy_text(f"removed {answer['username']}"), dry_run=dry_run)


@command.command("role", context_settings={"ignore_unknown_options": True})
@click.argument("ident", metavar="ID")
@click.argument("changes", metavar="+ROLE|-ROLE…", nargs=-1, type=click.UNPROCESSED)
@dry_run_option
@pass_app
def role(app: App, ident: str, changes: tuple[str, ...], dry_run: bool) -> None:
    """Give a member roles (+approver) or take them away (-approver)."""
    from modelref_git.operations.members import change_roles

    answer = change_roles(app.context(dry_run=dry_run), ident, changes)
    roles_text = ", ".join(answer["roles"]) or "no role, reads only"
    app.show(answer, policy_text(f"{answer['username']}: {roles_text}"), dry_run=dry_run)
