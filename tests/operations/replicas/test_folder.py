"""The folder of a replica: what is written, and what a disk that is full, broken or full of nonsense does to it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import IntegrityFailure, Invalid, ModelrefError
from modelref_git.operations.replicas import sources
from modelref_git.operations.replicas.folder import SPARE, Folder
from modelref_git.operations.replicas.state import State, decode
from modelref_git.operations.replicas.sync import sync_replica
from modelref_git.operations.replicas.trouble import Trouble
from modelref_git.store.disk import Disk
from tests.support.replicas import Followed, FullDisk, copied, fake_ssh

STATE = State("somewhere", "all", "full", "1" * 40, 7, 5, "2" * 40, 9, None, '"etag"', 11, None, "3" * 40)


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.long)])
def test_a_disk_that_is_full_at_any_write_leaves_readers_what_they_saw(
    step: int, followed: Followed, tmp_path: Path
) -> None:
    main = followed.add("B")
    full = 0
    for left in range(0, 500, step):
        spoiled = copied(followed, tmp_path / f"{left}")
        roomy, spoiled.folder = spoiled.folder, Folder(spoiled.folder.path, FullDisk(left))
        try:
            spoiled.sync()
            break
        except Invalid as fault:
            refused = fault
        full += 1
        assert refused.details[0]["rule"] in ("replica.disk", "file.unwritable")
        assert spoiled.names() in ({"A"}, {"A", "B"})
        spoiled.folder = roomy
        assert spoiled.wrong() in (None, "replica.disk")  # the disk may have been too full to say so
        assert spoiled.sync()["to"] == main
        assert (spoiled.names(), spoiled.wrong()) == ({"A", "B"}, None)
        assert list(spoiled.folder.exports.glob("tmp_*")) == []
        roomy.disk.remove_folder(tmp_path / f"{left}")
    assert 5 < full < 100


class Unlucky(Disk):
    """A disk that is full while an export is written, and has room again for the note of it."""

    def link_file(self, source: Path, target: Path) -> bool:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    def write_file(self, path: Path, data: bytes, *, mode: int = 0o644, sync: bool = True) -> None:
        if "exports" in path.parts:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        super().write_file(path, data, mode=mode, sync=sync)


def test_a_full_disk_is_named_and_makes_room_for_the_next_try(followed: Followed) -> None:
    followed.add("B")
    followed.sync()
    assert len(list(followed.folder.exports.iterdir())) == 2
    followed.add("C")
    followed.folder = Folder(followed.folder.path, Unlucky())
    with pytest.raises(Invalid):
        followed.sync()
    assert followed.wrong() == "replica.disk"
    assert followed.names() == {"A", "B"}
    assert [f"exports/{path.name}" for path in followed.folder.exports.iterdir()] == [
        str(followed.folder.current.readlink())
    ]


def test_current_leads_somewhere_at_every_step_of_a_swap(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call that changes a name, and what readers see before and after it."""
    seen: list[set[str]] = []

    def watched(name: str) -> None:
        real = getattr(os, name)

        def call(*words: Any, **how: Any) -> Any:
            seen.append(followed.names())
            answer = real(*words, **how)
            seen.append(followed.names())
            return answer

        monkeypatch.setattr(os, name, call)

    for name in ("rename", "replace", "unlink", "symlink", "rmdir", "link"):
        watched(name)
    followed.add("B")
    seen.clear()
    followed.sync()
    assert seen[0] == {"A"}
    assert seen[-1] == {"A", "B"}
    assert seen == sorted(seen, key=len)


class Filled(FullDisk):
    """A disk without any room, but for that of files that are removed from it."""

    def remove(self, path: Path) -> None:
        self.left += path.name == SPARE and path.exists()
        super().remove(path)


def test_a_disk_without_any_room_is_named_by_what_was_set_aside_for_that(followed: Followed) -> None:
    main = followed.add("B")
    roomy, followed.folder = followed.folder, Folder(followed.folder.path, Filled(0))
    with pytest.raises(Invalid):
        followed.sync()
    assert (followed.wrong(), followed.names()) == ("replica.disk", {"A"})
    followed.folder = roomy
    assert followed.sync()["to"] == main
    assert (followed.folder.path / SPARE).is_file()


def test_what_was_believed_before_the_disk_was_full_is_not_forgotten(followed: Followed) -> None:
    """A source that goes back between the two tries is still caught."""
    old = {name: followed.world.refs()[f"refs/heads/{name}"] for name in ("main", "queue")}
    followed.add("B")
    good, followed.folder = followed.folder, Folder(followed.folder.path, Unlucky())
    with pytest.raises(Invalid):
        followed.sync()
    followed.folder = good
    for name, oid in old.items():
        followed.world.git("update-ref", f"refs/heads/{name}", oid)
    with pytest.raises(IntegrityFailure):
        followed.sync()
    assert followed.wrong() == "replica.rollback"


def test_a_disk_that_is_full_while_git_writes_is_the_replicas_trouble(
    followed: Followed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed.add("B")
    path = followed.folder.path / "replica.json"
    path.write_text(path.read_text().replace(str(followed.world.path), f"ssh://somewhere{followed.world.path}"))
    fake_ssh(tmp_path, monkeypatch, ["echo 'fatal: write error: No space left on device' >&2", "exit 1"])
    with pytest.raises(Invalid):
        followed.sync()
    assert (followed.wrong(), followed.names()) == ("replica.disk", {"A"})


def test_a_folder_that_may_not_be_written_is_named(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "here")

    monkeypatch.setattr(Disk, "write_file", refuse)
    with pytest.raises(Invalid, match="Permission denied"):
        followed.sync()
    assert followed.warnings
    assert followed.names() == {"A"}


def test_nobody_else_may_sync_from_the_first_fetch_to_the_last_note(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    held: list[bool] = []

    def look() -> None:
        with (followed.folder.path / "lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(True)
            else:
                held.append(False)

    class Watched(Disk):
        def write_file(self, path: Path, data: bytes, *, mode: int = 0o644, sync: bool = True) -> None:
            look()
            super().write_file(path, data, mode=mode, sync=sync)

    real = sources.fetch

    def fetch(*words: Any, **how: Any) -> sources.Arrived:
        look()
        return real(*words, **how)

    monkeypatch.setattr(sources, "fetch", fetch)
    followed.folder = Folder(followed.folder.path, Watched())
    followed.add("B")
    followed.sync()
    assert len(held) > 4
    assert all(held)
    look()
    assert not held[-1]


def test_what_is_remembered_is_read_back_the_same() -> None:
    for state in (STATE, STATE.failed(Trouble("replica.fork", "integrity", "a\nb", 4)), State("x", "v2", "off")):
        assert decode(state.encode(), "it") == state


@given(st.binary(max_size=200))
def test_a_file_of_any_bytes_is_refused_with_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(ModelrefError):
        decode(data, "it")


@given(
    st.sampled_from(["format", "source", "layout", "verify", "queue", "event_time", "last_error", "last_success"]),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3) | st.floats(allow_nan=False),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    ),
)
def test_a_file_with_any_value_in_it_is_a_state_or_an_error_of_ours(name: str, value: Any) -> None:
    import json

    row = {**json.loads(STATE.encode()), name: value}
    try:
        state = decode(json.dumps(row).encode(), "it")
    except IntegrityFailure:
        return
    assert decode(state.encode(), "it") == state


def test_a_state_of_a_later_format_names_what_reads_it(followed: Followed) -> None:
    path = followed.folder.path / "replica.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(IntegrityFailure) as caught:
        sync_replica(followed.folder)
    assert caught.value.hint == "a newer modelref-git reads it"
    with pytest.raises(IntegrityFailure):
        followed.status()
    assert followed.names() == {"A"}
