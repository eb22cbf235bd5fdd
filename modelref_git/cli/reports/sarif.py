"""Findings as SARIF 2.1.0, which code hosts and editors import."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from modelref_git import __version__
from modelref_git.operations.checking.findings import LocatedFinding
from modelref_git.records.quality.rule import Rule

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT: Final = "modelrefFinding/v1"

_LEVELS: Final = {"error": "error", "warning": "warning", "hint": "note", "off": "none"}


def log(findings: Sequence[LocatedFinding]) -> dict[str, Any]:
    """The whole document: one run of one tool."""
    rules = list({one.finding.rule.id: one.finding.rule for one in findings}.values())
    places = {rule.id: index for index, rule in enumerate(rules)}
    driver = {
        "name": "modelref-git",
        "semanticVersion": __version__,
        "version": __version__,
        "rules": [_rule(rule) for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": _results(findings, places),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.text},
        "fullDescription": {"text": f"{rule.text} {rule.reason}"},
        "help": {"text": rule.advice},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _results(findings: Iterable[LocatedFinding], places: dict[str, int]) -> list[dict[str, Any]]:
    seen: Counter[str] = Counter()
    results = []
    for one in findings:
        found = one.finding
        name = f"{found.key}: " if found.key else ""
        mark = _fingerprint(one)
        result: dict[str, Any] = {
            "ruleId": found.rule.id,
            "ruleIndex": places[found.rule.id],
            "level": _LEVELS[found.severity],
            "message": {"text": f"{name}{found.problem.message}"},
            "locations": [_location(one)],
            "partialFingerprints": {FINGERPRINT: f"{mark}:{seen[mark]}"},
        }
        if one.is_allowed:
            result["suppressions"] = [{"kind": "external", "justification": "waived with --allow"}]
        seen[mark] += 1
        results.append(result)
    return results


def _location(one: LocatedFinding) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri(one.file)}}
    if one.line is not None:
        physical["region"] = {"startLine": one.line} | ({"startColumn": one.column} if one.column is not None else {})
    return {"physicalLocation": physical}


def uri(file: str) -> str:
    """A path as a URI reference, relative if it is; a part of it is never taken for a scheme."""
    path = file.replace(os.sep, "/")
    return quote(path.encode("utf-8", "surrogateescape"), safe="/-._~!$&'()*+,;=@")


def _fingerprint(one: LocatedFinding) -> str:
    """What stays the same while the finding does, wherever it moves to in its file."""
    found = one.finding
    parts = (found.rule.id, one.file, found.category, found.key, found.problem.path, found.problem.message)
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
