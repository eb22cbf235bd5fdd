"""One dataset, read in both ways."""

from __future__ import annotations

import json
import os

import pytest

from modelref_git.reading.export import Export
from modelref_git.reading.interface import Dataset
from modelref_git.reading.repository import open_dataset
from tests.support.exports import TEXT, TOYS, export
from tests.support.world import OPEN_SCHEMA, World


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with the starter dataset, toys of every kind and a text model."""
    world = World.make(tmp_path_factory.mktemp("filled") / "world")
    world.add_category("toys", {**OPEN_SCHEMA, "properties": {"name": {}, "size": {}}})
    rows = [{"category": "toys", "model_name": name, "payload": record} for name, record in TOYS.items()]
    file = world.path.parent / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    world.run("import", str(file), "--allow", "*").ok()
    world.let_anybody_review()
    world.apply(world.approve(world.create("text_generation", str(TEXT["name"]), TEXT)))
    return world


@pytest.fixture(scope="session")
def exported(filled: World, tmp_path_factory: pytest.TempPathFactory) -> Export:
    return export(filled, tmp_path_factory.mktemp("exported") / "1", layout="all")


@pytest.fixture(params=["export", "repository"])
def dataset(request: pytest.FixtureRequest, filled: World, exported: Export) -> Dataset:
    """The same revision, each way."""
    return exported if request.param == "export" else open_dataset(filled.path)
