"""What the last verification said."""

from __future__ import annotations

from modelref_git.operations.verified import last_verified
from tests.support.world import World, clip


def test_the_last_verification_is_told_and_whether_more_happened_since(world: World) -> None:
    assert last_verified(world.context()) is None
    world.run("verify").ok()
    told = last_verified(world.context())
    assert told is not None
    assert (told["ok"], told["findings"], told["is_newest"]) == (True, [], True)
    world.create("clip", "one", clip("one"))
    later = last_verified(world.context())
    assert later is not None
    assert later["is_newest"] is False


def test_findings_are_told_and_a_broken_file_is_none(world: World) -> None:
    (world.path / "extra").write_text("x")
    world.git("add", "extra")
    world.git("-c", "user.name=x", "-c", "user.email=x@y.example", "commit", "-qm", "by hand")
    assert world.run("verify").code == 9
    told = last_verified(world.context())
    assert told is not None
    assert told["ok"] is False
    assert told["findings"]
    path = world.store.local_dir / "cache" / "verified.json"
    path.write_text("[1")
    assert last_verified(world.context()) is None
