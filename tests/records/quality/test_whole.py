"""Rules on a record among the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from modelref_git.records.quality.others import MemoryOthers
from modelref_git.records.quality.rule import Facts, Other
from modelref_git.records.quality.whole import MOST, RULES

OLD, NEW = "0123456789abcdef" * 4, "fedcba9876543210" * 4
HOST = "https://huggingface.co/a/b/resolve/main"


def record(name: str = "x.ckpt", url: str = f"{HOST}/x.ckpt", sha256sum: str = OLD) -> dict[str, Any]:
    return {"config": {"download": [{"file_name": name, "file_url": url, "sha256sum": sha256sum}]}}


def found(
    key: str,
    own: dict[str, Any],
    *others: tuple[str, str, dict[str, Any]],
    category: str = "image_generation",
    **more: Any,
) -> list[str]:
    around = MemoryOthers([(category, key, own), *others])
    facts = Facts(category, key, own, others=around, **more)
    return [f"{problem.rule} {problem.path}: {problem.message}" for rule in RULES for problem in rule.check(facts)]


def test_a_record_alone_has_no_fault() -> None:
    assert found("A1", record()) == []
    facts = Facts("clip", "A1", record())
    assert [problem for rule in RULES for problem in rule.check(facts)] == []


def test_two_records_with_one_address_for_two_files_are_found() -> None:
    (fault,) = found("A1", record("a.ckpt"), ("image_generation", "B2", record("b.ckpt", sha256sum="FIXME")))
    assert fault.startswith("shared.address /config/download/0/file_url: 'B2' has the address")
    (fault,) = found("A1", record(), ("esrgan", "B2", record()))
    assert fault.startswith("shared.address /config/download/0/file_url: 'B2' of esrgan has the address")


def test_two_records_that_use_one_file_on_purpose_are_no_fault() -> None:
    assert found("A1", record(), ("image_generation", "B2", record())) == []


def test_one_file_name_with_two_sums_is_found() -> None:
    other = ("image_generation", "B2", record(url=f"{HOST}/y.ckpt", sha256sum=NEW))
    (fault,) = found("A1", record(), other)
    assert fault == (
        f"shared.file /config/download/0/file_name: 'B2' has a file 'x.ckpt' too, with another sum than '{OLD}'"
    )
    assert found("A1", record(), ("esrgan", *other[1:])) == [], "each category has a folder of its own"


def test_one_file_name_at_two_addresses_is_found_where_no_sum_tells() -> None:
    other = ("image_generation", "B2", record(url=f"{HOST}/y.ckpt", sha256sum="FIXME"))
    (fault,) = found("A1", record(), other)
    assert fault.startswith("shared.file /config/download/0/file_name")
    assert found("A1", record(url=""), other) == []


def test_one_sum_at_two_addresses_is_found() -> None:
    other = ("image_generation", "B2", record("y.ckpt", f"{HOST}/y.ckpt", OLD.upper()))
    (fault,) = found("A1", record(), other)
    assert fault.startswith("shared.hash /config/download/0/sha256sum: 'B2' has the sum")
    unknown = ("image_generation", "B2", record("y.ckpt", f"{HOST}/y.ckpt", "FIXME"))
    assert found("A1", record(sha256sum="FIXME"), unknown) == []


def test_text_models_whose_variants_are_one_are_found() -> None:
    (fault,) = found("me/Luna-7B", {}, ("text_generation", "you/Luna-7B", {}), category="text_generation")
    assert fault == "text.variants /name: 'you/Luna-7B' has the variant 'koboldcpp/Luna-7B' too"
    assert found("me/Luna-7B", {}, ("text_generation", "you/Sol-7B", {}), category="text_generation") == []


@pytest.mark.parametrize(
    ("mine", "theirs", "how"),
    [
        ("Dreamlike Photoreal", "Dreamlike-Photoreal", "differs by separators alone from"),
        ("Deliberate", "Deliber\u0430te", "has letters that look like those of"),
        ("GuoFeng", "GuFeng", "differs by one letter from"),
        ("Deliberate", "Delibetare", None),
        ("Deliberate", "Deliberaet", "differs by one letter from"),
        ("Deliberate v2", "Deliberate v3", None),
        ("Deliberate v2", "Deliberate v", None),
        ("Deliberate a", "Deliberate b", None),
        ("ViT-L", "ViT-H", None),
        ("Deliberate", "Elysium", None),
    ],
)
def test_a_new_name_that_looks_like_another_is_found(mine: str, theirs: str, how: str | None) -> None:
    expected = [] if how is None else [f"name.confusable /name: the name {how} {theirs!r}"]
    assert found(mine, {}, ("image_generation", theirs, {})) == expected
    assert found(mine, {}, ("image_generation", theirs, {}), is_change=True) == expected
    assert found(mine, {}, ("image_generation", theirs, {}), is_change=True, before={}) == [], "it is not new"
    assert found(mine, {}, ("esrgan", theirs, {})) == []


def test_the_record_whose_place_is_taken_does_not_count() -> None:
    other = ("image_generation", "deliberate X", record("y.ckpt"))
    assert found("Deliberate-X", record(), other) != []
    assert found("Deliberate-X", record(), other, renamed_from="deliberate X") == []


def test_names_that_differ_by_letter_case_alone_are_the_business_of_another_rule() -> None:
    assert found("Deliberate", {}, ("image_generation", "deliberate", {})) == []


def test_only_so_many_others_are_looked_at() -> None:
    class Endless:
        looked = 0

        def sharing(self, mark: int) -> Iterator[Other]:
            while True:
                self.looked += 1
                yield Other("image_generation", f"B{self.looked}", record("b.ckpt"))

        def known(self, marks: Sequence[int]) -> list[int]:
            return list(marks)

    around = Endless()
    facts = Facts("image_generation", "A1", record("a.ckpt"), others=around)
    assert [problem for rule in RULES for problem in rule.check(facts)]
    assert around.looked <= MOST * (4 + len("A1") + 1)
