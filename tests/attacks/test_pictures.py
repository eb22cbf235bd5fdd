"""Attacks with pictures: files that nobody names, that are not what they are called, or that were there before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from modelref_git.operations.picture_files import name_of
from modelref_git.operations.pictures import Upload, image_add
from modelref_git.proposals import events
from modelref_git.records import codec
from modelref_git.store.log import read_proposal
from tests.attacks.forging import Forger, record_at
from tests.attacks.judge import caught, findings
from tests.attacks.story import world_change
from tests.support.pictures import picture
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

PNG = picture("PNG")
NAME = name_of(PNG)
FACTS = {"media_type": "image/png", "width": 24, "height": 16, "size_bytes": len(PNG)}


def path_of(data: bytes) -> str:
    return f"pictures/{name_of(data)}"


def entry(data: bytes = PNG, **more: Any) -> dict[str, Any]:
    return {"sha256": name_of(data), **more}


def shown(forger: Forger, *entries: Mapping[str, Any]) -> dict[str, Any]:
    """The live record ``ViT-L/14`` of ``clip`` with *entries* for its pictures."""
    record = codec.without_remainder(record_at(forger, "clip", "ViT-L/14"))
    return {key: value for key, value in record.items() if key != "pictures"} | {"pictures": list(entries)}


def proposal(forger: Forger, *entries: Mapping[str, Any], files: Mapping[str, bytes | None]) -> str:
    """A queued update of ``ViT-L/14`` that names *entries* and touches *files* besides; gives its commit."""
    made = forger.proposal("update", "clip", "ViT-L/14", shown(forger, *entries), more=files)
    forger.enqueue(made)
    return made


def live(forger: Forger, data: bytes = PNG) -> None:
    """An honest picture of ``ViT-L/14``, on main; verifying from there on is quicker."""
    world = World(forger.path)
    world.clock.now = forger.now
    number = image_add(world.context(CAROL), "clip", "ViT-L/14", [Upload(data)])["change_id"]
    # What the story has left open stays so: the batch is applied without it.
    world.approve(number)
    world.run("apply", str(number), actor=ARTHUR).ok()
    forger.trusted = forger.head


def test_an_honest_picture_is_no_finding(forger: Forger) -> None:
    proposal(forger, entry(**FACTS, prompt="a cat"), files={path_of(PNG): PNG})
    assert findings(forger) == []


def test_a_picture_that_no_record_names(forger: Forger) -> None:
    other = picture("GIF")
    bad = proposal(forger, entry(), files={path_of(PNG): PNG, path_of(other): other})
    found = caught(forger, "proposal.pictures", bad)
    assert "picture.unnamed" in found[0]["message"]
    assert found[0]["change_id"] == forger.queue.header.last_change_id


@pytest.mark.long
def test_a_picture_beside_a_delete(forger: Forger) -> None:
    bad = forger.proposal("delete", "clip", "ViT-L/14", None, more={path_of(PNG): PNG})
    forger.enqueue(bad)
    caught(forger, "proposal.pictures", bad)


def test_a_picture_whose_bytes_are_not_its_name(forger: Forger) -> None:
    bad = proposal(forger, entry(), files={path_of(PNG): picture("JPEG")})
    assert "picture.name" in caught(forger, "proposal.pictures", bad)[0]["message"]


@pytest.mark.long
@pytest.mark.parametrize("tail", [b"\0", b"PK\x05\x06" + bytes(18), b"<script>alert(1)</script>"])
def test_a_picture_with_something_behind_its_end(forger: Forger, tail: bytes) -> None:
    data = PNG + tail
    bad = proposal(forger, entry(data), files={path_of(data): data})
    assert "picture." in caught(forger, "proposal.pictures", bad)[0]["message"]


@pytest.mark.long
def test_a_page_that_is_called_a_picture(forger: Forger) -> None:
    data = b"<!doctype html><script>alert(1)</script>"
    bad = proposal(forger, entry(data), files={path_of(data): data})
    assert "picture.kind" in caught(forger, "proposal.pictures", bad)[0]["message"]


@pytest.mark.long
def test_a_picture_that_is_larger_than_one_may_be(forger: Forger) -> None:
    data = PNG + bytes(50_000_001 - len(PNG))
    bad = proposal(forger, entry(data), files={path_of(data): data})
    assert "picture.size" in caught(forger, "proposal.pictures", bad)[0]["message"]


@pytest.mark.parametrize("key", ["width", "media_type"])
def test_an_entry_that_lies_about_its_file(forger: Forger, key: str) -> None:
    lies = {**FACTS, "width": 25} if key == "width" else {**FACTS, "media_type": "image/gif"}
    bad = proposal(forger, entry(**lies), files={path_of(PNG): PNG})
    found = caught(forger, "proposal.pictures", bad)
    assert f"/pictures/0/{key}" in found[0]["message"]


@pytest.mark.long
def test_a_picture_that_is_named_and_not_there(forger: Forger) -> None:
    bad = proposal(forger, entry(), files={})
    assert "picture.missing" in caught(forger, "proposal.pictures", bad)[0]["message"]


@pytest.mark.long
def test_a_picture_that_is_named_twice(forger: Forger) -> None:
    bad = proposal(forger, entry(), entry(prompt="another"), files={path_of(PNG): PNG})
    assert "picture.twice" in caught(forger, "proposal.pictures", bad)[0]["message"]


@pytest.mark.long
@pytest.mark.parametrize("path", ["pictures/README", f"pictures/x/{NAME}", f"pictures/{NAME.upper()}", "pictures"])
def test_what_is_no_picture_among_the_pictures(forger: Forger, path: str) -> None:
    bad = proposal(forger, files={path: PNG})
    caught(forger, "proposal.scope", bad)


def test_a_picture_that_is_changed(forger: Forger) -> None:
    live(forger)
    bad = proposal(forger, entry(**FACTS, prompt="x"), files={path_of(PNG): picture("GIF")})
    caught(forger, "proposal.scope", bad, also=("proposal.pictures",))


@pytest.mark.long
def test_a_picture_that_is_removed(forger: Forger) -> None:
    live(forger)
    bad = proposal(forger, files={path_of(PNG): None})
    caught(forger, "proposal.scope", bad)


@pytest.mark.long
def test_a_picture_of_main_that_another_entry_lies_about(forger: Forger) -> None:
    live(forger)
    bad = proposal(forger, entry(**FACTS | {"size_bytes": 1}), files={})
    caught(forger, "proposal.pictures", bad)


def test_a_merge_with_a_picture_more(forger: Forger) -> None:
    numbers = [world_change(World(forger.path), "waits")]
    batch = forger.queue.batch(forger.queue.header.open_batch or 0)
    assert batch is not None
    members = [forger.change(number) for number in numbers]
    bad = forger.merge(batch.head, members, batch.batch_id, more={path_of(PNG): PNG})
    forger.approve(numbers, merge=bad)
    caught(forger, "merge.tree", bad)


@pytest.mark.long
def test_a_merge_with_a_picture_less(forger: Forger) -> None:
    proposal(forger, entry(**FACTS), files={path_of(PNG): PNG})
    forger.trusted = forger.head
    number = forger.queue.header.last_change_id
    batch = forger.queue.batch(forger.queue.header.open_batch or 0)
    assert batch is not None
    bad = forger.merge(batch.head, [forger.change(number)], batch.batch_id)
    forger.approve([number], merge=bad)
    caught(forger, "merge.tree", bad)


@pytest.mark.long
def test_a_policy_that_brings_a_picture(forger: Forger) -> None:
    settings = forger.read("main:modelref.toml").replace(b"approvals = 1", b"approvals = 1\n# more")
    tree = forger.tree("main^{tree}", {"modelref.toml": settings, path_of(PNG): PNG})
    message = forger_policy_message(forger)
    bad = forger.commit(tree, [forger.main], message, author="olivia <olivia@people.example>")
    forger.enqueue(bad, actor=OWNER)
    caught(forger, "proposal.scope", bad)


def forger_policy_message(forger: Forger) -> str:
    """The message of a proposal that changes the policy."""
    number = next(
        number
        for number in range(1, forger.queue.header.last_change_id + 1)
        if (change := forger.queue.change(number)) is not None and change.category == "policy"
    )
    made = read_proposal(forger.store, forger.change(number).commit)
    return made.message().replace(str(made.requestor), OWNER)


@pytest.mark.long
def test_an_import_with_a_picture_that_none_of_its_records_names(forger: Forger) -> None:
    bad = forger.administrative(events.IMPORT, forger.tree("main^{tree}", {path_of(PNG): PNG}))
    caught(forger, "main.pictures", bad)


@pytest.mark.long
def test_an_import_of_a_record_whose_picture_is_missing(forger: Forger) -> None:
    record = {"name": "new", **{key: value for key, value in clip("new").items() if key == "description"}}
    body = {**record_at(forger, "clip", "ViT-L/14"), **record, "record_type": "ti", "pictures": [entry()]}
    dataset = forger.dataset()
    data = codec.encode(codec.decode(json.dumps(body).encode()), dataset.schema("ti").order)
    bad = forger.administrative(events.IMPORT, forger.tree("main^{tree}", {dataset.path("ti", "new"): data}))
    caught(forger, "main.pictures", bad, also=("main.import",))


@pytest.mark.long
def test_a_layout_that_removes_a_picture(forger: Forger) -> None:
    live(forger)
    bad = forger.administrative(events.LAYOUT, forger.tree("main^{tree}", {path_of(PNG): None}))
    caught(forger, "main.layout", bad)


@pytest.mark.long
def test_what_is_adopted_removes_no_picture(forger: Forger) -> None:
    live(forger)
    tree = forger.tree("main^{tree}", {path_of(PNG): None})
    stranger = forger.commit(tree, [forger.main], "tidy up\n", author="olivia <olivia@people.example>")
    forger.event(events.ADOPT, ARTHUR, stranger=stranger, main=stranger)
    caught(forger, "main.adopt", stranger)
