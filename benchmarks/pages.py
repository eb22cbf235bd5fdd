"""What each page of the service takes, and how long it is, at a large dataset with a long queue, against a bare page.

``python benchmarks/pages.py [--records 100000] [--open 10000] [--rounds 20]``
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

from measure import aim
from served import bare, ours
from worlds import ACTOR, CATEGORY, Scratch, World, build, find_tool, open_context, propose, with_closed

from modelref_git.operations.keys import create_key
from modelref_git.operations.members import add_member
from modelref_git.operations.policy_settings import set_policy
from modelref_git.operations.review import Pick, review_changes

LONGEST: Final = 0.1
"""Seconds that a page is to take at most, at the median."""
LARGEST: Final = 300_000
"""Bytes that a page is to have at most, before it is compressed."""
A_BATCH: Final = 50
CLOSED: Final = 2_000


@dataclass
class Visitor:
    """One connection to the service, signed in."""

    port: int
    cookie: str = ""
    client: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def sign_in(self, key: str) -> None:
        """Begin a session."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://127.0.0.1:{self.port}",
        }
        self.client.request("POST", "/ui/sign-in", urlencode({"key": key}), headers)
        answer = self.client.getresponse()
        answer.read()
        if answer.status != 303:
            sys.exit(f"nobody could sign in: {answer.status}")
        self.cookie = (answer.getheader("set-cookie") or "").partition(";")[0]

    def get(self, path: str) -> tuple[int, int, float]:
        """The status, the bytes and the seconds of one page."""
        start = time.perf_counter()
        self.client.request("GET", path, headers={"Cookie": self.cookie, "Accept": "text/html"})
        answer = self.client.getresponse()
        size = len(answer.read())
        return answer.status, size, time.perf_counter() - start


def main() -> None:
    """Build the world, ask for each page in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--open", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    tool = find_tool()
    with tempfile.TemporaryDirectory(prefix="modelref-pages-") as folder:
        scratch = Scratch(Path(folder))
        world = with_closed(scratch, build(scratch, tool, options.records), CLOSED)
        opened = _fill(world, options.open)
        key = create_key(open_context(world.path), ACTOR, label="benchmark")["key"]
        print(f"{world.size:,} records, {options.open:,} open, {CLOSED:,} closed; 1 worker; {os.cpu_count()} cores")
        with ours(world.path, 1, "--no-access-log") as port:
            visitor = Visitor(port)
            visitor.sign_in(key)
            pages = _pages(world, opened)
            first, sizes = _first(visitor, pages)
            with bare(sorted(set(sizes.values())), 1) as rival:
                found = _rounds(visitor, Visitor(rival), pages, sizes, options.rounds)
    _show(pages, first, sizes, found)


def _fill(world: World, count: int) -> list[int]:
    """Make a queue of *count* open changes, some of them approved, with rivals among them; gives the change ids."""
    context = open_context(world.path)
    add_member(context, "Second#2", emails=("second@example.org",), roles=("requestor",))
    set_policy(context, [("two_person_review", False)])
    opened: list[int] = []
    for turn in range(0, count, 1_000):
        names = world.names
        chosen = [names[(turn + place) % len(names)] for place in range(min(1_000, count - turn))]
        if turn:
            chosen[:50] = names[:50]  # fifty records that many want to change
        opened += propose(open_context(world.path), chosen, f"open {turn}")
    review_changes(open_context(world.path), [Pick(number) for number in opened[100 : 100 + A_BATCH]], [], title="open")
    return opened


def _pages(world: World, opened: list[int]) -> Mapping[str, str]:
    """The pages by what they are."""
    name = world.names[1]
    record = urlencode({"category": CATEGORY, "name": name})
    other = urlencode({"category": CATEGORY, "name": world.names[2]})
    oid = open_context(world.path).view().main
    return {
        "start": "/ui/",
        "queue, each with nine rivals": "/ui/queue",
        "queue, approved": "/ui/queue?statuses=approved",
        "queue, by a part of the name": f"/ui/queue?model_name={quote(name[:4])}",
        "queue, the last page": f"/ui/queue?after={opened[-51]}",
        "a change": f"/ui/changes/{opened[60]}",
        "a change with rivals": f"/ui/changes/{opened[0]}",
        "an approved change": f"/ui/changes/{opened[100]}",
        "batches": "/ui/batches",
        "the open batch": f"/ui/batches/{open_context(world.path).view().queue.header.open_batch}",
        "an applied batch of 1,000": "/ui/batches/1",
        "dataset": "/ui/dataset",
        "search": f"/ui/dataset?name_contains={quote(name[:4])}",
        "a category": f"/ui/dataset/{CATEGORY}",
        "a category, a late page": f"/ui/dataset/{CATEGORY}?offset={world.size - 50}",
        "a category, earlier": f"/ui/dataset/{CATEGORY}?at=main~1",
        "a record": f"/ui/record?{record}",
        "a record, earlier": f"/ui/record?{record}&at=main~1",
        "its history": f"/ui/record/history?{record}",
        "two revisions compared": "/ui/compare?old=main~1&new=main",
        "propose": "/ui/propose",
        "form: create": f"/ui/propose/create?category={CATEGORY}",
        "form: update": f"/ui/propose/update?{other}",
        "form: delete": f"/ui/propose/delete?{other}",
        "form: rebase": f"/ui/propose/rebase?change={opened[0]}",
        "audit": "/ui/audit",
        "audit, of one person": "/ui/audit?actor=1&action=apply",
        "members": "/ui/members",
        "keys": "/ui/keys",
        "policy": "/ui/policy",
        "a commit": f"/ui/commits/{oid}",
    }


def _first(visitor: Visitor, pages: Mapping[str, str]) -> tuple[dict[str, float], dict[str, int]]:
    """What the first of each page takes, which has to read what later ones find ready, and its size."""
    first, sizes = {}, {}
    for what, path in pages.items():
        status, size, seconds = visitor.get(path)
        if status != 200:
            sys.exit(f"{what} ({path}) answers {status}")
        first[what], sizes[what] = seconds, size
    return first, sizes


def _rounds(
    visitor: Visitor, rival: Visitor, pages: Mapping[str, str], sizes: Mapping[str, int], rounds: int
) -> dict[str, tuple[list[float], list[float]]]:
    """The seconds of each page, and of a constant of its size by a bare application, in turn."""
    found: dict[str, tuple[list[float], list[float]]] = {what: ([], []) for what in pages}
    for number in range(rounds + 1):
        for what, path in pages.items():
            ours_took, bare_took = visitor.get(path)[2], rival.get(f"/{sizes[what]}")[2]
            if number:
                found[what][0].append(ours_took)
                found[what][1].append(bare_took)
    return found


def _show(
    pages: Mapping[str, str],
    first: Mapping[str, float],
    sizes: Mapping[str, int],
    found: Mapping[str, tuple[list[float], list[float]]],
) -> None:
    print(f"\n  {'':<32} {'median ms':>10} {'most ms':>9} {'first ms':>9} {'bytes':>9}   a bare page of that size")
    for what in pages:
        mine, other = found[what]
        ratio = statistics.median(mine) / statistics.median(other)
        print(
            f"  {what:<32} {statistics.median(mine) * 1000:10.1f} {max(mine) * 1000:9.1f} {first[what] * 1000:9.0f} "
            f"{sizes[what]:9,d}   {statistics.median(other) * 1000:.2f} ms, ours takes {ratio:,.0f} x"
        )
    slowest = max(pages, key=lambda what: statistics.median(found[what][0]))
    largest = max(pages, key=lambda what: sizes[what])
    aim(
        f"the slowest page at the median ({slowest}), ms",
        statistics.median(found[slowest][0]) * 1000,
        LONGEST * 1000,
        unit="",
    )
    aim(f"the largest page ({largest}), bytes", float(sizes[largest]), float(LARGEST), unit="")


if __name__ == "__main__":
    main()
