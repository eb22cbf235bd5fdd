"""Record files: a category cut into many small files, so that a reader fetches only those that changed.

A record's file follows from its name alone: the first hexadecimal digits of the SHA-256 of the name in UTF-8. How many
digits follows from the number of records, so that there are never more than some thousand files: linking one for
each of a hundred thousand records would cost more than everything else that a sync does. A file is laid out as a v2
category file with a few records, ascending by name. An index lists up to 256 of them with their sums.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from modelref_git.formats import v2

FOLDER: Final = "records"
INDEX: Final = "index.json"
MAX_DIGITS: Final = 4

_FROM: Final = (65, 1_025, 131_073)
"""The numbers of records from which 2, 3 and 4 digits are used: files of one to four records on the average, then of
up to 32, since more than 4,096 files are linked only where a category file takes a minute anyway."""
_IN_INDEX: Final = 2
"""So many digits are told apart within one index."""


def digits_for(records: int) -> int:
    """By how many digits a category of so many records is cut."""
    return 1 + sum(records >= least for least in _FROM)


def bucket_of(name: str, digits: int) -> str:
    """The digits under which the record *name* is found.

    Raises:
        UnicodeEncodeError: the name has half of a surrogate pair, so no record has it.
    """
    return hashlib.sha256(name.encode()).hexdigest()[:digits]


def part_of(bucket: str) -> str:
    """The digits of the index that lists a bucket; none where one index lists the whole category."""
    return bucket[: max(0, len(bucket) - _IN_INDEX)]


def file_of(category: str, bucket: str) -> str:
    """The path of a record file in an export."""
    return f"{_folder(category, part_of(bucket))}{bucket}.json"


def index_of(category: str, part: str) -> str:
    """The path of an index in an export."""
    return f"{_folder(category, part)}{INDEX}"


def file_bytes(records: Iterable[tuple[str, bytes]]) -> bytes:
    """A record file: *records* are names and canonical bytes without remainder, in any order."""
    return v2.aggregate(sorted(records))


def _folder(category: str, part: str) -> str:
    return f"{FOLDER}/{category}/{part}/" if part else f"{FOLDER}/{category}/"
