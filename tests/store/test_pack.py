from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.store import pack
from modelref_git.store.disk import Disk
from modelref_git.store.git import GitStore
from modelref_git.store.objects import object_id
from tests.crash.quick import no_syncing
from tests.store.builders import bare, commit, fsck, git

__all__ = ["no_syncing"]

TYPE = {"commit": 1, "tree": 2, "blob": 3}


def blobs(*payloads: bytes) -> list[tuple[str, int, bytes]]:
    return [(object_id("blob", data), TYPE["blob"], data) for data in payloads]


def put(store: GitStore, *payloads: bytes) -> Path:
    return pack.write_pack(store.disk, store.pack_folder, blobs(*payloads))


def packs(store: GitStore) -> list[Path]:
    return sorted(store.pack_folder.glob("*.pack"))


def readable(git_dir: Path, payloads: list[bytes]) -> None:
    """A handle opened now finds each of *payloads*."""
    repo = pygit2.Repository(str(git_dir))
    for data in payloads:
        assert repo.odb.read(object_id("blob", data))[1] == data


@given(
    sizes=st.lists(
        st.sampled_from([0, 1, 14, 15, 16, 17, 2046, 2047, 2048, 2049, 40_000, 300_000]) | st.integers(0, 5_000),
        min_size=1,
        max_size=12,
    ),
    seed=st.integers(0, 2**32),
)
def test_git_accepts_every_pack_and_its_index(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("pack")
    chance = random.Random(seed)
    rows = {row[0]: row for row in blobs(*(chance.randbytes(size) for size in sizes))}
    path = pack.write_pack(Disk(), folder, rows.values())
    theirs = folder / "theirs.idx"
    git(folder, "index-pack", "--verify", str(path))
    git(folder, "index-pack", "--index-version=2", "-o", str(theirs), str(path))
    assert path.with_suffix(".idx").read_bytes() == theirs.read_bytes()


def test_a_pack_is_named_by_its_content_and_nobody_may_write_into_it(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    path = put(store, b"one", b"two")
    assert path.name == f"pack-{path.read_bytes()[-20:].hex()}.pack"
    assert [oct(file.stat().st_mode)[-3:] for file in (path, path.with_suffix(".idx"))] == ["444", "444"]
    assert put(store, b"one", b"two") == path
    assert sorted(file.name for file in store.pack_folder.iterdir()) == [path.with_suffix(".idx").name, path.name]


def test_a_pack_that_a_crash_left_without_its_index_gets_one_when_it_is_written_again(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    path = put(store, b"one", b"two")
    path.with_suffix(".idx").unlink()
    assert put(store, b"one", b"two") == path
    readable(store.git_dir, [b"one", b"two"])


def test_offsets_above_two_gigabytes_go_into_the_table_of_large_ones() -> None:
    near = pack._Packed(bytes([1] * 20), b"", 11)
    far = pack._Packed(bytes([2] * 20), b"", 22)
    index = pack._index([far, near], {near.oid: 12, far.oid: 3 << 31}, b"c" * 20)
    table = 8 + 1024 + 2 * 20 + 2 * 4
    assert index[table : table + 8] == (12).to_bytes(4, "big") + (1 << 31).to_bytes(4, "big")
    assert index[table + 8 : table + 16] == (3 << 31).to_bytes(8, "big")
    assert len(index) == table + 16 + 40


def test_few_packs_are_left_as_they_are(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    for number in range(pack.JOIN_FROM - 1):
        put(store, b"%d" % number)
    assert store.join_packs() == 0
    assert len(packs(store)) == pack.JOIN_FROM - 1


def test_joining_keeps_every_object_readable_by_new_and_old_handles(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    payloads = [b"object %d" % number * (number + 1) for number in range(3 * pack.JOIN_FROM)]
    never_read, has_read_all = GitStore(store.git_dir), GitStore(store.git_dir)
    for start in range(0, len(payloads), 3):
        put(store, *payloads[start : start + 3])
    listed = GitStore(store.git_dir)
    assert not listed.has("0" * 40)  # it knows every pack now, and has opened none
    for data in payloads:
        has_read_all.read(object_id("blob", data))
    assert store.join_packs() == pack.JOIN_FROM
    assert len(packs(store)) == 1
    readable(store.git_dir, payloads)
    git(store.git_dir, "index-pack", "--verify", str(packs(store)[0]))
    for handle in (never_read, has_read_all, listed):
        for data in payloads:
            assert handle.read(object_id("blob", data)) == ("blob", data)


def test_an_old_handle_can_write_and_follow_history_after_a_join(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    old = GitStore(store.git_dir)
    first = head = commit(store, {"a": b"0"})
    assert old.has(head)
    for number in range(pack.JOIN_FROM):
        head = commit(store, {"a": b"%d" % (number + 1)}, head)
    stale = GitStore(store.git_dir)
    assert not stale.has("0" * 40)
    assert store.join_packs() > 1
    for handle in (old, stale):
        assert handle.is_ancestor(first, head)
        assert sum(1 for _ in handle.first_parents(head)) == pack.JOIN_FROM + 1
        after = commit(handle, {"a": b"next"}, head)
        handle.refs.move("refs/heads/main", handle.refs.read("refs/heads/main"), after)
        assert handle.has(after)
        assert handle.resolve("main") == after
    fsck(store.git_dir)


@pytest.mark.long
def test_packs_are_copied_a_number_of_times_that_grows_slowly(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    payloads = [b"%06d" % number * 50 for number in range(600)]
    written = 0
    for data in payloads:
        before = {path: path.stat().st_size for path in packs(store)}
        put(store, data)
        store.join_packs()
        written += sum(path.stat().st_size for path in packs(store) if path not in before)
        assert len(packs(store)) <= pack.JOIN_FROM
    assert written < 12 * sum(path.stat().st_size for path in packs(store))
    readable(store.git_dir, payloads)


@pytest.mark.parametrize("suffix", [".keep", ".promisor", ".mtimes", ".bitmap"])
def test_a_pack_that_somebody_keeps_is_not_joined(tmp_path: Path, suffix: str) -> None:
    store = bare(tmp_path / "r.git")
    kept = put(store, b"kept")
    kept.with_suffix(suffix).touch()
    for number in range(pack.JOIN_FROM):
        put(store, b"%d" % number)
    assert store.join_packs() == pack.JOIN_FROM
    assert kept in packs(store)
    assert len(packs(store)) == 2


def test_a_large_pack_is_left_for_gc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "_SMALL_BYTES", 5_000)
    store = bare(tmp_path / "r.git")
    large = put(store, random.Random(1).randbytes(6_000))
    for number in range(pack.JOIN_FROM):
        put(store, b"%d" % number)
    assert store.join_packs() == pack.JOIN_FROM
    assert large in packs(store)


def test_a_pack_with_deltas_is_left_for_gc(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    base = b"".join(b"a long line of text, number %d\n" % number for number in range(200))
    put(store, base)
    put(store, base + b"one more\n")
    git(store.git_dir, "repack", "-a", "-d", "-q", "--keep-unreachable")
    (theirs,) = packs(store)
    assert pack._read_whole(theirs) is None
    for number in range(pack.JOIN_FROM):
        put(store, b"%d" % number)
    assert store.join_packs() == pack.JOIN_FROM
    assert theirs in packs(store)
    readable(store.git_dir, [base, base + b"one more\n", b"7"])


def test_a_pack_that_vanishes_meanwhile_is_passed_over(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    gone = put(store, b"gone")
    gone.with_suffix(".idx").unlink()
    for number in range(pack.JOIN_FROM):
        put(store, b"%d" % number)
    assert store.join_packs() == pack.JOIN_FROM
    assert len(packs(store)) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pack_bytes, index: (b"KCAP" + pack_bytes[4:], index),
        lambda pack_bytes, index: (pack_bytes, b"\0" * 8 + index[8:]),
        lambda pack_bytes, index: (pack_bytes, index[:-44] + b"\xff" + index[-43:]),
    ],
)
def test_a_pack_of_another_make_is_not_taken_apart(
    tmp_path: Path, spoil: Callable[[bytes, bytes], tuple[bytes, bytes]]
) -> None:
    path = pack.write_pack(Disk(), tmp_path, blobs(b"one"))
    assert pack._read_whole(path) is not None
    odd = tmp_path / "odd.pack"
    data, index = spoil(path.read_bytes(), path.with_suffix(".idx").read_bytes())
    odd.write_bytes(data)
    odd.with_suffix(".idx").write_bytes(index)
    assert pack._read_whole(odd) is None


def test_packs_that_git_has_indexed_together_stay_since_readers_go_by_that_index(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    head = None
    for number in range(pack.JOIN_FROM):
        head = commit(store, {"a": b"%d" % number}, *filter(None, [head]))
    git(store.git_dir, "multi-pack-index", "write")
    old = GitStore(store.git_dir)
    assert not old.has("0" * 40)
    assert store.join_packs() == 0
    for number in range(pack.JOIN_FROM):
        head = commit(store, {"b": b"%d" % number}, *filter(None, [head]))
    assert head is not None
    store.refs.move("refs/heads/main", None, head)
    assert store.join_packs() == pack.JOIN_FROM
    assert len(packs(store)) == pack.JOIN_FROM + 1
    assert len(git(store.git_dir, "rev-list", "main").split()) == 2 * pack.JOIN_FROM
    for handle in (old, GitStore(store.git_dir)):
        assert sum(1 for _ in handle.first_parents(head)) == 2 * pack.JOIN_FROM
    fsck(store.git_dir)


def test_nothing_of_a_joined_pack_stays_behind(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    head = None
    for number in range(pack.JOIN_FROM):
        head = commit(store, {"a": b"%d" % number}, *filter(None, [head]))
    for path in packs(store):
        git(store.git_dir, "index-pack", "--rev-index", str(path))
    assert store.join_packs() == pack.JOIN_FROM
    assert {path.suffix for path in store.pack_folder.iterdir()} == {".pack", ".idx"}
    assert "garbage: 0" in git(store.git_dir, "count-objects", "-v")


class _Stopped(BaseException):
    pass


class _StoppingDisk(Disk):
    """Stops before the write number *left*."""

    def __init__(self, left: int) -> None:
        self.left = left

    def _count(self) -> None:
        if self.left == 0:
            raise _Stopped
        self.left -= 1

    def write_file(self, path: Path, data: bytes, *, mode: int = 0o644, sync: bool = True) -> None:
        self._count()
        super().write_file(path, data, mode=mode, sync=sync)

    def remove(self, path: Path) -> None:
        self._count()
        super().remove(path)


@pytest.mark.usefixtures("no_syncing")
def test_a_join_stopped_anywhere_loses_nothing_and_the_next_one_ends_it(tmp_path: Path) -> None:
    payloads = [b"object %d" % number for number in range(pack.JOIN_FROM)]
    for stop in range(2 + 3 * pack.JOIN_FROM):
        store = bare(tmp_path / f"{stop}.git")
        for data in payloads:
            put(store, data)
        with pytest.raises(_Stopped):
            pack.join_small_packs(_StoppingDisk(stop), store.pack_folder)
        readable(store.git_dir, payloads)
        # The same packs again: the next join makes the very file that was left half done.
        store.join_packs()
        readable(store.git_dir, payloads)
        for number in range(pack.JOIN_FROM):
            put(store, b"later %d" % number)
        store.join_packs()
        readable(store.git_dir, payloads)
