"""Streams of a service with several workers, whose repository others change, until a signal ends it."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.server.test_streams import EVENTS, add, parts_of
from tests.support.http_process import serving
from tests.support.world import World

pytestmark = pytest.mark.long


def test_every_listener_of_every_worker_hears_what_others_did_and_is_let_go(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w", empty=True)
    env = {"MODELREF_GRACE": "60"}
    with serving(world, "--workers", "2", "--no-webhooks", env=env) as service, ExitStack() as stack:
        listeners = []
        for _ in range(8):
            client = stack.enter_context(service.client())
            answer = stack.enter_context(client.stream("GET", EVENTS))
            listeners.append(parts_of(answer))
        begins = [next(parts)["id"] for parts in listeners]
        add(world, "one", "two")
        came = [[json.loads(next(parts)["data"])["model_name"] for _ in range(2)] for parts in listeners]
        assert came == [["one", "two"]] * 8
        assert len(set(begins)) == 1
        service.process.send_signal(signal.SIGTERM)
        assert [list(parts) for parts in listeners] == [[]] * 8
        assert service.process.wait(45) == 0, "streams are not waited for, which would be a minute"
