"""Whose a pushed commit is: a claim, made by its author line, and what its signature says to that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from modelref_git.errors import IntegrityFailure, Invalid, Problem
from modelref_git.proposals import policy, trailers
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.config import DatasetConfig
from modelref_git.store.git import GitStore
from modelref_git.store.objects import Commit, Signature, split_signature
from modelref_git.store.signatures import verify_commit

AUTHOR: Final = "intake.author"
REQUIRED: Final = "signature.required"
HOLDS: Final = "signature.holds"
OTHER: Final = "signature.other"

_EMAIL: Final = re.compile(r"[^\s#<>@\"]+@[^\s#<>@\"]+")
_EMAIL_AT_MOST: Final = 254
_NAME_AT_MOST: Final = 100
_NOTE_AT_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """Who asks for what a commit changes, as the commit has it."""

    commit: Commit
    """The one whose author it is: the newest that is no merge."""
    requestor: Actor
    email: str
    note: str | None


def requestor_of(config: DatasetConfig, author: Signature) -> Actor:
    """The member with the author's e-mail, else the author, whose id the e-mail is then.

    Raises:
        Invalid: it is no e-mail, so nobody would know who asks; it could even be taken for the id of a member.
    """
    email = author.email.strip()
    member = config.member_by_email(email) or config.member(email if "@" in email else "")
    if member is not None:
        return member.actor
    if not _EMAIL.fullmatch(email) or not email.isprintable() or len(email) > _EMAIL_AT_MOST:
        text = f"its author has no e-mail by which to know them: {email[:80]!r}"
        raise Invalid.of("the commit", [Problem("", text, AUTHOR)], hint="`git config user.email` says yours")
    # A `#` divides name and id where both are written, so none may stand in the name of somebody unknown.
    name = "".join("?" if char == "#" or not trailers.is_plain(char) else char for char in author.name)
    return Actor(email, " ".join(name.split())[:_NAME_AT_MOST] or email)


def claim_of(store: GitStore, config: DatasetConfig, head: str) -> Claim:
    """Who asks for what the commit *head* changes.

    Where signatures are required it is the author of *head* itself, since that is what was signed.

    Raises:
        Invalid: the author has no e-mail.
    """
    top = commit = store.read_commit(head)
    while len(commit.parents) > 1 and not config.policy.require_signed:
        commit = store.read_commit(commit.parents[0])
    if not commit.parents:
        commit = top
    actor = requestor_of(config, commit.author)
    return Claim(commit, actor, commit.author.email.strip(), _note(commit))


def _note(commit: Commit) -> str | None:
    """What the message says to the approver: of a proposal its note, else all of it."""
    try:
        rows = dict(trailers.read(commit.message))
    except IntegrityFailure:
        rows = {}
    text = rows.get("Note", "") if {"Operation", "Requestor"} <= rows.keys() else commit.message
    text = text.strip()
    return (text if len(text) <= _NOTE_AT_MOST else f"{text[: _NOTE_AT_MOST - 1]}…") or None


def signature_problem(store: GitStore, config: DatasetConfig, head: str, requestor: Actor) -> Problem | None:
    """Why the signature of *head* does not let *requestor* ask, or that there is none where there must be one.

    A signature says no where it is not the requestor's; only where the policy requires one must it say yes.
    """
    payload = store.read(head)[1]
    if not split_signature(payload)[1]:
        return _required(config, "it is not signed")
    verdict = verify_commit(payload, {member.id: member.ssh_keys for member in config.members})
    if verdict.state == "unknown_key":
        return _required(config, "it is signed with a key that no member has")
    if verdict.state == "bad":
        return Problem("", "its signature does not hold", HOLDS)
    if not policy.same_person(config, verdict.member or "", requestor.id):
        return Problem("", f"it is signed with the key of member {verdict.member}, not of {requestor}", OTHER)
    return None


def _required(config: DatasetConfig, text: str) -> Problem | None:
    if not config.policy.require_signed:
        return None
    return Problem("", f"{text}, and this dataset takes what its members have signed alone", REQUIRED)
