"""The command ``modelref-git``: its global options, and its commands, each loaded when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import click

from modelref_git import __version__
from modelref_git.cli import exits
from modelref_git.cli.app import App
from modelref_git.errors import ModelrefError

COMMANDS: Final = {
    "Start": ("init", "clone", "import", "demo"),
    "Read": (
        "categories",
        "ls",
        "get",
        "search",
        "log",
        "blame",
        "diff-revs",
        "feed",
        "check",
        "export",
        "site",
        "download",
    ),
    "Propose": ("propose", "image", "status", "changes", "show", "diff", "conflicts", "withdraw", "note"),
    "Review": ("review", "approve", "reject", "hold", "unhold", "apply", "revert", "purge"),
    "Audit": ("audit", "verify"),
    "Automate": ("ci", "hook"),
    "Share": ("pull", "push"),
    "Replicate": ("replica",),
    "Serve": ("serve",),
    "Administer": (
        "whoami",
        "member",
        "category",
        "policy",
        "key",
        "webhook",
        "adopt",
        "disown",
        "doctor",
        "gc",
        "merge-driver",
        "diff-driver",
        "completion",
    ),
}
"""The commands in the order in which a person meets them."""

_MODULES: Final = {
    "import": "import_records",
    "diff-revs": "diff_revs",
    "merge-driver": "merge_driver",
    "diff-driver": "diff_driver",
}


class LazyGroup(click.Group):
    """A group whose commands are imported one by one, so that each starts as quickly as it can."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All commands, in order."""
        return [name for names in COMMANDS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"modelref_git.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by what they are for."""
        for title, names in COMMANDS.items():
            rows = []
            for name in names:
                command = self.get_command(ctx, name)
                rows.append((name, command.get_short_help_str(72) if command is not None else ""))
            with formatter.section(title):
                formatter.write_dl(rows)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `modelref-git demo`: it goes the whole way in a new folder and prints each command.",
)
@click.option(
    "-C",
    "--repo",
    metavar="PATH",
    envvar="MODELREF_REPO",
    help="The dataset repository. Default: $MODELREF_REPO, else found upward from here.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document on stdout.")
@click.option(
    "--actor",
    metavar="ID",
    envvar="MODELREF_ACTOR",
    help="Act as this member (its id, or NAME#ID). Default: $MODELREF_ACTOR, else the member with git's user.email.",
)
@click.option("--offline", is_flag=True, help="In a clone: ask no remote. Proposals wait until `push`.")
@click.option("-q", "--quiet", is_flag=True, help="Say less on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")
@click.version_option(__version__, "--version", message="modelref-git %(version)s")
@click.pass_context
def cli(
    ctx: click.Context, repo: str | None, as_json: bool, actor: str | None, offline: bool, quiet: bool, verbose: bool
) -> None:
    """Review and audit changes of a curated JSON dataset, kept in Git.

    Each proposal is a branch commit, approved proposals are merged into a batch, apply fast-forwards main, and the
    branch queue holds every event.
    """
    ctx.obj = App(repo, as_json, actor or None, offline, quiet, verbose)


def run(arguments: Sequence[str]) -> int:
    """Run one command; errors are told on stderr. Gives the exit code."""
    options = list(arguments)
    spoken = options[: options.index("--")] if "--" in options else options
    as_json = "--json" in spoken
    verbose = any(option in ("-v", "--verbose") for option in spoken)
    try:
        answer: Any = cli.main(args=options, prog_name="modelref-git", standalone_mode=False)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("interrupted; what had been said done is done\n")
        return exits.INTERRUPTED
    except (ModelrefError, click.ClickException) as error:
        return exits.tell(error, as_json=as_json)
    except Exception as error:  # the last resort: told as the defect that it is
        return exits.tell(error, as_json=as_json, verbose=verbose)
    return answer if isinstance(answer, int) else 0
