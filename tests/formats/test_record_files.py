"""Record files are found by the name of a record alone, and there are never too many of them."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.formats import record_files, v2
from modelref_git.records.codec import KeyOrder, encode

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("records", "digits"),
    [(0, 1), (64, 1), (65, 2), (1024, 2), (1025, 3), (131_072, 3), (131_073, 4), (10**7, 4)],
)
def test_the_number_of_digits_follows_from_the_number_of_records(records: int, digits: int) -> None:
    assert record_files.digits_for(records) == digits


@given(NAMES, st.integers(1, 4))
def test_anybody_with_sha_256_finds_the_file_of_a_record(name: str, digits: int) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()
    bucket = record_files.bucket_of(name, digits)
    assert bucket == digest[:digits]
    folder = f"records/clip/{digest[: digits - 2]}/" if digits > 2 else "records/clip/"
    assert record_files.file_of("clip", bucket) == f"{folder}{bucket}.json"
    assert record_files.index_of("clip", record_files.part_of(bucket)) == f"{folder}index.json"


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, st.integers(), max_size=2), max_size=5), st.randoms())
def test_a_record_file_is_the_same_in_whatever_order_its_records_come(
    records: dict[str, dict[str, int]], chance: object
) -> None:
    rows = [(name, encode(record, KeyOrder.NONE)) for name, record in records.items()]
    shuffled = sorted(rows, key=lambda row: hash((row, str(chance))))
    data = record_files.file_bytes(shuffled)
    assert data == record_files.file_bytes(rows)
    assert v2.read_category(data, "it") == records


def test_half_of_a_surrogate_pair_names_no_record() -> None:
    with pytest.raises(UnicodeEncodeError):
        record_files.bucket_of("a\ud800", 2)
