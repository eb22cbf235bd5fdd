"""``verify`` and ``audit replay`` as a shell sees them."""

from __future__ import annotations

from tests.attacks.forging import Forger
from tests.support.world import World, clip


def test_what_can_be_believed_exits_with_0(world: World) -> None:
    answer = world.run("verify").ok()
    assert set(answer.json) == {"ok", "checked", "findings"}
    assert set(answer.json["checked"]) == {"commits", "events", "changes", "batches"}
    assert world.run("audit", "replay").ok().json == {"equal": True, "differences": []}
    assert world.say("verify").ok().out.startswith(b"verified: ")
    assert world.say("audit", "replay").ok().out == b"both sides are equal\n"


def test_a_finding_is_told_on_stdout_with_9(world: World) -> None:
    number = world.create("clip", "x\ny", clip("x\ny"))
    bad = Forger(world.path).event("hold", "carol#2", change_ids=(number,))
    answer = world.run("verify")
    assert answer.code == 9
    assert not answer.json["ok"]
    finding = answer.json["findings"][0]
    assert set(finding) == {"rule", "commit", "event_id", "message", "change_id"}
    assert (finding["rule"], finding["commit"], finding["change_id"]) == ("role.approver", bad, number)
    assert answer.error["code"] == "integrity"
    told = world.say("verify")
    assert told.code == 9
    assert told.out.decode().splitlines() == [
        f"role.approver: carol#2 is no approver of clip (event {finding['event_id']}) [{bad}]"
    ]


def test_a_difference_is_told_on_stdout_with_9(world: World) -> None:
    forger = Forger(world.path)
    text = forger.git("log", "-1", "--format=%B", "queue") + "\n"
    parents = forger.git("log", "-1", "--format=%P", "queue").split()
    tree = forger.tree("queue^{tree}", {"extra.json": b"{}\n"})
    forger.point("refs/heads/queue", forger.commit(tree, parents, text))
    for words in (("replay",), ("replay", "--queue"), ("replay", "--queue", "--dataset")):
        answer = world.run("audit", *words)
        assert answer.code == 9
        assert [row["path"] for row in answer.json["differences"]] == ["extra.json"]
        assert world.say("audit", *words).out.startswith(b"queue: ")
    world.run("audit", "replay", "--dataset").ok()


def test_the_note_about_claims_is_no_part_of_the_answer(world: World) -> None:
    quiet = world.run("verify").ok()
    assert "notes" not in quiet.json
    assert b"rests on claims" in world.say("verify").ok().err
    assert b"rests on claims" in quiet.err


def test_what_is_not_there_exits_with_3_and_what_is_no_event_with_9(world: World) -> None:
    assert world.run("verify", "--from", "nowhere").code == 3
    assert world.run("verify", "--from", "100000").code == 3
    answer = world.run("verify", "--from", "main")
    assert answer.code == 9
    assert [row["rule"] for row in answer.json["findings"]] == ["queue.rewritten"]
    assert world.run("audit", "replay", "--at", "nowhere").code == 3


def test_no_role_is_needed(world: World) -> None:
    world.run("verify", actor="nobody#99").ok()
    world.run("audit", "replay", actor="nobody#99").ok()
