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
    """Set lines of [policy], such as two_person_review=false or approvals=2."""
    from modelref_git.operations.policy_settings import set_policy

    pairs = []
    for text in settings:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise click.UsageError(f"{text!r} is not of the form NAME=VALUE")
        pairs.append((name.strip(), value_of(value)))
    app.show(set_policy(app.context(dry_run=dry_run), pairs), policy_text("set the policy"), dry_run=dry_run)


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
