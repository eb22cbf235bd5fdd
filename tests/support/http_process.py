"""The service as people start it: ``serve`` as a process of its own, with all that it logs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from httpx import Client, TransportError

from tests.support.calls import CHECKOUT
from tests.support.world import World

_STARTS_WITHIN = 60.0
_PLACE = re.compile(r"^serving .* at (http://\S+) with ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Process:
    """One service, with as many workers as it was started with."""

    world: World
    url: str
    """Its address, without a slash at the end."""
    process: subprocess.Popen[bytes]
    log: Path
    """What it wrote to stdout and stderr."""

    @property
    def said(self) -> str:
        """All that it wrote so far."""
        return self.log.read_text(errors="backslashreplace")

    def workers(self) -> list[int]:
        """The processes that answer, by what Linux tells of the children of one; itself if it has none."""
        parent = self.process.pid
        rows = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        answering = [int(pid) for pid in rows if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return answering or [parent]

    def client(self, key: str | None = None) -> Client:
        """A client with a key; whoever takes it closes it."""
        return Client(base_url=self.url, headers={"apikey": key} if key else {}, timeout=60, trust_env=False)


@contextmanager
def serving(
    world: World, *words: str, env: Mapping[str, str] | None = None, actor: str | None = None
) -> Iterator[Process]:
    """``modelref-git serve`` over *world* at a free port of loopback, stopped at the end as a service is."""
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    who = ["--actor", actor] if actor else []
    log = world.path.parent / f"{world.path.name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "modelref_git", "-C", str(world.path), *who, "serve", "--port", "0", *words],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "MODELREF_GRACE": "5", **(env or {})},
        )
    try:
        yield Process(world, _address(process, log), process, log)
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where it answers, once it does."""
    until = time.monotonic() + _STARTS_WITHIN
    while True:
        found = _PLACE.search(log.read_text(errors="replace"))
        if found is not None:
            try:
                with Client(trust_env=False) as client:
                    client.get(f"{found[1]}/heartbeat").raise_for_status()
            except TransportError:
                pass
            else:
                return found[1]
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < until, "the service did not start in time"
        time.sleep(0.02)
