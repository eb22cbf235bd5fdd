"""The members, and forms that add or remove one, or change what one may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from modelref_git.errors import ModelrefError
from modelref_git.operations.context import Context
from modelref_git.operations.members import add_member, change_roles, list_members, public_keys, remove_member
from modelref_git.operations.policy_queue import PolicyMoved
from modelref_git.pages.views.members import member_view, members_view
from modelref_git.server.settings import Settings
from modelref_git.server.ui.administering import Skip, change_policy, may_change, shown_again
from modelref_git.server.ui.forms import form_of
from modelref_git.server.ui.page import PageRoute, links_of, page, see
from modelref_git.server.ui.visitors import Visitor, visitor_of

_Id = Annotated[str, Query(max_length=500)]
_HERE: Final = "members"
_NEW: Final[Mapping[str, Any]] = {"name": "", "id": "", "emails": "", "ssh_keys": "", "roles": ()}


def make(_settings: Settings) -> APIRouter:
    """The routes of the members."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/members", members_page)
    router.add_api_route("/members", add, methods=["POST"])
    router.add_api_route("/member", member_page)
    router.add_api_route("/member", set_roles, methods=["POST"])
    router.add_api_route("/member/remove", remove, methods=["POST"])
    return router


async def members_page(request: Request, skip: Skip = 0) -> Response:
    """All members."""
    visitor = await visitor_of(request)
    visitor.member()
    return await _members(request, visitor, skip=skip)


async def add(request: Request) -> Response:
    """Add one."""
    visitor, fields = await form_of(request)
    login = visitor.administrator()
    who = f"{fields.text('name') or ''}#{fields.text('id') or ''}"
    roles = tuple(fields.all("role"))

    def work(ctx: Context) -> dict[str, Any]:
        emails = tuple(line.strip() for line in fields.get("emails", "").splitlines() if line.strip())
        keys = tuple(public_keys(fields["ssh_keys"].encode())) if fields.text("ssh_keys") else ()
        return add_member(ctx, who, emails=emails, roles=roles, ssh_keys=keys)

    try:
        notice = await change_policy(request, login, fields, work, f"{who} is a member.")
    except ModelrefError as fault:
        typed: dict[str, Any] = {**{name: fields.get(name, "") for name in _NEW}, "roles": roles}
        if "PRIVATE KEY" in typed["ssh_keys"]:
            typed["ssh_keys"] = ""  # that one is not shown to anybody, not even who sent it
        return await _members(request, visitor, fault=fault, typed=typed)
    return see(request, visitor, links_of(request).to("members"), notice)


async def member_page(request: Request, id: _Id) -> Response:  # noqa: A002 - the parameter's name
    """One member."""
    visitor = await visitor_of(request)
    visitor.member()
    return await _member(request, visitor, id)


async def set_roles(request: Request) -> Response:
    """Give one roles, and take roles away."""
    visitor, fields = await form_of(request)
    login, ident, wanted = visitor.administrator(), fields.get("id", ""), fields.all("role")

    def work(ctx: Context) -> dict[str, Any]:
        return change_roles(ctx, ident, _changes(ctx, ident, wanted))

    try:
        notice = await change_policy(request, login, fields, work, "The roles are changed.")
    except PolicyMoved as fault:
        return await _member(request, visitor, ident, fault=fault)  # what was chosen must not undo what others did
    except ModelrefError as fault:
        return await _member(request, visitor, ident, fault=fault, typed=wanted)
    return see(request, visitor, links_of(request).to("member", id=ident), notice)


async def remove(request: Request) -> Response:
    """Take one off the list."""
    visitor, fields = await form_of(request)
    login, ident = visitor.administrator(), fields.get("id", "")
    try:
        notice = await change_policy(
            request, login, fields, lambda ctx: remove_member(ctx, ident), f"{ident} is no member any more."
        )
    except ModelrefError as fault:
        return await _member(request, visitor, ident, fault=fault)
    return see(request, visitor, links_of(request).to("members"), notice)


def _changes(ctx: Context, ident: str, wanted: Sequence[str]) -> list[str]:
    """What takes a member from the roles of now to those *wanted*; that these are the seen ones the step checks."""
    now: list[str] = next((row["roles"] for row in list_members(ctx) if row["user_id"] == ident), [])
    given = [f"+{role}" for role in wanted if role not in now]
    return given + [f"-{role}" for role in now if role not in wanted] or [f"+{role}" for role in now[:1]]


async def _members(
    request: Request,
    visitor: Visitor,
    *,
    skip: int = 0,
    fault: ModelrefError | None = None,
    typed: Mapping[str, Any] = _NEW,
) -> Response:
    rows, status = shown_again(fault) if fault is not None else ([], 200)
    open_here = may_change(request)

    def work(ctx: Context) -> dict[str, Any]:
        view = members_view(ctx, skip=skip)
        return {**view, "changes": open_here and view["administers"], "faults": rows, "typed": typed}

    return await page(request, visitor, "members.html", work, here=_HERE, status=status)


async def _member(
    request: Request,
    visitor: Visitor,
    ident: str,
    *,
    fault: ModelrefError | None = None,
    typed: Sequence[str] | None = None,
) -> Response:
    rows, status = shown_again(fault) if fault is not None else ([], 200)
    open_here = may_change(request)

    def work(ctx: Context) -> dict[str, Any]:
        view = member_view(ctx, ident)
        chosen = typed if typed is not None else view["member"]["roles"]
        return {**view, "changes": open_here and view["administers"], "faults": rows, "typed_roles": chosen}

    return await page(request, visitor, "member.html", work, here=_HERE, status=status)
