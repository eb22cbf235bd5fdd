"""The text models' files go in as records and come out as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid, ModelrefError, Problem
from modelref_git.formats.legacy.profile import decode
from modelref_git.formats.ranks import with_rank
from modelref_git.formats.source_types import SourceCategory, SourceEntry
from modelref_git.formats.text import files as text_files
from modelref_git.formats.text.files import FILES, columns_of, losses, new_files, read_category, write
from modelref_git.formats.text.rows import COLUMNS
from modelref_git.records import codec, normal, pointer
from modelref_git.records.schema_build import build_schema
from modelref_git.records.values import SETTINGS_KEYS

HEADER = ",".join(COLUMNS)
ORDER = codec.KeyOrder.of_schema(build_schema("text_generation"))
Records = list[tuple[str, dict[str, Any]]]


def source(*lines: str, header: str = HEADER, eol: str = "\r\n") -> bytes:
    return eol.join([header, *lines, ""]).encode()


def quirky(line: str) -> str:
    """A line with as many cells as the header."""
    return line + "," * (len(COLUMNS) - 1 - line.count(","))


def read(data: bytes, **files: bytes) -> SourceCategory:
    return read_category({"models.csv": data, **{name.replace("__", "."): more for name, more in files.items()}})


def stored(found: SourceCategory) -> Records:
    """The records as the dataset gives them back, with ranks, in stored order."""
    good = [(entry.key, entry.record) for entry in found.entries if entry.key and entry.record]
    ranked = [(key, with_rank(record, 1024 * place)) for place, (key, record) in enumerate(good)]
    return [(key, codec.decode(codec.encode(record, ORDER))) for key, record in ranked]


def kept(found: SourceCategory) -> dict[str, bytes]:
    return {path.removeprefix("legacy/text_generation/"): data for path, data in found.profile_files.items()}


def again(found: SourceCategory) -> dict[str, bytes]:
    return write(stored(found), kept(found))


def edit(records: Records, name: str, **changes: Any) -> Records:
    """The records after an update of one as propose stores it; None drops a field."""
    stamps = {"schema_version": "2.0.0", "updated_at": 1, "updated_by": "a#1"}
    return [
        (
            key,
            normal.normalise("text_generation", {**record, "metadata": stamps, **changes}, before=record)
            if key == name
            else record,
        )
        for key, record in records
    ]


def changed_lines(before: bytes, after: bytes) -> tuple[list[bytes], list[bytes]]:
    """Lines that only the one and only the other has; both have as many, and all others in the same places."""
    old, new = before.split(b"\r\n"), after.split(b"\r\n")
    assert len(old) == len(new)
    pairs = [(one, two) for one, two in zip(old, new, strict=True) if one != two]
    return [one for one, _ in pairs], [two for _, two in pairs]


def changed_entries(before: bytes, after: bytes) -> set[str]:
    old, new = json.loads(before), json.loads(after)
    assert list(old) == list(new)
    return {key for key in old if json.dumps(old[key]) != json.dumps(new[key])}


def remarks(entry: SourceEntry) -> list[str]:
    return [problem.rule for problem in entry.warnings]


def faults(found: SourceCategory) -> list[tuple[str | None, int | None, list[str]]]:
    return [
        (entry.key, entry.line, [problem.rule for problem in entry.problems])
        for entry in found.entries
        if entry.problems
    ]


@pytest.fixture(scope="module")
def files(real_data: Path) -> dict[str, bytes]:
    return {name: (real_data / "text-legacy-sample" / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def sample(files: dict[str, bytes]) -> SourceCategory:
    return read_category(files)


# The real files


def test_the_real_files_come_back_to_the_byte(files: dict[str, bytes], sample: SourceCategory) -> None:
    assert len(sample.entries) == 60
    assert (sample.category, sample.warnings, faults(sample)) == ("text_generation", (), [])
    assert again(sample) == files
    assert decode(kept(sample)["profile.json"]) == {"columns": list(COLUMNS), "eol": "\r\n", "exact": True}
    assert {name: kept(sample)[name] for name in ("defaults.json", "generation_params.json")} == {
        name: files[name] for name in ("defaults.json", "generation_params.json")
    }


def test_the_real_records_lose_nothing(sample: SourceCategory) -> None:
    assert [problem for key, record in stored(sample) for problem in losses(key, record)] == []


def test_little_of_the_real_files_is_kept_besides_the_records(sample: SourceCategory) -> None:
    remainders = {key: record["_legacy"] for key, record in stored(sample) if list(record["_legacy"]) != ["rank"]}
    assert remainders["Casual-Autopsy/Maginum-Cydoms-24B"] == {
        "rank": 51200 - 1024,
        "earlier": [{"parameters_bn": "24"}],
    }
    assert remainders["chargoddard/storytime-13b"]["cells"] == {"tags": "roleplay, storytelling, popular"}
    assert len(remainders) < 12


EDITS: list[dict[str, Any]] = [
    {"description": 'Edited, "so".'},
    {"parameters": 12_345_678_901},
    {"tags": ["new tag", "a"]},
    {"style": "generalist"},
    {"style": "Chat", "url": "https://example.org", "settings": {"top_k": 1, "temperature": 0.5}},
    {"display_name": "Title", "instruct_format": None, "baseline": None, "settings": None, "url": None},
]


@pytest.mark.parametrize("changes", EDITS, ids=lambda changes: "-".join(changes))
def test_an_edit_of_any_real_record_changes_its_own_line_and_entries_alone(
    files: dict[str, bytes], sample: SourceCategory, changes: dict[str, Any]
) -> None:
    records = stored(sample)
    for name, _ in records:
        after = write(edit(records, name, **changes), kept(sample))
        old, new = changed_lines(files["models.csv"], after["models.csv"])
        assert len(old) == len(new) == 1, name
        assert old[0].startswith(name.encode() + b",")
        assert new[0].startswith(name.encode() + b",")
        entries = {name, f"aphrodite/{name}", f"koboldcpp/{name.partition('/')[2] or name}"}
        assert changed_entries(files["db.json"], after["db.json"]) == entries
        assert after.keys() == files.keys()
        for same in ("defaults.json", "generation_params.json"):
            assert after[same] == files[same]


def test_only_the_edited_cells_of_a_line_change(files: dict[str, bytes], sample: SourceCategory) -> None:
    name = "acrastt/Marx-3B-V3"
    after = write(edit(stored(sample), name, url="https://example.org/x"), kept(sample))["models.csv"]
    old, new = changed_lines(files["models.csv"], after)
    assert new == [old[0].replace(b"https://huggingface.co/acrastt/Marx-3B-V3", b"https://example.org/x")]


def test_stamps_alone_change_no_file(files: dict[str, bytes], sample: SourceCategory) -> None:
    assert write(edit(stored(sample), "bigscience/bloom"), kept(sample)) == files


@pytest.mark.parametrize("name", ["Casual-Autopsy/Maginum-Cydoms-24B", "acrastt/Marx-3B-V3", "bigscience/bloom"])
def test_a_deletion_takes_all_rows_of_the_name_and_its_entries(
    files: dict[str, bytes], sample: SourceCategory, name: str
) -> None:
    after = write([row for row in stored(sample) if row[0] != name], kept(sample))
    lines = files["models.csv"].splitlines(keepends=True)
    assert after["models.csv"] == b"".join(line for line in lines if not line.startswith(name.encode() + b","))
    gone = {name, f"aphrodite/{name}", f"koboldcpp/{name.partition('/')[2]}"}
    left = {key: entry for key, entry in json.loads(files["db.json"]).items() if key not in gone}
    assert json.loads(after["db.json"]) == left
    assert len(left) == 177


def test_a_new_record_goes_last(files: dict[str, bytes], sample: SourceCategory) -> None:
    record = normal.normalise("text_generation", {"name": "new/M-7B", "parameters": 7 * 10**9, "style": "chat"})
    after = write([*stored(sample), ("new/M-7B", record)], kept(sample))
    assert after["models.csv"] == files["models.csv"] + b"new/M-7B,7,,,,,chat,,,\r\n"
    assert list(json.loads(after["db.json"]))[-3:] == ["new/M-7B", "aphrodite/new/M-7B", "koboldcpp/M-7B"]


# What the full published file has besides


QUIRKS = source(
    *map(quirky, ["gpt2,0.124", "gpt2-medium,0.355", "gpt2-large,0.774", "gpt2-xl,1.5"]),
    quirky("lightblue/Karasu-Mixtral-8x22B-v0.1,141,,https://huggingface.co/lightblue/K"),
    quirky("lightblue/Karasu-Mixtral-8x22B-v0.1,141,,https://huggingface.co/lightblue/K"),
    quirky("yamatazen/EsotericSage-12B, 12"),
    'LatitudeGames/Equinox-31B,31,,,,,chat,"roleplay, agentic", Gemma 4,',
    'mistralai/Ministral-3-14B-Instruct-2512,14,,,,,generalist,"agentic, vision",Mistral v7 Tekken,',
    "mistralai/Ministral-3-14B-Instruct-2512,14,,,,,utility,vision,Mistral v7 Tekken,",
    quirky("FluffyKaeloky/Luminum-v0.1-123B,123,Luminum v0.1 123B"),
    quirky("SicariusSicariiStuff/Impish_LLAMA_3B,3,Impish LLAMA 3B"),
    'x/Chatty-2.5B,2.5,,,,,Chat,"chat, 2B",Mistral V7 tekken,"{""temperature"": 0.7, ""rep_pen"":1.18}"',
    quirky("Sao10K/Llama-3.1-8B-Stheno-v3.4,8"),
    'x/between,8,,,,,,"b, a",,',
    "Sao10K/Llama-3.1-8B-Stheno-v3.4,8,,,,,,,Llama 3,",
)


def test_the_quirks_of_the_full_file_come_back_to_the_byte() -> None:
    found = read(QUIRKS)
    assert (found.warnings, faults(found)) == ((), [])
    assert again(found)["models.csv"] == QUIRKS
    twice = {entry.key: entry.line for entry in found.entries if remarks(entry) == ["csv.duplicate_row"]}
    assert list(twice.values()) == [7, 11, 17]
    assert len(found.entries) == 13


def test_the_last_row_of_a_name_counts_and_the_earlier_stay_where_they_are() -> None:
    found = read(QUIRKS)
    records = dict(stored(found))
    ministral = records["mistralai/Ministral-3-14B-Instruct-2512"]
    assert (ministral["style"], ministral["tags"]) == ("utility", ["14B", "utility", "vision"])
    assert records["Sao10K/Llama-3.1-8B-Stheno-v3.4"]["instruct_format"] == "Llama 3"
    for name, line in (("mistralai/Ministral-3-14B-Instruct-2512", 10), ("Sao10K/Llama-3.1-8B-Stheno-v3.4", 16)):
        after = write(edit(stored(found), name, url="u"), kept(found))["models.csv"]
        old, new = changed_lines(QUIRKS, after)
        assert old == [QUIRKS.split(b"\r\n")[line]]
        assert len(new) == 1
    shorter = write([row for row in stored(found) if row[0] != "x/between"], kept(found))["models.csv"]
    assert shorter == QUIRKS.replace(b'x/between,8,,,,,,"b, a",,\r\n', b"")


def test_the_quirks_are_edited_line_by_line() -> None:
    found = read(QUIRKS)
    for name, _ in stored(found):
        after = write(edit(stored(found), name, description="Edited."), kept(found))["models.csv"]
        old, new = changed_lines(QUIRKS, after)
        assert len(old) == 1, name
        assert new[0].startswith(name.encode() + b",")
        assert new[0].replace(b"Edited.", b"") == old[0]


def test_the_db_of_quirks_has_rounded_sizes_and_the_last_values() -> None:
    entries = json.loads(again(read(QUIRKS))["db.json"])
    assert entries["gpt2"]["tags"] == ["0B"]
    assert entries["gpt2-xl"]["tags"] == ["2B"]
    assert entries["x/Chatty-2.5B"]["tags"] == ["2B", "Chat", "chat"]
    assert entries["yamatazen/EsotericSage-12B"]["parameters"] == 12 * 10**9
    assert entries["mistralai/Ministral-3-14B-Instruct-2512"]["style"] == "utility"
    assert entries["gpt2"]["style"] == "generalist"
    assert list(entries)[:4] == ["gpt2", "aphrodite/gpt2", "koboldcpp/gpt2", "gpt2-medium"]


# Faults


def test_all_faults_are_told_at_once_with_their_lines_and_good_rows_come_in() -> None:
    data = source(
        quirky("a,1"),
        quirky(",1"),
        quirky("b,x"),
        quirky("c"),
        'd,1,,,,,,,,"{"',
        'e,1,,,,,,,,"{""n"": {}}"',
        quirky("https://f/g,1"),
        quirky("aphrodite/h,1"),
        "i,1",
        quirky("j,1") + ",more",
        quirky("k,\0"),
        quirky("a,y"),
    )
    found = read(data)
    assert faults(found) == [
        (None, 3, ["text.name"]),
        ("b", 4, ["text.parameters"]),
        ("c", 5, ["text.parameters"]),
        ("d", 6, ["text.settings"]),
        ("e", 7, ["text.settings"]),
        ("https://f/g", 8, ["text.name_url"]),
        ("aphrodite/h", 9, ["name.backend_prefix"]),
        ("i", 10, ["csv.columns"]),
        ("j", 11, ["csv.columns"]),
        ("k", 12, ["csv.nul", "text.parameters"]),
        ("a", 13, ["text.parameters"]),
    ]
    assert [entry.key for entry in found.entries if entry.record] == ["a"]
    assert {entry.file for entry in found.entries} == {"models.csv"}
    assert [problem.rule for problem in found.warnings] == ["legacy.layout"]
    assert not decode(kept(found)["profile.json"])["exact"]
    assert again(found)["models.csv"] == source(quirky("a,1"))


def test_unusual_rows_and_headers_are_remarked_upon() -> None:
    data = source("a,1,x, 1.0,,yes", 'b,1,,,"a,,b",', header="name,parameters_bn,mine,version,tags,nsfw")
    found = read(b"\xef\xbb\xbf" + data, generation_params__json=b'{"n": 1}')
    assert [problem.rule for problem in found.warnings] == ["csv.bom", "csv.header", "csv.unknown_column"]
    assert "'mine'" in found.warnings[2].message
    assert [remarks(entry) for entry in found.entries] == [[], ["text.empty_tag"]]
    first = found.entries[0].record or {}
    assert (first["version"], first["nsfw"]) == (" 1.0", True)
    assert again(found)["models.csv"] == b"\xef\xbb\xbf" + data
    assert json.loads(again(found)["db.json"])["a"]["nsfw"] is True


def test_settings_that_the_list_beside_the_source_does_not_have_are_remarked_upon() -> None:
    data = source('a,1,,,,,,,,"{""n"": 1, ""tfs"": 1}"')
    assert [remarks(entry) for entry in read(data).entries] == [[]]
    found = read(data, generation_params__json=b'{"n": 1}')
    assert [remarks(entry) for entry in found.entries] == [["text.settings_key"]]
    assert "'tfs'" in found.entries[0].warnings[0].message


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [("models.csv", b"name,url\r\n", 1), ("defaults.json", b"{\n,", 2), ("generation_params.json", b"{]", 1)],
)
def test_an_unreadable_file_refuses_all_with_file_and_line(name: str, data: bytes, line: int) -> None:
    with pytest.raises(Invalid) as caught:
        read_category({"models.csv": source(), name: data})
    (detail,) = caught.value.details
    assert (detail["file"], detail["line"]) == (name, line)


def test_a_generated_file_that_does_not_follow_is_told_and_made_anew(files: dict[str, bytes]) -> None:
    other = files["db.json"].replace(b'"Marx 3B V3"', b'"Marx"')
    found = read_category({**files, "db.json": other})
    (warning,) = found.warnings
    assert warning.rule == "text.generated"
    assert "'acrastt/Marx-3B-V3' is not what its row makes of it: display_name" in warning.message
    assert again(found) == files
    many = read_category({**files, "db.json": b"{}"}).warnings[0].message
    assert many.endswith("and 175 more")
    (broken,) = read_category({**files, "db.json": b"{"}).warnings
    assert (broken.rule, "line 1" in broken.message) == ("text.generated", True)


def test_a_generated_file_in_a_layout_of_its_own_keeps_it(files: dict[str, bytes]) -> None:
    other = json.dumps(json.loads(files["db.json"]), indent=2, ensure_ascii=False).encode()
    found = read_category({**files, "db.json": other})
    assert found.warnings == ()
    assert again(found)["db.json"] == other
    (warning,) = read_category({**files, "db.json": b" " + files["db.json"]}).warnings
    assert warning.rule == "legacy.layout"


# Without an import


def test_records_that_were_never_imported_get_files_of_the_usual_layout() -> None:
    record = normal.normalise("text_generation", {"name": "a/b-c", "parameters": 27 * 10**8, "tags": ["z", "y"]})
    made = write([("a/b-c", record)], {})
    assert list(made) == list(FILES)
    assert made["models.csv"] == source(quirky("a/b-c,2.7,,,,,,").replace("2.7,,,,,,", '2.7,,,,,,"y,z"'))
    assert made["db.json"].startswith(b'{\n    "a/b-c": {\n        "name": "a/b-c",\n        "model_name": "b-c",\n')
    assert made["defaults.json"].endswith(b'"nsfw": false\n}\n')
    assert json.loads(made["generation_params.json"]) == dict.fromkeys(SETTINGS_KEYS.values)
    assert write([], {})["db.json"] == b"{}\n"


def test_the_usual_defaults_are_the_real_ones(files: dict[str, bytes]) -> None:
    made = write([], {})
    assert made["defaults.json"] == files["defaults.json"]
    assert list(json.loads(made["generation_params.json"])) == list(json.loads(files["generation_params.json"]))


def test_files_that_this_version_wrote_leave_nothing_new_beside_the_dataset() -> None:
    found = read_category(write([], {}))
    assert (kept(found), found.warnings) == (new_files(), ())


def test_imported_defaults_hold_for_new_records() -> None:
    found = read(source(quirky("a,1")), defaults__json=b'{"style": "chat", "own": 1}')
    made = write(stored(found), kept(found))
    assert made["defaults.json"] == b'{"style": "chat", "own": 1}'
    assert json.loads(made["db.json"])["a"]["style"] == "chat"
    assert json.loads(made["db.json"])["a"]["own"] == 1


@pytest.mark.parametrize("name", ["profile.json", "defaults.json", "generation_params.json"])
def test_kept_files_that_no_import_wrote_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        write([], {name: b"[]"})


# Losses


def lost(record: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    name = record.get("name", "a/b")
    stored_form = normal.normalise("text_generation", {"name": name, "parameters": 10**9, **record})
    return [(problem.path, problem.rule) for problem in losses(name, stored_form, **more)]


@pytest.mark.parametrize(
    ("record", "paths"),
    [
        ({}, []),
        ({"style": "generalist", "tags": ["x"], "settings": {"n": 1}, "display_name": "X"}, []),
        ({"nsfw": True}, ["/nsfw"]),
        ({"version": "1"}, ["/version"]),
        ({"text_model_group": "b"}, []),
        ({"text_model_group": "c"}, ["/text_model_group"]),
        ({"name_schema_exception": "x"}, ["/name_schema_exception"]),
        ({"finetune_series": {"name": "x"}}, ["/finetune_series"]),
        ({"size_on_disk_bytes": 5}, ["/size_on_disk_bytes"]),
        ({"tags": ["a,b"]}, ["/tags"]),
        ({"mine": 1}, ["/mine"]),
        ({"description": "a\0b"}, ["/description"]),
        ({"description": 'a\nb\r, \u2028" '}, []),
        ({"parameters": 10**18 + 1}, ["/parameters"]),
        ({"record_type": "own"}, ["/record_type"]),
        ({"config": {"download": [{"file_name": "x", "file_url": ""}]}}, ["/config/download"]),
        ({"model_classification": {"domain": "image", "purpose": "generation"}}, ["/model_classification/domain"]),
        ({"metadata": {"schema_version": "3"}}, ["/metadata/schema_version"]),
    ],
)
def test_what_the_files_cannot_hold_is_named(record: dict[str, Any], paths: list[str]) -> None:
    assert lost(record) == [(path, "legacy.lost") for path in paths]


def test_stamps_have_a_rule_of_their_own() -> None:
    stamps = {"schema_version": "2.0.0", "created_at": 1, "updated_by": "x"}
    assert lost({"metadata": stamps}) == [
        ("/metadata/created_at", "legacy.stamps"),
        ("/metadata/updated_by", "legacy.stamps"),
    ]


@pytest.mark.parametrize("name", ["https://x", " a", "a\t", "x\0"])
def test_a_record_whose_name_readers_would_not_take_is_left_out_and_said_so(name: str) -> None:
    assert lost({"name": name}) == [("", "legacy.refused")]
    record = normal.normalise("text_generation", {"name": name, "parameters": 1})
    assert write([(name, record)], {})["models.csv"] == source()


@pytest.mark.parametrize("count", [2**60 + 1, 10**305 + 1])
def test_numbers_that_no_float_holds_come_back_as_others(count: int) -> None:
    assert ("/parameters", "legacy.lost") in lost({"parameters": count})


def test_a_number_that_comes_back_too_large_is_a_row_that_an_import_refuses() -> None:
    assert lost({"parameters": 10**308 - 1}) == [("", "legacy.refused")]
    record = normal.normalise("text_generation", {"name": "a", "parameters": 10**308 - 1})
    assert faults(read_category(write([("a", record)], {}))) == [("a", 2, ["schema.type"])]


def test_columns_of_an_older_layout_hold_what_the_usual_ones_cannot() -> None:
    found = read(source("a,1,,", header="name,parameters_bn,version,nsfw"))
    columns = columns_of(kept(found))
    assert columns == ("name", "parameters_bn", "version", "nsfw", *COLUMNS[2:])
    assert lost({"version": "2", "nsfw": True}, columns=columns) == []
    made = write(edit(stored(found), "a", version="2", nsfw=True, url="u"), kept(found))
    assert made["models.csv"] == source("a,1,2,true,u", header="name,parameters_bn,version,nsfw,url")


# Properties


TEXT = st.text(st.sampled_from('ab, \t"\r\n\0\ufeffé/-_:{}[]7B'), max_size=6)
SCALAR = st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
SETTINGS = st.dictionaries(
    st.sampled_from(SETTINGS_KEYS.values[:5]),
    SCALAR | st.lists(TEXT, max_size=2) | st.lists(st.integers() | st.booleans(), max_size=2),
    max_size=3,
)
NAMES = st.text(st.sampled_from("ab/:é \0.7B-"), min_size=1, max_size=5) | st.just("aphrodite/x")
RECORD = st.fixed_dictionaries(
    {"parameters": st.integers(1, 10**12) | st.integers(1, 10**308 - 1)},
    optional={
        **dict.fromkeys(("description", "version", "baseline", "display_name", "url", "instruct_format"), TEXT),
        "style": TEXT | st.just("generalist"),
        "tags": st.lists(TEXT | st.just("generalist") | st.just("1B"), max_size=4),
        "settings": SETTINGS,
        "nsfw": st.booleans(),
        "text_model_group": TEXT,
        "name_schema_exception": TEXT,
        "size_on_disk_bytes": st.integers(0, 9),
        "finetune_series": st.builds(dict, name=TEXT),
        "metadata": st.fixed_dictionaries({}, optional={"created_at": st.integers(0, 9), "mine": SCALAR}),
        "config": st.fixed_dictionaries({"download": st.just([])}, optional={"mine": SCALAR}),
        "model_name": TEXT,
        "mine": SCALAR,
    },
)


def differences(path: str, one: dict[str, Any], two: dict[str, Any]) -> set[str]:
    """The places at which *two* does not say what *one* says."""
    found: set[str] = set()
    for name, value in one.items():
        here = path + pointer.join((name,))
        if name in ("metadata", "config", "model_classification") and isinstance(two.get(name), dict):
            found |= differences(here, value, two[name])
        elif name not in two or codec.dumps(value) != codec.dumps(two[name]):
            found.add(here)
    return found


@given(st.dictionaries(NAMES, RECORD, max_size=4))
def test_a_record_comes_back_but_for_exactly_what_is_named(drawn: dict[str, dict[str, Any]]) -> None:
    records: Records = []
    for name, record in drawn.items():
        try:
            records.append((name, normal.normalise("text_generation", {"name": name, **record})))
        except Invalid:
            continue
    files = write(records, {})
    found = read_category(files)
    back = {entry.key: entry.record for entry in found.entries if entry.record}
    for name, record in records:
        named = losses(name, record)
        if any(problem.rule == "legacy.refused" for problem in named):
            assert name not in back
        else:
            assert {problem.path for problem in named} == differences("", record, back[name] or {}), name
    left_out = [name for name, record in records if any(one.rule == "legacy.refused" for one in losses(name, record))]
    assert sorted(str(name) for name in back) == sorted({name for name, _ in records} - {*left_out})
    # A row that an import refuses is in the file all the same; all others come back to the byte.
    if not any(entry.problems for entry in found.entries):
        assert found.warnings == ()
        assert again(found) == files


CELLS = {
    **dict.fromkeys(COLUMNS, TEXT),
    "name": st.sampled_from(["a", "b", " a", "c/d-e", "c/d-e ", "x/y/z"]),
    "parameters_bn": st.sampled_from(["1", " 2", "0.5", "3.0", "7e0", "1_0"]),
    "display_name": TEXT | st.just("d e"),
    "settings": st.sampled_from(["", " ", "{}", '{"n":1}', '{"n": 1.50}', '{"tfs": [1, 2]}']),
    "mine": TEXT,
    "version": TEXT,
    "nsfw": st.sampled_from(["", "True", "no"]),
}


@given(st.data())
def test_any_rows_in_any_columns_come_back_to_the_byte(data: st.DataObject) -> None:
    more = data.draw(st.lists(st.sampled_from(sorted(CELLS.keys() - {"name", "parameters_bn"})), unique=True))
    header = data.draw(st.permutations(["name", "parameters_bn", *more]))
    row = st.tuples(*(CELLS[column] for column in header))
    rows = data.draw(st.lists(row, max_size=8))
    eol = data.draw(st.sampled_from(["\r\n", "\n"]))

    def line(cells: Any) -> str:
        odd = data.draw(st.booleans())
        quoted = ('"' + cell.replace('"', '""') + '"' if odd or set(cell) & set(',"\r\n') else cell for cell in cells)
        return ",".join(quoted) + data.draw(st.sampled_from([eol, eol, eol, "\n\n"]))

    content = "".join(map(line, [header, *rows])).encode()
    found = read(content)
    nul = any("\0" in cell for cells in rows for cell in cells)
    assert bool(faults(found)) is nul
    assert decode_exact(found) is not nul
    if not nul:
        assert again(found)["models.csv"] == content
        assert again(read_category(again(found))) == again(found)
        for key, record in stored(found):
            assert losses(key, record, columns=columns_of(kept(found))) == []


def decode_exact(found: SourceCategory) -> bool:
    return bool(json.loads(kept(found)["profile.json"])["exact"])


BYTES = st.binary(max_size=40) | st.sampled_from([b"{}", b"[]", b'{"a": 1}', b"null", source(), source(quirky("a,1"))])


@given(st.fixed_dictionaries({"models.csv": BYTES}, optional=dict.fromkeys(FILES[1:], BYTES)))
def test_arbitrary_bytes_as_any_of_the_files_raise_only_our_own_errors(drawn: dict[str, bytes]) -> None:
    for use in (read_category, text_files.generated_faults):
        try:
            result: SourceCategory | list[Problem] = use(drawn)
        except ModelrefError:
            continue
        if isinstance(result, SourceCategory):
            again(result)


@given(BYTES, BYTES, BYTES)
def test_arbitrary_bytes_as_kept_files_raise_only_our_own_errors(one: bytes, two: bytes, three: bytes) -> None:
    record = normal.normalise("text_generation", {"name": "a", "parameters": 1})
    for name, data in (("profile.json", one), ("defaults.json", two), ("generation_params.json", three)):
        try:
            write([("a", record)], {name: data})
        except ModelrefError:
            continue
