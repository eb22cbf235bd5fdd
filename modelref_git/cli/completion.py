"""``completion``: shell completion."""

from __future__ import annotations

import click

from modelref_git.cli import render


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    For bash: eval "$(modelref-git completion bash)".
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    script = kind(ctx.find_root().command, {}, "modelref-git", COMPLETE_VARIABLE)
    render.write(script.source() + "\n")


COMPLETE_VARIABLE = "_MODELREF_GIT_COMPLETE"
"""The variable by which a shell asks the program for completions."""
