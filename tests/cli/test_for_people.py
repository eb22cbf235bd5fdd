"""What people read: every command says the thing, and nothing in a text of somebody's reaches the terminal raw."""

from __future__ import annotations

import pytest

from tests.support.world import ARTHUR, CAROL, World, clip

NASTY = "\x1b[31mred\x07\r\n\u202eevil"


@pytest.fixture
def nasty(world: World) -> World:
    """Changes 3 (applied), 4 (rejected), 5 (pending) whose every text is nasty; the record is live and was edited."""
    record = clip(NASTY, description=NASTY)
    world.apply(world.approve(world.create("clip", NASTY, record, note=NASTY, allow=("*",)), title=NASTY), job_id=NASTY)
    refused = world.update("clip", NASTY, {"/description": NASTY + "!"})
    world.run("reject", str(refused), "--reason", NASTY, "--title", NASTY, actor=ARTHUR).ok()
    world.update("clip", NASTY, {"/description": NASTY + "?", f"/{NASTY}": [NASTY]})
    return world


@pytest.mark.parametrize(
    "words",
    [
        ("categories",),
        ("ls", "clip"),
        ("get", "clip"),
        ("get", "clip", NASTY),
        ("get", "clip", NASTY + "?"),
        ("search",),
        ("search", "clip", "--sort-by", NASTY),
        ("search", "clip", "--where", NASTY),
        ("search", NASTY),
        ("log", "clip", NASTY),
        ("log", "clip", NASTY + "?"),
        ("diff-revs", "main~1", "main"),
        ("changes",),
        ("show", "3"),
        ("show", "4"),
        ("diff", "5"),
        ("diff", "3", "4", "5"),
        ("audit", "events"),
        ("audit", "events", "--batch", "3"),
        ("propose", "delete", "clip", NASTY),
        ("propose", "update", "clip", NASTY, "--set", "/description=other"),
        ("propose", "create", "clip", "--name", NASTY, "--set", "/description=x"),
        ("propose", "create", NASTY, "--name", "x", "--set", "/description=x"),
        ("approve", "5", "--title", NASTY),
        ("reject", "5", "--reason", NASTY),
        ("apply", "--batch", "3"),
        ("apply", "5", "--job-id", NASTY),
        ("export", "out", "--category", NASTY),
        ("ls", "clip", "--at", NASTY),
        ("import", NASTY),
        (NASTY,),
        ("show", NASTY),
    ],
)
def test_nothing_reaches_the_terminal_raw(nasty: World, words: tuple[str, ...]) -> None:
    answer = nasty.say(*words)
    assert answer.code in range(9)
    assert answer.out or answer.err
    for raw in (b"\x1b", b"\x07", b"\r", "\u202e".encode()):
        if words[0] not in ("get", "show") or answer.code:
            assert raw not in answer.out + answer.err
        elif raw != "\u202e".encode():
            assert raw not in answer.out, "JSON escapes control characters"


def test_every_line_of_a_table_is_one_change(nasty: World) -> None:
    assert len(nasty.say("changes").ok().out.splitlines()) == 5
    assert len(nasty.say("audit", "events").ok().out.splitlines()) == len(nasty.events())


def test_the_difference_is_shown_down_to_the_members_of_lists(world: World) -> None:
    edits = {"/config/download/0/sha256sum": "cd" * 32, "/config/download/0/file_name": "n.pt"}
    change = world.update("clip", "ViT-L/14", edits)
    text = world.say("diff", str(change)).ok().out.decode()
    assert "config.download[0].sha256sum" in text
    assert "cd" * 32 in text
    assert "critical" in text
    assert "metadata" not in text, "stamps are no part of what somebody asks for"


def test_the_next_step_is_told(world: World) -> None:
    proposed = world.say("propose", "delete", "clip", "ViT-L/14", actor=CAROL).ok()
    assert b"modelref-git diff 3" in proposed.err
    assert b"modelref-git approve 3 --title" in proposed.err
    approved = world.say("approve", "3", "--title", "T", actor=ARTHUR).ok()
    assert b"modelref-git apply --batch 3" in approved.err
    assert (
        world.say("apply", "--batch", "3", actor=ARTHUR).ok().out
        == b"change 3: delete clip ViT-L/14: applied (batch 3)\n"
    )
    assert world.say("apply", "--batch", "3", actor=ARTHUR).ok().out == b"nothing was left to apply\n"


def test_more_pages_are_told(world: World) -> None:
    for name in "abc":
        world.create("clip", name, clip(name))
    answer = world.say("changes", "--limit", "2").ok()
    assert len(answer.out.splitlines()) == 2
    assert b"--offset 2" in answer.err


def test_log_names_the_people(world: World) -> None:
    world.apply(world.approve(world.update("clip", "ViT-L/14", {"/description": "x"})))
    text = world.say("log", "clip", "ViT-L/14").ok().out.decode()
    for word in ("carol#2", "arthur#3", "change 3, batch 3", "/description", "administrative", "olivia#1"):
        assert word in text
