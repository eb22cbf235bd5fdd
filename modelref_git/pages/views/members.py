"""The members: who they are, what they may do, and what is to become of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from modelref_git.errors import NotFound
from modelref_git.operations.context import Context
from modelref_git.operations.members import list_members
from modelref_git.operations.policy_queue import content_in_force, open_policy_changes
from modelref_git.proposals.actors import APPROVER, ROLES

ROWS: Final = 50


def members_view(ctx: Context, *, skip: int = 0) -> dict[str, Any]:
    """What the page of all members shows, from the member after the first *skip*."""
    rows = list_members(ctx)
    return {
        "members": rows[skip : skip + ROWS],
        "count": len(rows),
        "skip": skip,
        "before": max(0, skip - ROWS) if skip else None,
        "after": skip + ROWS if skip + ROWS < len(rows) else None,
        "roles": all_roles(ctx),
        **administration(ctx),
    }


def member_view(ctx: Context, ident: str) -> dict[str, Any]:
    """What the page of one member shows.

    Raises:
        NotFound: there is no such member.
    """
    member = next((row for row in list_members(ctx) if row["user_id"] == ident), None)
    if member is None:
        raise NotFound(f"there is no member with the id {ident!r}")
    return {"member": member, "roles": all_roles(ctx), **administration(ctx)}


def administration(ctx: Context) -> dict[str, Any]:
    """What all pages that change the policy share: whether the caller may, what they see, what is on its way."""
    person = ctx.person(ctx.view().dataset().config)
    return {
        "administers": person.member is not None and person.member.approves(None),
        "seen": content_in_force(ctx),
        "open_changes": open_policy_changes(ctx),
    }


def all_roles(ctx: Context) -> list[str]:
    """Every role that a member can have."""
    categories: Sequence[str] = sorted(ctx.view().dataset().config.categories)
    return [*ROLES, *(f"{APPROVER}:{category}" for category in categories)]
