"""Verify: what is honest has no findings, from wherever one begins, and the figures say what was looked at."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from modelref_git.errors import Forbidden, NotFound, WrongState
from modelref_git.operations.adopt import adopt, disown
from modelref_git.operations.verify import verify
from modelref_git.operations.verifying.catalogue import EVENT_RULES, SECTIONS
from tests.attacks.forging import Forger, passed
from tests.attacks.story import honest
from tests.support.clean import assert_clean
from tests.support.world import World, clip


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> World:
    """An honest repository with a history of every kind of step, to be read."""
    return honest(tmp_path_factory.mktemp("story") / "dataset.git")


def test_an_honest_repository_has_no_findings(story: World) -> None:
    assert_clean(story.path)


def test_a_new_repository_has_no_findings_either(world: World, empty_world: World) -> None:
    assert_clean(world.path)
    assert_clean(empty_world.path)


def test_it_has_none_from_any_event_on(story: World) -> None:
    head = Forger(story.path).queue.header
    for number in range(1, head.last_event_id + 1, 9):
        report = verify(story.context(), since=str(number))
        assert report.findings == [], number
        assert report.events <= head.last_event_id - number + 1


def test_every_kind_of_event_is_in_the_story(story: World) -> None:
    from modelref_git.proposals.events import ACTIONS

    rows = story.git("log", "--first-parent", "--format=%(trailers:key=Event,valueonly)", "queue").split()
    assert set(rows) == set(ACTIONS)


def test_the_figures_count_what_was_looked_at(story: World) -> None:
    report = verify(story.context())
    header = Forger(story.path).queue.header
    assert report.as_json()["checked"]["events"] == header.last_event_id
    assert report.as_json()["checked"]["changes"] == header.last_change_id
    assert report.as_json()["checked"]["batches"] == header.last_batch_id
    assert report.as_json()["checked"]["commits"] > int(story.git("rev-list", "--first-parent", "--count", "queue"))


def test_from_the_newest_event_on_there_is_nothing_to_look_at(story: World) -> None:
    for since in (str(Forger(story.path).queue.header.last_event_id), "queue"):
        report = verify(story.context(), since=since)
        assert report.as_json() == {
            "ok": True,
            "checked": {"commits": 0, "events": 0, "changes": 0, "batches": 0},
            "findings": [],
        }


def test_digits_beyond_the_last_event_are_a_revision(story: World) -> None:
    with pytest.raises(NotFound):
        verify(story.context(), since="99999999")
    with pytest.raises(NotFound):
        verify(story.context(), since="0")
    with pytest.raises(NotFound):
        verify(story.context(), since="nowhere")


def test_a_revision_that_is_no_event_is_no_ground_to_stand_on(story: World) -> None:
    assert [item.rule for item in verify(story.context(), since="main").findings] == ["queue.rewritten"]


def test_what_is_wrong_before_the_trusted_event_is_not_looked_at(world: World) -> None:
    forger = Forger(world.path)
    number = world.create("clip", "x", clip("x"))
    bad = forger.event("hold", "carol#2", change_ids=(number,))
    forger.event("unhold", "arthur#3", change_ids=(number,))
    assert [(item.rule, item.commit) for item in verify(world.context()).findings] == [("role.approver", bad)]
    assert verify(world.context(), since=bad).findings == []


def test_a_review_that_rests_on_claims_says_so(story: World) -> None:
    assert len(verify(story.context()).notes) == 1


def test_what_cannot_be_read_is_a_finding_and_no_crash(world: World) -> None:
    forger = Forger(world.path)
    header = world.files("queue")["state.json"]
    for data in (b"[]", b"no json", b'{"format": 1, "genesis": 7, "what": true}', b'{"format": 2}'):
        tree = forger.tree("queue^{tree}", {"state.json": data})
        bad = forger.commit(tree, [forger.git("rev-parse", "queue")], forger.git("log", "-1", "--format=%B") + "\n")
        before = forger.git("rev-parse", "queue")
        forger.point("refs/heads/queue", bad)
        findings = verify(world.context()).findings
        assert {item.commit for item in findings} == {bad}, data
        forger.point("refs/heads/queue", before)
    assert world.files("queue")["state.json"] == header


def test_a_long_log_costs_no_more_for_what_is_new(world: World) -> None:
    read: list[int] = []
    for _ in range(2):
        for number in range(12):
            world.create("clip", f"n {len(read)} {number}", clip(f"n {len(read)} {number}"))
        context = world.context()
        counted = _Counting(context.store)
        context.store.read = counted  # type: ignore[method-assign]
        last = Forger(world.path).queue.header.last_event_id
        assert verify(context, since=str(last - 5)).findings == []
        read.append(counted.count)
    # The cost may differ by trees that grew a level, not by how long the log is.
    assert read[1] <= read[0] * 1.3


class _Counting:
    """Counts the objects that a store reads."""

    def __init__(self, store: object) -> None:
        self._read = store.read  # type: ignore[attr-defined]
        self.count = 0

    def __call__(self, oid: str) -> tuple[str, bytes]:
        self.count += 1
        return self._read(oid)  # type: ignore[no-any-return]


def test_every_rule_has_a_sentence_and_an_id_of_its_own() -> None:
    told = [rule for _, rules in SECTIONS for rule in rules]
    assert len({rule.id for rule in told}) == len(told)
    assert {rule.id for rule in EVENT_RULES} <= {rule.id for rule in told}
    for rule in told:
        assert rule.text.endswith(".")


def test_every_rule_is_broken_by_some_attack() -> None:
    page = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].glob("attacks/test_*.py"))
    missing = [rule.id for _, rules in SECTIONS for rule in rules if f'"{rule.id}"' not in page]
    assert missing == ["review.policy"]  # its findings have the ids of the policy's own rules


def test_what_would_be_refused_is_not_written_a_merge_into_main_from_the_side(world: World) -> None:
    forger = Forger(world.path)
    world.apply(world.approve(world.create("clip", "x", clip("x"))))
    path = forger.dataset().path("clip", "ViT-L/14")
    aside = forger.git("rev-parse", "main~1")
    other = forger.commit(forger.tree(aside, {path: None}), [aside], "aside\n")
    forger.point("refs/heads/main", forger.commit(forger.tree("main", {path: None}), [other, forger.main], "merge\n"))
    with pytest.raises(WrongState):
        adopt(world.context(), "main", reason="R")
    disown(world.context(), "main", reason="R")
    assert_clean(world.path)


def test_what_would_be_refused_is_not_written_a_signature_in_the_name_of_another(world: World, tmp_path: Path) -> None:
    key = tmp_path / "carol"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    mail = 'emails = ["carol@people.example"]\nssh_keys = '
    forger = Forger(world.path)
    settings = forger.read("main:modelref.toml").decode().replace(f"{mail}[]", f'{mail}["{public}"]')
    passed(forger, forger.tree("main", {"modelref.toml": settings.encode()}))
    world.clock.now = forger.now
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", str(key)), ("commit.gpgsign", "true")):
        world.git("config", name, value)
    number = world.create("clip", "x", clip("x"))
    assert "gpgsig" in world.git("cat-file", "commit", "queue")
    with pytest.raises(Forbidden):
        world.approve(number)
    world.git("config", "commit.gpgsign", "false")
    world.approve(number)
    assert_clean(world.path)
