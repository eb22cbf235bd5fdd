"""The check of what judges the records: ``modelref.toml`` and the schemas."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.operations.checking.findings import CheckReport, Fault, of_error, structural
from modelref_git.operations.checking.weighing import weighed
from modelref_git.proposals.config import DatasetConfig, RuleException
from modelref_git.proposals.reachable import config_problems
from modelref_git.records import json_text, pointer, shipped
from modelref_git.records.quality import catalogue
from modelref_git.records.quality.rule import Facts, Rule
from modelref_git.records.quality.settings import UNKNOWN_RULE, UNUSED_EXCEPTION
from modelref_git.records.schemas import Schema, check_schema
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.trees import find

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?")
_MEMBER: Final = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+))\s*=""")
_AT_LINE: Final = re.compile(r"at line (\d+), column (\d+)")

Key = tuple[str, str]
"""Category and name."""


def check_config(report: CheckReport, dataset: DatasetTree) -> DatasetConfig | None:
    """Check ``modelref.toml``; gives what it says, or nothing where that cannot be read.

    Raises:
        NotFound: there is none, so the tree is no dataset's.
        IntegrityFailure: it is of a format that this version does not read.
    """
    data = dataset.config_bytes
    text = data.decode("utf-8", "replace")
    try:
        config = DatasetConfig.parse(data)
    except Invalid as error:
        report.add(layout.CONFIG, [_placed(fault, text) for fault in of_error(error)])
        return None
    faults = [structural(problem, path=problem.path) for problem in config_problems(config)]
    for rule_id in config.rules.keys() - catalogue.BY_ID.keys():
        message = f"{rule_id!r} is no quality rule"
        faults += _weighed(config, UNKNOWN_RULE, Problem(pointer.join(("rules", rule_id)), message, UNKNOWN_RULE.id))
    for number, exception in enumerate(config.exceptions):
        if exception.rule not in catalogue.BY_ID:
            message = f"{exception.rule!r} is no quality rule"
            at = pointer.join(("exceptions", number, "rule"))
            faults += _weighed(config, UNKNOWN_RULE, Problem(at, message, UNKNOWN_RULE.id))
    faults += _unused(dataset, config)
    report.add(layout.CONFIG, [_placed(fault, text) for fault in faults])
    return config


def check_unused(report: CheckReport, dataset: DatasetTree, gone: Container[Key]) -> None:
    """Check that no exception is for one of the records that are *gone*."""
    text = dataset.config_bytes.decode("utf-8", "replace")
    faults = _unused(dataset, dataset.config, gone)
    report.add(layout.CONFIG, [_placed(fault, text) for fault in faults])


def check_schemas(report: CheckReport, dataset: DatasetTree, categories: Iterable[str]) -> dict[str, Schema]:
    """Check the schemas of *categories*; gives those that can judge a record."""
    usable = {}
    for category in categories:
        path = dataset.config.categories[category].schema
        entry = find(dataset.objects, dataset.tree, path)
        if entry is None or entry.is_folder:
            text = dataset.config_bytes.decode("utf-8", "replace")
            message = f"the schema file {path} is missing"
            missing = Problem(pointer.join(("categories", category, "schema")), message, "schema.missing")
            report.add(layout.CONFIG, [_placed(structural(missing, path=missing.path), text)])
            continue
        data = dataset.objects.read_blob(entry.oid)
        if data == shipped.schema_bytes(category):
            usable[category] = dataset.schema(category)
            continue
        try:
            document: Any = json_text.parse(data, what=path, max_bytes=None)
            problems = check_schema(document)
        except Invalid as error:
            report.add(path, of_error(error))
            continue
        report.add(path, [structural(problem, path=problem.path) for problem in problems], data.decode())
        if not problems:
            usable[category] = dataset.schema(category)
    return usable


def _weighed(config: DatasetConfig, rule: Rule, problem: Problem) -> Iterator[Fault]:
    return (Fault(one, problem.path) for one in weighed(config, Facts("", ""), [(rule, problem)]))


def _unused(dataset: DatasetTree, config: DatasetConfig, gone: Container[Key] | None = None) -> Iterator[Fault]:
    """The exceptions for records that are not there, or only for those *gone*."""
    for number, exception in enumerate(config.exceptions):
        if gone is not None and (exception.category, exception.name) not in gone:
            continue
        if not _is_there(dataset, config, exception):
            message = f"there is no record {exception.name!r} in {exception.category}"
            at = pointer.join(("exceptions", number, "name"))
            yield from _weighed(config, UNUSED_EXCEPTION, Problem(at, message, UNUSED_EXCEPTION.id))


def _is_there(dataset: DatasetTree, config: DatasetConfig, exception: RuleException) -> bool:
    if exception.category not in config.categories:
        return False
    try:
        return dataset.blob(exception.category, exception.name) is not None
    except Invalid:
        return False  # a name that no record can have


def _placed(fault: Fault, text: str) -> Fault:
    """*fault* with the line of ``modelref.toml`` that it is about."""
    said = _AT_LINE.search(fault.finding.problem.message)
    if said:
        line, column = int(said[1]), int(said[2])
    else:
        line, column = toml_line(text, fault.path or ""), 1
    return Fault(fault.finding, None, line, column)


def toml_line(text: str, at: str) -> int:
    """The line on which a file in TOML says what the JSON pointer *at* leads to, as far as its layout is a usual one.

    It is that of the key, else that of the table around it, else the first.
    """
    try:
        wanted = pointer.split(at)
    except Invalid:
        return 1
    best, best_depth = 1, 0
    here: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        keys: tuple[str, ...] = ()
        if header := _HEADER.fullmatch(line):
            name = header[2]
            here = tuple(part.strip("\"' ") for part in name.split("."))
            if header[1] == "[[":
                here = (*here, str(counts.get(name, 0)))
                counts[name] = counts.get(name, 0) + 1
        elif member := _MEMBER.match(line):
            key = next(part for part in member.groups() if part is not None)
            # A rule's id has dots: what is written without quotes is the same words, one within the other.
            keys = (key,) if member[3] is None else tuple(key.split("."))
        depth = _shared((*here, *keys), wanted)
        if depth > best_depth:
            best, best_depth = number, depth
    return best


def _shared(path: tuple[str, ...], wanted: tuple[str, ...]) -> int:
    """How much of *wanted* what stands at *path* is about; nothing if that is something else."""
    depth = min(len(path), len(wanted))
    return depth if path[:depth] == wanted[:depth] else 0
