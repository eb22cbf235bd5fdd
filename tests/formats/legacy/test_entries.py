"""Entries of old files become v2 records and come back exactly."""

from __future__ import annotations

import copy
import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid
from modelref_git.formats.exact import identical
from modelref_git.formats.legacy.entries import LegacyEntry, read_category, to_legacy
from modelref_git.formats.legacy.profile import write
from modelref_git.formats.legacy.rules import CATEGORIES
from modelref_git.records import codec, json_text, normal
from modelref_git.records.categories import CATEGORIES as ALL
from modelref_git.records.schema_build import build_schema

IMAGE = "image_generation"
HASH = "ab" * 32


@cache
def order_of(category: str) -> codec.KeyOrder:
    return codec.KeyOrder.of_schema(build_schema(category))


def real_file(real_data: Path, category: str) -> bytes:
    return (real_data / "image-legacy" / str(ALL[category].legacy_file)).read_bytes()


def as_stored(category: str, record: dict[str, Any]) -> dict[str, Any]:
    """What the dataset gives back for a record."""
    return codec.decode(codec.encode(normal.normalise(category, record), order_of(category)))


def read_one(category: str, entry: Any, key: str = "x") -> LegacyEntry:
    (found,) = read_category(category, json.dumps({key: entry}).encode(), "a file").entries
    return found


def record_of(category: str, entry: Any, key: str = "x") -> dict[str, Any]:
    found = read_one(category, entry, key)
    assert found.problems == ()
    assert found.record is not None
    return found.record


def image(**changes: Any) -> dict[str, Any]:
    """An image entry about which the remainder has nothing to say."""
    entry = {
        "name": "x",
        "baseline": "stable diffusion 1",
        "type": "ckpt",
        "inpainting": False,
        "description": "d",
        "style": "anime",
        "nsfw": True,
        "download_all": False,
        "config": {
            "files": [{"path": "x.safetensors", "sha256sum": HASH}],
            "download": [{"file_name": "x.safetensors", "file_path": "", "file_url": "https://example.org/x"}],
        },
    }
    return {**entry, **changes}


# The real files


@pytest.mark.parametrize("category", CATEGORIES)
def test_each_real_file_comes_back_entry_by_entry_and_byte_for_byte(real_data: Path, category: str) -> None:
    data = real_file(real_data, category)
    read = read_category(category, data, "the file")
    assert read.warnings == ()
    original = json_text.parse(data, max_bytes=None)
    back = {}
    for entry in read.entries:
        assert entry.record is not None
        back[entry.key] = to_legacy(category, entry.key, as_stored(category, entry.record))
        assert identical(back[entry.key], original[entry.key])
    assert list(back) == list(original)
    assert write(back, read.profile) == data


def test_the_nine_files_have_194_entries_without_a_fault(real_data: Path) -> None:
    files = (read_category(category, real_file(real_data, category), "") for category in CATEGORIES)
    entries = [entry for file in files for entry in file.entries]
    assert len(entries) == 194
    assert not any(entry.problems for entry in entries)
    assert all("odd" not in (entry.record or {}).get("_legacy", {}) for entry in entries)
    assert all("order" not in (entry.record or {}).get("_legacy", {}) for entry in entries)


def test_the_stored_form_of_a_real_record_is_itself(real_data: Path) -> None:
    for category in CATEGORIES:
        for entry in read_category(category, real_file(real_data, category), "").entries:
            assert entry.record is not None
            assert identical(normal.normalise(category, entry.record), entry.record)


def test_the_rules_alone_undo_themselves_on_every_real_record(real_data: Path) -> None:
    for category in CATEGORIES:
        for entry in read_category(category, real_file(real_data, category), "").entries:
            bare = codec.without_remainder(entry.record or {})
            again = record_of(category, to_legacy(category, entry.key, bare), entry.key)
            assert identical(again, bare)


def test_every_entry_that_ever_was_comes_back_or_is_refused_for_a_stated_reason(real_data: Path) -> None:
    seen = kept = 0
    with gzip.open(real_data / "image-history.jsonl.gz", "rt", encoding="utf-8") as lines:
        changes = [change for line in lines for change in json.loads(line)["changes"] if change["after"] is not None]
    for category in CATEGORIES:
        states = [change["after"] for change in changes if change["category"] == category]
        data = json.dumps({str(index): state for index, state in enumerate(states)}).encode()
        for state, entry in zip(states, read_category(category, data, "history").entries, strict=True):
            seen += 1
            kept += entry.record is not None
            refused = {problem.rule for problem in entry.problems}
            assert refused <= {"legacy.download", "legacy.showcases", "value.baseline", "value.style"}
            if entry.record is not None:
                assert identical(to_legacy(category, entry.key, as_stored(category, entry.record)), state)
    assert seen == 2042
    assert kept > 1700


def test_the_key_and_the_body_name_of_control_qr_sdxl_both_survive(real_data: Path) -> None:
    read = read_category("controlnet", real_file(real_data, "controlnet"), "the file")
    (entry,) = (entry for entry in read.entries if entry.warnings)
    assert entry.key == "control_qr_sdxl"
    assert [(warning.rule, warning.path) for warning in entry.warnings] == [("name.key_mismatch", "/name")]
    assert entry.record is not None
    assert entry.record["name"] == "control_qr_xl"
    assert to_legacy("controlnet", entry.key, entry.record)["name"] == "control_qr_xl"


def test_the_clip_names_and_types_survive(real_data: Path) -> None:
    entries = read_category("clip", real_file(real_data, "clip"), "the file").entries
    assert [entry.key for entry in entries] == ["ViT-L/14", "coca_ViT-L-14"]
    assert [entry.line for entry in entries] == [2, 22]
    coca = entries[1].record
    assert coca is not None
    assert coca["_legacy"] == {"fields": {"type": "coca"}}
    assert coca["config"]["download"][0]["sha256sum"] == "FIXME"


def test_the_controlnet_records_need_no_remainder(real_data: Path) -> None:
    entries = read_category("controlnet", real_file(real_data, "controlnet"), "the file").entries
    assert all("_legacy" not in (entry.record or {}) for entry in entries)


# The conversion


def test_an_entry_that_the_rules_make_has_no_remainder() -> None:
    assert "_legacy" not in record_of(IMAGE, image())


def test_an_image_entry_becomes_the_v2_record_it_stands_for() -> None:
    config = {
        "files": [
            {"path": "civitai.ckpt", "md5sum": "m", "sha256sum": HASH, "file_type": "vae", "content_hash": "c"},
            {"path": "bare.ckpt"},
            {"path": "v1-inference.YAML"},
        ],
        "download": [{"file_name": "civitai.ckpt", "file_path": "", "file_url": "u"}],
    }
    record = record_of(IMAGE, image(baseline="stable diffusion 2", config=config))
    assert record["baseline"] == "stable_diffusion_2_768"
    assert record["config"] == {
        "download": [
            {
                "file_name": "civitai.ckpt",
                "file_url": "u",
                "sha256sum": HASH,
                "content_hash": "c",
                "file_purpose": "vae",
                "known_slow_download": True,
            },
            {"file_name": "bare.ckpt", "file_url": "", "sha256sum": "FIXME", "known_slow_download": False},
        ]
    }
    assert record["_legacy"] == {
        "yaml": ["v1-inference.YAML"],
        "md5sum": {"civitai.ckpt": {"sha256sum": HASH, "md5sum": "m"}},
    }


def test_fields_that_v2_does_not_know_stay_out_of_the_v2_fields() -> None:
    record = record_of(IMAGE, image(mood=1, metadata={"created_at": 1}, available=False, showcases=[]))
    assert "mood" not in record
    assert record["metadata"] == {"schema_version": "2.0.0"}
    assert record["_legacy"] == {
        "fields": {"mood": 1, "metadata": {"created_at": 1}, "available": False, "showcases": []},
        "order": {"": list(image(mood=1, metadata={}, available=False, showcases=[]))},
    }


def test_the_pretrained_name_of_a_clip_model_follows_its_name() -> None:
    entry = {
        "name": "x",
        "pretrained_name": "p",
        "type": "clip",
        "config": {"files": [], "download": []},
        "available": False,
    }
    record = record_of("clip", entry)
    assert record["pretrained_name"] == "p"
    assert "_legacy" not in record


def test_the_remainder_gives_way_to_an_edit_of_the_record() -> None:
    entry = image(
        showcases=[], tags=[" a "], inpainting=False, size_on_disk_bytes="7", nsfw=False, version=1, optimization=None
    )
    entry["config"]["files"] = [
        {"path": "x.safetensors", "md5sum": "old", "sha256sum": HASH},
        {"path": "v1-inference.yaml"},
    ]
    del entry["nsfw"]
    record = record_of(IMAGE, entry)
    assert identical(to_legacy(IMAGE, "x", record), entry)
    edited = copy.deepcopy(record)
    edited |= {"showcases": ["s"], "tags": ["b"], "nsfw": True, "size_on_disk_bytes": 8, "version": "2"}
    edited["config"]["download"][0]["sha256sum"] = "cd" * 32
    back = to_legacy(IMAGE, "x", edited)
    assert {name: back[name] for name in ("showcases", "tags", "nsfw", "size_on_disk_bytes", "version")} == {
        "showcases": ["s"],
        "tags": ["b"],
        "nsfw": True,
        "size_on_disk_bytes": 8,
        "version": "2",
    }
    assert back["config"]["files"] == [
        {"path": "x.safetensors", "sha256sum": "cd" * 32},
        {"path": "v1-inference.yaml"},
    ]


def test_an_md5_sum_without_a_sha_256_counts_until_there_is_one() -> None:
    entry = image()
    entry["config"]["files"] = [{"path": "x.safetensors", "md5sum": "m"}]
    record = record_of(IMAGE, entry)
    assert record["_legacy"] == {"md5sum": {"x.safetensors": {"md5sum": "m"}}}
    record["config"]["download"][0]["sha256sum"] = HASH
    assert to_legacy(IMAGE, "x", record)["config"]["files"] == [{"path": "x.safetensors", "sha256sum": HASH}]


def test_a_field_that_v2_refuses_is_kept_for_the_legacy_file_and_remarked_upon() -> None:
    entry = image(nsfw="perhaps", homepage=5, requirements={"clip_skip": {"deep": 1}})
    found = read_one(IMAGE, entry)
    assert found.record is not None
    assert found.record["nsfw"] is False
    assert "homepage" not in found.record
    aside = [warning.path for warning in found.warnings if warning.rule == "legacy.set_aside"]
    assert sorted(aside) == ["/homepage", "/nsfw", "/requirements"]
    assert identical(to_legacy(IMAGE, "x", found.record), entry)


def test_a_new_v2_record_becomes_an_entry_by_the_rules_alone() -> None:
    download = {"file_name": "n.safetensors", "file_url": "u", "sha256sum": "FIXME"}
    new = {"name": "n", "config": {"download": [download]}}
    addresses = [{"file_name": "n.safetensors", "file_path": "", "file_url": "u"}]
    files = {"files": [{"path": "n.safetensors"}], "download": addresses}
    styled = normal.normalise("controlnet", {**new, "controlnet_style": "control_hed"})
    control = to_legacy("controlnet", "n_sd2", styled)
    files_with_yaml = {**files, "files": [*files["files"], {"path": "cldm_v21.yaml"}]}
    assert list(control.items()) == [
        ("name", "n"),
        ("type", "control_hed"),
        ("style", "control_hed"),
        ("nsfw", False),
        ("download_all", True),
        ("config", files_with_yaml),
        ("available", False),
    ]
    assert list(to_legacy("esrgan", "n", normal.normalise("esrgan", new)).items()) == [
        ("name", "n"),
        ("type", "realesrgan"),
        ("style", "generalist"),
        ("config", files),
        ("available", False),
    ]
    record = normal.normalise(IMAGE, {**new, "baseline": "stable_diffusion_1", "nsfw": False, "min_bridge_version": 9})
    assert list(to_legacy(IMAGE, "n", record).items()) == [
        ("name", "n"),
        ("baseline", "stable diffusion 1"),
        ("type", "ckpt"),
        ("inpainting", False),
        ("min_bridge_version", 9),
        ("nsfw", False),
        ("download_all", False),
        ("config", files),
    ]


def test_numbers_come_back_as_they_were_written() -> None:
    text = json.dumps({"x": image(requirements={"clip_skip": "N"}, mood=["N"], size_on_disk_bytes="N")})
    data = text.replace('"N"', "1.50", 2).replace('"N"', "7.0").encode()
    (found,) = read_category(IMAGE, data, "a file").entries
    assert found.record is not None
    assert found.record["size_on_disk_bytes"] == 7
    back = to_legacy(IMAGE, "x", as_stored(IMAGE, found.record))
    assert identical(back, json_text.parse(data)["x"])


def test_writing_an_entry_leaves_the_record_alone() -> None:
    record = record_of(IMAGE, image(requirements={"clip_skip": 2.0}, config={**image()["config"], "odd": {"a": 1}}))
    record["_legacy"]["odd"].append({"path": "/requirements/clip_skip", "was": 2.0, "is": 3})
    before = copy.deepcopy(record)
    back = to_legacy(IMAGE, "x", record)
    assert back["requirements"] == {"clip_skip": 3}
    back["config"]["odd"] = None
    assert identical(record, before)


# Faults and remarks


@pytest.mark.parametrize(
    ("category", "entry", "path", "rule"),
    [
        (IMAGE, [], "", "legacy.object"),
        (IMAGE, image(type="other"), "/type", "legacy.type"),
        (IMAGE, image(baseline=None), "/baseline", "legacy.baseline"),
        (IMAGE, image(baseline="no such"), "/baseline", "value.baseline"),
        (IMAGE, image(style="no such"), "/style", "value.style"),
        (IMAGE, image(name=None), "/name", "legacy.name"),
        ("blip", {"config": {}}, "/name", "legacy.name"),
        (IMAGE, image(showcases=["a", "https://huggingface.co/a"]), "/showcases/1", "legacy.showcases"),
        (IMAGE, image(config=[]), "/config", "legacy.config"),
        ("gfpgan", {"name": "x"}, "/config", "legacy.config"),
        (IMAGE, image(config={"files": [], "download": [{"file_name": "a"}]}), "/config/download/0", "legacy.download"),
        ("clip", {"name": "x", "config": {"download": [1]}}, "/config/download/0", "legacy.download"),
    ],
)
def test_a_hard_fault_is_told_with_its_place_and_rule(category: str, entry: Any, path: str, rule: str) -> None:
    found = read_one(category, entry)
    assert found.record is None
    assert [(problem.path, problem.rule) for problem in found.problems] == [(path, rule)]


def test_all_hard_faults_of_an_entry_are_told_at_once() -> None:
    found = read_one(IMAGE, image(type=1, baseline=1, config=None))
    assert [problem.rule for problem in found.problems] == ["legacy.type", "legacy.baseline", "legacy.config"]


def test_a_fault_of_one_entry_leaves_the_others_alone() -> None:
    data = json.dumps({"bad": 1, "good": image()}).encode()
    bad, good = read_category(IMAGE, data, "a file").entries
    assert bad.record is None
    assert good.record is not None


def test_a_value_outside_a_closed_set_passes_where_the_dataset_judges_it() -> None:
    data = json.dumps({"x": image(baseline="no such", style="no such")}).encode()
    (found,) = read_category(IMAGE, data, "a file", open_values=True).entries
    assert found.record is not None
    assert found.record["baseline"] == "no such"


def test_the_soft_issues_of_an_image_entry_are_remarks() -> None:
    config = {"files": [{"path": "x.ckpt", "sha256sum": "short"}, {"path": "odd.yaml"}], "download": [], "third": 1}
    found = read_one(
        IMAGE,
        image(name="y", available=True, description="", style="", baseline="flux_1", showcases=[], config=config),
    )
    assert {warning.rule for warning in found.warnings} == {
        *("name.key_mismatch", "legacy.available", "legacy.empty_style", "legacy.yaml"),
        *("legacy.unusual_baseline", "legacy.no_showcases", "legacy.no_download", "legacy.config_keys"),
    }
    assert found.record is not None
    assert "style" not in found.record


def test_a_safetensors_file_is_no_remark() -> None:
    assert [warning.rule for warning in read_one(IMAGE, image(showcases=["s"])).warnings] == []


def test_an_entry_that_is_too_large_is_refused() -> None:
    found = read_one(IMAGE, image(description="x" * json_text.MAX_RECORD_BYTES))
    assert [problem.rule for problem in found.problems] == ["json.size"]


@pytest.mark.parametrize(
    ("data", "rule", "said"),
    [
        (b'{"a": {},\n"a": {}}', "json.duplicate_key", "a"),
        (b'{"a":\n {"b" 1}}', "json.syntax", "line 2 column 7"),
        (b"[]", "legacy.object", "the file"),
        (b'{"x":' * 91 + b"1" + b"}" * 91, "json.depth", "the file"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(data: bytes, rule: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as caught:
        read_category(IMAGE, data, "the file")
    assert caught.value.details[0]["rule"] == rule


# Any entry

TEXTS = st.text("aé /~", max_size=3)
ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "7", 1.5]) | st.just({}) | st.just([]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
WORDS = st.lists(TEXTS, max_size=2)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "optimization": TEXTS,
    "inpainting": st.booleans(),
    "description": TEXTS,
    "tags": WORDS,
    "showcases": WORDS,
    "min_bridge_version": st.integers(0, 20),
    "version": TEXTS,
    "style": st.sampled_from(["anime", " furry", ""]),
    "trigger": WORDS,
    "homepage": TEXTS,
    "nsfw": st.booleans(),
    "download_all": st.booleans(),
    "requirements": st.dictionaries(TEXTS, st.integers() | TEXTS | WORDS, max_size=2),
    "available": st.booleans(),
    "features_not_supported": WORDS,
    "size_on_disk_bytes": st.integers(0),
    "pretrained_name": TEXTS,
    "controlnet_style": TEXTS,
    "mood": ODD,
    "_legacy": ODD,
    "metadata": ODD,
}
PATHS = st.sampled_from(["a.ckpt", "b.safetensors", "v1-inference.yaml", "cldm_v15.yaml"])
FILE = st.fixed_dictionaries(
    {"path": PATHS},
    optional={
        "md5sum": st.just("m") | ODD,
        "sha256sum": st.sampled_from([HASH, "FIXME", ""]) | ODD,
        "file_type": TEXTS | ODD,
        "content_hash": TEXTS | ODD,
        "extra": ODD,
    },
)
HARD = {"value.style", "schema.type"}


@st.composite
def entries(draw: st.DrawFn, category: str) -> dict[str, Any]:
    chosen = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True, max_size=6))
    odd = draw(st.sets(st.sampled_from(sorted(FIELDS)), max_size=1))
    fields = {name: draw(ODD if name in odd else FIELDS[name]) for name in chosen}
    if category == IMAGE:
        fields |= {"type": "ckpt", "baseline": draw(st.sampled_from(["stable diffusion 1", "flux_1", "SDXL"]))}
    else:
        fields |= draw(st.fixed_dictionaries({}, optional={"type": TEXTS | ODD, "baseline": TEXTS | ODD}))
    files = draw(st.lists(FILE, max_size=3))
    downloads = [
        {"file_name": item["path"], **draw(st.just({"file_path": "", "file_url": "u"}) | st.dictionaries(TEXTS, ODD))}
        for item in draw(st.permutations(files))[: draw(st.integers(0, 3))]
    ]
    lists = {"files": files, "download": downloads} if files or draw(st.booleans()) else {"files": draw(ODD)}
    more = draw(st.fixed_dictionaries({}, optional={"embedded_component_hashes": ODD | st.just({"vae": "h"})}))
    config = {**lists, **more}
    fields |= {"name": draw(TEXTS), "config": {name: config[name] for name in draw(st.permutations(sorted(config)))}}
    return {name: fields[name] for name in draw(st.permutations(sorted(fields)))}


@pytest.mark.parametrize("category", [IMAGE, "controlnet", "clip", "esrgan"])
def test_any_entry_that_can_be_imported_comes_back_exactly(category: str) -> None:
    @given(entries(category))
    def check(entry: dict[str, Any]) -> None:
        found = read_one(category, entry)
        assert {problem.rule for problem in found.problems} <= HARD
        if found.record is not None:
            assert identical(to_legacy(category, "x", as_stored(category, found.record)), entry)

    check()
