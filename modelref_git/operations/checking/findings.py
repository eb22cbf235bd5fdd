"""What a check found, each with the place in a file that an editor can jump to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.operations.checking.weighing import Finding, is_allowed
from modelref_git.records import pointer
from modelref_git.records.json_places import places
from modelref_git.records.quality import catalogue
from modelref_git.records.quality.rule import Rule, Severity, found_elsewhere
from modelref_git.records.quality.structural import sentence as structural_sentence

_SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "hint")
_OF_KEYS: Final = frozenset({"record.unknown_field", "schema.propertyNames", "value.settings_key"})
"""Rules on the name of a member and not on its value."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A finding, and what is known of its place in the file."""

    finding: Finding
    path: str | None = None
    """A JSON pointer into the file; ``None`` where the file is not JSON, or all of it is meant."""
    line: int | None = None
    column: int | None = None
    of_key: bool = False
    """Whether the member's key is meant, and not its value."""


@dataclass(frozen=True, slots=True)
class LocatedFinding:
    """A finding in a file."""

    finding: Finding
    file: str
    line: int | None = None
    column: int | None = None
    is_allowed: bool = False
    """Whether a waiver of the caller's speaks of it."""

    @property
    def is_error(self) -> bool:
        """Whether it makes the check fail."""
        return self.finding.severity == "error" and not self.is_allowed

    @property
    def place(self) -> str:
        """File, line and column, as compilers write them."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)

    def as_json(self) -> dict[str, Any]:
        """The entry of ``findings`` that stands for it."""
        found = self.finding
        row = {
            "rule": found.rule.id,
            "severity": found.severity,
            "category": found.category or None,
            "model_name": found.key or None,
            "path": found.problem.path,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": found.problem.message,
            "hint": found.rule.advice,
        }
        return {**row, "allowed": True} if self.is_allowed else row


@dataclass(slots=True)
class CheckReport:
    """What was looked at, and what was found."""

    allow: Sequence[str] = ()
    """Quality rules whose errors do not count; ``*`` for all."""
    records: int = 0
    _found: list[LocatedFinding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether no error is left that nobody waived."""
        return not any(one.is_error for one in self._found)

    @property
    def findings(self) -> list[LocatedFinding]:
        """All of them, by file, line, column and rule."""
        return sorted(self._found, key=_order)

    def counts(self) -> dict[str, int]:
        """How many findings there are of each severity; errors that were waived are counted apart."""
        counts = dict.fromkeys((*_SEVERITIES, "allowed"), 0)
        for one in self._found:
            counts["allowed" if one.is_allowed else one.finding.severity] += 1
        return counts

    def as_json(self) -> dict[str, Any]:
        """The answer of ``check``."""
        return {"ok": self.ok, "findings": [one.as_json() for one in self.findings]}

    def add(self, file: str, faults: Sequence[Fault], text: str | None = None) -> None:
        """Take in what was found in a file; *text* is its content where that is JSON."""
        # A path that is no UTF-8 is shown with its bytes escaped: reports are UTF-8.
        file = file.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        wanted = [fault.path for fault in faults if fault.path is not None and fault.line is None]
        found = places(text, wanted) if wanted and text is not None else {}
        for fault in faults:
            line, column = fault.line, fault.column
            place = found.get(fault.path or "") if line is None and fault.path is not None else None
            if place is not None:
                of_key = fault.of_key or fault.finding.rule.id in _OF_KEYS
                line, column = place.key if of_key and place.key is not None else place.value
            waivable = fault.finding.severity == "error" and fault.finding.rule.id in catalogue.BY_ID
            allowed = waivable and is_allowed(fault.finding, self.allow)
            self._found.append(LocatedFinding(fault.finding, file, line, column, allowed))


def _order(one: LocatedFinding) -> tuple[Any, ...]:
    found = one.finding
    return one.file, one.line or 0, one.column or 0, found.rule.id, found.problem.path, found.problem.message


# --- rules that no dataset may waive ---------------------------------------------------------------------------------

_FAMILIES: Final = {
    "json": (
        "A file is strict JSON, and a stored record canonical.",
        "Programs read doubtful JSON differently, and one record must always be the same bytes.",
        "Correct the text at this place; `propose` writes a record in its canonical form by itself.",
    ),
    "schema": (
        "A record is what the schema of its category says.",
        "Whoever reads the dataset relies on the schema.",
        "Correct the value; the schema of the category tells what may stand there.",
    ),
    "value": (
        "A value is one of those that are known.",
        "Programs choose by it what they do, and know no others.",
        "Choose a known value.",
    ),
    "text": (
        "A text model's record agrees with its name.",
        "Names of variants and backends are made from both.",
        "Correct the value, or the name.",
    ),
    "name": (
        "A name can be kept as a file everywhere, once in a category.",
        "A name that one system cannot keep would be lost there.",
        "Choose another name.",
    ),
    "layout": (
        "Every file below dataset/ is a record, where its category's layout has it.",
        "A file elsewhere is found by nobody, and two places could hold one record.",
        "Propose the record with `modelref-git propose`, and take the file away.",
    ),
    "legacy": (
        "An entry of an older file can be read, and written again as it was.",
        "Older clients read these files.",
        "Correct the entry.",
    ),
    "csv": (
        "models.csv is a table in which every row fits the header.",
        "A row that does not fit is read differently by every program.",
        "Correct the row.",
    ),
    "config": (
        "modelref.toml is what this version reads.",
        "It decides who may do what, and how the data is judged.",
        "Correct the file.",
    ),
    "policy": (
        "Every change that a member may ask for can be approved by somebody.",
        "A policy that nobody can fulfil cannot be changed either.",
        "Add an approver, or ask for fewer approvals.",
    ),
    "intake": (
        "A branch that asks for changes changes records, as plain files, and nothing else.",
        "It comes from somebody who need not be known, and whatever else it brings would be trusted by somebody.",
        "Take back what else it changes; the policy and schemas are changed by commands of their own.",
    ),
    "signature": (
        "What is signed is signed by whoever asks for it.",
        "A signature is the proof of who asks.",
        "Sign the commit with a key that the dataset knows as yours.",
    ),
    "protected": (
        "What is protected is changed by those alone whom the protection names.",
        "Somebody has to answer for it.",
        "Ask one of those whom the message names to propose it.",
    ),
    "merge": (
        "A change merges with what is there today.",
        "What others did meanwhile must not be lost.",
        "Bring the branch up to today's main, and settle what both changed.",
    ),
    "file": (
        "A file can be read, and tells what it holds.",
        "What cannot be read is not checked.",
        "See that the file is there, may be read, and stands in a folder that is called by its category.",
    ),
}
_OTHERS: Final = ("The files are in order.", "Programs rely on it.", "Correct what the message names.")


def structural_rule(rule_id: str) -> Rule:
    """A rule that is never waived, as an object, by the first part of its id."""
    text, reason, advice = _FAMILIES.get(rule_id.partition(".")[0], _OTHERS)
    return Rule(rule_id, "error", "file", structural_sentence(rule_id) or text, reason, advice, found_elsewhere)


def structural(
    problem: Problem, category: str = "", key: str = "", *, severity: Severity = "error", **place: Any
) -> Fault:
    """The fault that *problem* is, by a rule that no dataset sets; *place* is what is known of its place."""
    return Fault(Finding(structural_rule(problem.rule), severity, category, key, problem), **place)


def of_error(error: Invalid, category: str = "", key: str = "", *, within: Sequence[str] = ()) -> list[Fault]:
    """The faults that an error lists, below the pointer *within* of the file; all but JSON's faults lack a place."""
    faults = []
    for row in error.details or [{"path": "", "message": error.message, "rule": "file.unreadable"}]:
        problem = Problem(str(row.get("path", "")), str(row["message"]), str(row["rule"]))
        path, line, column = pointer.join(within) + problem.path, row.get("line"), row.get("column")
        faults.append(structural(problem, category, key, path=path, line=line, column=column))
    return faults


def of_findings(found: Iterable[Finding], *, within: Sequence[str] = ()) -> list[Fault]:
    """What the rules of good data found in the record at the pointer *within* of its file."""
    return [Fault(one, pointer.join(within) + one.problem.path) for one in found]
