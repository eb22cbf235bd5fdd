"""``note``: what it prints for people and programs, and where its text may come from."""

from __future__ import annotations

from pathlib import Path

from tests.support.world import ARTHUR, CAROL, World

NAME = "ViT-L/14"


def test_a_text_comes_from_the_line_a_file_or_standard_input(world: World, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes("größer\n".encode())
    for words, stdin in (
        (("--", "-1 is wrong"), b""),
        (("-", "--team"), b"piped\n"),
        (("--file", str(tmp_path / "text")), b""),
        (("--file", "-"), b"piped too"),
    ):
        world.run("note", "add", "clip", NAME, *words, stdin=stdin, actor=CAROL).ok()
    rows = world.run("note", "list", "clip", NAME).ok().json
    assert [(row["text"], row["team"]) for row in rows] == [
        ("-1 is wrong", False),
        ("piped", True),
        ("größer", False),
        ("piped too", False),
    ]
    refused: list[tuple[tuple[str, ...], int]] = [
        ((), 2),
        (("x", "--file", "y"), 2),
        (("--file", str(tmp_path / "none")), 3),
        (("",), 2),
        (("x" * 10_001,), 2),
    ]
    for bad, code in refused:
        assert world.run("note", "add", "clip", NAME, *bad, actor=CAROL).code == code, bad
    assert world.run("note", "add", "clip", NAME, "-", stdin=b"\xff").error["code"] == "invalid"


def test_what_people_are_shown(world: World) -> None:
    world.say("note", "add", "clip", NAME, "first\nline \x1b[31m", actor=CAROL)
    world.say("note", "add", "clip", NAME, "ours", "--team", actor=CAROL)
    said = world.say("note", "set", "clip", NAME, "2", "ours, too", actor=ARTHUR).ok()
    assert said.out.decode() == f"note 2 on clip {NAME}: set\n"
    shown = world.say("note", "list", "clip", NAME).ok().out.decode().splitlines()
    assert shown[1:3] == ["  first", "  line \\u001b[31m"]
    assert shown[4:] == ["  ours, too"]
    assert shown[3].endswith("carol#2 (for the team, edited)")
    said = world.say("note", "remove", "clip", NAME, "1", "--dry-run", actor=CAROL).ok()
    assert (said.out.decode(), said.err.decode()) == (
        f"note 1 on clip {NAME}: removed\n",
        "dry run: nothing was changed\n",
    )
    world.say("note", "remove", "clip", NAME, "1", actor=CAROL).ok()
    acts = world.say("note", "list", "clip", NAME, "--history").ok().out.decode().splitlines()
    assert [line.partition(": ")[2] for line in acts if ": " in line] == ["remove 1", "set 2", "add 2", "add 1"]
    assert world.run("note", "remove", "clip", NAME, "1", actor=CAROL).error["code"] == "not_found"
    assert world.run("note", "remove", "clip", NAME, "2", "--dry-run", actor=ARTHUR).ok().json["dry_run"] is True
