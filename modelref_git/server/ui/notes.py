"""Notes on records: forms of members, on the page of the record."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.errors import Conflict, ModelrefError
from modelref_git.operations.context import Context
from modelref_git.operations.notes import note_add, note_list, note_remove, note_set
from modelref_git.server.faults import Refusal
from modelref_git.server.modes import check_takes_writes
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.faulty import fault_rows, status_of
from modelref_git.server.ui.finding import check_name
from modelref_git.server.ui.forms import Fields, form_of
from modelref_git.server.ui.page import PageRoute, links_of, see
from modelref_git.server.ui.records import show_record

_ADD: Final = "add"
_SET: Final = "set"
_REMOVE: Final = "remove"
_DONE: Final = {_ADD: "The note is on the record.", _SET: "The note is changed.", _REMOVE: "The note is removed."}


def make(_settings: Settings) -> APIRouter:
    """The routes of notes."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/notes/add", add, methods=["POST"])
    router.add_api_route("/notes/set", change, methods=["POST"])
    router.add_api_route("/notes/remove", remove, methods=["POST"])
    return router


async def add(request: Request) -> Response:
    """Write a note."""
    return await _do(request, _ADD)


async def change(request: Request) -> Response:
    """Give a note another text, if it is what the form showed."""
    return await _do(request, _SET)


async def remove(request: Request) -> Response:
    """Remove a note, if it is what the form showed."""
    return await _do(request, _REMOVE)


async def _do(request: Request, act: str) -> Response:
    visitor, fields = await form_of(request)
    login = visitor.requestor()
    service = service_of(request)
    check_takes_writes(service.settings)
    category, name = fields.get("category", ""), fields.get("name", "")
    check_name(name)
    number = 0 if act == _ADD else _number(fields)
    text = fields.get("text", "").replace("\r\n", "\n")

    def work(ctx: Context) -> dict[str, Any]:
        if act == _ADD:
            return note_add(ctx, category, name, text, team=fields.get("team") == "yes")
        _check_seen(ctx, category, name, number, fields.get("seen", ""))
        if act == _SET:
            return note_set(ctx, category, name, number, text)
        return note_remove(ctx, category, name, number)

    try:
        await service.repository.write(work, login)
    except ModelrefError as fault:
        draft = {"act": act, "id": str(number), "text": text, "team": fields.get("team", "")}
        return await show_record(
            request, visitor, category, name, draft=draft, faults=fault_rows(fault), status=status_of(fault)
        )
    return see(request, visitor, f"{links_of(request).record(category, name)}#notes", _DONE[act])


def _number(fields: Fields) -> int:
    found = fields.numbers("id")
    if len(found) != 1:
        raise Refusal(422, "The form names no note", "usage")
    return found[0]


def _check_seen(ctx: Context, category: str, name: str, number: int, seen: str) -> None:
    """Refuse to change a note that is another one by now than the form showed.

    Raises:
        Conflict: it was changed since; what it says now stands on the page.
    """
    ctx.refresh()
    for row in note_list(ctx, category, name):
        if row["id"] == number and str(row["edited_at"] or row["at"]) != seen:
            raise Conflict(f"the note {number} was changed since you loaded the page: look at what it says now")
