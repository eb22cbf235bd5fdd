"""Intake: what contributors without rights to the queue have pushed as branches becomes proposals.

Each branch is judged as untrusted data. A commit that ``propose --intake`` made is admitted as it is, with its
signature; of one that was made by hand each changed record is drafted anew, with stamps and in canonical form, against
the state that it was edited from. Nothing is admitted twice: the queue knows the commits, and what came from a branch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modelref_git.errors import Forbidden, Invalid, ModelrefError, Problem, UsageFault
from modelref_git.operations import stale
from modelref_git.operations.admission import claims
from modelref_git.operations.admission.branches import Branch, delete_branches, fetch_intake, find_branches
from modelref_git.operations.admission.claims import Claim
from modelref_git.operations.admission.outcomes import (
    Outcome,
    Taken,
    fault_rows,
    known_row,
    problem_row,
    proposal_row,
    record_row,
)
from modelref_git.operations.answers import METADATA, without_stamps
from modelref_git.operations.checking.weighing import check_waivers
from modelref_git.operations.closing import append_supersede
from modelref_git.operations.context import Context, Person
from modelref_git.operations.drafting import Draft, Request, rivals, stored_form
from modelref_git.operations.drafts import Drafts, drafting
from modelref_git.operations.judging import require
from modelref_git.operations.picture_files import Given, bring
from modelref_git.operations.propose import enqueue
from modelref_git.operations.untrusted import HISTORY, ChangedRecord, Untrusted, untrusted_changes
from modelref_git.proposals.events import CREATE, DELETE, SUPERSEDE, UPDATE, Proposal
from modelref_git.proposals.queue import Change
from modelref_git.records import codec
from modelref_git.records.json_text import same
from modelref_git.records.merge import merge_records
from modelref_git.records.pictures import PICTURES
from modelref_git.store import log
from modelref_git.store.step import Step


def take_in(
    ctx: Context,
    words: Sequence[str] = (),
    *,
    allow: tuple[str, ...] = (),
    delete: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> Taken:
    """Admit branches that were pushed without rights to the queue, each changed record as a proposal of its own.

    What is wrong with a branch or a record is part of the answer; the others go in.

    Args:
        ctx: the caller, who must be an approver or a service: they put into the queue what others ask for.
        words: branches, other refs or commits; all branches ``intake/**`` unless given, in a clone those that its
            remote has now.
        allow: quality rules that are waived.
        delete: take the branches away of which nothing was refused.
        progress: called for each branch.

    Raises:
        NotFound: a word names nothing.
        Forbidden: the caller is neither.
        RemoteFailure: the remote of a clone did not answer.
    """
    check_waivers(allow)
    if not words and not ctx.dry_run and not ctx.offline:
        fetch_intake(ctx.store, ctx.progress)
    branches = find_branches(ctx.store, words)

    def decide(step: Step) -> Taken:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        _check_role(person)
        intake = _Intake(step, person, allow)
        outcomes = []
        for branch in branches:
            outcomes.append(intake.look_at(branch))
            progress()
        return Taken(tuple(outcomes))

    taken = ctx.write(decide)
    if delete and not ctx.dry_run:
        delete_branches(ctx.store, [one.branch for one in taken.outcomes if not one.refused], ctx.warn)
    return taken


def _check_role(person: Person) -> None:
    member = person.member
    if member is None or not (member.is_approver or member.is_service):
        raise Forbidden(
            f"{person.username} may not queue what others ask for: it takes the role approver or service",
            hint="`modelref-git whoami` tells as whom you act; your own you propose with `modelref-git propose`",
        )


class _Nothing(Exception):
    """A record is on ``main`` as it is asked for."""


@dataclass(slots=True)
class _Sorted:
    """The records of one branch, sorted by what becomes of them."""

    taken: list[tuple[Draft, Change | None]] = field(default_factory=list)
    """Each with the newest change that came from the same branch for the same record."""
    already: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)


class _Intake:
    """The intake of one step."""

    def __init__(self, step: Step, person: Person, allow: tuple[str, ...]) -> None:
        self._step = step
        self._person = person
        self._allow = allow
        self._dataset = step.dataset()

    def look_at(self, branch: Branch) -> Outcome:
        """Admit what is good in a branch."""
        store, config = self._step.store, self._dataset.config
        if not branch.commit:
            return Outcome(branch, refused=(problem_row(Problem("", "there is no commit", HISTORY)),))
        untrusted = untrusted_changes(store, self._step.main, branch.commit)
        if untrusted.is_refused:
            return Outcome(branch, refused=tuple(map(problem_row, untrusted.problems)))
        try:
            claim = claims.claim_of(store, config, branch.commit)
        except Invalid as fault:
            return Outcome(branch, refused=tuple(fault.details))
        who = str(claim.requestor)
        if untrusted.records:
            problem = claims.signature_problem(store, config, branch.commit, claim.requestor)
            if problem is not None:
                return Outcome(branch, who, refused=(problem_row(problem),))
        found = _Sorted(refused=list(map(problem_row, untrusted.problems)))
        self._sort(branch, untrusted, claim, found)
        return Outcome(branch, who, self._admit(branch, claim, found), tuple(found.already), tuple(found.refused))

    def _sort(self, branch: Branch, untrusted: Untrusted, claim: Claim, found: _Sorted) -> None:
        leaving = [(record.category, record.name) for record in untrusted.records if record.new is None]
        from_commit, from_source = self._admitted(branch.commit), self._admitted(branch.source)
        with drafting(self._step, self._dataset, self._person, leaving) as drafts:
            for changed in untrusted.records:
                record = self._with_facts(changed, untrusted)
                key = (record.category, record.name)
                earlier = from_source.get(key)
                known = from_commit.get(key) or self._known(branch, claim, record, earlier)
                if known is not None:
                    found.already.append(known_row(known))
                    continue
                try:
                    made = self._draft(drafts, untrusted, claim, record)
                except _Nothing:
                    found.already.append(known_row(earlier) if earlier is not None else record_row(record))
                    continue
                except ModelrefError as fault:
                    found.refused += fault_rows(fault, record)
                    continue
                if earlier is not None and self._is_same(made.record, earlier):
                    found.already.append(known_row(earlier))
                else:
                    found.taken.append((made, earlier))

    def _with_facts(self, changed: ChangedRecord, untrusted: Untrusted) -> ChangedRecord:
        """A record with what its pictures decide filled in; what is wrong with them is found when it is drafted."""
        if PICTURES not in (changed.record or {}):
            return changed
        schema = self._dataset.schema(changed.category)
        live = self._decoded(self._dataset.blob(changed.category, changed.name))
        given = Given(blobs=untrusted.pictures)
        try:
            brought = bring(self._step.objects, self._dataset, schema, changed.record or {}, live, given)
        except UsageFault:
            return changed
        return replace(changed, record=brought.record)

    # --- what is known already ---

    def _admitted(self, key: str | None) -> dict[tuple[str, str], Change]:
        """By category and name, the newest change that came by intake from a commit or a branch."""
        queue = self._step.queue
        found = {}
        for number in queue.intake(key) if key is not None else ():
            change = queue.change(number) or queue.purged(number)
            if change is not None:
                found[change.category, change.model_name] = change
        return found

    def _known(self, branch: Branch, claim: Claim, record: ChangedRecord, earlier: Change | None) -> Change | None:
        """The change that a record of the branch is already, though another commit brought it.

        That is what the branch has asked for before, whatever became of it; what the same person has asked for
        otherwise, and waits; and the very commit, if it came into the queue in another way.
        """
        if earlier is not None and self._asks_again(record, earlier):
            return earlier
        for number in self._step.queue.open_changes(record.category, record.name):
            change = self._step.queue.change(number)
            if change is None or change.model_name != record.name:
                continue
            is_same = change.requested_by == claim.requestor.id and self._asks_again(record, change)
            if is_same or change.commit == branch.commit:
                return change
        return None

    def _asks_again(self, record: ChangedRecord, earlier: Change) -> bool:
        """Whether the branch asks for the very thing that *earlier* asked for."""
        if record.record is None or earlier.operation == DELETE:
            return record.record is None and earlier.operation == DELETE
        schema = self._dataset.schema(record.category)
        stored, _ = stored_form(schema, codec.without_remainder(record.record), self._decoded(earlier.base_blob))
        return self._is_same(stored, earlier)

    def _is_same(self, record: dict[str, Any] | None, earlier: Change) -> bool:
        """Whether a record is, but for its stamps, what *earlier* proposed."""
        return _is_content(record, self._decoded(earlier.blob))

    def _decoded(self, blob: str | None) -> dict[str, Any] | None:
        return None if blob is None else codec.decode(self._step.objects.read_blob(blob))

    # --- drafting ---

    def _draft(self, drafts: Drafts, untrusted: Untrusted, claim: Claim, record: ChangedRecord) -> Draft:
        ready = self._ready(untrusted, claim)
        if ready is not None:
            try:
                return drafts.admit(ready, self._allow)
            except Invalid:
                pass  # not what it says it is, or not by today's rules: drafted anew it may be good
        return drafts.add(self._request(untrusted, claim, record))

    def _ready(self, untrusted: Untrusted, claim: Claim) -> Proposal | None:
        """The proposal that the commit is, if it is one commit with our trailers, and they tell no lie.

        That its parent was ``main`` once, that it is stamped right and whatever else a proposal must be, is asked when
        it is admitted. What is not ready is drafted anew, and no word of its trailers is believed.
        """
        commit = claim.commit
        if commit.id != untrusted.head or commit.parents != (untrusted.origin,):
            return None
        try:
            proposal = log.read_proposal(self._step.store, commit.id)
            is_ours = proposal.message() == commit.message and proposal.origin is None
        except (ModelrefError, ValueError):
            return None
        return proposal if is_ours and proposal.requestor == claim.requestor else None

    def _request(self, untrusted: Untrusted, claim: Claim, record: ChangedRecord) -> Request:
        """What is asked for of a record as it is today, by what was changed of it as it was.

        Raises:
            _Nothing: it is so already.
            Conflict: it has changed since, and the two do not merge.
        """
        category, name = record.category, record.name
        schema = self._dataset.schema(category)
        live = self._decoded(self._dataset.blob(category, name))
        then = self._decoded(record.old.oid if record.old is not None else None)
        asked = None if record.record is None else codec.without_remainder(record.record)
        what = f"the commit {(untrusted.origin or '')[:12]}"
        request = Request(
            *(UPDATE, category, name, asked, claim.note, self._allow),
            requested_by=claim.requestor,
            requested_email=claim.email,
            pictures=Given(blobs=untrusted.pictures),
        )
        if asked is not None and live is not None and _is_content(stored_form(schema, asked, live)[0], live):
            raise _Nothing
        if asked is None and live is None:
            raise _Nothing
        if then is None and asked is not None:
            return replace(request, operation=CREATE)
        if live is not None and asked is not None:
            return stale.brought_up(self._dataset, request, name, live, then, what)
        merged = merge_records(_plain(then), _plain(live), asked, schema.merge_hints)
        if merged.conflicts:
            raise stale.refusal(category, name, merged.conflicts, what)
        return replace(request, operation=DELETE, payload=None)

    # --- writing ---

    def _admit(self, branch: Branch, claim: Claim, found: _Sorted) -> tuple[dict[str, Any], ...]:
        """Append the event of what was taken; gives a row for each."""
        step = self._step
        others = [rivals(step, made.proposal) for made, _ in found.taken]
        drafts = [made for made, _ in found.taken]
        numbers = enqueue(step, self._person, drafts, intake=branch.commit, source=branch.source)
        rows = []
        for number, (made, earlier), rival in zip(numbers, found.taken, others, strict=True):
            row = {"change_id": number, **proposal_row(made.proposal)}
            if earlier is not None and self._supersede(earlier, claim, number):
                row["supersedes"] = earlier.change_id
            left = [str(other) for other in rival if other != row.get("supersedes")]
            if left:
                step.warnings.append(f"change {number} has rival open proposals for its record: {', '.join(left)}")
            rows.append(row)
        return tuple(rows)

    def _supersede(self, earlier: Change, claim: Claim, number: int) -> bool:
        """Close the open change that the same person's branch has brought before in favour of *number*."""
        step = self._step
        if not earlier.is_open or earlier.requested_by != claim.requestor.id:
            return False
        try:
            require(step, self._dataset, self._person, SUPERSEDE, [earlier])
        except Forbidden as fault:
            step.warnings.append(f"change {earlier.change_id} stays open beside change {number}: {fault.message}")
            return False
        append_supersede(step, self._person, earlier, number)
        return True


def _plain(record: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if record is None else codec.without_remainder(record)


def _is_content(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    """Whether two records are the same but for their stamps and what an import keeps beside them."""
    if one is None or other is None:
        return one is other
    left, right = (without_stamps({METADATA: {}, **codec.without_remainder(record)}) for record in (one, other))
    return same(left, right)
