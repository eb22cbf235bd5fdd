from __future__ import annotations

import pytest

from modelref_git.operations.notes import note_add, note_list
from modelref_git.store.layout import NOTES
from tests.support.replicas import Followed
from tests.support.world import World


@pytest.mark.long
def test_a_replica_has_no_notes_of_its_source(followed: Followed) -> None:
    world = followed.world
    note_add(world.context(), "clip", "A", "a remark of the team's", team=True)
    followed.add("B")
    followed.sync()
    replica = World(followed.folder.path / "repo.git")
    assert not [ref for ref in replica.refs() if "notes" in ref]
    assert world.refs()[NOTES] not in replica.objects()
    assert note_list(replica.context(), "clip", "A") == []
    assert note_list(world.context(), "clip", "A")
    for path in followed.folder.path.rglob("*"):
        assert not path.is_file() or b"a remark of the team" not in path.read_bytes()
