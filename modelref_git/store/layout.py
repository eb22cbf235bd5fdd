"""Where things stand: records in the dataset's tree, changes in the queue's, and the names of refs."""

from __future__ import annotations

from typing import Final

from modelref_git.errors import Invalid
from modelref_git.proposals import config
from modelref_git.records.names import file_key, fold_hash, index_hash, name_of
from modelref_git.records.pictures import is_name

MAIN: Final = "refs/heads/main"
QUEUE: Final = "refs/heads/queue"
PROPOSALS: Final = "refs/heads/proposals/"
BATCHES: Final = "refs/heads/batches/"
NOTES: Final = "refs/heads/notes"
"""What members remark on records: beside the dataset, and no part of it or of the log."""

CONFIG: Final = config.FILE
ATTRIBUTES: Final = ".gitattributes"
SCHEMAS: Final = "schemas"
DATASET: Final = "dataset"
LEGACY: Final = "legacy"
PICTURES: Final = "pictures"
NOTE_FOLDER: Final = "notes"

SUFFIX: Final = ".json"

FAN_OUT_1_FROM: Final = 1_000
FAN_OUT_2_FROM: Final = 65_536
"""Sizes from which a category's folder is split by one, and by two levels of hash prefix (measured: ADR 0003)."""


def proposal_ref(change_id: int) -> str:
    """The branch of an open proposal."""
    return f"{PROPOSALS}{change_id}"


def batch_ref(batch_id: int) -> str:
    """The branch of the open batch."""
    return f"{BATCHES}{batch_id}"


def schema_path(category: str) -> str:
    """The schema file of a category."""
    return f"{SCHEMAS}/{category}.schema.json"


def category_folder(category: str) -> str:
    """The folder of a category's records."""
    return f"{DATASET}/{category}"


def record_folder(category: str, name: str, fan_out: int) -> str:
    """The folder that holds a record, for a category split by *fan_out* levels."""
    folder = category_folder(category)
    if fan_out:
        digest = fold_hash(name)
        folder = "/".join([folder, *(digest[2 * level : 2 * level + 2] for level in range(fan_out))])
    return folder


def record_path(category: str, name: str, fan_out: int) -> str:
    """The file of a record.

    Raises:
        Invalid: the name has no safe file key.
    """
    return f"{record_folder(category, name, fan_out)}/{file_key(name)}{SUFFIX}"


def notes_path(category: str, name: str) -> str:
    """The file of the notes on a record, whatever the layout of its category.

    Raises:
        Invalid: the name has no safe file key.
    """
    return f"{NOTE_FOLDER}/{category}/{file_key(name)}{SUFFIX}"


def record_of(path: str) -> tuple[str, str] | None:
    """``(category, name)`` of a record's file, whatever the fan-out; ``None`` for any other path."""
    parts = path.split("/")
    if len(parts) < 3 or parts[0] != DATASET or not parts[-1].endswith(SUFFIX):
        return None
    try:
        return parts[1], name_of(parts[-1].removesuffix(SUFFIX))
    except Invalid:
        return None


def picture_path(sha256: str) -> str:
    """The file of a picture, which is named by the SHA-256 of its bytes."""
    return f"{PICTURES}/{sha256}"


def picture_of(path: str) -> str | None:
    """The name of a picture's file; ``None`` for any other path."""
    folder, _, name = path.partition("/")
    return name if folder == PICTURES and is_name(name) else None


def fan_out_for(records: int) -> int:
    """The fan-out that suits a category of so many records."""
    if records >= FAN_OUT_2_FROM:
        return 2
    return 1 if records >= FAN_OUT_1_FROM else 0


def numbered_path(folder: str, number: int) -> str:
    """The state file of change or batch *number*: folders of a hundred, so that every tree stays small."""
    return f"{folder}/{number // 1_000_000}/{number // 10_000 % 100:02d}/{number // 100 % 100:02d}/{number}{SUFFIX}"


def number_of(file_name: str) -> int:
    """The number of a state file."""
    return int(file_name.rpartition("/")[2].removesuffix(SUFFIX))


def hashed_path(folder: str, digest: str) -> str:
    """The state file of a hash: three folders of sixteen, then the hash itself."""
    return f"{folder}/{digest[0]}/{digest[1]}/{digest[2]}/{digest[:40]}{SUFFIX}"


def open_index_path(category: str, name: str) -> str:
    """The state file that lists the open changes of a record and of its look-alikes."""
    return hashed_path("open", index_hash(category, name))
