"""What a step costs as the dataset, the open queue and the history grow, one of them at a time.

``python benchmarks/costs.py [--records 1000,10000] [--open 1000,10000] [--closed 10000,100000] [--rounds 7]``
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

from measure import settled
from worlds import CATEGORY, Scratch, World, build, find_tool, open_context, propose, with_closed

from modelref_git.operations.apply import apply_changes
from modelref_git.operations.changes import Filters, diff_change, list_changes, show_change
from modelref_git.operations.closing import withdraw
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.forecast import forecast_conflicts
from modelref_git.operations.propose import editing, propose_update
from modelref_git.operations.rebase import propose_rebase
from modelref_git.operations.review import Pick, review_changes
from modelref_git.operations.status import change_status, repository_status
from modelref_git.operations.verify import verify

BATCH = 10
NEWEST = 50
"""So many events are verified."""


def main() -> None:
    """Build the worlds, and print the medians of each step in each."""
    options = _options()
    smallest = min(options.records)
    with tempfile.TemporaryDirectory(prefix="modelref-costs-") as folder:
        scratch = Scratch(Path(folder))
        tool = find_tool()
        figures: dict[str, dict[str, float]] = {}
        base = build(scratch, tool, smallest)
        figures[f"{smallest:,} records"] = _measure(scratch, base, 0, options.rounds)
        for size in sorted(set(options.records) - {smallest}):
            figures[f"{size:,} records"] = _measure(scratch, build(scratch, tool, size), 0, options.rounds)
        for count in options.open:
            figures[f"{count:,} open"] = _measure(scratch, base, count, options.rounds)
        for closed in options.closed:
            grown = with_closed(scratch, base, closed)
            figures[f"{closed:,} closed"] = _measure(scratch, grown, 0, options.rounds)
            if options.open:
                most = max(options.open)
                figures[f"{closed:,} closed, {most:,} open"] = _measure(scratch, grown, most, options.rounds)
        _show(figures)


def _options() -> argparse.Namespace:
    def numbers(text: str) -> list[int]:
        return [int(word) for word in text.split(",") if word]

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=numbers, default=[1_000, 10_000])
    parser.add_argument("--open", type=numbers, default=[1_000, 10_000])
    parser.add_argument("--closed", type=numbers, default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


def _measure(scratch: Scratch, world: World, opened: int, rounds: int) -> dict[str, float]:
    """Milliseconds of each step, medians."""
    path = scratch.copy(world.path)
    names = world.names
    rivals = max(1, opened // len(names))
    for turn in range(0, opened, len(names)):
        propose(open_context(path), names[: min(len(names), opened - turn)], f"open {turn}")
    seconds: dict[str, list[float]] = {}

    def take(label: str, work: Callable[[Context], Any]) -> Any:
        context = open_context(path)
        answer: list[Any] = []
        seconds.setdefault(label, []).append(settled(lambda: answer.append(work(context))))
        return answer[0]

    for number in range(rounds):
        _one_round(take, names, number)
    print(f"  {world.label}, {opened:,} open ({rivals} for a record): measured", file=sys.stderr)
    return {label: statistics.median(values) * 1000 for label, values in seconds.items()}


def _one_round(take: Callable[[str, Callable[[Context], Any]], Any], names: list[str], number: int) -> None:
    mine = [names[-1 - (number * 3 * BATCH + place) % (len(names) // 2)] for place in range(3 * BATCH)]

    def update(name: str, text: str) -> Callable[[Context], Any]:
        edit = editing([("/description", f"{text} of round {number}")], ())
        return lambda context: propose_update(context, Request("update", CATEGORY, name), edit=edit)

    first = take("propose", update(mine[0], "first"))["change_id"]
    take("show", lambda context: show_change(context, first))
    take("diff", lambda context: diff_change(context, first))
    take("status of a change", lambda context: change_status(context, first))
    take("status", repository_status)
    take("conflicts of a change", lambda context: forecast_conflicts(context, [first]))
    take("changes --status pending", lambda context: list_changes(context, Filters(statuses=("pending",))))
    take("rebase with an edit", lambda context: propose_rebase(context, first, settings=[("/version", str(number))]))
    take("withdraw", lambda context: withdraw(context, [first]))
    ids = [take("propose", update(name, "member"))["change_id"] for name in mine[: 2 * BATCH]]
    picks = [Pick(change_id) for change_id in ids]
    take(f"approve of {BATCH}", lambda context: review_changes(context, picks[:BATCH], (), title="some"))
    take(f"approve of {BATCH} that join", lambda context: review_changes(context, picks[BATCH:], (), title="more"))
    take(f"apply of {BATCH} of {2 * BATCH}", lambda context: apply_changes(context, ids[:BATCH]))
    take(f"apply of {BATCH}", lambda context: apply_changes(context, ids[BATCH:]))
    last = take("propose", update(mine[0], "rejected"))["change_id"]
    take("reject", lambda context: review_changes(context, (), [last], title=None, reason="benchmark"))
    take(f"verify of the newest {NEWEST} events", _verify_newest)


def _verify_newest(context: Context) -> Any:
    last = context.view().queue.header.last_event_id
    return verify(context, since=str(max(1, last - NEWEST)))


def _show(figures: dict[str, dict[str, float]]) -> None:
    """One row a step, one column a world; behind each figure, how many times the first one it is."""
    worlds = list(figures)
    print("| milliseconds | " + " | ".join(worlds) + " |")
    print("| --- |" + " --- |" * len(worlds))
    for label, first in figures[worlds[0]].items():
        cells = [f"{figures[world][label]:.1f} ({figures[world][label] / first:.1f} x)" for world in worlds[1:]]
        print(f"| {label} | {first:.1f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
