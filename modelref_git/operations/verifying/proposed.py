"""Rules of proposals: each is one good record on top of ``main``, asked for by who it says, when it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from modelref_git.operations.answers import STAMPS
from modelref_git.operations.checking.weighing import found_in_change
from modelref_git.operations.merging import record_of
from modelref_git.operations.picture_files import naming, problems_in
from modelref_git.operations.verifying.case import Asked, EventCase
from modelref_git.operations.verifying.records import record_faults
from modelref_git.operations.verifying.rules import Fault, Rule
from modelref_git.proposals import trailers
from modelref_git.proposals.events import BY_IMPORT, CREATE, DELETE, OPERATIONS, REBASE
from modelref_git.proposals.header import POLICY
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.codec import REMAINDER
from modelref_git.records.json_text import same
from modelref_git.records.merge import METADATA
from modelref_git.records.quality import names as name_rules
from modelref_git.records.quality.rule import Facts
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.trees import FILE, Entry, compare

LATE_AT_MOST: Final = 600
"""Seconds by which a proposal may be dated after its event."""

_Touched = list[tuple[str, Entry | None, Entry | None]]


def _base(case: EventCase) -> Iterator[Fault]:
    for one in case.asked:
        if not case.mains.holds(one.proposal.base):
            yield _fault(one, f"change {one.change_id} is made against {one.proposal.base}, where main never was")


def _scope(case: EventCase) -> Iterator[Fault]:
    for one in case.asked:
        touched = _touched(case, one)
        paths = {path for path, _, _ in touched}
        if one.proposal.category == POLICY:
            outside = [p for p in sorted(paths) if p != layout.CONFIG and not p.startswith(f"{layout.SCHEMAS}/")]
            if outside or not paths or one.proposal.name != layout.CONFIG:
                text = f"change {one.change_id} is one of the policy, and touches {_listed(outside) or 'nothing'}"
                yield _fault(one, text)
            if any(new is not None and new.mode != FILE for _, _, new in touched):
                yield _fault(one, f"change {one.change_id} makes what is no plain file")
            continue
        base = DatasetTree.at(case.objects, one.proposal.base)
        wanted = base.path(one.proposal.category, one.proposal.name)
        # Whether it may bring these very pictures is a rule of its own.
        paths -= {path for path, old, new in touched if _is_new_picture(path, old, new)}
        if paths != {wanted}:
            others = _listed(sorted(paths - {wanted})) or "nothing"
            yield _fault(one, f"change {one.change_id} is about {wanted}, and touches {others}")


def _is_new_picture(path: str, old: Entry | None, new: Entry | None) -> bool:
    return layout.picture_of(path) is not None and old is None and new is not None and new.mode == FILE


def _pictures(case: EventCase) -> Iterator[Fault]:
    for one in case.asked:
        asked = one.proposal
        if asked.category == POLICY:
            continue
        dataset = DatasetTree(case.objects, one.commit.tree, one.commit.id)
        schema = dataset.schema(asked.category)
        if not asked.pictures and not (schema.has_pictures and asked.blob is not None):
            continue
        record, old = (naming(case.objects, blob) for blob in (asked.blob, asked.base_blob))
        for problem in problems_in(dataset, schema, record, old, asked.pictures):
            at = f" at {problem.path}" if problem.path else ""
            yield _fault(one, f"change {one.change_id}: {problem.message}{at} ({problem.rule})")


def _operation(case: EventCase) -> Iterator[Fault]:
    for one in case.asked:
        asked = one.proposal
        there = (asked.base_blob is not None, asked.blob is not None)
        wanted = {CREATE: (False, True), DELETE: (True, False)}.get(asked.operation, (True, True))
        if asked.operation not in OPERATIONS or there != wanted:
            yield _fault(one, f"change {one.change_id} is no {asked.operation} of {asked.category} {asked.name!r}")


def _record(case: EventCase) -> Iterator[Fault]:
    for one in case.asked:
        if one.proposal.category == POLICY:
            continue
        dataset = DatasetTree.at(case.objects, one.commit.id)
        files = [(path, new) for path, _, new in _touched(case, one) if layout.record_of(path) is not None]
        for text in record_faults(dataset, files):
            yield _fault(one, f"change {one.change_id}: {text}")


def _quality(case: EventCase) -> Iterator[Fault]:
    for one in case.asked:
        asked = one.proposal
        if asked.blob is None or asked.category == POLICY:
            continue
        record, old = (record_of(case.objects, blob) for blob in (asked.blob, asked.base_blob))
        waived = {rule for change_id, rule in case.event.waived if change_id == one.change_id}
        # The rules that no version changes: the others grow as mistakes are made, and cannot judge what came before.
        found = found_in_change(
            DatasetTree.at(case.objects, asked.base).config,
            Facts(asked.category, asked.name, record, old),
            importing=asked.origin == BY_IMPORT,
            among=name_rules.RULES,
        )
        for finding in found:
            if finding.severity == "error" and finding.rule.id not in waived:
                text = f"{finding.problem.message}, and nobody waived {finding.rule.id}"
                yield _fault(one, f"change {one.change_id}: {text}")


def _stamps(case: EventCase) -> Iterator[Fault]:
    for one in case.asked:
        asked = one.proposal
        if asked.blob is None or asked.category not in CATEGORIES or asked.origin == BY_IMPORT:
            continue
        if not DatasetTree.at(case.objects, asked.base).schema(asked.category).has_metadata:
            continue
        found = _stamps_of(record_of(case.objects, asked.blob))
        old = None if asked.base_blob is None else _stamps_of(record_of(case.objects, asked.base_blob))
        wanted: dict[str, Any] = {"updated_at": one.commit.author.time, "updated_by": str(asked.requestor)}
        if old is None:
            wanted |= {"created_at": one.commit.author.time, "created_by": str(asked.requestor)}
        else:
            wanted |= {key: old[key] for key in ("created_at", "created_by") if key in old}
        for key in STAMPS:
            if not same(found.get(key), wanted.get(key)):
                text = f"the stamp {key} of change {one.change_id} is {found.get(key)!r}, not {wanted.get(key)!r}"
                yield _fault(one, text)


def _stamps_of(record: Mapping[str, Any] | None) -> dict[str, Any]:
    stamps = (record or {}).get(METADATA)
    return {key: stamps[key] for key in STAMPS if key in stamps} if isinstance(stamps, dict) else {}


def _remainder(case: EventCase) -> Iterator[Fault]:
    for one in case.asked:
        asked = one.proposal
        if asked.blob is None or asked.category == POLICY or asked.origin == BY_IMPORT:
            continue
        old, new = ((record_of(case.objects, blob) or {}).get(REMAINDER) for blob in (asked.base_blob, asked.blob))
        if not same(old, new):
            yield _fault(one, f"change {one.change_id} changes the legacy remainder, which belongs to imports")


def _date(case: EventCase) -> Iterator[Fault]:
    for one in case.asked:
        dated = max(one.commit.author.time, one.commit.committer.time)
        if dated > case.event.time + LATE_AT_MOST:
            late = dated - case.event.time
            yield _fault(one, f"the proposal of change {one.change_id} is dated {late} seconds after its event")


def _words(case: EventCase) -> Iterator[Fault]:
    for one in case.asked:
        keys = [key for key, _ in trailers.read(one.commit.message)]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            yield _fault(one, f"the proposal of change {one.change_id} says {twice[0]} twice")
        if one.proposal.origin not in (None, BY_IMPORT):
            yield _fault(one, f"the proposal of change {one.change_id} has the unknown origin {one.proposal.origin!r}")
        if case.event.action == REBASE and one.before is not None and one.before.origin != one.proposal.origin:
            yield _fault(one, f"the rebase of change {one.change_id} gives it another origin")


def _touched(case: EventCase, one: Asked) -> _Touched:
    base = case.objects.read_commit(one.proposal.base)
    return list(compare(case.objects, base.tree, one.commit.tree))


def _listed(paths: list[str]) -> str:
    return ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")


def _fault(one: Asked, text: str) -> Fault:
    return Fault(text, one.commit.id, one.change_id)


RULES: Final = (
    Rule("proposal.base", "A proposal has one parent, which main was at before.", _base),
    Rule("proposal.scope", "A proposal changes one record and nothing else; one of the policy only that.", _scope),
    Rule(
        "proposal.pictures",
        "A proposal adds the pictures that its record names and main lacks, each sound and as its entry says.",
        _pictures,
    ),
    Rule("proposal.operation", "A create finds no record, an update or delete finds one.", _operation),
    Rule("proposal.record", "What is proposed is canonical, and its schema accepts it and its name.", _record),
    Rule("proposal.quality", "The rules of good names hold, or an event says that they were waived.", _quality),
    Rule("proposal.stamps", "The stamps tell who asked, and when; an update keeps who created the record.", _stamps),
    Rule("proposal.remainder", "The legacy remainder is changed by imports alone.", _remainder),
    Rule("proposal.date", "A proposal is dated no later than ten minutes after its event.", _date),
    Rule("proposal.words", "A proposal says who asks for what once, and keeps its origin.", _words),
)
