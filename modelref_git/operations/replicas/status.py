"""Status: what a replica serves, how old that is, and what is wrong, without asking its source."""

from __future__ import annotations

from typing import Any

from modelref_git.operations.replicas import trust
from modelref_git.operations.replicas.folder import Folder
from modelref_git.store.step import Clock
from modelref_git.store.writing import wall_clock


def replica_status(folder: Folder, *, clock: Clock = wall_clock) -> dict[str, Any]:
    """How a replica stands.

    Returns:
        ``at``, the commit that is served; ``age_seconds`` since the newest event that was believed; ``last_success``,
        when a sync last ended well; ``last_error``, what is wrong (``rule``, ``code``, ``message``, ``time``): why the
        last sync failed, else that the source stands still or its ``main`` went astray, else null; ``verified``,
        whether every event up to what is served was verified.

    Raises:
        NotFound: the folder is no replica.
        IntegrityFailure: what it remembers cannot be read.
    """
    state, now = folder.state(), clock()
    served = folder.served()
    wrong = state.last_error or trust.alarm(state, now)
    return {
        "at": served.commit if served is not None else None,
        "age_seconds": max(0, now - state.event_time) if state.event_time is not None else None,
        "last_success": state.last_success,
        "last_error": wrong.as_json() if wrong is not None else None,
        "verified": served is not None and state.verify == "full",
    }
