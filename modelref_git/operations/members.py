"""Members: the allowlist of a dataset, and who the caller is. A change of it is a change of the policy."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelref_git.errors import Invalid, NotFound, Problem, UsageFault
from modelref_git.operations.context import Context
from modelref_git.operations.policy_change import change_policy
from modelref_git.proposals import config_edit
from modelref_git.proposals.actors import APPROVER, ROLES, Actor, Member
from modelref_git.proposals.config import DatasetConfig
from modelref_git.proposals.ssh_keys import check_key_line
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree


def list_members(ctx: Context) -> list[dict[str, Any]]:
    """The allowlist of the dataset."""
    return [member.as_json() for member in ctx.dataset().config.members]


def whoami(ctx: Context) -> dict[str, Any]:
    """As whom the caller acts, and what they may do."""
    person = ctx.person(ctx.dataset().config)
    roles = set(person.member.roles) if person.member is not None else set()
    if person.is_requestor:
        roles.add("requestor")
    return {
        "user_id": person.actor.id,
        "username": person.username,
        "roles": sorted(roles),
        "is_requestor": person.is_requestor,
        "is_approver": person.is_approver,
    }


def public_keys(data: bytes) -> list[str]:
    """The public SSH keys in a file: one a line, comments apart.

    Raises:
        Invalid: it holds none, or something that is none; what it holds is never repeated.
    """
    text = data.decode("utf-8", "replace")
    if "PRIVATE KEY" in text:
        check_key_line(text)  # refuses it without repeating it
    lines = [line.strip() for line in text.splitlines()]
    keys = [check_key_line(line) for line in lines if line and not line.startswith("#")]
    if not keys:
        raise Invalid.of("the key file", [Problem("", "it holds no public SSH key", "member.ssh_key")])
    return keys


def add_member(
    ctx: Context, text: str, *, emails: tuple[str, ...], roles: tuple[str, ...] = (), ssh_keys: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Add the person ``name#id`` to the allowlist; answers the change, and the member.

    Raises:
        UsageFault: the name, an e-mail or a role makes no sense.
        Conflict: the id or an e-mail is on the list already.
        Forbidden: the caller is no approver of the whole dataset.
    """
    actor = Actor.parse(text)
    for email in emails:
        if "@" not in email.strip("@") or any(ch.isspace() or ch in "<>" for ch in email):
            raise UsageFault(f"{email!r} is no e-mail address")
    categories = ctx.view().dataset().config.categories
    for role in roles:
        _check_role(role, categories)
    if not all(ch.isprintable() for ch in str(actor)):
        raise UsageFault("a member's name and id have no line breaks or control characters")
    member = Member(actor.id, actor.name, emails, ssh_keys, tuple(dict.fromkeys(roles)))

    def change(dataset: DatasetTree) -> Mapping[str, bytes]:
        return {layout.CONFIG: config_edit.with_member(dataset.config_bytes, member)}

    return {**change_policy(ctx, f"add the member {actor}", change), **member.as_json()}


def remove_member(ctx: Context, ident: str) -> dict[str, Any]:
    """Take a member off the allowlist; answers the change, and who it was.

    What they asked for and approved stays in the log; approvals that they gave stop counting.

    Raises:
        NotFound: there is no such member.
        Invalid: nobody would be left who could approve.
        Forbidden: the caller is no approver of the whole dataset.
    """
    member = _member(ctx.view().dataset().config, ident)

    def change(dataset: DatasetTree) -> Mapping[str, bytes]:
        return {layout.CONFIG: config_edit.without_member(dataset.config_bytes, member.id)}

    return {**change_policy(ctx, f"remove the member {member.actor}", change), **member.as_json()}


def change_roles(ctx: Context, ident: str, changes: Sequence[str]) -> dict[str, Any]:
    """Give a member roles (``+approver``) or take them away (``-approver``); answers the change, and the member.

    Raises:
        UsageFault: a word is no role with a sign before it.
        NotFound: there is no such member.
        Invalid: nobody would be left who could approve, or nothing would change.
        Forbidden: the caller is no approver of the whole dataset.
    """
    if not changes:
        raise UsageFault("say which roles: +ROLE gives one, -ROLE takes it away")
    for word in changes:
        if word[:1] not in ("+", "-") or not word[1:]:
            raise UsageFault(f"{word!r} is no change of roles", hint="+approver gives a role, -approver takes it away")
    config = ctx.view().dataset().config
    for word in changes:
        _check_role(word[1:], config.categories)
    after = member = _member(config, ident)

    def change(dataset: DatasetTree) -> Mapping[str, bytes]:
        nonlocal after  # from the roles of that moment: somebody else may be changing them too
        after = _with_roles(_member(dataset.config, ident), changes)
        return {layout.CONFIG: config_edit.with_roles(dataset.config_bytes, after.id, after.roles)}

    title = f"change the roles of {member.actor}: {' '.join(changes)}"
    answer = change_policy(ctx, title, change)
    return {**answer, **after.as_json()}


def _with_roles(member: Member, changes: Sequence[str]) -> Member:
    roles = list(member.roles)
    for word in changes:
        if word[0] == "+" and word[1:] not in roles:
            roles.append(word[1:])
        elif word[0] == "-" and word[1:] in roles:
            roles.remove(word[1:])
    return replace(member, roles=tuple(roles))


def _member(config: DatasetConfig, text: str) -> Member:
    ident = text.rpartition("#")[2].strip()
    found = config.member(ident)
    if found is None:
        raise NotFound(f"there is no member with the id {ident!r}", hint="`modelref-git member list` lists them")
    return found


def _check_role(role: str, categories: Collection[str]) -> None:
    kind, _, category = role.partition(":")
    if role in ROLES or (kind == APPROVER and category in categories):
        return
    raise UsageFault(f"{role!r} is no role; roles are {', '.join(ROLES)}, and {APPROVER}:CATEGORY")
