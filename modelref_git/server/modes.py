"""What a deployment does not do: a read-only one, one with the older format, one without a queue."""

from __future__ import annotations

from typing import Final

from modelref_git.records.categories import CATEGORIES
from modelref_git.server.faults import Refusal
from modelref_git.server.settings import Settings

READ_ONLY: Final = (
    "This instance is in REPLICA mode and does not support write operations. Only PRIMARY instances can modify data."
)
OTHER_FORMAT: Final = (
    "This deployment does not expose write operations for this API. Expected canonical_format='v2', got 'legacy'."
)
AUDIT_OFF: Final = "Audit trail is disabled on this deployment."
QUEUE_OFF: Final = "Pending queue is disabled or unsupported on this deployment."


def has_legacy_form(category: str) -> bool:
    """Whether records of a category have ever been written in the older format."""
    known = CATEGORIES.get(category)
    return known is not None and known.legacy_file is not None


def check_takes_writes(settings: Settings) -> None:
    """Refuse with 503 where nothing can be written."""
    if settings.read_only:
        raise Refusal(503, READ_ONLY, "state")


def check_writes_by_v2(settings: Settings, category: str) -> None:
    """Refuse with 503 where records of a category are written in the older format."""
    if settings.canonical_format == "legacy" and has_legacy_form(category):
        raise Refusal(503, OTHER_FORMAT, "state")


def check_queue(settings: Settings) -> None:
    """Refuse with 503 where there is no queue."""
    if not settings.queue:
        raise Refusal(503, QUEUE_OFF, "state")


def check_audit(settings: Settings) -> None:
    """Refuse with 503 where the audit is not shown."""
    if not settings.audit:
        raise Refusal(503, AUDIT_OFF, "state")
