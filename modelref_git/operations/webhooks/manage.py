"""Receivers added, listed, tried, resumed and removed: by an approver of the whole dataset.

They are told everything, also what only members may read over HTTP, and this machine calls them.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

from modelref_git.errors import NotFound, RemoteFailure, UsageFault, WrongState
from modelref_git.operations.context import Context
from modelref_git.operations.webhooks import outcome
from modelref_git.operations.webhooks.deliver import refusal, with_waiting
from modelref_git.operations.webhooks.message import new_secret, ping
from modelref_git.operations.webhooks.registry import Cursor, Registry, Webhook, Webhooks, found
from modelref_git.proposals.events import ACTIONS
from modelref_git.store.index import Index
from modelref_git.store.log import View

MOST: Final = 64
"""Receivers of one repository: each that is being told something has a thread."""


def add_webhook(
    ctx: Context, url: str, *, events: Sequence[str] = (), allow_private: bool = False, start: int | None = None
) -> dict[str, Any]:
    """Register a receiver; answers it with its secret, which is shown this once.

    It is told what happens from now on. A dry run answers no id and no secret: both are random.

    Args:
        ctx: the repository and who asks.
        url: where the events are sent, http or https.
        events: the actions that it wants to hear of; all of them if there is none here.
        allow_private: whether it may stand in a network that is not public.
        start: the first event that it is told of, if not the next one.

    Raises:
        UsageFault: it is no address, or one of a private network; or there is no such action.
        Forbidden: the caller is no approver of the whole dataset.
        NotFound: there is no such event.
        WrongState: there are as many as there can be.
        IntegrityFailure: the file is broken; it is left as it is.
        Invalid: the file cannot be read or written.
    """
    unknown = [action for action in events if action not in ACTIONS]
    if unknown:
        raise UsageFault(f"there is no action {unknown[0]!r}", hint=f"there are {', '.join(ACTIONS)}")
    url = _checked(ctx, url, allow_private=allow_private)
    view, by = _administered(ctx, "add webhooks")
    webhook = Webhook(
        webhook_id=secrets.token_hex(6),
        url=url,
        secret=new_secret(),
        events=tuple(action for action in ACTIONS if action in events),
        allow_private=allow_private,
        created=ctx.clock(),
        created_by=by,
        cursor=_cursor(view, start),
    )

    def add(rows: Webhooks) -> None:
        if len(rows) >= MOST:
            raise WrongState(f"there are {MOST} webhooks already, and there can be no more")
        rows[webhook.webhook_id] = webhook

    if ctx.dry_run:
        add(dict(Registry(ctx.store).webhooks()))
    else:
        Registry(ctx.store).change(add)
    return {
        "webhook_id": None if ctx.dry_run else webhook.webhook_id,
        "url": shown_url(url),
        "events": list(webhook.events),
        "secret": None if ctx.dry_run else webhook.secret,
    }


def list_webhooks(ctx: Context) -> list[dict[str, Any]]:
    """The receivers without their secrets, the oldest first.

    Raises:
        Forbidden: the caller is no approver of the whole dataset.
        IntegrityFailure: the file is broken.
        Invalid: it cannot be read.
    """
    _administered(ctx, "list webhooks")
    return [_row(webhook, waiting) for webhook, waiting in with_waiting(ctx, Registry(ctx.store).webhooks())]


def remove_webhook(ctx: Context, webhook_id: str) -> dict[str, Any]:
    """Tell a receiver nothing any more; answers what it was.

    Raises:
        Forbidden: the caller is no approver of the whole dataset.
        NotFound: there is no such webhook.
        IntegrityFailure: the file is broken; it is left as it is.
        Invalid: the file cannot be read or written.
    """
    _administered(ctx, "remove webhooks")
    _, waiting = _one(ctx, webhook_id)
    registry = Registry(ctx.store)
    if ctx.dry_run:
        return _row(found(registry.webhooks(), webhook_id), waiting)
    return _row(registry.change(lambda rows: rows.pop(found(rows, webhook_id).webhook_id)), waiting)


def resume_webhook(ctx: Context, webhook_id: str, *, start: int | None = None) -> dict[str, Any]:
    """Have a receiver that is paused or failing told again at once, from where it stopped; answers it.

    Args:
        ctx: the repository and who asks.
        webhook_id: the receiver.
        start: the event from which it is told instead: an earlier one again, or a later one, without those between.

    Raises:
        Forbidden: the caller is no approver of the whole dataset.
        NotFound: there is no such webhook or event.
        IntegrityFailure: the file is broken; it is left as it is.
        Invalid: the file cannot be read or written.
    """
    view, _ = _administered(ctx, "resume webhooks")
    cursor = None if start is None else _cursor(view, start)

    def resume(rows: Webhooks) -> Webhook:
        rows[webhook_id] = outcome.resumed(found(rows, webhook_id), cursor)
        return rows[webhook_id]

    registry = Registry(ctx.store)
    after = resume(dict(registry.webhooks())) if ctx.dry_run else registry.change(resume)
    ((_, waiting),) = with_waiting(ctx, {webhook_id: after})
    return _row(after, waiting)


def ping_webhook(ctx: Context, webhook_id: str) -> dict[str, Any]:
    """Send a receiver a request of the type ``ping``; answers what it answered. Its events are left as they are.

    Raises:
        Forbidden: the caller is no approver of the whole dataset.
        NotFound: there is no such webhook.
        RemoteFailure: it did not take it.
        IntegrityFailure: the file is broken.
        Invalid: it cannot be read.
    """
    from modelref_git.fetch.post import post

    view, _ = _administered(ctx, "test webhooks")
    webhook, _ = _one(ctx, webhook_id)
    now = ctx.clock()
    message = ping(view.queue.header.genesis or view.head, webhook_id, now)
    reply = post(webhook.url, message.body, message.headers(webhook.secret, now), private=webhook.allow_private)
    if not reply.is_success:
        raise RemoteFailure(f"webhook {webhook_id} does not take a ping: {refusal(reply)}")
    return {"webhook_id": webhook_id, "url": shown_url(webhook.url), "status": reply.status}


def shown_url(url: str) -> str:
    """An address for people and logs: that there is a query is told, what is in it is not."""
    from modelref_git.fetch.faults import shown

    return shown(url) + ("?…" if "?" in url else "")


def _administered(ctx: Context, what: str) -> tuple[View, str]:
    """The repository, and the caller's name, if they may."""
    view = ctx.view()
    person = ctx.person(view.dataset().config)
    person.require_administrator(what)
    return view, person.username


def _one(ctx: Context, webhook_id: str) -> tuple[Webhook, int]:
    webhook = found(Registry(ctx.store).webhooks(), webhook_id)
    ((_, waiting),) = with_waiting(ctx, {webhook_id: webhook})
    return webhook, waiting


def _checked(ctx: Context, url: str, *, allow_private: bool) -> str:
    """The address as it goes over the wire, if nothing speaks against it that can be told without asking anybody.

    Where a name leads is judged at each delivery.
    """
    from urllib.parse import urlsplit

    from modelref_git.fetch.addresses import is_private_name
    from modelref_git.fetch.client import normal
    from modelref_git.fetch.faults import FetchFault

    try:
        url = normal(url)
    except FetchFault as fault:
        raise UsageFault(fault.message) from fault
    parts = urlsplit(url)
    if not allow_private and is_private_name(parts.hostname or ""):
        raise UsageFault(
            f"{shown_url(url)} is no address of the public network",
            hint="--allow-private lets a webhook stand in a private one, or on this machine",
        )
    if parts.scheme == "http" and not allow_private:
        ctx.warn(f"what is sent to {shown_url(url)} is not encrypted on its way: https is")
    return url


def _cursor(view: View, start: int | None) -> Cursor:
    """The place behind which events are told: right before *start*, or the newest event.

    Raises:
        NotFound: there is no such event.
    """
    with Index(view) as index:
        if start is None:
            return Cursor(index.last_event, view.head)
        if not 1 <= start <= index.last_event:
            hint = f"the newest event is {index.last_event}; `modelref-git audit events` lists them"
            raise NotFound(f"there is no event {start}", hint=hint)
        before = start - 1
        commit = index.event_commit(before)
        if commit is not None:
            return Cursor(before, commit)
        # The import of a queue passes over ids: behind the last one that was given out before them.
        last = index.last_before(start)
        return Cursor() if last is None else Cursor(*last)


def _row(webhook: Webhook, waiting: int) -> dict[str, Any]:
    """A receiver as ``webhook list`` answers it."""
    error = webhook.last_error
    return {
        "webhook_id": webhook.webhook_id,
        "url": shown_url(webhook.url),
        "events": list(webhook.events),
        "allow_private": webhook.allow_private,
        "created": webhook.created,
        "created_by": webhook.created_by,
        "status": webhook.status,
        "event_id": webhook.cursor.event_id,
        "waiting": waiting,
        "last_success": webhook.last_success,
        "last_error": None if error is None else {"time": error.time, "message": error.message, "status": error.status},
        "failures": webhook.failures,
        "next_try": webhook.next_try,
        "paused": webhook.paused,
    }
