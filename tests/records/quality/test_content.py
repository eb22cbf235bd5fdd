"""Rules on what a record says of its model."""

from __future__ import annotations

from typing import Any

import pytest

from modelref_git.records.quality.content import RULES
from modelref_git.records.quality.rule import Facts

SHOWCASES = "https://raw.githubusercontent.com/a/b/main/showcase"


def found(record: dict[str, Any], *, category: str = "image_generation", key: str = "Some Model") -> list[str]:
    facts = Facts(category, key, {"description": "d", "nsfw": False} | record)
    return [f"{problem.rule} {problem.path}" for rule in RULES for problem in rule.check(facts)]


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_a_model_that_people_choose_has_a_description(text: str | None) -> None:
    assert found({"description": text}) == ["description.missing /description"]
    assert found({"description": text}, category="text_generation") == []
    assert found({"description": text}, category="mine") == []


def test_white_space_around_a_description_is_found() -> None:
    assert found({"description": "Anime. "}) == ["description.whitespace /description"]


@pytest.mark.parametrize(
    ("record", "at"),
    [
        ({"homepage": "civitai.com/models/1"}, "/homepage"),
        ({"url": "see the wiki"}, "/url"),
        ({"showcases": ["https://example.org/x.webp", "x.webp"]}, "/showcases/1"),
        ({"finetune_series": {"homepage": "htps://x"}}, "/finetune_series/homepage"),
    ],
)
def test_links_are_whole_addresses(record: dict[str, Any], at: str) -> None:
    assert found(record) == [f"link.form {at}"]
    assert found({"homepage": "", "url": None, "showcases": [], "finetune_series": None}) == []


@pytest.mark.parametrize(
    ("key", "folder", "is_fault"),
    [
        ("Some Model", "some_model", False),
        ("Deliberate 3.0", "deliberate3", False),
        ("Healy's Anime Blend", "healys_anime_blend", False),
        ("Redshift Diffusion", "redshift", False),
        ("BRA", "BRA_v2", False),
        ("Nitro Diffusion", "arcane", True),
        ("stable_diffusion_2.1", "stable_diffusion_2.0", True),
        ("Some Model", "__", True),
    ],
)
def test_showcases_are_in_the_folder_of_their_model(key: str, folder: str, is_fault: bool) -> None:
    record = {"showcases": ["https://example.org/a.webp", f"{SHOWCASES}/{folder}/01.webp"]}
    assert found(record, key=key) == (["showcase.folder /showcases/1"] if is_fault else [])


def test_a_showcase_in_no_folder_is_found() -> None:
    assert found({"showcases": [f"{SHOWCASES}/some_model.webp?raw=1"]}) == ["showcase.folder /showcases/0"]


def test_a_model_for_inpainting_says_so() -> None:
    assert found({"inpainting": False}, key="Deliberate Inpainting") == ["image.inpainting /inpainting"]
    assert found({}, key="stable_diffusion_inpainting") == ["image.inpainting /inpainting"]
    assert found({"inpainting": True}, key="Deliberate Inpainting") == []
    assert found({"inpainting": False}, key="Deliberate") == []
    assert found({}, key="Deliberate Inpainting", category="esrgan") == []


@pytest.mark.parametrize(
    ("url", "is_fault"),
    [
        ("https://huggingface.co/a/b/resolve/main/Realistic_Vision_V2.0-inpainting.ckpt", True),
        ("https://huggingface.co/a/stable-diffusion-inpainting-vae/resolve/main/x.ckpt", False),
    ],
)
def test_the_file_of_a_model_for_inpainting_is_told_by_its_name(url: str, is_fault: bool) -> None:
    record = {"config": {"download": [{"file_name": "x.ckpt", "file_url": url, "sha256sum": "12" * 32}]}}
    assert found(record) == (["image.inpainting /config/download/0/file_url"] if is_fault else [])
    assert found(record | {"inpainting": True}) == []


def test_a_tag_for_adults_needs_nsfw() -> None:
    assert found({"tags": ["anime", " Hentai "]}) == ["nsfw.tag /tags/1"]
    assert found({"tags": ["hentai"], "nsfw": True}) == []
    assert found({"tags": ["hentai"], "nsfw": None}) == []


@pytest.mark.parametrize(
    ("wanted", "is_fault"),
    [
        ({"min_steps": 20, "max_steps": 30}, False),
        ({"min_steps": 30, "max_steps": 20}, True),
        ({"min_cfg_scale": 2.5, "cfg_scale": 2}, True),
        ({"min_steps": 20, "max_steps": "x"}, False),
        ({"min_steps": True, "max_steps": 0}, False),
    ],
)
def test_limits_do_not_cross(wanted: dict[str, Any], is_fault: bool) -> None:
    assert found({"requirements": wanted}) == (["requirements.limits /requirements"] if is_fault else [])
