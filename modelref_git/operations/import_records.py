"""Import: the records of a folder or file, as one commit on ``main`` or as proposals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelref_git.errors import Conflict, Invalid, Problem
from modelref_git.formats import ranks
from modelref_git.formats.legacy import profile as legacy_profile
from modelref_git.formats.source_readers import new_profile_files
from modelref_git.formats.source_types import ImportSource, SourceCategory, SourceEntry
from modelref_git.formats.sources import read_source
from modelref_git.formats.upstream.files import looks_like_queue
from modelref_git.operations.administrative import append_administrative
from modelref_git.operations.answers import STAMPS
from modelref_git.operations.checking.weighing import check_waivers, weighed
from modelref_git.operations.context import Context, Person
from modelref_git.operations.drafting import Draft, Request, canonical_bytes, checked_record, draft
from modelref_git.operations.import_options import ImportOptions
from modelref_git.operations.merging import check_main_not_drifted
from modelref_git.operations.order import rank_of, stored_order
from modelref_git.operations.picture_files import Given
from modelref_git.operations.propose import enqueue
from modelref_git.proposals import config_edit, trailers
from modelref_git.proposals.events import CREATE, DELETE, IMPORT, UPDATE
from modelref_git.records import codec, names, pictures
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.json_text import same
from modelref_git.records.pictures import PICTURES
from modelref_git.records.quality import catalogue
from modelref_git.records.quality.others import Overlaid
from modelref_git.records.quality.rule import Facts
from modelref_git.records.schemas import Schema
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.lookup import open_lookup
from modelref_git.store.step import Step
from modelref_git.store.trees import TreeEditor

Progress = Callable[[], None]


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
    check_waivers(options.allow)
    if options.format == "queue" or (options.format == "auto" and looks_like_queue(path)):
        from modelref_git.operations.import_queue import import_queue

        return import_queue(ctx, path, options, progress=progress)
    known = tuple(ctx.view().dataset().config.categories)
    # The values are left open here: the dataset's own schemas judge them below.
    source = read_source(
        path,
        layout=options.format,
        category=options.category,
        known_categories=known,
        open_values=True,
        tolerant=True,
    )

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        if options.as_proposals:
            person.require_requestor("propose")
        else:
            person.require_administrator("import into main")
        wanted = _Survey(step, dataset, person, options, path if path.is_dir() else path.parent)
        wanted.read(source, progress)
        drafts = list(_drafts(step, dataset, person, wanted)) if options.as_proposals else []
        if wanted.rejected and not options.keep_going:
            raise _refusal(path, wanted.rejected)
        step.warnings += wanted.warnings
        if options.as_proposals or not wanted.requests:
            step.warnings += _layouts_left(dataset, source)
        if options.as_proposals:
            return wanted.as_json(enqueue(step, person, drafts))
        _import_into_main(step, dataset, source, person, wanted, options, path)
        return wanted.as_json([])

    return ctx.write(decide)


def _refusal(path: Path, rejected: list[dict[str, Any]]) -> Invalid:
    details = [{"name": row["name"], **detail} for row in rejected for detail in row["details"]]
    first = details[0]
    places = (first["file"], first["line"], first.get("column"))
    place = ":".join(str(part) for part in places if part is not None)
    name = "" if first["name"] is None else f"{first['name']!r}: "
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    files = " and files" if any(row["name"] is None for row in rejected) else ""
    return Invalid(
        f"{len(rejected)} of the records{files} of {path.name} are refused; "
        f"the first: {place}: {name}{first['message']}{more}",
        hint="mend the source, waive quality rules with --allow, or take the good ones with --keep-going",
        details=details,
    )


class _Survey:
    """What a source asks for, found by holding each of its records against the live ones."""

    def __init__(self, step: Step, dataset: DatasetTree, person: Person, options: ImportOptions, folder: Path) -> None:
        self._step = step
        self._dataset = dataset
        self._person = person
        self._options = options
        self.requests: list[Request] = []
        self.stored: dict[tuple[str, str], bytes] = {}
        """The canonical bytes of each new or changed record, by category and name."""
        self.unchanged = 0
        self.waived: set[str] = set()
        """The quality rules that were waived for any of the records."""
        self._pictures = folder / layout.PICTURES
        self.pictures: dict[str, str] = {}
        """By name, the blobs of the pictures that come with them."""
        self.rejected: list[dict[str, Any]] = []
        self.places: dict[tuple[str, str], dict[str, Any]] = {}
        """File and line of each new or changed record, by category and name."""
        self.warnings: list[str] = []

    def as_json(self, change_ids: list[int]) -> dict[str, Any]:
        """The answer of ``import``."""
        counts = Counter(request.operation for request in self.requests)
        return {
            "created": counts[CREATE],
            "updated": counts[UPDATE],
            "deleted": counts[DELETE],
            "unchanged": self.unchanged,
            "rejected": self.rejected,
            "change_ids": change_ids,
        }

    def read(self, source: ImportSource, progress: Progress) -> None:
        """Look at every record of *source*, beside the dataset and those of the source before it."""
        with open_lookup(self._step.store, self._dataset) as below:
            self._read(source, Overlaid(below), progress)

    def _read(self, source: ImportSource, others: Overlaid, progress: Progress) -> None:
        self.rejected += [{"name": None, "details": list(file.details)} for file in source.unreadable]
        self.rejected += [_rejected(entry, entry.problems) for entry in source.unplaced]
        for part in source.categories:
            self._dataset.fan_out(part.category)  # refuses a category that is not there
            self.warnings += [f"{part.category}: {problem.message}" for problem in part.warnings]
            live = dict(stored_order(self._step.store, self._dataset, part.category))
            good = list(self._good_entries(part))
            present = [(name, rank_of(data)) for name, data in live.items()]
            places = ranks.assign(present, [entry.key or "" for entry in good])
            for entry in good:
                progress()
                name = entry.key or ""
                data = live.get(name)
                old = codec.decode(data) if data is not None else None
                record = entry.record or {}
                if source.format != "legacy" and old is not None and codec.REMAINDER in old:
                    # Only legacy files speak of the remainder; any other source leaves it as it is.
                    record = {**record, codec.REMAINDER: old[codec.REMAINDER]}
                record = ranks.with_rank(record, places.get(name))
                self._compare(Facts(part.category, name, before=old, others=others), entry, record)
                others.put(part.category, name, record)
            if self._options.prune:
                there = {entry.key for entry in part.entries}
                gone = [name for name in live if name not in there]
                self.requests += [Request(DELETE, part.category, name, note=self._options.note) for name in gone]

    def _good_entries(self, part: SourceCategory) -> Iterator[SourceEntry]:
        """The entries that can be looked at further; a name that stands twice, or almost, is refused then."""
        seen: dict[str, str] = {}
        for entry in part.entries:
            self.warnings += [_located(entry, f"{entry.key!r}: {text}") for text in self._told(part.category, entry)]
            problems = list(entry.problems)
            if not problems and entry.key is not None:
                problems = names.structural_problems(part.category, entry.key) or _twice(entry.key, seen)
            if problems or entry.record is None:
                self.rejected.append(_rejected(entry, problems))
            else:
                yield entry

    def _files(self, schema: Schema, record: Mapping[str, Any]) -> Given:
        """The pictures that *record* names and the dataset has not, from the folder beside the source's files."""
        names = [one.sha256 for one in pictures.named(record, schema) if self._dataset.picture(one.sha256) is None]
        paths = {name: self._pictures / name for name in names}
        return Given({name: _read_picture(path) for name, path in paths.items() if path.is_file()})

    def _told(self, category: str, entry: SourceEntry) -> list[str]:
        """The remarks on an entry, without those that the dataset calls hints or wants to hear nothing of."""
        found = [(catalogue.BY_ID[problem.rule], problem) for problem in entry.warnings]
        weighed_ones = weighed(self._dataset.config, Facts(category, entry.key or ""), found)
        return [one.problem.message for one in weighed_ones if one.severity != "hint"]

    def _compare(self, facts: Facts, entry: SourceEntry, record: dict[str, Any]) -> None:
        """Find what one record asks for: nothing, a create, or an update of what *facts* say was before."""
        category, name = facts.category, facts.key
        old = dict(facts.before) if facts.before is not None else None
        record = _with_stamps_of(record, old)
        operation = CREATE if old is None else UPDATE
        note, allow = self._options.note, self._options.allow
        schema = self._dataset.schema(category)
        request = Request(operation, category, name, record, note, allow, importing=True)
        try:
            request = replace(request, pictures=self._files(schema, record))
            checked = checked_record(self._step, self._dataset, schema, facts, self._person, request)
            stored = checked.record or {}
            data = canonical_bytes(stored, schema, name)
        except Invalid as fault:
            details = [{**row, **_place(entry)} for row in fault.details]
            self.rejected.append({"name": name, "details": details})
            return
        told = {problem.rule for problem in entry.warnings}
        self.warnings += [_located(entry, str(one)) for one in checked.warnings if one.rule.id not in told]
        if old is not None and same(stored, old):
            self.unchanged += 1
        else:
            self.requests.append(request)
            self.stored[category, name] = data
            self.places[category, name] = _place(entry)
            self.waived.update(checked.waived)
            self.pictures.update(checked.pictures)


def _twice(key: str, seen: dict[str, str]) -> list[Problem]:
    """The fault of a name that the source has had before, or has had in another spelling."""
    folded = names.fold(key)
    if folded not in seen:
        seen[folded] = key
        return []
    other = seen[folded]
    text = "the name stands twice" if other == key else f"the name is also there as {other!r}"
    return [Problem("/name", text, "name.duplicate")]


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


def _read_picture(path: Path) -> bytes:
    """A picture's file, and of one that is too large no more than shows it."""
    from modelref_git.formats.pictures.parts import BYTES_AT_MOST

    try:
        with path.open("rb") as file:
            return file.read(BYTES_AT_MOST + 1)
    except OSError as error:
        problem = Problem(f"/{PICTURES}", f"{path.name} cannot be read: {error.strerror}", "source.unreadable")
        raise Invalid.of(path.name, [problem]) from error


def _rejected(entry: SourceEntry, problems: Iterable[Problem]) -> dict[str, Any]:
    return {"name": entry.key, "details": [{**problem.as_json(), **_place(entry)} for problem in problems]}


def _place(entry: SourceEntry) -> dict[str, Any]:
    return {"file": entry.file, "line": entry.line}


def _drafts(step: Step, dataset: DatasetTree, person: Person, wanted: _Survey) -> Iterator[Draft]:
    kept = []
    leaving = {(request.category, request.name or "") for request in wanted.requests if request.operation == DELETE}
    for request in wanted.requests:
        try:
            made = draft(step, dataset, person, request, leaving)
        except Conflict as fault:  # a look-alike of a live record
            place = wanted.places.get((request.category, request.name or ""), {"file": None, "line": None})
            detail = {"path": "/name", "message": fault.message, "rule": "name.look_alike", **place}
            wanted.rejected.append({"name": request.name, "details": [detail]})
            continue
        kept.append(request)
        yield made
    wanted.requests = kept


def _import_into_main(
    step: Step,
    dataset: DatasetTree,
    source: ImportSource,
    person: Person,
    wanted: _Survey,
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
            settings = config_edit.with_fan_out(settings, category, fan_out)
        for request in requests:
            name = request.name or ""
            data = wanted.stored[category, name]
            editor.put(layout.record_path(category, name, fan_out), step.objects.add("blob", data))
    for name, blob in wanted.pictures.items():
        editor.put(layout.picture_path(name), blob)
    if settings != dataset.config_bytes:
        editor.put(layout.CONFIG, step.objects.add("blob", settings))
    for part in source.categories:
        for where, data in part.profile_files.items():
            editor.put(where, step.objects.add("blob", data))
    headline = _headline(len(wanted.requests), len(by_category), path)
    body = [f"- {category}: {_records(len(requests))}" for category, requests in by_category.items()]
    append_administrative(
        step,
        person,
        IMPORT,
        editor.write(),
        headline,
        body=body,
        waived=sorted(wanted.waived),
        note=options.note or None,
    )


def _layouts_left(dataset: DatasetTree, source: ImportSource) -> Iterator[str]:
    """What a source says of the layout of its files and the dataset will not keep, as it changes no record."""
    for part in source.categories:
        kept = {**new_profile_files(part.category), **dataset.legacy_files(part.category)} if part.profile_files else {}
        for path, data in part.profile_files.items():
            name = path.rpartition("/")[2]
            if kept.get(name) != data:
                known = CATEGORIES[part.category].legacy_file
                what = f"the layout of {known}" if path == legacy_profile.path_of(part.category) else name
                yield f"{what} differs from the kept one; only an import into an empty category writes it"


def _headline(records: int, categories: int, path: Path) -> str:
    into = f"{categories} categories" if categories != 1 else "1 category"
    name = path.resolve().name
    return f"{_records(records)} into {into} from {name if trailers.is_plain(name) else trailers.quoted(name)}"


def _records(count: int) -> str:
    return f"{count} records" if count != 1 else "1 record"


def _refuse_populated(dataset: DatasetTree, wanted: _Survey) -> None:
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
