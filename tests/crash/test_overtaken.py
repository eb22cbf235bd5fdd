"""Steps that are overtaken between their reading and their writing: what is approved is what was read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from modelref_git.errors import Conflict, WrongState
from modelref_git.operations.changes import Filters
from modelref_git.operations.closing import withdraw
from modelref_git.operations.context import Context
from modelref_git.operations.members import change_roles
from modelref_git.operations.purge import purge_changes
from modelref_git.operations.rebase import propose_rebase
from modelref_git.operations.review import Pick, review_changes
from modelref_git.store import writing
from modelref_git.store.step import Step
from tests.crash.checks import check_fold, check_projections
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OWNER, World

_T = TypeVar("_T")

THING = "thing"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(writing, "writer_lock", lambda _path, **_wait: contextlib.nullcontext())
    made = World.make(tmp_path / "r.git", bare=True, empty=True)
    made.add_category(THING)
    return made


class Overtaken(Context):
    """A context between whose reading and writing *rival* goes, once."""

    rival: Callable[[], object] | None = None

    def write(self, decide: Callable[[Step], _T], *, new: bool = False) -> _T:
        def slow(step: Step) -> _T:
            answer = decide(step)
            rival, self.rival = self.rival, None
            if rival is not None:
                rival()
            return answer

        return super().write(slow, new=new)


def overtaken(world: World, actor: str, rival: Callable[[], object]) -> Overtaken:
    ctx = Overtaken(world.store, claim=actor, clock=world.clock, warn=world.warnings.append)
    ctx.rival = rival
    return ctx


def sound(world: World) -> None:
    check_projections(world.path)
    check_fold(world.store)
    assert_clean(world.path)


def approve(ctx: Context, number: int) -> dict[str, Any]:
    return review_changes(ctx, [Pick(number)], [], title="a title")


def test_an_edit_that_overtakes_an_approval_is_not_approved_unread(world: World) -> None:
    number = world.create(THING, "one", {"v": 1})
    edit = lambda: propose_rebase(world.context(CAROL), number, settings=[("/v", 666)])  # noqa: E731
    with pytest.raises(Conflict, match="other content") as caught:
        approve(overtaken(world, ARTHUR, edit), number)
    assert "diff" in (caught.value.hint or "")
    change = world.context().view().queue.change(number)
    assert change is not None
    assert (change.status, change.approvals) == ("pending", ())
    sound(world)


def test_a_base_that_moves_under_an_approval_voids_it_too(world: World) -> None:
    world.apply(world.approve(world.create(THING, "one", {"v": 1, "w": 1})))
    number, other = world.update(THING, "one", {"/v": 2}), world.update(THING, "one", {"/w": 2})

    def move() -> None:
        world.apply(world.approve(other, actor=OWNER))
        propose_rebase(world.context(CAROL), number)

    with pytest.raises(Conflict, match="other content"):
        approve(overtaken(world, ARTHUR, move), number)
    sound(world)


def test_a_rebase_that_changes_nothing_of_what_was_read_does_not_stand_in_the_way(world: World) -> None:
    number, other = world.create(THING, "one", {}), world.create(THING, "two", {})

    def move() -> None:
        world.apply(world.approve(other, actor=OWNER))
        propose_rebase(world.context(CAROL), number)

    assert approve(overtaken(world, ARTHUR, move), number)["approved"][0]["status"] == "approved"
    sound(world)


def test_an_approval_that_a_withdrawal_overtakes_is_refused(world: World) -> None:
    number = world.create(THING, "one", {})
    with pytest.raises(WrongState, match="rejected"):
        approve(overtaken(world, ARTHUR, lambda: withdraw(world.context(CAROL), [number])), number)
    sound(world)


def test_a_purge_takes_along_what_came_meanwhile_and_fits_its_filter(world: World) -> None:
    first = world.create(THING, "one", {})
    ctx = overtaken(world, ARTHUR, lambda: world.create(THING, "one b", {}))
    answer = purge_changes(ctx, Filters(statuses=("pending",), model_name="one"))
    assert answer["removed_change_ids"] == [first, first + 1]
    sound(world)


def test_two_changes_of_one_members_roles_at_once_are_both_made(world: World) -> None:
    world.let_anybody_review()
    rival = lambda: change_roles(world.context(ARTHUR), "2", ["+approver"])  # noqa: E731
    answer = change_roles(overtaken(world, OWNER, rival), "2", ["+service"])
    assert answer["roles"] == ["approver", "requestor", "service"]
    member = world.context().view().dataset().config.member("2")
    assert member is not None
    assert set(member.roles) == {"approver", "requestor", "service"}
    sound(world)
