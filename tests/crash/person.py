"""A person at work on a repository, as a process of their own, for tests that run several at once and kill some.

A requestor proposes, edits and takes back; an approver reads, decides, applies and administers. Whatever was answered
with yes is a line of JSON on stdout: ``{"action", "actor", "change_ids", "batch_id"}``, as the log must have it.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modelref_git.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from modelref_git.operations.apply import apply_changes
from modelref_git.operations.changes import Filters, list_changes
from modelref_git.operations.closing import withdraw
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.hold import hold, unhold
from modelref_git.operations.layout import set_fan_out
from modelref_git.operations.members import add_member
from modelref_git.operations.propose import editing, propose_bulk, propose_create, propose_update, read_bulk_line
from modelref_git.operations.purge import purge_changes
from modelref_git.operations.rebase import propose_rebase
from modelref_git.operations.revert import revert_batch
from modelref_git.operations.review import Pick, review_changes

THING = "thing"
NAMES = [f"m{number}" for number in range(16)]


class Person:
    """Somebody with a way into the repository and dice."""

    def __init__(self, path: Path, actor: str, seed: str) -> None:
        self.actor = actor
        self.ctx = Context.open(path, claim=actor)
        self.dice = random.Random(f"{actor} {seed}")
        self.done = 0

    def told(self, action: str, change_ids: Sequence[int], batch_id: int | None = None) -> None:
        """Say that something was answered with yes."""
        self.done += bool(change_ids)
        row = {"action": action, "actor": self.actor, "change_ids": list(change_ids), "batch_id": batch_id}
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()

    def rows(self, *statuses: str, mine: bool = False) -> list[dict[str, Any]]:
        """The changes in one of *statuses*."""
        return list(list_changes(self.ctx, Filters(statuses=statuses), limit=None, mine=mine)["items"])

    def some(self, rows: list[dict[str, Any]], most: int) -> list[int]:
        """A few of them."""
        chosen = self.dice.sample(rows, min(len(rows), self.dice.randint(1, most)))
        return [row["change_id"] for row in chosen]

    # --- a requestor ---

    def propose(self) -> None:
        """Create a record, or update one, in the place of an own proposal now and then."""
        name = self.dice.choice(NAMES)
        dataset = self.ctx.view().dataset()
        own = [row for row in self.rows("pending", "approved", mine=True) if row["model_name"] == name]
        old = own[0]["change_id"] if own and self.dice.random() < 0.3 else None
        field, value = self.dice.choice("abcd"), self.dice.randrange(10**6)
        if dataset.blob(THING, name) is None:
            record = dict.fromkeys("abcd", 0) | {"by": self.actor}
            answer = propose_create(self.ctx, Request("create", THING, name, record), supersedes=old)
        else:
            edit = editing([(f"/{field}", value)], ())
            answer = propose_update(self.ctx, Request("update", THING, name), edit=edit, supersedes=old)
        self.told("enqueue", [answer["change_id"]])
        if old is not None:
            self.told("supersede", [old])

    def bulk(self) -> None:
        """Several at once."""
        rows = [
            {"operation": "create", "category": THING, "model_name": f"{self.dice.randrange(10**9)}", "payload": {}}
            for _ in range(3)
        ]
        found = propose_bulk(self.ctx, [read_bulk_line(number, row, ()) for number, row in enumerate(rows, 1)])
        self.told("enqueue", found.change_ids)

    def rebase(self) -> None:
        """Bring an own proposal up to date, edited or not."""
        rows = self.rows("pending", "approved", mine=True)
        if rows:
            number = self.some(rows, 1)[0]
            value = self.dice.randrange(10**6)
            settings = [(f"/{self.dice.choice('abcd')}", value)] if self.dice.random() < 0.5 else []
            before = self.ctx.view().head
            propose_rebase(self.ctx, number, settings=settings, take=self.dice.choice([None, "mine", "theirs"]))
            if settings and before:
                self.told("rebase", [number])

    def take_back(self) -> None:
        """Withdraw."""
        rows = self.rows("pending", "approved", mine=True)
        if rows:
            numbers = self.some(rows, 2)
            withdraw(self.ctx, numbers)
            self.told("withdraw", numbers)

    # --- an approver ---

    def approve(self) -> None:
        """Approve what was read, as it was read; others are rejected in the same step now and then."""
        view = self.ctx.view()
        numbers = list(view.queue.change_ids("pending"))
        self.dice.shuffle(numbers)
        picks = []
        names: set[str] = set()
        for number in numbers[: self.dice.randint(1, 4)]:
            change = view.queue.change(number)
            if change is None or change.requested_username == self.actor or change.model_name in names:
                continue
            if change.category == THING or not picks:
                picks.append(Pick(number, change.blob or change.base_blob))
                names.add(change.model_name)
            if change.category != THING:
                break
        if picks:
            left = [number for number in numbers if number not in {pick.change_id for pick in picks}]
            refused = left[:1] if self.dice.random() < 0.2 else []
            answer = review_changes(self.ctx, picks, refused, title="a title", reason="a reason")
            self.told("approve", [pick.change_id for pick in picks], answer["batch_id"])
            self.told("reject", refused)

    def reject(self) -> None:
        """Reject, approved ones too."""
        rows = self.rows("pending", "approved")
        if rows:
            numbers = self.some(rows, 2)
            review_changes(self.ctx, [], numbers, title=None, reason="a reason")
            self.told("reject", numbers)

    def apply(self) -> None:
        """Apply what is open, whole or in part."""
        rows = self.rows("approved")
        if rows:
            job = f"{self.actor} {self.dice.random()}"
            if self.dice.random() < 0.5:
                answer = apply_changes(self.ctx, [], batch_id=rows[0]["batch_id"], job_id=job)
            else:
                answer = apply_changes(self.ctx, self.some(rows, 2), allow_mixed=True, job_id=job)
            for row in answer["applied"]:
                self.told("apply", [row["change_id"]], row["batch_id"])
            again = apply_changes(self.ctx, [row["change_id"] for row in answer["applied"]] or [0], job_id=job)
            there = {row["change_id"] for row in again["applied"]}
            assert there <= {row["change_id"] for row in answer["applied"]}

    def hold(self) -> None:
        """Hold, or let go."""
        view = self.ctx.view()
        numbers = [row["change_id"] for row in self.rows("pending", "approved")]
        held = [number for number in numbers if (change := view.queue.change(number)) is not None and change.is_held]
        if held:
            unhold(self.ctx, held[:1])
            self.told("unhold", held[:1])
        elif numbers:
            hold(self.ctx, numbers[:1], reason="wait")
            self.told("hold", numbers[:1])

    def administer(self) -> None:
        """What is rare: a purge, a revert, a layout, a change of the policy."""
        what = self.dice.randrange(4)
        if what == 0:
            self.told("purge", purge_changes(self.ctx, Filters(statuses=("rejected",)))["removed_change_ids"])
        elif what == 1:
            last = self.ctx.view().queue.header.last_batch_id
            self.told("enqueue", revert_batch(self.ctx, self.dice.randint(max(1, last - 5), last))["change_ids"])
        elif what == 2:
            set_fan_out(self.ctx, THING, self.dice.randrange(3))
        else:
            answer = add_member(self.ctx, f"guest#{self.dice.randrange(10**9)}", emails=())
            self.told("enqueue", [answer["change_id"]])

    # --- a day's work ---

    def work(self, steps: int) -> None:
        """Do so many things that go, or try for long enough; another one may have been first, which is no failure."""
        asking: list[Callable[[], None]] = [*[self.propose] * 6, self.bulk, *[self.rebase] * 2, self.take_back]
        deciding = [*[self.approve] * 5, *[self.apply] * 4, self.reject, self.hold, self.administer]
        todo = deciding if self.actor in ("olivia#1", "arthur#3") else asking
        for _ in range(steps * 20):
            if self.done >= steps:
                break
            try:
                self.dice.choice(todo)()
                time.sleep(0.005)
            except (WrongState, NotFound, Conflict, Forbidden, Invalid) as fault:
                if "times in a row" in fault.message:
                    raise
                if "cannot be moved" in fault.message:
                    time.sleep(0.2)  # a lock that somebody who was killed left behind; whoever killed them removes it


def main() -> int:
    """Work as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("actor")
    parser.add_argument("seed")
    parser.add_argument("steps", type=int)
    parser.add_argument("--wait", type=Path, help="begin when this file is there")
    options = parser.parse_args()
    person = Person(options.path, options.actor, options.seed)
    while options.wait is not None and not options.wait.exists():
        time.sleep(0.01)
    person.work(options.steps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
