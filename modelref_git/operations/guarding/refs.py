"""Rules of refs: which may move, and where to. The log, as it will be after the push, says where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelref_git.operations.guarding.guard import Guard
from modelref_git.operations.guarding.push import Moved, Push
from modelref_git.operations.verifying.branches import REWRITTEN
from modelref_git.operations.verifying.case import MainHistory
from modelref_git.operations.verifying.rules import Fault
from modelref_git.store import layout
from modelref_git.store.projections import wanted_at

INTAKE: Final = "refs/heads/intake/"
TAGS: Final = "refs/tags/"

STRANGER: Final = "main.stranger"
"""As verification calls it: a commit on ``main`` that no event names."""

_OURS: Final = re.compile(f"({re.escape(layout.PROPOSALS)}|{re.escape(layout.BATCHES)})[1-9][0-9]{{0,17}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RefCase:
    """One ref that a push moves."""

    push: Push
    move: Moved

    @property
    def is_projection(self) -> bool:
        """Whether the ref has a name of a proposal's or batch's branch, or one that looks like it."""
        return self.move.ref.startswith((layout.PROPOSALS, layout.BATCHES))

    @property
    def goes_on(self) -> bool:
        """Whether the ref is made or moves forward, so that nothing is lost."""
        old, new, store = self.move.old, self.move.new, self.push.store
        if old is None or new is None:
            return new is not None
        return store.read(new)[0] == "commit" and store.is_ancestor(old, new)


def _known(case: RefCase) -> Iterator[str]:
    ref = case.move.ref
    known = ref in (layout.MAIN, layout.QUEUE, layout.NOTES) or case.is_projection or ref.startswith((INTAKE, TAGS))
    if not known:
        yield f"it is none of those that a dataset has, so it is not {'removed' if case.move.new is None else 'taken'}"


def _once(case: RefCase) -> Iterator[str]:
    """All judgements are about the one move of a ref; git itself would make several in a row."""
    moves = [move for move in case.push.moves if move.ref == case.move.ref]
    if len(moves) > 1 and moves[0] is case.move:
        yield f"it is moved {len(moves)} times"


def _commit(case: RefCase) -> Iterator[str]:
    new = case.move.new
    if new is not None and case.move.ref.startswith("refs/heads/"):
        kind = case.push.store.read(new)[0]
        if kind != "commit":
            yield f"it would be at {new}, which is a {kind}"


def _log(case: RefCase) -> Iterator[Fault | str]:
    push, move = case.push, case.move
    if move.ref != layout.QUEUE or push.raced:
        return
    if move.new is None:
        yield "the log would be gone"
    elif push.brought is None:
        yield Fault(f"{move.new} does not continue {push.present}, the newest event", move.new)


def _raced(case: RefCase) -> Iterator[str]:
    if case.move.ref == layout.QUEUE and case.push.raced:
        yield f"another push was first: it is at {case.push.present}, and no more at {case.move.old}"


def _main(case: RefCase) -> Iterator[Fault | str]:
    push, move = case.push, case.move
    if move.ref != layout.MAIN:
        return
    if move.new is None:
        yield "it would be gone"
    elif push.main is None:
        yield "there is no log that says where it is"
    elif move.new == push.main:
        if not case.goes_on:
            yield f"it would go back from {move.old}, which came there by other hands"
    elif MainHistory(push.store, push.main).holds(move.new):
        yield f"it would be at {move.new}, and the log says {push.main}"
    else:
        yield Fault(
            f"it would be at {move.new}, which no event names; the log says {push.main}", move.new, None, STRANGER
        )


def _projection(case: RefCase) -> Iterator[Fault]:
    push, move = case.push, case.move
    if not case.is_projection:
        return
    wanted = wanted_at(push.state, move.ref) if push.state is not None and _OURS.fullmatch(move.ref) else None
    if move.new != wanted:
        number = move.ref.rpartition("/")[2]
        change = int(number) if move.ref.startswith(layout.PROPOSALS) and _OURS.fullmatch(move.ref) else None
        text = f"it would be {f'at {move.new}' if move.new else 'gone'}; the log says {wanted or 'absent'}"
        yield Fault(text, move.new, change)


def _intake(case: RefCase) -> Iterator[str]:
    push, move = case.push, case.move
    if not move.ref.startswith(INTAKE) or case.goes_on:
        return
    if not push.is_by_reviewer and not _is_author(push, move.old or ""):
        lost = "be gone" if move.new is None else "lose commits"
        yield f"it would {lost}, and {push.pusher.name(push.config)} did not make it"


def _is_author(push: Push, commit: str) -> bool:
    """Whether the pusher made *commit*, as far as its author's e-mail says."""
    email = push.store.read_commit(commit).author.email.casefold()
    member = push.pusher.member(push.config) if push.config is not None else None
    mine = {one.casefold() for one in [*(member.emails if member is not None else ()), push.pusher.login or ""]}
    return email in mine - {""}


def _tag(case: RefCase) -> Iterator[str]:
    push, move = case.push, case.move
    if not move.ref.startswith(TAGS):
        return
    if move.old is not None:
        yield f"it is there, and would be {'gone' if move.new is None else 'moved'}"
    elif not push.is_by_reviewer:
        yield f"{push.pusher.name(push.config)} is neither an approver nor a service"


_FETCH: Final = "`git fetch`, make the change anew on what came, and push that"

RULES: Final[tuple[Guard[RefCase], ...]] = (
    Guard(
        "hook.ref",
        "A server takes main, queue, notes, proposals/N, batches/N, intake/… and tags, and no other ref.",
        _known,
        "push commits that somebody shall look at to a branch intake/…",
    ),
    Guard("hook.once", "A push moves a ref once.", _once, "push to where it shall be in the end"),
    Guard("hook.commit", "A branch is at a commit.", _commit, "push a commit"),
    Guard("hook.raced", "A push of the log starts from its newest event.", _raced, _FETCH),
    Guard(REWRITTEN.id, "The log only ever grows, and is never removed.", _log, _FETCH),
    Guard(
        "hook.main",
        "The branch main is where the log says, which is told before it or with it.",
        _main,
        "push `queue` with the event that moves main, in one push: `git push --atomic`",
    ),
    Guard(
        "branch.moved",
        "A proposal's or batch's branch is where the log says, and is removed when the log has closed it.",
        _projection,
        "leave it alone: the server itself brings it to where the log says",
    ),
    Guard(
        "hook.intake",
        "An intake branch is rewritten or removed by whoever made it, an approver or a service.",
        _intake,
        "push to another name, or ask an approver to remove it",
    ),
    Guard(
        "hook.tag",
        "A tag is made by an approver or a service, and stays where it is.",
        _tag,
        "choose another name, or ask an approver to make it",
    ),
)
"""What each ref of a push is judged by."""

MAIN_STRANGER: Final[Guard[RefCase]] = Guard(
    STRANGER,
    "Every commit on main is named by an event.",
    lambda _: (),
    "propose what it changes: `modelref-git propose`, or push it to a branch intake/…",
)
"""Checked with ``hook.main``, and told by the name that verification has for it."""
