from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modelref_git.operations.review import Pick, review_changes
from tests.cli.shapes import with_nulls
from tests.support.calls import CHECKOUT
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OPEN_SCHEMA, OWNER, World, clip

NOTHING: dict[str, Any] = {"batch_id": None, "batch_title": None, "approved": [], "rejected": []}


@pytest.fixture
def three(world: World) -> World:
    """Three pending changes, 3 to 5."""
    for name in ("a", "b", "c"):
        world.create("clip", name, clip(name))
    return world


def statuses(world: World) -> dict[int, str]:
    items = world.run("changes").ok().json["items"]
    return {item["change_id"]: item["status"] for item in items if item["category"] != "policy"}


def walk(world: World, keys: str, *words: str, actor: str = ARTHUR) -> Any:
    """One walk with the lines *keys* on standard input."""
    return world.run("review", *words, actor=actor, stdin=keys.encode())


# --- read from a script ----------------------------------------------------------------------------------------------


def test_what_was_decided_becomes_one_batch_with_one_title(three: World) -> None:
    answer = walk(three, "a\nr\nit is doubled\na\nJune\n").ok().json
    assert list(answer) == ["batch_id", "batch_title", "approved", "rejected"]
    assert (answer["batch_id"], answer["batch_title"]) == (3, "June")
    assert [row["change_id"] for row in answer["approved"]] == [3, 5]
    assert [(row["change_id"], row["reject_reason"]) for row in answer["rejected"]] == [(4, "it is doubled")]
    assert all(with_nulls(row) for row in answer["approved"] + answer["rejected"])
    assert [event["action"] for event in three.events("--batch", "3")] == ["approve", "approve", "reject"]


def test_each_rejection_has_a_reason_of_its_own(three: World) -> None:
    answer = walk(three, "r the first\nr the second\nr the first\n\n").ok().json
    assert [row["reject_reason"] for row in answer["rejected"]] == ["the first", "the second", "the first"]
    assert answer["batch_id"] is None
    assert statuses(three) == {3: "rejected", 4: "rejected", 5: "rejected"}
    assert_clean(three.path)


def test_members_of_the_open_batch_may_leave_it_for_different_reasons_in_one_step(three: World) -> None:
    three.approve(3, 4, 5)
    four = three.create("clip", "d", clip("d"))
    reasons = {3: "one", 4: "another"}
    answer = review_changes(three.context(ARTHUR), [Pick(four)], [3, 4], title="T", reasons=reasons)
    assert [row["reject_reason"] for row in answer["rejected"]] == ["one", "another"]
    assert three.apply(answer["batch_id"]) == [5, four]
    assert_clean(three.path)


def test_what_is_skipped_or_comes_after_q_stays_as_it_is(three: World) -> None:
    answer = walk(three, "s\na\nq\n").ok().json
    assert [row["change_id"] for row in answer["approved"]] == [4]
    assert answer["batch_title"].startswith("Review of 20")
    assert statuses(three) == {3: "pending", 4: "approved", 5: "pending"}


@pytest.mark.parametrize("keys", ["", "q\n", "s\ns\ns\n", "a\nb\ns\nq\n"])
def test_a_walk_without_a_decision_changes_nothing_and_is_no_failure(three: World, keys: str) -> None:
    before = three.refs(), three.objects()
    assert walk(three, keys).ok().json == NOTHING
    assert (three.refs(), three.objects()) == before


def test_the_end_of_the_input_is_as_good_as_q(three: World) -> None:
    walk(three, "a\n").ok()
    assert statuses(three) == {3: "approved", 4: "pending", 5: "pending"}


def test_one_may_go_back_and_decide_otherwise(three: World) -> None:
    answer = walk(three, "a\nb\nr worse\nq\n").ok().json
    assert (answer["approved"], [row["change_id"] for row in answer["rejected"]]) == ([], [3])


@pytest.mark.parametrize("keys", ["x\n", "a\nabort\n", "a\nA\n", "a yes\n", "\n", "r\n\n", "r " + "x" * 501 + "\n"])
def test_a_line_that_is_no_answer_decides_nothing(three: World, keys: str) -> None:
    before = three.refs()
    answer = three.say("review", actor=ARTHUR, stdin=f"{keys}a\na\na\n".encode())
    assert (answer.code, answer.out) == (2, b"")
    assert b"nothing was decided" in answer.err
    assert three.refs() == before


@pytest.mark.parametrize("title", ["x" * 121, " "])
def test_a_title_that_is_none_is_refused_before_the_walk(three: World, title: str) -> None:
    answer = walk(three, "a\na\na\n", "--title", title)
    assert (answer.code, answer.out) == (2, b"")
    assert set(statuses(three).values()) == {"pending"}


def test_a_title_that_is_given_is_not_asked_for(three: World) -> None:
    answer = three.say("review", "--title", "given", actor=ARTHUR, stdin=b"a\na\na\n").ok()
    assert b"batch 3: given" in answer.out
    assert b"title [" not in answer.err
    assert b"next: `modelref-git apply --batch 3`" in answer.err


def test_with_json_the_walk_is_on_stderr_and_the_answer_alone_on_stdout(three: World) -> None:
    answer = walk(three, "a\nq\n")
    assert answer.json["batch_id"] == 3
    assert b"change 3 (1 of 3): create clip a" in answer.err


def test_a_dry_run_gives_the_answer_and_changes_nothing(three: World) -> None:
    before = three.refs(), three.objects()
    answer = walk(three, "a\nr no\nq\n", "--dry-run").ok().json
    assert answer["dry_run"] is True
    assert (answer["batch_id"], answer["approved"][0]["status"]) == (3, "approved")
    assert (three.refs(), three.objects()) == before


# --- what is shown ---------------------------------------------------------------------------------------------------


def screen(world: World, *words: str, keys: bytes = b"", actor: str = ARTHUR) -> str:
    return world.say("review", *words, actor=actor, stdin=keys).ok().err.decode()


def test_a_change_is_shown_with_all_that_matters_to_a_decision(world: World) -> None:
    first = world.update("clip", "ViT-L/14", {"/description": "one"})
    words = ("--set", "/config/download/0/file_url=https://models.example/x.pt", "--set", "/description=two")
    second = world.run("propose", "update", "clip", "ViT-L/14", *words, "--note", "a mirror", actor=CAROL).ok().json
    text = screen(world, str(second["change_id"]))
    assert f"change {second['change_id']} (1 of 1): update clip ViT-L/14" in text
    assert 'note: "a mirror"' in text
    assert "by carol#2" in text
    assert "critical: config.download" in text
    assert "\n! config.download[0].file_url: " in text
    assert "\n  description: " in text
    assert f"rival: change {first} (update by carol#2, pending): together they conflict at /description" in text


def test_a_record_that_moved_on_is_shown_as_the_merge_leaves_it(world: World) -> None:
    late = world.update("clip", "ViT-L/14", {"/description": "late"})
    world.apply(world.approve(world.update("clip", "ViT-L/14", {"/version": "2"})))
    text = screen(world)
    assert "description" in text
    assert "version" not in text, "the merge does not take the other edit back"
    assert world.run("review", "--title", "T", actor=ARTHUR, stdin=b"a\n").ok().json["approved"][0]["change_id"] == late
    world.apply(4)
    record = world.run("get", "clip", "ViT-L/14").ok().json
    assert (record["description"], record["version"]) == ("late", "2")


def test_a_conflict_is_shown_with_both_sides(world: World) -> None:
    world.update("clip", "ViT-L/14", {"/description": "late"})
    world.apply(world.approve(world.update("clip", "ViT-L/14", {"/description": "early"})))
    text = screen(world)
    assert "DOES NOT MERGE" in text
    assert 'ours: "early"' in text
    assert 'theirs: "late"' in text


def test_waived_rules_are_shown(world: World) -> None:
    world.create("clip", "a //b", clip("a //b"), allow=("*",))
    assert "waived: name.empty_part" in screen(world)


def test_a_long_difference_is_shown_to_its_end(world: World) -> None:
    world.update("clip", "ViT-L/14", {"/description": "x" * 20_000 + " the end"})
    assert "x" * 20_000 + " the end" in screen(world)


def test_no_text_of_a_requestor_can_steer_the_terminal(world: World) -> None:
    tricky = "\x1b[2J\u202e\r\nchange 9: create clip good"
    world.create(
        "clip", f"b{tricky}", clip(f"b{tricky}", description=tricky, homepage=tricky), note=tricky, allow=("*",)
    )
    text = screen(world, keys=b"d\nq\n")
    assert not set(text) & set("\x1b\u202e\r")
    assert "\nchange 9" not in text


def test_the_whole_record_is_shown_on_demand(three: World) -> None:
    assert '"description": "An encoder of pictures and words."' in screen(three, keys=b"d\nq\n")


def test_a_schema_that_a_change_of_the_policy_brings_is_shown(world: World, tmp_path: Any) -> None:
    (tmp_path / "s.json").write_text(json.dumps({**OPEN_SCHEMA, "required": ["secret"]}))
    world.run("category", "add", "things", "--schema", str(tmp_path / "s.json")).ok()
    text = screen(world)
    assert '+ schemas/things.schema.json.required: ["secret"]' in text
    assert "categories.things.schema" in text


def test_what_legacy_files_alone_hold_is_shown_of_an_import_that_changes_it(empty_world: World, tmp_path: Any) -> None:
    record = {"name": "a", "type": "clip", "config": {"files": [], "download": []}, "available": False}
    for available in (False, True):
        (tmp_path / "clip.json").write_text(json.dumps({"a": {**record, "available": available}}))
        more = ("--as-proposals",) if available else ()
        empty_world.run("import", str(tmp_path / "clip.json"), "--format", "legacy", *more).ok()
    assert "_legacy.fields.available: " in screen(empty_world)


# --- which changes ---------------------------------------------------------------------------------------------------


def shown_ids(world: World, *words: str, actor: str = ARTHUR) -> list[int]:
    text = world.say("review", *words, actor=actor, stdin=b"s\n" * 9).err.decode()
    return [int(line.split()[2]) for line in text.splitlines() if line.startswith("── change ")]


def test_only_what_the_approver_may_decide_on_is_walked(three: World) -> None:
    mine = three.create("clip", "mine", clip("mine"), actor=ARTHUR)
    three.run("hold", "4", "--reason", "R").ok()
    three.approve(5)
    assert shown_ids(three) == [3]
    assert shown_ids(three, actor=OWNER) == [3, mine]


def test_a_change_that_has_the_approvers_approval_is_not_shown_again(three: World) -> None:
    three.run_policy("member", "add", "bea#4", "--email", "b@people.example", "--role", "approver")
    three.run_policy("policy", "set", "approvals=2")
    walk(three, "a\nq\n").ok()
    assert shown_ids(three) == [4, 5]
    assert shown_ids(three, actor="bea#4") == [3, 4, 5]
    assert walk(three, "a\nq\n", "3", actor="bea#4").ok().json["approved"][0]["status"] == "approved"


def test_the_walk_takes_filters_and_ids(three: World) -> None:
    three.delete("gfpgan", "GFPGAN", actor=OWNER)
    assert shown_ids(three, "--category", "gfpgan") == [6]
    assert shown_ids(three, "--requested-by", OWNER) == [6]
    assert shown_ids(three, "--model", "B") == [4]
    assert shown_ids(three, "5", "3") == [5, 3]


@pytest.mark.parametrize(
    ("words", "actor", "code"),
    [
        (("99",), ARTHUR, 3),
        (("3",), ARTHUR, 7),
        (("4",), CAROL, 6),
        ((), CAROL, 6),
        (("5",), ARTHUR, 7),
        (("6",), ARTHUR, 6),
        (("x",), ARTHUR, 2),
    ],
)
def test_what_cannot_be_walked_is_refused(three: World, words: tuple[str, ...], actor: str, code: int) -> None:
    three.approve(3)
    three.run("hold", "5", "--reason", "R").ok()
    three.create("clip", "mine", clip("mine"), actor=ARTHUR)
    answer = walk(three, "a\n", *words, actor=actor)
    assert (answer.code, answer.out) == (code, b"")


def test_an_empty_queue_is_nothing_to_do(world: World) -> None:
    answer = walk(world, "")
    assert answer.ok().json == NOTHING
    assert b"no open change waits for you" in answer.err


# --- critical fields and the policy ----------------------------------------------------------------------------------


def test_critical_fields_are_looked_at_twice_where_the_policy_says_so(world: World) -> None:
    world.run_policy("policy", "set", "ack_critical=true")
    number = world.update("clip", "ViT-L/14", {"/config/download/0/sha256sum": "cd" * 32})
    assert walk(world, "a\nn\nq\n").ok().json == NOTHING
    assert walk(world, "a\n").ok().json == NOTHING
    answer = walk(world, "a\ny\n").ok().json
    assert [row["status"] for row in answer["approved"]] == ["approved"]
    assert len(world.events("--change", str(number), "--action", "approve")) == 1
    assert "Ack-Critical: yes" in world.git("log", "-1", "--format=%B", "queue")


def test_the_second_look_may_be_said_beforehand(world: World) -> None:
    world.run_policy("policy", "set", "ack_critical=true")
    world.update("clip", "ViT-L/14", {"/config/download/0/sha256sum": "cd" * 32})
    assert walk(world, "a\n", "--ack-critical").ok().json["batch_id"] is not None


def test_a_change_of_the_policy_is_decided_alone(three: World) -> None:
    number = three.run("policy", "set", "replica_max_age=5").ok().json["change_id"]
    answer = walk(three, "a\ns\ns\na\n")
    assert (answer.code, answer.out) == (2, b"")
    assert set(statuses(three).values()) == {"pending"}
    answer = walk(three, "s\nr no\ns\na\n").ok().json
    assert [row["change_id"] for row in answer["approved"]] == [number]
    assert [row["change_id"] for row in answer["rejected"]] == [4]


# --- at a terminal ---------------------------------------------------------------------------------------------------


class Terminal:
    """A walk at a real terminal: what is seen on it, and keys pressed when a prompt is there."""

    def __init__(self, world: World, *words: str, env: dict[str, str] | None = None) -> None:
        self._mine, theirs = pty.openpty()
        command = [sys.executable, "-m", "modelref_git", "-C", str(world.path), "--actor", ARTHUR, *words]
        surroundings = {**os.environ, "PYTHONPATH": str(CHECKOUT), "TERM": "xterm", **(env or {})}
        surroundings = {key: value for key, value in surroundings.items() if value}
        self._process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=surroundings,
            start_new_session=True,
            preexec_fn=_own_terminal,
        )
        os.close(theirs)
        self.seen = ""

    def wait(self, text: str) -> str:
        """Read until *text* is seen; gives what was seen since the last wait."""
        until = time.monotonic() + 20
        while text not in self.seen:
            assert time.monotonic() < until, f"{text!r} is not in {self.seen!r}"
            if select.select([self._mine], [], [], 0.2)[0]:
                self.seen += os.read(self._mine, 65536).decode()
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def press(self, keys: str) -> None:
        """Press a key where one is read."""
        # The prompt is written before the terminal is made raw, which throws away what was typed ahead.
        until = time.monotonic() + 20
        while termios.tcgetattr(self._mine)[3] & termios.ICANON:
            assert time.monotonic() < until, f"no key is read: {self.seen!r}"
            time.sleep(0.01)
        os.write(self._mine, keys.encode())

    def type(self, text: str) -> None:
        """Type where a line is read."""
        # A signal that comes between Python's last look for one and its call of read is seen after that only.
        time.sleep(0.1)
        os.write(self._mine, text.encode())

    def end(self) -> tuple[int, bytes]:
        """The exit code, and what is on stdout."""
        out, _ = self._process.communicate(timeout=20)
        return self._process.returncode, out

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.communicate()
        os.close(self._mine)


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_single_keys_decide_at_a_terminal(three: World, terminals: list[Terminal]) -> None:
    terminals.append(tty := Terminal(three, "--json", "review"))
    assert "\x1b[" in tty.wait("3 [a r s b d q ?] "), "in colour"
    tty.press("z")
    tty.wait("press one of")
    tty.press("?")
    tty.wait("skip: the change stays")
    tty.wait("3 [a r s b d q ?] ")
    tty.press("\x1b[A")  # the arrow up ends in an A, and is none
    tty.wait("press one of")
    tty.press("a")
    tty.wait("4 [a r s b d q ?] ")
    tty.press("r")
    tty.wait("reason: ")
    tty.type("worse than b\r")
    tty.wait("5 [a r s b d q ?] ")
    tty.press("q")
    tty.wait("2 decided:")
    tty.wait("title [Review of ")
    tty.type("my title\r")
    code, out = tty.end()
    answer = json.loads(out)
    assert code == 0
    assert (answer["batch_title"], [row["change_id"] for row in answer["approved"]]) == ("my title", [3])
    assert [row["reject_reason"] for row in answer["rejected"]] == ["worse than b"]
    assert statuses(three) == {3: "approved", 4: "rejected", 5: "pending"}


def test_control_c_decides_nothing_wherever_it_is_pressed(three: World, terminals: list[Terminal]) -> None:
    before = three.refs()
    for keys in (
        (("s", "4 [a r"),),
        (("a", "4 [a r"),),
        (("a", "4 [a r"), ("r", "reason: ")),
        (("a", "4 [a r"), ("q", "title [")),
    ):
        terminals.append(tty := Terminal(three, "--json", "review"))
        tty.wait("3 [a r s b d q ?] ")
        for key, prompt in keys:
            tty.press(key)
            tty.wait(prompt)
        (tty.press if "[a r" in keys[-1][1] else tty.type)("\x03")
        code, out = tty.end()
        assert (code, out) == (130, b"")
        tty.wait("nothing was decided")
    assert three.refs() == before


def test_keys_that_were_pressed_before_a_change_was_shown_do_not_count(three: World, terminals: list[Terminal]) -> None:
    terminals.append(tty := Terminal(three, "review", env={"NO_COLOR": "1"}))
    seen = tty.wait("3 [a r s b d q ?] ")
    assert "\x1b[3" not in seen, "without colour"
    tty.press("aaaa")
    tty.wait("4 [a r s b d q ?] ")
    tty.press("q")
    tty.wait("1 decided:")
    tty.wait("title [")
    tty.type("\r")
    assert tty.end()[0] == 0
    assert statuses(three) == {3: "approved", 4: "pending", 5: "pending"}


def test_what_changed_meanwhile_is_named_and_the_others_can_be_decided(three: World, terminals: list[Terminal]) -> None:
    for answer, expected in (("n", "pending"), ("y", "approved")):
        terminals.append(tty := Terminal(three, "--json", "review", "--title", "T"))
        for number in (3, 4):
            tty.wait(f"{number} [a r s b d q ?] ")
            tty.press("a")
        tty.wait("5 [a r s b d q ?] ")
        three.run("propose", "rebase", "3", "--set", f"/description=meanwhile {answer}", actor=CAROL).ok()
        tty.press("s")
        tty.wait("others changed or decided change 3")
        tty.wait("decide the others, without 3? [y n] ")
        tty.press(answer)
        code, out = tty.end()
        assert code == (0 if answer == "y" else 4)
        assert (out == b"") == (answer == "n")
        assert statuses(three) == {3: "pending", 4: expected, 5: "pending"}


def test_what_the_rules_find_is_shown(world: World) -> None:
    number = world.create("clip", "a", clip("a"))
    world.update("clip", "ViT-L/14", {"/config/download/0/file_url": "https://huggingface.co/a/b/blob/main/x.pt"})
    seen = screen(world, keys=b"s\nq\n")
    page = next(line for line in seen.splitlines() if "(address.page)" in line)
    assert page.startswith("warning: ")
    assert "/config/download/0/file_url" in page
    assert seen.index(page) > seen.index(f"change {number + 1} ")
