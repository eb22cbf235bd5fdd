"""What the HTTP service answers in a second, and how long each answer takes, against a bare application.

``python benchmarks/serving.py [--records 1000,100000] [--workers 1,4] [--open 0,1000,10000] [--rounds 5]
[--parts reads,queue,apply,stall]``
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

from load import Answers, Load, request
from measure import aim
from served import ask, bare, ours
from worlds import ACTOR, CATEGORY, Scratch, World, build, find_tool, open_context, propose, updates

from modelref_git.operations.apply import apply_changes
from modelref_git.operations.keys import create_key
from modelref_git.operations.propose import propose_bulk, read_bulk_line
from modelref_git.operations.review import Pick, review_changes

V2: Final = "/model_references/v2"
QUEUE: Final = f"{V2}/pending_queue"
SMALL: Final = "clip"
A_BATCH: Final = 50
READERS: Final = 16
"""Connections that read at the same time."""
WRITERS: Final = 4
PACE: Final = 0.02
"""Seconds between two requests of one connection where readers keep a pace."""
CREATES: Final = 40
"""Creates a round."""
PARTS: Final = ("reads", "queue", "apply", "stall")
NO_STALL: Final = 0.05
"""No read is to wait longer for a write: seconds."""


@dataclass
class Rows:
    """What was measured, by the name of the row; each round adds its answers."""

    answers: dict[str, list[Answers]] = field(default_factory=dict)
    is_warm: bool = False
    """Whether what comes counts: not in the first round, in which each worker loads what it needs."""

    def rounds(self, count: int) -> Iterator[int]:
        """So many rounds, numbered from 1, after one that does not count."""
        for number in range(count + 1):
            self.is_warm = number > 0
            yield number

    def take(self, name: str, answers: Answers, expected: int = 200) -> None:
        """Add a round."""
        if set(answers.statuses) != {str(expected)}:
            sys.exit(f"{name}: not all answers were {expected}: {answers.statuses}")
        if self.is_warm:
            self.answers.setdefault(name, []).append(answers)

    def rate(self, name: str) -> float | None:
        """Answers a second: the median of the rounds."""
        found = self.answers.get(name)
        return statistics.median(row.rate for row in found) if found else None

    def wait(self, name: str, share: float = 0.5) -> float | None:
        """The wait that so large a share of all answers stayed within, in seconds."""
        found = self.answers.get(name)
        return Answers(0.0, [wait for row in found for wait in row.waits], {}).part(share) if found else None

    def show(self, title: str, rivals: Mapping[str, str]) -> None:
        """Print one line a row; *rivals* names the row that a row is compared with."""
        print(f"\n{title}\n  {'':<66} {'a second':>9} {'p50 ms':>9} {'p99 ms':>9} {'max ms':>9}")
        for name in self.answers:
            rate = self.rate(name) or 0.0
            waits = [(self.wait(name, share) or 0.0) * 1000 for share in (0.5, 0.99, 1.0)]
            rival = self.rate(rivals[name]) if name in rivals else None
            ratio = f"  the rival does {rival / rate:.2f} x" if rival and rate else ""
            print(f"  {name:<66} {rate:9,.0f} {waits[0]:9.2f} {waits[1]:9.2f} {waits[2]:9.2f}{ratio}")


@dataclass(frozen=True)
class Run:
    """What every part is given."""

    scratch: Scratch
    world: World
    key: str
    workers: int
    rounds: int
    seconds: float
    opened: list[int]
    options: tuple[str, ...]

    @property
    def headers(self) -> dict[str, str]:
        """Whose key a request comes with."""
        return {"apikey": self.key}

    @property
    def title(self) -> str:
        """Where the figures are from."""
        return f"{self.world.size:,} records, {self.workers} {'worker' if self.workers == 1 else 'workers'}"

    @contextmanager
    def serving(self, repository: Path) -> Iterator[int]:
        """Our service over *repository*; gives the port."""
        with ours(repository, self.workers, *self.options) as port:
            yield port

    def load(self, port: int, requests: list[bytes], connections: int = READERS) -> Answers:
        """A round of reads."""
        return Load(port, requests, connections=connections, seconds=self.seconds).answers()


def main() -> None:
    """Build the worlds, measure the parts asked for in each, print."""
    options = _options()
    tool = find_tool()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, which the load generator shares; fsync is on.")
    with tempfile.TemporaryDirectory(prefix="modelref-serving-") as folder:
        scratch = Scratch(Path(folder))
        for size in options.records:
            world = build(scratch, tool, size)
            _add_small(world)
            key = create_key(open_context(world.path), ACTOR, label="benchmark")["key"]
            for workers in options.workers:
                run = Run(
                    scratch,
                    world,
                    key,
                    workers,
                    options.rounds,
                    options.seconds,
                    options.open,
                    () if options.access_log else ("--no-access-log",),
                )
                for part in options.parts:
                    _MEASURES[part](run)


def _options() -> argparse.Namespace:
    def numbers(text: str) -> list[int]:
        return [int(word) for word in text.split(",") if word]

    def parts(text: str) -> list[str]:
        found = text.split(",")
        if set(found) - set(PARTS):
            raise argparse.ArgumentTypeError(f"parts are {', '.join(PARTS)}")
        return found

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=numbers, default=[1_000, 100_000])
    parser.add_argument("--workers", type=numbers, default=[1, 4])
    parser.add_argument("--open", type=numbers, default=[0, 1_000, 10_000])
    parser.add_argument("--parts", type=parts, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round of reads")
    parser.add_argument(
        "--access-log", action="store_true", help="have the service write its log, as it does unless told not to"
    )
    return parser.parse_args()


def _add_small(world: World) -> None:
    """Ten records in a second category, which nobody changes afterwards."""
    rows = []
    for number in range(10):
        name = f"encoder-{number}"
        file = {
            "file_name": f"{name}.pt",
            "file_url": f"https://weights.example/{name}.pt",
            "sha256sum": f"{number:064x}",
        }
        record = {"name": name, "description": "An encoder of pictures and words.", "config": {"download": [file]}}
        rows.append({"operation": "create", "category": SMALL, "model_name": name, "payload": record, "note": "small"})
    context = open_context(world.path)
    result = propose_bulk(context, [read_bulk_line(number + 1, row, ()) for number, row in enumerate(rows)])
    if result.errors:
        sys.exit(f"the small category was refused: {result.errors[0]}")
    _pass(context, result.change_ids)


def _pass(context: Any, ids: list[int]) -> None:
    batch = review_changes(context, [Pick(number) for number in ids], [], title="benchmark")["batch_id"]
    apply_changes(context, [], batch_id=batch)


# --- reads ------------------------------------------------------------------------------------------------------------

KEPT_SMALL: Final = "category of 10, kept"
SAME_SMALL: Final = "category of 10, 304"
KEPT_LARGE: Final = "large category, kept"
ZIPPED: Final = "large category, kept, compressed"
SAME_LARGE: Final = "large category, 304"
SINGLE: Final = "one record"
SEARCH: Final = "search, a page of 50"
FRESH: Final = "large category, first read after an apply"
BARE: Final = "  a bare application, as long as "


def _reads(run: Run) -> None:
    path = run.scratch.copy(run.world.path)
    with ExitStack() as stack:
        port = stack.enter_context(run.serving(path))
        ways = _ways_to_read(port, run.world)
        lengths = {name: len(_answer(port, requests[0])[1]) for name, requests in ways.items()}
        rival = stack.enter_context(bare(sorted({*lengths.values()}), run.workers))
        rows = Rows()
        for _ in rows.rounds(run.rounds):
            for name, requests in ways.items():
                rows.take(name, run.load(port, requests), 304 if "304" in name else 200)
                if "304" not in name:
                    rows.take(BARE + name, run.load(rival, [request("GET", f"/{lengths[name]}")]))
        _read_fresh(run, path, port, rows)
    rows.show(f"reads, {run.title}", {name: BARE + name for name in ways})
    kept, limit, same = (rows.rate(name) or 0.0 for name in (KEPT_SMALL, BARE + KEPT_SMALL, SAME_SMALL))
    if kept < 5000:
        aim("a kept category against the framework's own limit", limit / kept, 1.3)
    else:
        aim("a kept category, a second", kept, 5000, at_least=True, unit="")
    aim("304 against the category itself", same / kept, 1.0, at_least=True)


def _ways_to_read(port: int, world: World) -> dict[str, list[bytes]]:
    """The requests of each row."""
    small, large = f"{V2}/{SMALL}", f"{V2}/{CATEGORY}"

    def known(path: str) -> list[bytes]:
        return [request("GET", path, {"if-none-match": ask(port, "GET", path)[2]["etag"]})]

    words = [name[:4] for name in world.names[:50]]
    return {
        KEPT_SMALL: [request("GET", small)],
        SAME_SMALL: known(small),
        KEPT_LARGE: [request("GET", large)],
        ZIPPED: [request("GET", large, {"accept-encoding": "gzip"})],
        SAME_LARGE: known(large),
        SINGLE: [request("GET", f"{large}/model/{quote(name, safe='')}") for name in world.names[:1000]],
        SEARCH: [request("GET", f"{large}/search?name_contains={quote(word)}&sort_by=name") for word in words],
    }


def _answer(port: int, data: bytes) -> tuple[int, bytes]:
    """One of the prepared requests, asked alone."""
    lines = data.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line and not line.startswith("host"))
    status, body, _ = ask(port, "GET", lines[0].split(" ")[1], headers)
    return status, body


def _read_fresh(run: Run, path: Path, port: int, rows: Rows) -> None:
    """Whoever reads first after an apply has the body made; with several workers each makes its own."""
    for number in rows.rounds(run.rounds):
        context = open_context(path)
        _pass(context, propose(context, [run.world.names[number]], f"fresh {number}"))
        start = time.perf_counter()
        status, _, _ = ask(port, "GET", f"{V2}/{CATEGORY}")
        seconds = time.perf_counter() - start
        rows.take(FRESH, Answers(seconds, [seconds], {str(status): 1}))


# --- the queue --------------------------------------------------------------------------------------------------------


def _queue(run: Run) -> None:
    """The same requests to services whose queues differ, in turn."""
    rows = Rows()
    with ExitStack() as stack:
        ports = {}
        for count in run.opened:
            path = run.scratch.copy(run.world.path)
            for turn in range(0, count, 1_000):
                names = run.world.names
                chosen = [names[(turn + place) % len(names)] for place in range(min(1_000, count - turn))]
                propose(open_context(path), chosen, f"open {turn}")
            ports[count] = stack.enter_context(run.serving(path))
        for number in rows.rounds(run.rounds):
            for count, port in ports.items():
                for writers in (1, WRITERS):
                    words = "one after the other" if writers == 1 else f"{writers} at a time"
                    creates = _creates(run, f"{number}-{writers}")
                    load = Load(port, creates, connections=writers, seconds=120.0, once=True)
                    rows.take(f"create, {words}, {count:,} open", load.answers(), 202)
                for words, query in (("a page", "limit=50"), ("the pending, a page", "statuses=pending&limit=50")):
                    page = [request("GET", f"{QUEUE}/changes?{query}", run.headers)]
                    rows.take(f"{words}, {count:,} open", run.load(port, page))
    rows.show(f"the queue, {run.title}", {})
    least, most = f"{min(run.opened):,}", f"{max(run.opened):,}"
    for words in ("one after the other", f"{WRITERS} at a time"):
        with_most, without = (rows.wait(f"create, {words}, {count} open") for count in (most, least))
        reached = with_most / without if with_most and without else None
        aim(f"a create, {words}, at {most} open against {least}", reached, 1.5)


def _creates(run: Run, mark: str) -> list[bytes]:
    """Requests that each create a record of its own."""
    names = [f"Made {mark} {uuid.uuid4().hex[:8]} {number}" for number in range(CREATES)]
    rows = [row["payload"] for row in updates(names, f"create {mark}")]
    path = f"{V2}/{CATEGORY}"
    return [request("POST", path, run.headers, json.dumps(row).encode()) for row in rows]


# --- apply ------------------------------------------------------------------------------------------------------------


def _apply(run: Run) -> None:
    rows = Rows()
    path = run.scratch.copy(run.world.path)
    with run.serving(path) as port:
        for number in rows.rounds(run.rounds):
            names = run.world.names[number * A_BATCH % len(run.world.names) :][:A_BATCH]
            ids = propose(open_context(path), names, f"apply {number}")
            body = {"batch_title": "benchmark", "approved_ids": ids}
            batch = _timed(rows, f"approve of {A_BATCH}", port, run, f"{QUEUE}/batches", body)["batch_id"]
            done = _timed(rows, f"apply of {A_BATCH}", port, run, f"{QUEUE}/apply_batch/{batch}", None)
            if len(done["applied"]) != A_BATCH:
                sys.exit(f"the batch was not applied: {done}")
    rows.show(f"reviews, {run.title}", {})


def _timed(rows: Rows, name: str, port: int, run: Run, path: str, body: Any) -> Any:
    start = time.perf_counter()
    status, answer, _ = ask(port, "POST", path, run.headers, body)
    seconds = time.perf_counter() - start
    rows.take(name, Answers(seconds, [seconds], {str(status): 1}))
    return json.loads(answer)


# --- reads while others write -----------------------------------------------------------------------------------------


def _stall(run: Run) -> None:
    """Readers who keep a pace, and a writer who never rests."""
    rows = Rows()
    path = run.scratch.copy(run.world.path)
    kept = [request("GET", f"{V2}/{SMALL}")]
    single = [request("GET", f"{V2}/{CATEGORY}/model/{quote(name, safe='')}") for name in run.world.names[:1000]]
    written = 0
    with run.serving(path) as port:
        for number in rows.rounds(run.rounds):
            for name, requests in (("kept category", kept), ("one record", single)):
                rows.take(f"{name}, nobody writes", _paced(run, port, requests))
                ended = threading.Event()
                writer = _Writer(run, port, f"{number}-{name}", ended)
                writer.start()
                rows.take(f"{name}, while others write", _paced(run, port, requests))
                ended.set()
                writer.join()
                written += writer.done
    rows.show(f"reads at a pace, {run.title}; {written} creates were approved and applied meanwhile", {})
    for name in ("kept category", "one record"):
        busy = rows.wait(f"{name}, while others write", 1.0)
        aim(f"{name}: the longest wait of all", busy and busy * 1000, NO_STALL * 1000, unit=" ms")


def _paced(run: Run, port: int, requests: list[bytes]) -> Answers:
    return Load(port, requests, connections=READERS // 4, seconds=run.seconds, pause=PACE).answers()


class _Writer(threading.Thread):
    """Creates, approves and applies, ten at a time, until it is told to stop."""

    def __init__(self, run: Run, port: int, mark: str, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self._run = run
        self._port = port
        self._mark = mark
        self._ended = ended
        self.done = 0

    def run(self) -> None:
        """Write."""
        while not self._ended.is_set():
            names = [f"Busy {self._mark} {self.done + number}" for number in range(10)]
            rows = [row["payload"] for row in updates(names, f"busy {self._mark}")]
            ids = [self._ask(f"{V2}/{CATEGORY}", row, 202)["change_id"] for row in rows]
            batch = self._ask(f"{QUEUE}/batches", {"batch_title": "busy", "approved_ids": ids}, 200)["batch_id"]
            self._ask(f"{QUEUE}/apply_batch/{batch}", None, 200)
            self.done += len(ids)

    def _ask(self, path: str, body: Any, expected: int) -> Any:
        status, answer, _ = ask(self._port, "POST", path, self._run.headers, body)
        if status != expected:
            raise SystemExit(f"{path} answered {status}: {answer[:300]!r}")
        return json.loads(answer)


_MEASURES: Final[dict[str, Callable[[Run], None]]] = {
    "reads": _reads,
    "queue": _queue,
    "apply": _apply,
    "stall": _stall,
}


if __name__ == "__main__":
    main()
