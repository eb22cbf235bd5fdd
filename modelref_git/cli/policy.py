"""``policy``: what a change needs before it is applied."""

from __future__ import annotations

import click

from modelref_git.cli.app import App, dry_run_option, pass_app, read_input
from modelref_git.cli.policy_answer import policy_text
from modelref_git.cli.settings import value_of


@click.group("policy")
def command() -> None:
    """Show or change modelref.toml: members, policy, protections, rules."""


@command.command("show")
@click.option("--at", "revision", metavar="REV", help="As it was at this revision.")
@pass_app
def show(app: App, revision: str | None) -> None:
    """Print modelref.toml."""
    import tomllib

    from modelref_git.operations.policy_settings import show_policy

    data = show_policy(app.context(), at=revision)
    app.show(tomllib.loads(data.decode()) if app.json else None, lambda _: data.decode())


@command.command("set")
@click.argument("settings", metavar="NAME=VALUE…", nargs=-1, required=True)
@dry_run_option
@pass_app
def set_command(app: App, settings: tuple[str, ...], dry_run: bool) -> None:
    """Set lines of [policy], such as approvals=2, and severities of rules, such as rules.address.page=error.

    flag_roles.moderator='["approver"]' says which roles the login service's moderators have here.
    """
    from modelref_git.operations.policy_settings import set_policy

    pairs = []
    for text in settings:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise click.UsageError(f"{text!r} is not of the form NAME=VALUE")
        pairs.append((name.strip(), value_of(value)))
    app.show(set_policy(app.context(dry_run=dry_run), pairs), policy_text("set the policy"), dry_run=dry_run)


@command.command("except")
@click.argument("rule")
@click.argument("category")
@click.argument("name")
@click.option("--reason", metavar="R", help="Why the rule is wrong about this record.")
@click.option("--remove", is_flag=True, help="Take the exception away.")
@dry_run_option
@pass_app
def except_command(
    app: App, rule: str, category: str, name: str, reason: str | None, remove: bool, dry_run: bool
) -> None:
    """Silence one rule of good data about one record, for a reason that everybody can read."""
    from modelref_git.operations.policy_settings import add_exception, remove_exception
    from modelref_git.proposals.config import RuleException

    if remove == (reason is not None):
        raise click.UsageError("say why with --reason, or take an exception away with --remove")
    exception = RuleException(rule, category, name, reason or "")
    act = remove_exception if remove else add_exception
    done = policy_text("took the exception away" if remove else "excepted the record")
    app.show(act(app.context(dry_run=dry_run), exception), done, dry_run=dry_run)


@command.command("edit")
@click.argument("file", metavar="[FILE|-]", required=False)
@dry_run_option
@pass_app
def edit(app: App, file: str | None, dry_run: bool) -> None:
    """Put a whole new modelref.toml in place: FILE, or today's opened in $EDITOR."""
    from modelref_git.operations.policy_settings import replace_policy, show_policy

    context = app.context(dry_run=dry_run)
    if file is not None:
        data = read_input(file)
    else:
        before = show_policy(context).decode()
        after = click.edit(before, extension=".toml")
        if after is None or after == before:
            app.show(None, lambda _: "")
            app.talk("nothing was changed in the editor, so nothing is proposed")
            return
        data = after.encode()
    app.show(replace_policy(context, data), policy_text("edited modelref.toml"), dry_run=dry_run)
