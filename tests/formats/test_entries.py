"""Single entries of the older files: as records and back, and edits of records by way of their entries."""

from __future__ import annotations

from typing import Any

import pytest

from modelref_git.errors import Invalid
from modelref_git.formats import entries
from modelref_git.records import shipped, text
from modelref_git.records.codec import decode
from modelref_git.records.merge import MergeHints
from modelref_git.records.names import name_of
from modelref_git.records.schemas import Schema

STARTER = [
    (path.split("/")[1], name_of(path.rpartition("/")[2].removesuffix(".json")), decode(data))
    for path, data in shipped.starter_files()
]
WITH_FORM = [row for row in STARTER if row[0] != "controlnet_annotator"]


def hints(category: str) -> MergeHints:
    return Schema.parse(category, shipped.schema_bytes(category) or b"").merge_hints


@pytest.mark.parametrize(("category", "name", "record"), WITH_FORM, ids=lambda value: str(value)[:30])
def test_an_entry_that_nobody_changed_changes_nothing(category: str, name: str, record: dict[str, Any]) -> None:
    entry = entries.entry_of(category, name, record, text.DEFAULTS)
    again, problems = entries.record_of(category, entry)
    assert not problems
    assert entries.entry_of(category, name, again, text.DEFAULTS) == entry
    assert entries.edited(category, name, record, entry, hints(category)) == record
    with_nulls = entries.with_nulls(category, entry)
    assert {key: value for key, value in with_nulls.items() if value is not None} == entry
    assert entries.edited(category, name, record, with_nulls, hints(category)) == record


def test_an_edit_by_entry_keeps_what_an_entry_cannot_say() -> None:
    category, name, record = next(row for row in STARTER if row[0] == "image_generation")
    record = {**record, "finetune_series": {"name": "Series"}, "own": 1}
    entry = entries.entry_of(category, name, record, {})
    edited = entries.edited(category, name, record, {**entry, "description": "New.", "trigger": ["x"]}, hints(category))
    assert edited == {**record, "description": "New.", "trigger": ["x"]}


def test_a_file_that_the_entry_says_otherwise_is_as_the_entry_says() -> None:
    category = "clip"
    files = [
        {"file_name": name, "file_url": f"https://h.example/{name}", "sha256sum": "ab" * 32, "size_bytes": 5}
        for name in ("a.pt", "b.pt", "c.pt")
    ]
    live = {"record_type": category, "name": "x", "config": {"download": files}}
    entry = entries.entry_of(category, "x", live, {})
    _, second, third = entry["config"]["files"]
    entry["config"]["files"] = [{**second, "sha256sum": "cd" * 32}, third]
    entry["config"]["download"].pop(0)
    downloads = entries.edited(category, "x", live, entry, hints(category))["config"]["download"]
    changed = {"file_name": "b.pt", "file_url": "https://h.example/b.pt", "sha256sum": "cd" * 32}
    assert downloads == [{**changed, "known_slow_download": False}, files[2]]


def test_an_entry_that_stands_for_no_record_changes_none() -> None:
    category, name, record = next(row for row in STARTER if row[0] == "image_generation")
    entry = {**entries.entry_of(category, name, record, {}), "baseline": "zzz"}
    with pytest.raises(Invalid):
        entries.edited(category, name, record, entry, hints(category))
    edited = entries.edited(category, name, record, entry, hints(category), open_values=True)
    assert edited == {**record, "baseline": "zzz"}
