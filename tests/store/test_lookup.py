"""The lookup: records found by what they share, in step with the dataset that is asked about."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelref_git.records.quality.marks import address_mark, marks, near_marks, skeleton, sum_mark
from modelref_git.store import layout, lookup
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.lookup import LOOKED_AT, open_lookup
from modelref_git.store.trees import TreeEditor
from tests.support.world import World, clip

CACHE = Path("modelref") / "cache" / "lookup.sqlite"


def made(dataset: DatasetTree, changes: dict[str, dict[str, Any] | None]) -> DatasetTree:
    """*dataset* with records of the category ``clip`` put in or, where there is None, taken out; not written."""
    import json

    editor = TreeEditor(dataset.objects, dataset.tree)
    for name, record in changes.items():
        path = dataset.path("clip", name)
        if record is not None:
            editor.put(path, dataset.objects.add("blob", json.dumps(record).encode()))
        elif editor.get(path) is not None:
            editor.remove(path)
    return DatasetTree(dataset.objects, editor.write())


def at(url: str, name: str = "x") -> dict[str, Any]:
    return clip(name, config={"download": [{"file_name": "x.pt", "file_url": url, "sha256sum": "ab" * 32}]})


def found(world: World, dataset: DatasetTree, mark: int, *, cached: bool = True) -> list[str]:
    with open_lookup(world.store, dataset, cached=cached) as others:
        return [other.key for other in others.sharing(mark)]


def tables(path: Path) -> tuple[Any, ...]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT category, name, mark FROM marks JOIN records ON id = record ORDER BY 1, 2, 3")
        return (*rows.fetchall(), *db.execute("SELECT category, name, blob FROM records ORDER BY 1, 2").fetchall())


def cache_of(world: World) -> Path:
    return world.store.local_dir / "cache" / "lookup.sqlite"


def test_records_are_found_by_address_and_sum_whatever_their_spelling(world: World) -> None:
    dataset = made(
        world.context().view().dataset(),
        {"a": at("https://Host.example/f.pt"), "b": at("http://host.example/f.pt#top")},
    )
    assert found(world, dataset, address_mark("https://host.example/f.pt")) == ["a", "b"]
    assert found(world, dataset, sum_mark("AB" * 32)) == ["a", "b"]
    assert found(world, dataset, address_mark("https://host.example/F.pt")) == []


def test_the_whole_record_is_told(world: World) -> None:
    dataset = made(world.context().view().dataset(), {"a": at("https://host.example/f.pt")})
    with open_lookup(world.store, dataset) as others:
        (other,) = others.sharing(address_mark("https://host.example/f.pt"))
    assert (other.category, other.key, other.record) == ("clip", "a", at("https://host.example/f.pt"))


names = st.sampled_from([f"m{n}" for n in range(8)])
addresses = st.sampled_from([f"https://host.example/{n}.pt" for n in range(4)])
steps = st.lists(st.dictionaries(names, addresses | st.none(), max_size=4), min_size=1, max_size=6)


@settings(max_examples=25)
@given(steps)
def test_a_lookup_brought_along_is_the_one_made_from_nothing(
    world_for_all: World, history: list[dict[str, str | None]]
) -> None:
    world = world_for_all
    dataset = world.context().view().dataset()
    for changes in history:
        records = {name: None if url is None else at(url, name) for name, url in changes.items()}
        dataset = made(dataset, records)
        # Every state is asked about by its own handle, forwards and backwards in time.
        world.store.write(dataset.objects)
        found(world, dataset, 0)
        brought = tables(cache_of(world))
        cache_of(world).unlink()
        found(world, dataset, 0)
        assert tables(cache_of(world)) == brought


@pytest.fixture(scope="module")
def world_for_all(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World.make(tmp_path_factory.mktemp("lookup") / "world")


def test_main_is_followed_from_proposal_to_proposal(world: World) -> None:
    first = world.create("clip", "one", at("https://host.example/one.pt", "one"))
    assert found(world, world.context().view().dataset(), address_mark("https://host.example/one.pt")) == []
    world.apply(world.approve(first))
    assert found(world, world.context().view().dataset(), address_mark("https://host.example/one.pt")) == ["one"]
    world.apply(world.approve(world.delete("clip", "one")))
    assert found(world, world.context().view().dataset(), address_mark("https://host.example/one.pt")) == []


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, b"SQLite format 3\0" + bytes(5000)])
def test_a_broken_file_is_made_anew(world: World, content: bytes) -> None:
    dataset = world.context().view().dataset()
    found(world, dataset, 0)
    whole = tables(cache_of(world))
    cache_of(world).write_bytes(content)
    found(world, dataset, 0)
    assert tables(cache_of(world)) == whole


@pytest.mark.parametrize(
    "fault",
    [
        "PRAGMA user_version = 99",
        "UPDATE meta SET value = '0 1.0' WHERE name = 'marks'",
        "DELETE FROM records",
        f"UPDATE meta SET value = '{'0' * 40}' WHERE name = 'tree'",
    ],
)
def test_a_file_of_another_version_or_history_is_made_anew(world: World, fault: str) -> None:
    before = world.context().view().dataset()
    found(world, before, 0)
    with contextlib.closing(sqlite3.connect(cache_of(world), isolation_level=None)) as db:
        db.execute(fault)
    starter = before.names("clip")[0]
    dataset = made(before, {starter: at("https://host.example/new.pt", starter)})
    world.store.write(dataset.objects)
    assert found(world, dataset, address_mark("https://host.example/new.pt")) == [starter]
    kept = tables(cache_of(world))
    cache_of(world).unlink()
    found(world, dataset, 0)
    assert tables(cache_of(world)) == kept


def test_whoever_may_not_write_has_one_in_memory(world: World) -> None:
    dataset = made(world.context().view().dataset(), {"a": at("https://host.example/f.pt")})
    cache_of(world).parent.mkdir(parents=True, exist_ok=True)
    cache_of(world).mkdir()  # nothing can be opened there
    assert found(world, dataset, address_mark("https://host.example/f.pt")) == ["a"]


def test_a_file_that_another_process_holds_is_not_waited_for_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "PATIENCE", 0.05)
    before = world.context().view().dataset()
    found(world, before, 0)
    dataset = made(before, {"a": at("https://host.example/f.pt")})
    with contextlib.closing(sqlite3.connect(cache_of(world), isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        assert found(world, dataset, address_mark("https://host.example/f.pt")) == ["a"]


def test_an_older_dataset_is_asked_about_without_moving_the_file(world: World) -> None:
    now = world.context().view().dataset()
    found(world, now, 0)
    kept = cache_of(world).read_bytes()
    other = made(now, {"a": at("https://host.example/f.pt")})
    assert found(world, other, address_mark("https://host.example/f.pt"), cached=False) == ["a"]
    assert cache_of(world).read_bytes() == kept


def test_a_strangers_file_that_is_no_record_has_no_marks(world: World) -> None:
    dataset = world.context().view().dataset()
    editor = TreeEditor(dataset.objects, dataset.tree)
    for name, data in (("list", b"[]"), ("broken", b"{"), ("odd", b'{"config": {"download": [1, {"file_url": 7}]}}')):
        editor.put(layout.record_path("clip", name, 0), dataset.objects.add("blob", data))
    assert found(world, DatasetTree(dataset.objects, editor.write()), address_mark("x")) == []


def test_of_many_that_share_only_some_are_told(world: World) -> None:
    dataset = world.context().view().dataset()
    many = made(dataset, {f"m{n:03}": at("https://host.example/f.pt", f"m{n:03}") for n in range(LOOKED_AT + 20)})
    assert len(found(world, many, address_mark("https://host.example/f.pt"))) == LOOKED_AT


# --- marks -----------------------------------------------------------------------------------------------------------


@given(st.text(max_size=12), st.text(alphabet="abcxyz ", min_size=1, max_size=1), st.integers(0, 12))
def test_names_one_letter_apart_share_a_mark(name: str, letter: str, place: int) -> None:
    other = name[:place] + letter + name[place:]
    assert set(near_marks(name)) & set(near_marks(other))
    swapped = name[:place] + ("x" if letter != "x" else "y") + name[place:]
    assert set(near_marks(swapped)) & set(near_marks(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Deliberate", "deliberate"),
        ("My-Model_v2", "my model v2"),
        ("Déjà Vu", "Deja Vu"),
        ("\u0410nything", "Anything"),
        ("ﬁne", "fine"),
    ],
)
def test_what_looks_the_same_has_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


def test_versions_are_not_near() -> None:
    assert not set(near_marks("Model 1")) & set(near_marks("Model 2"))


@given(st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.lists(st.text(max_size=5), max_size=3)))
def test_any_record_has_marks(record: dict[str, Any]) -> None:
    assert list(marks("clip", "x", record))
    assert list(marks("clip", "x", {"config": record}))
    assert list(marks("clip", "x", {"config": {"download": [record, 1, None]}}))


def test_the_marks_that_somebody_has_are_told_in_their_order(world: World) -> None:
    dataset = made(world.context().view().dataset(), {"a": at("https://host.example/f.pt")})
    asked = [sum_mark("00" * 32), sum_mark("ab" * 32), address_mark("https://host.example/f.pt"), 7]
    with open_lookup(world.store, dataset) as others:
        assert others.known(asked) == asked[1:3]
        assert others.known([]) == []
