"""In whose name a CI acts: the member behind a login of the Git host, and the service that writes for them."""

from __future__ import annotations

from typing import Final

from modelref_git.errors import Forbidden, Invalid, Problem
from modelref_git.operations.context import Context
from modelref_git.proposals.config import DatasetConfig

SERVICE_ID: Final = "ci"
"""The id of the service member in whose charge a CI writes, unless it is told another."""


NAMES_ARE_LOGINS: Final = "*"
"""The line of a mapping that says that each member's name is their login."""


def member_of_login(config: DatasetConfig, login: str, mapping: str) -> str:
    """The id of the member who is *login* on the Git host.

    Names are what an approver once wrote, and logins are for anybody to take, so nobody is a member by a name alone
    unless the mapping says that names are logins here. Letter case does not count.

    Args:
        config: the members.
        login: as the host gives it.
        mapping: a line ``LOGIN = ID`` for each who may act, or `NAMES_ARE_LOGINS`; ``#`` begins a comment.

    Raises:
        Invalid: the mapping has a line that says nothing.
        Forbidden: it is nobody, or more than one.
    """
    wanted = login.casefold()
    known = _read(mapping)
    by_names = known.pop(NAMES_ARE_LOGINS, None) is not None
    if wanted in known:
        return known[wanted]
    named = [member for member in config.members if member.name.casefold() == wanted and not member.is_service]
    if by_names and len(named) == 1:
        return named[0].id
    raise Forbidden(
        f"{login!r}, who started this run, is nobody who may act here",
        hint=f"say which member that is: a line `{login} = ID` in the variable MODELREF_ACTORS of the repository's "
        f"settings, or a line `{NAMES_ARE_LOGINS}` if the names of all members are their logins",
    )


def _read(mapping: str) -> dict[str, str]:
    """The ids by login.

    Raises:
        Invalid: a line is no ``LOGIN = ID``, or a login stands twice.
    """
    known: dict[str, str] = {}
    for number, line in enumerate(mapping.splitlines(), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        login, _, ident = (part.strip() for part in text.partition("="))
        says_nothing = text != NAMES_ARE_LOGINS and not (login and ident)
        if says_nothing or login.casefold() in known:
            problem = Problem("", f"line {number} is no `LOGIN = ID`, or its login stands twice", "actors.line")
            raise Invalid.of("the variable MODELREF_ACTORS", [problem])
        known[login.casefold()] = ident
    return known


def act_for(ctx: Context, login: str | None, mapping: str, service: str | None = None) -> None:
    """Let *ctx* act in the name of whoever started the run, and in the charge of the CI's service member.

    Args:
        ctx: a way in; one that says already who acts keeps that.
        login: of whoever started the run; ``None`` where no host says it.
        mapping: as for `member_of_login`.
        service: the id of the service; `SERVICE_ID` unless given, and none where there is no such service, or where no
            host started the run: whoever types the command writes their own events.

    Raises:
        Invalid, Forbidden: as `member_of_login`.
        NotFound: it is no dataset repository.
    """
    config = ctx.view().dataset().config
    if ctx.claim is None and login is not None:
        ctx.claim = member_of_login(config, login, mapping)
    if service is None and login is not None:
        found = config.member(SERVICE_ID)
        service = SERVICE_ID if found is not None and found.is_service else None
    ctx.service = service
