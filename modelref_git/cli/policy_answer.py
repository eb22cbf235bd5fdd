"""The answer of a command that changes the policy: done at once, or a change that waits for another approver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def policy_text(done: str) -> Callable[[dict[str, Any]], str]:
    """The line for people: *done*, or what is to be approved."""

    def text(answer: dict[str, Any]) -> str:
        if "change_id" in answer:
            return f"change {answer['change_id']} waits for another approver\n"
        return f"{done}\n"

    return text
