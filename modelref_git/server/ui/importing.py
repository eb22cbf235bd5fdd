"""Records from a file: what it holds and what would become of it, and then all of it proposed at once, or nothing."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.errors import Conflict, Invalid, ModelrefError, UsageFault
from modelref_git.operations.context import Context
from modelref_git.operations.propose import BulkLine, propose_bulk
from modelref_git.operations.repeats import once_only, records_again
from modelref_git.pages.forms.imported import read_import
from modelref_git.pages.views import propose as views
from modelref_git.proposals.request_key import RequestKey
from modelref_git.records.quality import catalogue
from modelref_git.server.faults import refusal_of
from modelref_git.server.modes import check_writes_by_v2
from modelref_git.server.queues import check_queue_taking
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.forms import Fields, form_with_files
from modelref_git.server.ui.page import PageRoute, links_of, page, see
from modelref_git.server.ui.proposing import HERE
from modelref_git.server.ui.visitors import Visitor

BYTES_AT_MOST: Final = 1_000_000
ROWS_SHOWN: Final = 200


def make(_settings: Settings) -> APIRouter:
    """The route of the import."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/propose/import", take_in, methods=["POST"])
    return router


async def take_in(request: Request) -> Response:
    """What a file holds; or all of it proposed, if that was asked for and it is what was shown."""
    visitor, fields, files = await form_with_files(request)
    visitor.requestor()
    settings = service_of(request).settings
    check_queue_taking(settings)
    data = files[0] if files else fields.get("text", "").encode()
    if len(data) > BYTES_AT_MOST:
        raise UsageFault(
            f"the file has {len(data):,} bytes, and the page takes {BYTES_AT_MOST:,}",
            hint="`modelref-git propose bulk` takes files of any size",
        )
    planned = await service_of(request).repository.read(lambda ctx: _plan(ctx, data, fields, settings), visitor.login)
    if fields.get("act") == "propose":
        return await _propose(request, visitor, fields, data, planned)
    return await _preview(request, visitor, fields, data, planned)


def _plan(ctx: Context, data: bytes, fields: Fields, settings: Settings) -> list[views.Planned]:
    rows = read_import(data, fields.text("category"))
    for category in {row.category for row in rows if row.category is not None}:
        check_writes_by_v2(settings, category)
    return views.plan(ctx, rows, tuple(fields.all("allow")), fields.text("note"))


async def _preview(
    request: Request,
    visitor: Visitor,
    fields: Fields,
    data: bytes,
    planned: list[views.Planned],
    fault: ModelrefError | None = None,
) -> Response:
    outcomes = Counter(one.outcome for one in planned)
    proposed = sum(count for word, count in outcomes.items() if word not in ("error", "unchanged"))
    # What is refused comes first: it is what somebody has to look at.
    rows = sorted(planned, key=lambda one: one.outcome != "error")
    faults = [] if fault is None else [{"path": "", "message": fault.message}]
    if fault is not None:
        faults += [{"path": str(row.get("path", "")), "message": str(row["message"])} for row in fault.details]
    values: Mapping[str, Any] = {
        "rows": rows[:ROWS_SHOWN],
        "more": max(0, len(rows) - ROWS_SHOWN),
        "counts": sorted(outcomes.items()),
        "proposed": proposed,
        "is_good": proposed > 0 and not outcomes["error"],
        "fault": faults,
        "text": data.decode("utf-8", "replace"),
        "category": fields.get("category", ""),
        "note": fields.text("note") or "",
        "waivers": _waivers(planned, fields.all("allow")),
        "seen": _seen(planned),
        "once": fields.get("once") or secrets.token_urlsafe(16),
    }
    status = 200 if fault is None else refusal_of(fault).status
    return await page(request, visitor, "propose-import.html", lambda _: values, here=HERE, status=status)


def _waivers(planned: list[views.Planned], allow: list[str]) -> list[dict[str, Any]]:
    ids = dict.fromkeys([*allow, *(told.rule for one in planned for told in one.problems)])
    rules = [catalogue.BY_ID[rule] for rule in ids if rule in catalogue.BY_ID]
    return [{"id": one.id, "text": one.text, "reason": one.reason, "is_on": one.id in allow} for one in rules]


def _seen(planned: list[views.Planned]) -> str:
    """What was shown of a file, in short: what would become of each record."""
    return hashlib.sha256(repr([(one.row.number, one.outcome, one.changes) for one in planned]).encode()).hexdigest()


async def _propose(
    request: Request, visitor: Visitor, fields: Fields, data: bytes, planned: list[views.Planned]
) -> Response:
    login = visitor.requestor()
    lines = [BulkLine(one.row.number, one.request) for one in planned if one.request is not None]
    if any(one.outcome == "error" for one in planned) or not lines:
        return await _preview(request, visitor, fields, data, planned, _refused(planned))
    digest = hashlib.sha256(data + repr(sorted(fields.all("allow"))).encode()).hexdigest()
    key = RequestKey.of(login.user_id, f"{fields.get('once', '')} {digest}", b"")
    is_as_shown = fields.get("seen") == _seen(planned)

    def propose(ctx: Context) -> list[int]:
        if not is_as_shown:
            raise Conflict("what would become of these records has changed since they were shown; look again")
        done = propose_bulk(ctx, lines, atomic=True)
        if done.errors:
            raise Invalid("the records are refused", details=[row for one in done.errors for row in one["details"]])
        return done.change_ids

    try:
        numbers = await service_of(request).repository.write(
            lambda ctx: once_only(ctx, propose, lambda view, step: _numbers(records_again(view, step))),
            login,
            route="propose_bulk_page",
            request=key,
        )
    except ModelrefError as fault:
        return await _preview(request, visitor, fields, data, planned, fault)
    span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    words = f"Change {span} is proposed" if len(numbers) == 1 else f"Changes {span} are proposed"
    return see(request, visitor, links_of(request).to("propose"), words)


def _numbers(records: list[dict[str, Any]]) -> list[int]:
    return [row["change_id"] for row in records]


def _refused(planned: list[views.Planned]) -> Invalid:
    if any(one.outcome == "error" for one in planned):
        return Invalid("some of the records are refused, so none was proposed")
    return Invalid("all records are in the dataset as they are in the file")
