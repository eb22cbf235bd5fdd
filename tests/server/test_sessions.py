from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from modelref_git.server import sessions
from modelref_git.server.sessions import AT_MOST, IDLE, LONGEST, OF_ONE_AT_MOST, Sessions, SessionsUnavailable
from tests.support.world import FixedClock


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "sessions.sqlite"


@pytest.fixture
def store(path: Path, clock: FixedClock) -> Sessions:
    return Sessions(path, clock)


def test_a_session_is_found_by_its_token_in_every_worker_until_it_is_closed(
    store: Sessions, path: Path, clock: FixedClock
) -> None:
    assert store.find("x" * 43) is None
    session = store.open("a key", "2")
    other = Sessions(path, clock)
    assert other.find(session.token) == session
    assert other.find(session.token[:-1]) is None
    assert store.open("a key", "2").token != session.token
    other.close(session.token)
    assert store.find(session.token) is None


def test_the_file_shows_neither_a_token_nor_a_key_and_is_its_owners_alone(store: Sessions, path: Path) -> None:
    session = store.open("mrk_0123456789ab_secret-of-somebody", "2")
    store.tell(session, "done")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    data = path.read_bytes()
    assert session.token.encode() not in data
    assert b"mrk_" not in data
    assert b"secret-of-somebody" not in data


@pytest.mark.long
def test_the_file_and_its_journal_are_never_open_to_others(path: Path, clock: FixedClock) -> None:
    before = os.umask(0)
    try:
        store = Sessions(path, clock)
        store.open("a key")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)
        store.open("a key")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM sessions")
            journal = path.with_name(f"{path.name}-journal")
            assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    finally:
        os.umask(before)


@pytest.mark.long
def test_a_session_ends_when_nobody_used_it_for_long_and_in_any_case(store: Sessions, clock: FixedClock) -> None:
    idle, used = store.open("one"), store.open("two")
    for _ in range(LONGEST // IDLE + 1):
        clock.tick(IDLE - 1)
        still = store.find(used.token)
        if clock.now - 1_750_000_000 > LONGEST:
            break
        assert still is not None
    assert clock.now - 1_750_000_000 > LONGEST
    assert store.find(used.token) is None
    assert store.find(idle.token) is None


@pytest.mark.long
def test_a_clock_that_was_set_back_prolongs_no_session(store: Sessions, clock: FixedClock) -> None:
    session = store.open("one")
    clock.now -= 60
    assert store.find(session.token) is not None
    clock.now -= 10_000
    assert store.find(session.token) is None
    store.open("two")
    clock.now += 10_060
    assert store.find(session.token) is None, "it is gone for good"


def test_a_notice_is_told_to_one_session_and_taken_back(store: Sessions) -> None:
    one, other = store.open("one"), store.open("two")
    store.tell(one, "x" * 5_000)
    for _ in range(2):  # looking is not telling: a page that is not shown does not use it up
        found = store.find(one.token)
        assert found is not None
        assert found.notice == "x" * 1_000
    assert store.find(other.token) == other
    store.tell(one, None)
    assert store.find(one.token) == one


def test_one_person_has_so_many_sessions_and_pushes_out_nobody_else(store: Sessions, clock: FixedClock) -> None:
    other = store.open("other", "3")
    mine = []
    for _ in range(OF_ONE_AT_MOST + 3):
        clock.tick()
        mine.append(store.open("mine", "2"))
    assert [store.find(one.token) is not None for one in mine] == [False] * 3 + [True] * OF_ONE_AT_MOST
    assert store.find(other.token) is not None


@pytest.mark.long
def test_the_file_does_not_grow_beyond_its_bounds(
    store: Sessions, path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert AT_MOST >= 10_000
    monkeypatch.setattr(sessions, "AT_MOST", 5)
    made = []
    for number in range(8):
        clock.tick()
        made.append(store.open("key", str(number)))
    assert [store.find(one.token) is not None for one in made] == [False] * 3 + [True] * 5
    clock.tick(LONGEST + 1)
    store.open("last", "9")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM sessions").fetchone() == (1,)


@pytest.mark.parametrize("rest", [b"", b"no database at all" * 100, b"SQLite format 3\0" + bytes(4_000)])
def test_a_broken_file_is_made_anew(store: Sessions, path: Path, rest: bytes) -> None:
    session = store.open("one")
    path.write_bytes(rest)
    assert store.find(session.token) is None
    again = store.open("one")
    assert store.find(again.token) == again
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.long
@pytest.mark.parametrize(
    "statement",
    ["PRAGMA user_version = 99", "PRAGMA application_id = 7", "DROP TABLE sessions", "ALTER TABLE sessions DROP owner"],
)
def test_the_file_of_another_version_is_made_anew(store: Sessions, path: Path, statement: str) -> None:
    store.open("one")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(statement)
    session = store.open("two")
    assert store.find(session.token) == session


def test_a_file_that_is_deleted_while_all_run_signs_everybody_out(
    store: Sessions, path: Path, clock: FixedClock
) -> None:
    session, other = store.open("one"), Sessions(path, clock)
    assert other.find(session.token) is not None
    path.unlink()
    assert other.find(session.token) is None
    again = other.open("two")
    assert store.find(again.token) == again


@pytest.fixture
def held(store: Sessions, path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sessions, "_PATIENCE", 0.01)
    store.open("somebody")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.usefixtures("held")
def test_a_file_that_another_holds_is_told_as_busy_and_not_thrown_away(store: Sessions, path: Path) -> None:
    with pytest.raises(SessionsUnavailable):
        store.open("one")
    with pytest.raises(SessionsUnavailable):
        store.find("x" * 43)
    assert path.exists()


@pytest.mark.long
def test_a_session_can_be_used_where_nothing_can_be_written(
    store: Sessions, path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = store.open("one")
    monkeypatch.setattr(sessions, "_PATIENCE", 0.01)
    clock.tick(600)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")  # others read, and cannot write
        assert store.find(session.token) == session
        store.tell(session, "lost")
    found = store.find(session.token)
    assert found is not None
    assert found.notice is None


@pytest.mark.long
def test_a_folder_in_the_way_is_told(path: Path, clock: FixedClock) -> None:
    path.mkdir(parents=True)
    with pytest.raises(SessionsUnavailable):
        Sessions(path, clock).open("one")


@pytest.mark.long
def test_many_threads_and_two_workers_open_sessions_at_once(path: Path, clock: FixedClock) -> None:
    workers = [Sessions(path, clock), Sessions(path, clock)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: workers[number % 2].open("key", str(number)), range(40)))
    assert all(workers[0].find(one.token) == one for one in made)


def test_a_proof_is_one_sessions_and_never_the_same(store: Sessions) -> None:
    one, other = store.open("key"), store.open("key")
    first, second = one.csrf, one.csrf
    assert first != second
    assert one.owns(first)
    assert one.owns(second)
    assert not other.owns(first)
    for text in ("", "x", first[:-1], first + "0", first.upper(), first[:32] + second[32:], "\ud800" * 96, "é" * 96):
        assert not one.owns(text)
