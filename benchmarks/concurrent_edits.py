"""Do concurrent edits merge? Real edits, merged by line in one file, by line in a file a record, and by field.

Takes neighbouring lines of the real history as proposals that several people made from one base, and counts which of
them go through without a person. See README.md for how groups are formed, and what is checked.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from history import Group, Key, Proposal, Record, Records, Rules, groups, read_history
from meant import collide, faults
from measure import aim, timed

from modelref_git.errors import Invalid
from modelref_git.formats import v2
from modelref_git.records import codec
from modelref_git.records.json_text import same
from modelref_git.records.merge import FieldConflict, merge_records
from modelref_git.records.schemas import Schema

HISTORY: Final = "image-history.jsonl.gz"
SIZES: Final = (2, 5, 10)
AIM: Final = 97.0
ONE_FILE: Final = "lines of one file a category"
FILE_EACH: Final = "lines of one file a record"
OURS: Final = "fields (ours)"
WAYS: Final = (ONE_FILE, FILE_EACH, OURS)

# --- three ways to merge ---------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What one way makes of a group."""

    refused: list[bool] = field(default_factory=list)
    """For each proposal."""
    records: Records = field(default_factory=dict)
    """All that was touched, as it is after the merge."""
    broken: str | None = None
    """Why the result cannot be read."""


@dataclass
class Bench:
    """The scratch files, what was timed, and the conflicts of our way."""

    folder: Path
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    conflicts: dict[str, tuple[Key, FieldConflict]] = field(default_factory=dict)

    def merge_file(self, what: str, ours: bytes, base: bytes, theirs: bytes) -> bytes | None:
        """What ``git merge-file`` gives; None if it finds a conflict."""
        paths = [self.folder / name for name in ("ours", "base", "theirs")]
        for path, data in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(data)
        done: list[subprocess.CompletedProcess[bytes]] = []
        command = ["git", "merge-file", "-p", *map(str, paths)]
        self.seconds[what].append(timed(lambda: done.append(subprocess.run(command, capture_output=True, check=False))))
        return done[0].stdout if done[0].returncode == 0 else None

    def merge(self, group: Group) -> dict[str, Outcome]:
        """All ways; a proposal is taken as a whole or not at all."""
        return {ONE_FILE: self.by_file(group), FILE_EACH: self.by_record_file(group), OURS: self.by_field(group)}

    def merge_by_record(self, group: Group, by_file: Outcome) -> dict[str, Outcome]:
        """All ways with each record a proposal of its own; who edits one file still sends it as a whole."""
        single = group.by_record()
        refused = [no for one, no in zip(group.proposals, by_file.refused, strict=True) for _ in one.records]
        one_file = Outcome(refused, by_file.records, by_file.broken)
        return {ONE_FILE: one_file, FILE_EACH: self.by_record_file(single), OURS: self.by_field(single)}

    def by_file(self, group: Group) -> Outcome:
        """Each category is one file; a proposal is that file with its records in the places they have."""
        base = {category: v2.aggregate(named(records)) for category, records in group.files.items()}
        ours, outcome = dict(base), Outcome()
        for proposal in group.proposals:
            merged: dict[str, bytes | None] = {}
            for category in {key[0] for key in proposal.records}:
                records: dict[Key, bytes | None] = dict(group.files[category])
                records |= {key: group.data(key, new) for key, new in proposal.records.items() if key[0] == category}
                theirs = v2.aggregate(named(records))
                if ours[category] == base[category]:
                    merged[category] = theirs
                else:
                    merged[category] = self.merge_file(ONE_FILE, ours[category], base[category], theirs)
            done = {category: data for category, data in merged.items() if data is not None}
            outcome.refused.append(len(done) < len(merged))
            if len(done) == len(merged):
                ours |= done
        try:
            files = {category: v2.read_category(data, category) for category, data in ours.items()}
            outcome.records = {key: files[key[0]].get(key[1]) for key in group.base}
        except Invalid as fault:
            outcome.broken = f"no JSON any more: {fault}"
        return outcome

    def by_record_file(self, group: Group) -> Outcome:
        """Each record is one file; those that two changed are merged by line."""
        base = {key: group.data(key, record) for key, record in group.base.items()}
        ours, outcome = dict(base), Outcome()
        for proposal in group.proposals:
            merged = {key: group.data(key, record) for key, record in proposal.records.items()}
            refused = False
            for key, theirs in merged.items():
                old, mine = base[key], ours[key]
                if mine in (old, theirs):
                    continue
                if old is not None and mine is not None and theirs is not None:
                    merged[key] = self.merge_file(FILE_EACH, mine, old, theirs)
                refused |= old is None or mine is None or theirs is None or merged[key] is None
            outcome.refused.append(refused)
            if not refused:
                ours |= merged
        try:
            outcome.records = {key: data and codec.decode(data) for key, data in ours.items()}  # type: ignore[misc]
        except Invalid as fault:
            outcome.broken = f"no JSON any more: {fault}"
        return outcome

    def by_field(self, group: Group) -> Outcome:
        """The product's merge of each record; the result must be valid where the three sides were."""
        outcome = Outcome(records=dict(group.base))
        for proposal in group.proposals:
            merged: Records = {}
            refused = False
            for key, theirs in proposal.records.items():
                base, ours, schema = group.base[key], outcome.records[key], group.schemas[key]
                if same(base, ours):
                    merged[key] = theirs
                    continue
                result = merge_records(base, ours, theirs, schema.merge_hints)
                self._time(base, ours, theirs, schema)
                for conflict in result.conflicts:
                    shown = f"{key} {conflict.path} {conflict.base!r} {conflict.ours!r} {conflict.theirs!r}"
                    self.conflicts.setdefault(shown, (key, conflict))
                merged[key] = result.record
                refused |= bool(result.conflicts) or not is_valid(result.record, (base, ours, theirs), schema)
            outcome.refused.append(refused)
            if not refused:
                outcome.records |= merged
        return outcome

    def _time(self, base: Record, ours: Record, theirs: Record, schema: Schema) -> None:
        if base is None or ours is None or theirs is None:
            return
        data = [codec.encode(side, schema.order) for side in (base, ours, theirs)]

        def whole() -> None:
            old, mine, other = map(codec.decode, data)
            record = merge_records(old, mine, other, schema.merge_hints).record
            codec.encode(record or {}, schema.order)

        self.seconds["merge alone"].append(timed(lambda: merge_records(base, ours, theirs, schema.merge_hints)))
        self.seconds[OURS].append(timed(whole))


def named(records: dict[Key, bytes] | dict[Key, bytes | None]) -> list[tuple[str, bytes]]:
    """The records of one file by name; those that are None are gone."""
    return [(key[1], data) for key, data in records.items() if data is not None]


def is_valid(record: Record, sides: tuple[Record, Record, Record], schema: Schema) -> bool:
    """Whether a merged record satisfies its schema, as far as the records that it came from do."""
    return record is None or not schema.problems(record) or any(side and schema.problems(side) for side in sides)


# --- the report ------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What became of all groups of one size."""

    groups: int = 0
    proposals: int = 0
    whole: Counter[str] = field(default_factory=Counter)
    """Groups in which nothing was refused, by the way."""
    refused: Counter[str] = field(default_factory=Counter)
    """Proposals, by the way."""
    taken: Counter[str] = field(default_factory=Counter)
    """Of what a way refused: what goes through with us."""
    whole_by_us: Counter[str] = field(default_factory=Counter)
    collisions: Counter[str] = field(default_factory=Counter)
    """Of what a way refused: what we refuse, because another proposal made something else of the same thing."""
    odd: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Groups whose result is not what the authors meant."""

    def add(self, group: Group, outcomes: dict[str, Outcome]) -> None:
        """Count one group."""
        self.groups += 1
        self.proposals += len(group.proposals)
        mine = outcomes[OURS].refused
        collides = []
        accepted: dict[Key, list[Proposal]] = defaultdict(list)
        for proposal, no in zip(group.proposals, mine, strict=True):
            rivals = [(other, key) for key in proposal.records for other in accepted[key]]
            collides.append(any(collide(group, proposal, other, key) for other, key in rivals))
            for key in () if no else proposal.records:
                accepted[key].append(proposal)
        self.odd["refused by us without a collision"] += sum(
            no and not hit for no, hit in zip(mine, collides, strict=True)
        )
        self.odd["taken by us with a collision"] += sum(hit and not no for no, hit in zip(mine, collides, strict=True))
        for way, outcome in outcomes.items():
            self.refused[way] += sum(outcome.refused)
            self.whole[way] += not any(outcome.refused)
            self.taken[way] += sum(no and not ours for no, ours in zip(outcome.refused, mine, strict=True))
            self.collisions[way] += sum(no and ours for no, ours in zip(outcome.refused, mine, strict=True))
            self.whole_by_us[way] += any(outcome.refused) and not any(mine)
            taken = [one for one, no in zip(group.proposals, outcome.refused, strict=True) if not no]
            if outcome.broken:
                self.wrong[way].append(outcome.broken)
            elif found := faults(group, taken, outcome.records):
                self.wrong[way].append(found[0])

    def show(self, size: int, remark: str) -> None:
        """Print what was counted."""
        print(f"\n{self.groups} groups of {size}, {self.proposals:,} proposals{remark}")
        for way in WAYS:
            print(
                f"  {way:<30} groups merged whole {share(self.whole[way], self.groups)}, proposals refused "
                f"{share(self.refused[way], self.proposals)}, not what was meant: {len(self.wrong[way])} groups"
            )
            for text, times in Counter(text[:150] for text in self.wrong[way]).most_common(3):
                print(f"      {times} times {text}")
        for way in (ONE_FILE, FILE_EACH):
            print(
                f"  of what {way} refuse, we take groups "
                f"{share(self.whole_by_us[way], self.groups - self.whole[way])}, proposals "
                f"{share(self.taken[way], self.refused[way])}; the other {self.collisions[way]} collide"
            )
        for text, times in self.odd.items():
            print(f"  {text}: {times}")


def share(part: int, whole: int) -> str:
    """A part in percent, with the two numbers."""
    return f"{100 * part / whole:5.1f} % ({part:,} of {whole:,})" if whole else "- (none)"


def show_times(bench: Bench) -> None:
    """Print how long merges take."""
    start = [timed(lambda: subprocess.run(["git", "--version"], capture_output=True, check=True)) for _ in range(50)]
    rows = {
        "git merge-file of one file": bench.seconds[ONE_FILE],
        "git merge-file of a record": bench.seconds[FILE_EACH],
        "git --version, for comparison": start,
        "ours, a record: read, merge, write": bench.seconds[OURS],
        "ours, a record: merge alone": bench.seconds["merge alone"],
    }
    print("\nmedian time of a merge")
    for text, values in rows.items():
        if values:
            print(f"  {text:<36} {statistics.median(values) * 1000:8.3f} ms  (n={len(values):,})")


def show_conflicts(bench: Bench, in_full: bool) -> None:
    """Print what kinds of conflicts of ours there were, and every one if *in_full*; each counts once."""
    print(f"\n{len(bench.conflicts)} different conflicts of ours")
    for kind, times in Counter(kind_of(conflict) for _, conflict in bench.conflicts.values()).most_common():
        print(f"  {times:4} {kind}")
    for (category, name), conflict in bench.conflicts.values() if in_full else ():
        values = [json.dumps(value, ensure_ascii=False) for value in (conflict.base, conflict.ours, conflict.theirs)]
        print(f"  {category} {name!r} at {conflict.path!r}:", *values, sep="\n      ")


def kind_of(conflict: FieldConflict) -> str:
    """What collided."""
    base, ours, theirs = conflict.base, conflict.ours, conflict.theirs
    if not conflict.path:
        return "create against create" if base is None else "delete against update"
    if ours is None or theirs is None:
        return "taken away against changed"
    if not (isinstance(ours, dict) and isinstance(theirs, dict)):
        return "the same field"
    if base is None:
        return "an atomic entry that both added"
    sides = [{name for name in {**base, **side} if not same(base.get(name), side.get(name))} for side in (ours, theirs)]
    alike = all(same(ours.get(name), theirs.get(name)) for name in sides[0] & sides[1])
    return f"an atomic entry, {'different fields' if alike else 'the same field'} of it"


def find_history() -> Path:
    """The real history: in ``$MODELREF_TEST_DATA``, else in ``../shared/data``."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("MODELREF_TEST_DATA") or beside) / HISTORY
    if not path.is_file():
        sys.exit(f"{path} is not there. The benchmark needs the real history: name its folder with MODELREF_TEST_DATA.")
    return path


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a group for every tenth line only")
    parser.add_argument("--as-they-come", action="store_true", help="every line is a proposal of its own")
    parser.add_argument("--stamps", action="store_true", help="proposals carry who changed the record when, as ours do")
    parser.add_argument("--list", action="store_true", help="print every conflict of ours")
    words = parser.parse_args()
    lines, counts = read_history(find_history())
    print(f"{len(lines)} lines;", ", ".join(f"{count:,} changes {what}" for what, count in counts.items()))
    tallies = {size: (Tally(), Tally()) for size in SIZES}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for size, (by_line, by_record) in tallies.items():
            for group in groups(lines, Rules(size, 10 if words.quick else 1, not words.as_they_come, words.stamps)):
                ways = bench.merge(group)
                by_line.add(group, ways)
                by_record.add(group.by_record(), bench.merge_by_record(group, ways[ONE_FILE]))
            by_line.show(size, ", each a line as a whole")
            by_record.show(size, ", each a record of such a line")
        show_times(bench)
    show_conflicts(bench, in_full=words.list)
    show_aims({size: pair[0] for size, pair in tallies.items()}, "lines")
    show_aims({size: pair[1] for size, pair in tallies.items()}, "records")


def show_aims(tallies: dict[int, Tally], unit: str) -> None:
    """Print the aim next to what was reached, with lines or records for proposals."""
    print(f"\nproposals are {unit}")
    for way in (ONE_FILE, FILE_EACH):
        for size, tally in tallies.items():
            if size == min(SIZES):
                what, done, of = "pairs", tally.whole_by_us[way], tally.groups - tally.whole[way]
            else:
                what, done, of = f"proposals in groups of {size}", tally.taken[way], tally.refused[way]
            aim(f"{what} that {way} refuse", 100 * done / of if of else None, AIM, at_least=True, unit=" %")


if __name__ == "__main__":
    main()
