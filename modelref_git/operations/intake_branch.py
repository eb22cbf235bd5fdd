"""A proposal as a branch: for those who have no right to push the queue, and for clones that do not have it.

The commit is the very one that a proposal is, on top of the ``main`` that the clone has. Whoever admits it takes it as
it is, with its signature.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from modelref_git.errors import Conflict, Forbidden, Invalid, NotFound, RemoteFailure, UsageFault
from modelref_git.operations.admission.branches import PREFIX
from modelref_git.operations.admission.claims import requestor_of
from modelref_git.operations.answers import METADATA, without_stamps
from modelref_git.operations.context import Context, Person
from modelref_git.operations.drafting import Draft, Request
from modelref_git.operations.drafts import drafting
from modelref_git.operations.judging import facts_finder, refuse
from modelref_git.proposals import policy
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import ENQUEUE
from modelref_git.proposals.folds.asked import queued
from modelref_git.proposals.policy import Case
from modelref_git.store import transport
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.git import GitStore
from modelref_git.store.objects import EMPTY_TREE, Commit
from modelref_git.store.step import Step
from modelref_git.store.transport import Denied, Move, Unreachable

KEPT: Final = "refs/modelref/"
"""Below it the commit is kept, so that the same proposal, made again, is pushed as the same commit."""

_HEADS: Final = "refs/heads/"
_TRIES: Final = 3
_SLUG_AT_MOST: Final = 40
_ROLES: Final = "role."
"""How the ids of rules begin that ask for a role."""


def is_default(store: GitStore) -> bool:
    """Whether this clone proposes by branches unless told otherwise: ``git config modelref.intake true``."""
    return (store.config("modelref.intake") or "").lower() in ("true", "yes", "on", "1")


def push_branch(ctx: Context, prepare: Callable[[Step, DatasetTree], Request]) -> dict[str, Any]:
    """Make a proposal's commit, and push it as a branch of its own; answers ``{"intake": ref, "change_id": null, …}``.

    The checks are those of a proposal, by what the clone has; no role is needed. The same request on the same ``main``
    is the same branch and commit, so that it does no harm to ask again after a lost answer.

    Args:
        ctx: the caller; in git's configuration there must be an e-mail by which to know them.
        prepare: gives the request, from the dataset that it is made against.

    Raises:
        NotFound: there is no dataset here.
        UsageFault: there is no remote, or nobody would know who asks.
        Conflict: somebody has pushed another branch of that name.
        RemoteFailure: the remote did not answer, or refused; or it may not be asked.
        ModelrefError: as :func:`.drafting.draft`.
    """
    if ctx.offline:
        raise RemoteFailure(
            "--intake pushes a branch, and --offline asks no remote; nothing was changed",
            hint="leave out one of them: offline without --intake, a proposal waits for `modelref-git push`",
        )
    remote = _remote(ctx.store)
    step, dataset = _begin(ctx)
    person = ctx.person(dataset.config)
    requestor = _requestor(step, dataset, person)
    request = replace(
        prepare(step, dataset), requested_by=requestor, requested_email=_email(person), is_for_intake=True
    )
    with drafting(step, dataset, person) as drafts:
        made = drafts.add(request)
    _check_protected(step, dataset, requestor, made)
    name = _branch_name(made)
    commit = made.proposal.commit
    if not ctx.dry_run:
        commit = _keep(ctx.store, step, name, commit)
        _push(ctx, remote, f"{_HEADS}{name}", commit)
    for warning in made.warnings:
        ctx.warn(str(warning))
    return {
        "intake": f"{_HEADS}{name}",
        "change_id": None,
        "remote": remote,
        "commit": commit,
        "operation": made.proposal.operation,
        "category": made.proposal.category,
        "model_name": made.proposal.name,
        "requested_by": str(requestor),
    }


def _remote(store: GitStore) -> str:
    """Where branches are pushed to: as git's configuration says for pushes, else the dataset's remote."""
    for name in (store.config("remote.pushDefault"), store.remote, "origin"):
        if name and store.config(f"remote.{name}.url"):
            return name
    raise UsageFault(
        "there is no remote to push a branch to",
        hint="`git remote add origin URL` names one; where you may write to the queue, leave out --intake",
    )


def _begin(ctx: Context) -> tuple[Step, DatasetTree]:
    """A step that can make commits, and the dataset; with the queue as far as the clone has it."""
    try:
        head: str | None = ctx.view().head
    except NotFound:
        head = None
    main = ctx.dataset().commit
    step = Step(ctx.store, head, ctx.clock, dry_run=ctx.dry_run)
    step.queue.header = replace(step.queue.header, main=main)
    return step, step.dataset()


def _email(person: Person) -> str:
    return person.email or (person.actor.id if "@" in person.actor.id else "")


def _requestor(step: Step, dataset: DatasetTree, person: Person) -> Actor:
    """Who asks, as an intake will read it off the author of the commit.

    Raises:
        UsageFault: it would be nobody, or somebody else.
        Forbidden: it is no member, and the dataset takes signed proposals of members alone.
    """
    if person.member is not None and not person.email:
        raise UsageFault(
            f"{person.username} has no e-mail in the dataset's list of members, by which a branch would be theirs",
            hint="an approver adds it with `modelref-git policy edit`",
        )
    line = step.author(person.actor, _email(person))
    author = Commit.decode("", Commit(EMPTY_TREE, (), line, line, "").encode()).author
    try:
        actor = requestor_of(dataset.config, author)
    except Invalid as fault:
        raise UsageFault(
            f"a branch is known by its author's e-mail, and {_email(person)!r} is none",
            hint="set it with `git config user.email you@example.org`",
        ) from fault
    if dataset.config.policy.require_signed and dataset.config.member(actor.id) is None:
        raise Forbidden(
            f"{person.username} is no member, and this dataset takes what its members have signed alone",
            hint="an approver lists you, with your key, by `modelref-git member add`",
        )
    return actor


def _check_protected(step: Step, dataset: DatasetTree, requestor: Actor, made: Draft) -> None:
    """Refuse what is protected from the requestor: nobody could admit it. Roles are a matter of who admits it.

    Raises:
        Forbidden: it is.
    """
    if not dataset.config.policy.protected:
        return
    change = queued(made.proposal, 0, step.time)
    case = Case(dataset.config, requestor, ENQUEUE, change, facts_finder(step.objects, dataset))
    found = [refusal for refusal in policy.judge(case) if not refusal.rule.startswith(_ROLES)]
    refuse(dataset.config, ENQUEUE, found)


def _branch_name(made: Draft) -> str:
    """A name that tells whose and what it is, and is another one for another proposal."""
    asked = made.proposal
    record = None if made.record is None else without_stamps({METADATA: {}, **made.record})
    parts = [asked.base, asked.operation, asked.category, asked.name, asked.note, str(asked.requestor), record]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
    return f"{PREFIX}{_slug(asked.requestor.name)}/{asked.operation}-{asked.category}-{_slug(asked.name)}-{digest}"


def _slug(text: str) -> str:
    """What of a text every Git host takes in the name of a branch."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain)[:_SLUG_AT_MOST].strip("-") or "x"


def _keep(store: GitStore, step: Step, name: str, commit: str) -> str:
    """Write the commit, unless an earlier attempt has left one that asks for the same; gives which counts."""
    kept = store.refs.read(f"{KEPT}{name}")
    if kept is not None and store.has(kept):
        return kept
    store.write(step.objects)
    store.refs.move(f"{KEPT}{name}", kept, commit)
    return commit


def _push(ctx: Context, remote: str, ref: str, commit: str) -> None:
    """Push the commit as a new branch; after a lost answer the truth is read back.

    Raises:
        Conflict: there is another commit at that branch.
        RemoteFailure: it is not there in the end.
    """
    git_dir = ctx.store.git_dir
    failure = RemoteFailure(f"{remote} took no branch")
    for _ in range(_TRIES):
        try:
            outcome = transport.push(git_dir, remote, [Move(ref, None, commit)], progress=ctx.progress)[ref]
            if outcome.done:
                return
            failure = RemoteFailure(f"{remote} refused the branch {ref}: {outcome.reason}", hint=_BY_FORK)
            there = transport.list_refs(remote, [ref], git_dir=git_dir).get(ref)
        except Unreachable as fault:
            failure = fault
            continue
        except Denied as fault:
            raise RemoteFailure(fault.message, hint=_BY_FORK) from fault
        if there == commit:
            return
        if there is not None:
            raise Conflict(
                f"{remote} has a branch {ref} at another commit, {there}: this was proposed before",
                hint=f"`git fetch {remote} {ref}` and `git show FETCH_HEAD` show it; with another --note this gets "
                "a branch of its own",
            )
        break
    raise failure


_BY_FORK: Final = (
    "whoever may not push there pushes to a fork: `git remote add fork URL`, `git config remote.pushDefault fork`, "
    "and the command again; then open a pull request"
)
