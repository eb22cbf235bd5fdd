from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelref_git.operations.keys import create_key
from modelref_git.server.catalogue import stable_id
from tests.support.http import Wire, key_file, wire
from tests.support.world import OWNER, World

DATA = b"0123456789" * 2000
SUM = hashlib.sha256(DATA).hexdigest()
NAME = "m"


def entry(file_name: str, **more: Any) -> dict[str, Any]:
    return {"file_name": file_name, "file_url": "https://models.example/x", **more}


ENTRIES = [
    entry("first.safetensors", sha256sum=SUM, size_bytes=len(DATA)),
    entry("sub/sch\u00f6n \u65e5.bin"),
    entry("link.bin"),
    entry("inside.bin"),
    entry("folder"),
    entry("short.bin", size_bytes=len(DATA) + 1),
    entry("gone.bin"),
    entry("../secret"),
    entry("/etc/passwd"),
    entry("a/../../secret"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with a model of many files, good and bad, in a category that takes any record."""
    world = World.make(tmp_path_factory.mktemp("downloads") / "w", empty=True)
    world.add_category("any")
    record = {"name": NAME, "config": {"download": ENTRIES}}
    world.apply(world.approve(world.create("any", NAME, record, allow=ALLOWED)))
    files = world.path.parent / "files"
    (files / "sub").mkdir(parents=True)
    (files / "folder").mkdir()
    secret = world.path.parent / "secret"
    secret.write_bytes(DATA)
    for name in ("first.safetensors", "sub/sch\u00f6n \u65e5.bin", "short.bin"):
        (files / name).write_bytes(DATA)
    (files / "link.bin").symlink_to(secret)
    (files / "inside.bin").symlink_to(files / "first.safetensors")
    return world


ALLOWED = ("file.unsafe",)


@pytest.fixture(scope="module")
def http(world: World) -> Iterator[Wire]:
    with wire(world, files=world.path.parent / "files") as served:
        yield served


FILE = f"/v1/models/{stable_id('any', NAME)}/download"


def test_the_first_file_is_sent_unless_another_is_named(http: Wire) -> None:
    answer = http.get(FILE)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="first.safetensors"'
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["etag"] == f'"{SUM}"'
    assert "content-encoding" not in answer.headers, "to compress weights is work for nothing"
    assert http.get(FILE, params={"file": "inside.bin"}).content == DATA


def test_a_name_is_told_in_ascii_and_in_full_and_without_its_folder(http: Wire) -> None:
    answer = http.get(FILE, params={"file": "sub/sch\u00f6n \u65e5.bin"})
    assert answer.content == DATA
    told = answer.headers["content-disposition"]
    assert told == "attachment; filename=\"sch_n _.bin\"; filename*=UTF-8''sch%C3%B6n%20%E6%97%A5.bin"
    assert SUM not in answer.headers["etag"]


@pytest.mark.parametrize(
    ("asked", "status", "data"),
    [
        ("bytes=3-5", 206, DATA[3:6]),
        ("bytes=-4", 206, DATA[-4:]),
        (f"bytes={len(DATA) - 1}-", 206, DATA[-1:]),
        (f"bytes={len(DATA)}-", 416, None),
    ],
)
def test_a_part_is_sent_to_who_goes_on_with_a_download(http: Wire, asked: str, status: int, data: bytes | None) -> None:
    answer = http.get(FILE, headers={"Range": asked})
    assert answer.status_code == status
    if data is not None:
        assert answer.content == data
        assert answer.headers["content-range"].endswith(f"/{len(DATA)}")


def test_a_part_is_only_sent_of_the_file_that_was_begun(http: Wire) -> None:
    same = http.get(FILE, headers={"Range": "bytes=3-5", "If-Range": f'"{SUM}"'})
    other = http.get(FILE, headers={"Range": "bytes=3-5", "If-Range": '"another"'})
    assert (same.status_code, other.status_code, other.content) == (206, 200, DATA)


def test_a_file_that_the_caller_has_is_not_sent_again(http: Wire) -> None:
    answer = http.get(FILE, headers={"If-None-Match": f'"{SUM}"'})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("name", ["link.bin", "../secret", "/etc/passwd", "a/../../secret"])
def test_no_file_outside_the_folder_is_sent(http: Wire, name: str) -> None:
    answer = http.get(FILE, params={"file": name})
    assert (answer.status_code, answer.json()) == (403, {"error": "File path outside allowed directory"})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", "The file is not here"),
        ("gone.bin", "The file is not here"),
        ("short.bin", f"The file here has {len(DATA)} bytes, and the model's has {len(DATA) + 1}"),
        ("secret", "The model has no such file"),
        ("FIRST.safetensors", "The model has no such file"),
        ("first.safetensors\0", "The model has no such file"),
    ],
)
def test_a_file_that_is_not_the_models_or_not_here_is_not_found(http: Wire, name: str, said: str) -> None:
    answer = http.get(FILE, params={"file": name})
    assert (answer.status_code, answer.json()) == (404, {"error": said})


def test_a_file_is_not_sent_without_a_key(http: Wire) -> None:
    assert http.get(FILE, None).status_code == 401
    assert http.get(FILE, "nobody").status_code == 401


def test_a_key_of_this_service_gets_another_secret(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w", empty=True)
    made = create_key(world.context(), "2", label="laptop")
    with wire(world, auth=("keys", "file")) as http:
        answer = http.post("/api/v1/auth/regenerate", None, None, headers={"Authorization": f"Bearer {made['key']}"})
        assert answer.status_code == 200
        assert answer.json().keys() == {"key", "message"}
        assert answer.headers["cache-control"] == "no-store"
        new = answer.json()["key"]
        assert new != made["key"]
        assert http.get("/v1/models", made["key"]).json() == {"error": "Invalid API key"}
        assert http.get("/v1/models", new).status_code == 200
        other = http.post("/v1/auth/regenerate", None, "carol")
        assert (other.status_code, list(other.json())) == (403, ["error"])
        assert http.post("/v1/auth/regenerate", None, None).status_code == 401


def test_a_key_of_somebody_elses_list_is_not_taken_for_ours(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w", empty=True)
    made = create_key(world.context(), "2")
    alike = f"mrk_{made['key_id']}_alike"
    listed = key_file(tmp_path / "listed.json", {alike: OWNER})
    with wire(world, auth=("keys", "file"), auth_file=listed) as http:
        assert http.get("/v1/models", alike).status_code == 200
        assert http.post("/v1/auth/regenerate", None, alike).status_code == 403
        assert http.get("/v1/models", made["key"]).status_code == 200


def test_a_key_that_cannot_be_written_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.make(tmp_path / "w", empty=True)
    made = create_key(world.context(), "2")
    keys = world.store.local_dir / "keys.json"
    before = keys.read_bytes()

    def full(*_words: Any, **_more: Any) -> None:
        raise OSError(28, "No space left on device")

    with wire(world, auth=("keys",)) as http:
        monkeypatch.setattr("modelref_git.store.disk.Disk.write_file", full)
        answer = http.post("/v1/auth/regenerate", None, made["key"])
        assert (answer.status_code, list(answer.json())) == (503, ["error"])
        assert answer.headers["retry-after"]
    assert keys.read_bytes() == before


def test_what_is_sent_was_not_compressed_on_the_way(http: Wire) -> None:
    """Whatever a client takes: a length and parts are those of the file."""
    answer = http.get(FILE, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-length"] == str(len(DATA))
    assert len(gzip.compress(DATA)) < len(DATA)
