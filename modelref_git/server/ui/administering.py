"""What the pages about members, keys and the policy have in common: one change of the policy, and its refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from fastapi import Query, Request

from modelref_git.errors import Forbidden, IntegrityFailure, ModelrefError
from modelref_git.operations.context import Context
from modelref_git.operations.policy_queue import as_seen
from modelref_git.server.auth.interface import Login
from modelref_git.server.queues import check_queue_taking
from modelref_git.server.service import service_of
from modelref_git.server.ui.faulty import fault_rows, status_of
from modelref_git.server.ui.forms import Fields

Skip = Annotated[int, Query(ge=0, le=1_000_000)]
"""How many rows stand on the pages before."""

WAITS: Final = "Change {} waits for another approver."

_T = TypeVar("_T")
_NOT_SHOWN_AGAIN: Final = (Forbidden, IntegrityFailure)


def may_change(request: Request) -> bool:
    """Whether anything can be changed here at all."""
    settings = service_of(request).settings
    return settings.queue and not settings.read_only


async def change_policy(
    request: Request, login: Login, fields: Fields, work: Callable[[Context], dict[str, Any]], done: str
) -> str:
    """Do *work*, one change of the policy that the visitor saw; gives the notice, which is *done* if it is in force.

    Raises:
        Refusal: nothing is changed here.
        ModelrefError: it is refused.
    """
    service = service_of(request)
    check_queue_taking(service.settings)
    seen = fields.get("seen", "")
    answer = await service.repository.write(lambda ctx: work(as_seen(ctx, seen)), login)
    return WAITS.format(answer["change_id"]) if "change_id" in answer else done


def shown_again(fault: ModelrefError) -> tuple[list[dict[str, str]], int]:
    """What a form says that was refused with *fault*, and the status of that page.

    Raises:
        ModelrefError: the form cannot help: it is for a page of its own.
    """
    if isinstance(fault, _NOT_SHOWN_AGAIN):
        raise fault
    return fault_rows(fault), status_of(fault)
