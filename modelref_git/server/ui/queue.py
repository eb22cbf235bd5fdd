"""The queue: a page of it, and everything that is decided on that page in one step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.errors import ModelrefError
from modelref_git.operations.changes import Filters
from modelref_git.operations.context import Context
from modelref_git.operations.deciding import decide_changes
from modelref_git.pages.views.queue import CHOICES, Draft, collision_view, collisions, queue_view
from modelref_git.proposals.events import APPROVE, HOLD, REJECT, UNHOLD
from modelref_git.proposals.header import APPROVED, STATUSES
from modelref_git.server.faults import Refusal
from modelref_git.server.queues import check_of_records, check_queue_taking
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.faulty import fault_rows, status_of
from modelref_git.server.ui.forms import Fields, form_of
from modelref_git.server.ui.page import PageRoute, links_of, page, see
from modelref_git.server.ui.visitors import Visitor, visitor_of
from modelref_git.server.wire.queue import NAME_AT_MOST

DECISIONS_AT_MOST: Final = 500

_SEEN: Final = re.compile(r"([1-9][0-9]{0,14})@([0-9a-f]{40})(?:@([a-z]{1,20}))?")
_OF_A_CHANGE: Final = re.compile(r"(choice|reason)-([1-9][0-9]{0,14})")


def make(_settings: Settings) -> APIRouter:
    """The routes of the queue's page."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/queue", queue_page)
    router.add_api_route("/queue", decide, methods=["POST"])
    return router


async def queue_page(request: Request) -> Response:
    """A page of the queue."""
    visitor = await visitor_of(request)
    visitor.signed_in()
    check_queue_taking(service_of(request).settings)
    return await _page(request, visitor)


async def decide(request: Request) -> Response:
    """Approve, reject, hold and let go of what was chosen: all of it, or nothing."""
    visitor, fields = await form_of(request)
    login = visitor.approver()
    service = service_of(request)
    check_queue_taking(service.settings)
    draft = draft_of(fields)

    try:
        answer = await service.repository.write(lambda ctx: decided(ctx, draft), login)
    except ModelrefError as fault:
        return await refused(request, visitor, draft, fault)
    return see(request, visitor, _here(request), told(answer))


def decided(ctx: Context, draft: Draft) -> dict[str, Any]:
    """Do what *draft* says, as far as it is about records. Answers and raises as `decide_changes`."""
    check_of_records(ctx, draft.choices)
    return decide_changes(
        ctx,
        approve=draft.picks(APPROVE),
        reject=draft.picks(REJECT),
        hold=draft.picks(HOLD),
        unhold=draft.picks(UNHOLD),
        title=draft.title,
        reason=draft.reason,
        reasons=draft.reasons,
        states=draft.states,
        acknowledged=draft.acknowledged,
    )


async def refused(request: Request, visitor: Visitor, draft: Draft, fault: ModelrefError) -> Response:
    """The page that says why nothing was decided: that others were first, or the form again with what was typed."""
    found = await service_of(request).repository.read(lambda ctx: collisions(ctx, draft), visitor.login)
    if found:
        here = _here(request)

        def collided(ctx: Context) -> Mapping[str, Any]:
            return {**collision_view(ctx, draft, found), "here": here}

        return await page(request, visitor, "collision.html", collided, here="queue", status=409)
    return await _page(request, visitor, draft, fault)


async def _page(
    request: Request, visitor: Visitor, draft: Draft | None = None, fault: ModelrefError | None = None
) -> Response:
    filters, after = _asked(request)
    links, here = links_of(request), _here(request)
    given = [(name, value) for name, value in _given(request) if name != "after"]
    faults = fault_rows(fault) if fault is not None else ()

    def work(ctx: Context) -> Mapping[str, Any]:
        shown = queue_view(ctx, filters, after=after, draft=draft, faults=faults)
        cursor = shown["next_after"]
        return {
            **shown,
            "here": here,
            "first": links.listed("queue", rows=given) if after else None,
            "more": links.listed("queue", rows=[*given, ("after", str(cursor))]) if cursor is not None else None,
        }

    status = status_of(fault) if fault is not None else 200
    return await page(request, visitor, "queue.html", work, here="queue", status=status)


def told(answer: Mapping[str, Any]) -> str:
    """What a step did, in a sentence or two."""
    approved = answer["approved"]
    done = sum(1 for row in approved if row["status"] == APPROVED)
    parts = [
        f"{done} approved as batch {answer['batch_id']}, “{answer['batch_title']}”" if done else "",
        f"{len(approved) - done} approved, and not enough yet" if len(approved) > done else "",
        f"{len(answer['rejected'])} rejected" if answer["rejected"] else "",
        f"{len(answer['held'])} held" if answer["held"] else "",
        f"{len(answer['released'])} let go" if answer["released"] else "",
    ]
    next_step = f" Next: preview and apply batch {answer['batch_id']}." if done else ""
    return f"Done: {'; '.join(part for part in parts if part)}.{next_step}"


# --- what was asked --------------------------------------------------------------------------------------------------


def _given(request: Request) -> list[tuple[str, str]]:
    """The filters of an address that say something."""
    known = ("statuses", "categories", "batch_id", "model_name", "requested_by", "after")
    return [(name, value) for name, value in request.query_params.multi_items() if name in known and value.strip()]


def _here(request: Request) -> str:
    return links_of(request).listed("queue", rows=_given(request))


def _asked(request: Request) -> tuple[Filters, int]:
    """The filters of an address, named as those of the API, and the change behind which the page begins."""
    given = _given(request)

    def all_of(name: str) -> tuple[str, ...]:
        return tuple(value.strip() for key, value in given if key == name)

    known = service_of(request).repository.snapshot().config.categories
    for word in all_of("statuses"):
        if word not in STATUSES:
            raise Refusal(422, f"there is no status {word!r}", "usage")
    for word in all_of("categories"):
        if word not in known:
            raise Refusal(422, f"there is no category {word!r}", "usage")
    name = next(iter(all_of("model_name")), "")
    if len(name) > NAME_AT_MOST:
        raise Refusal(422, f"a part of a name has at most {NAME_AT_MOST} characters", "usage")
    batch, after = (_number(name, all_of(name)) for name in ("batch_id", "after"))
    filters = Filters(all_of("statuses"), all_of("categories"), batch, name, all_of("requested_by"), policy=False)
    return filters, after or 0


def _number(name: str, values: tuple[str, ...]) -> int | None:
    if not values:
        return None
    if not re.fullmatch("[0-9]{1,12}", values[-1], re.ASCII):
        raise Refusal(422, f"{name} is no number", "usage")
    return int(values[-1])


def draft_of(fields: Fields) -> Draft:
    """What the form says.

    Raises:
        Refusal: 422, it is none of ours: it decides without saying what was seen.
    """
    choices: dict[int, str] = {}
    reasons: dict[int, str] = {}
    for name, value in fields.rows:
        found = _OF_A_CHANGE.fullmatch(name)
        if found is None or not value.strip():
            continue
        if found[1] == "choice":
            choices[int(found[2])] = value
        else:
            reasons[int(found[2])] = value.strip()
    rows = [found for value in fields.all("seen") if (found := _SEEN.fullmatch(value))]
    seen = {int(found[1]): found[2] for found in rows}
    states = {int(found[1]): found[3] for found in rows if found[3]}
    unknown = next((value for value in choices.values() if value not in CHOICES), None)
    if unknown is not None:
        raise Refusal(422, f"{unknown!r} is nothing that one decides about a change", "usage")
    unseen = next((number for number in choices if number not in seen), None)
    if unseen is not None:
        raise Refusal(422, f"the form does not say what was seen of change {unseen}", "usage")
    if len(choices) > DECISIONS_AT_MOST:
        raise Refusal(422, f"at most {DECISIONS_AT_MOST} changes are decided at once", "usage")
    title, reason = fields.get("title", ""), fields.get("reason", "")
    return Draft(choices, seen, reasons, title, reason, fields.get("acknowledged") == "yes", states)
