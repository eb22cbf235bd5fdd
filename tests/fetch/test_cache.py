from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.fetch.cache import BAD_FOR, GOOD_FOR, Cache
from modelref_git.fetch.probe import Report

GOOD = Report(size=7, sha256="ab" * 32, moved_to="new.example", validator='"v"')
BAD = Report("gone", "it answers 404")


def test_good_news_is_kept_for_a_day_and_bad_news_for_an_hour(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "fetch.sqlite"
    with Cache(path) as cache:
        cache.keep("good", 100, GOOD)
        cache.keep("bad", 100, BAD)
    with Cache(path) as cache:
        assert cache.report("good", 100 + GOOD_FOR - 1) == GOOD
        assert cache.report("good", 100 + GOOD_FOR) is None
        assert cache.report("bad", 100 + BAD_FOR - 1) == BAD
        assert cache.report("bad", 100 + BAD_FOR) is None
        assert cache.report("good", 99) is None, "a clock that was set back proves nothing"
        assert cache.report("other", 100) is None


def test_a_sum_is_good_while_the_host_names_the_same_content(tmp_path: Path) -> None:
    with Cache(tmp_path / "c") as cache:
        cache.keep_sum("u", GOOD)
        assert cache.sum_of("u", Report(size=7, validator='"v"')) == "ab" * 32
        assert cache.sum_of("u", Report(size=8, validator='"v"')) is None
        assert cache.sum_of("u", Report(size=7, validator='"w"')) is None
        assert cache.sum_of("u", Report(size=7)) is None
        cache.keep_sum("v", Report(size=7, sha256="ab" * 32))
        assert cache.sum_of("v", Report(size=7)) is None, "content without a name may be any"


def test_without_a_file_nothing_is_remembered() -> None:
    with Cache(None) as cache:
        cache.keep("good", 100, GOOD)
        cache.keep_sum("good", GOOD)
        assert cache.report("good", 100) is None
        assert cache.sum_of("good", GOOD) is None


@given(st.binary(min_size=1, max_size=300))
def test_a_file_that_is_no_cache_is_made_anew(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    path = tmp_path_factory.mktemp("cache") / "c"
    path.write_bytes(junk)
    with Cache(path) as cache:
        cache.keep("good", 100, GOOD)
    with Cache(path) as cache:
        assert cache.report("good", 100) == GOOD


def test_a_file_of_another_program_or_version_is_made_anew(tmp_path: Path) -> None:
    for number, statement in enumerate(("PRAGMA user_version = 99", "PRAGMA application_id = 5", "CREATE TABLE x (y)")):
        path = tmp_path / str(number)
        db = sqlite3.connect(path)
        db.execute(statement)
        db.commit()
        db.close()
        with Cache(path) as cache:
            cache.keep("good", 100, GOOD)
        with Cache(path) as cache:
            assert cache.report("good", 100) == GOOD, statement


def test_a_file_that_breaks_later_is_not_used_any_more(tmp_path: Path) -> None:
    with Cache(tmp_path / "c") as cache:
        cache.keep("good", 100, GOOD)
        db = sqlite3.connect(tmp_path / "c")
        db.execute("DROP TABLE reports")
        db.commit()
        db.close()
        assert cache.report("good", 100) is None
        cache.keep("good", 100, GOOD)
        assert cache.report("good", 100) is None


def test_a_place_that_cannot_be_used_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file" / "c", tmp_path):
        with Cache(path) as cache:
            cache.keep("good", 100, GOOD)
            assert cache.report("good", 100) is None
    assert (tmp_path / "file").is_file()


def test_a_file_that_somebody_holds_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelref_git.fetch.cache._PATIENCE", 0.05)
    with Cache(tmp_path / "c") as cache:
        cache.keep("good", 100, GOOD)
    holder = sqlite3.connect(tmp_path / "c", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with Cache(tmp_path / "c") as cache:
        assert cache.report("good", 100) is None
    holder.execute("ROLLBACK")
    holder.close()
    with Cache(tmp_path / "c") as cache:
        assert cache.report("good", 100) == GOOD
