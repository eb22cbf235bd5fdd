"""Rules of the branches: each is where the log says, or where it said before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelref_git.operations.verifying.case import MainHistory
from modelref_git.operations.verifying.main_branch import FORM, out_of_form
from modelref_git.operations.verifying.rules import Fault, Rule
from modelref_git.store import layout
from modelref_git.store.log import View
from modelref_git.store.projections import Behind, find_behind, last_projected

SHOWN_AT_MOST: Final = 100
"""So many commits of other hands on ``main`` are named one by one."""


@dataclass(frozen=True, slots=True)
class Branches:
    """The branches of a repository, beside the log's head."""

    view: View
    mains: MainHistory
    trusted: str | None
    """The commit of ``queue`` that the verification begins behind."""
    walked: frozenset[str]
    """The commits of ``queue`` from there on."""

    def foreign(self) -> list[Behind]:
        """The branches that the log never gave the value they have."""
        return [item for item in find_behind(self.view.store, self.view.head) if item.foreign]


def _rewritten(case: Branches) -> Iterator[Fault]:
    """What this clone saw as the head of the log before must still be in it."""
    store = case.view.store
    seen = last_projected(store)
    if seen is None or seen in case.walked or not store.has(seen):
        return
    if case.trusted is None or not store.is_ancestor(seen, case.trusted):
        yield Fault(f"the log was rewritten: {seen}, its newest event before, is not in it any more", seen)


def _main(case: Branches) -> Iterator[Fault]:
    for item in case.foreign():
        # One that the log left by a step of which other rules tell is no stranger.
        if item.ref == layout.MAIN and item.found and not case.mains.holds(item.found):
            for oid in case.mains.since(item.found, SHOWN_AT_MOST):
                yield Fault(f"main holds {oid}, which no event names; the log says {item.wanted}", oid)


def _in_form(case: Branches) -> Iterator[Fault]:
    store = case.view.store
    yield from out_of_form(store.buffer(), store.read_commit(case.view.head))


def _others(case: Branches) -> Iterator[Fault]:
    for item in case.foreign():
        if item.ref != layout.MAIN:
            number = item.ref.rpartition("/")[2]
            change = int(number) if item.ref.startswith(layout.PROPOSALS) and number.isdigit() else None
            text = f"{item.ref} is at {item.found}, which the log never gave it; it says {item.wanted or 'absent'}"
            yield Fault(text, item.found, change)


REWRITTEN: Final = Rule("queue.rewritten", "The log only ever grows: what was trusted or seen is in it.", _rewritten)

HEAD_FORM: Final = Rule(FORM, "The newest event, too, left nothing for a layout to do.", _in_form)

RULES: Final = (
    REWRITTEN,
    HEAD_FORM,
    Rule("main.stranger", "Every commit on main is named by an event.", _main),
    Rule("branch.moved", "A proposal's or batch's branch is where the log says, or said before.", _others),
)
