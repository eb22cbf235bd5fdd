"""The pages that are made from the code name all that there is. That they are of today, test_generated says."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest

from modelref_git.records.categories import CATEGORIES
from modelref_git.server.app import build
from modelref_git.server.settings import PREFIX, Settings
from tests.docs import api, records, ref_diagrams, settings, shapes
from tests.docs.session import CHECKOUT

DESIGN = (CHECKOUT / "docs" / "design.md").read_text(encoding="utf-8")


def test_every_route_of_the_service_is_on_the_page_with_each_of_its_parameters() -> None:
    page = api.PAGE.read_text(encoding="utf-8")
    sections = {part.partition("`\n")[0]: part for part in page.split("\n### `")[1:]}
    categories = "|".join(str(category) for category in CATEGORIES)
    document = build(Settings(repo=Path("models"))).openapi()
    assert len(document["paths"]) > 90
    for path, rows in document["paths"].items():
        general = re.sub(rf"/v2/(?:{categories}|{{model_category_name}})(?=/|$)", "/v2/{category}", path)
        general = general.replace("{model_category_name}", "{category}")
        for method, operation in rows.items():
            found = [
                text
                for heading, text in sections.items()
                if heading == f"{method.upper()} {general}"
                or (heading.startswith(method.upper()) and f"`{general}`" in text)
            ]
            assert len(found) == 1, f"{method} {path}"
            for one in operation.get("parameters", ()):
                assert one["in"] == "path" or f"\n| `{one['name']}` | " in found[0], f"{method} {path} {one['name']}"
            assert all(f"`{status}`" in found[0] for status in operation["responses"]), f"{method} {path}"


@pytest.mark.parametrize("page", [api.PAGE, records.PAGE], ids=lambda path: path.stem)
def test_a_link_to_a_part_of_the_page_finds_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    parts = {heading.lower() for heading in re.findall(r"^### (\w+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(\w+)\)", text)) <= parts


def test_every_field_of_every_category_is_on_the_page() -> None:
    text = records.PAGE.read_text(encoding="utf-8")
    shared = text.partition("## In every category")[2].partition("\n## ")[0]
    for category in CATEGORIES:
        own = text.partition(f"\n## `{category}`\n")[2].partition("\n## ")[0]
        schema = json.loads((CHECKOUT / "schemas" / f"{category}.schema.json").read_text(encoding="utf-8"))
        for field in schema["properties"]:
            assert f"\n| `{field}` | " in own or f"\n| `{field}` | " in shared, f"{category} {field}"


def test_every_setting_is_on_the_page() -> None:
    listed = re.findall(r"^\| `(\w+)` \| `", settings.PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == [PREFIX + item.name.upper() for item in fields(Settings)]


def test_a_schema_is_told_in_words() -> None:
    assert (
        shapes.kind({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}) == "integer, at least 1 or null"
    )
    assert shapes.kind({"type": "array", "items": {"$ref": "#/x/Part"}}) == "list of [Part](#part)"
    assert shapes.kind({"type": "string", "minLength": 1, "maxLength": 9}) == "string, 1 to 9 characters"
    assert shapes.table(("a", "b"), [("x", "y | z\n w")]) == "| a | b |\n| --- | --- |\n| `x` | y \\| z w |\n"


def test_every_diagram_is_shown_with_its_title_and_tells_in_words_what_it_draws() -> None:
    shown = re.findall(r"^!\[(.*)\]\(diagrams/([\w-]+)\.svg\)$", DESIGN, re.MULTILINE)
    assert shown == [(step.title, step.name) for step in ref_diagrams.STEPS]
    for title, name in shown:
        text = (ref_diagrams.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
        assert not re.search(r"\b[0-9a-f]{12,}\b", text), "an id that is different each time"
        root = ElementTree.fromstring(text)
        space = "{http://www.w3.org/2000/svg}"
        assert root.findtext(f"{space}title") == title
        assert unescape(root.findtext(f"{space}desc") or "").startswith("After ")


def test_what_the_text_says_of_apply_is_what_the_repository_did() -> None:
    told = {
        step.name: unescape((ref_diagrams.FOLDER / f"{step.name}.svg").read_text(encoding="utf-8"))
        for step in ref_diagrams.STEPS
    }
    assert "batches/3 is at b3, and is new;" in told["approve"]
    assert "main is at" not in told["approve"]
    assert "main is at b4, which was at b3′′;" in told["apply"]
    assert "batches/4 is at b4, and is new;" in told["apply-part"]
