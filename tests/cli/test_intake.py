"""``ci intake`` and ``propose … --intake`` as commands: answers, exit codes, what authors are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.calls import Answer, call
from tests.support.clean import assert_clean
from tests.support.pushed import Outsider
from tests.support.transports import repositories
from tests.support.transports.fixtures import Transport
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

NEW = {"dataset/clip/New.json": json.dumps(clip("New")).encode()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "world.git", bare=True)


@pytest.fixture
def outsider(world: World) -> Outsider:
    return Outsider(world.path)


@pytest.fixture
def clone(world: World, tmp_path: Path) -> Path:
    """An approver's clone, in which the remote's branches count."""
    path = tmp_path / "clone"
    call("clone", f"file://{world.path}", str(path)).ok()
    return path


def intake(path: Path, *words: str, actor: str = OWNER, **more: dict[str, str]) -> Answer:
    return call("-C", str(path), "--json", "--actor", actor, "ci", "intake", *words, **more)  # type: ignore[arg-type]


def test_the_answer_lists_what_went_in_what_was_there_and_what_was_refused(world: World, outsider: Outsider) -> None:
    good = outsider.push("intake/good", outsider.commit(NEW))
    bad = outsider.push("intake/bad", outsider.commit({"dataset/clip/Bad.json": b"{", "dataset/clip/B.json": b"[]"}))
    answer = intake(world.path)
    assert answer.code == 5
    assert answer.json["admitted"] == [
        {
            "ref": "refs/heads/intake/good",
            "commit": good,
            "requested_by": "mallory#mallory@elsewhere.example",
            "change_ids": [3],
        }
    ]
    assert answer.json["already"] == []
    (row,) = answer.json["refused"]
    assert (row["ref"], row["commit"]) == ("refs/heads/intake/bad", bad)
    assert {(one["file"], one["rule"], one["path"]) for one in row["details"]} == {
        ("dataset/clip/Bad.json", "json.syntax", ""),
        ("dataset/clip/B.json", "json.object", ""),
    }
    assert answer.error["code"] == "invalid"
    assert {one["ref"] for one in answer.error["details"]} == {"refs/heads/intake/bad"}
    again = intake(world.path, "intake/good")
    assert again.code == 0
    row = {"ref": "refs/heads/intake/good", "commit": good, "change_ids": [3]}
    assert again.json == {"admitted": [], "already": [row], "refused": []}
    assert_clean(world.path)


def test_people_are_told_a_line_a_change(world: World, outsider: Outsider) -> None:
    outsider.push("intake/\u202ex", outsider.commit({**NEW, "dataset/clip/Bad.json": b"{"}))
    answer = world.say("ci", "intake")
    assert answer.code == 5
    name = '"intake/\\u202ex"'
    assert answer.out.decode() == f"{name}\tadmitted\tchange 3\tcreate clip New\n{name}\trefused\t1 fault\n"
    assert b"dataset/clip/Bad.json" in answer.err
    assert "\u202e" not in answer.err.decode()


def test_codes_of_what_makes_no_sense(world: World, outsider: Outsider) -> None:
    outsider.push("intake/x", outsider.commit(NEW))
    assert intake(world.path, actor=CAROL).code == 6
    assert intake(world.path, "intake/none").code == 3
    assert intake(world.path, "--allow", "no.such.rule").code == 2
    assert call("-C", str(world.path.parent), "ci", "intake").code == 3


def test_the_reply_and_the_summary_are_markdown_in_which_nobody_elses_text_is_markup(
    world: World, outsider: Outsider, tmp_path: Path
) -> None:
    name = "x](javascript:alert(1)) `@everyone` <img src=x> |"
    record = json.dumps({**clip(name), "config": 3, "**[*](//x)**": 1}).encode()
    path = outsider.dataset().path("clip", name)
    outsider.push("intake/x", outsider.commit({path: record, **NEW}, author="<b>@all</b> <m@x.example>"))
    reply, summary = tmp_path / "reply.md", tmp_path / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    answer = intake(world.path, "--reply", str(reply), env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert answer.code == 5
    text = reply.read_text(encoding="utf-8")
    assert summary.read_text(encoding="utf-8") == "before\n" + text
    assert "change 3: create" in text
    assert "**Refused**" in text
    for trick in ("](", "@", "<img", "<b>", "`", "|"):
        assert trick not in text


def test_a_reply_that_cannot_be_written_undoes_nothing(world: World, outsider: Outsider, tmp_path: Path) -> None:
    outsider.push("intake/x", outsider.commit(NEW))
    answer = intake(world.path, "--reply", str(tmp_path / "no" / "reply.md"))
    assert answer.code == 0
    assert b"cannot be written" in answer.err


def test_a_dry_run_says_so_and_changes_nothing(world: World, outsider: Outsider) -> None:
    outsider.push("intake/x", outsider.commit(NEW))
    before = world.refs()
    answer = intake(world.path, "--dry-run", "--delete").ok()
    assert answer.json["dry_run"] is True
    assert answer.json["admitted"][0]["change_ids"] == [3]
    assert world.refs() == before


def test_in_a_clone_the_branches_of_the_remote_are_fetched_admitted_and_taken_away(
    world: World, outsider: Outsider, clone: Path
) -> None:
    outsider.push("intake/x", outsider.commit(NEW))
    outsider.push("intake/y", outsider.commit({"dataset/clip/Bad.json": b"{"}))
    answer = intake(clone, "--delete")
    assert answer.code == 5
    assert [row["ref"] for row in answer.json["admitted"]] == ["refs/remotes/origin/intake/x"]
    refs = world.refs()
    assert "refs/heads/proposals/3" in refs
    assert "refs/heads/intake/x" not in refs
    assert "refs/heads/intake/y" in refs
    assert "refs/remotes/origin/intake/x" not in repositories.refs(clone)
    assert intake(clone).json["admitted"] == []
    world.run("approve", "3", "--title", "T", actor=ARTHUR).ok()
    assert_clean(world.path)


def test_a_branch_that_cannot_be_taken_away_is_told_and_stays(world: World, outsider: Outsider, clone: Path) -> None:
    repositories.protect(world.path, "intake/*", words="{} is kept")
    outsider.push("intake/x", outsider.commit(NEW))
    answer = intake(clone, "--delete").ok()
    assert answer.json["admitted"][0]["change_ids"] == [3]
    assert b"intake/x stays" in answer.err
    assert "refs/heads/intake/x" in world.refs()


def test_a_proposal_by_a_branch_goes_all_the_way(world: World, clone: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    repositories.git(tmp_path, "clone", "-q", "--depth", "1", "-b", "main", f"file://{world.path}", str(plain))
    for key, value in (("user.name", "mallory"), ("user.email", "mallory@elsewhere.example")):
        repositories.git(plain, "config", key, value)
    record = tmp_path / "new.json"
    record.write_text(json.dumps(clip("New")), encoding="utf-8")
    words = ("propose", "create", "clip", str(record), "--note", "why")
    assert call("-C", str(plain), *words).code == 3
    answer = call("-C", str(plain), "--json", *words, "--intake").ok()
    assert answer.json == {"intake": answer.json["intake"], "change_id": None}
    assert answer.json["intake"] in world.refs()
    repositories.git(plain, "config", "modelref.intake", "true")
    said = call("-C", str(plain), "propose", "delete", "gfpgan", "GFPGAN").ok()
    assert said.out.decode().startswith("delete gfpgan GFPGAN: branch intake/mallory/delete-gfpgan-gfpgan-")
    edited = ("propose", "update", "clip", "ViT-L/14", "--set", "/description=x", "--dry-run")
    assert call("-C", str(plain), "--json", *edited).ok().json["dry_run"] is True
    assert call("-C", str(plain), *edited, "--no-intake").code == 3
    taken = intake(clone, "--delete").ok().json
    assert sorted(number for row in taken["admitted"] for number in row["change_ids"]) == [3, 4]
    world.run("approve", "3", "4", "--title", "T", actor=ARTHUR).ok()
    world.run("apply", "--batch", "3", actor=ARTHUR)
    assert_clean(world.path)


def test_over_each_transport_a_branch_is_pushed_fetched_admitted_and_taken_away(
    world: World, transport: Transport, tmp_path: Path
) -> None:
    plain, clone = tmp_path / "plain", tmp_path / "clone"
    repositories.git(tmp_path, "clone", "-q", "--single-branch", "-b", "main", transport.url(world.path), str(plain))
    repositories.git(plain, "config", "user.email", "mallory@elsewhere.example")
    answer = call("-C", str(plain), "--json", "propose", "delete", "gfpgan", "GFPGAN", "--intake").ok().json
    call("clone", transport.url(world.path), str(clone)).ok()
    pushed = world.refs()[answer["intake"]]
    taken = intake(clone, "--delete").ok().json
    assert [row["commit"] for row in taken["admitted"]] == [pushed]
    refs = world.refs()
    assert refs["refs/heads/proposals/3"] == pushed
    assert answer["intake"] not in refs
    assert_clean(world.path)


def test_words_that_do_not_go_with_a_branch(clone: Path) -> None:
    words = ("-C", str(clone), "--actor", OWNER, "propose", "delete", "gfpgan", "GFPGAN", "--intake")
    assert call(*words, "--supersedes", "1").code == 2
    assert call(*words[:2], "--offline", *words[2:]).code == 8
    repositories.git(clone, "remote", "set-url", "origin", f"file://{clone}/nowhere")
    assert call(*words).code == 8
