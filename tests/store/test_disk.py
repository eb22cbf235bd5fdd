from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from modelref_git.store.disk import Disk, files_under


@pytest.mark.parametrize("sync", [True, False])
def test_a_file_is_replaced_as_a_whole(tmp_path: Path, sync: bool) -> None:
    path = tmp_path / "file"
    Disk().write_file(path, b"old", sync=sync)
    Disk().write_file(path, b"new", mode=0o600, sync=sync)
    assert path.read_bytes() == b"new"
    assert oct(path.stat().st_mode)[-3:] == "600"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        Disk().write_file(path, b"new")
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"old", [path])


def test_the_file_is_synced_before_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []
    path = tmp_path / "file"
    real = os.fsync

    def fsync(handle: int) -> None:
        seen.append((stat.S_ISDIR(os.fstat(handle).st_mode), path.exists()))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    Disk().write_file(path, b"new", sync=False)
    assert seen == []
    path.unlink()
    Disk().write_file(path, b"new")
    assert seen == [(False, False), (True, True)]


def test_folders_are_made_and_files_removed_as_often_as_one_likes(tmp_path: Path) -> None:
    disk, path = Disk(), tmp_path / "a" / "b" / "file"
    disk.make_folder(path.parent)
    disk.make_folder(path.parent)
    disk.write_file(path, b"")
    disk.remove(path)
    disk.remove(path)
    assert not path.exists()


def test_a_file_stands_in_two_places_and_where_links_are_refused_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"data")
    assert Disk().link_file(source, tmp_path / "linked")
    assert (tmp_path / "linked").stat().st_ino == source.stat().st_ino
    with pytest.raises(FileExistsError):
        Disk().link_file(source, tmp_path / "linked")
    with pytest.raises(FileNotFoundError):
        Disk().link_file(tmp_path / "nowhere", tmp_path / "other")

    def refuse(*_paths: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    assert not Disk().link_file(source, tmp_path / "copied")
    assert (tmp_path / "copied").read_bytes() == b"data"
    assert (tmp_path / "copied").stat().st_ino != source.stat().st_ino


@pytest.mark.parametrize("count", [0, 3, 40])
def test_files_are_synced_before_folders_each_once_and_a_fault_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append(os.fstat(handle).st_ino))
    files = [tmp_path / str(number) for number in range(count)]
    for file in files:
        file.touch()
    Disk().sync(files, [tmp_path])
    assert seen[-1] == tmp_path.stat().st_ino
    assert sorted(seen[:-1]) == sorted(file.stat().st_ino for file in files)
    with pytest.raises(FileNotFoundError):
        Disk().sync([*files, tmp_path / "nowhere"])


def test_a_folder_that_vanishes_while_it_is_walked_is_no_fault(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    found = files_under(tmp_path)
    first = next(found)
    gone = [folder for folder in tmp_path.iterdir() if folder != first.parent]
    for folder in gone:
        (folder / "file").unlink()
        folder.rmdir()
    assert list(found) == []
    assert list(files_under(tmp_path / "never")) == []
