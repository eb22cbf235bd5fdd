"""The real history, line by line, through proposals, batches and applies: the dataset is always the log's state."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from modelref_git.operations.apply import apply_changes
from modelref_git.operations.drafting import Request
from modelref_git.operations.members import add_member
from modelref_git.operations.propose import BulkLine, propose_bulk
from modelref_git.operations.read import get_category
from modelref_git.operations.review import Pick, review_changes
from modelref_git.records.json_text import parse, same
from tests.support.world import ARTHUR, World

BARE_NUMBERS = "lora"
"""The one category whose records are no objects, but numbers."""

Line = dict[str, Any]


def history(data: Path) -> Iterator[Line]:
    """The lines oldest first, without what is no object."""
    with gzip.open(data / "image-history.jsonl.gz", "rb") as rows:
        for row in rows:
            line = parse(row, what="the history", max_bytes=None)
            line["changes"] = [change for change in line["changes"] if change["category"] != BARE_NUMBERS]
            yield line


def published_sums(data: Path) -> dict[str, tuple[int, str]]:
    """By category, how many records the newest snapshot has and their SHA-256, as the data's own page tells them."""
    page = (data / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (\d+) \| `([0-9a-f]{64})` \|$", page, re.MULTILINE)
    return {category: (int(count), digest) for category, count, digest in rows}


def sum_of(records: dict[str, Any]) -> str:
    text = json.dumps(records, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def own(category: str) -> str:
    return f"replay_{category}"


@dataclass
class Replay:
    """A repository that follows the history, and beside it the state that the log says."""

    world: World
    state: dict[str, dict[str, Any]] = field(default_factory=dict)
    authors: set[str] = field(default_factory=set)
    changes: Counter[str] = field(default_factory=Counter)
    """How many changes each author asked for."""
    folders: dict[str, str] = field(default_factory=dict)
    """The tree of each category's folder after the last line."""

    def follow(self, line: Line) -> None:
        """Have one line proposed, approved and applied; then the dataset is what the log says."""
        for change in line["changes"]:
            self._note(change)
        if line["changes"]:
            self._meet(line["author_name"])
            self.world.clock.now = max(self.world.clock.now, line["author_time"])
            self._step(line)
            self.changes[line["author_name"]] += len(line["changes"])
        self._agrees({change["category"] for change in line["changes"]})

    def _note(self, change: dict[str, Any]) -> None:
        category, name = change["category"], change["name"]
        if category not in self.state:
            self.state[category] = {}
            self.world.add_category(own(category))
        assert same(self.state[category].get(name), change["before"])
        if change["after"] is None:
            del self.state[category][name]
        else:
            self.state[category][name] = change["after"]

    def _meet(self, author: str) -> None:
        if author not in self.authors:
            self.authors.add(author)
            mail = f"{author}@people.example"
            answer = add_member(self.world.context(), member(author), emails=(mail,), roles=("requestor",))
            self.world.pass_policy(answer)

    def _step(self, line: Line) -> None:
        """A bulk by the line's author, a batch titled with its subject, an apply."""
        subject = line["subject"] or "without a subject"
        ordered = sorted(line["changes"], key=lambda c: c["op"] != "delete")  # a rename frees the old name first
        rows = [
            BulkLine(n, Request(c["op"], own(c["category"]), c["name"], c["after"], subject, ("*",)))
            for n, c in enumerate(ordered, 1)
        ]
        result = propose_bulk(self.world.context(member(line["author_name"])), rows, atomic=True)
        assert result.errors == []
        assert len(result.change_ids) == len(ordered)
        picks = [Pick(number) for number in result.change_ids]
        batch = review_changes(self.world.context(ARTHUR), picks, (), title=subject)
        answer = apply_changes(self.world.context(ARTHUR), (), batch_id=batch["batch_id"])
        assert [row["change_id"] for row in answer["applied"]] == result.change_ids

    def _agrees(self, touched: set[str]) -> None:
        """What the line touched has the log's records, and, by git's own word, nothing else was touched."""
        for category in touched:
            found = get_category(self.world.context(), own(category))
            assert found.keys() == self.state[category].keys(), category
            for name, record in self.state[category].items():
                assert same(found[name], record), (category, name)
        rows = self.world.git("ls-tree", "main", "dataset/").splitlines()
        folders = {row.rpartition("/")[2]: row.split()[2] for row in rows}
        assert folders.keys() == {own(category) for category, records in self.state.items() if records}
        names = {own(category) for category in touched}
        left = [{key: tree for key, tree in side.items() if key not in names} for side in (folders, self.folders)]
        assert left[0] == left[1]
        self.folders = folders

    def is_sound(self) -> None:
        """Each author is recorded with what they asked for; neither our program nor git finds anything wrong."""
        asked = Counter(row["logical_user_id"] for row in self.world.events("--action", "enqueue"))
        assert {ident: asked[ident] for ident in map(ident_of, self.authors)} == {
            ident_of(author): count for author, count in self.changes.items()
        }
        assert self.world.run("doctor").ok().json == {"findings": []}
        self.world.git("fsck", "--strict", "--no-dangling")


def ident_of(author: str) -> str:
    return f"1000{author.rpartition('-')[2]}"


def member(author: str) -> str:
    return f"{author}#{ident_of(author)}"


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    return Replay(World.make(tmp_path / "world.git", bare=True, empty=True))


@pytest.mark.long
def test_the_first_forty_lines_of_history_replay_line_by_line(real_data: Path, replay: Replay) -> None:
    lines = [line for _, line in zip(range(40), history(real_data), strict=False)]
    for line in lines:
        replay.follow(line)
    assert sum(map(len, replay.state.values())) > 20
    replay.is_sound()
    titles = replay.world.git("log", "--first-parent", "--format=%s", "main")
    assert sum(subject in titles for subject in {line["subject"] for line in lines if line["subject"]}) > 20


def test_a_name_that_changes_its_letter_case_within_a_line_goes_through(replay: Replay) -> None:
    old, new = {"name": "Deliberate"}, {"name": "deliberate"}

    def line(*changes: tuple[str, str, Any, Any]) -> Line:
        keys = ("op", "name", "before", "after")
        rows = [{"category": "models", **dict(zip(keys, change, strict=True))} for change in changes]
        return {"author_name": "author-1", "author_time": 1_666_000_000, "subject": "rename", "changes": rows}

    replay.follow(line(("create", "Deliberate", None, old)))
    replay.follow(line(("create", "deliberate", None, new), ("delete", "Deliberate", old, None)))
    assert replay.state == {"models": {"deliberate": new}}
    replay.is_sound()


@pytest.mark.long
def test_the_whole_history_replays_to_the_published_files(real_data: Path, replay: Replay) -> None:
    count = 0
    for line in history(real_data):
        replay.follow(line)
        count += 1
    assert (count, sum(replay.changes.values())) == (527, 3_690 - 102), "102 changes are of bare numbers"
    replay.is_sound()
    sums = published_sums(real_data)
    assert len(sums) == 16
    assert sums.pop(BARE_NUMBERS) == (0, sum_of({}))
    assert replay.state.keys() <= sums.keys()
    for category, (records, digest) in sums.items():
        found = get_category(replay.world.context(), own(category)) if category in replay.state else {}
        assert (len(found), sum_of(found)) == (records, digest), category
        published = json.loads((real_data / "image-legacy" / f"{FILES.get(category, category)}.json").read_bytes())
        assert same(found, published), category


FILES = {"image_generation": "stable_diffusion"}
"""The files that are not called by their category."""
