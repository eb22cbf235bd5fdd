import json
import socket
from typing import Any

import pytest

from modelref_git.errors import Invalid
from modelref_git.records import shipped
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.codec import encode
from modelref_git.records.json_text import NumberText
from modelref_git.records.schemas import MAX_MESSAGE, Schema, check_schema

OWN: dict[str, Any] = {
    "type": "object",
    "x-critical": ["licence.name"],
    "properties": {"b": {"type": "integer"}, "a": {"type": "string"}},
    "required": ["a", "b"],
}


def parsed(document: object, category: str = "my_own") -> Schema:
    return Schema.parse(category, json.dumps(document).encode())


def faults(document: object, record: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem.path, problem.rule) for problem in parsed(document).problems(record)]


def test_a_schema_tells_the_order_of_keys_and_its_hints() -> None:
    schema = parsed(OWN)
    assert schema.critical == ("licence.name",)
    assert encode({"c": 1, "a": "x", "b": 2}, schema.order) == b'{\n  "b": 2,\n  "a": "x",\n  "c": 1\n}\n'


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (OWN, False),
        ({"properties": {"metadata": {}}}, True),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"metadata": {}}}}}, True),
        ({"properties": {"x": {"properties": {"metadata": {}}}}}, False),
    ],
)
def test_a_schema_knows_whether_records_have_metadata(document: object, expected: bool) -> None:
    assert parsed(document).has_metadata is expected


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_shipped_schema_is_recognised_by_its_bytes(category: str) -> None:
    data = shipped.schema_bytes(category)
    assert data is not None
    assert Schema.parse(category, data).is_shipped
    assert not Schema.parse(category, data + b"\n").is_shipped
    assert not Schema.parse("my_own", data).is_shipped
    assert Schema.parse(category, data).has_metadata


def test_a_category_of_ones_own_is_never_shipped() -> None:
    assert shipped.schema_bytes("my_own") is None
    assert shipped.schema_bytes("../schemas/clip") is None
    assert not parsed(OWN).is_shipped


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"a": 1, "a": 2}'])
def test_what_is_no_json_is_no_schema(data: bytes) -> None:
    with pytest.raises(Invalid, match="schema of my_own"):
        Schema.parse("my_own", data)


@pytest.mark.parametrize(
    "document",
    [True, [], "x", {"x-critical": "a"}, {"x-critical": [1]}, {"$schema": "http://json-schema.org/draft-07/schema#"}],
)
def test_a_document_that_cannot_be_a_schema_is_refused(document: object) -> None:
    with pytest.raises(Invalid) as caught:
        parsed(document)
    assert {entry["rule"] for entry in caught.value.details} == {"schema.invalid"}
    assert [problem.rule for problem in check_schema(document)] == ["schema.invalid"]


def test_every_fault_is_told_at_its_place() -> None:
    document = {
        "properties": {
            "a": {"required": ["x/y", "z"]},
            "list": {"items": {"type": "integer"}},
            "map": {"propertyNames": {"enum": ["k"]}},
            "kind": {"enum": ["good"]},
        },
        "required": ["list", "gone"],
    }
    record = {"a": {}, "list": [1, "2", 3.0, 3.5, True], "map": {"k": 1, "no": 1}, "kind": "bad"}
    assert faults(document, record) == [
        ("/a/x~1y", "schema.required"),
        ("/a/z", "schema.required"),
        ("/gone", "schema.required"),
        ("/kind", "schema.enum"),
        ("/list/1", "schema.type"),
        ("/list/3", "schema.type"),
        ("/list/4", "schema.type"),
        ("/map/no", "schema.enum"),
    ]


def test_a_value_outside_a_set_is_told_by_its_field() -> None:
    document = {"properties": {"base_line": {"enum": ["x"]}}}
    assert [problem.message for problem in parsed(document).problems({"base_line": "zzz"})] == [
        "Unknown base line: zzz"
    ]


def test_long_values_do_not_make_long_messages() -> None:
    document = {"properties": {"a": {"type": "integer"}}}
    (problem,) = parsed(document).problems({"a": "x" * 5000})
    assert len(problem.message) <= MAX_MESSAGE
    assert problem.message.endswith("is not of type 'integer'")


def test_the_legacy_remainder_is_not_judged() -> None:
    assert faults({"additionalProperties": False}, {"_legacy": {"x": 1}}) == []
    assert faults({"additionalProperties": False}, {"x": 1}) == [("", "schema.additionalProperties")]


def test_numbers_with_a_text_of_their_own_are_judged_by_their_value() -> None:
    document = {"properties": {"a": {"type": "integer", "maximum": 7}}}
    assert faults(document, {"a": NumberText("7.00")}) == []
    assert faults(document, {"a": NumberText("7.50")}) == [("/a", "schema.maximum"), ("/a", "schema.type")]


def test_check_refuses_a_record_with_all_its_faults() -> None:
    parsed(OWN).check({"a": "x", "b": 1}, "record 'x'")
    with pytest.raises(Invalid, match="record 'x' is not valid") as caught:
        parsed(OWN).check({}, "record 'x'")
    assert [entry["path"] for entry in caught.value.details] == ["/a", "/b"]


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_shipped_schemas_are_good_schemas(category: str) -> None:
    data = shipped.schema_bytes(category)
    assert data is not None
    assert check_schema(json.loads(data)) == []


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"type": "thing"}, "/type"),
        ({"properties": {"a": {"minimum": "1"}}}, "/properties/a/minimum"),
        ({"properties": {"a": {"pattern": "("}}}, "/properties/a/pattern"),
        ({"patternProperties": {"(": {}}}, "/patternProperties/("),
        ({"properties": {"a": {"x-merge": "union"}}}, "/properties/a/x-merge"),
        ({"properties": {"a": {"x-merge": {"key": 1}}}}, "/properties/a/x-merge"),
        ({"allOf": [{"x-severity": "fatal"}]}, "/allOf/0/x-severity"),
        ({"$ref": "https://example.org/x.json"}, "/$ref"),
        ({"properties": {"a": {"$ref": "other.json#/a"}}}, "/properties/a/$ref"),
        ({"$ref": "#/$defs/gone"}, "/$ref"),
        ({"$ref": "#/allOf/1", "allOf": [{}]}, "/$ref"),
        ({"$ref": "#/allOf/x", "allOf": [{}]}, "/$ref"),
        ({"$ref": "#/title/x", "title": "t"}, "/$ref"),
        ({"$ref": 3}, "/$ref"),
        ({"properties": {"a": {"pattern": 3}}}, "/properties/a/pattern"),
    ],
)
def test_a_bad_schema_is_told_where(document: dict[str, Any], path: str) -> None:
    assert path in [problem.path for problem in check_schema(document)]


@pytest.mark.parametrize("document", [{"$ref": "#"}, {"$ref": "#nowhere"}, {"anyOf": [{"$ref": "#"}]}])
def test_a_reference_that_leads_nowhere_or_in_a_circle_is_told(document: dict[str, Any]) -> None:
    assert [problem.rule for problem in check_schema(document)] == ["schema.$ref"]
    assert [problem.rule for problem in parsed(document).problems({"a": 1})] == ["schema.$ref"]


@pytest.mark.parametrize(
    "document",
    [
        {},
        OWN,
        {"properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}, "x-merge": {"type": "null"}}},
        {"properties": {"a": {"enum": [{"$ref": "http://x", "pattern": "("}]}}},
        {"$defs": {"a/b": {"type": "null"}}, "properties": {"x": {"$ref": "#/$defs/a~1b"}}},
        {"properties": {"child": {"$ref": "#"}}},
        {"allOf": [{"type": "object"}], "properties": {"x": {"$ref": "#/allOf/0"}, "y": {"$ref": "#/$defs/a%20b"}}}
        | {"$defs": {"a b": {"type": "null"}}},
        {"patternProperties": {"^x-": {"pattern": "^a"}}},
        {"properties": {"a": {"x-merge": {"key": "id"}}, "b": {"x-merge": "set"}, "c": {"x-severity": "off"}}},
    ],
)
def test_an_unusual_but_good_schema_is_accepted(document: dict[str, Any]) -> None:
    assert check_schema(document) == []


def test_judging_a_record_never_asks_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    problems = parsed({"properties": {"a": {"$ref": "http://127.0.0.1:9/x.json"}}}).problems({"a": 1})
    assert [problem.rule for problem in problems] == ["schema.$ref"]
