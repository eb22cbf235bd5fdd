from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.calls import CHECKOUT
from tests.support.receiver import Receiver
from tests.support.webhooks import propose, webhook
from tests.support.world import CAROL, World

URL = "https://receiver.example/hook?token=hidden"


def test_add_prints_the_secret_alone_and_tells_the_rest(empty_world: World) -> None:
    answer = empty_world.say("webhook", "add", URL, "--event", "apply", "--event", "approve").ok()
    assert answer.out.startswith(b"whsec_")
    assert len(answer.out.split()) == 1
    assert b"tells https://receiver.example/hook?" in answer.err
    made = empty_world.run("webhook", "add", URL).ok().json
    assert list(made) == ["webhook_id", "url", "events", "secret"]
    rows = empty_world.run("webhook", "list").ok().json
    assert [row["events"] for row in rows] == [["approve", "apply"], []]
    listed = empty_world.say("webhook", "list").ok().out
    assert b"approve apply" in listed
    assert not any(b"hidden" in text or b"whsec" in text for text in (listed, answer.err))
    assert empty_world.say("webhook", "remove", made["webhook_id"]).ok().out.startswith(b"removed the webhook")
    assert len(empty_world.run("webhook", "list").ok().json) == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "http://127.0.0.1/"), 2),
        (("add", "nothing"), 2),
        (("add", URL, "--event", "create"), 2),
        (("add", URL, "--from", "0"), 2),
        (("add", URL, "--from", "999"), 3),
        (("remove", "nothing"), 3),
        (("resume", "nothing"), 3),
        (("test", "nothing"), 3),
        (("deliver", "--watch", "--dry-run"), 2),
    ],
)
def test_what_makes_no_sense_is_refused(empty_world: World, words: tuple[str, ...], code: int) -> None:
    answer = empty_world.run("webhook", *words)
    assert (answer.code, answer.out) == (code, b"")


def test_a_dry_run_answers_without_a_secret(empty_world: World) -> None:
    answer = empty_world.run("webhook", "add", URL, "--dry-run").ok().json
    assert (answer["secret"], answer["webhook_id"], answer["dry_run"]) == (None, None, True)
    assert empty_world.run("webhook", "list").ok().json == []


def test_deliver_sends_what_waits_once(empty_world: World, receiver: Receiver) -> None:
    made = empty_world.run("webhook", "add", receiver.url(), "--allow-private").ok().json
    assert empty_world.run("webhook", "test", made["webhook_id"]).ok().json["status"] == 200
    empty_world.add_category("thing")
    waiting = empty_world.run("webhook", "deliver", "--dry-run").ok().json
    assert (waiting["waiting"], waiting["delivered"]) == (3, 0)
    answer = empty_world.run("webhook", "deliver", actor=None).ok().json
    assert (answer["waiting"], answer["delivered"]) == (0, 3)
    assert all(told.is_signed_with(made["secret"]) for told in receiver.told)
    receiver.close()
    propose(empty_world, "one")
    failed = empty_world.say("webhook", "deliver", actor=None).ok()
    assert b"is tried again" in failed.err
    assert failed.out.split(b"\t")[-1] == b"failing\n"
    resumed = empty_world.say("webhook", "resume", made["webhook_id"]).ok()
    assert resumed.out == f"{made['webhook_id']}\tactive\t1 waiting\n".encode()


@pytest.mark.long
def test_watch_delivers_until_it_is_terminated_or_interrupted(empty_world: World, receiver: Receiver) -> None:
    made = empty_world.run("webhook", "add", receiver.url(), "--allow-private").ok().json
    empty_world.add_category("thing")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))}
    for number, word in enumerate((signal.SIGTERM, signal.SIGINT)):
        words = ["-C", str(empty_world.path), "webhook", "deliver", "--watch"]
        with subprocess.Popen([sys.executable, "-m", "modelref_git", *words], env=env) as running:
            try:
                propose(empty_world, f"n{number}")
                receiver.wait_for(4 + number)
            finally:
                running.send_signal(word)
            assert running.wait(10) == 0
    last = empty_world.context().view().queue.header.last_event_id
    assert receiver.taken[-2:] == [last - 1, last]
    assert webhook(empty_world, made["webhook_id"]).cursor.event_id == last


def test_watch_needs_a_dataset_repository(tmp_path: Path) -> None:
    World(tmp_path).git("init", "-q")
    assert World(tmp_path).run("webhook", "deliver", "--watch", actor=CAROL).code == 3
