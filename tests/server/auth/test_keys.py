from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelref_git.errors import IntegrityFailure
from modelref_git.server.auth.interface import AuthUnavailable, Login
from modelref_git.server.auth.keys import KeysProvider
from modelref_git.store.keyring import Keyring

NOW = 1_750_000_000


class Keys:
    """The provider over a file, beside whoever changes the file and the members."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ring = Keyring(path)
        self.members = {"2": "carol"}
        self.told: list[str] = []
        self.now = float(NOW)
        self.provider = KeysProvider(Keyring(path), self.members.get, self.told.append, lambda: self.now)

    def identify(self, token: str, *, for_write: bool = False) -> Login | None:
        return self.provider.identify(token, for_write=for_write)


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    found = Keys(tmp_path / "keys.json")
    yield found
    found.provider.close()


@pytest.mark.parametrize("for_write", [True, False])
def test_a_key_is_its_members(keys: Keys, for_write: bool) -> None:
    made = keys.ring.create("2", "", NOW, None)
    assert keys.identify(made.key, for_write=for_write) == Login("2", "carol#2", (), "keys")
    assert keys.provider.is_local
    assert keys.identify(made.key + "x", for_write=for_write) is None
    assert keys.identify("\ud800", for_write=for_write) is None


def test_the_name_is_that_of_the_moment(keys: Keys) -> None:
    made = keys.ring.create("2", "", NOW, None)
    keys.members["2"] = "caroline"
    assert keys.identify(made.key) == Login("2", "caroline#2", (), "keys")
    del keys.members["2"]
    assert keys.identify(made.key) == Login("2", "2#2", (), "keys"), "known still, as somebody who is on no list"


def test_a_revoked_an_expired_and_an_old_key_are_nobodys(keys: Keys) -> None:
    revoked, expiring, old = (keys.ring.create("2", "", NOW, 60) for _ in range(3))
    keys.ring.revoke(revoked.entry.key_id)
    new = keys.ring.regenerate(old.entry.key_id, NOW)
    assert [keys.identify(one.key) is None for one in (revoked, expiring, old, new)] == [True, False, True, False]
    keys.now += 60
    assert [keys.identify(one.key) for one in (expiring, new)] == [None, None]


def test_a_broken_file_lets_nobody_in_and_is_told_once(keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    made = keys.ring.create("2", "", NOW, None)
    assert keys.identify(made.key) is not None
    good = keys.path.read_bytes()
    keys.path.write_bytes(b"{")
    for _ in range(3):
        with pytest.raises(AuthUnavailable) as caught:
            keys.identify(made.key)
        assert made.key not in "".join(traceback.format_exception(caught.value))
    assert len(keys.told) == 1
    assert str(keys.path) in keys.told[0]
    keys.path.write_bytes(good)
    assert keys.identify(made.key) is not None
    keys.path.write_bytes(b"{")
    with pytest.raises(AuthUnavailable):
        keys.identify(made.key)
    assert len(keys.told) == 2
    assert not any(made.key in text for text in [*keys.told, caplog.text])


def test_a_service_does_not_start_with_a_broken_file_and_tells_of_an_open_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    Keyring(path).create("2", "", NOW, None)
    path.chmod(0o640)
    told: list[str] = []
    KeysProvider(Keyring(path), lambda _: None, told.append)
    assert ["0640" in text for text in told] == [True]
    path.write_bytes(b"{")
    with pytest.raises(IntegrityFailure):
        KeysProvider(Keyring(path), lambda _: None, told.append)


def test_uses_are_written_down_when_the_service_ends(keys: Keys) -> None:
    made = keys.ring.create("2", "", NOW, None)
    keys.now += 7
    keys.identify(made.key)
    keys.provider.close()
    assert keys.ring.entry(made.entry.key_id).last_used == NOW + 7
