"""Who looks at a page, and what they may do: the session behind the cookie, its key, the roles by the live policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi import Request

from modelref_git.operations.context import Person
from modelref_git.pages.rendering import Reader
from modelref_git.server import callers
from modelref_git.server.auth.interface import Login
from modelref_git.server.faults import Refusal
from modelref_git.server.service import service_of
from modelref_git.server.sessions import Session

COOKIE: Final = "modelref_session"
SECURE_COOKIE: Final = "__Host-modelref_session"
"""Where the service is reached by https: no other host can set it, and it is never sent in the clear."""

NO_MEMBER: Final = "You are no member of this dataset."
NO_ADMINISTRATOR: Final = "That takes an approver of the whole dataset."


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever asks for a page."""

    session: Session | None = None
    login: Login | None = None
    person: Person | None = None

    @property
    def reader(self) -> Reader:
        """As pages know them."""
        if self.session is None or self.person is None:
            return Reader()
        person = self.person
        return Reader(
            username=person.username,
            user_id=person.actor.id,
            is_member=person.member is not None,
            is_requestor=person.is_requestor,
            is_approver=person.is_approver,
            csrf=self.session.csrf,
            notice=self.session.notice,
        )

    def signed_in(self) -> Login:
        """Their login.

        Raises:
            Refusal: 401, they are not signed in; a page then leads to where one signs in.
        """
        if self.login is None:
            raise Refusal(401, callers.NOT_AUTHENTICATED, "unauthenticated")
        return self.login

    def member(self) -> Login:
        """Their login, if they are a member.

        Raises:
            Refusal: 401, or 403 if they are none.
        """
        login = self.signed_in()
        if self.person is None or self.person.member is None:
            raise Refusal(403, NO_MEMBER, "forbidden")
        return login

    def administrator(self) -> Login:
        """Their login, if they are an approver of the whole dataset.

        Raises:
            Refusal: 401, or 403 if they are none.
        """
        login = self.member()
        if self.person is None or self.person.member is None or not self.person.member.approves(None):
            raise Refusal(403, NO_ADMINISTRATOR, "forbidden")
        return login

    def requestor(self) -> Login:
        """Their login, if they may propose.

        Raises:
            Refusal: 401, or 403 if they may not.
        """
        login = self.signed_in()
        if self.person is None or not self.person.is_requestor:
            raise Refusal(403, callers.NO_REQUESTOR, "forbidden")
        return login

    def approver(self) -> Login:
        """Their login, if they may approve, in all categories or in some.

        Raises:
            Refusal: 401, or 403 if they may not.
        """
        login = self.signed_in()
        if self.person is None or not self.person.is_approver:
            raise Refusal(403, callers.NO_APPROVER, "forbidden")
        return login


def cookie_name(request: Request) -> str:
    """The name of the cookie of a session."""
    return SECURE_COOKIE if request.url.scheme == "https" else COOKIE


async def visitor_of(request: Request, *, for_write: bool = False) -> Visitor:
    """Who asks; nobody where the session is over, or its key is nobody's any more.

    Raises:
        AuthTimeout, AuthUnavailable: whose key it is cannot be told now.
    """
    token = request.cookies.get(cookie_name(request))
    if not token:
        return Visitor()
    service = service_of(request)
    session = await service.repository.read(lambda _: service.sessions.find(token))
    if session is None:
        return Visitor()
    login = await callers.login_of(request, session.key, for_write=for_write)
    if login is None:
        return Visitor()
    return Visitor(session, login, callers.person_of(service, login))
