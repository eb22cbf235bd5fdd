from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import Busy, NotFound
from modelref_git.fetch import post as posting
from modelref_git.operations.context import Context
from modelref_git.operations.webhooks import deliver as delivering
from modelref_git.operations.webhooks import message
from modelref_git.operations.webhooks.deliver import deliver, deliver_once
from modelref_git.operations.webhooks.registry import DELIVERING, Cursor, Registry
from modelref_git.store import layout
from modelref_git.store.lock import writer_lock
from tests.support.clones import server_and_clones
from tests.support.files_server import Mood
from tests.support.receiver import Receiver
from tests.support.upstream import taken_over, two_changes
from tests.support.webhooks import add, propose, propose_at_once, run, webhook
from tests.support.world import ARTHUR, World, clip

pytestmark = pytest.mark.usefixtures("no_syncing")


@pytest.fixture
def world(empty_world: World) -> World:
    empty_world.add_category("thing")
    return empty_world


def last_event(world: World) -> int:
    return world.context().view().queue.header.last_event_id


@contextmanager
def delivery(*worlds: World, poll: float = 0.02) -> Iterator[list[str]]:
    """Threads that deliver, one for each of *worlds*, as the workers of a service do; gives what they tell."""
    stop, said = threading.Event(), list[str]()
    threads = [
        threading.Thread(
            target=deliver,
            args=(lambda world=world: world.context(None), stop),
            kwargs={"poll": poll, "tell": said.append},
        )
        for world in worlds
    ]
    for thread in threads:
        thread.start()
    try:
        yield said
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in threads)


# --- what is told ---


def test_every_event_from_then_on_is_told_in_order_and_signed(world: World, receiver: Receiver) -> None:
    hook = add(world, receiver.url("/hook?token=1"))
    assert run(world) == ({"delivered": 0, "waiting": 0, "webhooks": [row(hook.webhook_id)]}, [])
    assert receiver.told == [], "what was before is not told"
    start = last_event(world)
    one, two = propose(world, "one", "two")
    world.apply(world.approve(one, two))
    answer, said = run(world)
    assert (answer["delivered"], answer["webhooks"], said) == (6, [row(hook.webhook_id, delivered=6)], [])
    assert receiver.taken == list(range(start + 1, start + 7))
    assert all(told.is_signed_with(hook.secret) and told.path == "/hook?token=1" for told in receiver.told)
    assert len({told.id for told in receiver.told}) == len(receiver.told) == 4
    kept = webhook(world, hook.webhook_id)
    assert kept.cursor == Cursor(start + 6, world.context().view().head)
    assert kept.last_success == world.clock.now
    assert run(world)[0]["delivered"] == 0
    assert len(receiver.told) == 4


def row(webhook_id: str, *, delivered: int = 0, waiting: int = 0, status: str = "active") -> dict[str, Any]:
    return {"webhook_id": webhook_id, "delivered": delivered, "waiting": waiting, "status": status}


def test_a_receiver_is_told_of_the_actions_alone_that_it_wants(world: World, receiver: Receiver) -> None:
    hook = add(world, receiver.url(), events=("apply", "reject"))
    one, two = propose(world, "one", "two")
    world.apply(world.approve(one))
    world.run("reject", str(two), "--reason", "no", actor=ARTHUR).ok()
    assert run(world)[0]["delivered"] == 2
    assert [told.json["data"]["action"] for told in receiver.told] == ["apply", "reject"]
    assert webhook(world, hook.webhook_id).cursor.event_id == last_event(world)


def test_what_nobody_wants_to_hear_of_moves_the_cursor_at_times(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "SKIPS_NOTED", 3)
    hook = add(world, receiver.url(), events=("purge",))
    propose(world, "one", "two")
    run(world)
    assert webhook(world, hook.webhook_id) == hook
    propose(world, "three")
    run(world)
    assert webhook(world, hook.webhook_id).cursor == Cursor(last_event(world), world.context().view().head)
    assert receiver.told == []


def test_a_bulk_comes_in_parts_and_goes_on_in_the_middle(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message, "MOST_EVENTS", 2)
    hook = add(world, receiver.url())
    propose_at_once(world, 5)
    receiver.moods = [Mood(status=200), Mood(status=500)]
    assert run(world)[0]["webhooks"] == [row(hook.webhook_id, delivered=2, waiting=3, status="failing")]
    world.clock.tick(5)
    run(world)
    last = last_event(world)
    assert receiver.taken == list(range(last - 4, last + 1))
    assert [told.id for told in receiver.told][1] == receiver.told[2].id


def test_a_dry_run_sends_nothing_and_tells_how_much_waits(world: World, receiver: Receiver) -> None:
    hook = add(world, receiver.url())
    propose(world, "one")
    answer, _ = run(world, world.context(dry_run=True))
    assert answer == {"delivered": 0, "waiting": 1, "webhooks": [row(hook.webhook_id, waiting=1)]}
    assert (receiver.told, webhook(world, hook.webhook_id)) == ([], hook)


# --- what fails ---


@pytest.mark.parametrize(
    ("mood", "error"),
    [
        (Mood(status=500), "it answers 500: busy [31m now"),
        (Mood(status=302), "it answers 302"),
        (Mood(status=404), "it answers 404"),
        (Mood(cut_after=0), "broke off"),
    ],
)
def test_what_fails_is_sent_again_with_the_same_id_and_body(
    world: World, receiver: Receiver, mood: Mood, error: str
) -> None:
    hook = add(world, receiver.url("/hook?token=hidden"))
    propose(world, "one", "two")
    receiver.moods, receiver.location = [mood], receiver.url("/elsewhere")
    answer, (said,) = run(world)
    assert (answer["delivered"], answer["waiting"]) == (0, 2)
    assert error in said
    assert "hidden" not in said
    failed = webhook(world, hook.webhook_id)
    assert (failed.failures, failed.cursor, failed.failing_since) == (1, hook.cursor, world.clock.now)
    assert failed.last_error is not None
    assert error in failed.last_error.message
    assert run(world) == ({**answer}, []), "its time has not come"
    assert len(receiver.told) == 1
    world.clock.tick(5)
    answer, said_then = run(world)
    assert (answer["delivered"], said_then) == (2, [f"webhook {hook.webhook_id} takes what it is sent again"])
    first, again, _ = receiver.told
    assert (first.id, first.body, first.path) == (again.id, again.body, again.path)
    assert first.headers["webhook-timestamp"] != again.headers["webhook-timestamp"]
    assert again.is_signed_with(hook.secret)
    assert webhook(world, hook.webhook_id).status == "active"


def test_one_that_fails_holds_up_no_other(world: World, receiver: Receiver) -> None:
    bad, good = add(world, "http://127.0.0.1:1/"), add(world, receiver.url())
    propose(world, "one", "two")
    answer, _ = run(world)
    assert answer["webhooks"] == [
        row(bad.webhook_id, waiting=2, status="failing"),
        row(good.webhook_id, delivered=2),
    ]


def test_the_wait_that_a_receiver_asks_for_is_kept(world: World, receiver: Receiver) -> None:
    hook = add(world, receiver.url())
    propose(world, "one")
    receiver.moods = [Mood(status=429, retry_after="600")]
    run(world)
    assert webhook(world, hook.webhook_id).next_try == world.clock.now + 600
    world.clock.tick(599)
    run(world)
    assert len(receiver.told) == 1
    world.clock.tick()
    assert run(world)[0]["delivered"] == 1


def test_who_is_gone_is_paused_and_what_it_misses_waits(world: World, receiver: Receiver) -> None:
    hook = add(world, receiver.url())
    propose(world, "one")
    receiver.moods = [Mood(status=410)]
    answer, (said,) = run(world)
    assert answer["webhooks"] == [row(hook.webhook_id, waiting=1, status="paused")]
    assert f"webhook resume {hook.webhook_id}" in said
    world.clock.tick(10**8)
    assert run(world)[1] == []
    assert len(receiver.told) == 1


def test_an_address_that_turns_out_to_be_private_is_not_called(world: World, receiver: Receiver) -> None:
    hook = add(world, receiver.url())
    registry = Registry(world.store)
    registry.change(lambda rows: rows.update({hook.webhook_id: replace(hook, allow_private=False)}))
    propose(world, "one")
    run(world)
    failed = webhook(world, hook.webhook_id)
    assert failed.last_error is not None
    assert "no address of the public network" in failed.last_error.message
    assert receiver.told == []


def test_a_log_that_was_rewritten_pauses_the_webhook(world: World, receiver: Receiver) -> None:
    propose(world, "one")
    hook = add(world, receiver.url())
    back = world.git("rev-parse", "queue~1").strip()
    world.git("update-ref", layout.QUEUE, back)
    for _ in range(2):
        run(world)
    assert webhook(world, hook.webhook_id).status == "paused", "the event is not there any more"
    propose(world, "another")
    again = add(world, receiver.url())
    Registry(world.store).change(
        lambda rows: rows.update({again.webhook_id: replace(again, cursor=replace(again.cursor, commit=back))})
    )
    _, (said,) = run(world)
    assert "the log was rewritten" in said
    assert receiver.told == []


def test_a_webhook_that_is_removed_or_set_back_meanwhile_is_not_brought_back(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, other = add(world, receiver.url("/a")), add(world, receiver.url("/b"))
    (number,) = propose(world, "one")
    assert number
    note, meddled = receiver.note, set[str]()

    def meddle(told: Any) -> None:
        note(told)
        if told.path in meddled:
            return
        meddled.add(told.path)
        back = {other.webhook_id: replace(other, cursor=Cursor())}
        change = Registry(world.store).change
        change(lambda rows: rows.pop(hook.webhook_id)) if told.path == "/a" else change(lambda rows: rows.update(back))

    monkeypatch.setattr(receiver, "note", meddle)
    monkeypatch.setattr(message, "MOST_EVENTS", 1)
    run(world)
    assert list(Registry(world.store).webhooks()) == [other.webhook_id]
    told = [event for one in receiver.told if one.path == "/b" for event in one.event_ids]
    assert sorted(set(told)) == list(range(1, last_event(world) + 1))


def test_one_that_is_slow_keeps_no_news_from_the_others(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "post", partial(posting.post, timeout=3600.0))
    slow = Receiver()
    slow.moods = [Mood(stall_after=-1)]
    try:
        add(world, slow.url())
        add(world, receiver.url())
        with delivery(world):
            for number in range(3):
                propose(world, f"n{number}")
                receiver.wait_for(number + 1)
    finally:
        slow.close()
    assert len(slow.told) == 1


# --- who delivers ---


def test_only_one_delivers_at_a_time(world: World, receiver: Receiver) -> None:
    add(world, receiver.url())
    propose(world, "one")
    with writer_lock(world.store.local_dir / DELIVERING), pytest.raises(Busy, match="another process delivers"):
        deliver_once(world.context())
    assert receiver.told == []


def test_a_service_tells_what_comes_while_it_runs_and_retries(world: World, receiver: Receiver) -> None:
    start = last_event(world)
    receiver.moods = [Mood(status=200), Mood(status=500)]
    with delivery(world) as said:
        add(world, receiver.url())
        propose(world, "one")
        receiver.wait_for(1)
        propose(world, "two")
        receiver.wait_for(2)
        deadline = time.monotonic() + 10
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
        world.clock.tick(5)
        receiver.wait_for(3)
    assert receiver.taken == [start + 1, start + 2]
    assert "is tried again" in said[0]


def test_of_several_that_deliver_none_repeats_what_another_told(world: World, receiver: Receiver) -> None:
    start = last_event(world)
    hooks = [add(world, receiver.url(f"/{number}")) for number in range(3)]
    with delivery(world, World(world.path, world.clock), World(world.path, world.clock)):
        for number in range(12):
            propose(world, f"n{number}")
        receiver.wait_for(36)
    for number, hook in enumerate(hooks):
        told = [one.event_ids[0] for one in receiver.told if one.path == f"/{number}"]
        assert told == list(range(start + 1, start + 13))
        assert webhook(world, hook.webhook_id).cursor.event_id == start + 12


def test_without_webhooks_neither_the_log_nor_a_lock_is_touched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: Any) -> None:
        raise AssertionError("the log was read")

    monkeypatch.setattr(Context, "view", read)
    with delivery(world, poll=0.001) as said:
        time.sleep(0.05)
    assert said == []
    assert not (world.store.local_dir / DELIVERING).exists()


def test_with_nothing_new_the_log_is_not_read(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(world, receiver.url(), events=("purge",))
    views = []
    view = Context.view
    monkeypatch.setattr(Context, "view", lambda self: views.append(1) or view(self))
    with delivery(world, poll=0.001):
        deadline = time.monotonic() + 10
        while not views and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
    assert len(views) == 1


def test_stopping_waits_for_no_silent_receiver(world: World, receiver: Receiver) -> None:
    hook = add(world, receiver.url())
    receiver.moods = [Mood(stall_after=-1)]
    propose(world, "one")
    with delivery(world):
        receiver.wait_for(1)
    assert webhook(world, hook.webhook_id) == hook
    run(world)
    assert receiver.told[0].id == receiver.told[1].id, "it is told again"


def test_what_is_answered_right_when_delivering_stops_still_counts(world: World, receiver: Receiver) -> None:
    hook = add(world, receiver.url())
    stop = threading.Event()
    note = receiver.note

    def noted(told: Any) -> None:
        note(told)
        stop.set()

    receiver.note = noted  # type: ignore[method-assign]
    propose(world, "one", "two")
    deliver(lambda: world.context(None), stop, tell=str)
    assert len(receiver.told) == 1
    assert webhook(world, hook.webhook_id).cursor.event_id == hook.cursor.event_id + 1


def test_trouble_is_told_once_and_ends_by_itself(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "_AFTER_TROUBLE", 0.01)
    monkeypatch.setattr(delivering, "_LONGEST_TROUBLE", 0.02)
    hook = add(world, receiver.url())
    path = Registry(world.store).path
    data = path.read_bytes()
    path.write_bytes(b"broken")
    propose(world, "one")
    with delivery(world) as said:
        deadline = time.monotonic() + 10
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        path.write_bytes(data)
        receiver.wait_for(1)
    assert len(said) == 1
    assert "is no file of webhooks" in said[0]
    assert webhook(world, hook.webhook_id).webhook_id == hook.webhook_id


def test_a_repository_that_is_not_there_is_trouble_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, said = threading.Event(), list[str]()

    def tell(text: str) -> None:
        said.append(text)
        stop.set()

    def nowhere() -> Context:
        raise NotFound("there is no repository")

    deliver(nowhere, stop, tell=tell)
    assert said == ["webhooks are not delivered: there is no repository"]


def test_in_a_clone_the_events_are_told_that_it_has_fetched(tmp_path: Path, receiver: Receiver) -> None:
    server, (clone,) = server_and_clones(tmp_path, "clone")
    add(clone, receiver.url())
    before = last_event(clone)
    server.create("clip", "a", clip("a"))
    run(clone)
    assert receiver.told == []
    clone.run("pull").ok()
    run(clone)
    assert receiver.taken == [before + 1]


def test_ids_that_an_import_of_a_queue_passed_over_hold_up_nothing(tmp_path: Path, receiver: Receiver) -> None:
    world, _ = taken_over(two_changes(), tmp_path)
    events = [row["event_id"] for row in world.events() if "imported" not in row]
    gap = next(number for number in range(1, events[-1]) if number not in events)
    add(world, receiver.url("/all"), start=1)
    behind = add(world, receiver.url("/behind"), start=gap)
    assert behind.cursor.event_id == gap - 1
    run(world)
    assert [number for one in receiver.told if one.path == "/all" for number in one.event_ids] == events
    told = [number for one in receiver.told if one.path == "/behind" for number in one.event_ids]
    assert told == [number for number in events if number > gap]
    assert run(world)[0]["waiting"] == 0
