"""A host's runner in small: it reads a workflow file and runs the steps of a job, as far as ours need it."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.support.calls import CHECKOUT

INSTALL = "install"
"""The id of the step that installs the program, which is here already."""

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|\|\||&&|==|!=|!|[(),]|[\w.-]+)")


@dataclass(frozen=True, slots=True)
class Ran:
    """One step that ran."""

    name: str
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class JobRun:
    """What became of a job."""

    steps: list[Ran]
    summary: str

    @property
    def ok(self) -> bool:
        return all(step.code == 0 for step in self.steps)

    @property
    def said(self) -> str:
        """All that the steps said, for a failing test to show."""
        return "\n".join(f"--- {step.name}: {step.code}\n{step.out}{step.err}" for step in self.steps)


@dataclass(slots=True)
class Host:
    """A Git host with a CI: repositories in a folder, and what its settings say."""

    folder: Path
    """Where the repositories are: ``folder/OWNER/NAME``."""
    work: Path
    """Where runs happen."""
    repository: str = "people/models"
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def remote(self) -> Path:
        """The repository that the workflows belong to."""
        return self.folder / self.repository

    def workflow(self, name: str) -> Any:
        """A workflow as it stands on the default branch."""
        text = _git(self.remote, "show", f"main:.github/workflows/{name}")
        return YAML(typ="safe").load(text)

    def fork(self, name: str) -> None:
        """Copy the repository to ``OWNER/NAME``, as a stranger may."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        _git(self.folder, "clone", "-q", "--bare", str(self.remote), str(self.folder / name))

    def pull_request(self, number: int, fork: str, branch: str) -> dict[str, Any]:
        """Open or renew a pull request of a fork's branch; gives the event."""
        ref = f"refs/pull/{number}/head"
        _git(self.remote, "fetch", "-q", str(self.folder / fork), f"+{branch}:{ref}")
        head = _git(self.remote, "rev-parse", ref).strip()
        return {"action": "synchronize", "number": number, "pull_request": {"number": number, "head": {"sha": head}}}

    def start(
        self, name: str, event: str, payload: Mapping[str, Any], *, actor: str, head: str = "", attempt_by: str = ""
    ) -> JobRun | None:
        """Run the one job of a workflow; ``None`` if its condition does not hold."""
        document = self.workflow(name)
        assert event in document["on"], f"{name} is not started by {event}"
        ((_, job),) = document["jobs"].items()
        sha = head or _git(self.remote, "rev-parse", "main").strip()
        contexts = {
            "github": {
                "event": payload,
                "event_name": event,
                "sha": sha,
                "token": "gh-token",
                "ref": "refs/heads/main",
            },
            "secrets": self.secrets,
            "vars": self.variables,
            "inputs": payload.get("inputs") or {},
        }
        if "if" in job and not truth(evaluate(str(job["if"]), contexts)):
            return None
        return self._run(document, job, contexts, payload, actor, attempt_by or actor)

    def _run(
        self, document: Any, job: Any, contexts: Mapping[str, Any], payload: Mapping[str, Any], actor: str, again: str
    ) -> JobRun:
        number = next(self._numbers)
        place = self.work / f"run{number}"
        workspace, temp = place / "workspace", place / "temp"
        for folder in (workspace, temp):
            folder.mkdir(parents=True)
        for name in ("event.json", "summary.md", "path"):
            (place / name).touch()
        (place / "event.json").write_text(json.dumps(payload), encoding="utf-8")
        env = {
            **program_on_path(place),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": actor,
            "GITHUB_TRIGGERING_ACTOR": again,
            "GITHUB_EVENT_NAME": str(contexts["github"]["event_name"]),
            "GITHUB_EVENT_PATH": str(place / "event.json"),
            "GITHUB_PATH": str(place / "path"),
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_RUN_ID": str(1000 + number),
            "GITHUB_SERVER_URL": f"file://{self.folder}",
            "GITHUB_SHA": str(contexts["github"]["sha"]),
            "GITHUB_STEP_SUMMARY": str(place / "summary.md"),
            "RUNNER_TEMP": str(temp),
        }
        steps = list(_steps(document, job, contexts, env, workspace))
        return JobRun(steps, (place / "summary.md").read_text(encoding="utf-8"))


def _steps(
    document: Any, job: Any, contexts: Mapping[str, Any], env: Mapping[str, str], workspace: Path
) -> Iterator[Ran]:
    assert document["defaults"]["run"]["shell"] == "bash"
    for step in job["steps"]:
        assert "uses" not in step, "no action of somebody else's runs here"
        if step.get("id") == INSTALL:
            assert re.search(r'"modelref-git(\[pages\])?==', step["run"])
            continue
        more = {key: resolved(str(value), contexts) for key, value in (step.get("env") or {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=workspace,
            env={**env, **more},
            capture_output=True,
            check=False,
        )
        yield Ran(step["name"], done.returncode, done.stdout.decode(), done.stderr.decode())
        if done.returncode:
            return


def program_on_path(place: Path) -> dict[str, str]:
    """This machine's environment with the program on its path, and nothing that says who asks."""
    programs = place / "bin"
    programs.mkdir()
    program = programs / "modelref-git"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m modelref_git "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MODELREF_", "GITHUB_"))}
    return {**kept, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(paths)}


def _git(repository: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(repository), *words], capture_output=True, check=True)
    return done.stdout.decode()


# --- expressions -----------------------------------------------------------------------------------------------------


def resolved(text: str, contexts: Mapping[str, Any]) -> str:
    """*text* with every expression in it replaced by its value."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: _text(evaluate(found[1], contexts)), text)


def evaluate(text: str, contexts: Mapping[str, Any]) -> Any:
    """The value of an expression: names, texts, comparisons, ``&&``, ``||``, ``!`` and ``startsWith``."""
    words = _TOKEN.findall(text)
    assert "".join(words) == re.sub(r"\s+(?=(?:[^']*'[^']*')*[^']*$)", "", text), f"{text!r} is not understood"
    value, rest = _either(words, contexts)
    assert not rest, f"{text!r} goes on behind its end"
    return value


def truth(value: Any) -> bool:
    return value not in (None, False, "", 0)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _either(words: list[str], contexts: Mapping[str, Any]) -> tuple[Any, list[str]]:
    value, words = _both(words, contexts)
    while words[:1] == ["||"]:
        other, words = _both(words[1:], contexts)
        value = value if truth(value) else other
    return value, words


def _both(words: list[str], contexts: Mapping[str, Any]) -> tuple[Any, list[str]]:
    value, words = _compared(words, contexts)
    while words[:1] == ["&&"]:
        other, words = _compared(words[1:], contexts)
        value = other if truth(value) else value
    return value, words


def _compared(words: list[str], contexts: Mapping[str, Any]) -> tuple[Any, list[str]]:
    value, words = _single(words, contexts)
    while words[:1] in (["=="], ["!="]):
        sign = words[0]
        other, words = _single(words[1:], contexts)
        value = (_text(value).casefold() == _text(other).casefold()) is (sign == "==")
    return value, words


def _single(words: list[str], contexts: Mapping[str, Any]) -> tuple[Any, list[str]]:
    first, *rest = words
    if first == "!":
        value, rest = _single(rest, contexts)
        return not truth(value), rest
    if first == "(":
        value, rest = _either(rest, contexts)
        return value, rest[1:]
    if first == "startsWith":
        text, rest = _either(rest[1:], contexts)
        prefix, rest = _either(rest[1:], contexts)
        return _text(text).casefold().startswith(_text(prefix).casefold()), rest[1:]
    if first.startswith("'"):
        return first[1:-1].replace("''", "'"), rest
    value = contexts
    for part in first.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None  # type: ignore[assignment]
    return value, rest
