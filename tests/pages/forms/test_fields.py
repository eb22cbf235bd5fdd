from __future__ import annotations

import functools
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelref_git.pages.forms.editing import begun, came_back, with_hidden
from modelref_git.pages.forms.fields import every, fields_of, placed
from modelref_git.pages.forms.posted import read
from modelref_git.pages.forms.shapes import shape_of
from modelref_git.pages.forms.typed import Typed
from modelref_git.pages.links import ServiceLinks
from modelref_git.pages.rendering import Frame, Reader, render
from modelref_git.records import codec, shipped
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.json_text import same
from modelref_git.records.schemas import Schema
from tests.support.page_forms import form_in

ODD = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "tree": {"$ref": "#/$defs/Tree"},
        "any": {"patternProperties": {"^x": {"type": "string"}}},
        "maybe": {"type": ["string", "null"], "description": "Perhaps."},
        "kind": {"enum": ["a", "b", ""]},
        "level": {"enum": [1, 2]},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]},
        "flag": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "words": {"type": "array", "items": {"type": "string"}},
        "parts": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "number"}}}},
        "lost": {"$ref": "#/$defs/Nowhere"},
    },
    "$defs": {
        "Tree": {
            "type": "object",
            "properties": {"label": {"type": "string"}, "below": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
        }
    },
}


@functools.cache
def schema_of(category: str) -> Schema:
    data = shipped.schema_bytes(category)
    return Schema.parse(category, data if data is not None else json.dumps(ODD).encode())


def sent_back(category: str, record: dict[str, Any]) -> dict[str, Any]:
    """The record in the form of *record*, without a browser."""
    fields = fields_of(shape_of(schema_of(category).document), record)
    posted = read([row for one in fields for row in one.rows()])
    assert posted.problems == []
    return posted.record


def through_a_page(category: str, record: dict[str, Any], *, as_text: bool = False) -> dict[str, Any]:
    """The record that a browser sends back of the page with *record*."""
    schema = schema_of(category)
    editing = begun("update", category, schema, "x", record=record, base="0" * 40)
    editing = editing.as_text(schema) if as_text else editing
    fields = fields_of(shape_of(schema.document), editing.record, ("metadata", "_legacy"))
    values = {
        "editing": editing,
        "fields": fields,
        "asks_name": False,
        "names_itself": True,
        "aside": [],
        "aside_has_problems": False,
        "told": [],
        "hint": None,
        "findings": [],
        "waivers": [],
        "differences": (),
        "rivals": (),
        "is_checked": False,
        "has_pictures": True,
        "there": set(),
        "uploads": set(),
    }
    page = render("propose-form.html", Frame(ServiceLinks(), Reader("carol#2", "2")), values).decode()
    back = came_back(form_in(page, "/ui/propose/update"), "update")
    assert back.problems == ()
    return with_hidden(back.record, record, schema)


def assert_the_same(category: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    order = schema_of(category).order
    assert codec.encode(one, order) == codec.encode(other, order)


def test_every_record_of_the_starter_dataset_comes_back_from_its_form_byte_for_byte() -> None:
    for path, data in shipped.starter_files():
        category, record = path.split("/")[1], codec.decode(data)
        assert_the_same(category, sent_back(category, record), record)


@pytest.mark.long
def test_every_record_of_the_starter_dataset_comes_back_from_its_page_byte_for_byte() -> None:
    for path, data in shipped.starter_files():
        category, record = path.split("/")[1], codec.decode(data)
        assert_the_same(category, through_a_page(category, record), record)


def test_what_browsers_would_change_of_a_text_comes_back_as_it_was() -> None:
    for text in ("\n\nleading", "\n", "a\r\nb", "\r", "\x00", "\x85", " \t", "</textarea><b>", "&lt;", "x" * 200):
        record = {"name": text, "description": text, "tags": [text, ""], "requirements": {text: text}, "x\ny": 1}
        assert_the_same("image_generation", through_a_page("image_generation", record), record)


KEYS = st.sampled_from(["name", "a/b~c", "", " ", "x\ny", "_", "description", "\x00", "ä", "record", "k"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["", "\n", "\r", "a\r\nb", "true", "1", '"', "</textarea>", "&amp;", "\u2028", " x ", "a\n\nb", "\ufeff", "\x85"]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
    st.sampled_from(["1.50", "1E5", "-0", "-0.0", "1e-9"]).map(
        lambda text: codec.decode(f'{{"n": {text}}}'.encode())["n"]
    ),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


@st.composite
def records(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    category = draw(st.sampled_from(["image_generation", "text_generation", "clip", "own"]))
    document = schema_of(category).document
    places = [(key,) for key in document["properties"]] + [("config", "download"), ("config", "more"), ("new", "x")]
    record: dict[str, Any] = {}
    for place in draw(st.lists(st.sampled_from(places), max_size=5)):
        inner = record
        for key in place[:-1]:
            inner[key] = inner.get(key) if isinstance(inner.get(key), dict) else {}
            inner = inner[key]
        texts, rows = st.lists(TEXTS, max_size=3), st.dictionaries(KEYS, SCALARS, max_size=3)
        fitting = st.one_of(VALUES, texts, rows, st.lists(rows, max_size=3))
        inner[place[-1]] = draw(fitting)
    record |= draw(st.dictionaries(KEYS, VALUES, max_size=2))
    record.pop("metadata", None)
    return category, record


@given(records())
@settings(max_examples=25)
def test_any_record_comes_back_from_its_form_byte_for_byte(made: tuple[str, dict[str, Any]]) -> None:
    assert_the_same(made[0], sent_back(*made), made[1])


@pytest.mark.long
@given(records())
@settings(max_examples=400, deadline=None)
def test_any_record_comes_back_from_its_page_byte_for_byte_in_fields_and_as_json(
    made: tuple[str, dict[str, Any]],
) -> None:
    assert_the_same(made[0], through_a_page(*made), made[1])
    assert_the_same(made[0], through_a_page(*made, as_text=True), made[1])


@pytest.mark.long
def test_every_record_of_the_real_history_comes_back_from_its_form(real_data: Path) -> None:
    seen = 0
    with gzip.open(real_data / "image-history.jsonl.gz") as lines:
        for line in lines:
            for record in _records_in(json.loads(line)):
                seen += 1
                assert same(sent_back("image_generation", record), record)
    assert seen > 100


def _records_in(value: Any) -> list[dict[str, Any]]:
    """Whatever in a line of the history looks like a record."""
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return [codec.decode(json.dumps(value).encode())]
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [record for one in inner for record in _records_in(one)]


def test_each_member_has_the_kind_of_field_that_its_schema_asks_for() -> None:
    record = next(codec.decode(data) for path, data in shipped.starter_files() if "/image_generation/" in path)
    kinds = {one.path: one.kind for one in every(fields_of(shape_of(schema_of("image_generation").document), record))}
    wanted = {
        "/name": "text",
        "/description": "long",
        "/nsfw": "boolean",
        "/style": "choice",
        "/baseline": "text",
        "/tags": "lines",
        "/requirements": "pairs",
        "/config": "group",
        "/config/download": "rows",
        "/config/download/0": "row",
        "/size_on_disk_bytes": "number",
    }
    assert {path: kinds[path] for path in wanted} == wanted


def test_what_a_schema_does_not_say_plainly_is_edited_as_json() -> None:
    fields = {one.key: one for one in fields_of(shape_of(ODD), {"unknown": [1, {"a": None}], "kind": ""})}
    assert {key for key, one in fields.items() if one.kind == "json"} == {
        "id", "any", "kind", "level", "pair", "lost", "unknown",
    }  # fmt: skip
    assert fields["unknown"].text == '[\n  1,\n  {\n    "a": null\n  }\n]'
    assert fields["id"].is_required
    assert (fields["maybe"].kind, fields["flag"].kind, fields["labels"].kind) == ("text", "boolean", "pairs")


def test_what_cannot_be_read_stays_as_it_was_typed_and_says_so_at_its_field() -> None:
    rows = [("k", "number /steps"), ("f:/steps", "ten"), ("k", "json /more"), ("f:/more", '{"a": }')]
    posted = read(rows)
    assert [one.path for one in posted.problems] == ["/steps", "/more"]
    assert all(isinstance(value, Typed) for value in posted.record.values())
    fields = fields_of(shape_of({"properties": {"steps": {"type": "integer"}}}), posted.record)
    assert [(one.kind, one.text) for one in fields] == [("number", "ten"), ("json", '{"a": }')]
    assert [at for _, at in placed(fields, posted.problems)] == [one.id for one in fields]
    assert all(one.problems for one in fields)


def test_every_shipped_category_has_a_form_whose_fields_have_ids_of_their_own() -> None:
    for category in CATEGORIES:
        fields = list(every(fields_of(shape_of(schema_of(category).document), {})))
        assert len({one.id for one in fields}) == len(fields) > 10
