"""The pages on which one proposes: the form of a new record and of a change, checked, previewed, and sent."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.errors import Conflict, Invalid, ModelrefError
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request as Proposed
from modelref_git.operations.picture_files import Given, accepted, name_of
from modelref_git.operations.propose import propose_create, propose_update
from modelref_git.operations.rehearsal import Rehearsal, rehearse
from modelref_git.operations.repeats import once_only, record_again
from modelref_git.operations.settling import meet
from modelref_git.pages.forms.acts import WORDS
from modelref_git.pages.forms.editing import JSON, Editing, begun, came_back, hidden_in, with_hidden
from modelref_git.pages.views import propose as views
from modelref_git.proposals.events import CREATE, UPDATE
from modelref_git.proposals.request_key import RequestKey
from modelref_git.records import pictures
from modelref_git.records.merge import FieldConflict
from modelref_git.server.answers import json_response
from modelref_git.server.auth.interface import Login
from modelref_git.server.faults import Refusal, refusal_of
from modelref_git.server.modes import check_writes_by_v2
from modelref_git.server.queues import check_queue_taking
from modelref_git.server.revisions import commit_at
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.choices import choices_of, shown_choices
from modelref_git.server.ui.forms import Fields, form_of, form_with_files
from modelref_git.server.ui.page import HEADERS, PageRoute, links_of, page, see
from modelref_git.server.ui.staged import Staged
from modelref_git.server.ui.visitors import Visitor, visitor_of

HERE: Final = "propose"
KEPT_BY_BROWSER: Final = "private, no-cache"
"""A form's page may stay in the browser that shows it, so that going back finds what was typed; no cache has it."""

_PROPOSE: Final = "propose"
_CHECK: Final = "check"
_PREVIEW: Final = "preview"
_SETTLE: Final = "settle"
_SHOWN_AGAIN: Final = (*WORDS, "fields", "upload")


def make(_settings: Settings) -> APIRouter:
    """The routes of the forms."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/propose", start)
    router.add_api_route("/propose/create", new_form)
    router.add_api_route("/propose/create", create, methods=["POST"])
    router.add_api_route("/propose/update", change_form)
    router.add_api_route("/propose/update", update, methods=["POST"])
    router.add_api_route("/propose/check", check, methods=["POST"])
    return router


async def proposer(request: Request) -> Visitor:
    """The visitor, who may propose, on a service that takes proposals.

    Raises:
        Refusal: 401, 403, 503.
    """
    visitor = await visitor_of(request)
    visitor.requestor()
    check_queue_taking(service_of(request).settings)
    return visitor


def is_written(settings: Settings, category: str) -> bool:
    """Whether records of a category are proposed in this form."""
    try:
        check_writes_by_v2(settings, category)
    except Refusal:
        return False
    return True


async def start(request: Request) -> Response:
    """Where one begins."""
    visitor = await proposer(request)
    service = service_of(request)
    names = [name for name in service.repository.snapshot().config.categories if is_written(service.settings, name)]
    return await page(request, visitor, "propose.html", lambda ctx: views.start_view(ctx, names), here=HERE)


async def new_form(request: Request, category: str) -> Response:
    """The form of a new record."""
    visitor = await proposer(request)
    check_writes_by_v2(service_of(request).settings, category)

    def work(ctx: Context) -> Mapping[str, Any]:
        schema = ctx.dataset().schema(category)
        return views.form_view(ctx, begun(CREATE, category, schema, record=views.new_record(schema)))

    return await _form(request, visitor, lambda ctx: {**work(ctx), "is_fresh": True})


async def change_form(request: Request, category: str, name: str) -> Response:
    """The form of a change, with today's record in it."""
    visitor = await proposer(request)
    check_writes_by_v2(service_of(request).settings, category)

    def work(ctx: Context) -> Mapping[str, Any]:
        dataset = ctx.dataset()
        record = views.record_at(dataset, category, name)
        return views.form_view(
            ctx, begun(UPDATE, category, dataset.schema(category), name, base=dataset.commit, record=record)
        )

    return await _form(request, visitor, lambda ctx: {**work(ctx), "is_fresh": True})


async def _form(request: Request, visitor: Visitor, work: Any, status: int = 200) -> Response:
    return await _kept(request, visitor, "propose-form.html", work, status)


async def _kept(request: Request, visitor: Visitor, template: str, work: Any, status: int = 200) -> Response:
    """A page with something typed in it, to which whoever goes back finds what was there."""
    answer = await page(request, visitor, template, work, here=HERE, status=status)
    answer.headers["Cache-Control"] = KEPT_BY_BROWSER
    return answer


async def create(request: Request) -> Response:
    """What a button of the form of a new record asks for."""
    return await _button(request, CREATE)


async def update(request: Request) -> Response:
    """What a button of the form of a change asks for."""
    return await _button(request, UPDATE)


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that came: who sent it, which button, what it holds."""

    request: Request
    visitor: Visitor
    login: Login
    button: str
    editing: Editing
    staged: Staged
    fields: Fields


async def _button(request: Request, operation: str) -> Response:
    visitor, fields, files = await form_with_files(request)
    sent = _sent(request, visitor, fields, operation)
    if files:
        fault, sent = await service_of(request).repository.read(lambda _: _with_files(sent, files))
        if fault is not None:
            return await _again(sent, fault=fault)
    word = sent.button.partition(" ")[0]
    if word == _SETTLE and sent.editing.base is not None:
        return await _settle(sent)
    if word == _PROPOSE and not sent.editing.problems:
        return await _propose(sent)
    if word in (_CHECK, _PREVIEW, _PROPOSE):
        return await _check(sent, is_preview=word == _PREVIEW)
    return await _again(sent)


def _sent(request: Request, visitor: Visitor, fields: Fields, operation: str) -> Sent:
    login = visitor.requestor()
    service = service_of(request)
    check_queue_taking(service.settings)
    button = fields.get("act", _CHECK)
    editing = came_back(fields.rows, operation, keep_blank=button.partition(" ")[0] in _SHOWN_AGAIN)
    check_writes_by_v2(service.settings, editing.category)
    staged = Staged(service.repository.cache_path, login.user_id)
    return Sent(request, visitor, login, button, editing, staged, fields)


def _with_files(sent: Sent, files: list[bytes]) -> tuple[ModelrefError | None, Sent]:
    """The same with its picture files kept, and an entry for each; or why one of them is refused."""
    editing = sent.editing
    entries = editing.record.get(pictures.PICTURES, [])
    if not isinstance(entries, list):
        return None, sent
    known = {entry.get(pictures.SHA256) for entry in entries if isinstance(entry, dict)}
    added: list[dict[str, Any]] = []
    try:
        for data in files:
            name = name_of(data)
            facts = accepted(data, name)
            sent.staged.put(data)
            if name not in known:
                known.add(name)
                shown = {key: getattr(facts, key) for key in pictures.FACTS}
                added.append(pictures.make_entry(name, shown, {}))
    except ModelrefError as fault:
        return fault, sent
    record = {**editing.record, pictures.PICTURES: [*entries, *added]} if added else editing.record
    return None, replace(sent, editing=replace(editing, record=record))


async def _again(sent: Sent, *, fault: ModelrefError | None = None, notice: str | None = None) -> Response:
    """The form again: with a row more or less, in the other mode, or with what is wrong."""

    def work(ctx: Context) -> Mapping[str, Any]:
        editing = sent.editing.after(sent.button)
        if sent.button == JSON and not editing.problems and editing.text is None:
            editing = editing.as_text(ctx.dataset().schema(editing.category))
        elif sent.button == "fields":
            editing = editing.as_fields()
        return {**_shown(ctx, sent, editing, fault=fault), "notice": notice}

    return await _form(sent.request, sent.visitor, work, 200 if fault is None else refusal_of(fault).status)


def _shown(
    ctx: Context, sent: Sent, editing: Editing, *, tried: Rehearsal | None = None, fault: ModelrefError | None = None
) -> dict[str, Any]:
    return views.form_view(ctx, editing, tried=tried, fault=fault, uploads=sent.staged.has(_named(ctx, editing)))


def _named(ctx: Context, editing: Editing) -> list[str]:
    schema = ctx.dataset().schema(editing.category)
    return [one.sha256 for one in pictures.named(editing.record, schema)]


def _proposed(ctx: Context, sent: Sent) -> Proposed:
    """What the form asks for, with the stamps of the record that was read, and the pictures that were sent along."""
    editing, dataset = sent.editing, ctx.dataset()
    schema = dataset.schema(editing.category)
    then = None
    if editing.base is not None and editing.name is not None:
        commit_at(ctx, editing.base)
        then = views.record_at(dataset, editing.category, editing.name, editing.base)
    lacking = [name for name in _named(ctx, editing) if dataset.picture(name) is None]
    return Proposed(
        editing.operation,
        editing.category,
        editing.name,
        with_hidden(editing.record, then, schema),
        editing.note or None,
        editing.allow,
        pictures=Given(sent.staged.get(lacking)),
    )


def _tried(ctx: Context, sent: Sent) -> Rehearsal:
    try:
        return rehearse(ctx, _proposed(ctx, sent), base=sent.editing.base)
    except ModelrefError as fault:
        return Rehearsal(fault)


async def _check(sent: Sent, *, is_preview: bool) -> Response:
    """The form with all that would be said of it; or the preview, if nothing stands against it."""
    repository = service_of(sent.request).repository
    tried = Rehearsal()
    if not sent.editing.problems:
        tried = await repository.read(lambda ctx: _tried(ctx, sent), sent.login)
    if tried.fault is not None and _is_meeting(tried.fault):
        return await _meeting(sent, tried.fault.details)
    if is_preview and tried.fault is None and not sent.editing.problems:

        def preview(ctx: Context) -> Mapping[str, Any]:
            values = _shown(ctx, sent, sent.editing, tried=tried)
            return {**values, "text": _text(ctx, sent.editing)}

        return await _kept(sent.request, sent.visitor, "propose-preview.html", preview)
    is_bad = bool(sent.editing.problems) or tried.fault is not None
    status = 200 if not is_bad or sent.button == _CHECK else HTTPStatus.UNPROCESSABLE_ENTITY
    shown = tried if not sent.editing.problems else None
    return await _form(
        sent.request, sent.visitor, lambda ctx: _shown(ctx, sent, sent.editing, tried=shown), int(status)
    )


def _text(ctx: Context, editing: Editing) -> str:
    return editing.as_text(ctx.dataset().schema(editing.category)).text or ""


async def _propose(sent: Sent) -> Response:
    editing = sent.editing
    digest = hashlib.sha256(repr([row for row in sent.fields.rows if row[0] != "csrf"]).encode()).hexdigest()
    # The same form sent twice is one proposal; sent again with something else in it, another.
    key = RequestKey.of(sent.login.user_id, f"{editing.once} {digest}", b"")

    def propose(ctx: Context) -> dict[str, Any]:
        asked = _proposed(ctx, sent)
        if editing.operation == CREATE:
            return propose_create(ctx, asked)
        return propose_update(ctx, asked, base=editing.base)

    try:
        answer = await service_of(sent.request).repository.write(
            lambda ctx: once_only(ctx, propose, record_again),
            sent.login,
            route=f"propose_{editing.operation}_page",
            request=key,
        )
    except ModelrefError as fault:
        if _is_meeting(fault):
            return await _meeting(sent, fault.details)
        if isinstance(fault, Invalid):
            return await _check(sent, is_preview=False)  # which tells all that is wrong at once
        return await _again(replace(sent, button=_CHECK), fault=fault)
    sent.staged.drop(await service_of(sent.request).repository.read(lambda ctx: _named(ctx, editing)))
    number = answer["change_id"]
    words = "a new record" if editing.operation == CREATE else "the change"
    notice = f"Change {number} is proposed: {words} of {editing.category} {answer['model_name']}"
    return see(sent.request, sent.visitor, links_of(sent.request).change(number), notice)


# --- what others changed meanwhile -----------------------------------------------------------------------------------


def _is_meeting(fault: ModelrefError) -> bool:
    return isinstance(fault, Conflict) and any("ours" in row for row in fault.details)


async def _meeting(sent: Sent, details: list[dict[str, Any]]) -> Response:
    choices = shown_choices(sent.fields)

    def work(ctx: Context) -> Mapping[str, Any]:
        return {**views.meeting_view(sent.editing, details, choices), "text": _text(ctx, sent.editing)}

    return await _kept(sent.request, sent.visitor, "propose-meeting.html", work, 409)


async def _settle(sent: Sent) -> Response:
    """The form with both sides in it, as the visitor chose."""
    editing = sent.editing
    choice = choices_of(sent.fields)

    def work(ctx: Context) -> tuple[Editing, tuple[FieldConflict, ...]]:
        base = commit_at(ctx, editing.base) or ""
        schema = ctx.dataset().schema(editing.category)
        asked = _proposed(ctx, sent)
        met = meet(ctx, editing.category, editing.name or "", dict(asked.payload or {}), base, choice)
        kept = {key: value for key, value in met.record.items() if key not in hidden_in(schema)}
        return replace(editing, record=kept, base=met.main, text=None), met.conflicts

    if editing.problems:
        return await _again(replace(sent, button=JSON))
    try:
        after, left = await service_of(sent.request).repository.read(work, sent.login)
    except ModelrefError as fault:
        return await _again(replace(sent, button=_CHECK), fault=fault)
    if left:
        rows = [{"path": one.path, "base": one.base, "ours": one.ours, "theirs": one.theirs} for one in left]
        return await _meeting(sent, rows)
    notice = "Both are in the form now, as you chose. Look it over, then go on."
    return await _again(replace(sent, editing=after, button=_CHECK), notice=notice)


# --- as one types ----------------------------------------------------------------------------------------------------


async def check(request: Request) -> Response:
    """What would be said of a form, for the script of its page."""
    visitor, fields = await form_of(request)
    operation = fields.get("operation", "")
    if operation not in (CREATE, UPDATE):
        raise Refusal(422, "operation is create or update", "usage")
    sent = _sent(request, visitor, fields, operation)

    def work(ctx: Context) -> dict[str, Any]:
        tried = None if sent.editing.problems else _tried(ctx, sent)
        return views.check_answer(ctx, sent.editing, tried)

    answer = await service_of(request).repository.read(work, sent.login)
    return json_response(answer, headers={name: HEADERS[name] for name in ("Cache-Control", "Vary")})
