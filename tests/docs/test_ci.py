"""The pages about CI and hosts: sessions, the example of GitLab, and the lines for cron, run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from modelref_git import __version__
from modelref_git.cli.exits import CODES
from tests.docs.session import CHECKOUT, blocks, check_page, commands, play
from tests.support.branches import branch, canonical
from tests.support.calls import call
from tests.support.workflow import program_on_path
from tests.support.world import World, clip

CI, HOSTS = (CHECKOUT / "docs" / name for name in ("ci.md", "hosts.md"))


@pytest.mark.long
@pytest.mark.parametrize("page", [CI, HOSTS], ids=["ci", "hosts"])
def test_the_session_of_the_page_prints_what_it_shows(page: Path, tmp_path: Path) -> None:
    check_page(page, tmp_path)


@pytest.mark.parametrize("page", [CI, HOSTS], ids=["ci", "hosts"])
def test_the_page_ends_with_what_can_go_wrong_and_names_exit_codes_that_there_are(page: Path) -> None:
    heading, *rows = page.read_text(encoding="utf-8").split("\n## ")[-1].splitlines()
    assert heading == "What can go wrong"
    codes = [int(cells[1]) for row in rows if len(cells := row.split(" | ")) == 3 and cells[1].isdigit()]
    assert len(codes) > 3
    assert set(codes) <= {0, *CODES.values()}


@pytest.fixture
def project(tmp_path: Path) -> World:
    """A repository of a host, with a service member and a branch that waits."""
    world = World.make(tmp_path / "host" / "models.git", bare=True)
    world.run_policy("member", "add", "ci#ci", "--email", "ci@people.example", "--role", "service")
    branch(world, {"dataset/clip/ViT-X%2F16.json": canonical("clip", clip())}, name="intake/better")
    return world


def gitlab() -> str:
    (text,) = (block.text for block in blocks(CI) if block.language == "yaml")
    return text


def test_gitlab_takes_the_example_and_it_installs_this_version(tmp_path: Path) -> None:
    path = tmp_path / ".gitlab-ci.yml"
    path.write_text(gitlab(), encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(path)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()
    assert f"modelref-git=={__version__}" in gitlab()


def test_the_jobs_of_gitlab_take_a_branch_all_the_way(project: World, tmp_path: Path) -> None:
    document: Any = YAML(typ="safe").load(gitlab())

    def run(job: str, **more: str) -> subprocess.CompletedProcess[bytes]:
        place = tmp_path / job
        place.mkdir()
        lines = [*document[".modelref"]["before_script"], *document[job]["script"]]
        lines = [line for line in lines if not line.startswith("pip install")]
        env = {
            **program_on_path(place),
            "CI": "true",
            "CI_PROJECT_URL": f"file://{project.path.with_suffix('')}",
            "CI_JOB_TOKEN": "token",
            "GITLAB_USER_LOGIN": "arthur",
            "MODELREF_ACTORS": "arthur = 3",
            **more,
        }
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(lines)], cwd=place, env=env, capture_output=True
        )

    head = project.git("rev-parse", "intake/better").strip()
    for job, more in (
        ("check", {"CI_COMMIT_SHA": head}),
        ("intake", {}),
        ("merge", {"IDS": "4", "TITLE": "$(id) June"}),
    ):
        done = run(job, **more)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    row = project.run("show", "4").ok().json
    assert (row["status"], row["batch_title"], row["approved_username"]) == ("applied", "$(id) June", "arthur#3")
    assert "refs/heads/intake/better" not in project.refs()


def test_the_lines_for_cron_run_in_a_clone(project: World, tmp_path: Path) -> None:
    call("clone", f"file://{project.path}", str(tmp_path / "models")).ok()
    (text,) = (block.text for block in blocks(CI) if block.language == "sh")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    env = {**program_on_path(tmp_path), "HOME": str(tmp_path)}
    for line in lines:
        command = re.fullmatch(r"(?:\S+ +){5}(.*)", line)
        assert command is not None
        done = subprocess.run(["sh", "-c", command[1]], env=env, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
    assert project.run("changes", "--status", "pending").ok().json["total"] == 1


def test_what_the_page_of_hosts_forbids_is_forbidden_on_the_plain_server(tmp_path: Path) -> None:
    lines = [command.line for command in commands(HOSTS)]
    play(lines, tmp_path)
    shutil.rmtree(tmp_path / "bin")
    host, clone = tmp_path / "models.git", tmp_path / "clone"
    env = {
        **os.environ,
        "GIT_AUTHOR_NAME": "x",
        "GIT_AUTHOR_EMAIL": "x@y",
        "GIT_COMMITTER_NAME": "x",
        "GIT_COMMITTER_EMAIL": "x@y",
    }

    def git(*words: str) -> int:
        return subprocess.run(["git", "-C", str(clone), *words], env=env, capture_output=True, check=False).returncode

    subprocess.run(["git", "clone", "-q", str(host), str(clone)], check=True)
    assert git("commit", "-q", "--amend", "-m", "another") == 0
    assert git("push", "--force", "origin", "HEAD:main") != 0
    assert git("push", "origin", "HEAD:intake/x") == 0
