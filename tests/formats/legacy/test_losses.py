"""What a legacy entry does not hold of a record is named, and nothing else is."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from modelref_git.errors import Invalid, Problem
from modelref_git.formats.legacy.entries import read_category, to_legacy
from modelref_git.formats.legacy.losses import LOST, REFUSED, STAMPS, losses
from modelref_git.formats.legacy.profile import write
from modelref_git.formats.legacy.rules import CATEGORIES, is_yaml
from modelref_git.records import codec, json_text, normal, pointer
from modelref_git.records.values import BASELINES, DOMAINS, PURPOSES, STYLES
from tests.formats.legacy.test_entries import HASH, IMAGE, ODD, TEXTS, WORDS, entries, real_file

FIXED = {"baseline": "stable_diffusion_xl", "nsfw": False}


def stored(category: str, **fields: Any) -> dict[str, Any]:
    """The stored form of a record with these fields."""
    return normal.normalise(category, {"name": "x", **(FIXED if category == IMAGE else {}), **fields})


def download(**fields: Any) -> dict[str, Any]:
    return {"file_name": "a.ckpt", "file_url": "u", "sha256sum": HASH, **fields}


def lost(category: str, **fields: Any) -> dict[str, str]:
    """The rule of each loss by its path."""
    return {problem.path: problem.rule for problem in losses(category, "x", stored(category, **fields))}


def only(category: str, **fields: Any) -> Problem:
    (problem,) = losses(category, "x", stored(category, **fields))
    return problem


def read_again(category: str, key: str, record: dict[str, Any]) -> dict[str, Any] | None:
    """The record that an import makes of the file that holds its entry; None if it refuses."""
    data = write({key: to_legacy(category, key, record)}, {})
    (entry,) = read_category(category, data, "a file", open_values=True).entries
    return entry.record


# By example


@pytest.mark.parametrize("category", CATEGORIES)
def test_nothing_of_a_real_record_is_lost(real_data: Any, category: str) -> None:
    for entry in read_category(category, real_file(real_data, category), "the file").entries:
        assert entry.record is not None
        assert losses(category, entry.key, entry.record) == []


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_least_that_a_record_of_a_category_says_is_not_lost(category: str) -> None:
    assert losses(category, "x", stored(category, config={"download": [download()]})) == []


def test_each_place_that_is_lost_is_named_once_with_the_reason() -> None:
    found = losses(
        "clip",
        "x",
        stored(
            "clip",
            finetune_series={"name": "s", "version": "1"},
            size_on_disk_bytes=5,
            model_classification={"domain": "text", "purpose": "feature_extractor"},
            mood={"deep": 1},
            config={"download": [download(size_bytes=5, known_slow_download=True)], "more": []},
        ),
    )
    assert {problem.path: problem.message for problem in found} == {
        "/finetune_series": "'finetune_series' is lost: an entry of clip.json has no place for it",
        "/size_on_disk_bytes": "'size_on_disk_bytes' is lost: an entry of clip.json has no place for it",
        "/model_classification/domain": (
            "'domain' comes back as \"image\": an entry of clip.json does not say it, and it is taken from the category"
        ),
        "/mood": "'mood' is lost: an entry of clip.json has no place for it",
        "/config/download/0/known_slow_download": (
            "'known_slow_download' comes back as false: it is told by the file name there"
        ),
        "/config/download/0/size_bytes": "'size_bytes' is lost: a file of a legacy entry has no place for it",
        "/config/more": "'more' is lost: an entry of clip.json has no place for it",
    }
    assert {problem.rule for problem in found} == {LOST}


def test_an_image_entry_holds_the_size_and_much_else() -> None:
    assert lost(IMAGE, size_on_disk_bytes=5, tags=["a"], requirements={"b": [1.5]}, style="anime", homepage="h") == {}


def test_stamps_have_a_rule_of_their_own() -> None:
    metadata = {"created_at": 1, "updated_at": 2, "created_by": "a#1", "updated_by": "b#2"}
    assert lost("blip", metadata=metadata) == {f"/metadata/{name}": STAMPS for name in metadata}
    assert lost("blip", metadata={"schema_version": "3", "x": 1}) == {
        "/metadata/schema_version": LOST,
        "/metadata/x": LOST,
    }


def test_an_entry_that_an_import_would_refuse_is_named() -> None:
    problem = only(IMAGE, showcases=["s", "https://huggingface.co/a.png"])
    assert (problem.path, problem.rule) == ("/showcases/1", REFUSED)
    assert problem.message.startswith("an import would refuse its entry: a showcase")


def test_an_entry_that_grows_too_large_by_its_escapes_is_named() -> None:
    size = json_text.MAX_RECORD_BYTES // 4
    assert lost(IMAGE, description="é" * size) == {"": REFUSED}
    assert lost(IMAGE, description="e" * size) == {}
    assert read_again(IMAGE, "x", stored(IMAGE, description="é" * size)) is None


def test_a_download_that_is_taken_for_a_yaml_file_is_lost_and_its_neighbours_are_not() -> None:
    downloads = [download(file_name="a.yaml"), download(size_bytes=7), download(file_name="b")]
    assert lost("esrgan", config={"download": downloads}) == {
        "/config/download/0": LOST,
        "/config/download/1/size_bytes": LOST,
    }


def test_of_two_downloads_with_one_name_the_second_ones_address_is_lost() -> None:
    problem = only("esrgan", config={"download": [download(), download(file_url="other")]})
    assert (problem.path, problem.rule) == ("/config/download/1/file_url", LOST)
    assert "the same file name" in problem.message


def test_a_spelling_of_a_baseline_that_is_a_legacy_name_comes_back_as_another() -> None:
    problem = only(IMAGE, baseline="stable diffusion 1")
    assert (problem.path, problem.rule) == ("/baseline", LOST)
    assert 'comes back as "stable_diffusion_1"' in problem.message


@pytest.mark.parametrize(
    ("name", "said", "expected"), [("a", False, []), ("a", True, [LOST]), ("civitai", None, [LOST]), ("a", None, [])]
)
def test_whether_a_download_is_slow_is_told_by_its_name_alone(name: str, said: bool | None, expected: Any) -> None:
    config = {"download": [download(file_name=name, known_slow_download=said)]}
    path = "/config/download/0/known_slow_download"
    assert lost("clip", config=config) == dict.fromkeys([path] if expected else [], LOST)


def test_looking_for_losses_leaves_the_record_alone() -> None:
    record = stored(IMAGE, mood={"a": [1]}, metadata={"created_at": 1}, config={"download": [download(size_bytes=1)]})
    before = copy.deepcopy(record)
    losses(IMAGE, "x", record)
    assert record == before


# Any record

FILE_NAMES = st.sampled_from(["a.ckpt", "b.safetensors", "civitai.pt", "v1-inference.yaml", ""])
DOWNLOAD = st.fixed_dictionaries(
    {"file_name": FILE_NAMES, "file_url": TEXTS},
    optional={
        "sha256sum": st.sampled_from([HASH, "FIXME", ""]),
        "content_hash": TEXTS,
        "file_purpose": TEXTS,
        "known_slow_download": st.booleans(),
        "size_bytes": st.integers(0, 9),
        "md5sum": st.just("m"),
        "mood": ODD,
    },
)
SCALARS = st.booleans() | st.integers() | st.sampled_from([1.5, 2.0]) | TEXTS
COMMON: dict[str, st.SearchStrategy[Any]] = {
    "description": TEXTS,
    "version": TEXTS,
    "record_type": st.just("mine"),
    "finetune_series": st.fixed_dictionaries({"name": TEXTS}, optional={"author": TEXTS, "mood": ODD}),
    "metadata": st.fixed_dictionaries(
        {},
        optional={
            "schema_version": st.sampled_from(["2.0.0", "3"]),
            "created_at": st.integers(0, 9),
            "updated_by": TEXTS,
            "mood": ODD,
        },
    ),
    "model_classification": st.fixed_dictionaries(
        {"domain": st.sampled_from(DOMAINS.values), "purpose": st.sampled_from(PURPOSES.values)}, optional={"mood": ODD}
    ),
    "size_on_disk_bytes": st.integers(0, 9),
    # Fields that no model names, some of which legacy entries have.
    **dict.fromkeys(("mood", "type", "available", "download_all", "features_not_supported", "m/~"), ODD),
}
OF_CATEGORY: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "clip": {"pretrained_name": TEXTS},
    "controlnet": {"controlnet_style": TEXTS},
    IMAGE: {
        "inpainting": st.booleans(),
        "optimization": TEXTS,
        "tags": WORDS,
        "showcases": st.lists(st.sampled_from(["s", "https://huggingface.co/a"]), max_size=2),
        "min_bridge_version": st.integers(0, 9),
        "trigger": WORDS,
        "homepage": TEXTS,
        "style": st.sampled_from(STYLES.values),
        "requirements": st.dictionaries(TEXTS, SCALARS | st.lists(st.integers(), max_size=2) | WORDS, max_size=2),
    },
}


@st.composite
def records(draw: st.DrawFn, category: str) -> dict[str, Any]:
    """The stored form of a record that the models accept."""
    fields = {**COMMON, **OF_CATEGORY.get(category, {})}
    chosen = draw(st.lists(st.sampled_from(sorted(fields)), unique=True, max_size=6))
    record = {"name": draw(TEXTS), **{name: draw(fields[name]) for name in chosen}}
    if category == IMAGE:
        baselines = [*BASELINES.values, "stable diffusion 2", "stable diffusion 2 512", "own"]
        record |= {"baseline": draw(st.sampled_from(baselines)), "nsfw": draw(st.booleans())}
    config = {"download": draw(st.lists(DOWNLOAD, max_size=3))}
    more = {"embedded_component_hashes": st.dictionaries(TEXTS, TEXTS, max_size=1), "files": ODD, "mood": ODD}
    record["config"] = config | draw(st.fixed_dictionaries({}, optional=more))
    return normal.normalise(category, record, open_values=True)


def without_yaml(record: dict[str, Any], named: set[str]) -> tuple[dict[str, Any], set[str]]:
    """*record* and the paths named, without the downloads that are lost as wholes: every yaml file must be named."""
    downloads = record["config"]["download"]
    gone = {index for index, item in enumerate(downloads) if is_yaml(item["file_name"])}
    assert {pointer.join(("config", "download", index)) for index in gone} <= named
    places = {old: new for new, old in enumerate(index for index in range(len(downloads)) if index not in gone)}
    record["config"]["download"] = [downloads[index] for index in places]
    moved = set()
    for path in named:
        parts = list(pointer.split(path))
        if parts[:2] == ["config", "download"] and len(parts) > 2:
            if int(parts[2]) in gone:
                assert len(parts) == 3, "what is lost as a whole is named once"
                continue
            parts[2] = str(places[int(parts[2])])
        moved.add(pointer.join(parts))
    return record, moved


def value_at(record: Any, path: str) -> Any:
    try:
        return pointer.get(record, path)
    except Invalid:
        return "nothing"


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """A copy without the remainder, in which a flag that is off is there."""
    made = copy.deepcopy(codec.without_remainder(record))
    for item in made["config"]["download"]:
        item.setdefault("known_slow_download", False)
    return made


def assert_exactly_what_is_named_is_lost(category: str, record: dict[str, Any]) -> None:
    found = losses(category, "x", record)
    paths = [problem.path for problem in found if problem.rule != REFUSED]
    assert len(set(paths)) == len(paths)
    back = read_again(category, "x", record)
    assert (back is None) == any(problem.rule == REFUSED for problem in found)
    if back is None:
        return
    there = plain(back)
    here, named = without_yaml(plain(record), set(paths))
    for path in named:
        old, new = value_at(here, path), value_at(there, path)
        assert not json_text.same(old, new), f"{path} is named and not lost"
        here = pointer.without(here, path) if new == "nothing" else pointer.with_set(here, path, new)
    assert json_text.same(here, there)


@pytest.mark.parametrize("category", CATEGORIES)
def test_any_record_survives_but_for_exactly_what_is_named(category: str) -> None:
    @given(records(category))
    def check(record: dict[str, Any]) -> None:
        assert_exactly_what_is_named_is_lost(category, record)

    check()


@pytest.mark.parametrize("category", [IMAGE, "controlnet", "clip", "esrgan"])
def test_an_imported_record_edited_at_will_survives_but_for_exactly_what_is_named(category: str) -> None:
    @given(entries(category), records(category), st.data())
    def check(entry: dict[str, Any], other: dict[str, Any], data: st.DataObject) -> None:
        (read,) = read_category(category, write({"x": entry}, {}), "a file").entries
        assume(read.record is not None)
        record = dict(read.record or {})
        assert losses(category, "x", record) == []
        aside = record.pop("_legacy", None)
        edits = data.draw(st.lists(st.sampled_from(sorted({*record, *other} - {"name"})), unique=True, max_size=3))
        for name in edits:
            if name in other:
                record[name] = other[name]
            elif name not in ("baseline", "nsfw", "config", "record_type"):
                record.pop(name)
        edited = normal.normalise(category, record, open_values=True)
        assert_exactly_what_is_named_is_lost(category, edited | ({"_legacy": aside} if aside else {}))

    check()
