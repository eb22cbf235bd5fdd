from __future__ import annotations

import json
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.fetch.client import Client
from modelref_git.fetch.faults import FetchFault
from modelref_git.fetch.find_user import FLAGS, Found, Silence, User, _user, address, find_user, is_sendable
from tests.support.horde import ANN, BOB, SECRETS, Horde, horde

__all__ = ["horde"]


@pytest.fixture
def client() -> Client:
    return Client(5)


def test_a_key_is_sent_in_a_header_to_find_user(horde: Horde, client: Client) -> None:
    found = find_user(client, address(horde.url()), ANN)
    assert found == Found(200, User("12", "ann#12", ("moderator", "trusted"), None))
    assert horde.asked == [("/api/v2/find_user", ANN)]


def test_the_id_is_what_follows_the_last_mark(horde: Horde, client: Client) -> None:
    assert find_user(client, address(horde.url()), BOB).user == User("7", "bob#the#builder#7", (), 3.5)


def test_nothing_private_is_kept(horde: Horde, client: Client) -> None:
    shown = repr(find_user(client, address(horde.url()), ANN))
    assert not any(str(value) in shown for value in ("ann@private.example", "watch her", "shared-secret"))
    assert set(SECRETS) & set(User.__slots__) == set()


@pytest.mark.parametrize("base", ["https://h.example/api", "https://h.example/api/", " https://h.example/api// "])
def test_an_address_has_a_slash_at_its_end_or_not(base: str) -> None:
    assert address(base) == "https://h.example/api/v2/find_user"


@pytest.mark.parametrize("base", ["", "h.example/api", "ftp://h.example/", "https://user:pass@h.example/api"])
def test_what_is_no_address_is_told_without_a_password(base: str) -> None:
    with pytest.raises(FetchFault) as caught:
        address(base)
    assert "pass@" not in caught.value.message


@pytest.mark.parametrize("status", [204, 301, 400, 401, 403, 404, 429, 500, 503])
def test_another_status_is_told_and_finds_nobody(horde: Horde, client: Client, status: int) -> None:
    horde.status = status
    assert find_user(client, address(horde.url()), ANN) == Found(status)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_does_not_get_the_key(horde: Horde, client: Client, status: int) -> None:
    other = Horde()
    try:
        horde.status, horde.location = status, other.url("localhost") + "v2/find_user"
        assert find_user(client, address(horde.url()), ANN) == Found(status)
        assert other.asked == []
    finally:
        other.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"7",
        b"{}",
        b'{"username": null}',
        b'{"username": 7}',
        b'{"username": "ann"}',
        b'{"username": "ann#"}',
        b'{"username": "ann# "}',
        b'{"username": "ann\\n#12"}',
        b'{"username": "ann\\ud800#12"}',
        b'{"username": "' + b"x" * 300 + b'#12"}',
        b"[" * 200_000,
        b'{"username": "ann#12", "pad": "' + b"x" * (1 << 20) + b'"}',
    ],
)
def test_an_odd_answer_finds_nobody(horde: Horde, client: Client, body: bytes) -> None:
    horde.body = body
    assert find_user(client, address(horde.url()), ANN) == Found(200)


def test_odd_members_are_passed_over() -> None:
    row = {"username": "ann#12", "kudos": 10**400, "moderator": "yes", "trusted": 1, "vpn": True, "new": {}}
    assert _user(json.dumps(row).encode()) == User("12", "ann#12", ("vpn",), None)
    every = {"username": "ann#12", **dict.fromkeys(FLAGS, True)}
    assert _user(json.dumps(every).encode()) == User("12", "ann#12", FLAGS, None)


@given(data=st.binary() | st.recursive(st.none() | st.text(), st.lists, max_leaves=5).map(json.dumps).map(str.encode))
def test_no_answer_breaks_anything(data: bytes) -> None:
    assert _user(data) is None


def test_silence_is_told_as_such(horde: Horde) -> None:
    horde.gate.clear()
    with pytest.raises(Silence, match="does not answer in time") as caught:
        find_user(Client(0.1), address(horde.url()), ANN)
    assert ANN not in "".join(traceback.format_exception(caught.value))


def test_a_dead_address_is_no_silence(horde: Horde, client: Client) -> None:
    url = address(horde.url())
    horde.close()
    with pytest.raises(FetchFault) as caught:
        find_user(client, url, ANN)
    assert not isinstance(caught.value, Silence)
    assert ANN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("key", ["", " ", "a b", "a\nb", "a\r\nX: y", "schlüssel", "\x00", "\ud800", "x" * 257])
def test_what_cannot_go_into_a_header_is_no_key(key: str) -> None:
    assert not is_sendable(key)


def test_keys_of_aihorde_can_be_sent() -> None:
    assert all(is_sendable(key) for key in (ANN, "0000000000", "3f1c1b5e-8c0e-4a5b-9c43-5a7d3b1f6a11"))
