from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelref_git.operations.export import export_dataset
from modelref_git.records import text
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.models import model_for
from tests.support.http import V1, V2, Wire, wire
from tests.support.world import World, clip

WITH_FILES = [name for name, category in CATEGORIES.items() if category.legacy_repo == "image"]


@pytest.fixture(scope="module")
def real(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The real files, imported as they are."""
    world = World.make(tmp_path_factory.mktemp("legacy") / "w", empty=True)
    for folder in ("image-legacy", "text-legacy-sample"):
        world.run("import", str(real_data / folder), "--format", "legacy", "--keep-going")
    return world


@pytest.fixture(scope="module")
def http(real: World) -> Iterator[Wire]:
    with wire(real) as served:
        yield served


def test_the_info_is_a_sentence(http: Wire) -> None:
    assert list(http.get(f"{V1}/info", None).json()) == ["message"]


def test_all_categories_are_listed(http: Wire) -> None:
    assert http.get(f"{V1}/model_categories", None).json() == list(CATEGORIES)


@pytest.mark.parametrize("category", WITH_FILES)
def test_a_category_is_the_real_file_byte_for_byte(real_data: Path, http: Wire, category: str) -> None:
    file = CATEGORIES[category].legacy_file or ""
    data = (real_data / "image-legacy" / file).read_bytes()
    for name in (category, f"{category}.json", file):
        answer = http.get(f"{V1}/{name}", None)
        assert (answer.status_code, answer.content) == (200, data), name
        assert answer.headers["content-type"] == "application/json"


def test_the_aliases_of_images_lead_to_their_file(http: Wire) -> None:
    whole = http.get(f"{V1}/image_generation", None)
    assert len(whole.json()) == 161
    for name in ("stable_diffusion", "stable_diffusion.json", "image_generation.json"):
        assert http.get(f"{V1}/{name}", None).content == whole.content


def test_text_models_are_the_generated_file_byte_for_byte(real_data: Path, http: Wire) -> None:
    data = (real_data / "text-legacy-sample" / "db.json").read_bytes()
    for name in ("text_generation", "text_generation?include_group=false", "text_generation.json", "db.json"):
        assert http.get(f"{V1}/{name}", None).content == data, name


def test_each_text_model_has_three_entries(http: Wire) -> None:
    bases = http.get(f"{V2}/text_generation", None).json()
    entries = http.get(f"{V1}/text_generation", None).json()
    assert set(entries) == {key for name in bases for key in text.variant_names(name)}
    assert all(entry["name"] == key for key, entry in entries.items())


def test_groups_come_behind_the_other_fields_where_they_are_asked_for(http: Wire) -> None:
    plain = http.get(f"{V1}/text_generation", None).json()
    answer = http.get(f"{V1}/text_generation?include_group=true", None)
    grouped = answer.json()
    assert list(grouped) == list(plain)
    for name, entry in grouped.items():
        *others, group, summary = entry
        assert (group, summary) == ("text_model_group", "text_model_group_summary")
        assert others == list(plain[name])
        assert entry["text_model_group"] == text.group_name(name)
        members = {key for key in grouped if grouped[key]["text_model_group"] == entry["text_model_group"]}
        assert entry["text_model_group_summary"]["member_count"] == sum(
            not text.has_backend_prefix(key) for key in members
        )
    assert answer.content.startswith(b'{\n    "')


@pytest.mark.parametrize("category", [*WITH_FILES, "text_generation"])
def test_what_was_imported_is_read_as_the_typed_models_write_it(http: Wire, category: str) -> None:
    for name, record in http.get(f"{V2}/{category}", None).json().items():
        typed = model_for(category).model_validate(record)
        assert typed.model_dump(mode="json", exclude_none=True) == record, name


@pytest.mark.parametrize("category", ["lora", "ti", "lora.json"])
def test_what_is_managed_elsewhere_is_an_empty_object(http: Wire, category: str) -> None:
    answer = http.get(f"{V1}/{category}", None)
    assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize("category", ["video_generation", "audio_generation", "controlnet_annotator"])
def test_what_has_no_such_file_is_not_found(http: Wire, category: str) -> None:
    for name in (category, f"{category}.json"):
        answer = http.get(f"{V1}/{name}", None)
        assert answer.status_code == 404
        assert answer.json()["detail"] == f"Model category '{category}' not found or is empty"


@pytest.mark.parametrize("name", ["nope", "nope.json", "models.csv", "toys", "CLIP"])
def test_what_nobody_knows_is_refused_in_a_sentence(http: Wire, name: str) -> None:
    word = name.removesuffix(".json")
    answer = http.get(f"{V1}/{name}", None)
    assert answer.status_code == 422
    detail = f"Invalid model category: '{word}'. '{word}' is not a valid MODEL_REFERENCE_CATEGORY"
    assert answer.json()["detail"] == detail


def test_what_the_caller_has_already_is_not_sent_again(http: Wire) -> None:
    for path in ("clip", "text_generation", "text_generation?include_group=true"):
        etag = http.get(f"{V1}/{path}", None).headers["etag"]
        again = http.get(f"{V1}/{path}", None, headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")


def test_files_are_made_of_what_is_live(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    with wire(world) as http:
        before = http.get(f"{V1}/clip", None)
        base = {"name": "a/New-3B", "parameters": 3_000_000_000}
        changes = (
            world.create("clip", "new", clip("new")),
            world.delete("clip", "ViT-L/14"),
            world.create("text_generation", "a/New-3B", base),
        )
        batch = world.approve(*changes)
        assert http.get(f"{V1}/clip", None).content == before.content
        world.apply(batch)
        assert list(http.get(f"{V1}/clip", None).json()) == ["coca_ViT-L-14", "new"]
        assert set(list(http.get(f"{V1}/db.json", None).json())[-3:]) == set(text.variant_names("a/New-3B"))
        assert http.get(f"{V1}/clip?at=main~1", None).content == before.content
        export_dataset(world.context(), tmp_path / "files", layout="legacy")
        for category in WITH_FILES:
            data = (tmp_path / "files" / (CATEGORIES[category].legacy_file or "")).read_bytes()
            assert http.get(f"{V1}/{category}", None).content == data


def test_an_empty_category_is_not_found(empty_world: World) -> None:
    with wire(empty_world) as http:
        answer = http.get(f"{V1}/clip", None)
        assert (answer.status_code, answer.json()["detail"]) == (404, "Model category 'clip' not found or is empty")
        answer = http.get(f"{V1}/text_generation", None)
        assert (answer.status_code, answer.json()["detail"]) == (404, "Text generation models not found or empty")
        assert json.loads(http.get(f"{V1}/lora", None).content) == {}
