"""A process that works on a repository, for tests that run many at once or kill some.

Either so many creates, one after the other, or proposals, approvals, rejections and applies until it is killed. Each
thing that was answered with yes is a line of JSON on stdout: ``[action, change id, …]``.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from contextlib import nullcontext
from pathlib import Path

from modelref_git.errors import Conflict, ModelrefError, NotFound, WrongState
from modelref_git.operations.apply import apply_changes
from modelref_git.operations.changes import Filters, list_changes
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.propose import propose_create
from modelref_git.operations.review import Pick, review_changes
from modelref_git.store import writing


def told(action: str, *change_ids: int) -> None:
    """Say that something was answered with yes."""
    sys.stdout.write(json.dumps([action, *change_ids]) + "\n")
    sys.stdout.flush()


REQUESTOR = "carol#2"
APPROVER = "olivia#1"


def propose(ctx: Context, name: str) -> None:
    """Propose one record."""
    request = Request("create", "thing", name, {"by": name, "text": "x" * 500})
    told("enqueue", int(propose_create(ctx, request)["change_id"]))


def open_ids(ctx: Context, status: str) -> list[int]:
    """The changes in *status*."""
    return [row["change_id"] for row in list_changes(ctx, Filters(statuses=(status,)), limit=None)["items"]]


def churn(asking: Context, ctx: Context, name: str) -> None:
    """Do one thing after the other; another process may have been first, which is no failure."""
    chance = random.Random(name)
    for number in range(10**9):
        try:
            what = chance.random()
            if what < 0.6:
                propose(asking, f"{name}-{number}")
            elif what < 0.8:
                pending = open_ids(ctx, "pending")
                chosen = chance.sample(pending, min(len(pending), 3))
                if chosen:
                    review_changes(ctx, [Pick(n) for n in chosen], [], title="a title")
                    told("approve", *chosen)
            elif what < 0.9:
                pending = open_ids(ctx, chance.choice(["pending", "approved"]))
                if pending:
                    review_changes(ctx, [], pending[:1], title=None, reason="a reason")
                    told("reject", pending[0])
            else:
                batch = ctx.view().queue.header.open_batch
                if batch is not None:
                    answer = apply_changes(ctx, [], batch_id=batch)
                    told("apply", *(row["change_id"] for row in answer["applied"]))
        except (WrongState, NotFound, Conflict) as fault:
            if "times in a row" in fault.message or "cannot be moved" in fault.message:
                raise


def main() -> int:
    """Work as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("name")
    parser.add_argument("--count", type=int, default=0, help="so many proposals; 0 churns until killed")
    parser.add_argument("--no-lock", action="store_true", help="leave all to the compare and swap")
    parser.add_argument("--wait", type=Path, help="begin when this file is there")
    options = parser.parse_args()
    if options.no_lock:
        vars(writing)["writer_lock"] = lambda _path, **_wait: nullcontext()
    asking, ctx = (Context.open(options.path, claim=claim) for claim in (REQUESTOR, APPROVER))
    while options.wait is not None and not options.wait.exists():
        pass
    try:
        for number in range(options.count):
            propose(asking, f"{options.name}-{number}")
        if not options.count:
            churn(asking, ctx, options.name)
    except ModelrefError as fault:
        told(f"{type(fault).__name__}: {fault.message}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
