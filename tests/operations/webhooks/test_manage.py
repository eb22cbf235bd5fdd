from __future__ import annotations

from typing import Any

import pytest

from modelref_git.errors import Forbidden, ModelrefError, NotFound, RemoteFailure, UsageFault, WrongState
from modelref_git.operations.webhooks import manage
from modelref_git.operations.webhooks.manage import (
    add_webhook,
    list_webhooks,
    ping_webhook,
    remove_webhook,
    resume_webhook,
)
from modelref_git.operations.webhooks.registry import Cursor, Registry
from tests.support.files_server import Mood
from tests.support.receiver import Receiver
from tests.support.webhooks import add, propose, propose_at_once, run, webhook
from tests.support.world import CAROL, OWNER, World

pytestmark = pytest.mark.usefixtures("no_syncing")

URL = "https://receiver.example/hook?token=hidden"

ROW = [
    *("webhook_id", "url", "events", "allow_private", "created", "created_by", "status", "event_id", "waiting"),
    *("last_success", "last_error", "failures", "next_try", "paused"),
]


def test_the_secret_is_shown_once_and_the_query_never(empty_world: World) -> None:
    made = add_webhook(empty_world.context(), URL, events=("reject", "apply", "apply"))
    assert list(made) == ["webhook_id", "url", "events", "secret"]
    assert (made["url"], made["events"]) == ("https://receiver.example/hook?…", ["reject", "apply"])
    (row,) = list_webhooks(empty_world.context())
    assert list(row) == ROW
    assert row["webhook_id"] == made["webhook_id"]
    assert (row["created_by"], row["status"], row["waiting"]) == (OWNER, "active", 0)
    removed = remove_webhook(empty_world.context(), made["webhook_id"])
    assert removed == row
    assert not any(word in str(row) for word in ("hidden", made["secret"], "whsec"))
    assert list_webhooks(empty_world.context()) == []
    assert empty_world.warnings == []


def test_only_an_approver_of_everything_has_to_do_with_webhooks(empty_world: World, receiver: Receiver) -> None:
    hook = add(empty_world, receiver.url())
    for actor in (CAROL, "9", None):
        for act in (
            lambda ctx: add_webhook(ctx, URL),
            list_webhooks,
            lambda ctx: remove_webhook(ctx, hook.webhook_id),
            lambda ctx: resume_webhook(ctx, hook.webhook_id),
            lambda ctx: ping_webhook(ctx, hook.webhook_id),
        ):
            with pytest.raises(Forbidden, match="webhooks"):
                act(empty_world.context(actor))
    assert list(Registry(empty_world.store).webhooks().values()) == [hook]
    assert receiver.told == []


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:1/", "http://localhost/", "https://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/"),
        *(
            "http://2130706433/",
            "ftp://receiver.example/",
            "receiver.example",
            "https://",
            "",
            "https://a:b@c.example/",
        ),
        *("http://[::ffff:10.0.0.1]/", "http://api.localhost./", "https://receiver.example:99999/"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused_at_once(empty_world: World, url: str) -> None:
    with pytest.raises(UsageFault):
        add_webhook(empty_world.context(), url)
    assert Registry(empty_world.store).webhooks() == {}


def test_a_private_address_takes_a_word(empty_world: World) -> None:
    with pytest.raises(UsageFault) as caught:
        add_webhook(empty_world.context(), "http://127.0.0.1:9/?secret")
    assert "--allow-private" in (caught.value.hint or "")
    assert "secret" not in caught.value.message
    assert add(empty_world, "http://127.0.0.1:9/").allow_private


def test_what_is_not_encrypted_is_told(empty_world: World) -> None:
    add_webhook(empty_world.context(), "http://receiver.example/")
    assert "not encrypted" in empty_world.warnings[0]


def test_an_action_that_is_none_is_refused(empty_world: World) -> None:
    with pytest.raises(UsageFault, match="'create'") as caught:
        add_webhook(empty_world.context(), URL, events=("apply", "create"))
    assert "batch_split" in (caught.value.hint or "")


def test_there_can_be_only_so_many(empty_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manage, "MOST", 1)
    add(empty_world, URL)
    for dry_run in (True, False):
        with pytest.raises(WrongState):
            add_webhook(empty_world.context(dry_run=dry_run), URL)


def test_a_webhook_begins_with_the_event_that_is_named(empty_world: World, receiver: Receiver) -> None:
    propose_at_once(empty_world, 3)
    view = empty_world.context().view()
    last = view.queue.header.last_event_id
    assert add(empty_world, receiver.url("/all"), start=1).cursor == Cursor()
    middle = add(empty_world, receiver.url("/middle"), start=last)
    assert middle.cursor == Cursor(last - 1, view.head), "in the middle of a commit"
    for start in (0, last + 1, 2**80):
        with pytest.raises(NotFound, match=f"no event {start}"):
            add_webhook(empty_world.context(), URL, start=start)
    assert [row["waiting"] for row in list_webhooks(empty_world.context())] == [last, 1]
    assert run(empty_world)[0]["delivered"] == last + 1
    assert [one.event_ids for one in receiver.told if one.path == "/middle"] == [[last]]
    told = [number for one in receiver.told if one.path == "/all" for number in one.event_ids]
    assert told == list(range(1, last + 1))


def test_a_paused_webhook_is_resumed_where_it_stopped_or_elsewhere(empty_world: World, receiver: Receiver) -> None:
    hook = add(empty_world, receiver.url())
    empty_world.add_category("thing")
    first = hook.cursor.event_id + 1
    propose(empty_world, "one")
    receiver.moods = [Mood(status=410), Mood(status=410)]
    run(empty_world)
    (row,) = list_webhooks(empty_world.context())
    assert (row["status"], row["event_id"], row["failures"]) == ("paused", first - 1, 1)
    assert row["last_error"]["status"] == 410
    dry = resume_webhook(empty_world.context(dry_run=True), hook.webhook_id)
    assert webhook(empty_world, hook.webhook_id).status == "paused"
    assert resume_webhook(empty_world.context(), hook.webhook_id) == dry
    assert dry["status"] == "active"
    run(empty_world)
    last = empty_world.context().view().queue.header.last_event_id
    assert resume_webhook(empty_world.context(), hook.webhook_id, start=last)["waiting"] == 1
    run(empty_world)
    assert receiver.taken == [last]
    assert resume_webhook(empty_world.context(), hook.webhook_id, start=first)["waiting"] == last - first + 1
    run(empty_world)
    assert receiver.taken == [last, *range(first, last + 1)], "what it was told is told again"


def test_a_ping_asks_the_receiver_and_leaves_the_rest_as_it_is(empty_world: World, receiver: Receiver) -> None:
    hook = add(empty_world, receiver.url("/?key=hidden"))
    propose_at_once(empty_world, 1)
    answer = ping_webhook(empty_world.context(), hook.webhook_id)
    assert answer == {"webhook_id": hook.webhook_id, "url": f"{receiver.url('/')}?…", "status": 200}
    (told,) = receiver.told
    assert (told.json["type"], told.is_signed_with(hook.secret)) == ("ping", True)
    receiver.moods = [Mood(status=500), Mood(cut_after=0)]
    for _ in range(2):
        with pytest.raises(RemoteFailure) as caught:
            ping_webhook(empty_world.context(), hook.webhook_id)
        assert "hidden" not in caught.value.message
    assert webhook(empty_world, hook.webhook_id) == hook


@pytest.mark.parametrize("act", [remove_webhook, resume_webhook, ping_webhook])
def test_a_webhook_that_is_none_is_not_found(empty_world: World, act: Any) -> None:
    for dry_run in (False, True):
        with pytest.raises(NotFound, match="'nothing'") as caught:
            act(empty_world.context(dry_run=dry_run), "nothing")
        assert isinstance(caught.value, ModelrefError)


def test_a_dry_run_changes_nothing(empty_world: World) -> None:
    hook = add(empty_world, URL)
    before = Registry(empty_world.store).path.read_bytes()
    dry = empty_world.context(dry_run=True)
    assert add_webhook(dry, URL, events=("apply",)) == {
        "webhook_id": None,
        "url": "https://receiver.example/hook?…",
        "events": ["apply"],
        "secret": None,
    }
    assert remove_webhook(dry, hook.webhook_id)["webhook_id"] == hook.webhook_id
    assert Registry(empty_world.store).path.read_bytes() == before
