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
from modelref_git.operations.administer import add_member
from modelref_git.operations.context import Context
from modelref_git.operations.import_records import ImportOptions, import_source
from modelref_git.operations.init import init_repository
from modelref_git.operations.maintain import examine
from modelref_git.operations.propose import propose_bulk, read_bulk_line
from modelref_git.operations.review import Pick, review_changes
from modelref_git.store import layout, pack
from modelref_git.store.git import GitStore
from tests.crash.checks import Standing, age, check_fold, check_fsck, check_projections, content, copied
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
    Scenario("apply many", many_approved, lambda world: world.apply(4), every=3),
    Scenario("import", nothing, import_lines()),
    Scenario("import in a work tree", nothing, import_lines(), bare=False),
    Scenario("import as proposals", nothing, import_lines(as_proposals=True)),
    Scenario("member add", nothing, lambda world: add_member(world.context(), "bob#9", emails=("b@x.org",), roles=())),
    Scenario(
        "member add beside an open batch", two_approved, lambda world: add_member(world.context(), "b#9", emails=())
    ),
    Scenario("category add", nothing, lambda world: world.add_category("other", OPEN_SCHEMA), bare=False),
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
    _check_repaired(world)
    shutil.rmtree(path)


def _check_repaired(world: World) -> None:
    check_projections(world.path)
    examine(world.context(), repair=True)
    once = content(world.path)
    assert examine(world.context(), repair=True).findings == []
    assert content(world.path) == once
    check_fsck(world.path)
    check_fold(world.store)
    if not world.store.is_bare:
        assert world.git("status", "--porcelain") == ""
    assert world.warnings == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_power_cut_at_any_write_leaves_the_repository_before_or_after(scenario: Scenario, tmp_path: Path) -> None:
    assert cut_everywhere(scenario, tmp_path, every=scenario.every) > 15


@pytest.mark.long
@pytest.mark.parametrize("scenario", [item for item in SCENARIOS if item.every > 1], ids=lambda item: item.name)
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
        _check_repaired(world)
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
    _check_repaired(world)
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
    _check_repaired(world)


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
    _check_repaired(world)


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
    _check_repaired(world)
