"""Rules of the branch ``notes``: it grows by well-formed acts of whoever pushes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelref_git.operations.guarding.guard import Guard
from modelref_git.operations.guarding.people import AHEAD_AT_MOST
from modelref_git.operations.guarding.push import CLAIMS, Push
from modelref_git.operations.guarding.refs import RefCase
from modelref_git.operations.verifying.rules import UNREADABLE, Fault, told
from modelref_git.proposals import policy
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.config import DatasetConfig
from modelref_git.proposals.notes import ADD, Act, why_not
from modelref_git.store import layout
from modelref_git.store.notes import Board
from modelref_git.store.objects import Commit, split_signature
from modelref_git.store.signatures import verify_commit


def _brought(case: RefCase) -> list[Commit] | None:
    """The commits that the push adds to the notes, oldest first; ``None`` if it does not continue the present ones."""
    move = case.move
    found: list[Commit] = []
    for commit in case.push.store.first_parents(move.new):
        if commit.id == move.old:
            return found[::-1]
        found.append(commit)
    return found[::-1] if move.old is None else None


def _grown(case: RefCase) -> Iterator[Fault | str]:
    if case.move.ref != layout.NOTES:
        return
    if case.move.new is None:
        yield "the notes would be gone"
    elif _brought(case) is None:
        yield Fault(f"{case.move.new} does not continue {case.move.old}, the newest act", case.move.new)


def _acts(case: RefCase) -> Iterator[tuple[Commit, Board]]:
    """Each new commit, with the notes as they are before it."""
    if case.move.ref == layout.NOTES and case.move.new is not None:
        store = case.push.store
        for commit in _brought(case) or ():
            yield commit, Board(store, commit.parents[0] if commit.parents else None, store.buffer())


def _formed(case: RefCase) -> Iterator[Fault]:
    for commit, before in _acts(case):
        try:
            why = _misformed(case.push, commit, before)
        except UNREADABLE as error:
            why = told(error)
        if why is not None:
            yield Fault(f"{commit.id}: {why}", commit.id)
            return  # what comes after it builds upon it


def _misformed(push: Push, commit: Commit, before: Board) -> str | None:
    act = Act.decode(commit.id, commit.message, commit.committer.time)
    if len(commit.parents) > 1:
        return "it has several parents"
    if commit.tree != before.after(act)[0]:
        return "its tree is not what its act makes of the notes before it"
    if push.state is None or act.genesis != (push.state.header.genesis or push.head):
        return "it was made for another dataset"
    ahead = act.time - push.now
    if ahead > AHEAD_AT_MOST:
        return f"it is dated {ahead} seconds ahead of this server"
    if before.head is not None and act.time < before.objects.read_commit(before.head).committer.time:
        return "it is dated before the act that it continues"
    return None


def _writer(case: RefCase) -> Iterator[Fault]:
    push = case.push
    if case.move.ref != layout.NOTES or case.move.new is None:
        return
    config = push.config
    if config is None:
        yield Fault("there is no log that says who the members are")
        return
    if case.move.old is None and _answers_for_all(push, config):
        return
    for commit, before in _acts(case):
        try:
            why = _not_theirs(push, config, commit, before)
        except UNREADABLE:
            return  # told as a commit that is no act
        if why is not None:
            yield Fault(f"{commit.id}: {why}", commit.id)


def _answers_for_all(push: Push, config: DatasetConfig) -> bool:
    """Whether who brings the first notes answers for what is in them, as for the log."""
    member = push.pusher.member(config)
    return push.pusher.trusts_claims if push.pusher.login is None else member is not None and member.approves(None)


def _not_theirs(push: Push, config: DatasetConfig, commit: Commit, before: Board) -> str | None:
    """Why the pusher may not bring an act, or its actor not do it."""
    act = Act.decode(commit.id, commit.message, commit.committer.time)
    writer = act.attested_by or act.actor
    if act.attested_by is not None and not config.is_service(act.attested_by):
        return f"{writer}, who is no service, attests it"
    member = config.member(act.actor.id)
    if act.attested_by is None and (member is None or not member.is_requestor):
        return f"{act.actor} may not write notes: that takes the role requestor"
    page = before.page(act.category, act.name)
    # Of a guest, only the service that attests the act knows what they may.
    if act.action != ADD and page is not None and (member is not None or act.attested_by is None):
        why = why_not(config, act.actor, member, act.category, page.find(act.note_id))
        if why is not None:
            return f"{act.actor} may not change the note {act.note_id}: {why}"
    return None if _is_brought_by(push, config, writer, commit) else f"it is {writer}'s, and {_who(push, config)}"


def _is_brought_by(push: Push, config: DatasetConfig, writer: Actor, commit: Commit) -> bool:
    """Whether the pusher is *writer*, or a service, or *writer* has signed it; where signatures count, only that."""
    payload = push.store.read(commit.id)[1]
    if split_signature(payload)[1]:
        verdict = verify_commit(payload, {member.id: member.ssh_keys for member in config.members})
        if verdict.state == "good" and policy.same_person(config, verdict.member or "", writer.id):
            return True
    if config.policy.require_signed:
        return False
    if push.pusher.login is None:
        return push.pusher.trusts_claims
    member = push.pusher.member(config)
    return member is not None and (member.is_service or policy.same_person(config, member.id, writer.id))


def _who(push: Push, config: DatasetConfig) -> str:
    if config.policy.require_signed:
        return "not signed by them, as this dataset asks for"
    return f"not signed by them, and {push.pusher.name(config)} pushes it"


RULES: Final[tuple[Guard[RefCase], ...]] = (
    Guard(
        "notes.grown",
        "The notes only ever grow, and are never removed.",
        _grown,
        "`git fetch`, write the note anew on what came, and push that: `modelref-git note add` does all of it",
    ),
    Guard(
        "notes.act",
        "Each commit of the notes is one act, with the notes as they are after it as its tree.",
        _formed,
        "go back to the server's `notes`, and write the note with the program",
    ),
    Guard(
        "notes.writer",
        "Whoever pushes notes brings acts of their own, which they may do; a service those of others, too.",
        _writer,
        "let its author push it, or sign it; the server is told who pushes by MODELREF_ACTOR, or to believe everybody "
        f"by `git config {CLAIMS} true`",
    ),
)
"""What a push of the branch ``notes`` is judged by, besides what every ref is."""
