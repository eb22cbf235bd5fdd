"""The workflow files themselves: what their host takes, and what we ask of them besides."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from modelref_git import __version__, workflows
from tests.support.workflow import INSTALL

FILES = dict(workflows.github_files())
NAMES = sorted(FILES)
WRITERS = [name for name in NAMES if not name.endswith("check.yml")]


def document(name: str) -> Any:
    return YAML(typ="safe").load(FILES[name].decode())


def jobs(name: str) -> list[Any]:
    return list(document(name)["jobs"].values())


def steps(name: str) -> Iterator[Any]:
    for job in jobs(name):
        yield from job["steps"]


def validate(schema: str, *paths: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, paths)],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_their_host_takes_them(tmp_path: Path) -> None:
    paths = [tmp_path / Path(name).name for name in NAMES]
    for name, path in zip(NAMES, paths, strict=True):
        path.write_bytes(FILES[name])
    validate("vendor.github-workflows", *paths)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_put_into_a_script_by_the_host(name: str) -> None:
    for step in steps(name):
        assert "${{" not in step["run"], "an expression in a script is code of whoever wrote the value"


@pytest.mark.parametrize("name", NAMES)
def test_no_action_of_anybodys_runs(name: str) -> None:
    assert all("uses" not in step for step in steps(name))
    assert all("uses" not in job and "container" not in job for job in jobs(name))


@pytest.mark.parametrize("name", NAMES)
def test_rights_are_given_job_by_job_and_none_besides(name: str) -> None:
    assert document(name)["permissions"] == {}
    wanted = {"contents": "write"} if name in WRITERS else {"contents": "read"}
    assert [job["permissions"] for job in jobs(name)] == [wanted]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_may_write_is_started_by_a_strangers_branch(name: str) -> None:
    events = document(name)["on"]
    assert "pull_request_target" not in events
    if name in WRITERS:
        # These run on the default branch's own files, whatever anybody pushes.
        assert set(events) <= {"workflow_dispatch", "workflow_run", "issue_comment", "schedule"}


def test_what_looks_at_strangers_data_has_no_secret_and_checks_out_no_file() -> None:
    text = FILES[".github/workflows/modelref-check.yml"].decode()
    assert "secrets." not in text
    assert not re.search(r"git (checkout|switch|worktree|pull|merge|submodule)\b", text)


@pytest.mark.parametrize("name", WRITERS)
def test_what_may_write_has_its_secrets_in_an_environment_of_its_own(name: str) -> None:
    assert [job["environment"] for job in jobs(name)] == ["modelref"]


@pytest.mark.parametrize("name", NAMES)
def test_the_program_is_pinned_to_this_version(name: str) -> None:
    (install,) = (step for step in steps(name) if step.get("id") == INSTALL)
    wanted = "modelref-git[pages]" if name.endswith("site.yml") else "modelref-git"
    assert f'"{wanted}=={__version__}"' in install["run"]
    assert "@VERSION@" not in FILES[name].decode()


@pytest.mark.parametrize("name", NAMES)
def test_every_run_ends(name: str) -> None:
    assert all(job["timeout-minutes"] <= 15 for job in jobs(name))


@pytest.mark.parametrize("name", NAMES)
def test_no_run_that_writes_is_thrown_away_for_another(name: str) -> None:
    for part in (document(name), *jobs(name)):
        group = part.get("concurrency")
        if group is not None and name in WRITERS:
            # A group keeps one run waiting and drops the others, so different requests are in different groups.
            assert "${{" in group["group"]
            assert not group.get("cancel-in-progress")


def test_the_wheel_carries_them() -> None:
    folder = Path(workflows.__file__).parent / "github"
    assert sorted(path.name for path in folder.iterdir()) == sorted(Path(name).name for name in NAMES)
