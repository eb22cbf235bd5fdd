"""Makes `docs/settings.md` from the settings of the service: see :mod:`tests.docs.generated`."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Final

import click

from modelref_git.cli.serve import command
from modelref_git.server.settings import PREFIX, Settings
from tests.docs.session import CHECKOUT
from tests.docs.shapes import table

PAGE = CHECKOUT / "docs" / "settings.md"

_FRONT = """\
<!-- Made by `python -m tests.docs.generated` from the settings of the service; edits here are lost. -->

# Settings

What `modelref-git serve` can be told, by an option or by a variable of the environment; an option wins.
[Running the service](deployment.md) says when one needs which. Yes and no are `true` and `false` in a variable.
Settings of a dataset are in its [`modelref.toml`](formats.md#modelreftoml), the variables that all commands know in the
[README](../README.md#environment).
"""

_GLOBAL: Final = {
    "repo": ("-C", "The dataset repository.", "the folder it starts in"),
    "actor": ("--actor", "The member with the role `service` who attests what it writes for others.", "nobody"),
}
"""Settings that are options of every command, and so none of ``serve``."""


def page() -> str:
    """The whole page."""
    options = {option.name: option for option in command.params if isinstance(option, click.Option)}
    assert {item.name for item in fields(Settings)} == {*options, *_GLOBAL}
    rows = []
    for item in fields(Settings):
        if item.name in _GLOBAL:
            flag, text, default = _GLOBAL[item.name]
        else:
            option = options[item.name]
            flag = "/".join([*option.opts, *option.secondary_opts])
            text, _, default = re.match(r"(.*?)(\s*\[default: (.*)\])?$", option.help or "", re.DOTALL).groups()  # type: ignore[union-attr]
            default = _word(item.default) or default or ""
        rows.append((PREFIX + item.name.upper(), f"`{flag}`", text, default))
    return f"{_FRONT}\n{table(('variable', 'option', 'what it says', 'unless given'), rows)}"


def _word(default: object) -> str:
    """A default for people."""
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, float):
        return f"`{default:g}`"
    shown = ",".join(default) if isinstance(default, tuple) else default
    return f"`{shown}`" if shown not in (None, "") else ""
