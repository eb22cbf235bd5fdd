"""The real history as states that were published one after the other, for `mistakes.py`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from modelref_git.errors import Problem
from modelref_git.formats.legacy import entries
from modelref_git.formats.legacy.rules import CATEGORIES as LEGACY
from modelref_git.operations.checking.weighing import Finding, found_in_change, found_in_state
from modelref_git.proposals.config import DatasetConfig
from modelref_git.records.names import fold
from modelref_git.records.quality.catalogue import BY_ID
from modelref_git.records.quality.marks import marks
from modelref_git.records.quality.rule import Facts, Other

CONFIG: Final = DatasetConfig()
"""A new dataset: every rule with the severity that it has there."""
READING: Final = "reading"
"""The scope of what keeps a record from being taken in."""
_OLD_IMAGES: Final = "db"
_LISTS: Final = ("trigger", "tags", "showcases")

Key = tuple[str, str]
"""The file of the history (as a category) and the name."""


@dataclass(frozen=True, slots=True)
class State:
    """A record as it was published, and what an import of its file alone says about it."""

    category: str
    """Whose rules it is judged by."""
    record: Mapping[str, Any] | None
    """In the stored form; None if it is not taken in."""
    problems: tuple[Problem, ...] = ()
    """Why it is not taken in."""
    remarks: tuple[Problem, ...] = ()
    """What the reader of its file finds odd."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a record after a line: findings by rule, severity, path and message."""

    rule: str
    severity: str
    scope: str
    path: str
    message: str


@dataclass
class Step:
    """What one line of the history did to one record."""

    key: Key
    before: State | None
    after: State | None
    brought: list[Found] = field(default_factory=list)
    """What the rules find in the change."""


@dataclass
class Line:
    """A commit of the history, and the findings of every record whose findings it can have changed."""

    number: int
    time: int
    steps: list[Step]
    standing: dict[Key, list[Found]] = field(default_factory=dict)


class LiveOthers:
    """The records that are published at a moment, by their marks."""

    def __init__(self) -> None:
        self._by_mark: dict[int, dict[Key, Other]] = {}

    def put(self, key: Key, state: State | None) -> None:
        """Add a record, if it was taken in."""
        if state is not None and state.record is not None:
            other = Other(state.category, key[1], state.record)
            for mark in self.marks(key, state):
                self._by_mark.setdefault(mark, {})[key] = other

    def remove(self, key: Key, state: State | None) -> None:
        """Take a record away."""
        for mark in self.marks(key, state):
            self._by_mark[mark].pop(key, None)

    def marks(self, key: Key, state: State | None) -> list[int]:
        """The marks of a record; none of one that is not taken in."""
        if state is None or state.record is None:
            return []
        return list(dict.fromkeys(marks(state.category, key[1], state.record)))

    def near(self, mark: int) -> Iterator[Key]:
        """The keys of the records with that mark."""
        yield from self._by_mark.get(mark, ())

    def sharing(self, mark: int) -> Iterator[Other]:
        """The records with that mark."""
        yield from self._by_mark.get(mark, {}).values()

    def known(self, wanted: Sequence[int]) -> list[int]:
        """Those of the marks *wanted* that a record has."""
        return [mark for mark in wanted if self._by_mark.get(mark)]


def read_lines(path: Path) -> Iterator[Line]:
    """The lines oldest first, each checked as a change and as the state that it leaves.

    After a line only those records are checked anew that it touched, or that share a mark with one that it touched:
    no finding of another can have changed. `db.json` is a dataset of its own, as it held copies for some months.
    """
    live: dict[Key, State] = {}
    others = {True: LiveOthers(), False: LiveOthers()}
    with gzip.open(path, "rt", encoding="utf-8") as rows:
        for number, row in enumerate(map(json.loads, rows)):
            steps = [
                Step((one["category"], one["name"]), live.get((one["category"], one["name"])), _state(one))
                for one in row["changes"]
                if all(side is None or isinstance(side, dict) for side in (one["before"], one["after"]))
            ]
            line = Line(number, row["author_time"], steps)
            touched: dict[Key, None] = {}
            for step in steps:
                _update(live, others[step.key[0] == _OLD_IMAGES], step)
            for step in steps:
                around = others[step.key[0] == _OLD_IMAGES]
                shared = {mark for state in (step.before, step.after) for mark in around.marks(step.key, state)}
                touched |= {step.key: None} | dict.fromkeys(sorted(key for mark in shared for key in around.near(mark)))
            _judge(line, live, others, touched)
            yield line


def _update(live: dict[Key, State], around: LiveOthers, step: Step) -> None:
    around.remove(step.key, step.before)
    around.put(step.key, step.after)
    if step.after is None:
        live.pop(step.key, None)
    else:
        live[step.key] = step.after


def _judge(
    line: Line, live: Mapping[Key, State], others: Mapping[bool, LiveOthers], touched: Mapping[Key, None]
) -> None:
    leaving = {(step.key[0], fold(step.key[1])): step.key[1] for step in line.steps if step.after is None}
    for step in line.steps:
        if step.after is not None:
            around = others[step.key[0] == _OLD_IMAGES]
            facts = Facts(
                step.after.category,
                step.key[1],
                step.after.record,
                None if step.before is None else step.before.record,
                others=around,
                renamed_from=leaving.get((step.key[0], fold(step.key[1]))) if step.before is None else None,
            )
            found = found_in_change(CONFIG, facts) if step.after.record is not None else []
            step.brought = [*_reader_says(step.after), *map(_found, found)]
    for key in touched:
        state = live.get(key)
        if state is None:
            line.standing[key] = []
            continue
        facts = Facts(state.category, key[1], state.record, others=others[key[0] == _OLD_IMAGES])
        found = found_in_state(CONFIG, facts) if state.record is not None else []
        line.standing[key] = [*_reader_says(state), *map(_found, found)]


def _found(finding: Finding) -> Found:
    problem = finding.problem
    return Found(finding.rule.id, finding.severity, finding.rule.scope, problem.path, problem.message)


def _reader_says(state: State) -> list[Found]:
    """What is found while the file is read: why a record is not taken in is an error, always."""
    found = [Found(one.rule, "error", READING, one.path, one.message) for one in state.problems]
    rules = [(BY_ID[one.rule], one) for one in state.remarks if one.rule in BY_ID]
    # A rule that looks at the record too will say it for itself.
    return found + [
        Found(rule.id, rule.severity, rule.scope, one.path, one.message) for rule, one in rules if rule.scope == "file"
    ]


def _state(change: Mapping[str, Any]) -> State | None:
    entry, category = change["after"], change["category"]
    if entry is None:
        return None
    if category == _OLD_IMAGES and entry.get("type") == "ckpt":
        category, entry = "image_generation", present_form(entry)
    if category not in LEGACY:
        return State(category, entry)
    data = json.dumps({change["name"]: entry}).encode()
    (read,) = entries.read_category(category, data, change["legacy_file"], open_values=True).entries
    is_filled = "baseline" not in change["after"]
    remarks = tuple(one for one in read.warnings if not (is_filled and one.path == "/baseline"))
    return State(category, read.record, read.problems, remarks)


def present_form(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of `db.json` as it would be written today, so that what was right then is not found wrong now.

    Files had folders, in their paths and beside the name of a download; a baseline was not named while there was only
    one; what is a list of texts today could be one text.
    """
    made = {"baseline": "infer", **entry}
    for name in _LISTS:
        if isinstance(made.get(name), str):
            made[name] = [made[name]] if made[name] else []
    config = made.get("config")
    if isinstance(config, dict):
        files, downloads = config.get("files", []), config.get("download", [])
        made["config"] = {
            **config,
            "files": [{**one, "path": PurePosixPath(one["path"]).name} for one in files],
            "download": [{**one, "file_path": ""} for one in downloads],
        }
    return made
