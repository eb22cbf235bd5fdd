"""Calls of the command line: in this process, which is quick, or as a user's shell starts it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelref_git.cli.main import run

CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call gave back."""

    words: tuple[str, ...]
    code: int
    out: bytes
    err: bytes

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON lines on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> dict[str, Any]:
        """The error document: the only thing on stderr."""
        document = json.loads(self.err)
        assert list(document) == ["error"]
        error: dict[str, Any] = document["error"]
        return error

    def ok(self) -> Answer:
        """This answer, which must be one of success."""
        assert self.code == 0, f"{self.words}: {self.code}: {self.err.decode()}"
        return self


def call(*words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Answer:
    """Run one command in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for key, value in (env or {}).items():
            patch.setenv(key, value)
        if cwd is not None:
            patch.chdir(cwd)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        with _streams(patch) as (out, err):
            code = run(list(words))
        return Answer(words, code, _bytes(out), _bytes(err))


def spawn(*words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Answer:
    """Run one command in a process of its own."""
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "modelref_git", *words],
        input=stdin,
        capture_output=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(env or {})},
    )
    return Answer(words, done.returncode, done.stdout, done.stderr)


@contextmanager
def _streams(patch: pytest.MonkeyPatch) -> Any:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    patch.setattr(sys, "stdout", out)
    patch.setattr(sys, "stderr", err)
    yield out, err


def _bytes(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue()
