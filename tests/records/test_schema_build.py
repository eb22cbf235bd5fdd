import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelref_git.records import shipped
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.models import Config, DownloadEntry, FinetuneSeries, Metadata, ModelClassification, model_for
from modelref_git.records.schema_build import build_schema, main, schema_text


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_shipped_schemas_are_what_the_models_give(category: str) -> None:
    assert shipped.schema_bytes(category) == schema_text(category)


@pytest.mark.parametrize("category", CATEGORIES)
def test_properties_stand_in_the_order_of_the_fields(category: str) -> None:
    document = build_schema(category)
    assert list(document["properties"]) == list(model_for(category).model_fields)
    for part in (Config, DownloadEntry, FinetuneSeries, Metadata, ModelClassification):
        assert list(document["$defs"][part.__name__]["properties"]) == list(part.model_fields)


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_stored_record_has_nulls(category: str) -> None:
    assert b"null" not in schema_text(category)


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_field_is_described(category: str) -> None:
    document = build_schema(category)
    for part in [document, *document["$defs"].values()]:
        assert part["description"]
        assert part["additionalProperties"] is True
        assert all(field["description"] for field in part["properties"].values())


def test_only_what_has_no_default_is_required() -> None:
    required = {category: build_schema(category)["required"] for category in CATEGORIES}
    assert required.pop("image_generation") == ["name", "baseline", "nsfw"]
    assert required.pop("text_generation") == ["name", "parameters"]
    assert set(map(tuple, required.values())) == {("name",)}


def test_downloads_are_merged_by_file_and_an_entry_as_a_whole() -> None:
    for category in CATEGORIES:
        definitions = build_schema(category)["$defs"]
        download = definitions["Config"]["properties"]["download"]
        assert download["x-merge"] == {"key": "file_name"}
        assert download["items"] == {"$ref": "#/$defs/DownloadEntry"}
        assert definitions["DownloadEntry"]["x-merge"] == "atomic"


def test_lists_without_order_are_merged_as_sets() -> None:
    sets = {
        category: [
            name for name, field in build_schema(category)["properties"].items() if field.get("x-merge") == "set"
        ]
        for category in CATEGORIES
    }
    assert {category: names for category, names in sets.items() if names} == {
        "controlnet_annotator": ["control_types", "preprocessors"],
        "image_generation": ["tags", "showcases", "trigger"],
        "text_generation": ["tags"],
        "video_generation": ["tags"],
        "audio_generation": ["tags"],
        "lora": ["tags", "trigger", "showcases"],
        "ti": ["tags", "trigger", "showcases"],
    }


def test_critical_fields_are_hints_of_the_schema() -> None:
    for category, facts in CATEGORIES.items():
        assert build_schema(category)["x-critical"] == list(facts.critical)


def test_a_closed_set_is_an_enum_and_an_open_one_a_hint() -> None:
    image, controlnet = build_schema("image_generation")["properties"], build_schema("controlnet")["properties"]
    assert len(image["style"]["enum"]) == 6
    assert image["baseline"]["x-severity"] == "error"
    style = controlnet["controlnet_style"]
    assert "enum" not in style
    assert (len(style["x-known-values"]), style["x-severity"]) == (17, "warning")


def test_severities_are_known_ones() -> None:
    for category in CATEGORIES:
        found = {node["x-severity"] for node in nodes(build_schema(category)) if "x-severity" in node}
        assert found <= {"error", "warning", "hint"}


def test_the_command_writes_the_files_and_then_finds_no_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    assert main([str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.schema.json" for name in CATEGORIES)
    assert main([str(folder), "--check"]) == 0
    assert capsys.readouterr().out == ""


def test_the_check_names_the_files_that_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path)])
    path = tmp_path / "clip.schema.json"
    path.write_bytes(json.dumps(json.loads(path.read_bytes())).encode())
    (tmp_path / "ti.schema.json").unlink()
    assert main(["--check", str(tmp_path)]) == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        str(path),
        str(tmp_path / "ti.schema.json"),
    ]
    assert not (tmp_path / "ti.schema.json").exists()
