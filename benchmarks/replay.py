"""The whole real history, line by line, through proposals, batches and applies; and by the git program in the same run.

``python benchmarks/replay.py [--lines N]``
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

import by_git
from concurrent_edits import find_history
from measure import settled, timed
from run import FAST_DEFAULT, GIT_DEFAULT, GIT_SYNCED
from worlds import object_bytes

from modelref_git.operations.apply import apply_changes
from modelref_git.operations.category_schemas import add_category
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.init import init_repository
from modelref_git.operations.maintain import collect_garbage
from modelref_git.operations.members import add_member
from modelref_git.operations.propose import BulkLine, propose_bulk
from modelref_git.operations.read import get_category
from modelref_git.operations.review import Pick, review_changes
from modelref_git.records import codec
from modelref_git.records.json_text import parse, same
from modelref_git.records.schemas import Schema
from modelref_git.store import layout
from modelref_git.store.git import GitStore

APPROVER: Final = "Owner#1"
BARE_NUMBERS: Final = "lora"
"""The category of the history whose records are no objects, but numbers: it is left out."""
SCHEMA: Final = b'{"type": "object"}\n'
STEPS: Final = ("propose", "approve", "apply")

Line = dict[str, Any]
State = dict[str, dict[str, Any]]
"""Records by category and name."""


def main() -> None:
    """Replay, compare after every line, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, help="only the first so many")
    options = parser.parse_args()
    source = find_history()
    lines = list(read_lines(source))[: options.lines]
    with tempfile.TemporaryDirectory(prefix="modelref-replay-") as name:
        folder = Path(name)
        replay = Replay(folder / "ours.git", lines)
        rivals = [ByGit(folder / "synced", GIT_SYNCED, by_git.SYNCED), ByGit(folder / "default", GIT_DEFAULT, None)]
        stream = []
        for number, line in enumerate(lines):
            follow(replay.state, line)
            replay.follow(line)
            replay.compare(number, line)
            files = files_of(line)
            for rival in rivals:
                rival.follow(files, line)
            stream.append(streamed(files, line))
        if options.lines is None:
            check_sums(replay, source.parent / "README.md")
        replay.show()
        show_rivals(replay, rivals, b"".join(stream), folder)


# --- the history -----------------------------------------------------------------------------------------------------


def read_lines(path: Path) -> Iterator[Line]:
    """The lines oldest first, but those without a record that is an object."""
    with gzip.open(path, "rb") as rows:
        for row in rows:
            line = parse(row, what=path.name, max_bytes=None)
            line["changes"] = [change for change in line["changes"] if change["category"] != BARE_NUMBERS]
            line["subject"] = line["subject"] or "without a subject"
            if line["changes"]:
                yield line


def own(category: str) -> str:
    """The category of one's own that stands for one of the history's."""
    return f"replay_{category}"


def follow(state: State, line: Line) -> None:
    """Bring *state* to what the log says after a line."""
    for change in line["changes"]:
        records = state.setdefault(own(change["category"]), {})
        if not same(records.get(change["name"]), change["before"]):
            sys.exit(f"the history contradicts itself about {change['name']!r}")
        if change["after"] is None:
            del records[change["name"]]
        else:
            records[change["name"]] = change["after"]


def files_of(line: Line) -> dict[str, bytes | None]:
    """What a line makes of which files, as we keep them; None where one goes. What goes comes first."""
    files: dict[str, bytes | None] = {}
    for change in in_order(line):
        category = own(change["category"])
        order = Schema.parse(category, SCHEMA).order
        data = None if change["after"] is None else codec.encode(change["after"], order)
        files[layout.record_path(category, change["name"], 0)] = data
    return files


def in_order(line: Line) -> list[dict[str, Any]]:
    """A line's changes as they are asked for: a rename frees the old name before it takes a look-alike of it."""
    return sorted(line["changes"], key=lambda change: change["op"] != "delete")


# --- by us -----------------------------------------------------------------------------------------------------------


class Replay:
    """Our repository, the state that the log says, and the seconds of each line's steps."""

    def __init__(self, path: Path, lines: list[Line]) -> None:
        self.path = path
        self.state: State = {}
        self.seconds: dict[str, list[float]] = {step: [] for step in STEPS}
        self.counts: list[int] = []
        """How many changes each line has."""
        self._now = 0
        self._same: dict[tuple[str, str], str] = {}
        """The blobs of records that were compared."""
        init_repository(path, bare=True, empty=True, owner=APPROVER, email="owner@example.org")
        categories = sorted({own(change["category"]) for line in lines for change in line["changes"]})
        authors = sorted({line["author_name"] for line in lines})
        self._now = min(line["author_time"] for line in lines)
        self.setup = timed(lambda: self._set_up(categories, authors))
        self.events = self._context(APPROVER).view().queue.header.last_event_id

    def _set_up(self, categories: list[str], authors: list[str]) -> None:
        for name in categories:
            add_category(self._context(APPROVER), name, SCHEMA)
        for author in authors:
            add_member(self._context(APPROVER), member(author), emails=(f"{author}@example.org",), roles=("requestor",))

    def _context(self, who: str) -> Context:
        return Context(GitStore.open(self.path), claim=who, clock=lambda: self._now)

    def follow(self, line: Line) -> None:
        """A bulk by the line's author, a batch titled with its subject, an apply."""
        self._now = max(self._now, line["author_time"])
        rows = [
            BulkLine(n, Request(c["op"], own(c["category"]), c["name"], c["after"], line["subject"], ("*",)))
            for n, c in enumerate(in_order(line), 1)
        ]
        ids: list[int] = []
        batch: list[int] = []

        def propose() -> None:
            result = propose_bulk(self._context(member(line["author_name"])), rows, atomic=True)
            if result.errors:
                sys.exit(f"a line was refused: {result.errors[0]}")
            ids.extend(result.change_ids)

        def approve() -> None:
            picks = [Pick(number) for number in ids]
            answer = review_changes(self._context(APPROVER), picks, (), title=line["subject"])
            batch.append(answer["batch_id"])

        def apply() -> None:
            apply_changes(self._context(APPROVER), (), batch_id=batch[0])

        for step, work in zip(STEPS, (propose, approve, apply), strict=True):
            self.seconds[step].append(settled(work))
        self.counts.append(len(rows))

    def compare(self, number: int, line: Line) -> None:
        """The dataset is what the log says; a blob is compared once, and again if the line touched its record."""
        for change in line["changes"]:
            self._same.pop((own(change["category"]), change["name"]), None)
        dataset = self._context(APPROVER).view().dataset()
        for category, records in self.state.items():
            found = dict(dataset.records(category))
            if found.keys() != records.keys():
                sys.exit(f"line {number}: {category} has not the log's records")
            for name, blob in found.items():
                if self._same.get((category, name)) == blob:
                    continue
                if not same(codec.decode(dataset.objects.read_blob(blob)), records[name]):
                    sys.exit(f"line {number}: {category} {name!r} is not what the log says")
                self._same[category, name] = blob

    def sums(self) -> dict[str, tuple[int, str]]:
        """By category of the history, the number of records and the sum of them, as a reader gets them."""
        found = {}
        for category in self.state:
            records = get_category(self._context(APPROVER), category)
            text = json.dumps(records, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            found[category.removeprefix(own(""))] = len(records), hashlib.sha256(text.encode()).hexdigest()
        return found

    @property
    def whole(self) -> list[float]:
        """Seconds of each line, all of its steps."""
        return [sum(line) for line in zip(*self.seconds.values(), strict=True)]

    def show(self) -> None:
        """Print what it took, and what it left."""
        changes = sum(self.counts)
        each = [seconds / count for seconds, count in zip(self.whole, self.counts, strict=True)]
        events = self._context(APPROVER).view().queue.header.last_event_id - self.events
        print(f"{len(self.counts)} lines, {changes:,} changes, {len(self.state)} categories; equal after every line")
        print(f"made ready (categories and members, {self.events} events) in {self.setup:.1f} s")
        print(f"\nours: {sum(self.whole):.1f} s, {sum(self.whole) / changes * 1e3:.1f} ms a change over all")
        for label, seconds in {**self.seconds, "a line": self.whole, "a change of a line": each}.items():
            print(f"  {label:<20} {statistics.median(seconds) * 1e3:8.1f} ms (median)")
        commits = {name: count(self.path, name) for name in ("main", "queue")}
        onward = count(self.path, "--first-parent", "main")
        print(f"  {events:,} events; commits: {commits['main']:,} of main ({onward:,} by first parents), ", end="")
        print(f"{commits['queue']:,} of queue, {count(self.path, '--all'):,} in all")
        took = timed(lambda: collect_garbage(self._context(APPROVER)))
        print(f"  {megabytes(self.path)} of objects after gc, which took {took:.1f} s; ", end="")
        took = timed(lambda: by_git.git(self.path, "repack", "-a", "-d", "-f", "-q", "--keep-unreachable"))
        print(f"{megabytes(self.path)} after git repack -f (deltas sought anew), which took {took:.1f} s")


def member(author: str) -> str:
    """The member that an author of the history is."""
    return f"{author}#100{author.rpartition('-')[2]}"


def check_sums(replay: Replay, page: Path) -> None:
    """The records at the end are those of the newest snapshot, by the sums that come with the data."""
    table = re.findall(r"^\| (\w+) \| (\d+) \| `([0-9a-f]{64})` \|$", page.read_text(encoding="utf-8"), re.MULTILINE)
    empty = 0, hashlib.sha256(b"{}").hexdigest()
    wanted = {category: (int(records), digest) for category, records, digest in table}
    found = replay.sums()
    wrong = [name for name in wanted | found if wanted.get(name) != found.get(name, empty)]
    if wrong or not wanted:
        sys.exit(f"the end is not the snapshot: {', '.join(wrong) or 'no sums'}")
    print(
        f"the sums of {len(found)} categories, {sum(n for n, _ in found.values())} records, are those of the snapshot"
    )


# --- by git ----------------------------------------------------------------------------------------------------------


@dataclass
class ByGit:
    """A clone with a work tree in which somebody writes a line's files, adds and commits them."""

    work: Path
    how: str
    fsync: str | None
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.work.mkdir()
        by_git.git(self.work, "init", "-q", "-b", "main")

    def follow(self, files: dict[str, bytes | None], line: Line) -> None:
        """One commit."""
        self.seconds.append(settled(lambda: self._commit(files, line["subject"])))

    def _commit(self, files: dict[str, bytes | None], subject: str) -> None:
        for name, data in files.items():
            path = self.work / name
            if data is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        by_git.git(self.work, "add", "-A", fsync=self.fsync)
        by_git.git(self.work, "commit", "-q", "-m", subject, fsync=self.fsync)


def streamed(files: dict[str, bytes | None], line: Line) -> bytes:
    """A line as a commit for ``git fast-import``."""
    who = f"{line['author_name']} <{line['author_name']}@example.org> {line['author_time']} +0000".encode()
    subject = line["subject"].encode()
    parts = [b"commit refs/heads/main\ncommitter " + who + b"\ndata %d\n" % len(subject) + subject + b"\n"]
    for name, data in files.items():
        path = b'"' + name.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
        if data is None:
            parts.append(b"D " + path + b"\n")
        else:
            parts.append(b"M 100644 inline " + path + b"\ndata %d\n" % len(data) + data + b"\n")
    return b"".join(parts)


def show_rivals(replay: Replay, rivals: list[ByGit], stream: bytes, folder: Path) -> None:
    """Print what git took for one commit a line; each must have left the files that we left."""
    ours = sum(replay.whole)
    tree = by_git.git(replay.path, "rev-parse", f"main:{layout.DATASET}")
    print("\none commit a line, one file a record, no review, no checks, no log of who asked and who approved:")
    for rival in rivals:
        check_tree(rival.work, tree, rival.how)
        took = sum(rival.seconds)
        by_git.git(rival.work, "gc", "-q")
        print(
            f"  {rival.how:<32} {took:8.1f} s, {statistics.median(rival.seconds) * 1e3:6.1f} ms a line (median); ",
            end="",
        )
        print(f"ours {ours / took:.1f} x; {megabytes(rival.work / '.git')} after gc")
    bare = folder / "imported.git"
    by_git.git(folder, "init", "-q", "--bare", str(bare))
    took = settled(lambda: by_git.git(bare, "fast-import", "--quiet", stdin=stream))
    check_tree(bare, tree, FAST_DEFAULT)
    by_git.git(bare, "gc", "-q")
    print(
        f"  {FAST_DEFAULT + ', as one stream':<32} {took:8.1f} s; ours {ours / took:.0f} x; {megabytes(bare)} after gc"
    )


def check_tree(repository: Path, tree: bytes, how: str) -> None:
    """Refuse a comparison with somebody who did something else."""
    if by_git.git(repository, "rev-parse", f"main:{layout.DATASET}") != tree:
        sys.exit(f"{how} did not end with our files: the comparison would say nothing")


def count(repository: Path, *words: str) -> int:
    """How many commits there are."""
    return int(by_git.git(repository, "rev-list", "--count", *words))


def megabytes(repository: Path) -> str:
    """How much its objects take."""
    return f"{object_bytes(repository)[0] / 1e6:.2f} MB"


if __name__ == "__main__":
    main()
