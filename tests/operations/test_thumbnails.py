from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
from pathlib import Path

import pytest

from modelref_git.errors import NotFound, UsageFault
from modelref_git.formats.pictures import derived
from modelref_git.operations.pictures import Upload, image_add
from modelref_git.operations.thumbnails import blurhash, known_blurhash, thumbnail
from modelref_git.store import thumbnails
from modelref_git.store.git import GitStore
from tests.support.pictures import picture
from tests.support.world import CAROL, World, clip

DATA = picture("PNG", 300, 200)
SUM = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one picture."""
    world = World.make(tmp_path_factory.mktemp("thumbnails") / "w", empty=True)
    world.apply(world.approve(world.create("clip", "Eye", clip("Eye"))))
    answer = image_add(world.context(CAROL), "clip", "Eye", [Upload(DATA)])
    world.apply(world.approve(answer["change_id"]))
    return world.path


@pytest.fixture
def world(template: Path, tmp_path: Path) -> World:
    """A world of one's own, with that picture."""
    shutil.copytree(template, tmp_path / "w", symlinks=True)
    return World(tmp_path / "w")


def files(world: World) -> list[Path]:
    return sorted(path for path in thumbnails.folder_of(world.store).rglob("*") if path.is_file())


def test_a_thumbnail_is_made_once_and_anew_when_its_file_was_damaged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def counted(data: bytes, side: int) -> bytes:
        made.append(side)
        return derived_thumbnail(data, side)

    derived_thumbnail = derived.thumbnail
    monkeypatch.setattr(derived, "thumbnail", counted)
    ctx = world.context(None)
    first = thumbnail(ctx, SUM, 100)
    assert thumbnail(ctx, SUM, 128) == thumbnail(ctx, SUM, 65) == first
    assert made == [128]
    thumbnail(ctx, SUM, 64)
    assert made == [128, 64]

    [damaged] = [path for path in files(world) if path.name.endswith("128.webp")]
    for bad in (b"", b"short", damaged.read_bytes()[:-1], damaged.read_bytes() + b"x"):
        damaged.write_bytes(bad)
        assert thumbnail(ctx, SUM, 128) == first
        assert thumbnails.kept(world.store, SUM, "128.webp") == first
    assert made == [128, 64, 128, 128, 128, 128]


def test_a_blurhash_is_known_once_it_was_made(world: World) -> None:
    ctx = world.context(None)
    assert known_blurhash(ctx, SUM) is None
    assert blurhash(ctx, SUM) == derived.blurhash(DATA) == known_blurhash(ctx, SUM)


def test_a_place_that_cannot_be_written_only_costs_time(world: World) -> None:
    folder = thumbnails.folder_of(world.store)
    folder.parent.mkdir(exist_ok=True)
    folder.write_bytes(b"a file where the folder would be")
    ctx = world.context(None)
    assert thumbnail(ctx, SUM, 64) == thumbnail(ctx, SUM, 64)
    assert blurhash(ctx, SUM)


def test_the_oldest_go_when_there_are_too_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "BYTES_AT_MOST", 16 * 3 * 4096)
    store = world.store
    for number in range(6):
        thumbnails.keep(store, SUM, str(number), b"x" * 100)
        os.utime(thumbnails.folder_of(store) / SUM[0] / f"{SUM}.{number}", (number, number))
    assert [path.suffix for path in files(world)] == [".3", ".4", ".5"]
    assert thumbnails.kept(store, SUM, "0") is None
    # What is larger than the bound stays until the next one comes.
    thumbnails.keep(store, SUM, "large", b"x" * 50_000)
    assert [path.suffix for path in files(world)] == [".large"]


def test_a_name_that_is_none_is_never_a_path(world: World) -> None:
    for name in ("", "../../../../etc/passwd", SUM.upper(), SUM + "/", SUM[:-1], "g" * 64, "\0"):
        for made in (lambda ctx, name=name: thumbnail(ctx, name, 64), lambda ctx, name=name: blurhash(ctx, name)):
            with pytest.raises(NotFound):
                made(world.context(None))
    assert files(world) == []


def test_a_picture_that_is_not_there_has_no_thumbnail(world: World) -> None:
    with pytest.raises(NotFound):
        thumbnail(world.context(None), "0" * 64, 64)
    for side in (0, -1, 1025):
        with pytest.raises(UsageFault):
            thumbnail(world.context(None), SUM, side)


def test_a_file_that_was_never_finished_is_found_and_removed(world: World) -> None:
    thumbnail(world.context(None), SUM, 64)
    left = thumbnails.folder_of(world.store) / SUM[0] / "tmp_modelref_x"
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    found = world.run("doctor", "--repair").json["findings"]
    assert [row["code"] for row in found] == ["half_written"]
    assert not left.exists()


def _work(path: Path, seed: int) -> None:
    thumbnails.BYTES_AT_MOST = 16 * 20 * 4096  # type: ignore[misc]
    store = GitStore.open(path)
    for number in range(300):
        word = str((number * seed) % 60)
        found = thumbnails.kept(store, SUM, word)
        if found not in (None, word.encode() * 100):
            raise AssertionError("what was kept is not what was given")
        thumbnails.keep(store, SUM, word, word.encode() * 100)


@pytest.mark.long
def test_several_processes_keep_at_the_same_time_within_the_bound(world: World) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_work, args=(world.path, seed)) for seed in (1, 7, 11, 13)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert len(files(world)) <= 20 + len(workers)
    assert not [path for path in files(world) if path.name.startswith("tmp_")]
