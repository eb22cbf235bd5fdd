from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.world import ARTHUR, CAROL, OPEN_SCHEMA, OWNER, World, clip

VOLATILE = {"requested_at", "updated_at", "approved_at", "rejected_at", "applied_at", "created_at", "main", "queue"}


def timeless(value: Any) -> Any:
    """*value* without times, and without the ids of commits, which hold times."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in VOLATILE}
    return [timeless(item) for item in value] if isinstance(value, list) else value


@pytest.fixture
def busy(world: World) -> World:
    """Change 3 is approved in batch 3, changes 4 and 5 are pending."""
    world.create("clip", "a", clip("a"))
    world.create("clip", "b", clip("b"))
    world.create("clip", "c", clip("c"))
    world.approve(3)
    return world


BULK = json.dumps({"operation": "create", "category": "clip", "payload": clip("d")}).encode() + b"\n"

STEPS = {
    "create": (("propose", "create", "clip", "-"), CAROL, json.dumps(clip("d")).encode()),
    "update": (("propose", "update", "clip", "ViT-L/14", "--set", "/description=x"), CAROL, b""),
    "delete": (("propose", "delete", "clip", "ViT-L/14"), CAROL, b""),
    "bulk": (("propose", "bulk", "-"), CAROL, BULK),
    "approve": (("approve", "4", "--title", "T"), ARTHUR, b""),
    "approve and reject": (("approve", "4", "--title", "T", "--reject", "5", "--reason", "R"), ARTHUR, b""),
    "reject": (("reject", "5", "--reason", "R"), ARTHUR, b""),
    "reject an approved one": (("reject", "3", "--reason", "R"), ARTHUR, b""),
    "apply": (("apply", "--batch", "3"), ARTHUR, b""),
    "apply by ids": (("apply", "3", "--job-id", "J"), ARTHUR, b""),
    "member": (("member", "add", "dora#4", "--email", "d@people.example"), OWNER, b""),
    "category": (("category", "add", "voices", "--schema"), OWNER, b""),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_dry_run_gives_the_same_answer_and_changes_no_ref_and_no_object(
    busy: World, step: str, tmp_path: Path
) -> None:
    words, actor, stdin = STEPS[step]
    if words[-1] == "--schema":
        (tmp_path / "s.json").write_text(json.dumps(OPEN_SCHEMA))
        words = (*words, str(tmp_path / "s.json"))
    refs, objects = busy.refs(), busy.objects()
    dry = busy.run(*words, "--dry-run", actor=actor, stdin=stdin).ok().json
    assert dry.pop("dry_run") is True
    assert (busy.refs(), busy.objects()) == (refs, objects)
    assert busy.git("status", "--porcelain") == ""
    real = busy.run(*words, actor=actor, stdin=stdin).ok().json
    assert "dry_run" not in real
    assert timeless(dry) == timeless(real)
    assert list(dry) == list(real)
    assert busy.refs() != refs


@pytest.mark.parametrize(
    ("words", "actor", "code"),
    [
        (("propose", "delete", "clip", "nothing"), CAROL, 3),
        (("propose", "create", "clip", "--set", "/name=ViT-L~114"), CAROL, 0),
        (("propose", "create", "clip", "--name", "ViT-L/14", "--set", "/description=x"), CAROL, 4),
        (("propose", "delete", "clip", "ViT-L/14"), "9", 6),
        (("approve", "3", "--title", "T"), ARTHUR, 7),
        (("approve", "4", "--title", "T"), CAROL, 6),
        (("apply", "4"), ARTHUR, 7),
        (("apply", "--batch", "9"), ARTHUR, 3),
        (("member", "add", "carol#2", "--email", "d@people.example"), OWNER, 4),
    ],
)
def test_a_dry_run_has_the_exit_code_that_the_real_one_would_have(
    busy: World, words: tuple[str, ...], actor: str, code: int
) -> None:
    refs = busy.refs()
    dry = busy.run(*words, "--dry-run", actor=actor)
    assert busy.refs() == refs
    real = busy.run(*words, actor=actor)
    assert (dry.code, real.code) == (code, code)
    if code:
        assert dry.out == b""
        assert dry.error == real.error


def test_a_dry_run_says_so_to_people(busy: World) -> None:
    answer = busy.say("apply", "--batch", "3", "--dry-run", actor=ARTHUR).ok()
    assert b"dry run" in answer.err


def test_a_dry_run_works_where_nothing_may_be_written(busy: World) -> None:
    lock = busy.path / ".git" / "modelref"
    before = {path: path.stat().st_mtime_ns for path in lock.rglob("*")}
    busy.run("propose", "delete", "clip", "ViT-L/14", "--dry-run", actor=CAROL).ok()
    assert {path: path.stat().st_mtime_ns for path in lock.rglob("*")} == before
