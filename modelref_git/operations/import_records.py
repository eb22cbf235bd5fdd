"""Import: the records of a folder or file, as one commit on ``main`` or as proposals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from modelref_git.errors import Conflict, Invalid, ModelrefError, Problem, UsageFault
from modelref_git.formats import ranks
from modelref_git.formats.source_types import ImportSource, SourceCategory, SourceEntry
from modelref_git.formats.sources import read_source
from modelref_git.operations.context import Context, Person
from modelref_git.operations.drafting import Draft, Request, checked_record, draft
from modelref_git.operations.merging import check_main_not_drifted
from modelref_git.operations.order import rank_of, stored_order
from modelref_git.operations.propose import enqueue
from modelref_git.proposals import config, trailers
from modelref_git.proposals.events import CREATE, DELETE, IMPORT, UPDATE, Event
from modelref_git.records import codec, names
from modelref_git.records.json_text import same
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import Step
from modelref_git.store.trees import TreeEditor

STAMPS: Final = ("created_at", "updated_at", "created_by", "updated_by")

Progress = Callable[[], None]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a source is taken in."""

    format: Literal["auto", "legacy", "v2", "jsonl"] = "auto"
    category: str | None = None
    as_proposals: bool = False
    prune: bool = False
    keep_going: bool = False
    note: str | None = None
    allow: tuple[str, ...] = ()


@dataclass(slots=True)
class _Wanted:
    """What the source asks for: requests by what they would do, and the entries that are refused."""

    requests: list[Request] = field(default_factory=list)
    unchanged: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def count(self, operation: str) -> int:
        return sum(1 for request in self.requests if request.operation == operation)

    def as_json(self, change_ids: list[int]) -> dict[str, Any]:
        return {
            "created": self.count(CREATE),
            "updated": self.count(UPDATE),
            "deleted": self.count(DELETE),
            "unchanged": self.unchanged,
            "rejected": self.rejected,
            "change_ids": change_ids,
        }


def import_source(
    ctx: Context, path: Path, options: ImportOptions, *, progress: Progress = lambda: None
) -> dict[str, Any]:
    """Take in the records of *path*; answers the counts, what was refused, and the ids of proposals.

    Raises:
        NotFound: the source, or a category that it names, is not there.
        Invalid: a file is unreadable, or a record is refused and *keep_going* is off; every fault is listed.
        Conflict: a category has records already that differ, and proposals are not asked for.
        Forbidden: the caller may not.
    """
    known = tuple(ctx.view().dataset().config.categories)
    source = read_source(path, layout=options.format, category=options.category, known_categories=known)
    if source.text_files:
        ctx.warn("models.csv and its neighbours are not read by this version")
        if not source.categories:
            raise UsageFault("the source holds text models as CSV, which this version does not read")

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        if options.as_proposals:
            person.require_requestor("propose")
        else:
            person.require_approver("import into main")
        wanted = _wanted(step, dataset, source, person, options, progress)
        if wanted.rejected and not options.keep_going:
            raise _refusal(path, wanted.rejected)
        step.warnings += wanted.warnings
        if options.as_proposals:
            drafts = list(_drafts(step, dataset, person, wanted))
            return wanted.as_json(enqueue(step, person, drafts))
        _import_into_main(step, dataset, source, person, wanted, options, path)
        return wanted.as_json([])

    return ctx.write(decide)


def _refusal(path: Path, rejected: list[dict[str, Any]]) -> Invalid:
    details = [{"name": row["name"], **detail} for row in rejected for detail in row["details"]]
    first = details[0]
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return Invalid(
        f"{len(rejected)} of the records of {path.name} are refused; "
        f"the first is {first['name']!r}: {first['message']}{more}",
        hint="mend the source, waive quality rules with --allow, or take the good ones with --keep-going",
        details=details,
    )


def _wanted(
    step: Step,
    dataset: DatasetTree,
    source: ImportSource,
    person: Person,
    options: ImportOptions,
    progress: Progress,
) -> _Wanted:
    wanted = _Wanted(rejected=[_rejected(entry) for entry in source.unplaced])
    for part in source.categories:
        dataset.fan_out(part.category)
        wanted.warnings += [f"{part.category}: {problem.message}" for problem in part.warnings]
        live = dict(stored_order(step.store, dataset, part.category))
        good = list(_good_entries(part, wanted))
        present = [(name, rank_of(data)) for name, data in live.items()]
        places = ranks.assign(present, [entry.key or "" for entry in good])
        for entry in good:
            progress()
            _want(step, dataset, part.category, entry, places, live, person, wanted, options)
        if options.prune:
            gone = [name for name in live if name not in places and name not in {entry.key for entry in part.entries}]
            wanted.requests += [Request(DELETE, part.category, name, note=options.note) for name in gone]
    return wanted


def _good_entries(part: SourceCategory, wanted: _Wanted) -> Iterator[SourceEntry]:
    """The entries that can be looked at further; a name that stands twice, or almost, is refused the second time."""
    seen: dict[str, str] = {}
    for entry in part.entries:
        wanted.warnings += [_located(entry, f"{entry.key!r}: {problem.message}") for problem in entry.warnings]
        problems = list(entry.problems)
        if not problems and entry.key is not None:
            problems = names.structural_problems(part.category, entry.key)
        if not problems and entry.key is not None:
            folded = names.fold(entry.key)
            if folded in seen:
                other = seen[folded]
                text = "the name stands twice" if other == entry.key else f"the name is also there as {other!r}"
                problems = [Problem("/name", text, "name.duplicate")]
            seen.setdefault(folded, entry.key)
        if problems or entry.record is None:
            wanted.rejected.append(_rejected(entry, problems))
        else:
            yield entry


def _want(
    step: Step,
    dataset: DatasetTree,
    category: str,
    entry: SourceEntry,
    places: dict[str, int],
    live: dict[str, bytes],
    person: Person,
    wanted: _Wanted,
    options: ImportOptions,
) -> None:
    name = entry.key or ""
    data = live.get(name)
    old = codec.decode(data) if data is not None else None
    record = _with_stamps_of(ranks.with_rank(entry.record or {}, places.get(name)), old)
    request = Request(
        CREATE if old is None else UPDATE, category, name, record, options.note, options.allow, importing=True
    )
    schema = dataset.schema(category)
    try:
        stored, _, warnings = checked_record(step, dataset.config, schema, name, old, person, request)
    except ModelrefError as fault:
        details = [{**row, "file": entry.file, "line": entry.line} for row in fault.details]
        wanted.rejected.append({"name": name, "details": details})
        return
    if not entry.warnings:
        wanted.warnings += [_located(entry, warning) for warning in warnings]
    if old is not None and same(stored, old):
        wanted.unchanged += 1
    else:
        wanted.requests.append(request)


def _with_stamps_of(record: dict[str, Any], old: dict[str, Any] | None) -> dict[str, Any]:
    """*record* with the live one's stamps, if its source has none of its own: a legacy file knows no stamps."""
    live = (old or {}).get("metadata")
    given = record.get("metadata")
    if not isinstance(live, dict) or (isinstance(given, dict) and any(key in given for key in STAMPS)):
        return record
    kept = {key: live[key] for key in STAMPS if key in live}
    if not kept:
        return record
    merged = {**(given if isinstance(given, dict) else {}), **kept}
    return {key: merged if key == "metadata" else value for key, value in record.items()} | {"metadata": merged}


def _located(entry: SourceEntry, text: str) -> str:
    return f"{entry.file}:{entry.line}: {text}" if entry.line is not None else f"{entry.file}: {text}"


def _rejected(entry: SourceEntry, problems: Iterable[Problem] | None = None) -> dict[str, Any]:
    found = entry.problems if problems is None else problems
    details = [{**problem.as_json(), "file": entry.file, "line": entry.line} for problem in found]
    return {"name": entry.key, "details": details}


def _drafts(step: Step, dataset: DatasetTree, person: Person, wanted: _Wanted) -> Iterator[Draft]:
    kept = []
    for request in wanted.requests:
        try:
            made = draft(step, dataset, person, request)
        except Conflict as fault:  # a look-alike of a live record
            details = [{"path": "/name", "message": fault.message, "rule": "name.look_alike"}]
            wanted.rejected.append({"name": request.name, "details": details})
            continue
        kept.append(request)
        yield made
    wanted.requests = kept


def _import_into_main(
    step: Step,
    dataset: DatasetTree,
    source: ImportSource,
    person: Person,
    wanted: _Wanted,
    options: ImportOptions,
    path: Path,
) -> None:
    """One commit on ``main`` with every record, for categories that are empty."""
    check_main_not_drifted(step)
    _refuse_populated(dataset, wanted)
    if not wanted.requests:
        return
    by_category: dict[str, list[Request]] = {}
    for request in wanted.requests:
        by_category.setdefault(request.category, []).append(request)
    editor = TreeEditor(step.objects, dataset.tree)
    settings = dataset.config_bytes
    for category, requests in by_category.items():
        fan_out = max(dataset.fan_out(category), layout.fan_out_for(len(requests)))
        if fan_out != dataset.fan_out(category):
            settings = config.with_fan_out(settings, category, fan_out)
        schema = dataset.schema(category)
        for request in requests:
            record, _, _ = checked_record(step, dataset.config, schema, request.name or "", None, person, request)
            where = layout.record_path(category, request.name or "", fan_out)
            editor.put(where, step.objects.add("blob", codec.encode(record, schema.order)))
    if settings != dataset.config_bytes:
        editor.put(layout.CONFIG, step.objects.add("blob", settings))
    for part in source.categories:
        for where, data in part.profile_files.items():
            editor.put(where, step.objects.add("blob", data))
    headline = _headline(len(wanted.requests), len(by_category), path)
    rows = [("Actor", str(person.actor))] + ([("Note", options.note)] if options.note else [])
    body = [f"- {category}: {len(requests)} records" for category, requests in by_category.items()]
    message = trailers.message(f"{IMPORT}: {headline}", body, rows)
    main = step.commit(editor.write(), [step.main], step.author(person.actor, person.email), message)
    event = Event(IMPORT, person.actor, 0, 0, main=main, note=options.note, headline=headline)
    step.append(event, keeps=[main], email=person.email, body=body)


def _headline(records: int, categories: int, path: Path) -> str:
    into = f"{categories} categories" if categories != 1 else "1 category"
    name = path.resolve().name
    return f"{records} records into {into} from {name if trailers.is_plain(name) else trailers.quoted(name)}"


def _refuse_populated(dataset: DatasetTree, wanted: _Wanted) -> None:
    """Refuse to change a category that has records: that is what review is for."""
    counts: dict[str, int] = {}
    for request in wanted.requests:
        counts[request.category] = counts.get(request.category, 0) + 1
    full = {category: count for category, count in counts.items() if dataset.count(category)}
    if full:
        listed = ", ".join(f"{category} ({count} differing)" for category, count in full.items())
        raise Conflict(
            f"these categories have records already: {listed}",
            hint="run the import again with --as-proposals, and have the changes reviewed",
        )
