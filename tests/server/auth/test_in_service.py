"""The providers in a running service: what the command line does to keys counts at the next request."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.support.horde import ANN, Horde, horde
from tests.support.http import V2, Wire, wire
from tests.support.world import ARTHUR, CAROL, World

__all__ = ["horde"]

ROLES = f"{V2}/me/roles"
UNKNOWN = {"detail": "Invalid API key", "reason": {"code": "unauthenticated"}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World.make(tmp_path_factory.mktemp("auth") / "w")


def _key(world: World, *words: str, actor: str = CAROL) -> str:
    made: str = world.run("key", *words, actor=actor).ok().json["key"]
    return made


def _user(http: Wire, key: str) -> tuple[int, str | None]:
    answer = http.get(ROLES, key)
    return answer.status_code, answer.json().get("username")


def test_keys_count_and_stop_counting_at_once(world: World) -> None:
    with wire(world, auth=("keys",)) as http:
        assert _user(http, "mrk_0123456789ab_x") == (401, None)
        key = _key(world, "create", "2")
        assert _user(http, key) == (200, "carol#2")
        bearer = http.get(ROLES, None, headers={"Authorization": f"Bearer {key}"})
        assert bearer.json()["roles"] == ["requestor"]
        again = _key(world, "regenerate", key.split("_")[1])
        assert [_user(http, one)[0] for one in (key, again)] == [401, 200]
        world.run("key", "revoke", again, actor=ARTHUR).ok()
        answer = http.get(ROLES, again)
        assert (answer.status_code, answer.json()) == (401, UNKNOWN)


def test_a_key_has_no_rights_of_its_own(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    with wire(world, auth=("keys",)) as http:
        key = _key(world, "create", "2")
        world.run_policy("member", "role", "2", "+approver")
        assert http.get(ROLES, key).json()["is_approver"]
        world.run_policy("member", "remove", "2")
        answer = http.get(ROLES, key)
        assert (answer.status_code, answer.json()["user_id"], answer.json()["roles"]) == (200, "2", [])


def test_the_last_use_is_written_when_the_service_stops(world: World) -> None:
    key = _key(world, "create", "2")
    with wire(world, auth=("keys",)) as http:
        http.get(ROLES, key)
    rows = {row["key_id"]: row for row in world.run("key", "list", actor=CAROL).ok().json}
    assert rows[key.split("_")[1]]["last_used"] is not None


def test_a_broken_file_of_keys_is_a_503_for_those_with_keys(world: World) -> None:
    key = _key(world, "create", "2")
    path = world.store.local_dir / "keys.json"
    good = path.read_bytes()
    with wire(world, auth=("keys",)) as http:
        path.write_bytes(b"{")
        answer = http.get(ROLES, key)
        assert (answer.status_code, answer.json()["detail"]) == (503, "Auth service unavailable")
        assert http.get(f"{V2}/info", None).status_code != 503
        path.write_bytes(good)
        assert http.get(ROLES, key).status_code == 200


def test_aihorde_is_asked_for_keys_that_are_not_ours(world: World, horde: Horde) -> None:
    with wire(world, auth=("keys", "horde"), horde_url=horde.url()) as http:
        assert _user(http, _key(world, "create", "2")) == (200, "carol#2")
        assert _user(http, "mrk_0123456789ab_x")[0] == 401
        assert horde.asked == []
        assert _user(http, ANN) == (200, "ann#12")
        assert http.get(ROLES, "nobodys").json() == UNKNOWN
        horde.close()
        answer = http.get(ROLES, "another")
        assert (answer.status_code, answer.json()["detail"]) == (503, "Auth service unavailable")
        assert _user(http, ANN) == (200, "ann#12"), "a read believes what was answered a moment ago"


def test_no_key_is_in_any_log(
    world: World, horde: Horde, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = _key(world, "create", "2")
    with wire(world, auth=("keys", "horde"), horde_url=horde.url(), access_log=True) as http:
        monkeypatch.setattr(logging.getLogger("modelref_git.access"), "propagate", True)
        caplog.set_level(logging.DEBUG)
        horde.body = b"{"
        for one in (key, ANN, f"{key}x"):
            http.get(ROLES, one)
            http.get(ROLES, None, headers={"Authorization": f"Bearer {one}"})
        horde.close()
        http.get(ROLES, "another-secret")
    assert ROLES in caplog.text
    assert "AI-Horde cannot say" in caplog.text
    assert not any(secret in caplog.text for secret in (key.split("_", 2)[2], ANN, "another-secret"))
