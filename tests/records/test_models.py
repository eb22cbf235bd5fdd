from typing import Any

import pytest
from pydantic import ValidationError

from modelref_git.records.categories import CATEGORIES
from modelref_git.records.field_types import OPEN_VALUES
from modelref_git.records.models import model_for

COMMON = [
    "record_type",
    "name",
    "description",
    "version",
    "finetune_series",
    "metadata",
    "config",
    "model_classification",
    "size_on_disk_bytes",
    "pictures",
]
IMAGE: dict[str, Any] = {"name": "x", "baseline": "SDXL", "nsfw": False}


def locations(category: str, record: object) -> set[str]:
    with pytest.raises(ValidationError) as caught:
        model_for(category).model_validate(record)
    return {"/".join(map(str, error["loc"])) for error in caught.value.errors()}


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_has_a_model_that_begins_with_the_common_fields(category: str) -> None:
    model = model_for(category)
    assert model.category == category
    assert list(model.model_fields)[: len(COMMON)] == COMMON


def test_the_own_fields_of_an_image_model_stand_in_the_order_of_the_record_model() -> None:
    assert list(model_for("image_generation").model_fields)[len(COMMON) :] == [
        "inpainting",
        "baseline",
        "optimization",
        "tags",
        "showcases",
        "min_bridge_version",
        "trigger",
        "homepage",
        "nsfw",
        "style",
        "requirements",
    ]


def test_a_category_of_ones_own_has_no_model() -> None:
    with pytest.raises(KeyError):
        model_for("my_own")


@pytest.mark.parametrize("category", CATEGORIES)
def test_type_and_classification_come_from_the_category(category: str) -> None:
    body = {**IMAGE, "parameters": 7}
    record = model_for(category).model_validate(body)
    assert record.record_type == category
    assert record.model_classification.domain == CATEGORIES[category].domain
    assert record.model_classification.purpose == CATEGORIES[category].purpose


@pytest.mark.parametrize(
    ("given", "stored"),
    [("7", 7), (7.0, 7), (" 7 ", 7), (True, 1), (0, 0), (-5, -5), (10**300, 10**300), (1e300, int(1e300))],
)
def test_whole_numbers_are_read_leniently(given: object, stored: int) -> None:
    record = model_for("clip").model_validate({"name": "x", "size_on_disk_bytes": given})
    assert record.size_on_disk_bytes == stored


@pytest.mark.parametrize("given", [7.5, "7.5", "", "seven", [], {}, "9" * 309])
def test_what_is_no_whole_number_is_refused(given: object) -> None:
    assert locations("clip", {"name": "x", "size_on_disk_bytes": given}) == {"size_on_disk_bytes"}


@pytest.mark.parametrize(("given", "stored"), [("yes", True), ("off", False), (1, True), (0.0, False), ("true", True)])
def test_booleans_are_read_leniently(given: object, stored: bool) -> None:
    record: Any = model_for("image_generation").model_validate({**IMAGE, "nsfw": given})
    assert record.nsfw is stored


@pytest.mark.parametrize("given", [1, 1.5, True, ["x"], {"x": 1}])
def test_only_text_is_text(given: object) -> None:
    assert locations("clip", {"name": "x", "description": given}) == {"description"}


@pytest.mark.parametrize(
    "body",
    [
        {"config": []},
        {"config": None},
        {"config": "x"},
        {"config": {"download": {}}},
        {"config": {"download": None}},
        {"config": {"download": ["x"]}},
        {"config": {"embedded_component_hashes": {"vae": None}}},
        {"config": {"embedded_component_hashes": ["vae"]}},
        {"metadata": None},
        {"metadata": {"created_at": "yesterday"}},
        {"model_classification": None},
        {"model_classification": {"domain": "image"}},
        {"finetune_series": {}},
        {"finetune_series": "x"},
        {"record_type": None},
        {"record_type": 3},
    ],
)
def test_a_part_of_the_wrong_shape_is_refused(body: dict[str, Any]) -> None:
    top = next(iter(body))
    assert {location.partition("/")[0] for location in locations("clip", {"name": "x", **body})} == {top}


@pytest.mark.parametrize("record", [[], "x", None, 3, True])
def test_a_record_is_an_object(record: object) -> None:
    assert locations("clip", record) == {""}


@pytest.mark.parametrize(
    "value",
    [1, 1.5, "x", True, [], [1, 2], [1, 2.5], [True, 1], ["a", "b"], "", 0],
)
def test_an_open_map_takes_scalars_and_flat_lists_as_they_are(value: object) -> None:
    record: Any = model_for("image_generation").model_validate({**IMAGE, "requirements": {"any key": value}})
    kept = record.requirements["any key"]
    assert kept == value
    assert repr(kept) == repr(value)


@pytest.mark.parametrize("value", [None, {}, {"a": 1}, [None], [[1]], ["a", 1], [1, "a"], [{}]])
def test_an_open_map_takes_nothing_else(value: object) -> None:
    assert locations("image_generation", {**IMAGE, "requirements": {"a": 1, "k": value}}) == {"requirements/k"}


@pytest.mark.parametrize("baseline", [" flux_1", "sdxl", "stable diffusion 2", "", "zzz"])
def test_an_unknown_baseline_is_refused_and_none_is_respelled(baseline: str) -> None:
    assert locations("image_generation", {**IMAGE, "baseline": baseline}) == {"baseline"}


@pytest.mark.parametrize("category", ["text_generation", "video_generation", "audio_generation", "lora", "ti"])
def test_baselines_of_other_categories_are_free_text(category: str) -> None:
    record: Any = model_for(category).model_validate({"name": "x", "parameters": 1, "baseline": "zzz"})
    assert record.baseline == "zzz"


@pytest.mark.parametrize("style", ["", " ", "Anime", "zzz"])
def test_an_unknown_style_is_refused(style: str) -> None:
    assert locations("image_generation", {**IMAGE, "style": style}) == {"style"}


def test_style_and_tags_are_stripped_and_tags_are_otherwise_left_alone() -> None:
    body = {**IMAGE, "style": " anime\n", "tags": [" b ", "a", "a", "unheard of"]}
    record: Any = model_for("image_generation").model_validate(body)
    assert record.style == "anime"
    assert record.tags == ["b", "a", "a", "unheard of"]


@pytest.mark.parametrize("field", ["tags", "showcases", "trigger"])
def test_a_list_of_an_image_model_is_never_null(field: str) -> None:
    record = model_for("image_generation").model_validate({**IMAGE, field: None})
    assert getattr(record, field) == []


@pytest.mark.parametrize("field", ["tags", "showcases", "trigger"])
def test_a_list_of_a_lora_may_be_absent(field: str) -> None:
    assert getattr(model_for("lora").model_validate({"name": "x", field: None}), field) is None


def test_a_record_type_of_another_category_contradicts_and_ones_own_is_kept() -> None:
    assert locations("clip", {"name": "x", "record_type": "esrgan"}) == {"record_type"}
    assert model_for("clip").model_validate({"name": "x", "record_type": "mine"}).record_type == "mine"


@pytest.mark.parametrize(
    ("category", "body"),
    [
        ("image_generation", {**IMAGE, "baseline": "new"}),
        ("image_generation", {**IMAGE, "style": "new"}),
        ("clip", {"name": "x", "model_classification": {"domain": "smell", "purpose": "new"}}),
        ("text_generation", {"name": "x", "parameters": 1, "settings": {"new": 1}}),
    ],
)
def test_closed_sets_can_be_left_to_the_schema_of_a_dataset(category: str, body: dict[str, Any]) -> None:
    locations(category, body)
    model_for(category).model_validate(body, context={OPEN_VALUES: True})


@pytest.mark.parametrize("name", ["model_dump", "category", "model_config", "copy", "json", "_hidden", "model_fields"])
def test_an_unknown_field_may_be_called_like_something_in_python(name: str) -> None:
    record = model_for("clip").model_validate({"name": "x", name: 1})
    assert record.model_extra == {name: 1}
