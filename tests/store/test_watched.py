from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from modelref_git.errors import IntegrityFailure, Invalid
from modelref_git.store.watched import Watched


class Reader:
    """Makes text of bytes, and counts how often."""

    def __init__(self) -> None:
        self.reads = 0

    def __call__(self, data: bytes | None) -> str:
        self.reads += 1
        if data == b"broken":
            raise IntegrityFailure("it is broken")
        return "nothing" if data is None else data.decode()


def _write(path: Path, data: bytes, *, age: int = 10) -> None:
    path.write_bytes(data)
    os.utime(path, ns=(1, path.stat().st_mtime_ns - age * 1_000_000_000))


def test_a_file_is_read_once_as_long_as_it_is_the_same(tmp_path: Path) -> None:
    reader, path = Reader(), tmp_path / "file"
    _write(path, b"old")
    file = Watched(path, reader)
    assert [file.value() for _ in range(3)] == ["old"] * 3
    assert reader.reads == 1
    _write(path, b"new", age=5)
    assert [file.value() for _ in range(3)] == ["new"] * 3
    assert reader.reads == 2


def test_a_file_comes_and_goes(tmp_path: Path) -> None:
    reader, path = Reader(), tmp_path / "folder" / "file"
    file = Watched(path, reader)
    assert (file.value(), file.value(), reader.reads) == ("nothing", "nothing", 1)
    path.parent.mkdir()
    _write(path, b"there")
    assert file.value() == "there"
    path.unlink()
    assert file.value() == "nothing"


@pytest.mark.parametrize(("age", "reads"), [(0, 3), (60, 1), (-60, 1)])
def test_a_file_that_was_written_just_now_is_looked_at_again(tmp_path: Path, age: int, reads: int) -> None:
    class Coarse(Watched[str]):
        """On a file system whose times are too coarse to tell two files apart."""

        def _stamp(self) -> tuple[int, ...]:
            return (stamp,)

    stamp = time.time_ns() - age * 1_000_000_000
    reader, path = Reader(), tmp_path / "file"
    path.write_bytes(b"00")
    file = Coarse(path, reader)
    assert [file.value() for _ in range(3)] == ["00"] * 3
    assert reader.reads == reads


def test_what_cannot_be_read_is_told_each_time_and_read_again_when_it_changed(tmp_path: Path) -> None:
    reader, path = Reader(), tmp_path / "file"
    _write(path, b"broken")
    file = Watched(path, reader)
    for _ in range(3):
        with pytest.raises(IntegrityFailure, match="broken"):
            file.value()
    assert reader.reads == 1
    _write(path, b"whole", age=5)
    assert file.value() == "whole"


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path, tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(Invalid, match="cannot be read") as caught:
            Watched(path, Reader()).value()
        assert str(path) in caught.value.message
