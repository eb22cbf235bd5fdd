"""The rules of good data at propose and approve: severities, exceptions, waivers, the dataset around a record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import Invalid
from modelref_git.proposals.config import DatasetConfig
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, World, clip

SHARED = "https://host.example/shared.pt"


def using(name: str, file_name: str, url: str = SHARED, digit: str = "1") -> dict[str, Any]:
    download = {"file_name": file_name, "file_url": url, "sha256sum": f"{digit}a" * 32}
    return clip(name, config={"download": [download]})


def strict(world: World, *rules: str) -> None:
    """Make the dataset refuse what breaks the *rules*."""
    for rule in rules:
        world.rewrite_config(b"[rules]\n", f'[rules]\n"{rule}" = "error"\n'.encode())
        assert world.context().view().dataset().config.rules[rule] == "error"


def excepted(world: World, *tables: tuple[str, str, str]) -> None:
    text = "".join(
        f'[[exceptions]]\nrule = "{rule}"\ncategory = "{category}"\nname = "{name}"\nreason = "known"\n\n'
        for rule, category, name in tables
    )
    world.rewrite_config(b"[rules]\n", text.encode() + b"[rules]\n")


@pytest.fixture
def shared(world: World) -> World:
    """A world in which the record ``one`` has the shared address."""
    world.apply(world.approve(world.create("clip", "one", using("one", "one.pt"))))
    world.warnings.clear()
    return world


def test_a_new_record_is_judged_beside_the_dataset(shared: World) -> None:
    shared.create("clip", "two", using("two", "two.pt", digit="2"))
    assert [text for text in shared.warnings if "(shared.address)" in text]
    assert "'one'" in "".join(shared.warnings)


def test_a_severity_of_error_refuses_and_can_be_waived(shared: World) -> None:
    strict(shared, "shared.address")
    refs = shared.refs()
    with pytest.raises(Invalid) as caught:
        shared.create("clip", "two", using("two", "two.pt", digit="2"))
    assert [row["rule"] for row in caught.value.details] == ["shared.address"]
    assert "--allow shared.address" in (caught.value.hint or "")
    assert shared.refs() == refs
    number = shared.create("clip", "two", using("two", "two.pt", digit="2"), allow=("shared.address",))
    change = shared.context().view().queue.change(number)
    assert change is not None
    assert change.waived == ("shared.address",)


@pytest.mark.parametrize("severity", ["off", "hint"])
def test_what_is_off_or_a_hint_is_not_told_at_propose(shared: World, severity: str) -> None:
    shared.rewrite_config(b"[rules]\n", f'[rules]\n"shared.address" = "{severity}"\n'.encode())
    shared.create("clip", "two", using("two", "two.pt", digit="2"))
    assert not shared.warnings


def test_an_exception_silences_one_rule_about_one_record(shared: World) -> None:
    strict(shared, "shared.address")
    excepted(shared, ("shared.address", "clip", "two"), ("shared.file", "clip", "three"))
    shared.create("clip", "two", using("two", "two.pt", digit="2"))
    with pytest.raises(Invalid, match="shared"):
        shared.create("clip", "three", using("three", "three.pt", digit="3"))


def test_an_edit_elsewhere_is_not_held_up_by_a_fault_that_was_there(shared: World) -> None:
    shared.apply(shared.approve(shared.create("clip", "two", using("two", "two.pt", digit="2"))))
    strict(shared, "shared.address", "address.page")
    shared.warnings.clear()
    shared.update("clip", "two", {"/description": "Another text."})
    assert not shared.warnings
    with pytest.raises(Invalid):
        shared.update("clip", "two", {"/config/download/0/file_url": "https://huggingface.co/a/b/blob/main/two.pt"})


def test_a_bulk_judges_each_line_beside_those_before_it(world: World, tmp_path: Path) -> None:
    strict(world, "shared.address")
    rows = [
        {"operation": "create", "category": "clip", "payload": using("one", "one.pt")},
        {"operation": "create", "category": "clip", "payload": using("two", "two.pt", digit="2")},
        {
            "operation": "create",
            "category": "clip",
            "payload": using("three", "three.pt", "https://host.example/3.pt", "3"),
        },
    ]
    source = tmp_path / "bulk.jsonl"
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    answer = world.run("propose", "bulk", str(source), actor=CAROL)
    assert answer.code == 5
    assert [(error["line"], error["details"][0]["rule"]) for error in answer.json["errors"]] == [(2, "shared.address")]
    assert len(answer.json["change_ids"]) == 2


def test_an_address_whose_record_leaves_in_the_same_bulk_is_free(shared: World, tmp_path: Path) -> None:
    strict(shared, "shared.address")
    rows = [
        {"operation": "delete", "category": "clip", "model_name": "one"},
        {"operation": "create", "category": "clip", "payload": using("two", "two.pt", digit="2")},
    ]
    source = tmp_path / "bulk.jsonl"
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    shared.run("propose", "bulk", str(source), actor=CAROL).ok()


def test_an_old_fault_of_a_name_needs_no_waiver_and_the_history_verifies(world: World) -> None:
    world.apply(world.approve(world.create("clip", "x ", clip("x "), allow=("name.whitespace",))))
    world.apply(world.approve(world.update("clip", "x ", {"/description": "Another text."})))
    assert_clean(world.path)


def test_an_exception_of_a_name_needs_no_waiver_and_the_history_verifies(world: World) -> None:
    excepted(world, ("name.whitespace", "clip", "y "))
    settled = world.git("rev-parse", "queue").strip()
    world.apply(world.approve(world.create("clip", "y ", clip("y "))))
    assert world.run("verify", "--from", settled).ok().json["ok"]


# --- approve ---------------------------------------------------------------------------------------------------------


def test_what_became_a_fault_since_it_was_proposed_is_told_to_the_approver(world: World) -> None:
    first = world.create("clip", "one", using("one", "one.pt"))
    second = world.create("clip", "two", using("two", "two.pt", digit="2"))
    world.apply(world.approve(first))
    world.warnings.clear()
    world.approve(second)
    assert [text for text in world.warnings if text.startswith(f"change {second}: ") and "(shared.address)" in text]


def test_what_became_a_fault_of_severity_error_is_refused_until_it_is_waived_or_mended(world: World) -> None:
    strict(world, "shared.address")
    first = world.create("clip", "one", using("one", "one.pt"))
    second = world.create("clip", "two", using("two", "two.pt", digit="2"))
    world.apply(world.approve(first))
    refs = world.refs()
    refused = world.run("approve", str(second), "--title", "t", actor=ARTHUR)
    assert (refused.code, refused.error["details"][0]["rule"]) == (5, "shared.address")
    assert refused.error["details"][0]["change_id"] == second
    assert f"propose rebase {second}" in refused.error["message"]
    assert world.refs() == refs
    world.run("propose", "rebase", str(second), "--allow", "shared.address", actor=CAROL).ok()
    told = world.say("approve", str(second), "--title", "t", actor=ARTHUR).ok().err.decode()
    assert "shared.address" in told


def test_two_that_are_approved_together_are_judged_beside_each_other(world: World) -> None:
    strict(world, "shared.address")
    first = world.create("clip", "one", using("one", "one.pt"))
    second = world.create("clip", "two", using("two", "two.pt", digit="2"))
    with pytest.raises(Invalid):
        world.approve(first, second)
    world.approve(first)
    with pytest.raises(Invalid) as caught:
        world.approve(second)
    assert [row["change_id"] for row in caught.value.details] == [second]


def test_a_rename_approved_with_the_delete_of_the_old_name_is_no_duplicate(shared: World) -> None:
    strict(shared, "shared.address")
    gone = shared.delete("clip", "one")
    come = shared.create("clip", "two", using("two", "two.pt", digit="2"), allow=("shared.address",))
    shared.warnings.clear()
    shared.approve(gone, come)
    assert not [text for text in shared.warnings if "shared" in text]


def test_only_the_requestor_waives_a_rule_later(world: World) -> None:
    number = world.create("clip", "one", using("one", "one.pt"))
    assert world.run("propose", "rebase", str(number), "--allow", "shared.address", actor=ARTHUR).code == 6
    unknown = world.run("propose", "rebase", str(number), "--allow", "no.such_rule", actor=CAROL)
    assert (unknown.code, "no.such_rule" in unknown.error["message"]) == (2, True)


# --- the configuration -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ('rule = "a"\ncategory = "c"\nname = "n"\n', "/exceptions/0/reason"),
        ('rule = "a"\ncategory = "c"\nname = 3\nreason = "r"\n', "/exceptions/0/name"),
        ('rule = "a"\ncategory = "c"\nname = "n"\nreason = " "\n', "/exceptions/0/reason"),
        ('rule = "a"\ncategory = "c"\nname = "n"\nreason = "r"\nmore = 1\n', "/exceptions/0/more"),
    ],
)
def test_an_exception_says_rule_record_and_reason_and_nothing_else(table: str, place: str) -> None:
    with pytest.raises(Invalid) as caught:
        DatasetConfig.parse(f"format = 1\n[[exceptions]]\n{table}".encode())
    assert [row["path"] for row in caught.value.details] == [place]


def test_exceptions_are_tables() -> None:
    with pytest.raises(Invalid, match="tables"):
        DatasetConfig.parse(b"format = 1\nexceptions = 3\n")
