"""An export and a repository answer alike, and as the commands do."""

from __future__ import annotations

from typing import Any

import pytest

from modelref_git.errors import Invalid, NotFound, UsageFault
from modelref_git.reading.interface import Dataset
from tests.support.exports import TOYS
from tests.support.world import World


def test_both_tell_where_they_stand(dataset: Dataset, filled: World) -> None:
    assert dataset.commit == filled.refs()["refs/heads/main"]
    assert dataset.event_id == filled.events()[-1]["event_id"]


def test_both_list_categories_and_names_as_the_commands_do(dataset: Dataset, filled: World) -> None:
    rows = filled.run("categories").ok().json
    assert dataset.categories() == [row["category"] for row in rows]
    for row in rows:
        assert dataset.names(row["category"]) == filled.run("ls", row["category"]).ok().json


def test_both_give_every_record_in_stored_order(dataset: Dataset, filled: World) -> None:
    assert [name for name, _ in dataset.records("toys")] == list(TOYS)
    for category in dataset.categories():
        found = dict(dataset.records(category))
        wanted = filled.run("get", category).ok().json
        assert list(found.items()) == list(wanted.items())
    assert [(hit.category, hit.name, hit.record) for hit in dataset] == [
        (category, name, record) for category in dataset.categories() for name, record in dataset.records(category)
    ]


@pytest.mark.parametrize("name", ["Robot", "a/b cafe\u0301"])
def test_both_give_one_record(dataset: Dataset, name: str) -> None:
    assert dataset.get("toys", name) == TOYS[name]
    record = dataset.get("toys", name)
    record.clear()
    assert dataset.get("toys", name) == TOYS[name]


def test_numbers_are_kept_as_they_were_written(dataset: Dataset) -> None:
    assert repr(dataset.get("toys", "bear")["size"]) == "1.5"
    assert type(dataset.get("toys", "bear")["from"]["y"]) is float


def test_both_derive_the_variants_of_text_models(dataset: Dataset, filled: World) -> None:
    for name in ("Author/Model-7B", "aphrodite/Author/Model-7B", "koboldcpp/Model-7B"):
        record = dataset.get("text_generation", name)
        assert record == filled.run("get", "text_generation", name).ok().json
        assert record["name"] == name
    assert [name for name in dataset.names("text_generation") if "Model-7B" in name] == ["Author/Model-7B"]


@pytest.mark.parametrize("name", ["nobody", "robot", "koboldcpp/Robot", "", "a\ud800", "..", "x" * 300])
def test_a_record_that_is_not_there_is_told(dataset: Dataset, name: str) -> None:
    with pytest.raises(NotFound, match="toys has no record"):
        dataset.get("toys", name)
    with pytest.raises(NotFound, match="text_generation has no record"):
        dataset.get("text_generation", name)


def test_a_category_that_is_not_there_is_told_with_those_that_are(dataset: Dataset) -> None:
    for ask in (dataset.names, lambda name: list(dataset.records(name)), lambda name: dataset.get(name, "x")):
        with pytest.raises(NotFound, match="no category 'kites'") as caught:
            ask("kites")
        assert "toys" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({}, []),
        ({"name_contains": "RO"}, ["--name-contains", "RO"]),
        ({"nsfw": False}, ["--no-nsfw"]),
        ({"baseline": "cloth"}, ["--baseline", "cloth"]),
        ({"tags": "red"}, ["--tag", "red"]),
        ({"tags": ["red", "tin"]}, ["--tag", "red", "--tag", "tin"]),
        ({"where": {"/from/y": 1}}, ["--where", "/from/y=1"]),
        ({"sort_by": "size"}, ["--sort-by", "size"]),
        ({"sort_by": "size", "descending": True}, ["--sort-by", "size", "--desc"]),
        ({"offset": 1, "limit": 1}, ["--offset", "1", "--limit", "1"]),
    ],
)
@pytest.mark.parametrize("category", ["toys", None])
def test_both_search_as_the_command_does(
    dataset: Dataset, filled: World, category: str | None, filters: dict[str, Any], words: list[str]
) -> None:
    if category is None and "sort_by" in filters:
        filters, words = {**filters, "sort_by": "name"}, ["name" if word == "size" else word for word in words]
    found = dataset.search(category, **filters)
    assert found.as_json() == filled.run("search", *([category] if category else []), *words).ok().json


def test_a_search_for_what_no_record_can_have_is_refused(dataset: Dataset) -> None:
    with pytest.raises(UsageFault, match="no field 'colour'") as caught:
        dataset.search("toys", sort_by="colour")
    assert caught.value.hint == "the fields are: 'name', 'size'"
    with pytest.raises(UsageFault, match="not every category"):
        dataset.search(sort_by="colour")
    with pytest.raises(Invalid):
        dataset.search("toys", where={"size": 1})
    with pytest.raises(NotFound, match="no category"):
        dataset.search("kites")
    with pytest.raises(TypeError):
        dataset.search("toys", colour="red")  # type: ignore[call-arg]


def test_nothing_is_wrong_with_either_and_nothing_changed_since_itself(dataset: Dataset) -> None:
    assert dataset.verify() == []
    assert list(dataset.changes_since(dataset.commit)) == []
    assert dataset.event_id is not None
    assert list(dataset.changes_since(dataset.event_id)) == []


@pytest.mark.parametrize("mark", [10**6, "1" * 40, "nowhere"])
def test_a_mark_that_nobody_knows_is_told(dataset: Dataset, mark: int | str) -> None:
    with pytest.raises(NotFound, match=str(mark)):
        dataset.changes_since(mark)
