from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from modelref_git.store.key_file import KeyEntry, encoded, parsed

TIMES = st.integers(min_value=0, max_value=2**40)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
IDS = st.text("0123456789abcdef", min_size=12, max_size=12)
ENTRIES = st.builds(
    KeyEntry,
    IDS,
    TEXTS,
    TEXTS,
    TIMES,
    st.none() | TIMES,
    st.none() | TIMES,
    st.binary(max_size=32),
    st.binary(min_size=32, max_size=32),
)


@given(entries=st.lists(ENTRIES, max_size=4))
def test_what_is_written_is_read_back(entries: list[KeyEntry]) -> None:
    keys = {entry.key_id: entry for entry in entries}
    assert parsed(encoded(keys), "the file") == keys


def test_a_row_of_the_list_has_neither_salt_nor_hash() -> None:
    entry = KeyEntry("0123456789ab", "2", "laptop", 1, 2, 3, b"s" * 16, b"d" * 32)
    assert entry.as_json() == {
        "key_id": "0123456789ab",
        "user_id": "2",
        "label": "laptop",
        "created": 1,
        "expires": 2,
        "last_used": 3,
    }
    (row,) = json.loads(encoded({entry.key_id: entry}))["keys"].values()
    assert (row["salt"], row["hash"]) == ("73" * 16, "64" * 32)
