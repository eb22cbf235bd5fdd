"""The check of files on disk: before they are imported, proposed or published."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from modelref_git.errors import NotFound, Problem
from modelref_git.operations.checking.findings import CheckReport, Fault, structural
from modelref_git.operations.checking.hosts import DEFAULTS, CheckOptions, Hosts
from modelref_git.operations.checking.records import Judge
from modelref_git.operations.checking.settings import check_schemas
from modelref_git.operations.checking.sources import CheckedEntry, CheckedFile, Remark, read_files
from modelref_git.operations.checking.weighing import found_in_state, weighed
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import stored_form
from modelref_git.operations.verifying.records import content_problems
from modelref_git.proposals.config import CategoryConfig, DatasetConfig
from modelref_git.records import names, shipped
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.quality import catalogue
from modelref_git.records.quality.others import MemoryOthers, Overlaid
from modelref_git.records.quality.rule import Facts, found_elsewhere
from modelref_git.records.schemas import Schema
from modelref_git.store.layout import schema_path
from modelref_git.store.lookup import open_lookup


def check_files(ctx: Context | None, paths: Sequence[Path], options: CheckOptions = DEFAULTS) -> CheckReport:
    """Check files: a record, a category's file, or the text models' source with its neighbours.

    Args:
        ctx: the repository whose schemas, severities and exceptions judge, and among whose records the files' are
            judged; without one those of a new dataset do, and the files' records are the whole dataset.
        paths: files and folders that exist.
        options: how to go about it.

    Raises:
        NotFound: a folder has no file of a category.
        UsageFault: what is allowed is no rule.
    """
    report, hosts = options.report(), Hosts(options)
    with _surroundings(ctx) as judge:
        known = tuple(judge.config.categories)
        schemas = [judge.schema(category) for category in known]
        open_values = any(schema is not None and not schema.is_shipped for schema in schemas)
        files = list(read_files(paths, known, open_values=open_values))
        forms = [_form(judge, file, entry) for file in files for entry in file.entries]
        others = _overlaid(judge, forms)
        for form in forms:
            options.progress()
            report.records += 1
            entry, file = form.entry, form.file
            facts = Facts(entry.category, entry.key, form.stored, others=others)
            found = found_in_state(judge.config, facts)
            file.faults += [*form.faults, *(Fault(one, **entry.where(one.problem)) for one in found)]
            hosts.remember(entry.category, entry.key, form.stored, file.file, file.content, entry.where)
        for file in files:
            file.faults += [fault for remark in file.remarks for fault in _remarked(judge.config, remark)]
            report.add(file.file, file.faults, file.text)
        hosts.ask(report, judge.config, ctx)
    return report


@dataclass(frozen=True, slots=True)
class _Form:
    """A record of a file in its stored form, and what keeps it from being stored."""

    file: CheckedFile
    entry: CheckedEntry
    stored: dict[str, Any]
    faults: list[Fault]


def _form(judge: Judge, file: CheckedFile, entry: CheckedEntry) -> _Form:
    schema = judge.schema(entry.category)
    stored: dict[str, Any] = entry.record
    problems: list[Problem]
    if schema is None:
        problems = names.structural_problems(entry.category, entry.key)
    elif entry.form == "legacy":
        problems = list(content_problems(schema, entry.category, entry.key, stored, None))
    else:
        stored, found = stored_form(schema, dict(entry.record))
        problems = names.structural_problems(entry.category, entry.key) + found
    faults = [structural(problem, entry.category, entry.key, **entry.where(problem)) for problem in problems]
    return _Form(file, entry, stored, faults)


def _remarked(config: DatasetConfig, remark: Remark) -> list[Fault]:
    """A remark of a file's reader as the dataset weighs it; nothing where a rule says the same by itself."""
    rule = catalogue.BY_ID.get(remark.problem.rule)
    if rule is None:
        return [structural(remark.problem, remark.category, remark.key, severity="warning", **remark.place)]
    if rule.check is not found_elsewhere:
        return []
    found = weighed(config, Facts(remark.category, remark.key), [(rule, remark.problem)])
    return [Fault(one, **remark.place) for one in found]


def _overlaid(judge: Judge, forms: Sequence[_Form]) -> Overlaid:
    """The dataset around the files, in which their records have taken the place of those of the same names."""
    others = Overlaid(judge.others or MemoryOthers())
    put: set[tuple[str, str]] = set()
    for form in forms:
        key = (form.entry.category, form.entry.key)
        if key not in put:
            put.add(key)
            others.put(*key, form.stored)
    return others


@contextlib.contextmanager
def _surroundings(ctx: Context | None) -> Iterator[Judge]:
    """What judges the files: the live dataset, or what a new one has."""
    dataset = None
    if ctx is not None:
        with contextlib.suppress(NotFound):  # a Git repository of another kind
            dataset = ctx.dataset()
    if ctx is None or dataset is None:
        yield Judge(DatasetConfig(categories=_shipped_categories()), _shipped_schema)
        return
    schemas = check_schemas(CheckReport(), dataset, dataset.config.categories)
    with open_lookup(ctx.store, dataset) as others:
        yield Judge(dataset.config, schemas.get, others)


@cache
def _shipped_schema(category: str) -> Schema | None:
    data = shipped.schema_bytes(category)
    return None if data is None else Schema.parse(category, data)


def _shipped_categories() -> dict[str, CategoryConfig]:
    return {name: CategoryConfig(name, schema_path(name)) for name in CATEGORIES}
