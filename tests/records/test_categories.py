import subprocess
import sys

import pytest

from modelref_git.records.categories import CATEGORIES, category_of_legacy_file, category_of_v2_file, v2_file
from modelref_git.records.values import BASELINES, SETTINGS_KEYS, baseline_of


def test_there_are_fifteen_categories_and_image_generation_follows_the_safety_checker() -> None:
    names = list(CATEGORIES)
    assert len(names) == 15
    assert names[0] == "blip"
    assert names[names.index("safety_checker") + 1] == "image_generation"
    assert all(category.name == name for name, category in CATEGORIES.items())


def test_only_image_generation_has_a_v2_file_of_another_name() -> None:
    assert {name for name, one in CATEGORIES.items() if one.v2_file != f"{name}.json"} == {"image_generation"}


@pytest.mark.parametrize("category", [*CATEGORIES, "my_own"])
def test_a_v2_file_name_leads_back_to_its_category(category: str) -> None:
    assert category_of_v2_file(v2_file(category)) == category


@pytest.mark.parametrize("filename", ["models.csv", ".json", "a/b.json", "clip"])
def test_other_names_are_no_v2_files(filename: str) -> None:
    assert category_of_v2_file(filename) is None


def test_ten_categories_have_a_legacy_file() -> None:
    files = {one.legacy_file: name for name, one in CATEGORIES.items() if one.legacy_file}
    assert len(files) == 10
    assert files["models.csv"] == "text_generation"
    assert all(category_of_legacy_file(file) == name for file, name in files.items())
    assert category_of_legacy_file("lora.json") is None


def test_the_style_of_a_controlnet_is_critical_under_both_of_its_names() -> None:
    assert {"style", "controlnet_style"} <= set(CATEGORIES["controlnet"].critical)


@pytest.mark.parametrize(
    ("spelling", "pixels"), [("SDXL", 1024), ("stable diffusion 1.5", 512), ("flux_1", 1024), ("infer", None)]
)
def test_every_spelling_of_a_baseline_tells_its_size(spelling: str, pixels: int | None) -> None:
    baseline = baseline_of(spelling)
    assert baseline is not None
    assert baseline.native_pixels == pixels


def test_value_sets_are_exact() -> None:
    assert "SDXL" in BASELINES
    assert "sdxl" not in BASELINES
    assert " SDXL" not in BASELINES
    assert "stable diffusion 2" not in BASELINES
    assert len(set(BASELINES.values)) == len(BASELINES.values) == 33
    assert len(SETTINGS_KEYS.values) == 24


def test_reading_a_dataset_loads_neither_pydantic_nor_jsonschema() -> None:
    script = (
        "import sys\n"
        "from modelref_git.records import categories, schemas, shipped, text, values\n"
        "schema = schemas.Schema.parse('clip', shipped.schema_bytes('clip'))\n"
        "assert schema.has_metadata and schema.is_shipped and text.related_models('a/b')\n"
        "print(sorted({'pydantic', 'jsonschema', 'referencing'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
