"""Makes `docs/commands.md` from the commands' own help: see :mod:`tests.docs.generated`."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from modelref_git.cli.main import COMMANDS, cli

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"

_PROGRAM = "modelref-git"
_FRONT = """\
<!-- Made by `python -m tests.docs.generated` from the commands' help; edits here are lost. -->

# Commands

Every command as `--help` shows it. [README](../README.md) has the exit codes and an overview.
"""


def page() -> str:
    """The whole page."""
    root = root_context()
    parts = [_FRONT, *_section(cli, root, "## Global options")]
    for title, names in COMMANDS.items():
        parts.append(f"## {title}\n")
        for name in names:
            command = cli.get_command(root, name)
            assert command is not None, name
            parts += _command(command, click.Context(command, info_name=name, parent=root))
    return "\n".join(parts)


def root_context() -> click.Context:
    """What the program's own call makes: commands keep the help option that they were first asked for."""
    return click.Context(cli, info_name=_PROGRAM, **cli.context_settings)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    """The sections of a command, or of those below a group."""
    yield from _section(command, context, f"### `{context.command_path}`")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None, name
            yield from _command(below, click.Context(below, info_name=name, parent=context))


def _section(command: click.Command, context: click.Context, heading: str) -> Iterator[str]:
    words = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"{heading}\n"
    yield f"```\n{words}\n```\n"
    yield f"{cleandoc(command.help or '')}\n"
    records = [param.get_help_record(context) for param in command.params if isinstance(param, click.Option)]
    # Releases of click differ in the white space around what they add.
    rows = [f"- `{names}`: {' '.join(text.split())}" for names, text in filter(None, records)]
    if rows:
        yield "\n".join(rows) + "\n"
