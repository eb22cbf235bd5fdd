"""The page on running the service: its session, and what it says of settings, metrics, limits and the unit."""

from __future__ import annotations

import json
import logging
import re
import shlex
import socket
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

from modelref_git.server import front, streams
from modelref_git.server.settings import Settings
from tests.docs.session import CHECKOUT, blocks, commands, play, timeless
from tests.support.http import wire
from tests.support.world import World

PAGE = CHECKOUT / "docs" / "deployment.md"
UNIT = CHECKOUT / "docs" / "modelref-git.service"
PORT = "19800"


@pytest.mark.long
def test_the_session_runs_as_it_is_shown(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    shown = commands(PAGE)
    found = play([f"export MODELREF_PORT={port}", *(one.line.replace(PORT, port) for one in shown)], tmp_path)[1:]
    assert len(found) == len(shown), found[-1].output
    for want, got in zip(shown, found, strict=True):
        assert timeless(got.output.replace(port, PORT)) == timeless(want.output), want.line


class _Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def access() -> Iterator[list[str]]:
    """The lines of the access log."""
    handler, level = _Lines(), front.ACCESS.level
    front.ACCESS.addHandler(handler)
    front.ACCESS.setLevel(logging.INFO)
    yield handler.lines
    front.ACCESS.removeHandler(handler)
    front.ACCESS.setLevel(level)


def test_what_is_watched_is_counted_and_what_is_logged_is_shown(tmp_path: Path, access: list[str]) -> None:
    named = set(re.findall(r"`(modelref_[a-z_]+)`", PAGE.read_text(encoding="utf-8")))
    with wire(World.make(tmp_path / "w"), access_log=True) as http:
        http.get("/heartbeat", None)
        metrics = http.get("/metrics", None).text
    counted = set(re.findall(r"^(modelref_\w+?)(?:_bucket|_count|_sum|_created)?[{ ]", metrics, re.MULTILINE))
    counted.discard("modelref_requests")  # when its counting began
    assert named == counted
    [shown] = [json.loads(block.text) for block in blocks(PAGE) if block.language == "json"]
    assert [list(json.loads(line)) for line in access] == [list(shown)] * 2


def test_the_limits_are_those_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"| streams of one worker | {streams.AT_MOST} |" in text
    assert f"sends something every {streams.HEARTBEAT:.0f} seconds" in text
    assert f"| {streams.SENT_WITHIN:.0f} seconds | the stream ends |" in text
    assert f"| path, query and headers together | {front._HEAD_AT_MOST // 1024} KiB |" in text


def unit() -> dict[str, dict[str, list[str]]]:
    """The unit by section and key; a key may stand there several times."""
    parser = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their letters
    text = UNIT.read_text(encoding="utf-8")
    parser.read_string(re.sub(r"^Environment=(\w+)", r"Environment:\1", text, flags=re.MULTILINE))
    return {name: {key: [value] for key, value in parser[name].items()} for name in parser.sections()}


def test_the_unit_starts_the_service_with_settings_that_it_takes() -> None:
    found = unit()
    assert list(found) == ["Unit", "Service", "Install"]
    service = found["Service"]
    environment = {
        key.removeprefix("Environment:"): value[0] for key, value in service.items() if key.startswith("Environment:")
    }
    assert {"MODELREF_REPO", "MODELREF_ACTOR"} <= set(environment)
    settings = Settings.from_environment(environment)
    assert set(environment) <= set(settings.as_environment())
    assert shlex.split(service["ExecStart"][0])[1:] == ["serve"]
    state = f"/var/lib/{service['StateDirectory'][0]}"
    assert str(settings.repo).startswith(f"{state}/")
    assert int(service["TimeoutStopSec"][0]) > settings.grace, "systemd kills what the service would have ended"
    assert service["KillMode"] == ["mixed"]


def test_the_unit_leaves_the_service_nothing_that_it_does_not_need() -> None:
    service = unit()["Service"]
    for key in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictSUIDSGID"):
        assert service[key] == ["yes"], key
    assert service["ProtectSystem"] == ["strict"]
    assert service["CapabilityBoundingSet"] == [""]
    assert service["User"] != ["root"]
    assert "AF_UNIX" in service["RestrictAddressFamilies"][0], "workers and loopback"
