"""The policy in force, forms that change it, and its changes in the queue, which the pages of the queue leave out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.errors import ModelrefError
from modelref_git.operations.closing import withdraw
from modelref_git.operations.context import Context
from modelref_git.operations.deciding import apply_seen, decide_changes
from modelref_git.operations.policy_queue import PolicyMoved, policy_change
from modelref_git.operations.policy_settings import add_exception, remove_exception, replace_policy, set_policy
from modelref_git.operations.review import Pick
from modelref_git.pages.views.policy import change_view, policy_view, schema_view, settings_view, text_view, word
from modelref_git.proposals.config import RuleException
from modelref_git.proposals.config_edit import RULES
from modelref_git.server.auth.interface import Login
from modelref_git.server.queues import check_queue_taking
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.administering import change_policy, may_change, shown_again
from modelref_git.server.ui.forms import Fields, form_of
from modelref_git.server.ui.page import PageRoute, links_of, page, see
from modelref_git.server.ui.visitors import Visitor, visitor_of

_HERE: Final = "members"
_DONE: Final = "The policy is changed."
_EXCEPTION: Final = ("rule", "category", "name", "reason")
_WORDS: Final[Mapping[str, Any]] = {"true": True, "false": False}

_View = Callable[[Context], dict[str, Any]]


def make(_settings: Settings) -> APIRouter:
    """The routes of the policy."""
    router = APIRouter(route_class=PageRoute)
    for path, shown, sent in (
        ("/policy", policy_page, None),
        ("/policy/exceptions", None, except_record),
        ("/policy/exceptions/remove", None, end_exception),
        ("/policy/settings", settings_page, change_settings),
        ("/policy/text", text_page, change_text),
        ("/policy/schemas/{category}", schema_page, None),
        ("/policy/changes/{change_id}", change_page, None),
        ("/policy/changes/{change_id}/approve", None, approve_change),
        ("/policy/changes/{change_id}/reject", None, reject_change),
        ("/policy/changes/{change_id}/apply", None, apply_change),
        ("/policy/changes/{change_id}/withdraw", None, withdraw_change),
    ):
        if shown is not None:
            router.add_api_route(path, shown)
        if sent is not None:
            router.add_api_route(path, sent, methods=["POST"])
    return router


# --- what is in force ------------------------------------------------------------------------------------------------


async def policy_page(request: Request) -> Response:
    """The policy in sentences."""
    visitor = await visitor_of(request)
    visitor.member()
    return await _page(request, visitor, "policy.html", await _policy(request, {}))


async def schema_page(request: Request, category: str) -> Response:
    """The JSON Schema of a category."""
    visitor = await visitor_of(request)
    visitor.member()
    return await _page(request, visitor, "policy-schema.html", lambda ctx: schema_view(ctx, category))


async def settings_page(request: Request) -> Response:
    """The form of the settings and severities."""
    visitor = await visitor_of(request)
    visitor.administrator()
    check_queue_taking(service_of(request).settings)
    return await _page(request, visitor, "policy-settings.html", settings_view)


async def text_page(request: Request) -> Response:
    """The form of the whole file."""
    visitor = await visitor_of(request)
    visitor.administrator()
    check_queue_taking(service_of(request).settings)
    return await _page(request, visitor, "policy-text.html", text_view)


# --- what changes it -------------------------------------------------------------------------------------------------


async def change_settings(request: Request) -> Response:
    """Set what the form has otherwise than the policy."""
    visitor, fields = await form_of(request)
    login = visitor.administrator()

    def work(ctx: Context) -> dict[str, Any]:
        return set_policy(ctx, _differing(settings_view(ctx), fields))

    def again(ctx: Context) -> dict[str, Any]:
        view = settings_view(ctx)
        view["settings"] = {name: fields.get(name, now) for name, now in view["settings"].items()}
        for rule in view["rules"]:
            rule["severity"] = fields.get(f"{RULES}{rule['id']}", rule["severity"])
        return view

    def moved(ctx: Context) -> dict[str, Any]:
        view = settings_view(ctx)
        sent = [f"{name} = {fields[name].strip()}" for name, _ in _differing(view, fields)]
        return {**view, "sent": ", ".join(sent)}

    return await _changed(request, visitor, login, fields, work, "policy-settings.html", again, moved)


async def change_text(request: Request) -> Response:
    """Put a whole new file in the place of today's."""
    visitor, fields = await form_of(request)
    text = fields.get("text", "").replace("\r\n", "\n")
    return await _changed(
        request,
        visitor,
        visitor.administrator(),
        fields,
        lambda ctx: replace_policy(ctx, text.encode("utf-8", "replace")),
        "policy-text.html",
        lambda ctx: {**text_view(ctx), "text": text},
        lambda ctx: {**text_view(ctx), "sent": text},
    )


async def except_record(request: Request) -> Response:
    """Silence a rule about one record."""
    visitor, fields = await form_of(request)
    typed = {name: fields.get(name, "") for name in _EXCEPTION}
    return await _changed(
        request,
        visitor,
        visitor.administrator(),
        fields,
        lambda ctx: add_exception(ctx, RuleException(**typed)),
        "policy.html",
        await _policy(request, typed),
    )


async def end_exception(request: Request) -> Response:
    """Let a rule speak of a record again."""
    visitor, fields = await form_of(request)
    gone = RuleException(fields.get("rule", ""), fields.get("category", ""), fields.get("name", ""), "")
    return await _changed(
        request,
        visitor,
        visitor.administrator(),
        fields,
        lambda ctx: remove_exception(ctx, gone),
        "policy.html",
        await _policy(request, {}),
    )


def _differing(view: dict[str, Any], fields: Fields) -> list[tuple[str, Any]]:
    """The lines that the form has otherwise than *view*, each a name and a value."""
    now = {**view["settings"], **{f"{RULES}{rule['id']}": rule["severity"] for rule in view["rules"]}}
    return [
        (name, fields[name] if name.startswith(RULES) else _value(fields[name]))
        for name, before in now.items()
        if name in fields and fields[name].strip() != word(before)
    ]


def _value(text: str) -> Any:
    """What a field of the settings says; what makes no sense stays a text, which the policy refuses."""
    word_or_number = text.strip()
    if word_or_number.isascii() and word_or_number.isdigit() and len(word_or_number) < 16:
        return int(word_or_number)
    return _WORDS.get(word_or_number, word_or_number)


# --- changes in the queue --------------------------------------------------------------------------------------------


async def change_page(request: Request, change_id: int) -> Response:
    """One change of the policy."""
    visitor = await visitor_of(request)
    visitor.member()
    return await _change(request, visitor, change_id)


async def approve_change(request: Request, change_id: int) -> Response:
    """Approve it as a batch of its own."""
    visitor, fields = await form_of(request)
    pick = Pick(change_id, fields.get("content"))
    return await _decided(
        request,
        visitor,
        visitor.approver(),
        change_id,
        fields,
        lambda ctx: decide_changes(ctx, approve=[pick], title=fields.text("title")),
        f"Change {change_id} has your approval.",
    )


async def reject_change(request: Request, change_id: int) -> Response:
    """Turn it down."""
    visitor, fields = await form_of(request)
    pick, status = Pick(change_id, fields.get("content")), fields.text("status")
    states = {change_id: status} if status is not None else {}
    return await _decided(
        request,
        visitor,
        visitor.approver(),
        change_id,
        fields,
        lambda ctx: decide_changes(ctx, reject=[pick], reason=fields.text("reason"), states=states),
        f"Change {change_id} is rejected.",
    )


async def apply_change(request: Request, change_id: int) -> Response:
    """Put it in force, on the state of the dataset that the page showed."""
    visitor, fields = await form_of(request)

    def work(ctx: Context) -> dict[str, Any]:
        batch = int(policy_change(ctx, change_id)["record"]["batch_id"] or 0)
        return apply_seen(ctx, batch, [change_id], main=fields.get("main", ""), head=fields.text("head"))

    notice = f"Change {change_id} is in force."
    return await _decided(request, visitor, visitor.approver(), change_id, fields, work, notice)


async def withdraw_change(request: Request, change_id: int) -> Response:
    """Take one's own back."""
    visitor, fields = await form_of(request)
    return await _decided(
        request,
        visitor,
        visitor.requestor(),
        change_id,
        fields,
        lambda ctx: withdraw(ctx, [change_id]),
        f"Change {change_id} is withdrawn.",
    )


async def _decided(
    request: Request,
    visitor: Visitor,
    login: Login,
    change_id: int,
    fields: Fields,
    work: Callable[[Context], Any],
    notice: str,
) -> Response:
    """One decision about a change of the policy, and the page of that change."""
    service = service_of(request)
    check_queue_taking(service.settings)

    def decide(ctx: Context) -> None:
        policy_change(ctx, change_id)  # of no other
        work(ctx)

    try:
        await service.repository.write(decide, login)
    except ModelrefError as fault:
        return await _change(request, visitor, change_id, fault=fault, fields=fields)
    return see(request, visitor, links_of(request).to("policy", "changes", change_id), notice)


async def _change(
    request: Request,
    visitor: Visitor,
    change_id: int,
    *,
    fault: ModelrefError | None = None,
    fields: Mapping[str, str] | None = None,
) -> Response:
    typed = {name: (fields or {}).get(name, "") for name in ("title", "reason")}
    work = _with_typed(lambda ctx: change_view(ctx, change_id), typed)
    return await _page(request, visitor, "policy-change.html", work, fault)


# --- pages -----------------------------------------------------------------------------------------------------------


async def _changed(
    request: Request,
    visitor: Visitor,
    login: Login,
    fields: Fields,
    work: Callable[[Context], dict[str, Any]],
    template: str,
    again: _View,
    moved: _View | None = None,
) -> Response:
    """One change of the policy; a refusal is the page *template* of what *again* reads, with what was typed.

    Where the policy is another by now it is what *moved* reads: what was typed must not undo what others did.
    """
    try:
        notice = await change_policy(request, login, fields, work, _DONE)
    except PolicyMoved as fault:
        return await _page(request, visitor, template, moved or again, fault)
    except ModelrefError as fault:
        return await _page(request, visitor, template, again, fault)
    return see(request, visitor, links_of(request).to("policy"), notice)


async def _policy(request: Request, typed: Mapping[str, str]) -> _View:
    """The page of the policy; its counts are those that the service keeps of each category's tree."""
    service = service_of(request)
    shelves = await service.catalogue.shelves(service.repository.snapshot())
    counts = {shelf.category: len(shelf.rows) for shelf in shelves}
    return _with_typed(lambda ctx: policy_view(ctx, counts), typed)


def _with_typed(view: _View, typed: Mapping[str, str]) -> _View:
    everything = {**dict.fromkeys((*_EXCEPTION, "title"), ""), **typed}
    return lambda ctx: {**view(ctx), "typed": everything}


async def _page(
    request: Request, visitor: Visitor, template: str, view: _View, fault: ModelrefError | None = None
) -> Response:
    rows, status = shown_again(fault) if fault is not None else ([], 200)
    open_here = may_change(request)

    def work(ctx: Context) -> dict[str, Any]:
        shown = view(ctx)
        return {"sent": "", **shown, "changes": open_here and shown.get("administers", True), "faults": rows}

    return await page(request, visitor, template, work, here=_HERE, status=status)
