"""A proposal tried out: all that would be said of it, and what it would change, before anybody proposes it.

It is the very step of the proposal, decided and then forgotten: nothing is written, and nobody is kept waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from modelref_git.errors import Invalid, ModelrefError
from modelref_git.operations.answers import without_stamps
from modelref_git.operations.checking.weighing import Finding
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Draft, Request, rivals, stored_form
from modelref_git.operations.drafts import drafting
from modelref_git.operations.propose import updating
from modelref_git.proposals.events import UPDATE
from modelref_git.records import codec
from modelref_git.records.diff import FieldDiff, field_diffs, is_critical
from modelref_git.records.quality import catalogue
from modelref_git.records.quality.rule import Rule
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.step import Step

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that a proposal changes."""

    diff: FieldDiff
    is_critical: bool


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What became of a proposal that was tried out."""

    fault: ModelrefError | None = None
    """Why it would be refused."""
    findings: tuple[Finding, ...] = ()
    """What the rules of good data remark upon, without refusing it."""
    waived: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    """What it changes of today's record, without the stamps."""
    rivals: tuple[int, ...] = ()
    """Open changes of the same record."""

    @property
    def waivable(self) -> tuple[Rule, ...]:
        """The rules that refuse it, and can be waived."""
        rules = dict.fromkeys(row.get("rule", "") for row in (self.fault.details if self.fault is not None else ()))
        return tuple(catalogue.BY_ID[rule] for rule in rules if rule in catalogue.BY_ID)


def rehearse(ctx: Context, request: Request, *, base: str | None = None) -> Rehearsal:
    """Try *request* out; *base* is the revision that an update's full record was edited from."""
    try:
        return _tried(ctx, lambda step: _rehearsed(ctx, step, request, base))
    except ModelrefError as fault:
        return Rehearsal(fault)


def rehearse_all(ctx: Context, requests: Sequence[Request]) -> list[Rehearsal]:
    """Try *requests* out together, as they would be proposed at once, each after those before it."""

    def decide(step: Step) -> list[Rehearsal]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        person.require_requestor("propose")
        found = []
        with drafting(step, dataset, person) as drafts:
            for request in requests:
                try:
                    prepared = updating(request)(step, dataset) if request.operation == UPDATE else request
                    found.append(_outcome(step, dataset, drafts.add(prepared)))
                except ModelrefError as fault:
                    found.append(Rehearsal(fault))
        return found

    return _tried(ctx, decide)


def _tried(ctx: Context, decide: Callable[[Step], _T]) -> _T:
    return replace(ctx, dry_run=True, warn=lambda _: None).propose(decide)


def _rehearsed(ctx: Context, step: Step, request: Request, base: str | None) -> Rehearsal:
    dataset = step.dataset()
    person = ctx.person(dataset.config)
    if request.operation == UPDATE:
        request = updating(request, base=base)(step, dataset)
    elif request.name is None and not isinstance((request.payload or {}).get("name"), str):
        # It would be refused for its name alone; whoever fills in a form wants to know the rest as well.
        _, problems = stored_form(dataset.schema(request.category), dict(request.payload or {}))
        if problems:
            raise Invalid.of("the record", problems)
    with drafting(step, dataset, person) as drafts:
        return _outcome(step, dataset, drafts.add(request))


def _outcome(step: Step, dataset: DatasetTree, made: Draft) -> Rehearsal:
    proposal = made.proposal
    old = codec.decode(step.objects.read_blob(proposal.base_blob)) if proposal.base_blob is not None else None
    critical = dataset.schema(proposal.category).critical
    return Rehearsal(
        None,
        made.warnings,
        made.waived,
        tuple(
            Difference(diff, is_critical([diff.path], critical))
            for diff in field_diffs(_shown(old), _shown(made.record))
        ),
        tuple(rivals(step, proposal)),
    )


def _shown(record: dict[str, Any] | None) -> dict[str, Any] | None:
    """A record as people compare it: without stamps, and without what legacy files alone hold."""
    if record is None:
        return None
    shown = without_stamps({"metadata": {}, **codec.without_remainder(record)})
    return {key: value for key, value in shown.items() if key != "metadata" or value}
