"""Verify: may this repository be believed? Every promise of its history, checked from a trusted event on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelref_git.errors import IntegrityFailure, NotFound
from modelref_git.operations.context import Context
from modelref_git.operations.verified import remember
from modelref_git.operations.verifying.branches import REWRITTEN, RULES, Branches
from modelref_git.operations.verifying.case import EventCase, MainHistory
from modelref_git.operations.verifying.catalogue import EVENT_RULES
from modelref_git.operations.verifying.queue_log import EVENT, STATE, spoken_of
from modelref_git.operations.verifying.rules import UNREADABLE, Finding, Rule, judge, told
from modelref_git.proposals import events
from modelref_git.proposals.events import Event
from modelref_git.store import layout
from modelref_git.store.git import GitStore
from modelref_git.store.log import View
from modelref_git.store.projections import main_of
from modelref_git.store.remote import Rewritten
from modelref_git.store.state import StoredQueue

Progress = Callable[[], None]


@dataclass(slots=True)
class Report:
    """What a verification looked at, and what it found."""

    findings: list[Finding] = field(default_factory=list)
    commits: set[str] = field(default_factory=set)
    events: int = 0
    changes: set[int] = field(default_factory=set)
    batches: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    """What a reader should know besides, in sentences."""

    def as_json(self) -> dict[str, Any]:
        """The answer of ``verify``."""
        checked = {
            "commits": len(self.commits),
            "events": self.events,
            "changes": len(self.changes),
            "batches": len(self.batches),
        }
        return {
            "ok": not self.findings,
            "checked": checked,
            "findings": [finding.as_json() for finding in self.findings],
        }

    def count(self, commit: str, event: Event) -> None:
        """Take an event into the figures."""
        self.commits.update((commit, *spoken_of(event), *event.merges))
        self.events += event.last_id - event.first_id + 1
        self.changes.update(event.change_ids, event.reassigned)
        self.batches.update(number for number in (event.batch_id, event.new_batch_id) if number is not None)


def verify(ctx: Context, *, since: str | None = None, progress: Progress = lambda: None) -> Report:
    """Check everything that the history promises.

    Args:
        ctx: the way in.
        since: a trusted event's number, or a commit of ``queue``: only what came behind it is looked at.
        progress: called for each event.

    Raises:
        NotFound: there is no such event or revision.
        IntegrityFailure: a commit of the log is missing.
    """
    head = ctx.store.refs.read(ctx.store.counted(layout.QUEUE)) or ctx.view().head
    report = _report(ctx, head, since, progress)
    remember(ctx, head, since, report.as_json())
    return report


def _report(ctx: Context, head: str, since: str | None, progress: Progress) -> Report:
    report = Report()
    trusted, walked = _walk(ctx.store, head, since)
    if since is not None and trusted != walked[-1]:
        text = f"{since!r} is {trusted}, which is no event of the log: it was rewritten, or never grew from there"
        report.findings.append(Finding(REWRITTEN.id, text, trusted))
        return report
    oids = walked[:-1] if since is not None else walked
    mains = MainHistory(ctx.store, main_of(ctx.store, trusted) if trusted is not None else None)
    judge_events(ctx.store, oids[::-1], trusted, mains, report, progress=progress)
    try:
        view = ctx.view()
        report.findings += judge(RULES, Branches(view, mains, trusted, frozenset(walked)))
        report.notes += _notes(view)
    except Rewritten as error:
        report.findings.append(Finding(REWRITTEN.id, error.message, head))
    except UNREADABLE as error:
        report.findings.append(Finding(STATE, f"the newest state cannot be read: {told(error)}", head))
    return report


def _walk(store: GitStore, head: str, since: str | None) -> tuple[str | None, list[str]]:
    """The trusted commit, and the log's commits from the head back to it, or to the first.

    Raises:
        NotFound: there is no such event or revision.
    """
    number = None
    if since is not None and since.isascii() and since.isdigit():
        newest = store.read_commit(head)
        last = events.decode(head, newest.message, newest.committer.time).last_id
        number = int(since) if int(since) <= last else None
    trusted = store.resolve(since) if since is not None and number is None else None
    walked = []
    for commit in store.first_parents(head):
        walked.append(commit.id)
        if number is not None:
            event = events.decode(commit.id, commit.message, commit.committer.time)
            if event.first_id <= number:
                trusted = commit.id if number > 0 else None
                break
        elif commit.id == trusted:
            break
    if since is not None and trusted is None:
        raise NotFound(f"there is no event {since}", hint="events are counted from 1; `audit events` lists them")
    return trusted, walked


def judge_events(
    store: GitStore,
    oids: Sequence[str],
    trusted: str | None,
    mains: MainHistory,
    report: Report,
    *,
    rules: Sequence[Rule[EventCase]] = EVENT_RULES,
    progress: Progress = lambda: None,
) -> None:
    """Judge events one by one, each by the state and the policy before it.

    Args:
        store: the repository.
        oids: their commits, oldest first, each the child of the one before.
        trusted: the commit before the first of them; ``None`` if that one begins the log.
        mains: where the log's ``main`` was up to there; it learns of the rest.
        report: takes what was looked at and found.
        rules: what each is judged by.
        progress: called for each event.
    """
    parent = store.read_commit(trusted) if trusted is not None else None
    genesis = None
    if parent is not None:
        genesis = StoredQueue(store.buffer(), parent.tree).header.genesis or parent.id
    for oid in oids:
        commit = store.read_commit(oid)
        try:
            event = events.decode(oid, commit.message, commit.committer.time)
        except UNREADABLE:
            report.commits.add(oid)
            report.findings += judge((EVENT,), commit, oid)
        else:
            report.count(oid, event)
            case = EventCase(store, commit, event, parent, genesis, mains)
            report.findings += judge(rules, case, oid, event.first_id)
            if event.imported is not None:
                report.notes.append(
                    f"event {event.first_id} imported a queue: what was done before rests on the word of {event.actor} "
                    "and on the source that they gave"
                )
            _follow(mains, event)
        genesis = genesis or oid
        parent = commit
        progress()


def _follow(mains: MainHistory, event: Event) -> None:
    if event.main is not None:
        try:
            mains.add(event.main)
        except IntegrityFailure:
            return  # the commit is missing, which the rules about it have said


def _notes(view: View) -> Iterator[str]:
    policy = view.dataset().config.policy
    if policy.two_person_review and not policy.require_signed:
        yield (
            "two-person review rests on claims here: who acts is not proven (require_signed is off), "
            "so one person could have acted under two names"
        )
