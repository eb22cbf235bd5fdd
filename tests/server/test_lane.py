from __future__ import annotations

from starlette.requests import Request

from modelref_git.server.kept import Body
from modelref_git.server.lane import Lane

BODY = Body.of(b"{}", '"1"')


def asked(path: str, query: bytes = b"") -> Request:
    return Request({"type": "http", "method": "GET", "path": path, "query_string": query, "headers": []})


def test_an_answer_is_good_for_its_path_and_query_until_the_next_event() -> None:
    lane = Lane()
    lane.remember(asked("/clip", b"at=main"), "event 1", BODY)
    found = lane.find(asked("/clip", b"at=main").scope, "event 1")
    assert found is not None
    assert found[0] is BODY
    assert lane.find(asked("/clip").scope, "event 1") is None
    assert lane.find(asked("/blip", b"at=main").scope, "event 1") is None
    assert lane.find(asked("/clip", b"at=main").scope, "event 2") is None


def test_what_was_answered_late_does_not_count_for_a_newer_event() -> None:
    lane = Lane()
    lane.remember(asked("/clip"), "event 2", BODY)
    lane.remember(asked("/blip"), "event 1", BODY)
    assert lane.find(asked("/blip").scope, "event 2") is None


def test_it_holds_so_much_and_no_more() -> None:
    lane = Lane()
    for number in range(5_000):
        lane.remember(asked("/clip", str(number).encode()), "event 1", BODY)
    kept = sum(lane.find(asked("/clip", str(number).encode()).scope, "event 1") is not None for number in range(5_000))
    assert 0 < kept <= 2_000
