"""What a long history costs: the reading commands after many events, with and without the derived index.

``python benchmarks/growth.py [--events 100000] [--members 10] [--records 1000]``
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

from measure import timed
from worlds import CATEGORY, Scratch, World, build, find_tool, open_context

from modelref_git.operations.audit import audit_batch, audit_batches, audit_current, audit_net_changes
from modelref_git.operations.audit_events import EventFilters, list_events
from modelref_git.operations.blame import blame
from modelref_git.operations.context import Context, Person
from modelref_git.operations.feed import read_feed
from modelref_git.operations.merging import merge
from modelref_git.operations.record_log import record_log
from modelref_git.proposals.events import APPLY, APPROVE, ENQUEUE, UPDATE, Approval, Event, Proposal
from modelref_git.proposals.queue import Change
from modelref_git.records import codec
from modelref_git.store.step import Step
from modelref_git.store.trees import TreeEditor

BATCHES_A_STEP = 50
"""So many batches are written as one pack."""
ROUNDS = 9


def grow(context: Context, names: list[str], batches: int, members: int) -> None:
    """Queue, approve and apply *batches* batches of *members* updates each, by the product's own log and merge."""
    done = 0

    def decide(step: Step) -> None:
        person = context.person(step.dataset().config)
        for number in range(done, min(done + BATCHES_A_STEP, batches)):
            first = number * members
            one_batch(step, person, [names[(first + n) % len(names)] for n in range(members)])

    while done < batches:
        context.write(decide)
        done += BATCHES_A_STEP


def one_batch(step: Step, person: Person, names: list[str]) -> None:
    """One batch: an ``enqueue``, an ``approve`` and an ``apply`` of as many events as there are *names*."""
    header = step.queue.header
    ids = tuple(range(header.last_change_id + 1, header.last_change_id + 1 + len(names)))
    proposals = tuple(proposed(step, person, name, number) for name, number in zip(names, ids, strict=True))
    enqueue = Event(ENQUEUE, person.actor, 0, 0, change_ids=ids, proposals=proposals)
    step.append(enqueue, keeps=[proposal.commit for proposal in proposals])
    changes: list[Change] = [change for number in ids if (change := step.queue.change(number)) is not None]
    batch_id = header.last_batch_id + 1
    merges = tuple(merge(step, step.main, changes, batch_id, "growth", person))
    approve = Event(
        APPROVE,
        person.actor,
        0,
        0,
        change_ids=ids,
        approvals=tuple(Approval(change.change_id, change.base_blob, change.blob) for change in changes),
        batch_id=batch_id,
        title="growth",
        merges=merges,
    )
    step.append(approve, keeps=merges[-1:])
    step.append(Event(APPLY, person.actor, 0, 0, change_ids=ids, batch_id=batch_id, title="growth", main=merges[-1]))


def proposed(step: Step, person: Person, name: str, number: int) -> Proposal:
    """A proposal that gives a record another description."""
    dataset = step.dataset()
    path, before = dataset.path(CATEGORY, name), dataset.blob(CATEGORY, name)
    record = {**codec.decode(step.objects.read_blob(before or "")), "description": f"as change {number} has it"}
    blob = step.objects.add("blob", codec.encode(record, dataset.schema(CATEGORY).order))
    editor = TreeEditor(step.objects, dataset.tree)
    editor.put(path, blob)
    words = Proposal(UPDATE, CATEGORY, name, person.actor, None, "", step.main, before, blob)
    commit = step.commit(editor.write(), [step.main], step.author(person.actor), words.message())
    return Proposal(UPDATE, CATEGORY, name, person.actor, None, commit, step.main, before, blob)


def commands(world: World, last_batch: int) -> dict[str, Callable[[Context], Any]]:
    """What is asked, as the command line asks it."""
    name = world.names[0]
    return {
        "log of a record": lambda ctx: record_log(ctx, CATEGORY, name),
        "blame of a record": lambda ctx: blame(ctx, CATEGORY, name),
        "audit batches": audit_batches,
        "audit batch": lambda ctx: audit_batch(ctx, last_batch // 2),
        "audit net-changes": lambda ctx: audit_net_changes(ctx, last_batch // 2),
        "audit current": audit_current,
        "audit events --batch": lambda ctx: list(list_events(ctx, EventFilters(batch_id=last_batch // 2))),
        "feed of the last event": lambda ctx: list(read_feed(ctx, since="main~1")),
    }


def main() -> None:
    """Grow a log, and print what each command takes then."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--members", type=int, default=10, help="changes of a batch")
    parser.add_argument("--records", type=int, default=1_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modelref-growth-") as folder:
        world = build(Scratch(Path(folder)), find_tool(), options.records)
        batches = options.events // (3 * options.members)
        seconds = timed(lambda: grow(open_context(world.path), world.names, batches, options.members))
        header = open_context(world.path).view().queue.header
        print(f"{header.last_event_id:,} events in {3 * batches:,} commits, made in {seconds:.0f} s")
        measure(world, header.last_batch_id)


def measure(world: World, last_batch: int) -> None:
    """Print the first use, then the medians of each command, as they stand and after one more event."""
    asked = commands(world, last_batch)
    index = open_context(world.path).store.local_dir / "cache" / "index.sqlite"
    made = timed(lambda: asked["audit batches"](open_context(world.path)))
    print(f"  {'first use, which makes the index':<34} {made:10.2f} s   ({index.stat().st_size / 1e6:.1f} MB)")
    print(f"  {'medians':<34} {'again':>10}      {'after one more batch':>20}")
    for label, command in asked.items():
        again = [timed(lambda: command(open_context(world.path))) for _ in range(ROUNDS)]  # noqa: B023 - called at once
        more = []
        for _ in range(ROUNDS):
            grow(open_context(world.path), world.names, 1, 1)
            more.append(timed(lambda: command(open_context(world.path))))  # noqa: B023 - called at once
        print(f"  {label:<34} {statistics.median(again) * 1e3:10.1f} ms   {statistics.median(more) * 1e3:17.1f} ms")


if __name__ == "__main__":
    main()
