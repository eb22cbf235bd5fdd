"""A queue that is imported: nothing is lost, nothing is made up, and work goes on from there."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelref_git.errors import Conflict, Forbidden, Invalid, NotFound, UsageFault, WrongState
from modelref_git.formats.upstream import changes
from modelref_git.operations.apply import apply_changes
from modelref_git.operations.audit import audit_batch, audit_batches, audit_current, audit_net_changes
from modelref_git.operations.audit_events import EventFilters, list_events
from modelref_git.operations.changes import Filters, diff_change, list_changes, show_change
from modelref_git.operations.import_options import ImportOptions
from modelref_git.operations.import_records import import_source
from modelref_git.operations.members import add_member
from modelref_git.operations.purge import purge_changes
from modelref_git.operations.rebase import propose_rebase
from modelref_git.operations.revert import revert_batch
from modelref_git.operations.status import change_status
from modelref_git.operations.verify import verify
from modelref_git.proposals import events, spans
from modelref_git.store.kept_queue import read_source
from tests.crash.quick import no_syncing
from tests.support.clean import assert_clean
from tests.support.upstream import Row, Upstream, alone, bring_live_data, bring_queue, taken_over
from tests.support.world import ARTHUR, CAROL, OWNER, START, World, clip

__all__ = ["no_syncing"]
pytestmark = pytest.mark.usefixtures("no_syncing")

NAMES = ["a", "b/c", "Straße", "d"]
APART = ("payload", "related_models")
"""Fields that are not compared one by one: what is proposed, and what only the source keeps."""

ANN = "ann#90"


def played(seeds: list[tuple[str, int]]) -> Upstream:
    """A service on which things were done as *seeds* say, as far as it let them."""
    service = Upstream(live={("clip", name): clip(name, description="as it began") for name in NAMES[:2]})
    for count, (kind, seed) in enumerate(seeds):
        chance = random.Random(seed)
        name = chance.choice(NAMES)
        waiting = [n for n in service.records if service.status(n) == "pending"]
        approved = [n for n in service.records if service.status(n) == "approved"]
        user = chance.choice(["77", "78"])
        if kind in ("create", "update", "delete"):
            if (("clip", name) in service.live) != (kind == "create"):
                payload = clip(name, description=f"text {count}") if kind != "delete" else None
                service.enqueue(kind, "clip", name, payload, user)
        elif kind == "review":
            picked = chance.sample(waiting, chance.randint(0, len(waiting)))
            cut = chance.randint(0, len(picked))
            service.review(picked[:cut], picked[cut:], title=f"batch of step {count}", reason=f"reason {count}")
        elif kind == "failed review":
            service.review([*waiting[:1], 10_000])
        elif kind == "apply":
            job = chance.choice([None, f"job {count}"])
            service.apply(chance.sample(approved, chance.randint(0, len(approved))), job=job)
        elif kind == "purge" and service.records:
            service.purge(chance.sample(list(service.records), 1))
    return service


def kinds() -> st.SearchStrategy[str]:
    often = ["create", "update", "delete", "review", "review", "apply"]
    return st.sampled_from([*often, *often, "failed review", "purge"])


STORIES = st.lists(st.tuples(kinds(), st.integers(0, 2**20)), max_size=30)


@pytest.fixture
def folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="modelref-import-"))
    yield place
    shutil.rmtree(place)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STORIES)
def test_whatever_was_done_at_the_service_comes_in_as_it_was(seeds: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        check_story(seeds, Path(place))


@pytest.mark.long
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STORIES)
def test_whatever_was_done_at_the_service_comes_in_as_it_was_many_times(seeds: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        check_story(seeds, Path(place))


def check_story(seeds: list[tuple[str, int]], place: Path) -> None:
    service = played(seeds)
    world, answer = taken_over(service, place, keep_going=True)
    assert answer["change_ids"] == sorted(service.records)
    operations = [row["operation"] for row in service.records.values()]
    assert [answer[f"{kind}d"] for kind in ("create", "update")] == [operations.count(k) for k in ("create", "update")]
    assert answer["deleted"] == operations.count("delete")
    assert {row["name"] for row in answer["rejected"]} == {str(n) for n in service.records if impossible(service, n)}

    view = world.context().view()
    listed = list_changes(world.context(), Filters(), limit=None)["items"]
    assert [row["change_id"] for row in listed] == sorted(service.records)
    for row in listed:
        check_change(service, row, service.records[row["change_id"]])
    check_events(service, world)
    check_numbers(service, world)
    check_kept(world, place / "service")
    check_batches(service, world)
    assert {row["change_id"] for row in audit_current(world.context())["pending_changes"]} == {
        row["change_id"] for row in listed if row["status"] == "pending"
    }
    header = view.queue.header
    number = world.create("clip", "the next one", clip("the next one"), actor=OWNER)
    assert number == service.last_change + 1
    assert world.approve(number, actor=OWNER) == header.open_batch or header.last_batch_id + 1
    assert_clean(world.path)


def impossible(service: Upstream, number: int) -> bool:
    """Whether an open change cannot be proposed on what is live."""
    row = service.records[number]
    if row["status"] not in ("pending", "approved"):
        return False
    live = service.live.get((row["category"], row["model_name"]))
    same = row["operation"] == "update" and live == row["payload"]
    return same or (live is None) != (row["operation"] == "create")


def check_change(service: Upstream, found: Row, source: Row) -> None:
    wanted = {key: value for key, value in source.items() if key not in APART}
    if impossible(service, source["change_id"]):
        assert found["status"] == "rejected"
        assert found["rejected_by"] == "1"
        assert found["reject_reason"].startswith("import: ")
        kept = ("change_id", "requested_by", "requested_username", "requested_at", "operation", "model_name")
        assert {key: found[key] for key in kept} == {key: source[key] for key in kept}
    elif source["status"] == "approved" and found["status"] == "pending":
        rivals = [r for r in service.records.values() if r["status"] == "approved"]
        assert [row["model_name"] for row in rivals].count(source["model_name"]) > 1
    else:
        assert {key: found[key] for key in wanted} == wanted
    if source["status"] in ("applied", "rejected"):
        assert found["payload"] == source["payload"]
    elif not impossible(service, source["change_id"]):
        is_delete = source["operation"] == "delete"  # what is deleted is what is live by now
        wanted = service.live["clip", source["model_name"]] if is_delete else source["payload"]
        assert found["payload"]["description"] == wanted["description"]


def check_events(service: Upstream, world: World) -> None:
    rows = list(list_events(world.context(), EventFilters()))
    past = [row for row in rows if row.get("imported")]
    own = [row["event_id"] for row in rows if not row.get("imported")]
    wanted = [
        (row["event_id"], row["timestamp"], row["logical_user_id"], row["payload"]["after"])
        for row in service.queue_lines
    ]
    assert [(r["event_id"], r["timestamp"], r["logical_user_id"], r["payload"]) for r in past] == wanted
    assert own == sorted(set(own))
    assert [number for number in own if number > 2][:1] in ([service.last_event + 1], [3], [])
    for number in {row["payload"].get("change_id") for row in past} - {None}:
        told = list(list_events(world.context(), EventFilters(change_id=number)))
        split = [r["event_id"] for r in past if number in r["payload"].get("reassigned_change_ids", ())]
        own_ids = [row["event_id"] for row in past if row["payload"].get("change_id") == number]
        assert [row["event_id"] for row in told if row.get("imported")] == sorted(own_ids + split)
    bob = [row["event_id"] for row in list_events(world.context(), EventFilters(actor="bob#77", actions=("enqueue",)))]
    assert bob == [number for number, _, user, said in wanted if user == "77" and said["action"] == "enqueue"]


def check_numbers(service: Upstream, world: World) -> None:
    text = world.git("log", "-1", "--first-parent", "--format=%B", "queue")
    event = events.decode("x", text, 0)
    if event.imported is None:
        assert not service.last_change
        return
    header = world.context().view().queue.header
    assert (header.last_change_id, header.last_batch_id) == (service.last_change, service.last_batch)
    assert header.last_event_id >= service.last_event
    skipped = {n for first, last in event.skipped_changes for n in range(first, last + 1)}
    assert skipped == set(range(1, service.last_change + 1)) - set(service.records)
    named = {row["payload"]["after"].get(key) for row in service.queue_lines for key in BATCHES} - {None}
    batches = {n for first, last in event.skipped_batches for n in range(first, last + 1)}
    assert batches == set(range(1, service.last_batch + 1)) - named
    assert event.first_id == max(service.last_event, 2) + 1


BATCHES = ("batch_id", "original_batch_id", "new_batch_id")


def check_kept(world: World, source: Path) -> None:
    event = events.decode("x", world.git("log", "-1", "--first-parent", "--format=%B", "queue"), 0)
    if event.imported is None:
        return
    files = {str(path.relative_to(source)): path.read_bytes() for path in source.rglob("*") if path.is_file()}
    assert read_source(world.store.buffer(), event.imported) == files


def check_batches(service: Upstream, world: World) -> None:
    listed = audit_batches(world.context(), limit=1000)["batches"]
    found = {row["batch_id"]: row for row in listed}
    for number, row in found.items():
        members = [r for r in service.records.values() if r["batch_id"] == number]
        applied = {r["change_id"] for r in members if r["status"] == "applied"}
        detail = {c["change_id"]: c for c in audit_batch(world.context(), number)["changes"]}
        assert applied <= {n for n, change in detail.items() if change["status"] == "applied"}
        assert row["applied_change_count"] == sum(c["status"] == "applied" for c in detail.values())
        if applied:
            assert row["applied_at"] == max(service.records[n]["applied_at"] for n in applied)
            assert audit_net_changes(world.context(), number)["model_changes"]
    assert {r["batch_id"] for r in service.records.values() if r["batch_id"]} <= found.keys()


# --- one service, looked at closely ----------------------------------------------------------------------------------


def busy() -> Upstream:
    """One change of each status, a batch that is open, one that was split, and one that was purged."""
    service = Upstream(live={("clip", name): clip(name) for name in ("old", "gone", "stays")})
    one = service.enqueue("create", "clip", "one", clip("one"))
    two = service.enqueue("update", "clip", "old", clip("old", description="two"), "78")
    three = service.enqueue("delete", "clip", "gone", None)
    four = service.enqueue("create", "clip", "four", clip("four"))
    service.enqueue("create", "clip", "five", clip("five"))
    service.review([one, two, three], [four], title="June", reason="blurry")
    service.apply([one, three], job="job 7")
    service.purge([service.enqueue("update", "clip", "stays", clip("stays", description="x"))])
    return service


@pytest.fixture
def busy_world(folder: Path) -> World:
    world, answer = taken_over(busy(), folder)
    assert answer["rejected"] == []
    assert world.warnings == []
    return world


def join(world: World, actor: str, role: str = "approver") -> None:
    """Make somebody a member, which the owner passes alone."""
    add_member(world.context(), actor, emails=(f"{actor.partition('#')[0]}@people.example",), roles=(role,))


def status_of(world: World, number: int) -> str:
    return str(show_change(world.context(), number)["status"])


def test_a_pending_change_is_approved_and_applied_by_whoever_approves_today(busy_world: World) -> None:
    world = busy_world
    join(world, ARTHUR)
    batch = world.approve(5, actor=ARTHUR)
    assert batch == 3, "it joins the batch that was open"
    with pytest.raises(Forbidden, match="approvals count"):
        world.apply(batch)
    assert apply_changes(world.context(ARTHUR), [5])["applied"][0]["applied_by"] == "3"
    assert world.context().view().dataset().blob("clip", "five") is not None
    record = json.loads(world.git("cat-file", "blob", "main:dataset/clip/five.json"))
    assert record["metadata"]["created_by"] == "bob#77"
    assert record["metadata"]["created_at"] == busy().records[5]["requested_at"]
    assert_clean(world.path)


def test_an_approved_batch_is_applied_once_its_approver_is_one_here(busy_world: World) -> None:
    world = busy_world
    with pytest.raises(Forbidden, match="0 of 1 approvals count"):
        world.apply(3, actor=OWNER)
    assert change_status(world.context(), 2)["next"] == "modelref-git approve 2 --title T"
    join(world, ANN)
    assert world.apply(3, actor=OWNER) == [2]
    row = show_change(world.context(), 2)
    assert (row["status"], row["approved_by"], row["applied_by"], row["requested_by"]) == ("applied", "90", "1", "78")
    assert_clean(world.path)


def test_an_approved_change_takes_approvals_of_today_besides(busy_world: World) -> None:
    world = busy_world
    join(world, ARTHUR)
    with pytest.raises(Forbidden):
        world.apply(3)
    world.run("approve", "2", "--title", "again", actor=ARTHUR).ok()
    world.apply(3)
    assert status_of(world, 2) == "applied"
    assert_clean(world.path)


def test_who_imports_counts_as_one_who_asked(busy_world: World) -> None:
    join(busy_world, ARTHUR)
    with pytest.raises(Forbidden, match="somebody else approves it"):
        busy_world.approve(5, actor=OWNER)


def test_open_changes_live_on_like_any_other(busy_world: World) -> None:
    world = busy_world
    join(world, "bob#77", "requestor")
    propose_rebase(world.context("bob#77"), 5, settings=[("/description", "better")])
    world.run("withdraw", "5", actor="bob#77").ok()
    world.run("reject", "2", "--reason", "stale").ok()
    assert [status_of(world, number) for number in (2, 5)] == ["rejected", "rejected"]
    assert world.context().view().queue.header.open_batch is None
    purge_changes(world.context(), Filters(statuses=("applied", "rejected"), categories=("clip",)))
    told = audit_batch(world.context(), 1)
    assert [change["change_id"] for change in told["changes"]] == [1, 4]
    assert list(list_events(world.context(), EventFilters(change_id=1)))[-1]["payload"]["requested_by"] == "77"
    assert_clean(world.path)


def test_a_closed_change_has_no_commit_and_tells_its_payload(busy_world: World) -> None:
    world, service = busy_world, busy()
    row = show_change(world.context(), 4)
    assert row["payload"] == service.records[4]["payload"]
    assert diff_change(world.context(), 4)["net_operation"] == "added"
    assert diff_change(world.context(), 3)["proposed_state"] == service.records[3]["payload"]
    refs = {ref for ref in world.refs() if ref.startswith("refs/heads/proposals/")}
    assert refs == {"refs/heads/proposals/2", "refs/heads/proposals/5"}
    for words in (("approve", "4", "--title", "T"), ("apply", "1"), ("withdraw", "4"), ("propose", "rebase", "4")):
        assert world.run(*words).code == 7, words
    assert world.run("status", "4").ok().json["turn"] == "nobody"


def test_what_a_batch_did_before_is_told_as_far_as_it_is_known(busy_world: World) -> None:
    world = busy_world
    (added,) = audit_net_changes(world.context(), 1)["model_changes"]
    assert (added["net_operation"], added["before_state"]) == ("added", None)
    assert added["after_state"] == clip("one")
    (deleted,) = audit_net_changes(world.context(), 2)["model_changes"]
    assert (deleted["net_operation"], deleted["before_state"]) == ("deleted", clip("gone"))
    assert audit_net_changes(world.context(), 3)["model_changes"] == []
    assert world.warnings == []
    with pytest.raises(WrongState, match="before the queue was imported"):
        revert_batch(world.context(), 1)


def test_an_update_of_before_says_what_it_made_and_not_of_what(folder: Path) -> None:
    service = Upstream(live={("clip", "old"): clip("old")})
    service.review([service.enqueue("update", "clip", "old", clip("old", description="new"))])
    service.apply([1])
    world, _ = taken_over(service, folder)
    (row,) = audit_net_changes(world.context(), 1)["model_changes"]
    assert (row["net_operation"], row["before_state"], row["field_diffs"]) == ("modified", None, [])
    assert row["after_state"]["description"] == "new"
    assert "do not tell of what" in world.warnings[0]


@pytest.mark.parametrize(
    "words",
    [
        *[
            ("status",),
            ("status", "2"),
            ("status", "5"),
            ("conflicts", "5"),
            ("changes", "--batch", "1"),
            ("diff", "1"),
        ],
        *[("diff", "2", "5"), ("log", "clip", "one"), ("blame", "clip", "old"), ("feed",), ("doctor",), ("gc",)],
        *[("audit", "current"), ("audit", "batches"), ("audit", "events", "--batch", "3"), ("review",)],
    ],
)
def test_every_command_that_reads_copes_with_it(words: tuple[str, ...], busy_world: World) -> None:
    assert b"error" not in busy_world.say(*words).ok().err


def test_a_job_id_of_before_applies_nothing_else(busy_world: World) -> None:
    answer = apply_changes(busy_world.context(), [1], job_id="job 7")
    assert [row["change_id"] for row in answer["applied"]] == [1]
    with pytest.raises(WrongState, match="job"):
        apply_changes(busy_world.context(), [2], job_id="job 7")


def test_the_filters_of_events_look_at_what_was_then(busy_world: World) -> None:
    service = busy()

    def ids(**filters: Any) -> list[int]:
        rows = list_events(busy_world.context(), EventFilters(**filters))
        return [row["event_id"] for row in rows if row.get("imported")]

    lines = service.queue_lines
    assert ids(actor="78") == [row["event_id"] for row in lines if row["logical_user_id"] == "78"]
    until = lines[4]["timestamp"]
    assert ids(until=until) == [row["event_id"] for row in lines if row["timestamp"] <= until]
    assert ids(since=until, actions=("purge",)) == [lines[-1]["event_id"]]
    assert ids(batch_id=3) == [row["event_id"] for row in lines if row["payload"]["after"].get("new_batch_id") == 3]


def test_the_index_is_the_same_when_it_is_made_anew(busy_world: World) -> None:
    first = list(list_events(busy_world.context(), EventFilters()))
    cache = busy_world.store.local_dir / "cache" / "index.sqlite"
    cache.unlink()
    assert list(list_events(busy_world.context(), EventFilters())) == first
    world = busy_world
    join(world, ARTHUR)
    after = list(list_events(world.context(), EventFilters()))
    assert after[: len(first)] == first


def test_verification_says_on_whose_word_the_past_rests(busy_world: World) -> None:
    assert any("rests on the word of olivia#1" in note for note in verify(busy_world.context()).notes)
    last = busy_world.context().view().queue.header.last_event_id
    assert not any("the word of" in note for note in verify(busy_world.context(), since=str(last)).notes)


def test_verification_goes_from_any_event_of_the_log_on(busy_world: World) -> None:
    last = busy_world.context().view().queue.header.last_event_id
    for number in range(1, last + 1):
        assert verify(busy_world.context(), since=str(number)).findings == [], number


# --- when it may be, and what cannot come in --------------------------------------------------------------------------


def test_it_only_comes_into_a_queue_that_no_change_was_ever_in(world: World, folder: Path) -> None:
    source = busy().write(folder / "service")
    before = world.refs()
    with pytest.raises(Conflict, match="not empty"):
        bring_queue(world, source)
    lonely = alone(folder / "world.git")
    bring_queue(lonely, source, keep_going=True)
    with pytest.raises(Conflict, match="not empty"):
        bring_queue(lonely, source, keep_going=True)
    assert world.refs() == before


def test_only_an_approver_of_everything_imports(folder: Path) -> None:
    source = busy().write(folder / "service")
    for actor in (CAROL, ARTHUR, "nobody#99"):
        with pytest.raises(Forbidden):
            bring_queue(alone(folder / f"{actor}.git"), source, actor=actor)


@pytest.mark.parametrize("option", [{"prune": True}, {"category": "clip"}, {"as_proposals": True}])
def test_options_of_records_make_no_sense(option: dict[str, Any], folder: Path) -> None:
    with pytest.raises(UsageFault, match="no sense"):
        bring_queue(alone(folder / "w.git"), busy().write(folder / "service"), **option)


def test_a_dry_run_answers_the_same_and_writes_nothing(folder: Path) -> None:
    world = alone(folder / "w.git")
    service = busy()
    bring_live_data(world, service, folder)
    source = service.write(folder / "service")
    before, objects = world.refs(), world.objects()
    answer = import_source(world.context(dry_run=True), source, ImportOptions())
    assert (world.refs(), world.objects()) == (before, objects)
    assert bring_queue(world, source) == answer


def test_an_open_change_that_cannot_be_proposed_refuses_all_or_comes_in_as_rejected(folder: Path) -> None:
    service = Upstream(live={("clip", "old"): clip("old")})
    service.enqueue("create", "clip", "new", clip("new"))
    service.enqueue("update", "clip", "old", clip("old", description=7))
    service.enqueue("update", "clip", "old", clip("old"))
    service.enqueue("create", "clip", "bad ", clip("bad "))
    service.enqueue("create", "unheard_of", "x", {"name": "x"})
    service.records[6] = service.records[1] | {"change_id": 6, "payload": None}
    service.last_change = 6
    world = alone(folder / "w.git")
    bring_live_data(world, service, folder)
    source = service.write(folder / "service")
    before = world.refs()
    with pytest.raises(Invalid) as refusal:
        bring_queue(world, source)
    assert {row["name"] for row in refusal.value.details} == {"2", "3", "4", "5", "6"}
    assert {"rule", "message", "file", "change_id"} <= refusal.value.details[0].keys()
    assert world.refs() == before
    answer = bring_queue(world, source, keep_going=True)
    assert [row["name"] for row in answer["rejected"]] == ["2", "3", "4", "5", "6"]
    assert [status_of(world, number) for number in range(1, 7)] == ["pending"] + ["rejected"] * 5
    assert show_change(world.context(), 4)["payload"]["name"] == "bad "
    assert show_change(world.context(), 6)["payload"] is None
    assert_clean(world.path)


def test_a_quality_rule_is_waived_for_an_open_change_as_for_any_other(folder: Path) -> None:
    service = Upstream()
    service.enqueue("create", "clip", "bad ", clip("bad "))
    world, answer = taken_over(service, folder, allow=("name.whitespace",))
    assert answer["rejected"] == []
    change = world.context().view().queue.change(1)
    assert change is not None
    assert change.waived == ("name.whitespace",)
    assert_clean(world.path)


def test_stamps_that_a_client_made_up_do_not_come_in(folder: Path) -> None:
    service = Upstream()
    service.enqueue("create", "clip", "x", clip("x", metadata={"created_by": "someone#5", "schema_version": "1"}))
    world, _ = taken_over(service, folder)
    metadata = show_change(world.context(), 1)["payload"]["metadata"]
    assert metadata["created_by"] == "bob#77"
    assert metadata["schema_version"] == "1"


def test_approved_changes_that_do_not_go_together_are_pending_again(folder: Path) -> None:
    service = Upstream()
    one = service.enqueue("create", "clip", "x", clip("x", description="one"))
    two = service.enqueue("create", "clip", "x", clip("x", description="two"))
    service.review([one, two], title="both")
    world, answer = taken_over(service, folder)
    assert answer["rejected"] == []
    assert sorted(status_of(world, number) for number in (one, two)) == ["approved", "pending"]
    assert "does not merge" in world.warnings[0]
    assert_clean(world.path)


def test_approvals_that_nothing_proves_do_not_count_where_signatures_are_asked_for(folder: Path) -> None:
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    world = alone(folder / "w.git")
    settings = world.git("show", "main:modelref.toml")
    keyed = settings.replace("ssh_keys = []", f'ssh_keys = ["{public}"]')
    signed = keyed.replace("require_signed = false", "require_signed = true")
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", str(key)), ("commit.gpgsign", "true")):
        world.git("config", name, value)
    world.rewrite_config(settings.encode(), signed.encode())
    service = Upstream()
    service.review([service.enqueue("create", "clip", "x", clip("x"))])
    trusted = world.git("rev-parse", "queue").strip()
    bring_queue(world, service.write(folder / "service"))
    assert status_of(world, 1) == "pending"
    assert "nothing proves" in world.warnings[-1]
    assert verify(world.context(), since=trusted).findings == []


def test_a_change_left_while_it_was_being_applied_is_approved(folder: Path) -> None:
    service = Upstream()
    service.review([service.enqueue("create", "clip", "x", clip("x"))])
    service.records[1] |= {"status": "applying", "applied_job_id": "stuck"}
    world, _ = taken_over(service, folder)
    row = show_change(world.context(), 1)
    assert (row["status"], row["applied_job_id"]) == ("approved", None)
    assert "reservation" in world.warnings[0]
    assert_clean(world.path)


def test_of_several_open_batches_the_newest_stays(folder: Path) -> None:
    service = Upstream()
    for name in "abc":
        service.enqueue("create", "clip", name, clip(name))
    service.review([1])
    service.records[1]["batch_id"] = 4
    service.review([2])
    service.records[2]["batch_id"] = 6
    service.review([3])
    service.records[3]["batch_id"] = 6
    service.last_batch = 6
    world, _ = taken_over(service, folder)
    assert [status_of(world, number) for number in (1, 2, 3)] == ["pending", "approved", "approved"]
    assert world.context().view().queue.header.open_batch == 6
    assert any("batch 6 is open" in warning for warning in world.warnings)
    assert_clean(world.path)


def test_a_batch_number_that_was_given_out_twice_stays_with_what_was_applied(folder: Path) -> None:
    service = Upstream()
    service.review([service.enqueue("create", "clip", "a", clip("a"))])
    service.apply([1])
    service.last_batch = 0
    service.review([service.enqueue("create", "clip", "b", clip("b"))])
    world, _ = taken_over(service, folder)
    assert [status_of(world, number) for number in (1, 2)] == ["applied", "pending"]
    assert any("has applied members" in warning for warning in world.warnings)
    assert world.approve(2, actor=OWNER) == 2
    assert_clean(world.path)


def test_a_change_asked_for_before_its_record_was_changed_is_pointed_out(folder: Path) -> None:
    service = Upstream(live={("clip", "old"): clip("old", metadata={"updated_at": 1_749_999_999})})
    service.enqueue("update", "clip", "old", clip("old", description="new"))
    world, _ = taken_over(service, folder)
    assert "before its record was last changed" in world.warnings[0]


def test_counters_go_on_behind_whatever_tells_of_a_number(folder: Path) -> None:
    service = busy()
    source = service.write(folder / "service")
    (source / "index.json").write_text('{"last_change_id": 2, "last_batch_id": 1}')
    world = alone(folder / "w.git")
    bring_live_data(world, service, folder)
    bring_queue(world, source)
    header = world.context().view().queue.header
    assert (header.last_change_id, header.last_batch_id) == (6, 3)
    assert len([warning for warning in world.warnings if "the counter goes on" in warning]) == 2


def test_counters_of_a_queue_without_changes_come_in_too(folder: Path) -> None:
    service = Upstream()
    service.purge([service.enqueue("create", "clip", "x", clip("x"))])
    world, answer = taken_over(service, folder)
    assert answer["change_ids"] == []
    assert world.create("clip", "y", clip("y"), actor=OWNER) == 2
    with pytest.raises(NotFound, match="no change 1") as refusal:
        show_change(world.context(), 1)
    assert "audit events --change 1" in (refusal.value.hint or "")
    assert [row["action"] for row in list_events(world.context(), EventFilters(change_id=1))] == ["enqueue", "purge"]
    assert_clean(world.path)


def test_a_batch_still_tells_of_what_was_purged_after_it_was_decided(folder: Path) -> None:
    service = Upstream()
    for name in "abcd":
        service.enqueue("create", "clip", name, clip(name))
    service.review([1, 2, 4], [3])
    service.apply([1])
    service.purge([1, 3, 4])
    world, _ = taken_over(service, folder)
    told = audit_batch(world.context(), 1)
    assert (told["applied_change_count"], told["rejected_change_count"], told["total_change_count"]) == (1, 1, 2)
    assert [(row["change_id"], row["status"]) for row in told["changes"]] == [(1, "applied"), (3, "rejected")]
    assert [row["change_id"] for row in audit_batch(world.context(), 2)["changes"]] == [2]
    assert_clean(world.path)


def test_without_an_audit_the_changes_themselves_tell_the_story(folder: Path) -> None:
    service = busy()
    service.lines.clear()
    world, _ = taken_over(service, folder)
    told = audit_batch(world.context(), 1)
    assert [(row["change_id"], row["status"], row["approved_by"]) for row in told["changes"]] == [
        *[(1, "applied", "90"), (4, "rejected", None)]
    ]
    assert (told["batch_title"], told["approved_by"], told["applied_change_count"]) == ("June", "90", 1)
    assert [row["change_id"] for row in audit_current(world.context())["pending_changes"]] == [5]
    assert_clean(world.path)


def test_where_the_audit_lost_a_line_the_change_says_what_it_is(folder: Path) -> None:
    service = busy()
    service.lines = [row for row in service.lines if row["payload"].get("after", {}).get("action") != "apply"]
    world, _ = taken_over(service, folder)
    (one, _four) = audit_batch(world.context(), 1)["changes"]
    assert (one["status"], one["applied_by"]) == ("applied", "90")
    assert any("by the audit approved" in warning for warning in world.warnings)


def test_the_import_is_an_event_of_the_open_batch_for_its_members_alone(busy_world: World) -> None:
    rows = list(list_events(busy_world.context(), EventFilters(batch_id=3, actions=("import",))))
    assert [row["payload"]["change_id"] for row in rows] == [2]
    (other,) = list_events(busy_world.context(), EventFilters(change_id=5, actions=("import",)))
    assert "batch_id" not in other["payload"]


def test_nothing_comes_in_from_a_service_that_nobody_used(folder: Path) -> None:
    world, answer = taken_over(Upstream(), folder)
    assert answer["change_ids"] == []
    assert world.events()[-1]["action"] == "init"


def test_the_same_change_asked_for_twice_in_one_second_is_two(folder: Path) -> None:
    service = Upstream()
    for _ in range(3):
        service.enqueue("create", "clip", "x", clip("x"))
        service.now -= 7
    service.review([1, 2])
    world, answer = taken_over(service, folder)
    assert answer["change_ids"] == [1, 2, 3]
    assert [status_of(world, number) for number in (1, 2, 3)] == ["approved", "approved", "pending"]
    assert_clean(world.path)
    join(world, ANN)
    assert world.apply(1, actor=OWNER) == [1, 2]
    assert_clean(world.path)


def test_a_clock_that_was_ahead_dates_no_proposal_after_its_event(folder: Path) -> None:
    service = Upstream(now=START + 90_000)
    service.enqueue("create", "clip", "x", clip("x"))
    world, _ = taken_over(service, folder)
    row = show_change(world.context(), 1)
    assert (row["requested_at"], row["payload"]["metadata"]["created_at"]) == (START + 90_007, START)
    assert_clean(world.path)


def test_a_text_change_that_the_service_itself_could_not_apply_comes_in(folder: Path) -> None:
    """It wrote ``parameters_count``, and looked for ``parameters``."""
    service = Upstream()
    record = {"name": "Auth/Model-7B", "baseline": "llama", "parameters_count": 7_000_000_000, "nsfw": False}
    service.enqueue("create", "text_generation", "Auth/Model-7B", record)
    service.records[1]["related_models"] = ["aphrodite/Auth/Model-7B", "koboldcpp/Model-7B"]
    world, answer = taken_over(service, folder)
    assert answer["rejected"] == []
    row = show_change(world.context(), 1)
    assert row["payload"]["parameters"] == 7_000_000_000
    assert row["related_models"] == service.records[1]["related_models"]
    assert_clean(world.path)


def test_what_was_imported_outlives_every_branch_and_a_collection(busy_world: World) -> None:
    world = busy_world
    world.run("reject", "2", "5", "--reason", "no more").ok()
    assert not any(ref.startswith(("refs/heads/proposals", "refs/heads/batches")) for ref in world.refs())
    world.git("gc", "--quiet", "--prune=now")
    assert show_change(world.context(), 4)["payload"] == busy().records[4]["payload"]
    assert_clean(world.path)


def test_people_whose_names_are_odd_come_in(folder: Path) -> None:
    service = Upstream()
    for number, name in enumerate(["#77", "bob", "a#b#77", " bob #77", "x\ny#77", "Actor: eve#1#77"], 1):
        service.enqueue("create", "clip", f"n{number}", clip(f"n{number}"))
        service.records[number]["requested_username"] = name
    world, answer = taken_over(service, folder)
    assert answer["rejected"] == []
    assert [show_change(world.context(), n)["requested_by"] for n in range(1, 7)] == ["77"] * 6
    world.apply(world.approve(*range(1, 7), actor=OWNER), actor=OWNER)
    assert_clean(world.path)


def test_many_open_changes_hang_on_keep_commits(folder: Path) -> None:
    service = Upstream()
    for number in range(150):
        service.enqueue("create", "clip", f"n{number}", clip(f"n{number}"))
    service.review(range(1, 141))
    world, _ = taken_over(service, folder)
    assert_clean(world.path)
    join(world, ANN)
    assert len(world.apply(1, actor=OWNER)) == 140
    assert_clean(world.path)


def test_the_trailers_say_what_is_skipped_in_spans() -> None:
    found = spans.missing([1, 2, 5, 9], 12)
    assert spans.text_of(found) == "3-4 6-8 10-12"
    assert spans.parse(spans.text_of(found)) == found


def test_how_a_change_was_asked_for_comes_with_it(tmp_path: Path) -> None:
    service = Upstream()
    number = service.enqueue("create", "clip", "a", clip("a"))
    world, _ = taken_over(service, tmp_path)
    assert show_change(world.context(), number)["request_metadata"] == {"route": "create_v2_model"}


def test_a_log_whose_program_left_that_out_is_honest_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Upstream()
    number = service.enqueue("create", "clip", "a", clip("a"))
    service.review([], [service.enqueue("create", "clip", "b", clip("b"))])
    with monkeypatch.context() as patch:
        patch.setattr(changes, "_APART", (*changes._APART, "request_metadata"))
        world, _ = taken_over(service, tmp_path)
    assert show_change(world.context(), number)["request_metadata"] is None
    assert_clean(world.path)
