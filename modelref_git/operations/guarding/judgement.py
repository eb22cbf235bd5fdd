"""The judgement of a push: every new event as verification judges it, and every ref by the log as it will be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelref_git.operations.guarding import notes, people, pictures, refs
from modelref_git.operations.guarding.catalogue import refusal_of
from modelref_git.operations.guarding.guard import Refusal
from modelref_git.operations.guarding.push import Push
from modelref_git.operations.guarding.refs import RefCase
from modelref_git.operations.verify import Report, judge_events
from modelref_git.operations.verifying.branches import HEAD_FORM
from modelref_git.operations.verifying.case import MainHistory
from modelref_git.operations.verifying.catalogue import EVENT_RULES
from modelref_git.operations.verifying.main_branch import out_of_form
from modelref_git.operations.verifying.queue_log import EVENT
from modelref_git.operations.verifying.rules import UNREADABLE, Fault, Finding, Rule, judge, told
from modelref_git.store.projections import main_of


def judge_push(push: Push) -> list[Refusal]:
    """Every rule that a push breaks; empty when it may be taken. Nothing is written.

    New events are judged by all that verification asks, each by the policy before it; refs, by the log as it will be.
    """
    found = [refusal_of(finding) for finding in _of_events(push)]
    for move in push.moves:
        found += [refusal_of(finding, move.ref) for finding in judge((*refs.RULES, *notes.RULES), RefCase(push, move))]
    return found


def _of_events(push: Push) -> Iterator[Finding]:
    if push.raced:
        return
    try:
        brought = push.brought or ()
    except UNREADABLE as error:
        yield Finding(EVENT.id, f"the log that was pushed cannot be read: {told(error)}")
        return
    if not brought:
        return
    report = Report()
    trusted = push.present
    mains = MainHistory(push.store, main_of(push.store, trusted) if trusted is not None else None)
    rules = (*EVENT_RULES, *people.rules_within(push), *pictures.RULES)
    judge_events(push.store, brought, trusted, mains, report, rules=rules)
    yield from report.findings
    yield from judge((people.FIRST,), push)
    yield from judge((_HEAD,), push)


def _in_form(push: Push) -> Iterator[Fault]:
    """The newest event, too, must leave nothing for a layout to do: nobody knows when the next push comes."""
    if push.head is not None:
        yield from out_of_form(push.store.buffer(), push.store.read_commit(push.head))


_HEAD: Final = Rule(HEAD_FORM.id, HEAD_FORM.text, _in_form)
