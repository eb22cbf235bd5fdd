from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.session import CHECKOUT, README, Command, blocks, commands, play, timeless


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Command]]:
    """The folder in which the README's session was played, and what came out."""
    folder = tmp_path_factory.mktemp("you")
    return folder, play([command.line for command in commands(README)], folder)


def test_the_first_block_is_one_line_from_nothing_to_the_main_job() -> None:
    first = blocks(README)[0].text
    assert first == "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/modelref-git demo\n"


def test_the_second_block_is_one_line_to_passing_tests_and_ci_runs_that_very_line() -> None:
    second = blocks(README)[1].text
    assert second == "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest -n auto\n"
    assert second in (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8").splitlines(keepends=True)


def test_every_command_of_the_session_succeeds(played: tuple[Path, list[Command]]) -> None:
    shown = [command.line for command in commands(README)]
    assert [command.line for command in played[1]] == shown, played[1][-1].output
    assert "FAILED" not in played[1][-1].output


def test_the_session_prints_what_the_readme_shows(played: tuple[Path, list[Command]]) -> None:
    for shown, found in zip(commands(README), played[1], strict=True):
        assert timeless(found.output) == timeless(shown.output), shown.line


def test_the_session_takes_every_step_from_init_to_the_two_histories() -> None:
    lines = [command.line for command in commands(README)]
    steps = ("init", "member add", "propose", "diff", "approve", "apply", "log", "git log --graph", "git log --first")
    places = [next(place for place, line in enumerate(lines) if f" {step} " in f" {line}") for step in steps[:7]]
    assert places == sorted(places)
    assert [line[: len(step)] for step, line in zip(steps[7:], lines[places[-1] + 1 :], strict=False)] == [*steps[7:]]


def test_the_way_in_from_python_runs_on_the_sessions_repository(played: tuple[Path, list[Command]]) -> None:
    (script,) = [block.text for block in blocks(README) if block.language == "python"]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=played[0],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    assert done.returncode == 0, done.stderr
