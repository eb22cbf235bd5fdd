from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelref_git.errors import Forbidden, IntegrityFailure, NotFound, UsageFault
from modelref_git.operations.keys import (
    create_key,
    keyring_of,
    list_keys,
    may_make_for_others,
    regenerate_key,
    revoke_key,
)
from modelref_git.operations.members import change_roles, remove_member
from modelref_git.operations.policy_settings import set_policy
from modelref_git.store.keyring import Keyring
from tests.support.world import ARTHUR, CAROL, OWNER, START, World

DORA = "dora#4"


@pytest.fixture(autouse=True)
def _no_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread stays behind that would write when a key was used."""
    monkeypatch.setattr(Keyring, "_note_use", lambda *_: None)


def _file(world: World) -> Path:
    return world.store.local_dir / "keys.json"


def test_a_member_makes_keys_for_themself_and_an_approver_for_anybody(world: World) -> None:
    for actor, ident in ((CAROL, "2"), (CAROL, "carol#2"), (ARTHUR, "2"), (OWNER, "3"), (ARTHUR, "somebody#3")):
        answer = create_key(world.context(actor), ident)
        assert list(answer) == ["key", "key_id"]
        entry = keyring_of(world.store).verify(answer["key"], START)
        assert entry is not None
        assert (entry.key_id, entry.user_id) == (answer["key_id"], ident.rpartition("#")[2])


@pytest.mark.parametrize(
    ("actor", "ident", "fault"),
    [
        (CAROL, "3", Forbidden),
        (CAROL, "99", Forbidden),
        (DORA, "2", Forbidden),
        (None, "2", Forbidden),
        (OWNER, "99", NotFound),
        (OWNER, "", NotFound),
        (DORA, "4", NotFound),
    ],
)
def test_nobody_else_makes_a_key(world: World, actor: str | None, ident: str, fault: type[Exception]) -> None:
    with pytest.raises(fault) as caught:
        create_key(world.context(actor), ident)
    if fault is NotFound:
        assert "member add" in (caught.value.hint or "")  # type: ignore[attr-defined]
    assert not _file(world).exists()


def test_an_approver_of_one_category_makes_no_key_for_others_and_sees_none(world: World) -> None:
    world.pass_policy(change_roles(world.context(), "2", ["+approver:clip"]))
    theirs = create_key(world.context(OWNER), "1")
    with pytest.raises(Forbidden):
        create_key(world.context(CAROL), "1")
    with pytest.raises(Forbidden):
        revoke_key(world.context(CAROL), theirs["key_id"])
    with pytest.raises(Forbidden):
        regenerate_key(world.context(CAROL), theirs["key_id"])
    assert list_keys(world.context(CAROL)) == []


def test_a_key_has_a_label_and_an_end(world: World) -> None:
    answer = create_key(world.context(CAROL), "2", label="  laptop ", days=30)
    (row,) = list_keys(world.context(CAROL))
    assert row == {
        "key_id": answer["key_id"],
        "user_id": "2",
        "label": "laptop",
        "created": START,
        "expires": START + 30 * 86_400,
        "last_used": None,
    }


@pytest.mark.parametrize(("label", "days"), [("x" * 121, None), ("a\nb", None), ("", 0), ("", -1), ("", 36_501)])
def test_a_label_or_an_end_that_makes_no_sense_is_refused(world: World, label: str, days: int | None) -> None:
    with pytest.raises(UsageFault):
        create_key(world.context(CAROL), "2", label=label, days=days)
    assert not _file(world).exists()


def test_an_approver_sees_all_keys_a_member_their_own_and_others_none(world: World) -> None:
    made = [create_key(world.context(OWNER), ident)["key_id"] for ident in ("1", "2", "3", "2")]
    assert {row["key_id"] for row in list_keys(world.context(ARTHUR))} == set(made)
    assert {row["key_id"] for row in list_keys(world.context(CAROL))} == {made[1], made[3]}
    for actor in (DORA, None):
        with pytest.raises(Forbidden):
            list_keys(world.context(actor))


def test_revoke_takes_a_key_away_by_its_id_or_by_itself(world: World) -> None:
    first, second = (create_key(world.context(CAROL), "2") for _ in range(2))
    assert revoke_key(world.context(CAROL), first["key_id"])["key_id"] == first["key_id"]
    assert revoke_key(world.context(ARTHUR), second["key"])["user_id"] == "2"
    ring = keyring_of(world.store)
    assert [ring.verify(one["key"], START) for one in (first, second)] == [None, None]
    with pytest.raises(NotFound):
        revoke_key(world.context(ARTHUR), first["key_id"])


def test_only_its_owner_or_an_approver_touches_a_key(world: World) -> None:
    mine, theirs = create_key(world.context(CAROL), "2"), create_key(world.context(ARTHUR), "3")
    before = _file(world).read_bytes()
    for act in (revoke_key, regenerate_key):
        for actor, key_id in ((CAROL, theirs["key_id"]), (DORA, mine["key_id"]), (None, mine["key_id"])):
            with pytest.raises(Forbidden):
                act(world.context(actor), key_id)
    assert _file(world).read_bytes() == before


def test_regenerate_answers_a_new_key_and_the_old_one_is_dead(world: World) -> None:
    old = create_key(world.context(CAROL), "2", label="laptop", days=10)
    world.clock.tick(86_400)
    new = regenerate_key(world.context(CAROL), old["key_id"])
    assert list(new) == ["key", "key_id"]
    assert new["key_id"] == old["key_id"]
    (row,) = list_keys(world.context(CAROL))
    assert (row["label"], row["created"], row["expires"]) == ("laptop", START + 86_400, START + 11 * 86_400)
    ring = keyring_of(world.store)
    assert ring.verify(old["key"], START) is None
    entry = ring.verify(new["key"], START)
    assert entry is not None


def test_who_has_left_gets_no_new_secret_and_can_touch_nothing(world: World) -> None:
    made = create_key(world.context(CAROL), "2")
    world.pass_policy(remove_member(world.context(), "2"))
    with pytest.raises(NotFound, match="only members"):
        regenerate_key(world.context(OWNER), made["key_id"])
    for act in (revoke_key, regenerate_key):
        with pytest.raises(Forbidden):
            act(world.context(CAROL), made["key_id"])
    assert revoke_key(world.context(OWNER), made["key_id"])["user_id"] == "2"


def test_a_dry_run_checks_all_and_writes_nothing(world: World) -> None:
    made = create_key(world.context(CAROL), "2")
    before = _file(world).read_bytes()
    assert create_key(world.context(CAROL, dry_run=True), "2") == {"key": None, "key_id": None}
    assert regenerate_key(world.context(CAROL, dry_run=True), made["key_id"]) == {
        "key": None,
        "key_id": made["key_id"],
    }
    assert revoke_key(world.context(CAROL, dry_run=True), made["key_id"])["key_id"] == made["key_id"]
    with pytest.raises(Forbidden):
        create_key(world.context(CAROL, dry_run=True), "3")
    assert _file(world).read_bytes() == before
    _file(world).write_bytes(b"{")
    with pytest.raises(IntegrityFailure):
        create_key(world.context(CAROL, dry_run=True), "2")


def test_keys_change_nothing_of_the_dataset_and_may_stand_elsewhere(world: World, tmp_path: Path) -> None:
    refs, objects = world.refs(), world.objects()
    place = tmp_path / "elsewhere" / "keys.json"
    made = create_key(world.context(CAROL), "2", path=place)
    assert [row["key_id"] for row in list_keys(world.context(CAROL), path=place)] == [made["key_id"]]
    regenerate_key(world.context(CAROL), made["key_id"], path=place)
    revoke_key(world.context(CAROL), made["key_id"], path=place)
    assert json.loads(place.read_text()) == {"format": 1, "keys": {}}
    assert not _file(world).exists()
    assert (world.refs(), world.objects()) == (refs, objects)


def test_an_open_file_is_told_and_a_change_closes_it(world: World) -> None:
    create_key(world.context(CAROL), "2")
    assert world.warnings == []
    _file(world).chmod(0o664)
    list_keys(world.context(CAROL))
    create_key(world.context(CAROL, dry_run=True), "2")
    assert len(world.warnings) == 2
    assert all("0664" in text and "chmod 600" in text for text in world.warnings)
    create_key(world.context(CAROL), "2")
    assert "closed" in world.warnings.pop()
    assert oct(_file(world).stat().st_mode)[-3:] == "600"


def test_over_the_network_an_approver_makes_the_keys_of_others_only_while_there_is_no_other_approver(
    world: World,
) -> None:
    assert not may_make_for_others(world.context(OWNER), remote=True)
    assert may_make_for_others(world.context(OWNER))
    assert not may_make_for_others(world.context(CAROL))
    theirs = create_key(world.context(OWNER), "3")["key_id"]
    with pytest.raises(Forbidden, match="one person could pass for two"):
        create_key(world.context(OWNER), "3", remote=True)
    with pytest.raises(Forbidden, match="one person could pass for two"):
        regenerate_key(world.context(OWNER), theirs, remote=True)
    own = create_key(world.context(ARTHUR), "3", remote=True)
    assert regenerate_key(world.context(ARTHUR), own["key_id"], remote=True)["key_id"] == own["key_id"]
    world.pass_policy(change_roles(world.context(), "3", ["-approver", "+requestor"]))
    assert may_make_for_others(world.context(OWNER), remote=True)
    assert create_key(world.context(OWNER), "3", remote=True)["key"]
    world.pass_policy(set_policy(world.context(), [("flag_roles.moderator", ["approver:clip"])]))
    assert not may_make_for_others(world.context(OWNER), remote=True), "whoever is a moderator there could approve"
