"""Rules on the downloads of a record."""

from __future__ import annotations

from typing import Any

import pytest

from modelref_git.records.quality.downloads import RULES
from modelref_git.records.quality.rule import Facts

SUM = "0123456789abcdef" * 4
GOOD: dict[str, Any] = {
    "file_name": "x.safetensors",
    "file_url": "https://huggingface.co/a/b/resolve/main/x.safetensors",
    "sha256sum": SUM,
}


def found(*downloads: Any) -> list[tuple[str, str]]:
    facts = Facts("image_generation", "x", {"config": {"download": list(downloads)}})
    return [(problem.rule, problem.path) for rule in RULES for problem in rule.check(facts)]


def test_a_good_download_has_no_fault() -> None:
    assert found(GOOD) == []
    assert found(GOOD | {"sha256sum": SUM.upper(), "content_hash": SUM}) == []


@pytest.mark.parametrize(
    ("changed", "rule", "field"),
    [
        ({"sha256sum": "abc"}, "hash.form", "sha256sum"),
        ({"sha256sum": f"{SUM} "}, "hash.form", "sha256sum"),
        ({"sha256sum": f"{SUM}\n"}, "hash.form", "sha256sum"),
        ({"sha256sum": "g" * 64}, "hash.form", "sha256sum"),
        ({"sha256sum": "fixme"}, "hash.form", "sha256sum"),
        ({"sha256sum": 7}, "hash.form", "sha256sum"),
        ({"content_hash": "FIXME"}, "hash.content_form", "content_hash"),
        ({"sha256sum": "0" * 64}, "hash.placeholder", "sha256sum"),
        ({"sha256sum": "Aa" * 32}, "hash.placeholder", "sha256sum"),
        (
            {"sha256sum": "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"},
            "hash.placeholder",
            "sha256sum",
        ),
        ({"sha256sum": "FIXME"}, "hash.unknown", "sha256sum"),
        ({"sha256sum": None}, "hash.unknown", "sha256sum"),
        ({"file_url": ""}, "address.missing", "file_url"),
        ({"file_url": " "}, "address.missing", "file_url"),
        ({"file_url": "x.safetensors"}, "address.form", "file_url"),
        ({"file_url": "https://huggingface.co/a/b/blob/main/x.safetensors"}, "address.page", "file_url"),
        ({"file_url": "https://civitai.com/api/download/models/5"}, "address.which_file", "file_url"),
        ({"file_url": "https://example.org/x.safetensors?token=abc"}, "address.secret", "file_url"),
        ({"file_name": "../x.safetensors"}, "file.unsafe", "file_name"),
        ({"file_name": "x.ckpt"}, "file.extension", "file_name"),
        (
            {"file_url": "https://civitai.com/api/download/models/5?format=PickleTensor"},
            "file.extension",
            "file_name",
        ),
    ],
)
def test_each_fault_is_found_at_its_place_alone(changed: dict[str, Any], rule: str, field: str) -> None:
    assert found(GOOD, GOOD | {"file_name": "y.safetensors"} | changed) == [(rule, f"/config/download/1/{field}")]


@pytest.mark.parametrize(
    "changed",
    [
        {"file_name": "x.pth", "file_url": "https://example.org/x.bin"},
        {"file_name": "x.ckpt", "file_url": "https://example.org/x.pt"},
        {"file_name": "x", "file_url": "https://example.org/x.ckpt"},
        {"file_name": "x.v1", "file_url": "https://example.org/x.v2"},
        {"file_name": "x.ckpt", "file_url": "https://civitai.com/api/download/models/5?format=PickleTensor"},
        {"file_name": "annotators/a b/x.ckpt", "file_url": "https://example.org/x.ckpt"},
    ],
)
def test_names_that_say_the_same_or_nothing_are_no_fault(changed: dict[str, Any]) -> None:
    assert found(GOOD | changed) == []


@pytest.mark.parametrize("name", ["", "/etc/x", "a/../x", "a\\b", "C:x", "~/x", "a\nb", "CON"])
def test_names_that_lead_elsewhere_are_unsafe(name: str) -> None:
    assert found(GOOD | {"file_name": name}) == [("file.unsafe", "/config/download/0/file_name")]


def test_a_file_name_stands_once_in_a_record() -> None:
    again = GOOD | {"file_name": "X.safetensors"}
    assert found(GOOD, again) == [("file.twice", "/config/download/1/file_name")]


def test_a_secret_is_not_spread_by_the_message() -> None:
    url = "https://example.org/x.safetensors?token=hunter2"
    facts = Facts("clip", "x", {"config": {"download": [GOOD | {"file_url": url}]}})
    (problem,) = (problem for rule in RULES for problem in rule.check(facts))
    assert "hunter2" not in problem.message
    assert "token" in problem.message
