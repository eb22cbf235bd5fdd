"""What a verification says after an attack."""

from __future__ import annotations

from typing import Any

from tests.attacks.forging import Forger
from tests.support.calls import call


def findings(forger: Forger, *words: str) -> list[dict[str, Any]]:
    """What ``verify`` finds, of all that is not known to be honest unless told otherwise; its exit code must fit."""
    if not words and forger.trusted is not None:
        words = ("--from", forger.trusted)
    answer = call("-C", str(forger.path), "--json", "verify", *words)
    assert answer.out, answer.err.decode()
    document = answer.json
    assert document["ok"] == (not document["findings"])
    assert answer.code == (9 if document["findings"] else 0), answer.err.decode()
    found: list[dict[str, Any]] = document["findings"]
    return found


def caught(forger: Forger, rule: str, commit: str, *words: str, also: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The findings: of *rule*, naming *commit*, and of no rule but those of *also*."""
    found = findings(forger, *words)
    told = "\n".join(f"{row['rule']} {row['commit']} {row['message']}" for row in found)
    assert any(row["rule"] == rule and row["commit"] == commit for row in found), told or "nothing was found"
    assert {row["rule"] for row in found} <= {rule, *also}, told
    return found
