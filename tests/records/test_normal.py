from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelref_git.errors import Invalid
from modelref_git.records import shipped
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.codec import KeyOrder, encode
from modelref_git.records.json_text import NumberText, parse, same
from modelref_git.records.normal import normalise
from modelref_git.records.schemas import Schema

IMAGE: dict[str, Any] = {"name": "x", "baseline": "SDXL", "nsfw": False}


def refusal(category: str, record: Any) -> dict[str, str]:
    """Path and rule of every fault of a record."""
    with pytest.raises(Invalid) as caught:
        normalise(category, record)
    return {entry["path"]: entry["rule"] for entry in caught.value.details}


def test_a_minimal_image_model_is_stored_with_its_defaults_in_the_order_of_the_record_model() -> None:
    stored = normalise("image_generation", {"nsfw": "no", "baseline": "SDXL", "name": "x", "version": None})
    assert stored == {
        "record_type": "image_generation",
        "name": "x",
        "metadata": {"schema_version": "2.0.0"},
        "config": {"download": []},
        "model_classification": {"domain": "image", "purpose": "generation"},
        "inpainting": False,
        "baseline": "SDXL",
        "tags": [],
        "showcases": [],
        "trigger": [],
        "nsfw": False,
    }
    assert list(stored)[:4] == ["record_type", "name", "metadata", "config"]
    assert list(stored)[5:8] == ["inpainting", "baseline", "tags"]


def test_lists_that_may_be_absent_stay_absent() -> None:
    assert list(normalise("lora", {"name": "x", "tags": None, "trigger": None})) == [
        "record_type",
        "name",
        "metadata",
        "config",
        "model_classification",
        "nsfw",
    ]


def test_a_null_inpainting_means_the_default() -> None:
    assert normalise("image_generation", {**IMAGE, "inpainting": None})["inpainting"] is False


def test_fields_that_no_model_names_are_kept_behind_the_others_on_every_level() -> None:
    record = {
        "z": {"deep": [None, {"b": 1, "a": 2}]},
        "a": None,
        "name": "x",
        "config": {"later": 1, "download": [{"extra": [1], "file_url": "", "file_name": "f"}]},
        "metadata": {"who": "me", "created_at": "5"},
        "model_classification": {"why": 1, "purpose": "generation", "domain": "text"},
        "finetune_series": {"name": "s", "more": 1, "author": None},
    }
    stored = normalise("clip", record)
    assert list(stored.items())[-2:] == [("z", record["z"]), ("a", None)]
    assert list(stored["config"]) == ["download", "later"]
    entry = stored["config"]["download"][0]
    assert list(entry.items()) == [("file_name", "f"), ("file_url", ""), ("sha256sum", "FIXME"), ("extra", [1])]
    assert list(stored["metadata"].items()) == [("schema_version", "2.0.0"), ("created_at", 5), ("who", "me")]
    assert list(stored["model_classification"]) == ["domain", "purpose", "why"]
    assert stored["finetune_series"] == {"name": "s", "more": 1}


def test_numbers_keep_their_text_where_no_field_gives_them_a_type() -> None:
    record = parse(
        b'{"name":"x","baseline":"SDXL","nsfw":false,"size_on_disk_bytes":7.00,'
        b'"requirements":{"a":1.50,"b":[1,2.0,1E2]},"mine":-0}'
    )
    stored = normalise("image_generation", record)
    assert (stored["size_on_disk_bytes"], type(stored["size_on_disk_bytes"])) == (7, int)
    data = encode(stored, schema("image_generation").order)
    assert b'"a": 1.50' in data
    assert b'"mine": -0\n' in data
    assert b'"b": [\n      1,\n      2.0,\n      1E2\n    ]' in data


def test_the_legacy_remainder_passes_through_as_the_last_member() -> None:
    remainder = {"rank": None, "files": [{"path": "x"}]}
    stored = normalise("clip", {"_legacy": remainder, "mine": 1, "name": "x"})
    assert list(stored)[-2:] == ["mine", "_legacy"]
    assert stored["_legacy"] is remainder
    assert "_legacy" not in normalise("clip", {"name": "x"})


def test_the_submitted_record_is_not_changed_and_shares_nothing_with_the_stored_one() -> None:
    record = {**IMAGE, "tags": [" a "], "requirements": {"a": [1]}, "mine": {"deep": [1]}}
    stored = normalise("image_generation", record)
    stored["mine"]["deep"].append(2)
    stored["requirements"]["a"].append(2)
    assert record == {**IMAGE, "tags": [" a "], "requirements": {"a": [1]}, "mine": {"deep": [1]}}


def test_every_fault_of_a_record_is_told_at_once() -> None:
    record = {
        "name": 3,
        "record_type": "clip",
        "config": {"download": [{"file_name": "a", "file_url": ""}, {"file_url": None}]},
        "metadata": [],
        "model_classification": {"domain": "smell"},
        "baseline": "zzz",
        "style": "",
        "requirements": {"a/b~c": None},
    }
    assert refusal("image_generation", record) == {
        "/record_type": "value.record_type",
        "/name": "schema.type",
        "/config/download/1/file_name": "schema.required",
        "/config/download/1/file_url": "schema.type",
        "/metadata": "schema.type",
        "/model_classification/domain": "value.domain",
        "/model_classification/purpose": "schema.required",
        "/baseline": "value.baseline",
        "/nsfw": "schema.required",
        "/style": "value.style",
        "/requirements/a~1b~0c": "schema.type",
    }


def test_every_fault_of_a_text_model_is_told_at_once() -> None:
    record = {
        "name": "aphrodite/x",
        "parameters": 0,
        "parameters_count": 5,
        "settings": {"new": 1, "top_k": {}, "top_p": None},
        "tags": ["a", 1],
        "config": [],
    }
    assert refusal("text_generation", record) == {
        "/parameters_count": "text.parameters",
        "/config": "schema.type",
        "/name": "name.backend_prefix",
        "/parameters": "text.parameters",
        "/tags/1": "schema.type",
        "/settings/new": "value.settings_key",
        "/settings/top_k": "schema.type",
        "/settings/top_p": "schema.type",
    }


def test_a_fault_names_the_record_and_says_what_is_wrong() -> None:
    with pytest.raises(Invalid) as caught:
        normalise("image_generation", {**IMAGE, "baseline": "{zzz}"})
    assert str(caught.value) == 'image_generation record "x" is not valid: Unknown baseline: {zzz} at /baseline'


@pytest.mark.parametrize("record", [None, [], "x", 1])
def test_what_is_no_object_is_no_record(record: object) -> None:
    assert refusal("clip", record) == {"": "schema.type"}
    assert refusal("text_generation", record) == {"": "schema.type"}


def test_values_outside_the_closed_sets_pass_where_a_schema_will_judge_them() -> None:
    record = {**IMAGE, "baseline": "grown", "style": " grown "}
    stored = normalise("image_generation", record, open_values=True)
    assert (stored["baseline"], stored["style"]) == ("grown", "grown")


# What the models accept, the schema accepts, and the other way round


@cache
def schema(category: str) -> Schema:
    data = shipped.schema_bytes(category)
    assert data is not None
    return Schema.parse(category, data)


JUNK_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    7.0,
    7.5,
    10**20,
    NumberText("7.00"),
    NumberText("1.50"),
    "",
    " ",
    "7",
    "7e9",
    "yes",
    " flux_1 ",
    "flux_1",
    "generalist",
    "clip",
    "aphrodite/x",
    "a/b-7B",
    "a, b",
    '{"top_k": 1}',
    [],
    [1, 2.5],
    [True, 1],
    ["a", 1],
    ["7B", "generalist", " a "],
    [None],
    [[]],
    {},
    {"a": 1},
    {"a": None},
    {"top_k": [1, 2.0], "top_p": 0.5},
    {"domain": "text", "purpose": "generation"},
    {"file_name": "f", "file_url": ""},
]
JUNK = st.sampled_from(JUNK_VALUES)
NAMES = st.sampled_from(["mine", "parameters_count", "model_name", "_legacy", "extra/~", "name", "baseline", "style"])


@st.composite
def near(draw: st.DrawFn, node: dict[str, Any], document: dict[str, Any]) -> Any:
    """A value that the schema *node* describes, or nearly: now and then something else stands in its place."""
    if "$ref" in node:
        node = document["$defs"][node["$ref"].rpartition("/")[2]]
    if draw(st.integers(0, 11)) == 0:
        return draw(JUNK)
    if "enum" in node:
        return draw(st.sampled_from(node["enum"]))
    match node.get("type"):
        case "object" if "properties" in node:
            value: dict[str, Any] = {}
            for name, part in node["properties"].items():
                if draw(st.integers(0, 20)) > (1 if name in node.get("required", ()) else 10):
                    value[name] = draw(near(part, document))
            if draw(st.booleans()):
                value[draw(NAMES)] = draw(JUNK)
            return value
        case "object":
            keys = st.sampled_from(node.get("propertyNames", {}).get("enum", ["a", "b"]))
            inner = node["additionalProperties"]
            return draw(st.dictionaries(keys, JUNK if inner is True else near(inner, document), max_size=2))
        case "array":
            return draw(st.lists(near(node["items"], document), max_size=2))
        case "string" if "pattern" in node:
            return draw(st.sampled_from(["ab" * 32, "AB" * 32, "ab" * 32 + "\n", "ab"]))
        case "string":
            return draw(st.sampled_from(["", "x", " x", "a/b-7B-chat", "generalist", "chat", "7B", "é"]))
        case "integer":
            return draw(st.sampled_from([1, 7 * 10**9, 2_500_000_000]))
        case "boolean":
            return draw(st.booleans())
        case _:
            return draw(JUNK)


def stored_or_none(category: str, record: Any) -> dict[str, Any] | None:
    try:
        return normalise(category, record)
    except Invalid:
        return None


def agrees(category: str, record: dict[str, Any]) -> None:
    """Hold the models against the schema on one record."""
    own, order = schema(category), schema(category).order
    stored, found = stored_or_none(category, record), own.problems(record)
    if stored is None:
        assert found, "the schema accepts what the models refuse"
        return
    assert own.problems(stored) == [], "the schema refuses a stored form"
    if found:
        assert not same(stored, record), "the schema refuses what the models leave as it is"
    again = normalise(category, stored)
    assert same(again, stored)
    assert list(again) == list(stored)
    assert encode(again, order) == encode(stored, order)
    assert encode(stored, order) == encode(stored, KeyOrder.NONE), "the stored form is not in canonical order"


@pytest.mark.parametrize("category", CATEGORIES)
@settings(max_examples=40)
@given(data=st.data())
def test_models_and_schema_give_the_same_verdict_on_nearly_valid_records(category: str, data: st.DataObject) -> None:
    document = schema(category).document
    record = data.draw(near({key: value for key, value in document.items() if key != "enum"}, document))
    if isinstance(record, dict):
        agrees(category, record)


PARTS: dict[str, dict[str, Any]] = {
    "config": {"download": [{"file_name": "f", "file_url": "", "sha256sum": "FIXME"}]},
    "metadata": {"schema_version": "2.0.0"},
    "model_classification": {"domain": "image", "purpose": "generation"},
    "finetune_series": {"name": "s"},
}


def changed_places() -> list[tuple[str, tuple[str | int, ...]]]:
    """Every field of every category, and every field of a part of a record."""
    common = schema("blip").document["properties"]
    places: list[tuple[str, tuple[str | int, ...]]] = [("blip", (name,)) for name in (*common, "mine")]
    for category in CATEGORIES:
        own = schema(category).document["properties"]
        places += [(category, (name,)) for name in own if name not in common]
    definitions = schema("blip").document["$defs"]
    for name, part in (("Metadata", "metadata"), ("ModelClassification", "model_classification"), ("Config", "config")):
        places += [("clip", (part, field)) for field in definitions[name]["properties"]]
    places += [("clip", ("finetune_series", field)) for field in definitions["FinetuneSeries"]["properties"]]
    places += [("clip", ("config", "download", 0, field)) for field in definitions["DownloadEntry"]["properties"]]
    return [*places, ("text_generation", ("name",)), ("text_generation", ("record_type",))]


@pytest.mark.parametrize(("category", "place"), changed_places(), ids=lambda part: str(part).replace(" ", ""))
def test_models_and_schema_give_the_same_verdict_on_a_stored_record_with_one_change(
    category: str, place: tuple[str | int, ...]
) -> None:
    body = {
        "name": "a/b",
        "baseline": "flux_1",
        "nsfw": False,
        "parameters": 7 * 10**9,
        "finetune_series": {"name": "s"},
    }
    wanted = schema(category).document["properties"]
    absent = object()
    for value in [absent, *JUNK_VALUES]:
        record = normalise(category, {name: deepcopy(part) for name, part in body.items() if name in wanted} | PARTS)
        target: Any = record
        for step in place[:-1]:
            target = target[step]
        if value is absent:
            target.pop(place[-1], None)
        else:
            target[place[-1]] = deepcopy(value)
        agrees(category, record)
