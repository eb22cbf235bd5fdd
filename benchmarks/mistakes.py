"""Would the rules have caught the mistakes of the real history? Makes the tables of `docs/mistakes.md`.

Checks every published state and every change of it by the code that `modelref-git check` uses, follows each finding
until it went, and holds the findings against what people mended soon after. See the page for how it counts.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from published import Key, Line, read_lines
from repairs import REPAIRS, WHOLE, Repair, repairs

from modelref_git.errors import Invalid
from modelref_git.records import json_text
from modelref_git.records.quality import catalogue

CHECKOUT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = CHECKOUT / "docs" / "mistakes.md"
_SEVERITIES: Final = ("error", "warning", "hint")
_DAY: Final = 24 * 3600
_PLACE: Final = re.compile(r"line (\d+) column (\d+)")


@dataclass
class Stay:
    """A time in which a rule found something in a record."""

    severity: str
    since: int
    """Seconds, as is ``until``."""
    until: int | None = None
    is_mended: bool = False
    """Whether the record was still there when it ended."""


@dataclass
class Told:
    """Everything that the rules said, and what came of it."""

    lines: list[Line]
    stays: dict[str, list[tuple[Key, Stay]]] = field(default_factory=lambda: defaultdict(list))
    """By rule, in the order in which they began."""
    repairs: list[Repair] = field(default_factory=list)


def tell(lines: Iterable[Line]) -> Told:
    """Follow the findings through the lines."""
    told = Told(list(lines))
    open_stays: dict[Key, dict[str, Stay]] = defaultdict(dict)
    for line in told.lines:
        gone = {step.key for step in line.steps if step.after is None}
        for key, found in line.standing.items():
            now = {one.rule: one.severity for one in found}
            was = open_stays[key]
            for rule in was.keys() - now.keys():
                stay = was.pop(rule)
                stay.until, stay.is_mended = line.time, key not in gone
            for rule, severity in now.items():
                if rule not in was:
                    was[rule] = Stay(severity, line.time)
                    told.stays[rule].append((key, was[rule]))
    told.repairs = list(repairs(iter(told.lines)))
    return told


# --- tables ----------------------------------------------------------------------------------------------------------


def standing_table(told: Told) -> str:
    """Which rule found what in the published states, and how it ended."""
    rows = []
    for rule in _in_order(told.stays):
        stays = [stay for _, stay in told.stays[rule]]
        mended = [stay for stay in stays if stay.is_mended]
        left = sum(stay.until is None for stay in stays)
        days = [((stay.until or 0) - stay.since) / _DAY for stay in mended]
        rows.append(
            (
                f"`{rule}`",
                stays[0].severity,
                len({key for key, _ in told.stays[rule]}),
                _date(min(stay.since for stay in stays)),
                len(mended),
                f"{max(statistics.median(days), 0):.0f}" if days else "",
                len(stays) - len(mended) - left,
                left,
            )
        )
    heads = ("rule", "severity", "records", "first seen", "mended", "days until then (median)", "gone with the record")
    return _table((*heads, "there today"), rows)


def change_table(told: Told) -> str:
    """Which rule found what in a change, and whether the same place was changed again."""
    again = {(one.key, one.path, one.came) for one in told.repairs}
    seen: dict[str, list[bool]] = defaultdict(list)
    severity = {}
    for line in told.lines:
        for step in line.steps:
            for one in step.brought:
                if one.scope == "change":
                    severity[one.rule] = one.severity
                    seen[one.rule].append((step.key, one.path, line.number) in again)
    rows = [
        (f"`{rule}`", severity[rule], len(seen[rule]), sum(seen[rule]), len(seen[rule]) - sum(seen[rule]))
        for rule in _in_order(seen)
    ]
    return _table(("rule", "severity", "changes", "changed again within 14 days", "left as it was"), rows)


def repair_table(told: Told) -> str:
    """How many repairs had been flagged, by kind."""
    rows: list[tuple[str | int, ...]] = []
    for kind in REPAIRS:
        mine = list(_grouped(one for one in told.repairs if one.kind == kind))
        rows.append((kind, len(mine), *_flagged(mine)))
    both = list(_grouped(one for one in told.repairs if one.kind in REPAIRS))
    rows.append(("**both**", len(both), *_flagged(both)))
    heads = ("", "repairs", *(f"flagged: {name}" for name in _SEVERITIES), "flagged", "not flagged")
    return _table(heads, rows)


def place_table(told: Told) -> str:
    """What was repaired, and which rules had said so."""
    groups: dict[str, list[Repair]] = defaultdict(list)
    for one in told.repairs:
        if one.kind in REPAIRS:
            groups[_place(one)].append(one)
    rows = []
    for place, mine in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        rules = Counter(rule for one in mine for rule in sorted({found.rule for found in one.at}))
        said = ", ".join(f"`{rule}` {count}" for rule, count in sorted(rules.items(), key=lambda it: (-it[1], it[0])))
        rows.append((place, len(mine), sum(bool(one.at) for one in mine), said))
    return _table(("what was repaired", "times", "flagged", "by"), rows)


def invalid_table(folder: Path) -> str:
    """The files that are no JSON, and where we say that they are not."""
    known = {}
    for row in (folder / "image-history-anomalies.jsonl").read_text(encoding="utf-8").splitlines():
        anomaly = json.loads(row)
        if anomaly["kind"] == "invalid_json":
            known[anomaly["commit"][:8]] = anomaly
    rows = []
    for path in sorted((folder / "image-invalid").glob("*.json")):
        anomaly = known.get(path.name[:8])
        rows.append((f"`{path.name}`", _refusal(path), _said(anomaly)))
    return _table(("file", "refused by us at", "the log says"), rows)


def _refusal(path: Path) -> str:
    try:
        json_text.parse(path.read_bytes(), what=path.name, max_bytes=None)
    except Invalid as error:
        (row,) = error.details
        return f"line {row['line']} column {row['column']}: {row['message']} (`{row['rule']}`)"
    return "not refused"


def _said(anomaly: dict[str, Any] | None) -> str:
    if anomaly is None:
        return "nothing: on no first parent"
    found = _PLACE.search(anomaly["detail"])
    return found[0] if found else str(anomaly["detail"])


def totals_table(told: Told) -> str:
    """What was looked at."""
    steps = [step for line in told.lines for step in line.steps]
    stays = [stay for rule in told.stays.values() for _, stay in rule]
    never = [rule.id for rule in catalogue.RULES if rule.id not in told.stays and not _fired(told, rule.id)]
    judged = [ident for ident in never if catalogue.BY_ID[ident].scope in ("record", "change", "dataset")]
    others = Counter(one.kind for one in told.repairs)
    rows: list[tuple[Any, ...]] = [
        ("published states (lines of the log)", len(told.lines)),
        ("changes of records", len(steps)),
        (
            "of them to a record that is taken in",
            sum(step.after is not None and bool(step.after.record) for step in steps),
        ),
        ("of them to one that is refused", sum(step.after is not None and not step.after.record for step in steps)),
        ("findings in states (a rule and a record, from its coming to its going)", len(stays)),
        ("of them mended while the record was there", sum(stay.is_mended for stay in stays)),
        ("of them noise: gone with the record, or there today", sum(not stay.is_mended for stay in stays)),
        ("the same without hints", sum(not stay.is_mended for stay in stays if stay.severity != "hint")),
        ("changed again within 14 days, but not counted as repairs", ""),
        *((f"· {kind}", count) for kind, count in sorted(others.items()) if kind not in REPAIRS),
        (
            "rules on records, changes and the dataset that never found anything",
            ", ".join(f"`{one}`" for one in judged),
        ),
    ]
    return _table(("what", "count"), rows)


def _fired(told: Told, ident: str) -> bool:
    return any(one.rule == ident for line in told.lines for step in line.steps for one in step.brought)


def _grouped(found: Iterable[Repair]) -> Iterator[list[Repair]]:
    """Repairs of one record by one line are one repair."""
    groups: dict[tuple[Key, int], list[Repair]] = defaultdict(list)
    for one in found:
        groups[one.key, one.went].append(one)
    yield from groups.values()


def _flagged(groups: Sequence[Sequence[Repair]]) -> tuple[int, ...]:
    """How many of the repairs had been flagged at their place, by the gravest finding; all of them; and none."""
    worst: Counter[str] = Counter()
    for group in groups:
        said = {found.severity for one in group for found in one.at}
        worst[next((name for name in _SEVERITIES if name in said), "")] += 1
    flagged = sum(worst[name] for name in _SEVERITIES)
    return (*(worst[name] for name in _SEVERITIES), flagged, worst[""])


def _place(one: Repair) -> str:
    if one.path == WHOLE:
        if one.kind == "undone":
            return "a record: created and deleted, or deleted and created again"
        return "a record: refused, and then taken in (or refused for another reason)"
    parts = [part for part in one.path.split("/") if part and not part.isdecimal()]
    if parts[0] == "_legacy":
        return f"`{'md5sum' if parts[1] == 'md5sum' else parts[-1]}` (older files alone)"
    return "`name` (a rename)" if parts == ["name"] else f"`{'.'.join(parts)}`"


def _in_order(rules: Iterable[str]) -> list[str]:
    """Rules as the catalogue has them, those that are never waived first."""
    known = [rule.id for rule in catalogue.RULES]
    return sorted(rules, key=lambda ident: (known.index(ident) if ident in known else -1, ident))


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


# --- the page --------------------------------------------------------------------------------------------------------


def tables(folder: Path) -> dict[str, str]:
    """Every table of the page by its name."""
    told = tell(read_lines(folder / "image-history.jsonl.gz"))
    return {
        "totals": totals_table(told),
        "standing": standing_table(told),
        "changes": change_table(told),
        "repairs": repair_table(told),
        "places": place_table(told),
        "invalid": invalid_table(folder),
    }


def filled(page: str, made: dict[str, str]) -> str:
    """The page with its tables made anew; each stands between two comments that name it."""
    for name, table in made.items():
        begin, end = f"<!-- {name}, by benchmarks/mistakes.py -->\n", f"<!-- end of {name} -->"
        before, found, rest = page.partition(begin)
        if not found:
            raise SystemExit(f"the page has no place for the table {name!r}")
        page = f"{before}{begin}{table}{rest[rest.index(end) :]}"
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/mistakes.md")
    parser.add_argument("--list", action="store_true", help="print every repair, and what was found there")
    options = parser.parse_args()
    folder = Path(os.environ.get("MODELREF_TEST_DATA") or CHECKOUT.parent / "shared" / "data")
    if options.list:
        for one in repairs(read_lines(folder / "image-history.jsonl.gz")):
            said = ", ".join(sorted({found.rule for found in one.at})) or "-"
            print(f"{one.came}-{one.went} {one.key} {one.path} {one.kind}: {one.old!r} -> {one.new!r} [{said}]")
        return
    made = tables(folder)
    if options.write:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
        return
    for name, table in made.items():
        print(f"### {name}\n\n{table}")


if __name__ == "__main__":
    main()
