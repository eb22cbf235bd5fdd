"""Where older files say what a record's fields hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelref_git.formats.legacy.places import in_entry, in_row
from modelref_git.formats.source_readers import read_legacy
from modelref_git.formats.text import table as text_table
from modelref_git.records import pointer

ENTRY: dict[str, Any] = {
    "name": "x",
    "type": "openpose",
    "style": "",
    "config": {
        "files": [
            {"path": "cldm.yaml"},
            {"path": "a.pt", "sha256sum": "ab" * 32, "file_type": "main", "content_hash": "cd"},
            {"nothing": 1},
            {"path": "b.pt", "sha256sum": "ef" * 32},
        ],
        "download": [
            {"file_name": "b.pt", "file_url": "https://h.example/b"},
            {"file_name": "a.pt", "file_url": "https://h.example/a"},
        ],
    },
}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/name", "/name"),
        ("/controlnet_style", "/type"),
        ("/config", "/config"),
        ("/config/download", "/config/download"),
        ("/config/download/0", "/config/files/1"),
        ("/config/download/0/file_name", "/config/files/1/path"),
        ("/config/download/0/file_url", "/config/download/1/file_url"),
        ("/config/download/0/file_purpose", "/config/files/1/file_type"),
        ("/config/download/1/sha256sum", "/config/files/3/sha256sum"),
        ("/config/download/1/file_url", "/config/download/0/file_url"),
        ("/config/download/7/file_url", "/config/download/7/file_url"),
        ("/config/download/-", "/config/download/-"),
    ],
)
def test_a_field_of_the_record_is_said_somewhere_in_the_entry(path: str, place: str) -> None:
    assert in_entry("controlnet", ENTRY, path) == place


def test_every_value_of_the_record_stands_where_it_is_said_to() -> None:

    (entry,) = read_legacy("controlnet", json.dumps({"x": ENTRY}).encode(), "controlnet.json", open_values=True).entries
    assert entry.record is not None
    for number, download in enumerate(entry.record["config"]["download"]):
        for field in ("file_name", "file_url", "sha256sum"):
            at = in_entry("controlnet", ENTRY, f"/config/download/{number}/{field}")
            assert pointer.get(ENTRY, at) == download[field]


def test_an_entry_of_any_shape_has_places() -> None:
    for entry in ({}, {"config": []}, {"config": {"files": 1, "download": [None, {"file_name": []}]}}):
        assert in_entry("clip", entry, "/config/download/0/file_url") == "/config/download/0/file_url"
    assert in_entry("controlnet", {"type": 1}, "/controlnet_style") == "/style"


def test_a_field_of_a_text_model_is_in_its_column() -> None:
    table = text_table.parse(b'name,parameters_bn,tags\r\n"A,\r\nB",7,"x,y"\r\n', "models.csv")
    (row,) = table.rows
    columns = table.header.cells
    assert in_row(columns, row, "/name") == (2, 1)
    assert in_row(columns, row, "/parameters") == in_row(columns, row, "/parameters_bn") == (3, 4)
    assert in_row(columns, row, "/tags/1") == (3, 6)
    assert in_row(columns, row, "/nothing") == in_row(columns, row, "") == (2, 1)
