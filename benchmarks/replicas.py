"""What it takes to bring a replica up to date, against ``git fetch`` alone and against downloading whole files.

``python benchmarks/replicas.py [--sizes 1000,100000] [--behind 1,100,10000] [--rounds 5]``
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

import by_git
from measure import Figures, Way, aim, interleave, settled
from worlds import Scratch, World, build, find_tool, object_bytes, open_context, propose

from modelref_git.operations.apply import apply_changes
from modelref_git.operations.maintain import collect_garbage
from modelref_git.operations.replicas import sources, sync, trust
from modelref_git.operations.replicas.folder import EXPORTS, REPOSITORY, Folder
from modelref_git.operations.replicas.init import init_replica
from modelref_git.operations.replicas.state import Trust
from modelref_git.operations.replicas.sync import sync_replica
from modelref_git.operations.review import Pick, review_changes
from modelref_git.store import trees

A_BATCH = 100
A_BULK = 1_000

FETCH = "git fetch alone, main and queue, git's defaults"
FILES = "downloading every category file over loopback HTTP"
FULL = "ours, every event verified"
FAST = "ours, --verify fast-forward"
PARTS = ("its fetch", "its verification", "its export", "all but the export")


@dataclass
class Watch:
    """Seconds of the parts of the last sync."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Time the parts of every sync in the block, each of which is one function."""
        places: tuple[tuple[Any, str, str], ...] = (
            (sources, "fetch", PARTS[0]),
            (trust, "believed", PARTS[1]),
            (sync, "write_export", PARTS[2]),
        )
        before = [getattr(module, name) for module, name, _ in places]
        for (module, name, part), work in zip(places, before, strict=True):
            setattr(module, name, functools.partial(self._timed, part, work))
        try:
            yield
        finally:
            for (module, name, _), work in zip(places, before, strict=True):
                setattr(module, name, work)

    def _timed(self, part: str, work: Callable[..., Any], *words: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return work(*words, **options)
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - start


@dataclass(frozen=True)
class Served:
    """A folder on the web server, and its address."""

    folder: Path
    address: str


def ahead(scratch: Scratch, world: World, count: int) -> Path:
    """The same dataset with *count* more changes applied, all by us, a hundred a batch."""
    path = scratch.copy(world.path, f"ahead-{count}.git")
    for done in range(0, count, A_BULK):
        wanted = min(A_BULK, count - done)
        names = [world.names[(done + number) % len(world.names)] for number in range(wanted)]
        ids = propose(open_context(path), names, f"ahead {done}")
        for begin in range(0, wanted, A_BATCH):
            context = open_context(path)
            picks = [Pick(number) for number in ids[begin : begin + A_BATCH]]
            apply_changes(context, [], batch_id=review_changes(context, picks, [], title="benchmark")["batch_id"])
    collect_garbage(open_context(path))  # hosts pack what they serve
    return path


def copied(scratch: Scratch, replica: Path) -> Path:
    """A replica that may be changed. What nobody changes in place is linked."""
    target = scratch.new("replica")

    def copy(source: str, to: str) -> None:
        inside = Path(source).relative_to(replica).parts
        if inside[0] == EXPORTS or inside[:2] == (REPOSITORY, "objects"):
            os.link(source, to)
        else:
            shutil.copy2(source, to)

    shutil.copytree(replica, target, symlinks=True, copy_function=copy)
    return target


def measure(
    scratch: Scratch, figures: Figures, world: World, replica: Path, count: int, served: Served, rounds: int
) -> str:
    """All ways for one world and one distance; gives what they are measured as."""
    source = ahead(scratch, world, count)
    what = f"{count:,} applied changes behind, {world.size:,} records"
    plain = scratch.new("plain.git")
    by_git.git(scratch.folder, "clone", "-q", "--bare", f"file://{world.path}", str(plain))
    ways: dict[str, Way] = {FETCH: _by_git(scratch, plain, source)}
    for name, verify in ((FULL, "full"), (FAST, "fast-forward")):
        watch = Watch()
        ways[name] = _ours(scratch, replica, source, verify, watch)  # type: ignore[arg-type] # two of its words
        for part in PARTS:
            ways[f"{name}: {part}"] = functools.partial(_part, watch, part)
    newest = copied(scratch, replica)
    _point(newest, source, "fast-forward")
    sync_replica(Folder(newest))
    files = served.folder / f"{world.size}-{count}"
    files.symlink_to(newest / "current")
    ways[FILES] = _download(scratch, files, f"{served.address}/{files.name}")
    interleave(figures, what, ways, rounds, budget=90.0)
    figures.sizes[what, FETCH] = object_bytes(newest / REPOSITORY)[0] - object_bytes(replica / REPOSITORY)[0]
    figures.sizes[what, FILES] = sum(path.stat().st_size for path in files.glob("*.json"))
    print(f"  bytes: what was fetched {figures.sizes[what, FETCH]:,.0f}, the files {figures.sizes[what, FILES]:,.0f}")
    return what


def _point(replica: Path, source: Path, verify: Trust) -> None:
    """Have a replica follow *source*, and believe it so far."""
    folder = Folder(replica)
    folder.remember(replace(folder.state(), source=f"file://{source}", verify=verify))


def _ours(scratch: Scratch, replica: Path, source: Path, verify: Trust, watch: Watch) -> Way:
    def way(_number: int) -> float:
        path = copied(scratch, replica)
        _point(path, source, verify)
        trees._PARSED.clear()
        watch.seconds.clear()
        with watch.watching():
            seconds = settled(lambda: sync_replica(Folder(path)))
        watch.seconds[PARTS[3]] = seconds - watch.seconds[PARTS[2]]
        return seconds

    return way


def _part(watch: Watch, part: str, _number: int) -> float:
    return watch.seconds[part]


def _by_git(scratch: Scratch, plain: Path, source: Path) -> Way:
    def way(_number: int) -> float:
        path = scratch.copy(plain)
        branches = [f"+refs/heads/{name}:refs/arrived/{name}" for name in ("main", "queue")]
        return settled(lambda: by_git.git(path, "fetch", "-q", "--no-tags", f"file://{source}", *branches))

    return way


def _download(scratch: Scratch, files: Path, address: str) -> Way:
    names = sorted(path.name for path in files.glob("*.json"))

    def way(_number: int) -> float:
        target = scratch.new("files")
        target.mkdir()

        def work() -> None:
            for name in names:
                with urllib.request.urlopen(f"{address}/{name}") as answer, (target / name).open("wb") as out:
                    shutil.copyfileobj(answer, out, 1 << 20)

        return settled(work)

    return way


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the files below a folder over HTTP, on loopback; gives the address."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Nothing."""

    os.environ["no_proxy"] = "*"  # whatever proxy this machine has knows nothing of the loopback
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def show_aims(figures: Figures, whats: list[str]) -> None:
    """What was wanted, next to what was reached."""
    print("\naims (medians of this run; a missed one fails nothing)")
    for what in whats:
        for name in (FULL, FAST):
            reached = figures.ratio((what, f"{name}: {PARTS[3]}"), (what, FETCH))
            aim(f"{what}, {name}: all but the export against git fetch", reached, 1.5)
        print(f"       {what}, {FAST}, against the download: {figures.ratio((what, FAST), (what, FILES)) or 0:.2f} x")


def main() -> None:
    """Build the repositories, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=_numbers, default=[1_000, 100_000], help="numbers of records")
    parser.add_argument("--behind", type=_numbers, default=[1, 100, 10_000], help="numbers of applied changes")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    tool = find_tool()
    print(f"{by_git.version()}, Python {sys.version.split()[0]}, {os.cpu_count()} cores; fsync is on for us.")
    with tempfile.TemporaryDirectory(prefix="modelref-replicas-") as name:
        scratch, figures, whats = Scratch(Path(name)), Figures(), []
        folder = scratch.new("served")
        folder.mkdir()
        with serving(folder) as address:
            served = Served(folder, address)
            for size in options.sizes:
                world = build(scratch, tool, size)
                replica = scratch.new("replica")
                init_replica(f"file://{world.path}", Folder(replica))
                whats += [
                    measure(scratch, figures, world, replica, count, served, options.rounds) for count in options.behind
                ]
            show_aims(figures, whats)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
