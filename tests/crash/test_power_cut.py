"""Cut the power at every write of every operation: the repository is before or after, and repair is done once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import Conflict
from modelref_git.operations.adopt import adopt, disown
from modelref_git.operations.apply import apply_changes
from modelref_git.operations.changes import Filters
from modelref_git.operations.closing import withdraw
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.hold import hold
from modelref_git.operations.import_options import ImportOptions
from modelref_git.operations.import_records import import_source
from modelref_git.operations.init import init_repository
from modelref_git.operations.layout import set_fan_out
from modelref_git.operations.maintain import examine
from modelref_git.operations.members import add_member
from modelref_git.operations.propose import propose_bulk, propose_create, read_bulk_line
from modelref_git.operations.purge import purge_changes
from modelref_git.operations.rebase import propose_rebase
from modelref_git.operations.revert import revert_batch
from modelref_git.operations.review import Pick, review_changes
from modelref_git.store import layout, pack
from modelref_git.store.git import GitStore
from tests.crash.checks import Standing, age, check_fold, check_repaired, copied
from tests.crash.faults import LOCKED, TORN, Fuse, cut, fused
from tests.crash.quick import no_patience, no_syncing
from tests.support.world import ARTHUR, CAROL, OPEN_SCHEMA, OWNER, START, World

THING = "thing"


pytestmark = pytest.mark.usefixtures("no_patience", "no_syncing")
__all__ = ["no_patience", "no_syncing"]


def nothing(_world: World) -> None:
    pass


def one_record(world: World) -> None:
    world.apply(world.approve(world.create(THING, "one", {"v": 1})))


def three_pending(world: World) -> None:
    one_record(world)
    world.create(THING, "two", {"v": 2})
    world.update(THING, "one", {"/v": 3})
    world.create(THING, "three", {"v": 3})


def one_approved_two_pending(world: World) -> None:
    three_pending(world)
    world.approve(5)


def two_approved(world: World) -> None:
    three_pending(world)
    world.approve(5, 6)


def alone(world: World) -> None:
    """Whoever asks for a change of the policy passes it in the same step."""
    world.let_anybody_review()


def two_approved_and_alone(world: World) -> None:
    two_approved(world)
    alone(world)


def member(world: World) -> Any:
    return add_member(world.context(), "bob#9", emails=("b@x.org",))


def member_that_waits(world: World) -> Any:
    answer = member(world)
    assert "main" not in answer
    assert ["needs another approver" in warning for warning in world.warnings] == [True]
    world.warnings.clear()
    return answer


def review(approve: list[int], reject: list[int]) -> Callable[[World], Any]:
    def act(world: World) -> Any:
        picks = [Pick(number) for number in approve]
        return review_changes(world.context(ARTHUR), picks, reject, title="a title", reason="a reason")

    return act


def bulk(count: int) -> Callable[[World], Any]:
    def act(world: World) -> Any:
        rows = [
            {"operation": "create", "category": THING, "model_name": f"m{number}", "payload": {"v": number}}
            for number in range(count)
        ]
        lines = [read_bulk_line(number, row, ()) for number, row in enumerate(rows, 1)]
        return propose_bulk(world.context(CAROL), lines)

    return act


def many_approved(world: World) -> None:
    """More than are removed one by one, and more than hang on one merge."""
    bulk(130)(world)
    world.approve(*range(4, 134))


def import_lines(**options: Any) -> Callable[[World], Any]:
    def act(world: World) -> Any:
        source = world.path.parent / "lines.jsonl"
        source.write_text("".join(json.dumps({"name": f"i{number}", "v": number}) + "\n" for number in range(4)))
        return import_source(world.context(), source, ImportOptions("jsonl", THING, **options))

    return act


def nearly_too_many_packs(world: World) -> None:
    number = 0
    while len(list(world.store.pack_folder.glob("*.pack"))) < pack.JOIN_FROM - 1:
        world.create(THING, f"p{number}", {"v": number})
        number += 1


def both_applied(world: World) -> None:
    two_approved(world)
    world.apply(5)


def member_waits(world: World) -> None:
    """Two records are approved as batch 5, and a change of the policy waits as change 8."""
    two_approved(world)
    member_that_waits(world)


def member_approved(world: World) -> None:
    member_waits(world)
    world.approve(8, title="policy")


def by_other_hands(world: World) -> None:
    """Somebody commits on main by plain git, while a batch is open."""
    two_approved(world)
    text = b'{\n  "v": 9\n}\n'
    who = b"mallory <mallory@elsewhere.example> 1750000000 +0000"
    main = world.refs()[layout.MAIN].encode()
    stream = b"commit %s\ncommitter %s\ndata 7\nby hand\nfrom %s\n" % (layout.MAIN.encode(), who, main)
    stream += b"M 100644 inline dataset/thing/one.json\ndata %d\n%s\n" % (len(text), text)
    world.git("fast-import", "--quiet", stdin=stream)


def stranger(settle: Callable[..., Any]) -> Callable[[World], Any]:
    return lambda world: settle(world.context(ARTHUR), world.refs()[layout.MAIN], reason="so be it")


def edit_of_an_approved_one(world: World) -> Any:
    return propose_rebase(world.context(CAROL), 5, settings=[("/v", 9)])


def rebase_that_merges(world: World) -> Any:
    """By an approver, of a change whose record has moved on."""
    return propose_rebase(world.context(ARTHUR), 8)


def one_that_moved_on(world: World) -> None:
    two_approved(world)
    world.update(THING, "one", {"/w": 1})
    world.apply(5)


def supersede(world: World) -> Any:
    return propose_create(world.context(CAROL), Request("create", THING, "two", {"v": 9}), supersedes=5)


def purge(world: World) -> Any:
    return purge_changes(world.context(ARTHUR), Filters(categories=(THING,)))


def apply_some(*change_ids: int) -> Callable[[World], Any]:
    return lambda world: apply_changes(world.context(ARTHUR), change_ids, allow_mixed=True, job_id="job")


@dataclass(frozen=True)
class Scenario:
    """An operation, and the world in which it runs."""

    name: str
    prepare: Callable[[World], None]
    act: Callable[[World], Any]
    bare: bool = True
    every: int = 1
    """Of so many points one is cut; the others belong to the long run."""


def create(world: World) -> Any:
    return world.create(THING, "new", {"v": 0})


SCENARIOS = [
    Scenario("propose create", nothing, create),
    Scenario("propose update", one_record, lambda world: world.update(THING, "one", {"/v": 2})),
    Scenario("propose delete", one_record, lambda world: world.delete(THING, "one")),
    Scenario("propose bulk", nothing, bulk(3)),
    Scenario("approve", three_pending, lambda world: world.approve(5, 6)),
    Scenario("approve into the open batch", one_approved_two_pending, lambda world: world.approve(6)),
    Scenario("reject", three_pending, review([], [5])),
    Scenario("approve and reject", three_pending, review([5], [6])),
    Scenario("reject an approved change", two_approved, review([], [5])),
    Scenario("reject all that is approved", two_approved, review([], [5, 6])),
    Scenario("approve and reject an approved change", two_approved, review([7], [5])),
    Scenario("apply", two_approved, lambda world: world.apply(5)),
    Scenario("apply in a work tree", two_approved, lambda world: world.apply(5, job_id="j"), bare=False),
    Scenario("apply many", many_approved, lambda world: world.apply(4), every=17),
    Scenario("import", nothing, import_lines()),
    Scenario("import in a work tree", nothing, import_lines(), bare=False),
    Scenario("import as proposals", nothing, import_lines(as_proposals=True)),
    Scenario("member add that waits for another approver", nothing, member_that_waits),
    Scenario("member add", alone, member),
    Scenario("member add beside an open batch", two_approved_and_alone, member),
    Scenario("category add", alone, lambda world: world.add_category("other", OPEN_SCHEMA), bare=False),
    Scenario("rebase with a merge", one_that_moved_on, rebase_that_merges, every=3),
    Scenario("rebase with an edit of an approved change", two_approved, edit_of_an_approved_one, every=3),
    Scenario("withdraw an approved change", two_approved, lambda world: withdraw(world.context(CAROL), [5]), every=3),
    Scenario(
        "withdraw all that is approved", two_approved, lambda world: withdraw(world.context(CAROL), [5, 6]), every=5
    ),
    Scenario("supersede an approved change", two_approved, supersede, every=3),
    Scenario("hold", two_approved, lambda world: hold(world.context(ARTHUR), [5, 6], reason="wait"), every=3),
    Scenario("apply a part", two_approved, apply_some(6), every=3),
    Scenario("apply a part in a work tree", two_approved, apply_some(6), bare=False, every=3),
    Scenario("approve a change of the policy", member_waits, lambda world: world.approve(8), every=3),
    Scenario("apply a change of the policy", member_approved, lambda world: world.apply(6), every=3),
    Scenario("apply a part and a change of the policy", member_approved, apply_some(6, 8), every=5),
    Scenario("reject an approved change of the policy", member_approved, review([], [8]), every=3),
    Scenario("purge", member_approved, purge, every=3),
    Scenario("revert", both_applied, lambda world: revert_batch(world.context(CAROL), 5), every=3),
    Scenario("layout", both_applied, lambda world: set_fan_out(world.context(ARTHUR), THING, 2), every=3),
    Scenario("layout in a work tree", two_approved, lambda w: set_fan_out(w.context(), THING, 1), bare=False, every=3),
    Scenario("adopt", by_other_hands, stranger(adopt), every=2),
    Scenario("disown", by_other_hands, stranger(disown), every=2),
    Scenario("propose, and join packs", nearly_too_many_packs, create, every=9),
]


def prepared(scenario: Scenario, folder: Path) -> World:
    world = World.make(folder / "prepared", bare=scenario.bare, empty=True)
    shutil.rmtree(world.store.git_dir / "hooks")
    world.add_category(THING)
    scenario.prepare(world)
    return world


def cut_everywhere(scenario: Scenario, folder: Path, *, every: int) -> int:
    """Cut *scenario* at each of its points; gives how many there are."""
    world = prepared(scenario, folder)
    before = Standing.of(world.path)
    control = World(copied(world.path, folder / "control"))
    fuse = Fuse()
    with fused(fuse):
        scenario.act(control)
    after = Standing.of(control.path)
    assert after.head != before.head
    for number in range(0, len(fuse.points), every):
        try:
            _cut_at(scenario, world, folder / f"cut{number}", number, before, after)
        except BaseException as error:
            error.add_note(f"cut number {number}: {fuse.points[number]}")
            raise
    return len(fuse.points)


def _cut_at(scenario: Scenario, world: World, path: Path, number: int, before: Standing, after: Standing) -> None:
    world = World(copied(world.path, path))
    kind = cut(lambda: scenario.act(world), number)
    assert kind is not None
    found = Standing.of(path)
    # Before or after, and never between: the log alone decides, and nothing runs ahead of it.
    assert found.head in (before.head, after.head)
    for name in found.refs.keys() | before.refs.keys() | after.refs.keys():
        value = found.refs.get(name)
        assert value in (before.refs.get(name), after.refs.get(name)) or (kind == TORN and not value), name
        assert found.head == after.head or value == before.refs.get(name), f"{name} ran ahead of the log"
    check_fold(GitStore.open(path))
    age(path)
    if kind == LOCKED:
        assert any(finding.code == "stale_lock" for finding in examine(world.context(), repair=True).findings)
    # Whoever comes next brings all in order: the same command again, or another one if this one has happened.
    if found.head == before.head:
        scenario.act(world)
        assert Standing.of(path) == after
    else:
        world.create(THING, "the next one", {})
    check_repaired(world)
    shutil.rmtree(path)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_power_cut_at_any_write_leaves_the_repository_before_or_after(scenario: Scenario, tmp_path: Path) -> None:
    # At some of them here; the long test has them all.
    assert cut_everywhere(scenario, tmp_path, every=4 * scenario.every) > 15


@pytest.mark.long
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda item: item.name)
def test_a_power_cut_at_really_any_write(scenario: Scenario, tmp_path: Path) -> None:
    assert cut_everywhere(scenario, tmp_path, every=1) > 15


@pytest.mark.parametrize("bare", [True, False])
def test_a_power_cut_while_a_repository_is_made_leaves_none_or_a_whole_one(bare: bool, tmp_path: Path) -> None:
    def init(path: Path) -> dict[str, Any]:
        return init_repository(path, bare=bare, empty=True, owner=OWNER, email="o@x.org", clock=lambda: START)

    fuse = Fuse()
    with fused(fuse):
        answer = init(tmp_path / "control")
    after = Standing.of(tmp_path / "control")
    assert (answer["queue"], answer["main"]) == (after.head, after.main)
    for number, label in enumerate(fuse.points):
        path = tmp_path / f"cut{number}"
        kind = cut(lambda: init(path), number)  # noqa: B023 - called at once
        found = Standing.of(path)
        assert found.head in (None, after.head), label
        assert found.main is None or found == after, label
        age(path)
        world = World(path)
        if kind == LOCKED and found.head is None:
            (path.rglob("*.lock").__next__()).unlink()
        if found.head is None:
            init(path)
            assert Standing.of(path) == after, label
        else:
            with pytest.raises(Conflict, match="already"):
                init(path)
            examine(world.context(), repair=True)
        world.add_category(THING)
        assert world.warnings == []
        check_repaired(world)
        shutil.rmtree(path)
    assert len(fuse.points) > 15


def test_branches_that_a_power_cut_left_empty_after_all_was_done_are_found_and_healed(tmp_path: Path) -> None:
    world = World.make(tmp_path / "r.git", bare=True, empty=True)
    world.add_category(THING)
    two_approved(world)
    closed = world.refs()["refs/heads/proposals/6"]
    git_dir = world.store.git_dir
    lost = ["refs/heads/proposals/5", "refs/heads/proposals/7", "refs/heads/batches/5"]
    for name in lost:
        (git_dir / name).write_bytes(b"")
    review([], [6])(world)
    (git_dir / "refs/heads/proposals/6").write_bytes(b"")
    found = examine(world.context())
    assert {item.message.split()[0] for item in found.findings} == {*lost, "refs/heads/proposals/6"} - {lost[2]}
    assert not found.is_beyond_repair
    examine(world.context(), repair=True)
    check_repaired(world)
    assert closed not in world.refs().values()


@pytest.mark.parametrize("torn", [b"", b"\0" * 41, b"what is this?\n", b"\xff\xfe", b"0" * 40 + b"\n"])
def test_a_cache_that_a_power_cut_spoiled_is_made_anew(torn: bytes, tmp_path: Path) -> None:
    world = World.make(tmp_path / "r.git", bare=True, empty=True)
    world.add_category(THING)
    two_approved(world)
    store = world.store
    store.refs.remove("refs/heads/proposals/7", world.refs()["refs/heads/proposals/7"])
    (store.local_dir / "cache" / "projected").write_bytes(torn)
    world.create(THING, "the next one", {})
    check_repaired(world)


def test_what_was_answered_is_there_though_its_branches_could_not_follow(tmp_path: Path) -> None:
    world = World.make(tmp_path / "r.git", bare=True, empty=True)
    world.add_category(THING)
    locks = [world.store.git_dir / f"refs/heads/{name}.lock" for name in ("proposals/4", "main")]
    for lock in locks:
        lock.parent.mkdir(exist_ok=True)
        lock.touch()
    main = world.refs()[layout.MAIN]
    assert world.create(THING, "one", {"v": 1}) == 4
    world.apply(world.approve(4))
    assert world.refs()[layout.MAIN] == main
    assert world.context().view().dataset().names(THING) == ["one"]
    assert len(world.warnings) == 4
    assert all("doctor" in warning for warning in world.warnings)
    world.warnings.clear()
    age(world.path)
    assert {item.code for item in examine(world.context(), repair=True).findings} == {"stale_lock", "behind"}
    check_repaired(world)


def test_the_next_command_needs_no_doctor(tmp_path: Path) -> None:
    """A Context opened after the cut repairs by itself, and answers from the log even before."""
    world = World.make(tmp_path / "r.git", bare=True, empty=True)
    world.add_category(THING)
    two_approved(world)
    with fused(fuse := Fuse()):
        World(copied(world.path, tmp_path / "control.git")).apply(5)
    after_queue = fuse.points.index(f"after moving {layout.QUEUE}")
    assert cut(lambda: world.apply(5), after_queue) is not None
    fresh = Context.open(world.path, claim=CAROL)
    assert fresh.view().dataset().names(THING) == ["one", "two"]
    assert fresh.store.refs.read(layout.MAIN) != fresh.view().main
    world.create(THING, "the next one", {})
    check_repaired(world)
