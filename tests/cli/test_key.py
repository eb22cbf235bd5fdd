"""The contract of ``key``: cli.md, "Members, keys, policy"."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from modelref_git.operations.keys import keyring_of
from tests.support.world import ARTHUR, CAROL, OWNER, World

ROW = ["key_id", "user_id", "label", "created", "expires", "last_used"]


def _is_good(world: World, key: str) -> bool:
    ring = keyring_of(world.store)
    found = ring.verify(key, int(time.time())) is not None
    ring.note_uses()
    return found


def test_create_list_regenerate_revoke(world: World) -> None:
    made = world.run("key", "create", "2", "--label", "laptop", "--expires", "30", actor=CAROL).ok()
    assert list(made.json) == ["key", "key_id"]
    assert made.err == b""
    assert _is_good(world, made.json["key"])

    (row,) = world.run("key", "list", actor=CAROL).ok().json
    assert list(row) == ROW
    assert (row["key_id"], row["user_id"], row["label"]) == (made.json["key_id"], "2", "laptop")
    assert row["expires"] - row["created"] == 30 * 86_400

    again = world.run("key", "regenerate", made.json["key_id"], actor=CAROL).ok().json
    assert list(again) == ["key", "key_id"]
    assert (_is_good(world, made.json["key"]), _is_good(world, again["key"])) == (False, True)

    gone = world.run("key", "revoke", again["key_id"], actor=ARTHUR).ok().json
    assert list(gone) == ROW
    assert not _is_good(world, again["key"])
    assert world.run("key", "list", actor=OWNER).ok().json == []


def test_a_script_takes_the_key_from_stdout_and_a_person_is_told_to_keep_it(world: World) -> None:
    answer = world.say("key", "create", "2", actor=CAROL).ok()
    key = answer.out.decode().strip()
    assert answer.out.count(b"\n") == 1
    assert _is_good(world, key)
    assert b"only time" in answer.err
    assert key.encode() not in answer.err
    shown = world.say("key", "list", actor=CAROL).ok().out.decode()
    assert shown.startswith(f"{key.split('_')[1]}\t2\t\t20")
    assert key.split("_", 2)[2] not in shown
    revoked = world.say("key", "revoke", key, actor=CAROL).ok()
    assert revoked.out.decode() == f"revoked the key {key.split('_')[1]} of 2\n"


@pytest.mark.parametrize(
    ("words", "actor", "code"),
    [
        (("create", "99"), OWNER, 3),
        (("create", "3"), CAROL, 6),
        (("create", "2"), "mallory#66", 6),
        (("create", "2", "--expires", "0"), CAROL, 2),
        (("create", "2", "--expires", "soon"), CAROL, 2),
        (("create", "2", "--label", "x" * 121), CAROL, 2),
        (("create",), CAROL, 2),
        (("list",), "mallory#66", 6),
        (("revoke", "0123456789ab"), OWNER, 3),
        (("revoke", "0123456789ab"), "mallory#66", 6),
        (("revoke", "../../etc"), OWNER, 3),
        (("regenerate", "0123456789ab"), OWNER, 3),
        (("regenerate",), OWNER, 2),
    ],
)
def test_refusals(world: World, words: tuple[str, ...], actor: str, code: int) -> None:
    answer = world.run("key", *words, actor=actor)
    assert (answer.code, answer.out) == (code, b"")
    assert answer.error["message"]
    assert not (world.store.local_dir / "keys.json").exists()


def test_a_refusal_never_repeats_a_key(world: World) -> None:
    key = world.run("key", "create", "2", actor=CAROL).ok().json["key"]
    secret = key.split("_", 2)[2]
    world.run("key", "revoke", key, actor=CAROL).ok()
    for word in (key, secret, f"mrk_{secret}"):
        for verb in ("revoke", "regenerate"):
            answer = world.run("key", verb, word, actor=OWNER)
            assert answer.code == 3
            assert secret.encode() not in answer.err


def test_a_dry_run_shows_no_key(world: World) -> None:
    key_id = world.run("key", "create", "2", actor=CAROL).ok().json["key_id"]
    create = world.run("key", "create", "2", "--dry-run", actor=CAROL).ok().json
    assert create == {"key": None, "key_id": None, "dry_run": True}
    again = world.run("key", "regenerate", key_id, "--dry-run", actor=CAROL).ok().json
    assert again == {"key": None, "key_id": key_id, "dry_run": True}
    gone = world.run("key", "revoke", key_id, "--dry-run", actor=CAROL).ok().json
    assert (gone["key_id"], gone["dry_run"]) == (key_id, True)
    assert [row["key_id"] for row in world.run("key", "list", actor=CAROL).ok().json] == [key_id]
    said = world.say("key", "create", "2", "--dry-run", actor=CAROL).ok()
    assert (said.out, said.err) == (b"", b"dry run: nothing was changed\n")
    assert world.run("key", "create", "99", "--dry-run", actor=OWNER).code == 3


def test_the_environment_names_another_file(world: World, tmp_path: Path) -> None:
    env = {"MODELREF_KEYS_FILE": str(tmp_path / "keys.json")}
    made = world.run("key", "create", "2", actor=CAROL, env=env).ok().json
    assert made["key_id"] in json.loads((tmp_path / "keys.json").read_text())["keys"]
    assert world.run("key", "list", actor=CAROL, env=env).ok().json[0]["key_id"] == made["key_id"]
    assert world.run("key", "list", actor=CAROL).ok().json == []


def test_a_broken_file_is_named_and_left_alone(world: World) -> None:
    path = world.store.local_dir / "keys.json"
    path.write_bytes(b'{"format": 7}')
    for words in (("create", "2"), ("list",), ("revoke", "0123456789ab"), ("regenerate", "0123456789ab")):
        answer = world.run("key", *words, actor=OWNER)
        assert (answer.code, answer.error["code"]) == (9, "integrity")
        assert "keys.json has format 7" in answer.error["message"]
    assert path.read_bytes() == b'{"format": 7}'


def test_a_clone_has_keys_of_its_own(world: World, tmp_path: Path) -> None:
    key_id = world.run("key", "create", "2", actor=CAROL).ok().json["key_id"]
    clone = World(tmp_path / "clone")
    World(tmp_path).run("clone", str(world.path), str(clone.path), actor=None).ok()
    assert clone.run("key", "list", actor=OWNER).ok().json == []
    mine = clone.run("--offline", "key", "create", "2", actor=CAROL).ok().json
    assert [row["key_id"] for row in clone.run("key", "list", actor=OWNER).ok().json] == [mine["key_id"]]
    assert [row["key_id"] for row in world.run("key", "list", actor=OWNER).ok().json] == [key_id]
