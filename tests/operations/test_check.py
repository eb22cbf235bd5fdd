"""The check of revisions and ranges: what no dataset may waive, and where it is said to be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelref_git.errors import NotFound
from modelref_git.operations.check import check_range, check_revision
from modelref_git.operations.checking.findings import CheckReport
from modelref_git.operations.checking.settings import toml_line
from tests.attacks.forging import Forger
from tests.support.branches import branch, canonical
from tests.support.world import World, clip

FILE = "dataset/clip/x.json"
Row = tuple[str, str, int | None, int | None]


def errors(report: CheckReport) -> list[Row]:
    """Rule, file, line and column of every error."""
    return [
        (one.finding.rule.id, one.file, one.line, one.column)
        for one in report.findings
        if one.finding.severity == "error"
    ]


def of_config(report: CheckReport) -> list[Row]:
    return [
        (one.finding.rule.id, one.finding.severity, one.line, one.column)
        for one in report.findings
        if one.file == "modelref.toml"
    ]


def checked(world: World, files: dict[str, bytes | str | None]) -> CheckReport:
    """What is found on a branch with *files*; a range finds the same errors."""
    branch(world, files)
    report = check_revision(world.context(), "work")
    in_range = check_range(world.context(), "main", "work")
    assert errors(in_range) == errors(report)
    assert in_range.ok == report.ok
    return report


def good(**more: Any) -> bytes:
    return canonical("clip", clip("x", **more))


def test_a_good_record_has_no_errors(world: World) -> None:
    report = checked(world, {FILE: good()})
    assert errors(report) == []
    assert report.ok
    assert report.records == 36


@pytest.mark.parametrize(
    ("data", "rule", "line", "column"),
    [
        (b'{"name": "x",\n "name": "x"}\n', "json.duplicate_key", 2, 2),
        (b'{"name": "x",\n "n\xc3\xa9": \xff}\n', "json.encoding", 2, 8),
        (b'{"name": "x",\n "\xc3\xa9": 1 2}\n', "json.syntax", 2, 9),
        (b"\xef\xbb\xbf{}\n", "json.encoding", 1, 1),
        (b'{"name": NaN}\n', "json.number", 1, 10),
        (b"", "json.syntax", 1, 1),
    ],
)
def test_what_is_no_strict_json_is_found_at_its_place(
    world: World, data: bytes, rule: str, line: int, column: int
) -> None:
    assert errors(checked(world, {FILE: data})) == [(rule, FILE, line, column)]


def test_what_is_no_object_is_found(world: World) -> None:
    ((rule, file, _, _),) = errors(checked(world, {FILE: b"[]\n"}))
    assert (rule, file) == ("json.object", FILE)


def test_a_fault_by_the_schema_is_at_the_value(world: World) -> None:
    data = good().replace(b'"An encoder of pictures and words."', b"12")
    report = checked(world, {FILE: data})
    place = next((n, row.index("12") + 1) for n, row in enumerate(data.decode().splitlines(), 1) if "12" in row)
    assert ("schema.anyOf", FILE, *place) in errors(report) or ("schema.type", FILE, *place) in errors(report)


def test_a_missing_member_is_at_the_object_that_lacks_it(world: World) -> None:
    record = json.loads(good())
    del record["config"]["download"][0]["file_name"]
    data = json.dumps(record, indent=2).encode() + b"\n"
    rows = [row for row in errors(checked(world, {FILE: data})) if row[0] == "schema.required"]
    lines = data.decode().splitlines()
    at = next(number for number, row in enumerate(lines) if '"download"' in row) + 1
    assert rows == [("schema.required", FILE, at + 1, lines[at].index("{") + 1)]


def test_a_record_in_another_form_is_at_the_first_character_that_differs(world: World) -> None:
    data = good().replace(b'  "description"', b'   "description"')
    line = next(n for n, row in enumerate(data.decode().splitlines(), 1) if '"description"' in row)
    assert errors(checked(world, {FILE: data})) == [("json.canonical", FILE, line, 3)]


def test_files_that_are_no_records_are_found(world: World) -> None:
    files: dict[str, bytes | str | None] = {
        "dataset/README.md": b"hello\n",
        "dataset/nothing/x.json": b"{}\n",
        "dataset/clip/%zz.json": b"{}\n",
        "dataset/clip/ab/x.json": good(),
    }
    assert errors(checked(world, files)) == [
        ("layout.category", "dataset/README.md", 1, 1),
        ("layout.category", "dataset/clip/%zz.json", 1, 1),
        ("layout.place", "dataset/clip/ab/x.json", 1, 1),
        ("layout.category", "dataset/nothing/x.json", 1, 1),
    ]


def test_a_path_that_is_no_text_is_shown_with_its_bytes(world: World) -> None:
    forger = Forger(world.path)
    rows = forger.git("ls-tree", "main^{tree}").encode() + b"\n"
    odd = forger.git("mktree", "-z", stdin=b"100644 blob " + forger.blob(b"{}").encode() + b"\t\xff.json\0")
    rows = rows.replace(forger.git("rev-parse", "main:dataset").encode(), odd.encode())
    made = forger.commit(forger.git("mktree", stdin=rows), [forger.main], "odd\n")
    assert ("layout.category", "dataset/\\xff.json", 1, 1) in errors(check_revision(world.context(), made))


def test_a_link_is_no_record(world: World) -> None:
    forger = Forger(world.path)
    tree = forger.tree("main^{tree}", {FILE: good()})
    rows = forger.git("ls-tree", f"{tree}:dataset/clip").replace("100644 blob", "120000 blob")
    clips = forger.git("mktree", stdin=rows.encode() + b"\n")
    rest = [
        f"040000 tree {clips}\tclip" if row.endswith("\tclip") else row
        for row in forger.git("ls-tree", f"{tree}:dataset").splitlines()
    ]
    dataset = forger.git("mktree", stdin="\n".join(rest).encode() + b"\n")
    top = [
        f"040000 tree {dataset}\tdataset" if row.endswith("\tdataset") else row
        for row in forger.git("ls-tree", tree).splitlines()
    ]
    made = forger.commit(forger.git("mktree", stdin="\n".join(top).encode() + b"\n"), [forger.main], "links\n")
    assert ("layout.mode", FILE, 1, 1) in errors(check_range(world.context(), "main", made))


def test_look_alikes_are_found_though_only_one_of_them_is_new(world: World) -> None:
    files: dict[str, bytes | str | None] = {"dataset/clip/vit-l%2F14.json": canonical("clip", clip("vit-l/14"))}
    ((rule, file, line, _),) = [row for row in errors(checked(world, files)) if row[0].startswith("name.")]
    assert (rule, file, line) == ("name.look_alike", "dataset/clip/vit-l%2F14.json", 3)


def test_a_name_that_no_record_may_have_is_found_at_the_name(world: World) -> None:
    name = "koboldcpp/x"
    record = {"name": name, "parameters": 7_000_000_000}
    file = "dataset/text_generation/koboldcpp%2Fx.json"
    rows = errors(checked(world, {file: canonical("text_generation", record)}))
    assert rows[0] == ("name.backend_prefix", file, 2, 11)


def test_the_remainder_of_an_import_must_be_one(world: World) -> None:
    for remainder, column in ((b"[1]", 14), (b'{\n    "rank": "first"\n  }', 13)):
        data = good()[:-3] + b',\n  "_legacy": ' + remainder + b"\n}\n"
        rows = [row for row in errors(checked(world, {FILE: data})) if row[0] != "json.canonical"]
        assert [(row[0], row[3]) for row in rows] == [("legacy.remainder", column)]


def test_a_record_that_cannot_be_read_is_no_trouble_for_the_others(world: World) -> None:
    twice = good().replace(b'"name": "x"', b'"name": "x",\n  "name": "x"')
    files: dict[str, bytes | str | None] = {FILE: twice, "dataset/clip/y.json": canonical("clip", clip("y"))}
    assert [row[0] for row in errors(checked(world, files))] == ["json.duplicate_key"]


# --- the configuration and the schemas ---


def config(world: World) -> bytes:
    return Forger(world.path).read("main:modelref.toml")


def test_a_configuration_that_cannot_be_read_is_found_at_its_line(world: World) -> None:
    lines = config(world).count(b"\n")
    report = checked(world, {"modelref.toml": config(world) + b"oops\n"})
    assert [row[:3] for row in errors(report)] == [("config.syntax", "modelref.toml", lines + 1)]
    bad = config(world).replace(b'"name.url" = "error"', b'"name.url" = "loud"')
    at = bad[: bad.index(b'"loud"')].count(b"\n") + 1
    report = checked(world, {"modelref.toml": bad})
    assert errors(report) == [("config.value", "modelref.toml", at, 1)]


def test_rules_that_there_are_not_and_exceptions_for_nothing_are_told(world: World) -> None:
    more = b"""
[[exceptions]]
rule = "name.url"
category = "clip"
name = "gone"
reason = "it was so"

[[exceptions]]
rule = "name.ulr"
category = "clip"
name = "ViT-L/14"
reason = "it is so"
"""
    data = config(world).replace(b'"name.url" = "error"', b'"name.url" = "error"\n"name.nothing" = "off"') + more
    lines = data.decode().splitlines()
    report = checked(world, {"modelref.toml": data})
    assert of_config(report) == [
        ("config.unknown_rule", "warning", lines.index('"name.nothing" = "off"') + 1, 1),
        ("config.unused_exception", "warning", lines.index('name = "gone"') + 1, 1),
        ("config.unknown_rule", "warning", lines.index('rule = "name.ulr"') + 1, 1),
    ]
    off = data.replace(b'"name.nothing" = "off"\n', b"")
    for rule in (b"unknown_rule", b"unused_exception"):
        off = off.replace(b"[rules]\n", b'[rules]\n"config.%s" = "off"\n' % rule)
    assert of_config(checked(world, {"modelref.toml": off})) == []


def test_a_range_that_deletes_the_record_of_an_exception_is_told(world: World) -> None:
    more = b'\n[[exceptions]]\nrule = "name.url"\ncategory = "clip"\nname = "x"\nreason = "so"\n'
    never = more.replace(b'"x"', b'"never"')
    branch(world, {FILE: good(), "modelref.toml": config(world) + more + never}, name="one")
    branch(world, {FILE: None}, name="two", base="one")
    assert [row[0] for row in of_config(check_range(world.context(), "main", "one"))] == ["config.unused_exception"]
    assert [row[0] for row in of_config(check_range(world.context(), "one", "two"))] == ["config.unused_exception"]


def test_an_exception_silences_its_rule_for_its_record_alone(world: World) -> None:
    more = b'\n[[exceptions]]\nrule = "name.whitespace"\ncategory = "clip"\nname = " x"\nreason = "so"\n'
    files: dict[str, bytes | str | None] = {
        "modelref.toml": config(world) + more,
        "dataset/clip/%20x.json": canonical("clip", clip(" x")),
        "dataset/clip/%20y.json": canonical("clip", clip(" y")),
    }
    assert [row[:2] for row in errors(checked(world, files))] == [("name.whitespace", "dataset/clip/%20y.json")]


def test_a_dataset_in_which_nobody_could_approve_is_found(world: World) -> None:
    bad = config(world).replace(b'"approver"', b'"requestor"')
    rows = errors(checked(world, {"modelref.toml": bad}))
    assert {row[0] for row in rows} == {"policy.reachable"}
    assert all(bad.decode().splitlines()[(row[2] or 0) - 1] == "[[members]]" for row in rows)


def test_broken_and_missing_schemas_are_found_and_judge_nothing(world: World) -> None:
    clips, blips = "schemas/clip.schema.json", "schemas/blip.schema.json"
    bad = b'{\n  "type": "object",\n  "properties": 3\n}\n'
    report = checked(world, {clips: bad, FILE: b'{\n  "name": "x"\n}\n'})
    assert [row for row in errors(report) if row[1] == clips] == [("schema.type", clips, 3, 17)]
    assert not [row for row in errors(report) if row[1] == FILE]
    branch(world, {blips: None})
    rows = of_config(check_revision(world.context(), "work"))
    line = config(world).decode().splitlines().index("[categories.blip]")
    assert [row[0] for row in rows] == ["schema.missing"]
    assert rows[0][2] in (line + 1, line + 2)
    branch(world, {blips: b"{]"})
    assert errors(check_range(world.context(), "main", "work")) == [("json.syntax", blips, 1, 2)]


def test_a_changed_schema_judges_all_records_of_its_category(world: World) -> None:
    path = "schemas/clip.schema.json"
    schema = json.loads(Forger(world.path).read(f"main:{path}"))
    schema["required"] = [*schema.get("required", []), "moon"]
    report = checked(world, {path: json.dumps(schema, indent=2).encode() + b"\n"})
    found = {row[1] for row in errors(report)}
    assert found == {path for path in world.files() if path.startswith("dataset/clip/")}
    assert {row[0] for row in errors(report)} == {"schema.required"}


def test_a_category_that_is_taken_away_with_its_records_is_found(world: World) -> None:
    text = config(world).decode()
    start = text.index("[categories.clip]")
    without = text[:start] + text[text.index("[categories.", start + 1) :]
    branch(world, {"modelref.toml": without.encode()})
    assert ("layout.category", "modelref.toml", 1, 1) in errors(check_range(world.context(), "main", "work"))


def test_a_revision_without_a_dataset_is_none(world: World) -> None:
    for revision in ("queue", "nothing", "main:modelref.toml"):
        with pytest.raises(NotFound):
            check_revision(world.context(), revision)


def test_the_line_of_a_place_in_toml_is_that_of_what_says_it() -> None:
    text = 'a = 1\n\n[rules]\n"x.y" = "off"\nz.w = 1 # hm\n[[m]]\nid = 1\n[[m]] # two\nid = 2\n[b.c]\nd = 1\n'
    assert toml_line(text, "/a") == 1
    assert toml_line(text, "/rules/x.y") == 4
    assert toml_line(text, "/rules/z/w") == 5
    assert toml_line(text, "/m") == 6
    assert toml_line(text, "/m/1") == 8
    assert toml_line(text, "/m/1/id") == 9
    assert toml_line(text, "/m/1/nothing") == 8
    assert toml_line(text, "/b/c/d") == 11
    assert toml_line(text, "/nothing") == toml_line(text, "") == toml_line(text, "x") == 1
