"""``init --with-ci``: the workflows are part of the first commit, and of what is trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git import workflows
from tests.support.calls import call
from tests.support.world import World

OWNER = ["--owner", "olivia#1", "--email", "olivia@people.example"]


@pytest.mark.parametrize("bare", [False, True])
def test_the_workflows_are_in_the_first_commit(tmp_path: Path, bare: bool) -> None:
    words = ["init", str(tmp_path / "made"), "--empty", "--with-ci", *OWNER, *(["--bare"] if bare else [])]
    call(*words).ok()
    world = World(tmp_path / "made")
    for path, data in workflows.github_files():
        assert world.git("show", f"main:{path}").encode() == data
        assert bare or (world.path / path).read_bytes() == data
    assert world.git("rev-list", "--count", "main").strip() == "1"
    assert world.run("verify").ok().json["ok"] is True
    assert world.run("doctor").ok().json == {"findings": []}
    assert world.run("check").ok().json["ok"] is True


def test_without_the_option_there_are_none(tmp_path: Path) -> None:
    call("init", str(tmp_path / "made"), "--empty", *OWNER).ok()
    assert not (tmp_path / "made" / ".github").exists()


def test_a_dry_run_counts_them_in(tmp_path: Path) -> None:
    words = ["--json", "init", str(tmp_path / "made"), "--empty", "--with-ci", *OWNER]
    dry = call(*words, "--dry-run").ok().json
    assert not (tmp_path / "made").exists()
    assert list(dry) == [*call(*words).ok().json, "dry_run"]
