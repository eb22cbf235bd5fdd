from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import Conflict, IntegrityFailure, Invalid, NotFound, RemoteFailure
from modelref_git.fetch.transfer import Patience
from modelref_git.operations.download import How, download_record
from tests.support.files_server import FilesServer, Mood, digest
from tests.support.world import World, clip

QUICK = How(patience=Patience(timeout=5, retries=1, pause=0.001))
DATA = b"weights " * 5000


def put(world: World, *downloads: dict[str, Any], name: str = "model", **more: Any) -> None:
    record = clip(name, config={"download": list(downloads)}, **more)
    world.apply(world.approve(world.create("clip", name, record, allow=("*",))))


def get(world: World, to: Path, *, name: str = "model", how: How = QUICK, **more: Any) -> dict[str, Any]:
    return download_record(world.context(), "clip", name, to, how=how, **more)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def test_every_file_of_a_record_comes(world: World, host: FilesServer, tmp_path: Path) -> None:
    first, second = host.entry("a.pt", DATA), host.entry("deep/b.pt", b"b")
    put(world, first, {**second, "sha256sum": digest(b"b").upper(), "size_bytes": 1})
    to = tmp_path / "to"
    rows: list[Mapping[str, Any]] = []
    answer = get(world, to, finished=rows.append)
    assert {key: answer[key] for key in ("category", "model_name", "to")} == {
        "category": "clip",
        "model_name": "model",
        "to": str(to),
    }
    assert answer["files"] == [
        {
            "file_name": name,
            "path": str(to / name),
            "file_url": host.url(f"/{name}"),
            "size_bytes": len(data),
            "sha256sum": digest(data),
            "status": "fetched",
            "verified": True,
        }
        for name, data in (("a.pt", DATA), ("deep/b.pt", b"b"))
    ]
    assert sorted(row["file_name"] for row in rows) == ["a.pt", "deep/b.pt"]
    assert names(to) == ["a.pt", "deep/b.pt"]
    assert [row["status"] for row in get(world, to)["files"]] == ["present", "present"]
    assert not world.warnings


def test_an_older_revision_has_its_own_files(world: World, host: FilesServer, tmp_path: Path) -> None:
    put(world, host.entry("a.pt", DATA))
    old = world.git("rev-parse", "main").strip()
    world.apply(world.approve(world.update("clip", "model", {"/config/download": [host.entry("b.pt", b"b")]})))
    get(world, tmp_path / "new")
    get(world, tmp_path / "old", revision=old)
    assert (names(tmp_path / "new"), names(tmp_path / "old")) == (["b.pt"], ["a.pt"])


def test_a_variant_of_a_text_model_has_the_files_of_its_base(world: World, host: FilesServer, tmp_path: Path) -> None:
    record = {
        "name": "Author/Model",
        "description": "A model of words.",
        "parameters": 7,
        "config": {"download": [host.entry("a.gguf", DATA)]},
    }
    world.apply(world.approve(world.create("text_generation", "Author/Model", record, allow=("*",))))
    name = "aphrodite/Author/Model"
    answer = download_record(world.context(), "text_generation", name, tmp_path / "to", how=QUICK)
    assert answer["model_name"] == name
    assert names(tmp_path / "to") == ["a.gguf"]


def test_a_file_without_a_sum_comes_with_a_warning(world: World, host: FilesServer, tmp_path: Path) -> None:
    put(world, {**host.entry("a.pt", DATA), "sha256sum": "FIXME"})
    world.warnings.clear()
    (row,) = get(world, tmp_path / "to")["files"]
    assert (row["verified"], row["sha256sum"]) == (False, digest(DATA))
    assert world.warnings == ["a.pt is unverified: the record has no sum of it"]


def test_a_dry_run_asks_nobody_and_writes_nothing(world: World, host: FilesServer, tmp_path: Path) -> None:
    to = tmp_path / "to"
    begun = host.entry("b.pt", DATA, moods=[Mood(cut_after=9000), Mood(status=404)])
    put(world, {**host.entry("a.pt", DATA), "size_bytes": 7}, begun, host.entry("c.pt", b"c"))
    ctx = world.context(dry_run=True)
    answer = download_record(ctx, "clip", "model", to)
    assert [(row["status"], row["size_bytes"]) for row in answer["files"]] == [
        ("fetched", 7),
        ("fetched", None),
        ("fetched", None),
    ]
    assert answer["dry_run"] is True
    assert not to.exists()
    assert not host.asked
    with pytest.raises(RemoteFailure):
        get(world, to)
    asked = len(host.asked)
    assert [row["status"] for row in download_record(ctx, "clip", "model", to)["files"]] == [
        "present",
        "resumed",
        "present",
    ]
    (to / "c.pt").write_bytes(b"d")
    with pytest.raises(IntegrityFailure):
        download_record(ctx, "clip", "model", to)
    assert len(host.asked) == asked


@pytest.mark.parametrize(
    ("edit", "path", "rule"),
    [
        ({"file_name": "../x"}, "/file_name", "file.unsafe"),
        ({"file_name": ""}, "/file_name", "file.unsafe"),
        ({"file_url": ""}, "/file_url", "address.missing"),
        ({"file_url": "ftp://models.example/x"}, "/file_url", "address.form"),
        ({"sha256sum": "abc"}, "/sha256sum", "hash.form"),
        ({"file_name": "A.pt"}, "/file_name", "file.twice"),
        ({"file_name": "a.pt.part"}, "/file_name", "file.twice"),
        ({"file_name": "a.pt/b"}, "/file_name", "file.twice"),
    ],
)
def test_what_is_not_good_is_refused_before_anything_is_fetched(
    world: World, host: FilesServer, tmp_path: Path, edit: dict[str, str], path: str, rule: str
) -> None:
    put(world, host.entry("a.pt", DATA), {**host.entry("b.pt", b"b"), **edit})
    with pytest.raises(Invalid) as caught:
        get(world, tmp_path / "to")
    assert {(row["path"], row["rule"]) for row in caught.value.details} >= {(f"/config/download/1{path}", rule)}
    assert not host.asked
    assert not (tmp_path / "to").exists()


def test_every_bad_name_is_told_at_once(world: World, host: FilesServer, tmp_path: Path) -> None:
    rows = [{**host.entry(f"{at}.pt", b""), "file_name": name} for at, name in enumerate(("a", "../b", "/c", "CON"))]
    put(world, *rows)
    with pytest.raises(Invalid) as caught:
        get(world, tmp_path / "to")
    assert [row["path"] for row in caught.value.details] == [f"/config/download/{at}/file_name" for at in (1, 2, 3)]


@pytest.mark.parametrize(
    "record", [{}, {"config": {}}, {"config": 5}, {"config": {"download": []}}, {"config": {"download": {}}}]
)
def test_a_record_without_files_is_told(world: World, tmp_path: Path, record: dict[str, Any]) -> None:
    world.add_category("own")
    world.apply(world.approve(world.create("own", "model", record)))
    with pytest.raises(Invalid, match="it has no files to download"):
        download_record(world.context(), "own", "model", tmp_path / "to")


@pytest.mark.parametrize("entry", [5, None, {}, {"file_name": 5}, {"file_name": "a", "file_url": []}])
def test_downloads_of_any_shape_are_refused_and_not_tripped_over(world: World, tmp_path: Path, entry: Any) -> None:
    world.add_category("own")
    world.apply(world.approve(world.create("own", "model", {"config": {"download": [entry]}}, allow=("*",))))
    with pytest.raises(Invalid):
        download_record(world.context(), "own", "model", tmp_path / "to")


def test_what_is_not_there_is_not_found(world: World, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        get(world, tmp_path / "to", name="nothing")
    with pytest.raises(NotFound):
        download_record(world.context(), "clip", "ViT-L/14", tmp_path / "to", revision="nowhere")


def test_a_file_in_the_place_of_the_folder_is_a_conflict(world: World, host: FilesServer, tmp_path: Path) -> None:
    put(world, host.entry("a.pt", DATA))
    (tmp_path / "to").write_bytes(b"")
    with pytest.raises(Conflict):
        get(world, tmp_path / "to")


def test_every_failure_is_told_and_the_good_files_are_kept(world: World, host: FilesServer, tmp_path: Path) -> None:
    put(
        world,
        host.entry("good.pt", b"good"),
        {**host.entry("wrong.pt", b"wrong"), "sha256sum": "ab" * 32},
        host.entry("gone.pt", b"gone", moods=[Mood(status=404)]),
        host.entry("page.pt", b"page", content_type="text/html"),
    )
    with pytest.raises(IntegrityFailure, match="3 of 4 files did not come") as caught:
        get(world, tmp_path / "to")
    assert [(row["path"], row["file_name"], row["rule"]) for row in caught.value.details] == [
        ("/config/download/1", "wrong.pt", "fetch.sum"),
        ("/config/download/2", "gone.pt", "fetch.gone"),
        ("/config/download/3", "page.pt", "fetch.page"),
    ]
    assert [name for name in names(tmp_path / "to") if ".part" not in name] == ["good.pt"]


def test_a_host_that_fails_is_a_remote_failure_that_can_be_gone_on_from(
    world: World, host: FilesServer, tmp_path: Path
) -> None:
    put(world, host.entry("a.pt", DATA, moods=[Mood(cut_after=9000)] * 2))
    with pytest.raises(RemoteFailure, match=r"the file did not come: .* broke off") as caught:
        get(world, tmp_path / "to")
    assert "run the same command again" in (caught.value.hint or "")
    assert [row["status"] for row in get(world, tmp_path / "to")["files"]] == ["resumed"]


@pytest.mark.parametrize(
    ("status", "word"), [(404, "propose another"), (401, "by hand"), (503, "run the same command")]
)
def test_the_hint_says_what_helps(world: World, host: FilesServer, tmp_path: Path, status: int, word: str) -> None:
    put(world, host.entry("a.pt", DATA, moods=[Mood(status=status)] * 2))
    with pytest.raises(RemoteFailure) as caught:
        get(world, tmp_path / "to")
    assert word in (caught.value.hint or "")


def test_no_secret_of_an_address_is_in_a_message(world: World, host: FilesServer, tmp_path: Path) -> None:
    entry = host.entry("a.pt", DATA, moods=[Mood(status=403)])
    put(world, {**entry, "file_url": entry["file_url"] + "?token=hunter2"})
    with pytest.raises(RemoteFailure) as caught:
        get(world, tmp_path / "to")
    assert "hunter2" not in caught.value.message
    assert "hunter2" not in caught.value.details[0]["message"]


def test_files_come_side_by_side_but_not_more_than_allowed(world: World, host: FilesServer, tmp_path: Path) -> None:
    put(world, *(host.entry(f"{number}.pt", bytes([number]) * 200_000) for number in range(8)))
    host.thinks_for = 0.02
    get(world, tmp_path / "one", how=How(1, patience=QUICK.patience))
    assert host.most_at_once == 1
    get(world, tmp_path / "many", how=How(3, patience=QUICK.patience))
    assert 1 < host.most_at_once <= 3
    assert len(names(tmp_path / "many")) == 8


def test_a_file_that_another_process_is_at_is_waited_for(world: World, host: FilesServer, tmp_path: Path) -> None:
    import threading

    from modelref_git.fetch.crew import Stop
    from modelref_git.fetch.part import held_part

    put(world, host.entry("a.pt", DATA))
    world.warnings.clear()
    with held_part(tmp_path / "a.pt", "elsewhere", Stop(), lambda: None):
        results: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: results.append(get(world, tmp_path)))
        thread.start()
        ends = time.monotonic() + 10
        while not world.warnings and time.monotonic() < ends:
            time.sleep(0.01)
    thread.join(10)
    assert world.warnings == ["another process is fetching a.pt; waiting for it"]
    assert [row["status"] for row in results[0]["files"]] == ["fetched"]


def test_progress_is_told_in_the_callers_thread(world: World, host: FilesServer, tmp_path: Path) -> None:
    import threading

    put(world, host.entry("a.pt", DATA))
    told: list[tuple[str, int, int | None]] = []

    def progress(name: str, done: int, total: int | None) -> None:
        assert threading.current_thread() is threading.main_thread()
        told.append((name, done, total))

    get(world, tmp_path / "to", progress=progress)
    assert told[-1] == ("a.pt", len(DATA), len(DATA))
