"""The forms of a check's report: annotations that nobody can forge, SARIF that hosts take, lines for editors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from modelref_git.cli.reports import github, sarif, text
from modelref_git.errors import Problem
from modelref_git.operations.checking.findings import CheckReport, LocatedFinding, structural_rule
from modelref_git.operations.checking.weighing import Finding
from modelref_git.records.quality.catalogue import BY_ID
from tests.support.branches import branch, canonical
from tests.support.calls import call
from tests.support.world import World, clip

TEXT = st.text() | st.text("\r\n%:,;\x1b\x9b\u2028\u202ea ::error::", max_size=20)


def located(
    message: str = "m", key: str = "x", file: str = "f.json", severity: Any = "error", **more: Any
) -> LocatedFinding:
    rule = BY_ID["name.url"]
    more.setdefault("line", 1)
    return LocatedFinding(Finding(rule, severity, "clip", key, Problem("/name", message, rule.id)), file, **more)


def bad(world: World) -> None:
    branch(world, {"dataset/clip/%20x.json": canonical("clip", clip(" x"))})


# --- GitHub ---


@given(TEXT, TEXT, TEXT.filter(bool))
def test_no_text_can_end_an_annotation_or_begin_another(message: str, key: str, file: str) -> None:
    (line,) = github.lines([located(message, key, file, column=7)])
    assert line.isprintable()
    match = re.fullmatch(r"::error file=([^:,]*),line=1,col=7,title=name\.url::(.*)", line)
    assert match


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_what_an_annotation_says_comes_out_as_it_was(message: str) -> None:
    (line,) = github.lines([located(message, "", "a,b:c%.json")])
    head, said = line.removeprefix("::error ").split("::", 1)
    assert said.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%") == message
    assert head.startswith("file=a%2Cb%3Ac%25.json,")


def test_severities_become_the_hosts() -> None:
    found = [located(severity=severity) for severity in ("error", "warning", "hint")]
    found.append(located(is_allowed=True))
    assert [line.split(" ")[0] for line in github.lines(found)] == ["::error", "::warning", "::notice", "::notice"]
    (line,) = github.lines([located(line=None)])
    assert line.startswith("::error file=f.json,title=name.url::")


def test_annotations_from_the_command_line(world: World) -> None:
    bad(world)
    answer = world.say("check", "main..work", "--format", "github")
    assert answer.code == 5
    assert answer.out.decode().splitlines() == [
        "::error file=dataset/clip/%2520x.json,line=3,col=11,title=name.whitespace"
        ":: x: the name begins or ends with white space"
    ]
    assert answer.err.startswith(b"error: 1 error in 1 record")


# --- SARIF ---

_TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
_RULE = {
    "type": "object",
    "required": ["id", "shortDescription", "fullDescription", "help", "defaultConfiguration"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "shortDescription": _TEXT,
        "fullDescription": _TEXT,
        "help": _TEXT,
        "defaultConfiguration": {
            "type": "object",
            "required": ["level"],
            "properties": {"level": {"enum": ["none", "note", "warning", "error"]}},
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
_LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    # A URI reference, by its characters.
                    "properties": {"uri": {"pattern": r"^(?:[A-Za-z0-9._~!$&'()*+,;=@/-]|%[0-9A-F]{2})+$"}},
                },
                "region": {
                    "type": "object",
                    "required": ["startLine"],
                    "properties": {
                        "startLine": {"type": "integer", "minimum": 1},
                        "startColumn": {"type": "integer", "minimum": 1},
                    },
                    "additionalProperties": False,
                },
            },
        },
    },
}
_RESULT = {
    "type": "object",
    "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["note", "warning", "error"]},
        "message": _TEXT,
        "locations": {"type": "array", "minItems": 1, "items": _LOCATION},
        "partialFingerprints": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}},
        "suppressions": {"type": "array", "items": {"required": ["kind"]}},
    },
    "additionalProperties": False,
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string", "format": "uri"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results", "columnKind"],
                "properties": {
                    "columnKind": {"const": "unicodeCodePoints"},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "properties": {
                                    "name": {"type": "string", "minLength": 1},
                                    "rules": {"type": "array", "uniqueItems": True, "items": _RULE},
                                },
                            }
                        },
                    },
                    "results": {"type": "array", "items": _RESULT},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
"""What a log of this tool must be, of what the standard asks for."""


def valid(log: Any) -> Any:
    """The one run of a log that is as it must be."""
    Draft202012Validator(SARIF).validate(log)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    marks = [json.dumps(result["partialFingerprints"]) for result in run["results"]]
    assert len(marks) == len(set(marks))
    return run


def test_the_log_of_a_dataset_is_valid_and_says_what_the_answer_says(world: World) -> None:
    bad(world)
    branch(world, {"dataset/clip/bad.json": b"{}\n"}, name="worse", base="work")
    answer = world.say("check", "worse", "--format", "sarif")
    assert answer.code == 5
    run = valid(answer.json)
    rows = world.run("check", "worse").json["findings"]
    assert len(rows) == len(run["results"]) > 3
    for row, result in zip(rows, run["results"], strict=True):
        physical = result["locations"][0]["physicalLocation"]
        assert unquote(physical["artifactLocation"]["uri"]) == row["file"]
        assert physical["region"] == {"startLine": row["line"], "startColumn": row["column"]}
        assert result["level"] == {"hint": "note"}.get(row["severity"], row["severity"])
        assert row["message"] in result["message"]["text"]
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["help"]["text"] == row["hint"]


def test_a_log_goes_with_json_too_and_may_be_empty(world: World) -> None:
    answer = world.run("check", "main..main", "--format", "sarif").ok()
    assert valid(answer.json)["results"] == []


def test_a_waived_error_is_suppressed(world: World) -> None:
    bad(world)
    answer = world.say("check", "main..work", "--format", "sarif", "--allow", "*").ok()
    (result,) = valid(answer.json)["results"]
    assert result["suppressions"][0]["kind"] == "external"


@given(TEXT, TEXT, TEXT.filter(bool))
def test_any_text_and_file_make_a_valid_log(message: str, key: str, file: str) -> None:
    log = sarif.log([located(message or "m", key, file, line=None), located(message or "m", key, file, column=3)])
    (first, second) = valid(json.loads(json.dumps(log)))["results"]
    uri = first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert unquote(uri, errors="strict") == file
    assert first["partialFingerprints"] != second["partialFingerprints"]


def test_a_fingerprint_outlives_a_move_within_the_file() -> None:
    logs = [sarif.log([located(line=line, column=2)]) for line in (3, 30)]
    marks = [valid(log)["results"][0]["partialFingerprints"] for log in logs]
    assert marks[0] == marks[1]
    other = valid(sarif.log([located("another", line=3, column=2)]))["results"][0]
    assert other["partialFingerprints"] != marks[0]


# --- text ---


@given(TEXT, TEXT, TEXT.filter(bool))
def test_no_text_can_break_a_line_or_steer_a_terminal(message: str, key: str, file: str) -> None:
    (line,) = text.lines([located(message, key, file, column=2)])
    assert line.isprintable()
    assert line.endswith(" (name.url)")


def test_a_terminal_gets_colours_and_a_gap_between_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    found = [located(file="a"), located(file="a", is_allowed=True), located(file="b", severity="hint")]
    lines = list(text.lines(found))
    assert lines[2] == ""
    assert "\x1b[31merror" in lines[0]
    assert "allowed" in lines[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "".join(text.lines(found))


def test_the_count_names_each_severity() -> None:
    report = CheckReport(("*",), records=2)
    assert text.summary(report) == "no findings in 2 records"
    report._found += [located(), located(severity="hint"), located(severity="hint"), located(is_allowed=True)]
    assert text.summary(report) == "1 error, 2 hints, 1 allowed error in 2 records"


def test_every_rule_that_nobody_waives_has_words() -> None:
    for rule_id in ("json.syntax", "schema.required", "layout.place", "source.mixed", "policy.reachable"):
        rule = structural_rule(rule_id)
        assert rule.id == rule_id
        assert rule.text
        assert rule.reason
        assert rule.advice


def test_a_file_outside_of_any_repository_can_be_reported_in_every_form(tmp_path: Path) -> None:
    (tmp_path / "clip.json").write_bytes(b'{"x": ')
    for form in ("text", "json", "sarif", "github"):
        answer = call("check", "clip.json", "--format", form, cwd=tmp_path)
        assert answer.code == 5
        assert b"clip.json" in answer.out
        assert answer.err.startswith(b"error: 1 error in 0 records")
