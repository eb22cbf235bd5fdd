"""The body of a category is put together from parts, and is the file that an export writes, compressed and not."""

from __future__ import annotations

import gzip
import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.formats.v2 import aggregate
from modelref_git.operations.listing import Row
from modelref_git.server import category_bodies
from modelref_git.server.category_bodies import CategoryBody, compose
from modelref_git.store.objects import object_id

RECORDS = st.dictionaries(st.text('ab/é"', min_size=1, max_size=4), st.integers(0, 40), max_size=40)


class Blobs:
    """Records by the ids of their blobs, and which were read."""

    def __init__(self) -> None:
        self.known: dict[str, bytes] = {}
        self.read: list[str] = []

    def rows(self, records: dict[str, int]) -> list[Row]:
        found = []
        for name, number in records.items():
            data = f'{{\n  "size": {number},\n  "text": "{hashlib.sha256(bytes([number])).hexdigest()}"\n}}\n'.encode()
            oid = object_id("blob", data)
            self.known[oid] = data
            found.append(Row(name, oid, None))
        return found

    def __call__(self, blob: str) -> bytes:
        self.read.append(blob)
        return self.known[blob]


def check(made: CategoryBody, blobs: Blobs, rows: list[Row]) -> None:
    expected = aggregate((row.name, blobs.known[row.blob]) for row in rows)
    assert made.body.plain == expected
    assert (made.body.gzipped is None) == (len(expected) < 1024)
    if made.body.gzipped is not None:
        assert gzip.decompress(made.body.gzipped) == expected
        reader = zlib.decompressobj(zlib.MAX_WBITS | 16)
        assert reader.decompress(made.body.gzipped) == expected, "one member, which simple readers take too"
        assert reader.eof
        assert not reader.unused_data


@given(st.lists(RECORDS, min_size=1, max_size=4), st.integers(1, 8))
def test_a_body_is_the_file_whatever_came_before(states: list[dict[str, int]], at_least: int) -> None:
    before, blobs = None, Blobs()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(category_bodies, "_ROWS_AT_LEAST", at_least)
        for records in states:
            rows = blobs.rows(records)
            before = compose("ab" * 20, rows, blobs, before)
            check(before, blobs, rows)


def test_after_one_change_only_what_stands_around_it_is_made_again() -> None:
    blobs = Blobs()
    records = {f"model {number}": number % 250 for number in range(5_000)}
    rows = blobs.rows(records)
    first = compose("ab" * 20, rows, blobs)
    assert len(blobs.read) == len(rows)
    blobs.read.clear()
    rows = blobs.rows({**records, "model 2500": 251})
    second = compose("cd" * 20, rows, blobs, first)
    assert blobs.known[rows[2500].blob] in [blobs.known[blob] for blob in blobs.read]
    assert len(blobs.read) < 500
    check(second, blobs, rows)


def test_the_tag_names_the_tree() -> None:
    blobs = Blobs()
    assert compose("ab" * 20, blobs.rows({"a": 1}), blobs).body.etag == f'W/"{"ab" * 20}"'
    empty = compose(None, [], blobs)
    assert (empty.body.plain, empty.body.gzipped) == (b"{}\n", None)
    assert empty.body.etag == 'W/"4b825dc642cb6eb9a060e54bf8d69288fbee4904"'
