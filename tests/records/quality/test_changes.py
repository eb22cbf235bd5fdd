"""Rules on what a change makes of a record."""

from __future__ import annotations

from typing import Any

import pytest

from modelref_git.records.quality.changes import RULES
from modelref_git.records.quality.rule import Facts

OLD, NEW = "0123456789abcdef" * 4, "fedcba9876543210" * 4
HOST = "https://huggingface.co/a/b/resolve/main"
DOWNLOAD: dict[str, Any] = {"file_name": "x.ckpt", "file_url": f"{HOST}/x_v1.ckpt", "sha256sum": OLD}


def found(before: dict[str, Any] | None, after: dict[str, Any] | None, **more: Any) -> list[str]:
    facts = Facts("image_generation", "X", after, before, is_change=True, **more)
    return [f"{problem.rule} {problem.path}" for rule in RULES for problem in rule.check(facts)]


def of(*downloads: dict[str, Any]) -> dict[str, Any]:
    return {"config": {"download": list(downloads)}}


def test_another_address_with_the_old_sum_is_found() -> None:
    changed = DOWNLOAD | {"file_url": f"{HOST}/x_v2.ckpt"}
    assert found(of(DOWNLOAD), of(changed)) == ["change.address_alone /config/download/0/file_url"]
    assert found(of(DOWNLOAD), of(changed | {"sha256sum": OLD.upper()})) != []
    assert found(of(DOWNLOAD), of(changed | {"sha256sum": NEW})) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"file_url": "https://mirror.org/files/x_v1.ckpt"}),
        ({}, {"file_url": "https://mirror.org/files/X.ckpt"}),
        ({}, {"file_url": f"{HOST}/x_v1.ckpt#main"}),
        ({}, {"file_url": "http://HuggingFace.co/a/b/resolve/main/x_v1.ckpt"}),
        ({"file_url": "https://huggingface.co/a/b/blob/main/y.ckpt"}, {}),
        ({"file_url": "see homepage"}, {}),
        ({"file_url": ""}, {}),
        ({"sha256sum": "FIXME"}, {"sha256sum": "FIXME", "file_url": f"{HOST}/x_v2.ckpt"}),
    ],
)
def test_a_move_or_a_repair_of_an_address_is_no_fault(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert found(of(DOWNLOAD | before), of(DOWNLOAD | after)) == []


def test_another_sum_at_the_old_address_is_found() -> None:
    assert found(of(DOWNLOAD), of(DOWNLOAD | {"sha256sum": NEW})) == ["change.hash_alone /config/download/0/sha256sum"]


@pytest.mark.parametrize("was", ["FIXME", None, "", "abc", "0" * 64, OLD.upper()])
def test_a_sum_that_takes_the_place_of_none_or_of_a_bad_one_is_no_fault(was: str | None) -> None:
    assert found(of(DOWNLOAD | {"sha256sum": was}), of(DOWNLOAD)) == []


@pytest.mark.parametrize("now", ["FIXME", None, ""])
def test_a_sum_that_is_lost_is_found(now: str | None) -> None:
    changed = DOWNLOAD | {"sha256sum": now}
    assert found(of(DOWNLOAD), of(changed)) == ["change.hash_lost /config/download/0/sha256sum"]


def test_downloads_are_compared_by_their_names_and_else_by_their_places() -> None:
    other = {"file_name": "y.ckpt", "file_url": f"{HOST}/y.ckpt", "sha256sum": NEW}
    assert found(of(DOWNLOAD, other), of(other, DOWNLOAD)) == []
    renamed = DOWNLOAD | {"file_name": "z.ckpt", "sha256sum": "ab" * 32}
    assert found(of(DOWNLOAD, other), of(other, renamed)) == ["change.hash_alone /config/download/1/sha256sum"]
    assert found(of(other), of(other, renamed)) == []


def test_downloads_that_are_all_removed_are_found() -> None:
    assert found(of(DOWNLOAD), of()) == ["change.downloads_removed /config/download"]
    assert found(of(DOWNLOAD), {}) == ["change.downloads_removed /config/download"]
    assert found(of(DOWNLOAD), None) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"nsfw": True}, {"nsfw": False}, ["change.nsfw_lifted /nsfw"]),
        ({"nsfw": False}, {"nsfw": True}, []),
        ({"baseline": "flux_1"}, {"baseline": "stable_diffusion_xl"}, ["change.baseline /baseline"]),
        ({"baseline": "stable diffusion 1"}, {"baseline": "stable_diffusion_1"}, []),
        ({"baseline": "infer"}, {"baseline": "flux_1"}, []),
        ({"baseline": ""}, {"baseline": "flux_1"}, []),
        ({"description": "d"}, {"description": " "}, ["change.description_emptied /description"]),
        ({"description": "d"}, {}, ["change.description_emptied /description"]),
        ({"description": "d"}, {"description": "e"}, []),
        ({"description": ""}, {}, []),
        (None, {"nsfw": False, "baseline": "x"}, []),
    ],
)
def test_what_is_taken_away_is_found(before: dict[str, Any] | None, after: dict[str, Any], expected: list[str]) -> None:
    assert found(before, after) == expected


def test_a_rename_by_letter_case_is_found() -> None:
    assert found(None, {}, renamed_from="x") == ["change.case_rename /name"]
    assert found(None, {}, renamed_from="y") == []
    assert found(None, {}) == []
