"""What puts a commit of its own on ``main``, without a batch: the commit and the event that names it."""

from __future__ import annotations

from collections.abc import Sequence

from modelref_git.operations.context import Person
from modelref_git.proposals import trailers
from modelref_git.proposals.events import Event
from modelref_git.store.step import Step


def append_administrative(
    step: Step,
    person: Person,
    action: str,
    tree: str,
    headline: str,
    *,
    parents: Sequence[str] = (),
    body: Sequence[str] = (),
    waived: Sequence[str] = (),
    stranger: str | None = None,
    reason: str | None = None,
    note: str | None = None,
) -> str:
    """Move the log's ``main`` to a new commit with *tree*, on top of it; gives the commit.

    Args:
        step: the step.
        person: who does it.
        action: an administrative action; the subjects of commit and event begin with it.
        tree: the new tree.
        headline: what the subjects say after the action.
        parents: what the commit has as parents besides the log's ``main``.
        body: lines for people.
        waived: quality rules that were waived for its records.
        stranger: the commit of other hands that it is about.
        reason: why.
        note: what the caller says about it.
    """
    rows = [("Actor", str(person.actor))]
    rows += [("Reason", reason)] if reason else []
    rows += [("Note", note)] if note else []
    message = trailers.message(f"{action}: {headline}", body, rows)
    before = [step.main] if step.queue.header.main is not None else []
    main = step.commit(tree, [*before, *parents], step.author(person.actor, person.email), message)
    event = Event(
        action,
        person.actor,
        0,
        0,
        waived=tuple((0, rule) for rule in waived),
        main=main,
        stranger=stranger,
        reason=reason,
        note=note,
        headline=headline,
    )
    step.append(event, keeps=[main], email=person.email, body=body)
    return main
