from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import IntegrityFailure, Invalid, ModelrefError, NotFound
from modelref_git.store import keyring
from modelref_git.store.keyring import Keyring, NewKey, key_id_of
from tests.crash.faults import cut
from tests.support.calls import CHECKOUT

NOW = 1_750_000_000
DAY = 86_400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "modelref" / "keys.json"


@pytest.fixture
def ring(path: Path) -> Iterator[Keyring]:
    found = Keyring(path)
    yield found
    found.note_uses()


def _secret(made: NewKey) -> str:
    return made.key.split("_", 2)[2]


def test_a_key_lets_its_owner_in_and_says_whose_it_is(ring: Keyring) -> None:
    made = ring.create("2", "laptop", NOW, None)
    entry = ring.verify(made.key, NOW)
    assert entry is not None
    assert (entry.key_id, entry.user_id, entry.label, entry.created, entry.expires) == (
        made.entry.key_id,
        "2",
        "laptop",
        NOW,
        None,
    )


def test_keys_are_random_and_tell_their_id(ring: Keyring) -> None:
    made = [ring.create("2", "", NOW, None) for _ in range(20)]
    assert len({one.entry.key_id for one in made}) == len({_secret(one) for one in made}) == 20
    for one in made:
        prefix, key_id, secret = one.key.split("_", 2)
        assert (prefix, key_id, key_id_of(one.key)) == ("mrk", one.entry.key_id, one.entry.key_id)
        assert len(secret) == 43, "256 bits in base64"
        assert one.key.isascii()
        assert all(ch.isalnum() or ch in "_-" for ch in one.key)


def test_the_file_is_its_owners_alone_and_holds_no_secret(ring: Keyring, path: Path) -> None:
    made = [ring.create("2", "", NOW, None) for _ in range(2)]
    text = path.read_text()
    assert oct(path.stat().st_mode)[-3:] == "600"
    assert not any(_secret(one) in text for one in made)
    document = json.loads(text)
    assert document["format"] == 1
    rows = [document["keys"][one.entry.key_id] for one in made]
    assert len({row["salt"] for row in rows}) == 2
    for one, row in zip(made, rows, strict=True):
        assert row["hash"] == hashlib.sha256(bytes.fromhex(row["salt"]) + one.key.encode()).hexdigest()
    assert sorted(file.name for file in path.parent.iterdir()) == ["keys.json", "keys.json.lock"]


def test_nothing_shows_a_secret(ring: Keyring) -> None:
    made = ring.create("2", "", NOW, None)
    secret = _secret(made)
    for shown in (repr(made), str(made), repr(made.entry), f"{made.entry}", str(made.entry.as_json())):
        assert secret not in shown
        assert made.entry.digest.hex() not in shown
        assert repr(made.entry.digest) not in shown
    for act in (lambda: ring.entry(made.key), lambda: ring.revoke(secret), lambda: ring.regenerate(made.key, NOW)):
        with pytest.raises(NotFound) as caught:
            act()
        assert secret not in str(caught.value)


@pytest.mark.parametrize("spoil", [lambda key: key[:-1], lambda key: key + "A", lambda key: key[:-1] + "~"])
def test_nearly_a_key_is_none(ring: Keyring, spoil: Callable[[str], str]) -> None:
    made = ring.create("2", "", NOW, None)
    assert ring.verify(spoil(made.key), NOW) is None


def test_the_secret_of_one_key_is_no_secret_of_another(ring: Keyring) -> None:
    first, second = (ring.create("2", "", NOW, None) for _ in range(2))
    mixed = f"mrk_{first.entry.key_id}_{_secret(second)}"
    assert ring.verify(mixed, NOW) is None


def test_an_expired_key_is_none(ring: Keyring) -> None:
    made = ring.create("2", "", NOW, 30 * DAY)
    assert made.entry.expires == NOW + 30 * DAY
    assert ring.verify(made.key, NOW + 30 * DAY - 1) is not None
    assert ring.verify(made.key, NOW + 30 * DAY) is None


def test_a_revoked_key_is_dead_and_the_others_live(ring: Keyring) -> None:
    first, second = (ring.create("2", "", NOW, None) for _ in range(2))
    assert ring.revoke(first.entry.key_id) == first.entry
    assert ring.verify(first.key, NOW) is None
    assert ring.verify(second.key, NOW) is not None
    assert ring.entries() == [second.entry]


def test_a_regenerated_key_has_another_secret_and_as_much_time_again(ring: Keyring) -> None:
    made = ring.create("2", "laptop", NOW, 10 * DAY)
    again = ring.regenerate(made.entry.key_id, NOW + 4 * DAY)
    assert again.entry.key_id == made.entry.key_id
    assert (again.entry.user_id, again.entry.label, again.entry.last_used) == ("2", "laptop", None)
    assert (again.entry.created, again.entry.expires) == (NOW + 4 * DAY, NOW + 14 * DAY)
    assert again.entry.salt != made.entry.salt
    assert ring.verify(made.key, NOW) is None
    assert ring.verify(again.key, NOW) is not None
    lasting = ring.create("2", "", NOW, None)
    assert ring.regenerate(lasting.entry.key_id, NOW + DAY).entry.expires is None


def test_what_another_process_changes_counts_at_once(ring: Keyring, path: Path) -> None:
    other = Keyring(path)
    assert ring.verify("mrk_0123456789ab_x", NOW) is None
    for _ in range(20):
        made = other.create("2", "", NOW, None)
        assert ring.verify(made.key, NOW) is not None
        again = other.regenerate(made.entry.key_id, NOW)
        assert (ring.verify(made.key, NOW), ring.verify(again.key, NOW) is None) == (None, False)
        other.revoke(made.entry.key_id)
        assert ring.verify(again.key, NOW) is None
    path.unlink()
    assert ring.entries() == []


def test_every_text_is_compared_once_also_where_there_is_no_such_key(
    ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ring.create("2", "", NOW, None)
    compared: list[int] = []
    real = keyring.hmac.compare_digest

    def compare(first: bytes, second: bytes) -> bool:
        compared.append(len(first))
        return bool(real(first, second))

    monkeypatch.setattr(keyring.hmac, "compare_digest", compare)
    for token in (made.key, made.key + "x", "mrk_0123456789ab_" + "x" * 43, "", "nonsense", "x" * 100_000):
        ring.verify(token, NOW)
    assert compared == [32] * 6


def test_what_nobody_has_is_nobodys_even_if_it_compares_equal(ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.hmac, "compare_digest", lambda *_: True)
    assert ring.verify("anything", NOW - NOW) is None
    assert ring.verify("mrk_0123456789ab_x", -1) is None


@given(token=st.text() | st.from_regex(r"mrk_[0-9a-f]{12}_[\w-]{43}") | st.characters(categories=["Cs"]))
def test_no_text_lets_anybody_in_or_breaks_anything(token: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "some" / "keys.json"
    found = Keyring(path)
    if not path.exists():
        found.create("2", "", NOW, None)
    assert found.verify(token, NOW) is None
    key_id = found.entries()[0].key_id
    assert found.verify(f"mrk_{key_id}_{token}", NOW) is None


def test_the_last_use_is_noted_off_the_way_and_once_a_minute(ring: Keyring, path: Path) -> None:
    made = ring.create("2", "", NOW, None)
    other = ring.create("2", "", NOW, None)
    before = path.read_bytes()
    assert ring.verify(made.key, NOW + 5) is not None
    assert path.read_bytes() == before, "a request does not wait for the disk"
    ring.note_uses()
    assert [row.last_used for row in (ring.entry(made.entry.key_id), ring.entry(other.entry.key_id))] == [NOW + 5, None]
    noted = path.stat().st_mtime_ns
    for second in (5, 30, 64):
        ring.verify(made.key, NOW + second)
    ring.note_uses()
    assert path.stat().st_mtime_ns == noted
    ring.verify(made.key, NOW + 65)
    ring.note_uses()
    assert ring.entry(made.entry.key_id).last_used == NOW + 65


def test_of_several_processes_one_notes_the_minute(ring: Keyring, path: Path) -> None:
    made = ring.create("2", "", NOW, None)
    other = Keyring(path)
    ring.verify(made.key, NOW + 5)
    other.verify(made.key, NOW + 20)
    ring.note_uses()
    noted = path.read_bytes()
    other.note_uses()
    assert path.read_bytes() == noted


def test_uses_are_written_by_a_thread_of_their_own(ring: Keyring, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "_SOON", 0.01)
    made = ring.create("2", "", NOW, None)
    ring.verify(made.key, NOW + 5)
    until = time.monotonic() + 20
    while ring.entry(made.entry.key_id).last_used is None and time.monotonic() < until:
        time.sleep(0.01)
    assert ring.entry(made.entry.key_id).last_used == NOW + 5


def test_a_use_that_cannot_be_written_stops_nobody(ring: Keyring, path: Path) -> None:
    made, gone = ring.create("2", "", NOW, None), ring.create("2", "", NOW, None)
    ring.verify(made.key, NOW + 5)
    ring.verify(gone.key, NOW + 5)
    Keyring(path).revoke(gone.entry.key_id)
    ring.note_uses()
    assert [row.last_used for row in ring.entries()] == [NOW + 5]
    ring.verify(made.key, NOW + 100)
    path.write_bytes(b"{")
    ring.note_uses()
    assert path.read_bytes() == b"{"


GOOD = {
    "user_id": "2",
    "label": "",
    "created": 1,
    "expires": None,
    "last_used": None,
    "salt": "00" * 16,
    "hash": "00" * 32,
}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "JSON"),
        (b'{"format": 1, "keys": {"0123456789ab": ', "JSON"),
        (b"\xff\xfe", "JSON"),
        (b'{"format": 1, "format": 1, "keys": {}}', "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "no object"),
        (b'{"keys": {}}', "format None"),
        (b'{"format": 2, "keys": {}}', "format 2"),
        (b'{"format": 1}', "'keys' is missing"),
        (b'{"format": 1, "keys": []}', "no file of keys"),
        (b'{"format": 1, "keys": {"0123456789ab": 7}}', "no file of keys"),
        *(
            (json.dumps({"format": 1, "keys": {key_id: {**GOOD, **spoilt}}}).encode(), why)
            for key_id, spoilt, why in [
                ("0123456789ab", {"created": "now"}, "created of the key 0123456789ab is str"),
                ("0123456789ab", {"expires": True}, "expires of the key 0123456789ab is bool"),
                ("0123456789ab", {"salt": "zz"}, "hexadecimal"),
                ("0123456789ab", {"hash": "00"}, "id or hash is none"),
                ("short", {}, "id or hash is none"),
            ]
        ),
    ],
)
def test_a_file_that_is_none_is_told_and_left_alone(ring: Keyring, path: Path, data: bytes, why: str) -> None:
    path.parent.mkdir()
    path.write_bytes(data)
    acts: list[Callable[[], Any]] = [
        ring.entries,
        lambda: ring.verify("x", NOW),
        lambda: ring.create("2", "", NOW, None),
        lambda: ring.revoke("0123456789ab"),
        lambda: ring.regenerate("0123456789ab", NOW),
    ]
    for act in acts:
        with pytest.raises(IntegrityFailure) as caught:
            act()
        assert str(path) in caught.value.message
        assert why in caught.value.message
    assert path.read_bytes() == data


@given(data=st.binary() | st.text().map(lambda text: json.dumps({"format": 1, "keys": {text: text}}).encode()))
def test_any_bytes_are_refused_in_our_own_words(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any-keys.json"
    path.write_bytes(data)
    with pytest.raises(ModelrefError) as caught:
        Keyring(path).entries()
    assert str(path) in caught.value.message


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Invalid, match="cannot be changed"):
        Keyring(tmp_path / "file" / "keys.json").create("2", "", NOW, None)


def test_a_file_that_others_can_read_is_told_and_closed_with_the_next_change(ring: Keyring, path: Path) -> None:
    assert ring.open_mode is None
    ring.create("2", "", NOW, None)
    assert ring.open_mode is None
    path.chmod(0o644)
    assert ring.open_mode == "0644"
    ring.create("2", "", NOW, None)
    assert ring.open_mode is None


def test_a_link_is_followed_and_stays_one(ring: Keyring, path: Path, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "real.json"
    place.parent.mkdir()
    path.parent.mkdir()
    path.symlink_to(place)
    made = ring.create("2", "", NOW, None)
    assert path.is_symlink()
    assert ring.verify(made.key, NOW) is not None
    assert sorted(file.name for file in place.parent.iterdir()) == ["real.json", "real.json.lock"]


def test_a_power_cut_leaves_the_old_keys_or_the_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keyring, "_note_use", lambda *_: None)  # a thread of its own would write into the cut
    acts: dict[str, Callable[[Keyring, str], Any]] = {
        "create": lambda ring, _: ring.create("3", "", NOW, None),
        "revoke": lambda ring, key_id: ring.revoke(key_id),
        "regenerate": lambda ring, key_id: ring.regenerate(key_id, NOW + 1),
    }
    for name, act in acts.items():
        ends = set()
        for at in range(100):
            path = tmp_path / f"{name}-{at}" / "keys.json"
            made = Keyring(path).create("2", "", NOW, None)
            before = path.read_bytes()
            end = cut(partial(act, Keyring(path), made.entry.key_id), at)
            ends.add(end)
            is_old = path.read_bytes() == before
            assert (Keyring(path).verify(made.key, NOW) is not None) == (is_old or name == "create")
            assert is_old == (end in ("before writing keys.json", "half a file"))
            Keyring(path).create("4", "", NOW, None)
            if end is None:
                break
        assert ends == {"before writing keys.json", "half a file", "after writing keys.json", None}


def test_many_threads_at_once_lose_no_key(path: Path) -> None:
    made: list[str] = []
    start = threading.Barrier(6)

    def make() -> None:
        mine = Keyring(path)  # the lock is of an open file: two of one process wait for each other like two processes
        start.wait()
        made.extend(mine.create("2", "", NOW, None).key for _ in range(6))

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = Keyring(path)
    assert len(found.entries()) == len(made) == 36
    assert all(found.verify(key, NOW) for key in made)
    found.note_uses()


MAKER = """
import sys
from pathlib import Path
from modelref_git.store.keyring import Keyring
ring = Keyring(Path(sys.argv[1]))
for number in range(20):
    made = ring.create("2", "", 1_750_000_000, None)
    if number % 5 == 0:
        ring.revoke(made.entry.key_id)
    else:
        print(made.key)
"""


@pytest.mark.long
def test_many_processes_at_once_lose_no_key(path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])}
    words = [sys.executable, "-c", MAKER, str(path)]
    makers = [subprocess.Popen(words, stdout=subprocess.PIPE, env=env, text=True) for _ in range(4)]
    keys = [key for maker in makers for key in maker.communicate(timeout=120)[0].split()]
    assert [maker.returncode for maker in makers] == [0] * 4
    found = Keyring(path)
    assert len(keys) == len(found.entries()) == 64
    assert all(found.verify(key, NOW) for key in keys)
    found.note_uses()
