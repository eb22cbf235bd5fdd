"""CI check: would a branch that somebody made by hand be taken, and what would it do to the dataset?

The branch is untrusted data. Nothing of it is run, its ``modelref.toml`` and schemas judge nothing, and what is looked
at is bounded. It is judged as intake would take it: each changed record by the rules on the log's ``main``, merged with
what is there today, beside the proposals that are open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modelref_git.errors import Invalid, NotFound, Problem
from modelref_git.operations.admission import claims
from modelref_git.operations.changes import pending_diff
from modelref_git.operations.checking.around import around
from modelref_git.operations.checking.findings import CheckReport, Fault, of_error, of_findings, structural
from modelref_git.operations.checking.hosts import DEFAULTS, CheckOptions
from modelref_git.operations.checking.records import first_difference
from modelref_git.operations.checking.weighing import found_in_change
from modelref_git.operations.ci.outlook import Looking
from modelref_git.operations.context import Context, Person
from modelref_git.operations.drafting import canonical_bytes, stored_form
from modelref_git.operations.merging import look_alikes
from modelref_git.operations.picture_files import Given, bring
from modelref_git.operations.untrusted import ChangedRecord, Untrusted, untrusted_changes
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import CREATE, DELETE, UPDATE, Proposal
from modelref_git.proposals.folds.asked import queued
from modelref_git.proposals.queue import Change
from modelref_git.records import codec, json_text
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.names import structural_problems
from modelref_git.records.quality.rule import Facts, Others
from modelref_git.store import layout, unlogged
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import View
from modelref_git.store.state import StoredQueue
from modelref_git.store.trees import TreeEditor, find


@dataclass(frozen=True, slots=True)
class BranchReport:
    """What a branch would do, and what speaks against it."""

    head: str
    base: str | None
    """The newest commit that the branch shares with ``main``."""
    main: str
    """The ``main`` by which it was judged."""
    found: CheckReport
    changes: Sequence[dict[str, Any]]
    """For each changed record a PendingChangeDiff, and what becomes of it: see `Looking.row`."""
    admitted: Sequence[dict[str, Any]] = ()
    """The changes that came from this very commit by intake, ``{"change_id", "status", "blob", "is_same"}``; the last
    says whether a change still asks for what the commit does."""
    unseen: Sequence[str] = ()
    """What could not be looked at, in sentences."""

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against it."""
        return self.found.ok

    def as_json(self) -> dict[str, Any]:
        """The answer: that of ``check``, and more."""
        return {
            **self.found.as_json(),
            "head": self.head,
            "base": self.base,
            "main": self.main,
            "changes": list(self.changes),
            "admitted": list(self.admitted),
            "unseen": list(self.unseen),
        }


@dataclass(frozen=True, slots=True)
class _PlainView(View):
    """A clone without the queue: the dataset, and a queue with nothing in it."""

    plain: str

    @property
    def main(self) -> str:
        return self.plain


def check_branch(
    ctx: Context, revision: str, since: str | None = None, options: CheckOptions = DEFAULTS
) -> BranchReport:
    """Check what the commit *revision* changes of records.

    Args:
        ctx: the way in. No role is needed, and a clone without the queue will do.
        revision: the branch, or a commit.
        since: the commit that it is compared with; the log's ``main`` unless given. What counts is the change since
            the newest commit that both share.
        options: which rules are waived.

    Raises:
        NotFound: there is no such revision, or no dataset here.
        UsageFault: what is allowed is no rule.
        IntegrityFailure: the dataset is of a format that this version does not read.
    """
    report = options.report()
    view, unseen = _view(ctx)
    head = ctx.store.resolve(revision)
    base = ctx.store.resolve(since) if since else view.main
    _ = view.dataset(base).config  # what no dataset is has no records
    found = untrusted_changes(ctx.store, base, head)
    if found.origin is not None and unlogged.is_shallow(ctx.store):
        unseen.append("this clone is shallow: what changed before its first commit is not seen")
    dataset = view.dataset()
    _tell(report, view, found)
    branch = _Branch(view, dataset, found, report)
    with around(ctx.store, branch.judged(), dataset) as others:
        for part in branch.parts:
            options.progress()
            branch.judge(part, others)
    changes = branch.outlook()
    return BranchReport(head, found.origin, view.main, report, changes, branch.admitted(), unseen)


def _view(ctx: Context) -> tuple[View, list[str]]:
    """The repository as the log has it; where there is no log, what a plain clone has, and what that lacks."""
    try:
        return ctx.view(), []
    except NotFound:
        plain = ctx.dataset()
    _ = plain.config
    objects = plain.objects
    view = _PlainView(ctx.store, "", StoredQueue(objects, None), objects, plain.commit or "")
    command = unlogged.how_to_fetch(ctx.store)
    how = f"; `{command}` fetches it" if command else ""
    return view, [f"the open proposals are not seen: this clone has no branch `queue`{how}"]


def _tell(report: CheckReport, view: View, found: Untrusted) -> None:
    """Report what is wrong with the branch itself, with the places of what is no JSON."""
    told: set[str] = set()
    for problem in found.problems:
        # A fault of the branch as a whole is shown at the file that says what the dataset is.
        path = problem.path or layout.CONFIG
        plain = Problem("", problem.message, problem.rule)
        if not problem.rule.startswith("json.") or found.origin is None:
            report.add(path, [structural(plain, line=1 if problem.path else None)])
        elif path not in told:
            told.add(path)
            report.add(path, _json_faults(view, found.head, path) or [structural(plain, line=1)])


def _json_faults(view: View, head: str, path: str) -> list[Fault]:
    """Where a file is no JSON; it is small enough to be read."""
    entry = find(view.objects, view.objects.read_commit(head).tree, path)
    key = layout.record_of(path) or ("", "")
    if entry is None:
        return []
    try:
        json_text.parse(view.objects.read_blob(entry.oid), what="the file")
    except Invalid as fault:
        return of_error(fault, *key)
    return []


@dataclass(slots=True)
class _Part:
    """One changed record: what it would be stored as, and the change that intake would make of it."""

    changed: ChangedRecord
    change: Change
    stored: dict[str, Any] | None
    text: str | None
    """The file as it came."""
    faults: list[Fault] = field(default_factory=list)
    is_valid: bool = True
    """Whether the record can be stored."""

    @property
    def key(self) -> tuple[str, str]:
        return self.changed.category, self.changed.name


class _Branch:
    """The changed records of a branch, judged one by one and all together."""

    def __init__(self, view: View, dataset: DatasetTree, found: Untrusted, report: CheckReport) -> None:
        self._view = view
        self._dataset = dataset
        self._found = found
        self._report = report
        self._person, refusals = _claimed(view, dataset, found)
        for problem in refusals:
            report.add(layout.CONFIG, [structural(problem)])
        self.parts = [self._part(changed) for changed in found.records]
        self._leaving = {part.key for part in self.parts if part.changed.new is None}

    def judged(self) -> DatasetTree:
        """The live dataset with the records of the branch in their places."""
        editor = TreeEditor(self._view.objects, self._dataset.tree)
        for part in self.parts:
            path = self._dataset.path(*part.key)
            if part.change.blob is not None:
                editor.put(path, part.change.blob)
            elif editor.get(path) is not None:
                editor.remove(path)
        return DatasetTree(self._view.objects, editor.write())

    def judge(self, part: _Part, others: Others) -> None:
        """Judge one record by the rules of good data, and report all that speaks against it."""
        if part.stored is not None and part.is_valid:
            alike = self._dataset.look_alike(*part.key) if part.change.operation == CREATE else None
            gone = alike if (part.changed.category, alike) in self._leaving else None
            before = _record(self._view, part.change.base_blob)
            facts = Facts(*part.key, part.stored, before, others=others, renamed_from=gone)
            part.faults += of_findings(found_in_change(self._dataset.config, facts))
        if part.faults:
            self._report.add(part.changed.path, part.faults, part.text)
        self._remark_on_form(part)
        self._report.records += 1

    def _remark_on_form(self, part: _Part) -> None:
        """Report a file that says the right thing in another form than the dataset's."""
        if part.text is None or part.changed.record is None:
            return
        wanted = codec.encode(part.changed.record, self._dataset.schema(part.changed.category).order).decode()
        if wanted == part.text:
            return
        message = "it is not in canonical form: intake writes it so, a commit of one's own on main must have it"
        line, column = first_difference(part.text, wanted)
        problem = Problem("", message, "json.canonical")
        fault = structural(problem, *part.key, severity="warning", line=line, column=column)
        self._report.add(part.changed.path, [fault], part.text)

    def outlook(self) -> list[dict[str, Any]]:
        """What becomes of each change; what does not merge is reported."""
        sound = [part.change for part in self.parts if part.is_valid]
        clashes = {(change.category, change.model_name): other for change, other in look_alikes(self.judged(), sound)}
        admitted = set(self._view.queue.intake(self._found.head))
        looking = Looking(self._view, self._dataset, self._leaving, admitted)
        rows = []
        for part in self.parts:
            row, problems = looking.row(part.change, part.changed.path, self._person, valid=part.is_valid)
            if part.key in clashes and row["merge"] != "conflict":
                text = f"the name differs from {clashes[part.key]!r} by letter case or Unicode form only"
                problems.append(("error", Problem("/name", text, "name.look_alike")))
            for severity, problem in problems:
                fault = structural(problem, *part.key, severity=severity, path=problem.path)
                self._report.add(part.changed.path, [fault], part.text)
            rows.append(row)
        return rows

    def admitted(self) -> list[dict[str, Any]]:
        """What the commit has become in the queue before."""
        rows = []
        blobs = {part.key: part.change.blob for part in self.parts}
        for number in self._view.queue.intake(self._found.head):
            change = self._view.queue.change(number)
            if change is None:
                continue  # it was purged
            key = (change.category, change.model_name)
            sides = (blobs.get(key), change.blob)
            differs = key not in blobs or pending_diff(self._view, self._dataset, change, sides)["field_diffs"]
            blob = change.blob or change.base_blob
            rows.append({"change_id": number, "status": change.status, "blob": blob, "is_same": not differs})
        return rows

    def _part(self, changed: ChangedRecord) -> _Part:
        objects = self._view.objects
        before = changed.old.oid if changed.old is not None else None
        operation = DELETE if changed.new is None else CREATE if before is None else UPDATE
        base = self._found.origin or self._view.main
        key = (changed.category, changed.name)
        made = Proposal(operation, *key, self._person.actor, None, self._found.head, base, before, None)
        if changed.new is None or changed.record is None:
            return _Part(changed, queued(made, 0, 0), None, None)
        text = objects.read_blob(changed.new.oid).decode("utf-8", "replace")
        stored, data, problems = self._stored(changed, _record(self._view, before))
        blob = objects.add("blob", data)
        faults = [structural(problem, *key, path=problem.path) for problem in problems]
        return _Part(changed, queued(replace(made, blob=blob), 0, 0), stored, text, faults, not faults)

    def _stored(
        self, changed: ChangedRecord, before: dict[str, Any] | None
    ) -> tuple[dict[str, Any], bytes, list[Problem]]:
        """A record as the dataset would store it, its bytes, and its faults by the rules that nobody waives."""
        schema = self._dataset.schema(changed.category)
        given = Given(blobs=self._found.pictures)
        brought = bring(self._view.objects, self._dataset, schema, changed.record or {}, before, given)
        record = brought.record
        if changed.category in CATEGORIES and record.get("name") is None:
            record["name"] = changed.name
        problems = list(structural_problems(changed.category, changed.name))
        stored, found = stored_form(schema, record, before)
        told = {problem.path for problem in found}
        problems += [*found, *(problem for problem in brought.problems if problem.path not in told)]
        try:
            return stored, canonical_bytes(stored, schema, changed.name), problems
        except Invalid as fault:
            problems += [Problem(row["path"], row["message"], row["rule"]) for row in fault.details]
            return stored, codec.encode(record, schema.order), problems


def _record(view: View, blob: str | None) -> dict[str, Any] | None:
    return None if blob is None else codec.decode(view.objects.read_blob(blob))


def _claimed(view: View, dataset: DatasetTree, found: Untrusted) -> tuple[Person, list[Problem]]:
    """Who asks, as intake has it, and what speaks against that."""
    nobody = Person(Actor("", ""))
    if not found.records:
        return nobody, []
    try:
        claim = claims.claim_of(view.store, dataset.config, found.head)
    except Invalid as fault:
        return nobody, [Problem("", row["message"], row["rule"]) for row in fault.details]
    problem = claims.signature_problem(view.store, dataset.config, found.head, claim.requestor)
    member = dataset.config.member(claim.requestor.id)
    return Person(claim.requestor, claim.email, member), [problem] if problem is not None else []
