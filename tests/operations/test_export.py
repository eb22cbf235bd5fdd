"""An export is made as a whole before anything of it is written, and each file of it is written as a whole."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid, ModelrefError
from modelref_git.operations import export
from modelref_git.operations.export import export_dataset
from modelref_git.store.disk import Disk
from tests.formats.legacy.test_entries import ODD
from tests.support.world import World

FIELDS = ["name", "config", "baseline", "tags", "style", "parameters", "settings", "metadata", "_legacy", "nsfw", "url"]


def by_hand(world: World, **files: Any) -> str:
    """A commit with files in the work tree that somebody wrote by hand; ``__`` is a slash, ``_json`` a suffix."""
    for path, data in files.items():
        file = world.path / path.replace("__", "/").replace("_json", ".json")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    world.git("add", "-A")
    world.git("-c", "user.name=n", "-c", "user.email=n@people.example", "commit", "-q", "-m", "by hand")
    return world.git("rev-parse", "HEAD").strip()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_fault_of_the_last_category_leaves_the_folder_as_it_was(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    export_dataset(world.context(), out, layout="all")
    before = contents(out)
    world.apply(world.approve(world.delete("clip", "ViT-L/14")))

    def refuse(*_: Any) -> Any:
        raise Invalid("no")

    monkeypatch.setattr(export.text_files, "write", refuse)
    with pytest.raises(Invalid, match="no"):
        export_dataset(world.context(), out, layout="all")
    assert contents(out) == before


def test_a_disk_that_fails_leaves_each_file_old_or_new_and_nothing_else(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("blip.json", "clip.json", "gfpgan.json", "stable_diffusion.json"):
        (out / name).write_bytes(b"old")
    export_dataset(world.context(), tmp_path / "good", layout="legacy")
    good = contents(tmp_path / "good")
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.name == "gfpgan.json":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Invalid, match="No space left on device") as caught:
        export_dataset(world.context(), out, layout="legacy")
    assert [row["rule"] for row in caught.value.details] == ["file.unwritable"]
    found = contents(out)
    assert found.pop("gfpgan.json") == found.pop("stable_diffusion.json") == b"old"
    assert found == {name: good[name] for name in found}
    assert "blip.json" in found


def test_a_folder_that_cannot_be_is_refused_before_anything_is_read(world: World, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be written") as caught:
        export_dataset(world.context(), tmp_path / ("x" * 300))
    assert [row["rule"] for row in caught.value.details] == ["file.unwritable"]


def test_every_file_goes_through_the_one_door_of_the_disk(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    monkeypatch.setattr(Disk, "write_file", lambda _self, path, _data: written.append(path))
    answer = export_dataset(world.context(), tmp_path / "out", layout="all")
    assert written == [tmp_path / "out" / row["path"] for row in answer["files"]]
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (b"{", "not valid JSON"),
        ({"before": {"ViT-L/14": '"x": 1, '}}, "/before"),
        ({"verbatim": []}, "/verbatim"),
        ({"eol": 1}, "/eol"),
    ],
)
def test_a_format_profile_that_no_import_wrote_is_refused(
    world: World, tmp_path: Path, profile: Any, said: str
) -> None:
    revision = by_hand(world, legacy__clip__profile_json=profile)
    with pytest.raises(Invalid, match="the format profile") as caught:
        export_dataset(world.context(), tmp_path / "out", layout="legacy", revision=revision)
    assert said in caught.value.message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"config": [1]},
        {"config": {"download": {"a": 1}}},
        {"config": {"download": [1]}},
        {"config": {"download": [{"file_name": 1}]}},
        {"baseline": []},
        {"_legacy": 5},
        {"_legacy": {"odd": 5}},
    ],
)
def test_a_record_of_no_known_shape_is_refused_by_name_and_only_where_the_shape_matters(
    world: World, tmp_path: Path, fields: dict[str, Any]
) -> None:
    revision = by_hand(world, dataset__image_generation__odd_json={"name": "odd", **fields})
    with pytest.raises(Invalid, match="the image_generation record 'odd'") as caught:
        export_dataset(world.context(), tmp_path / "out", layout="legacy", revision=revision)
    assert [row["rule"] for row in caught.value.details] == ["legacy.shape"]
    assert not (tmp_path / "out").exists()
    export_dataset(world.context(), tmp_path / "out", layout="v2", revision=revision)


@pytest.mark.parametrize("category", ["image_generation", "clip", "text_generation"])
@given(data=st.data())
def test_whatever_a_record_is_only_our_own_errors_come_of_it(category: str, data: st.DataObject) -> None:
    record = data.draw(st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=4))
    with contextlib.suppress(ModelrefError):
        list(export._losses(category, [("x", record)], {}))


def test_what_the_log_calls_main_is_exported_and_not_a_strangers_commit(world: World, tmp_path: Path) -> None:
    logged = world.git("rev-parse", "main").strip()
    by_hand(world, dataset__blip__odd_json={"name": "odd"})
    assert export_dataset(world.context(), tmp_path / "out")["at"] == logged
