"""Who asks, and whether they may: the key of a request, the login behind it, and its roles by the live policy."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from modelref_git.operations.context import Person
from modelref_git.proposals.config import DatasetConfig
from modelref_git.server.auth.interface import Login
from modelref_git.server.faults import Refusal
from modelref_git.server.service import Service, service_of

_HEADER: Final = APIKeyHeader(name="apikey", auto_error=False, description="An API key of this service, or AI-Horde's.")
_BEARER: Final = "bearer "

NOT_AUTHENTICATED: Final = "Not authenticated"
INVALID: Final = "Invalid API key"
NO_REQUESTOR: Final = "You are not on the pending queue requestor list."
NO_MEMBER: Final = "You are no member of this dataset."
NO_APPROVER: Final = "You are not on the pending queue approver list."


async def require_key(request: Request, apikey: Annotated[str | None, Security(_HEADER)] = None) -> str:
    """The key of a request, from ``apikey`` or ``Authorization: Bearer``; 401 without one.

    As a dependency it is asked for before the shape of the request is judged, as clients know it.
    """
    if apikey:
        if len(request.headers.getlist("apikey")) > 1:
            # Whoever stands before this service may have looked at the other one.
            raise _invalid()
        return apikey
    given = request.headers.get("authorization", "")
    if given[: len(_BEARER)].lower() == _BEARER and given[len(_BEARER) :].strip():
        return given[len(_BEARER) :].strip()
    raise Refusal(401, NOT_AUTHENTICATED, "unauthenticated", headers={"WWW-Authenticate": "APIKey"})


Key = Annotated[str, Depends(require_key)]
"""The key of a request whose route needs one."""


async def reader(request: Request, key: str) -> Login:
    """Whoever the *key* is of; 401 if it is nobody's."""
    return await _login(request, key, for_write=False)


async def requestor(request: Request, key: str, *, for_write: bool = True) -> Login:
    """Whoever the *key* is of, if they may propose; 403 if not."""
    service = service_of(request)
    config = service.repository.snapshot().config
    if not grants(config, "requestor", "approver"):
        raise _invalid()
    login = await _login(request, key, for_write=for_write)
    if not person_of(service, login).is_requestor:
        raise Refusal(403, NO_REQUESTOR, "forbidden")
    return login


async def member(request: Request, key: str) -> Login:
    """Whoever the *key* is of, if they are a member, with whatever role; 403 if not."""
    login = await _login(request, key, for_write=False)
    if person_of(service_of(request), login).member is None:
        raise Refusal(403, NO_MEMBER, "forbidden")
    return login


async def approver(request: Request, key: str) -> Login:
    """Whoever the *key* is of, if they may approve, in all categories or in some; 403 if not."""
    service = service_of(request)
    if not grants(service.repository.snapshot().config, "approver"):
        raise _invalid()
    login = await _login(request, key, for_write=True)
    if not person_of(service, login).is_approver:
        raise Refusal(403, NO_APPROVER, "forbidden")
    return login


def person_of(service: Service, login: Login) -> Person:
    """What a *login* is by the live policy."""
    ctx = service.repository.loop_context(login)
    return ctx.person(service.repository.snapshot().config)


def grants(config: DatasetConfig, *kinds: str) -> bool:
    """Whether anybody at all has a role of one of *kinds*."""
    listed = [role for member in config.members for role in member.roles]
    mapped = [role for roles in config.policy.flag_roles.values() for role in roles]
    return any(role.partition(":")[0] in kinds for role in (*listed, *mapped))


async def _login(request: Request, key: str, *, for_write: bool) -> Login:
    login = await login_of(request, key, for_write=for_write)
    if login is None:
        raise _invalid()
    return login


async def login_of(request: Request, key: str, *, for_write: bool) -> Login | None:
    """Whoever the *key* is of; ``None`` if it is nobody's.

    Raises:
        AuthTimeout, AuthUnavailable: whose it is cannot be told now.
    """
    service = service_of(request)
    service.repository.snapshot()  # whoever became a member just now has a name from here on
    providers = service.providers
    login = providers.at_once(key, for_write=for_write)
    if login is None and not providers.is_local:
        # It may take seconds: another thread waits for it.
        login = await asyncio.get_running_loop().run_in_executor(
            service.asking, lambda: providers.identify(key, for_write=for_write)
        )
    if login is not None:
        request.scope["modelref.user"] = login.user_id
    return login


def _invalid() -> Refusal:
    return Refusal(401, INVALID, "unauthenticated")
