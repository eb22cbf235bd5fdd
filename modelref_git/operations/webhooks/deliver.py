"""Delivering: every receiver is told the events behind its cursor, in order, each of them once at least.

The cursor is moved when the receiver has taken what it was sent. Who is killed in between has sent something that is
sent again, with the same id. The log is the queue: nothing else remembers what is still to be told.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from modelref_git.errors import Busy, ModelrefError
from modelref_git.operations.webhooks import outcome
from modelref_git.operations.webhooks.message import Message, message_of
from modelref_git.operations.webhooks.registry import DELIVERING, Cursor, Failure, Registry, Webhook, Webhooks
from modelref_git.store import layout
from modelref_git.store.index import Index
from modelref_git.store.lock import writer_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelref_git.fetch.post import Reply
    from modelref_git.operations.context import Context
    from modelref_git.store.log import View

SKIPS_NOTED: Final = 256
"""Events of no interest to a receiver after which its cursor is moved past them all the same."""

_LOOK_AGAIN: Final = 0.1
"""Seconds between two looks for new events, and whether to stop, while receivers are being told."""
_GRACE: Final = 0.5
"""Seconds that receivers still have to answer when delivering stops."""
_AFTER_TROUBLE: Final = 5.0
_LONGEST_TROUBLE: Final = 300.0
"""Seconds to wait, doubling, while the repository or the file of the webhooks cannot be read or written."""


def deliver(
    open_context: Callable[[], Context], stop: threading.Event, *, poll: float = 1.0, tell: Callable[[str], None]
) -> None:
    """Deliver until *stop* is set, which takes less than a second then.

    Several processes may do this at once: one of them delivers at a time, and the next takes over when it ends. With
    nothing to tell, a look costs a few calls of the file system.

    Args:
        open_context: the way in, for the thread that calls this.
        stop: when to end.
        poll: seconds between two looks for something to tell.
        tell: told what operators should read: receivers that fail, come back or are paused.
    """
    trouble = ""
    wait = poll
    delivery: _Delivery | None = None
    while not stop.is_set():
        try:
            if delivery is None:
                delivery = _Delivery(open_context(), stop, tell)
            if delivery.is_needed():
                with _turn(delivery.ctx):
                    delivery.run()
            trouble, wait = "", poll
        except Busy:
            pass  # another process delivers
        except (ModelrefError, OSError) as fault:
            delivery = None
            wait = min(max(2 * wait, _AFTER_TROUBLE), _LONGEST_TROUBLE)
            if str(fault) != trouble:
                trouble = str(fault)
                tell(f"webhooks are not delivered: {trouble}")
        stop.wait(wait)


def deliver_once(ctx: Context, *, tell: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Tell every receiver that is due what it was not told yet; answers what became of each.

    A dry run sends nothing. What fails is tried again by a later call, when its time has come.

    Raises:
        Busy: another process delivers; it does what is to be done.
        IntegrityFailure: the file of the webhooks is broken, or the log was rewritten.
        Invalid: the file cannot be read or written.
    """
    delivery = _Delivery(ctx, threading.Event(), tell or ctx.warn)
    if not ctx.dry_run and delivery.is_needed():
        with _turn(ctx):
            delivery.run()
    rows = [
        {
            "webhook_id": webhook.webhook_id,
            "delivered": delivery.delivered[webhook.webhook_id],
            "waiting": waiting,
            "status": webhook.status,
        }
        for webhook, waiting in with_waiting(ctx, Registry(ctx.store).webhooks())
    ]
    return {
        "delivered": sum(row["delivered"] for row in rows),
        "waiting": sum(row["waiting"] for row in rows),
        "webhooks": rows,
    }


def with_waiting(ctx: Context, webhooks: Webhooks) -> Iterator[tuple[Webhook, int]]:
    """Each receiver, and how many events it is still to be told."""
    if not webhooks:
        return
    with Index(ctx.view()) as index:
        for webhook in webhooks.values():
            yield webhook, index.count_after(webhook.cursor.event_id, webhook.events)


@contextmanager
def _turn(ctx: Context) -> Iterator[None]:
    """Be the process that delivers.

    Raises:
        Busy: another one is.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(writer_lock(ctx.store.local_dir / DELIVERING, wait=0))
        except Busy as busy:
            raise Busy("another process delivers webhooks, and does what is to be done") from busy
        yield


@dataclass(frozen=True, slots=True)
class _Flight:
    """One request under way."""

    webhook: Webhook
    message: Message
    sent: int
    """Unix seconds."""


class _Delivery:
    """All receivers of one repository, as one thread tells them: each in order, and all of them at the same time."""

    def __init__(self, ctx: Context, stop: threading.Event, tell: Callable[[str], None]) -> None:
        self.ctx = ctx
        self.delivered: Counter[str] = Counter()
        """How many events each receiver has taken, by its id."""
        self._stop = stop
        self._tell = tell
        self._registry = Registry(ctx.store)
        self._flights: dict[str, _Flight] = {}
        self._landed: queue.SimpleQueue[tuple[_Flight, Reply | BaseException]] = queue.SimpleQueue()
        self._done: tuple[str | None, Webhooks] | None = None
        """The head of the log, and the receivers, with which there was nothing left to tell."""

    def is_needed(self) -> bool:
        """Whether there may be something to tell."""
        webhooks = self._registry.webhooks()
        if not webhooks:
            return False
        if self._done != (self._head(), webhooks):
            return True
        now = self.ctx.clock()
        return any(webhook.next_try is not None and webhook.is_due(now) for webhook in webhooks.values())

    def run(self) -> None:
        """Tell all that is due, until nothing is under way any more, or it is time to stop.

        Raises:
            ModelrefError: the log or the file of the webhooks cannot be read or written.
        """
        while not self._stop.is_set():
            view = self.ctx.view()
            with Index(view) as index:
                if not self._run_on(view, index):
                    return
        until = time.monotonic() + _GRACE
        while self._flights and (left := until - time.monotonic()) > 0:
            self._land(left)
        self._flights.clear()  # what is answered now is not heard: it is sent again

    def _run_on(self, view: View, index: Index) -> bool:
        """Go on until the log has moved, or it is time to stop; false if nothing is left to do."""
        while not self._stop.is_set() and self._head() == view.head:
            webhooks = self._registry.webhooks()
            self._take_off(webhooks, view, index)
            if not self._flights:
                self._done = (view.head, self._registry.webhooks())
                return False
            self._land(_LOOK_AGAIN)
        return True

    def _head(self) -> str | None:
        store = self.ctx.store
        return store.refs.read(store.counted(layout.QUEUE))

    def _take_off(self, webhooks: Webhooks, view: View, index: Index) -> None:
        """Send each receiver that is due, and is not being told something, the next that it was not told."""
        now = self.ctx.clock()
        for webhook_id, webhook in webhooks.items():
            if webhook_id in self._flights or not webhook.is_due(now):
                continue
            message = self._next(webhook, view, index, now)
            if message is not None:
                flight = self._flights[webhook_id] = _Flight(webhook, message, now)
                threading.Thread(target=_fly, args=(flight, self._landed.put), daemon=True).start()

    def _next(self, webhook: Webhook, view: View, index: Index, now: int) -> Message | None:
        """What the receiver is to be told next."""
        last = webhook.cursor.event_id
        if last and index.event_commit(last) != webhook.cursor.commit:
            message = f"the log was rewritten: event {last}, up to which it was told, is another one now"
            self._settle(webhook, lambda row: outcome.paused(row, Failure(now, message)))
            return None
        step = index.next_step(last, webhook.events)
        if step is not None:
            return message_of(view, step, after=last)
        if index.last_event - last >= SKIPS_NOTED:
            reached = Cursor(index.last_event, view.head)
            self._settle(webhook, lambda row: replace(row, cursor=reached))
        return None

    def _land(self, wait: float) -> None:
        """Settle what was answered; waits so many seconds for an answer."""
        try:
            flight, answer = self._landed.get(timeout=wait)
        except queue.Empty:
            return
        webhook = flight.webhook
        if self._flights.get(webhook.webhook_id) is not flight:
            return
        del self._flights[webhook.webhook_id]
        now = self.ctx.clock()
        self._settle(webhook, lambda row: _outcome(row, flight.message, answer, now))
        if not isinstance(answer, BaseException) and answer.is_success:
            self.delivered[webhook.webhook_id] += flight.message.events

    def _settle(self, webhook: Webhook, become: Callable[[Webhook], Webhook]) -> None:
        """Write down what becomes of a receiver, unless it was removed, or set to another event, meanwhile."""

        def change(rows: Webhooks) -> Webhook | None:
            row = rows.get(webhook.webhook_id)
            if row is None or row.cursor != webhook.cursor:
                return None
            rows[webhook.webhook_id] = become(row)
            return rows[webhook.webhook_id]

        after = self._registry.change(change)
        news = _news(webhook, after) if after is not None else None
        if news:
            self._tell(f"webhook {webhook.webhook_id} {news}")


def _fly(flight: _Flight, land: Callable[[tuple[_Flight, Reply | BaseException]], None]) -> None:
    """Send one request, in a thread of its own."""
    from modelref_git.fetch.post import post

    webhook, message = flight.webhook, flight.message
    try:
        headers = message.headers(webhook.secret, flight.sent)
        land((flight, post(webhook.url, message.body, headers, private=webhook.allow_private)))
    except BaseException as fault:  # who waits for the answer is told, whatever it is
        land((flight, fault))


def _outcome(webhook: Webhook, message: Message, answer: Reply | BaseException, now: int) -> Webhook:
    """What becomes of a receiver by its answer, or by what kept it from answering."""
    from modelref_git.fetch.faults import FetchFault

    if isinstance(answer, FetchFault):
        return outcome.failed(webhook, Failure(now, answer.message), answer.wait)
    if isinstance(answer, BaseException):
        raise answer
    if answer.is_success:
        return outcome.told(webhook, message.reaches, now)
    return outcome.failed(webhook, Failure(now, refusal(answer), answer.status), answer.wait)


def refusal(answer: Reply) -> str:
    """What a receiver said instead of taking it."""
    return f"it answers {answer.status}" + (f": {answer.excerpt}" if answer.excerpt else "")


def _news(before: Webhook, after: Webhook) -> str | None:
    """What an operator should read of it."""
    if after.paused is not None:
        return f"is paused: {after.paused}; `modelref-git webhook resume {after.webhook_id}` goes on where it stopped"
    if after.failures and not before.failures and after.last_error is not None:
        return f"failed, and is tried again: {after.last_error.message}"
    return "takes what it is sent again" if before.failures and not after.failures else None
