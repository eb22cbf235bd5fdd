from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import IntegrityFailure, Invalid, NotFound
from modelref_git.operations.webhooks import registry
from modelref_git.operations.webhooks.registry import Cursor, Failure, Registry, Webhook, found
from tests.crash.faults import Fuse, PowerCut, cut, fused
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("no_syncing")

ONE = Webhook(
    *("a1b2c3d4e5f6", "https://receiver.example/?k=1", "whsec_AAAA", ("apply",), False, 1, "olivia#1", Cursor(3, "ab"))
)
FAILING = replace(ONE, webhook_id="ffffffffffff", failures=2, last_error=Failure(5, "it answers 500", 500), next_try=9)


def keep(world: World, *webhooks: Webhook) -> Registry:
    made = Registry(world.store)
    made.change(lambda rows: rows.update({one.webhook_id: one for one in webhooks}))
    return made


def test_what_is_kept_is_read_back_in_order_by_any_process(empty_world: World) -> None:
    made = keep(empty_world, ONE, FAILING)
    assert list(made.webhooks().values()) == [ONE, FAILING]
    assert list(Registry(empty_world.store).webhooks().values()) == [ONE, FAILING]
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    document = json.loads(made.path.read_bytes())
    assert (document["format"], list(document["webhooks"])) == (1, [ONE.webhook_id, FAILING.webhook_id])


def test_without_a_file_there_are_none_and_none_is_made(empty_world: World) -> None:
    made = Registry(empty_world.store)
    assert made.webhooks() == {}
    made.change(lambda _: None)
    assert not made.path.exists()
    with pytest.raises(NotFound, match="webhook list"):
        raise_hint(made)


def raise_hint(made: Registry) -> None:
    try:
        found(made.webhooks(), "a1b2c3d4e5f6")
    except NotFound as error:
        raise NotFound(error.hint or "") from error


def test_neither_the_secret_nor_the_address_shows_where_a_webhook_is_printed() -> None:
    assert "whsec" not in repr(ONE)
    assert "k=1" not in repr(ONE)


def test_a_change_of_another_process_is_seen(empty_world: World) -> None:
    here, there = Registry(empty_world.store), Registry(empty_world.store)
    assert here.webhooks() == {}
    there.change(lambda rows: rows.update({ONE.webhook_id: ONE}))
    assert list(here.webhooks()) == [ONE.webhook_id]
    there.change(lambda rows: rows.clear())
    assert here.webhooks() == {}


def test_a_power_cut_leaves_the_file_as_it_was_or_as_it_was_to_be(empty_world: World) -> None:
    made = keep(empty_world, ONE)
    before = made.path.read_bytes()
    fuse = Fuse()
    with fused(fuse):
        keep(empty_world, FAILING)
    after = made.path.read_bytes()
    seen = []
    for at in range(len(fuse.points)):
        made.path.write_bytes(before)
        label = cut(lambda: keep(empty_world, FAILING), at)
        assert label is not None
        seen.append(made.path.read_bytes())
        assert seen[-1] in (before, after), label
        assert keep(empty_world, FAILING).path.read_bytes() == after, "the lock is free, and it goes on"
    assert (seen[0], seen[-1]) == (before, after)


def test_a_file_that_cannot_be_written_is_told_and_stays(empty_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = keep(empty_world, ONE)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("modelref_git.store.disk.Disk.write_file", full)
    with pytest.raises(Invalid, match="No space left"):
        keep(empty_world, FAILING)
    assert list(made.webhooks()) == [ONE.webhook_id]


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b"[]",
            b"{}",
            b"\xff",
            b'{"format": 2, "webhooks": {}}',
            b'{"format": 1}',
            b'{"format": 1, "webhooks": 3}',
        ),
        *(b'{"format": 1, "webhooks": {"a": {}}}', b'{"format": 1, "webhooks": {"a": null}}'),
    ],
)
def test_a_broken_file_is_named_and_left_as_it_is(empty_world: World, data: bytes) -> None:
    made = Registry(empty_world.store)
    write(made.path, data)
    for _ in range(2):
        with pytest.raises(IntegrityFailure, match=r"webhooks\.json"):
            made.change(lambda rows: rows.clear())
    assert made.path.read_bytes() == data


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2)
)


@given(st.sampled_from(["url", "events", "cursor", "last_error", "failures", "paused", "other", "webhook_id"]), JSON)
def test_whatever_stands_in_a_row_is_read_or_refused(field: str, value: Any) -> None:
    document = json.loads(registry._encoded({FAILING.webhook_id: FAILING}))
    document["webhooks"][FAILING.webhook_id][field] = value
    try:
        (row,) = registry._parsed(json.dumps(document).encode(), "it").values()
    except IntegrityFailure:
        return
    assert registry._parsed(registry._encoded({row.webhook_id: row}), "it") == {row.webhook_id: row}


def test_a_power_cut_is_nothing_that_is_caught() -> None:
    assert not issubclass(PowerCut, Exception)
