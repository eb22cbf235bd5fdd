"""Adopt and disown: what other hands put on ``main`` is taken into the record, or undone by a merge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from modelref_git.errors import Invalid, Problem, WrongState
from modelref_git.operations.administrative import append_administrative
from modelref_git.operations.context import Context, Person
from modelref_git.operations.drafting import canonical_bytes
from modelref_git.operations.judging import approval_of, case_of, facts_finder, refuse, require_administrator
from modelref_git.operations.picture_files import arriving_problems
from modelref_git.operations.policy_checks import check_policy_change
from modelref_git.operations.rebuilding import open_batch
from modelref_git.operations.wording import check_reason
from modelref_git.proposals import policy
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.config import DatasetConfig
from modelref_git.proposals.events import ADOPT, APPROVE, CREATE, DELETE, DISOWN, UPDATE, Event, Proposal
from modelref_git.proposals.folds.asked import queued
from modelref_git.proposals.header import POLICY
from modelref_git.proposals.queue import Change, GivenApproval
from modelref_git.records import codec
from modelref_git.records.json_text import same
from modelref_git.records.names import structural_problems
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree, changed_records
from modelref_git.store.git import GitStore
from modelref_git.store.objects import Commit, ObjectBuffer
from modelref_git.store.step import Step
from modelref_git.store.trees import compare


def adopt(ctx: Context, revision: str, *, reason: str | None) -> dict[str, Any]:
    """Take the commits up to *revision*, which other hands put on ``main``, into the record.

    They need the approvals that proposals of the same changes would need; until these are there, each call adds one.
    Answers ``{"event_id", "main"}``.

    Raises:
        NotFound: there is no such revision.
        WrongState: it does not continue the log's ``main``, or is no part of ``main``.
        Invalid: what it holds is no valid dataset; every fault is listed.
        Forbidden: the policy does not let the caller approve these changes.
    """
    why = check_reason(reason)

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        require_administrator(dataset, person, ADOPT)
        stranger = step.store.resolve(revision)
        commits = _strange_commits(step, stranger)
        after = step.dataset(stranger)
        problems = adoption_problems(dataset, after)
        if problems:
            raise Invalid.of(f"what {stranger} would put on main", problems)
        complete = _approved(step, dataset, person, adopted_changes(dataset, after, commits, step.time), stranger)
        event = Event(
            ADOPT,
            person.actor,
            0,
            0,
            stranger=stranger,
            main=stranger if complete else None,
            reason=why,
        )
        body = [f"- {commit.id} {commit.subject}" for commit in commits[:127] if commit.subject.isprintable()]
        event = step.append(event, keeps=[stranger], email=person.email, body=body)
        if not complete:
            step.warnings.append(
                f"{stranger} needs further approvals before it is adopted: another approver adopts it too"
            )
        return {"event_id": event.first_id, "main": step.main}

    return ctx.write(decide)


def disown(ctx: Context, revision: str, *, reason: str | None) -> dict[str, Any]:
    """Undo what other hands put on ``main``: it moves to a merge of both, with the log's content.

    Answers ``{"event_id", "main"}``. That is a fast-forward for whoever has taken the strange commits already.

    Raises:
        NotFound: there is no such revision.
        WrongState: ``main`` is not there, or is where the log says.
        Forbidden: the caller is no approver of the whole dataset.
    """
    why = check_reason(reason)

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        require_administrator(dataset, person, DISOWN)
        stranger = step.store.resolve(revision)
        found = step.store.refs.read(step.store.counted(layout.MAIN))
        if stranger == step.main or step.store.is_ancestor(stranger, step.main):
            raise WrongState(f"{stranger} is part of the log's main: there is nothing to disown")
        if found != stranger:
            raise WrongState(
                f"main is not at {stranger} but at {found}", hint=f"`modelref-git disown {found} --reason R`"
            )
        headline = f"{stranger}: {why if why.isprintable() else '…'}"
        main = append_administrative(
            step, person, DISOWN, dataset.tree, headline, parents=[stranger], stranger=stranger, reason=why
        )
        return {"event_id": step.queue.header.last_event_id, "main": main}

    return ctx.write(decide)


def _strange_commits(step: Step, stranger: str) -> list[Commit]:
    """The commits that *stranger* would bring to the log's ``main``, newest first."""
    if stranger == step.main or step.store.is_ancestor(stranger, step.main):
        raise WrongState(f"{stranger} is part of the log's main: there is nothing to adopt")
    found = step.store.refs.read(step.store.counted(layout.MAIN))
    if found is None or not step.store.is_ancestor(stranger, found):
        raise WrongState(f"{stranger} is no part of main, which is at {found}")
    if not step.store.is_ancestor(step.main, stranger):
        raise WrongState(
            f"{stranger} does not continue the log's main {step.main}: somebody rewrote the branch",
            hint=f"`modelref-git disown {found} --reason R`",
        )
    if all(commit.id != step.main for commit in step.store.first_parents(stranger)):
        raise WrongState(
            f"{stranger} merges the log's main into something else: main would not be on its first parents any more",
            hint=f"`modelref-git disown {found} --reason R`",
        )
    batch = open_batch(step)
    if batch is not None and stranger in batch.merges:
        apply = f"`modelref-git apply --batch {batch.batch_id}`"
        raise WrongState(
            f"{stranger} is the open batch {batch.batch_id} itself, which is approved and not adopted",
            hint=apply if stranger == batch.head else f"`modelref-git disown {found} --reason R`, then {apply}",
        )
    return list(strange_commits(step.store, stranger, step.main))


def strange_commits(store: GitStore, stranger: str, main: str) -> Iterator[Commit]:
    """The commits that are behind *stranger* and not behind *main*."""
    waiting, seen = [stranger], {main}
    while waiting:
        oid = waiting.pop()
        if oid in seen or store.is_ancestor(oid, main):
            continue
        seen.add(oid)
        commit = store.read_commit(oid)
        yield commit
        waiting += commit.parents


def adopted_changes(before: DatasetTree, after: DatasetTree, commits: Sequence[Commit], time: int) -> list[Change]:
    """What an adoption changes, as the changes that would have been proposed for it: one for each who is asking.

    Author and committer of its commits count as requestors.
    """
    askers = sorted({_asker(before.config, email, name) for commit in commits for email, name in _people(commit)})
    parts: list[tuple[str, str, str | None, str | None]] = [
        (*key, *blobs) for key, blobs in changed_records(before.objects, before.tree, after.tree).items()
    ]
    if any(not _is_of_records(path) for path, _, _ in _touched(before, after)):
        parts.append((POLICY, layout.CONFIG, None, None))
    changes = []
    for category, name, old, new in parts:
        operation = CREATE if old is None and category != POLICY else DELETE if new is None and old else UPDATE
        for ident, alias in askers:
            made = Proposal(operation, category, name, Actor(ident, alias), None, "", before.commit or "", old, new)
            changes.append(queued(made, 0, time))
    return changes


def _is_of_records(path: str) -> bool:
    """Whether a path is that of a record or of a picture, which comes with one."""
    return path.startswith(f"{layout.DATASET}/") or layout.picture_of(path) is not None


def _people(commit: Commit) -> list[tuple[str, str]]:
    return [(side.email, side.name) for side in (commit.author, commit.committer)]


def _asker(config: DatasetConfig, email: str, name: str) -> tuple[str, str]:
    member = config.member_by_email(email)
    return (member.id, member.name) if member is not None else (email or name or "unknown", name or "unknown")


def _touched(before: DatasetTree, after: DatasetTree) -> list[tuple[str, Any, Any]]:
    return list(compare(before.objects, before.tree, after.tree))


def _approved(step: Step, dataset: DatasetTree, person: Person, changes: Sequence[Change], stranger: str) -> bool:
    """Whether the changes have all approvals with that of *person*.

    Raises:
        Forbidden: the person may not approve them.
        WrongState: the person has already.
    """
    given = [GivenApproval.from_state(row) for row in step.queue.header.adopting.get(stranger, ())]
    if any(one.by == person.actor.id for one in given):
        raise WrongState(f"{stranger} has your approval already; another approver adopts it too")
    mine = approval_of(person, step.time, acknowledged=True)
    facts_of = facts_finder(step.objects, dataset)
    config = dataset.config
    cases = [case_of(config, person, APPROVE, change, facts_of) for change in changes]
    refuse(config, ADOPT, [replace(item, change_id=None) for case in cases for item in policy.judge(case)])
    return not any(policy.missing(config, change, facts_of, [*given, mine]) for change in changes)


def adoption_problems(before: DatasetTree, after: DatasetTree) -> list[Problem]:
    """What keeps *after* from being the next state of *before*: faults of its policy and of the records it changes."""
    problems: list[Problem] = []
    try:
        check_policy_change(before, after)
    except Invalid as fault:
        return [Problem(row["path"], row["message"], row["rule"]) for row in fault.details]
    problems += [
        Problem(f"/{path}", "no record of a category stands there", "layout.path")
        for path, _, new in _touched(before, after)
        if path.startswith(f"{layout.DATASET}/") and new is not None and not _is_record_path(after, path)
    ]
    if problems:
        return problems
    for (category, name), (old, new) in changed_records(before.objects, before.tree, after.tree).items():
        if new is not None:
            at = f"/{category}/{name}"
            try:
                found = list(_record_problems(after, category, name, old, new))
            except Invalid as fault:  # it is no JSON of a record at all
                found = [Problem(row["path"], row["message"], row["rule"]) for row in fault.details]
            problems += [Problem(f"{at}{problem.path}", problem.message, problem.rule) for problem in found]
    return [*problems, *arriving_problems(before, after, _touched(before, after))]


def _is_record_path(after: DatasetTree, path: str) -> bool:
    found = layout.record_of(path)
    return found is not None and found[0] in after.config.categories and after.path(*found) == path


def _record_problems(after: DatasetTree, category: str, name: str, old: str | None, new: str) -> Iterator[Problem]:
    yield from structural_problems(category, name)
    objects: ObjectBuffer = after.objects
    schema = after.schema(category)
    data = objects.read_blob(new)
    record = codec.decode(data)
    yield from schema.problems(record)
    if canonical_bytes(record, schema, name) != data:
        yield Problem("", "the file is not canonical JSON", "layout.canonical")
    kept = codec.decode(objects.read_blob(old)).get(codec.REMAINDER) if old is not None else None
    if not same(kept, record.get(codec.REMAINDER)):
        yield Problem(f"/{codec.REMAINDER}", "the legacy remainder belongs to imports", "remainder.changed")
    other = after.look_alike(category, name)
    if other is not None:
        yield Problem("/name", f"{other!r} differs from it by letter case or Unicode form only", "name.look_alike")
