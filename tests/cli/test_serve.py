from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from modelref_git.server.settings import Settings
from tests.support.calls import call
from tests.support.world import World


def started(monkeypatch: pytest.MonkeyPatch, *words: str, env: dict[str, str] | None = None) -> Settings:
    """The settings with which the command would start the service."""
    found: list[Settings] = []

    def start(name: str, **_options: Any) -> None:
        assert name == "modelref_git.server"
        found.append(Settings.from_environment(os.environ))

    monkeypatch.setattr(runpy, "run_module", start)
    monkeypatch.setattr(os, "environ", {**os.environ, **(env or {})})
    answer = call(*words)
    assert answer.code == 0, answer.err
    return found[0]


def test_without_options_it_is_set_up_as_is_usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = started(monkeypatch, "-C", str(tmp_path), "serve")
    assert found == Settings(repo=tmp_path)


def test_an_option_wins_over_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"MODELREF_PORT": "1234", "MODELREF_WORKERS": "3", "MODELREF_READ_ONLY": "true"}
    found = started(monkeypatch, "-C", str(tmp_path), "serve", "--port", "0", "--no-read-only", env=env)
    assert (found.port, found.workers, found.read_only) == (0, 3, False)


def test_every_option_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (
        *("--host", "::1", "--port", "5", "--workers", "2", "--read-only", "--auth", "keys,horde,file"),
        *("--auth-file", "/a", "--keys-file", "/k", "--horde-url", "http://horde/", "--canonical-format", "legacy"),
        *("--no-queue", "--no-audit", "--no-pages", "--no-webhooks", "--files", "/f"),
        *("--cors-origins", "https://a,https://b"),
        *("--max-body", "4096", "--rate-limit", "7", "--write-wait", "3", "--follow", "1", "--no-access-log"),
        *("--grace", "4", "--forwarded-allow-ips", "*"),
    )
    found = started(monkeypatch, "-C", str(tmp_path), "--actor", "web#90", "serve", *words)
    usual = Settings()
    assert [name for name in Settings.__slots__ if getattr(found, name) == getattr(usual, name)] == []
    assert (found.actor, found.auth) == ("web#90", ("keys", "horde", "file"))


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (("--port", "70000"), 2, "MODELREF_PORT"),
        (("--auth", "passwords"), 2, "MODELREF_AUTH"),
        (("--auth", "file"), 2, "--auth-file"),
        (("--auth", "file", "--auth-file", "no-such-file"), 3, "no-such-file"),
        (("--host", "203.0.113.77", "--port", "1"), 2, "cannot be listened on"),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, what: str
) -> None:
    world = World.make(tmp_path / "w")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    answer = call("-C", str(world.path), "serve", *words)
    assert (answer.code, answer.out) == (code, b""), answer.err
    assert what in answer.err.decode()


def test_a_folder_without_a_dataset_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert call("-C", str(tmp_path), "serve").code == 3


def test_without_the_extra_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    answer = call("-C", str(tmp_path), "serve")
    assert answer.code == 2
    assert "pip install 'modelref-git[server]'" in answer.err.decode()
