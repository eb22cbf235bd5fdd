from collections import Counter
from functools import cache

import pytest

from modelref_git.records import shipped
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.codec import decode, encode
from modelref_git.records.names import file_key, name_of, structural_problems
from modelref_git.records.normal import normalise
from modelref_git.records.quality import catalogue
from modelref_git.records.quality.others import MemoryOthers
from modelref_git.records.quality.rule import Facts
from modelref_git.records.schemas import Schema

FILES = dict(shipped.starter_files())


@cache
def starter_records() -> MemoryOthers:
    records = ((parts(path)[0], decode(data)) for path, data in FILES.items() if path.startswith("dataset/"))
    return MemoryOthers((category, record["name"], record) for category, record in records)


def parts(path: str) -> tuple[str, str]:
    """Category and file key of a file of the starter dataset."""
    folder, category, file = path.split("/")
    assert folder == "dataset"
    return category, file.removesuffix(".json")


def test_the_starter_dataset_has_some_thirty_records_of_at_least_eight_categories() -> None:
    counts = Counter(parts(path)[0] for path in FILES)
    assert 25 <= counts.total() <= 40
    assert len(counts) >= 8
    assert set(counts) <= set(CATEGORIES)


def test_the_files_come_in_the_order_of_their_paths() -> None:
    assert list(FILES) == sorted(FILES)


@pytest.mark.parametrize("path", FILES)
def test_a_starter_record_is_valid_canonical_and_stands_under_its_name(path: str) -> None:
    category, key = parts(path)
    data = shipped.schema_bytes(category)
    assert data is not None
    schema, record = Schema.parse(category, data), decode(FILES[path])
    assert schema.problems(record) == []
    found = catalogue.findings(Facts(category, record["name"], record, others=starter_records()))
    assert [(rule.id, problem.message) for rule, problem in found if rule.severity != "hint"] == []
    assert encode(record, schema.order) == FILES[path]
    assert file_key(record["name"]) == key
    assert name_of(key) == record["name"]
    assert structural_problems(category, record["name"]) == []


@pytest.mark.parametrize("path", FILES)
def test_a_starter_record_is_in_its_stored_form(path: str) -> None:
    record = decode(FILES[path])
    stored = normalise(parts(path)[0], record)
    assert (stored, list(stored)) == (record, list(record))


def test_some_starter_names_need_a_file_key_that_differs() -> None:
    names = {decode(data)["name"] for data in FILES.values()}
    assert {"ViT-L/14", "AlbedoBase XL (SDXL)", "gpt2"} <= names


def test_starter_records_bring_no_stamps_but_the_version_of_the_record_model() -> None:
    assert all(decode(data)["metadata"] == {"schema_version": "2.0.0"} for data in FILES.values())


def test_no_two_starter_records_of_a_category_share_a_hash_for_different_files() -> None:
    seen: dict[tuple[str, str], str] = {}
    for path, data in FILES.items():
        for entry in decode(data)["config"]["download"]:
            if entry["sha256sum"] != "FIXME":
                assert len(bytes.fromhex(entry["sha256sum"])) == 32
                where = (parts(path)[0], entry["sha256sum"].lower())
                assert seen.setdefault(where, entry["file_url"]) == entry["file_url"]
