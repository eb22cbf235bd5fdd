from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from modelref_git.operations.hook import NAMES
from tests.attacks.forging import Forger
from tests.support import server as yards
from tests.support.calls import call
from tests.support.server import WAITS, offered
from tests.support.world import ARTHUR, CAROL, World

QUEUE = "refs/heads/queue"
NONE = "0" * 40


@pytest.fixture
def yard(tmp_path: Path) -> World:
    return yards.yard(tmp_path / "yard.git")


def lines_of(world: World, actor: str = ARTHUR) -> bytes:
    """What git would tell a hook of a push of one event of *actor*."""
    before = Forger(world.path).head
    after = Forger(world.path).event("hold", actor, change_ids=(WAITS,), reason="R", push=False)
    return f"{before} {after} {QUEUE}\n".encode()


def test_install_answers_what_it_wrote_and_the_second_time_nothing(yard: World) -> None:
    hooks = yard.path / "hooks"
    shutil.rmtree(hooks, ignore_errors=True)
    rows = [{"name": name, "path": str(hooks / name)} for name in NAMES]
    answer = yard.run("hook", "install", "--server", "--dry-run").ok().json
    assert answer == {"path": str(yard.path), "hooks": [{**row, "written": True} for row in rows], "dry_run": True}
    assert not hooks.exists()
    assert yard.run("hook", "install", "--server").ok().json["hooks"] == [{**row, "written": True} for row in rows]
    again = yard.run("hook", "install", "--server").ok().json
    assert again == {"path": str(yard.path), "hooks": [{**row, "written": False} for row in rows]}
    told = yard.say("hook", "install", "--server").ok().out.decode()
    assert told == "".join(f"there already: {row['path']}\n" for row in rows)


def test_install_takes_a_repository_that_is_no_dataset_yet(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "r.git")], check=True)
    call("-C", str(tmp_path / "r.git"), "hook", "install", "--server").ok()
    assert (tmp_path / "r.git" / "hooks" / "pre-receive").is_file()


def test_install_without_server_says_what_there_is(yard: World) -> None:
    answer = yard.run("hook", "install")
    assert answer.code == 2
    assert "--server" in answer.error["message"]


def test_install_leaves_a_hook_of_somebody_else(yard: World) -> None:
    path = yard.path / "hooks" / "pre-receive"
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n")
    answer = yard.run("hook", "install", "--server")
    assert answer.code == 4
    assert str(path) in answer.error["message"]
    assert path.read_text() == "#!/bin/sh\n"


def test_install_where_there_is_no_repository_or_one_of_other_ids(tmp_path: Path) -> None:
    assert call("-C", str(tmp_path), "hook", "install", "--server").code == 3
    subprocess.run(["git", "init", "-q", "--bare", "--object-format=sha256", str(tmp_path / "r.git")], check=True)
    assert call("-C", str(tmp_path / "r.git"), "hook", "install", "--server").code == 3
    assert call("-C", str(tmp_path / "r.git"), "hook", "run", "pre-receive").code == 3


def test_pre_receive_is_silent_where_nothing_is_wrong(yard: World) -> None:
    for lines in (lines_of(yard), b""):
        answer = yard.run("hook", "run", "pre-receive", actor=ARTHUR, stdin=lines)
        assert (answer.code, answer.out, answer.err) == (0, b"", b"")


def test_a_refusal_is_a_line_for_people_and_a_document_for_programs(yard: World) -> None:
    lines = lines_of(yard, CAROL)
    told = yard.say("hook", "run", "pre-receive", actor=CAROL, stdin=lines)
    assert (told.code, told.out) == (9, b"")
    first, last = told.err.decode().splitlines()
    assert first.startswith("refused by role.approver: event 11, commit ")
    assert last == "error: the push breaks 1 rule of this dataset; nothing of it was taken"
    error = yard.run("hook", "run", "pre-receive", actor=CAROL, stdin=lines).error
    assert error["code"] == "integrity"
    (row,) = error["details"]
    assert (row["rule"], row["event_id"], row["change_id"]) == ("role.approver", 11, WAITS)
    assert row["commit"] == lines.split()[1].decode()
    assert row["message"]
    assert row["text"]
    assert row["next"]


def test_what_is_pushed_plays_no_tricks_with_a_terminal(yard: World) -> None:
    lines = f"{NONE} {Forger(yard.path).main} refs/heads/\x1b[2Jx\n".encode()
    told = yard.say("hook", "run", "pre-receive", actor=ARTHUR, stdin=lines)
    assert told.code == 9
    assert b"\x1b" not in told.err


@pytest.mark.parametrize("lines", [b"\n\n", b"hello\n", b"\xff\xfe\n", b"1 2 3\n", b"0" * 40 + b"\n"])
def test_what_git_would_not_say_is_refused(lines: bytes, yard: World) -> None:
    answer = yard.run("hook", "run", "pre-receive", stdin=lines)
    assert answer.code == 9
    assert "old new ref" in answer.error["message"]


def test_git_says_which_repository_it_is_and_no_other_setting_does(yard: World, tmp_path: Path) -> None:
    lines = lines_of(yard)
    for folder in (str(tmp_path), None):
        where = ["-C", folder] if folder is not None else []
        env = {"GIT_DIR": str(yard.path), "MODELREF_REPO": str(tmp_path), "MODELREF_ACTOR": "2"}
        answer = call(*where, "--json", "hook", "run", "pre-receive", stdin=lines, env=env)
        assert [row["rule"] for row in answer.error["details"]] == ["hook.actor"]


def test_a_ref_of_any_letters_is_one_ref(yard: World) -> None:
    main = Forger(yard.path).main
    ref = f"refs/heads/intake/x\u2028{NONE} {main} refs/heads/y".replace(" ", "_")
    lines = f"{NONE} {main} {ref}\n".encode()
    yard.run("hook", "run", "pre-receive", stdin=lines).ok()
    yard.run("hook", "run", "pre-receive", stdin=lines.replace(b"\xe2\x80\xa8", b"\xff")).ok()


def test_who_pushes_is_told_by_the_server(yard: World) -> None:
    lines = lines_of(yard)
    words = ("-C", str(yard.path), "hook", "run", "pre-receive")
    for env, code in (
        ({}, 9),
        ({"MODELREF_ACTOR": "3"}, 0),
        ({"REMOTE_USER": "arthur@people.example"}, 0),
        ({"REMOTE_USER": "2"}, 9),
        ({"MODELREF_ACTOR": "", "REMOTE_USER": "3"}, 0),
        ({"MODELREF_ACTOR": "2", "REMOTE_USER": "3"}, 9),
    ):
        assert call(*words, stdin=lines, env=env).code == code, env


@pytest.mark.parametrize(("value", "code"), [("true", 0), ("YES", 0), ("1", 0), ("false", 9), ("", 9)])
def test_claims_are_believed_where_the_server_says_so(value: str, code: int, yard: World) -> None:
    lines = lines_of(yard)
    yard.git("config", "modelref.trustClaims", value)
    assert yard.run("hook", "run", "pre-receive", actor=None, stdin=lines).code == code


def test_post_receive_brings_the_branches_to_where_the_log_says(yard: World) -> None:
    moves = {move.ref: move.new for move in offered(yard.path, lambda: yard.apply(yards.BATCH))}
    yard.git("update-ref", QUEUE, moves[QUEUE] or "")
    answer = yard.run("hook", "run", "post-receive", stdin=b"")
    assert (answer.code, answer.out, answer.err) == (0, b"", b"")
    assert yard.refs()["refs/heads/main"] == moves["refs/heads/main"]
    assert f"refs/heads/proposals/{yards.JOINS}" not in yard.refs()


def test_post_receive_that_cannot_do_it_warns_and_fails_nobody(yard: World) -> None:
    moves = {move.ref: move.new for move in offered(yard.path, lambda: yard.apply(yards.BATCH))}
    yard.git("update-ref", QUEUE, moves[QUEUE] or "")
    shutil.rmtree(yard.path / "modelref")
    (yard.path / "modelref").write_text("in the way")
    answer = yard.say("hook", "run", "post-receive")
    assert answer.code == 0
    assert answer.err.startswith(b"warning: the push was taken, but the branches could not follow")


def test_there_is_no_other_hook(yard: World) -> None:
    assert yard.run("hook", "run", "update").code == 2
