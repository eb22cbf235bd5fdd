from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid
from modelref_git.records.names import MAX_FILE_KEY_BYTES, file_key
from modelref_git.store import layout

AWKWARD = ["../../etc/passwd", "a/b", "CON", "x.", ".git", "aux.json", "ViT-L/14", "é", "e\u0301", "GIT~1", "\n", "😀"]
CATEGORIES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)


def storable(name: str) -> bool:
    try:
        return len(file_key(name).encode()) <= MAX_FILE_KEY_BYTES
    except Invalid:
        return False


NAMES = (st.sampled_from(AWKWARD) | st.text(min_size=1, max_size=40)).filter(storable)


@given(CATEGORIES, NAMES, st.sampled_from([0, 1, 2]))
def test_a_records_path_gives_the_record_back_whatever_the_fan_out(category: str, name: str, fan_out: int) -> None:
    path = layout.record_path(category, name, fan_out)
    assert layout.record_of(path) == (category, name)
    parts = path.split("/")
    assert len(parts) == 3 + fan_out
    assert all(part not in ("", ".", "..", ".git") for part in parts)
    assert path.startswith(f"{layout.record_folder(category, name, fan_out)}/")


@given(NAMES, st.sampled_from([0, 1, 2]))
def test_look_alikes_share_a_folder(name: str, fan_out: int) -> None:
    def folders(*alikes: str) -> set[str]:
        return {layout.record_folder("clip", alike, fan_out) for alike in alikes}

    assert len(folders("model é", "MODEL É", "Model E\u0301")) == 1
    assert len(folders(name, name)) == 1


@pytest.mark.parametrize(
    "path",
    [
        "modelref.toml",
        "schemas/clip.schema.json",
        "legacy/clip/x.json",
        "dataset/x.json",
        "dataset/clip/readme.md",
        "dataset/clip/a b.json",
        "dataset/clip/%2f.json",
    ],
)
def test_a_path_that_is_no_records_names_none(path: str) -> None:
    assert layout.record_of(path) is None


@given(st.integers(1, 10**9))
def test_a_numbered_file_gives_its_number_back_from_folders_of_a_hundred(number: int) -> None:
    path = layout.numbered_path("changes/pending", number)
    assert layout.number_of(path) == number
    top, status, *folders, _ = path.split("/")
    assert (top, status, len(folders)) == ("changes", "pending", 3)
    assert all(len(folder) == 2 for folder in folders[1:])


def test_numbers_share_a_folder_by_the_hundred_and_by_the_ten_thousand() -> None:
    def folder(number: int) -> str:
        return layout.numbered_path("batches", number).rpartition("/")[0]

    assert folder(100) == folder(199) != folder(200)
    assert folder(9_999).rpartition("/")[0] == folder(1).rpartition("/")[0] != folder(10_000).rpartition("/")[0]


@pytest.mark.parametrize(("records", "levels"), [(0, 0), (999, 0), (1_000, 1), (65_535, 1), (65_536, 2)])
def test_a_category_is_split_when_it_is_large(records: int, levels: int) -> None:
    assert layout.fan_out_for(records) == levels


def test_the_index_of_open_changes_is_shared_by_look_alikes_of_one_category_alone() -> None:
    path = layout.open_index_path
    assert path("clip", "Ä") == path("clip", "a\u0308") != path("blip", "Ä")
    assert path("clip", "x") != path("clip", "y")
    assert [len(part) for part in path("clip", "x").split("/")] == [4, 1, 1, 1, 45]


def test_branches_are_named_by_number() -> None:
    assert layout.proposal_ref(7) == "refs/heads/proposals/7"
    assert layout.batch_ref(7) == "refs/heads/batches/7"
