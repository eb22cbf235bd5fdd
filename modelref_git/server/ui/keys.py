"""API keys in the browser: made, given another secret, taken away. A key is shown once, when it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.errors import ModelrefError
from modelref_git.operations.context import Context
from modelref_git.operations.keys import create_key, regenerate_key, revoke_key
from modelref_git.pages.views.keys import keys_view
from modelref_git.server.auth.interface import Login
from modelref_git.server.faults import Refusal
from modelref_git.server.modes import check_takes_writes
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.administering import Skip, shown_again
from modelref_git.server.ui.forms import form_of
from modelref_git.server.ui.page import PageRoute, links_of, page, see
from modelref_git.server.ui.visitors import Visitor, visitor_of
from modelref_git.store.keyring import key_id_of

_HERE: Final = "members"
_NEW: Final[Mapping[str, str]] = {"member": "", "label": "", "days": ""}
_NO_KEYS: Final = (
    "This service knows people by other keys than those made here: its operator did not name the provider keys."
)
_LONGEST_DAYS: Final = 9


def make(_settings: Settings) -> APIRouter:
    """The routes of the keys."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/keys", keys_page)
    router.add_api_route("/keys", create, methods=["POST"])
    router.add_api_route("/keys/regenerate", regenerate, methods=["POST"])
    router.add_api_route("/keys/revoke", revoke, methods=["POST"])
    return router


async def keys_page(request: Request, skip: Skip = 0) -> Response:
    """The keys, without their secrets."""
    visitor = await visitor_of(request)
    visitor.member()
    _check_provider(request)
    return await _keys(request, visitor, skip=skip)


async def create(request: Request) -> Response:
    """Make one, and show it this once."""
    visitor, fields = await form_of(request)
    login = _changer(request, visitor)
    path = service_of(request).settings.keys_file
    member, label, days = fields.text("member") or login.user_id, fields.get("label", ""), fields.text("days")
    number = _days(days)
    try:
        made = await _written(
            request,
            login,
            lambda ctx: create_key(ctx, member, label=label, days=number, path=path, remote=True),
        )
    except ModelrefError as fault:
        return await _keys(request, visitor, fault=fault, typed={"member": member, "label": label, "days": days or ""})
    return await _made(request, visitor, made)


async def regenerate(request: Request) -> Response:
    """Give one another secret, and show it this once."""
    visitor, fields = await form_of(request)
    login = _changer(request, visitor)
    path, key_id = service_of(request).settings.keys_file, fields.get("key_id", "")
    try:
        made = await _written(request, login, lambda ctx: regenerate_key(ctx, key_id, path=path, remote=True))
    except ModelrefError as fault:
        return await _keys(request, visitor, fault=fault)
    return await _made(request, visitor, made)


async def revoke(request: Request) -> Response:
    """Take one away, at once and for ever."""
    visitor, fields = await form_of(request)
    login = _changer(request, visitor)
    path, key_id = service_of(request).settings.keys_file, fields.get("key_id", "")
    try:
        gone = await _written(request, login, lambda ctx: revoke_key(ctx, key_id, path=path))
    except ModelrefError as fault:
        return await _keys(request, visitor, fault=fault)
    return see(request, visitor, links_of(request).to("keys"), f"The key {gone['key_id']} is revoked.")


def _changer(request: Request, visitor: Visitor) -> Login:
    login = visitor.member()
    _check_provider(request)
    check_takes_writes(service_of(request).settings)
    return login


def _check_provider(request: Request) -> None:
    if "keys" not in service_of(request).settings.auth:
        raise Refusal(404, _NO_KEYS, "not_found")


async def _written(request: Request, login: Login, work: Callable[[Context], dict[str, Any]]) -> dict[str, Any]:
    return await service_of(request).repository.write(work, login)


def _days(text: str | None) -> int | None:
    """A number of days; what is none is one that is refused."""
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_DAYS else -1


def _key_in_use(visitor: Visitor) -> str | None:
    return key_id_of(visitor.session.key) if visitor.session is not None else None


async def _made(request: Request, visitor: Visitor, made: Mapping[str, Any]) -> Response:
    """The page with the new key, which no browser keeps."""
    values = {"key": made["key"], "was_in_use": made["key_id"] == _key_in_use(visitor)}
    return await page(request, visitor, "key-made.html", lambda _: values, here=_HERE)


async def _keys(
    request: Request,
    visitor: Visitor,
    *,
    skip: int = 0,
    fault: ModelrefError | None = None,
    typed: Mapping[str, str] = _NEW,
) -> Response:
    rows, status = shown_again(fault) if fault is not None else ([], 200)
    settings, in_use = service_of(request).settings, _key_in_use(visitor)

    def work(ctx: Context) -> dict[str, Any]:
        view = keys_view(ctx, settings.keys_file, skip=skip)
        typed_here = {**typed, "member": typed["member"] or view["own_id"]}
        return {**view, "faults": rows, "typed": typed_here, "in_use": in_use, "changes": not settings.read_only}

    return await page(request, visitor, "keys.html", work, here=_HERE, status=status)
