"""What the rules of good data cost, for one change and for a whole dataset, as the dataset grows.

``python benchmarks/checks.py [--sizes 1000,100000] [--rounds 24]``
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

from measure import Figures, Way, aim, interleave, settled, timed
from worlds import CATEGORY, Scratch, World, build, find_tool, open_context, updates

from modelref_git.operations.apply import apply_changes
from modelref_git.operations.check import check_range, check_revision
from modelref_git.operations.checking.weighing import Finding, found_in_change
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request, stored_form
from modelref_git.operations.policy_settings import set_policy
from modelref_git.operations.propose import propose_bulk, propose_create, propose_update, read_bulk_line
from modelref_git.operations.read import get_record
from modelref_git.operations.review import Pick, review_changes
from modelref_git.records.quality.catalogue import RULES
from modelref_git.records.quality.rule import Facts
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.lookup import open_lookup

A_BATCH: Final = 100
BATCHES: Final = 9
"""So many batches are measured; each updates other records, and the smallest dataset has to have enough of them."""
BUILDS: Final = 3
FRESH: Final = 300

CREATE: Final = "create of a new name"
ALIKE: Final = "create of a look-alike"
"""Its name is a letter more than another's, and its download that one's under another file name."""
FIELD: Final = "update of a field"
DOWNLOAD: Final = "update of a download"
KINDS: Final = (CREATE, ALIKE, FIELD, DOWNLOAD)
LAST: Final = "check of the last change (main~1..main)"
WHOLE: Final = "check of the whole dataset"

WITH: Final = "with the rules"
OFF: Final = "all rules off"


@dataclass(frozen=True)
class Measured:
    """A dataset twice, with the rules as they come and with all of them off, and records that neither has."""

    world: World
    paths: Mapping[str, Path]
    """The repository by `WITH` and `OFF`."""
    fresh: list[dict[str, Any]]

    @property
    def label(self) -> str:
        """How rows name it."""
        return f"{self.world.size:,} records"


def main() -> None:
    """Build the datasets, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=lambda text: [int(part) for part in text.split(",")], default=[1_000, 100_000])
    parser.add_argument("--rounds", type=int, default=24)
    options = parser.parse_args()
    if min(options.sizes) < (BATCHES + 1) * A_BATCH:
        parser.error(f"a dataset needs {(BATCHES + 1) * A_BATCH} records or more")
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="modelref-checks-") as folder:
        scratch = Scratch(Path(folder))
        sides = [prepare(scratch, size) for size in options.sizes]
        first_builds(figures, sides)
        rules_alone(figures, sides, options.rounds)
        whole_proposals(figures, sides, options.rounds)
        batches(figures, sides)
        whole_checks(figures, sides)
    show_table(figures, sides)


# --- what is measured ------------------------------------------------------------------------------------------------


def prepare(scratch: Scratch, size: int) -> Measured:
    """The dataset of *size* records, and the records that the generator would make next."""
    tool = find_tool()
    world = build(scratch, tool, size)
    more = subprocess.run(
        [sys.executable, str(tool), str(size + FRESH), "--seed", "7"], capture_output=True, check=True
    ).stdout.splitlines()[size:]
    without = scratch.copy(world.path)
    set_policy(open_context(without), [(f"rules.{rule.id}", "off") for rule in RULES])
    return Measured(world, {WITH: world.path, OFF: without}, [json.loads(row) for row in more])


def request_of(side: Measured, kind: str, number: int) -> Request:
    """A change that is asked for in round *number*; each round's is about another record."""
    fresh = side.fresh[number % len(side.fresh)]
    name = side.world.names[number % len(side.world.names)]
    live = get_record(open_context(side.paths[WITH]), CATEGORY, name)
    mine = {"file_url": f"https://weights.example/benchmark/{number}", "sha256sum": f"{number + 1:064x}"}
    asked = {
        CREATE: fresh,
        ALIKE: {
            **fresh,
            "name": f"{name[0]}{name}",
            "config": {"download": [{**live["config"]["download"][0], "file_name": f"benchmark_{number}.safetensors"}]},
        },
        FIELD: {**live, "description": f"Another text of round {number}, about light and texture."},
        DOWNLOAD: {**live, "config": {"download": [{**live["config"]["download"][0], **mine}]}},
    }[kind]
    operation = "create" if kind in (CREATE, ALIKE) else "update"
    return Request(operation, CATEGORY, asked["name"], asked, "benchmark", ("*",))


# --- one change ------------------------------------------------------------------------------------------------------


def first_builds(figures: Figures, sides: list[Measured]) -> None:
    """The lookup made from nothing."""
    for side in sides:
        for path in side.paths.values():
            for _ in range(BUILDS):
                context = open_context(path)
                dataset = context.view().dataset()
                file = context.store.local_dir / "cache" / "lookup.sqlite"
                file.unlink(missing_ok=True)
                seconds = settled(lambda: bring(context, dataset))  # noqa: B023 - called at once
                figures.seconds.setdefault(("lookup, its first build", side.label), []).append(seconds)
        made = figures.median("lookup, its first build", side.label) or 0.0
        print(f"the lookup of {side.label}: made in {made:.2f} s, {file.stat().st_size / 1e6:.1f} MB")


def rules_alone(figures: Figures, sides: list[Measured], rounds: int) -> None:
    """The rules on one change in a repository that was just opened: the lookup opened, every rule asked."""
    for kind in KINDS:
        ways = {side.label: judging(side, kind) for side in sides}
        interleave(figures, f"rules: {kind}", ways, rounds)


def judging(side: Measured, kind: str) -> Way:
    """What is told of a change is thrown away, but for the look-alike there has to be something to tell."""

    def way(number: int) -> float:
        request = request_of(side, kind, number)
        context = open_context(side.paths[WITH])
        dataset = context.view().dataset()
        live = get_record(context, CATEGORY, request.name or "") if request.operation == "update" else None
        record, _ = stored_form(dataset.schema(CATEGORY), dict(request.payload or {}), live)
        facts = Facts(CATEGORY, request.name or "", record, live)
        config = dataset.config
        found: list[Finding] = []

        def judge() -> None:
            with open_lookup(context.store, dataset) as others:
                found.extend(found_in_change(config, replace(facts, others=others)))

        seconds = settled(judge)
        if kind == ALIKE and not found:
            sys.exit(f"nothing is said about {request.name!r}: the benchmark would measure nothing")
        return seconds

    return way


def whole_proposals(figures: Figures, sides: list[Measured], rounds: int) -> None:
    """The whole step, from the request to the synced event, in a repository that was just opened."""
    for kind in KINDS:
        ways = {f"{side.label}, {how}": proposing(side, how, kind) for side in sides for how in (WITH, OFF)}
        interleave(figures, f"propose: {kind}", ways, rounds)


def proposing(side: Measured, how: str, kind: str) -> Way:
    """One proposal a round."""

    def way(number: int) -> float:
        request = request_of(side, kind, number)
        context = open_context(side.paths[how])
        propose: Callable[..., Any] = propose_create if request.operation == "create" else propose_update
        return settled(lambda: propose(context, request))

    return way


# --- many changes ----------------------------------------------------------------------------------------------------


def batches(figures: Figures, sides: list[Measured]) -> None:
    """A batch of 100 approved and applied, and one of one change; then the lookup is brought along."""
    hows = [(side, how) for side in sides for how in (WITH, OFF)]
    for number in range(BATCHES):
        for side, how in hows:
            rows = list(updates(side.world.names[: (BATCHES + 1) * A_BATCH], "batch"))
            path = side.paths[how]
            for count, first in ((A_BATCH, number * A_BATCH), (1, BATCHES * A_BATCH + number)):
                approved = approve_and_apply(path, rows[first : first + count])
                along = bring_along(path)
                if count == A_BATCH:
                    figures.seconds.setdefault((f"approve of {A_BATCH}", f"{side.label}, {how}"), []).append(approved)
                if how == WITH:
                    label = f"lookup, brought along after an apply of {count}"
                    figures.seconds.setdefault((label, side.label), []).append(along)


def approve_and_apply(path: Path, rows: list[dict[str, Any]]) -> float:
    """Propose, approve and apply *rows* as one batch; gives the seconds of the approval."""
    lines = [read_bulk_line(number, row, ("*",)) for number, row in enumerate(rows, 1)]
    result = propose_bulk(open_context(path), lines)
    if result.errors:
        sys.exit(f"the bulk was refused: {result.errors[0]}")
    context = open_context(path)
    batch: list[int] = []
    picks = [Pick(number) for number in result.change_ids]
    seconds = settled(lambda: batch.append(review_changes(context, picks, (), title="benchmark")["batch_id"]))
    apply_changes(open_context(path), (), batch_id=batch[0])
    return seconds


def bring(context: Context, dataset: DatasetTree) -> None:
    """Have the lookup describe *dataset*."""
    with open_lookup(context.store, dataset):
        pass


def bring_along(path: Path) -> float:
    """Seconds until the lookup describes today's dataset."""
    context = open_context(path)
    dataset = context.view().dataset()
    return settled(lambda: bring(context, dataset))


# --- the whole dataset -----------------------------------------------------------------------------------------------


def whole_checks(figures: Figures, sides: list[Measured]) -> None:
    """``check`` of everything, and of what the last apply changed."""
    last = {side.label: checking_the_last(side) for side in sides}
    interleave(figures, LAST, last, 6)
    every = {side.label: checking_all(side) for side in sides}
    interleave(figures, WHOLE, every, 3)


def checking_the_last(side: Measured) -> Way:
    """A way to check the change that was applied last."""
    return lambda _number: timed(lambda: check_range(open_context(side.paths[WITH]), "main~1", "main"))


def checking_all(side: Measured) -> Way:
    """A way to check every record, per thousand of them."""
    thousands = side.world.size / 1_000
    return lambda _number: timed(lambda: check_revision(open_context(side.paths[WITH]))) / thousands


# --- the answer ------------------------------------------------------------------------------------------------------


def show_table(figures: Figures, sides: list[Measured]) -> None:
    """One row for each thing done, one column for each dataset; behind a figure, how many times the first one it is."""
    rows = [(f"rules: {kind}", "") for kind in KINDS]
    rows += [(f"lookup, brought along after an apply of {count}", "") for count in (1, A_BATCH)]
    rows += [(f"propose: {kind}", f", {how}") for kind in KINDS for how in (WITH, OFF)]
    rows += [(f"approve of {A_BATCH}", f", {how}") for how in (WITH, OFF)]
    rows += [(LAST, ""), (WHOLE, "")]
    print("\n| milliseconds | " + " | ".join(side.label for side in sides) + " |")
    print("| --- |" + " --- |" * len(sides))
    for what, how in rows:
        found = [(figures.median(what, f"{side.label}{how}") or 0.0) * 1_000 for side in sides]
        cells = [f"{found[0]:.2f}"] + [f"{value:.2f} ({value / found[0]:.1f} x)" for value in found[1:]]
        each = ", per 1,000 records" if what == WHOLE else ""
        print(f"| {what}{how}{each} | " + " | ".join(cells) + " |")
    print("\naims (medians of this run; a missed one fails nothing)")
    least, most = sides[0].label, sides[-1].label
    for what, how in rows:
        if how != f", {OFF}" and what != LAST:
            ratio = figures.ratio((what, f"{most}{how}"), (what, f"{least}{how}"))
            aim(f"{what}{how}: {most} against {least}", ratio, 2.0)


if __name__ == "__main__":
    main()
