from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from modelref_git.cli.main import COMMANDS, cli
from tests.docs.commands import PAGE, page, root_context


def _commands(info: dict[str, Any], words: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Each command with its options, as click itself tells them."""
    yield " ".join(words), [name for param in info["params"] for name in param["opts"] if name.startswith("-")]
    for name, below in info.get("commands", {}).items():
        yield from _commands(below, (*words, name))


def _all_commands() -> dict[str, list[str]]:
    return dict(_commands(cli.to_info_dict(root_context()), ("modelref-git",)))


def _section(command: str) -> str:
    text = PAGE.read_text(encoding="utf-8")
    heading = "## Global options" if command == "modelref-git" else f"### `{command}`"
    assert f"\n{heading}\n" in text, f"{PAGE.name} has no section about {command}"
    return re.split(r"\n##+ ", text.partition(f"\n{heading}\n")[2])[0]


def test_the_page_is_what_the_commands_help_says_today() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.docs.generated`"


@pytest.mark.parametrize("command", _all_commands())
def test_every_command_has_a_section_with_each_of_its_options(command: str) -> None:
    section = _section(command)
    assert f"\n{command} " in section
    for option in set(_all_commands()[command]) - {"-h", "--help"}:
        assert re.search(rf"^- `[^`]*(?<![\w-]){re.escape(option)}(?![\w-])", section, re.MULTILINE), option


def test_every_command_is_in_a_group_of_the_list() -> None:
    named = [name for names in COMMANDS.values() for name in names]
    assert len(named) == len(set(named))
    assert {words.split()[1] for words in _all_commands() if " " in words} == set(named)


def test_every_command_and_option_tells_what_it_does() -> None:
    def check(info: dict[str, Any], name: str) -> None:
        assert info["help"], name
        for param in info["params"]:
            if param["param_type_name"] == "option":
                assert param["help"], f"{name} {param['opts']}"
        for below, inner in info.get("commands", {}).items():
            check(inner, f"{name} {below}")

    check(cli.to_info_dict(root_context()), "modelref-git")
