"""A form that was refused: what its page says, and with which status."""

from __future__ import annotations

from modelref_git.errors import ModelrefError
from modelref_git.server.faults import refusal_of


def status_of(fault: ModelrefError) -> int:
    """The status of a page that shows *fault*: that of the API, but for what is not in the state for a step: 409."""
    return 409 if fault.code == "state" else refusal_of(fault).status


def fault_rows(fault: ModelrefError) -> list[dict[str, str]]:
    """*Fault* as the rows that the faults of a form are shown by: its sentence, then what else it lists."""
    rows = [{"path": "", "message": f"{fault.message} ({fault.hint})" if fault.hint else fault.message}]
    for row in fault.details:
        message = row.get("message")
        if isinstance(message, str) and message not in fault.message:
            where = f"change {row['change_id']}" if row.get("change_id") else ""
            rows.append({"path": str(row.get("path") or where), "message": message})
    return rows
