"""A contributor at work in a clone of their own, as a process, while the wire to the remote breaks now and then.

They propose, approve what others proposed, and apply. Whatever was answered with yes is a line of JSON on stdout, as
:mod:`tests.crash.person` tells it. An answer that the remote did not give is one, too: ``{"unanswered": message}``.
What it was asked for may have happened or not; nobody asks for the same again, so each thing may be there once.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from modelref_git.errors import Conflict, Forbidden, Invalid, NotFound, RemoteFailure, WrongState
from modelref_git.operations.drafting import Request
from modelref_git.operations.exchange import pull
from modelref_git.operations.propose import editing, propose_create, propose_update
from tests.crash.person import THING, Person

NAMES = [f"m{number}" for number in range(6)]


class Contributor(Person):
    """A person whose every request can be told from all others by its note."""

    def __init__(self, path: Path, actor: str, seed: str) -> None:
        super().__init__(path, actor, seed)
        self.asked = 0

    def propose(self) -> None:
        """Create a record, or update one."""
        self.asked += 1
        note = f"{self.actor} asks for the {self.asked}. time"
        name = self.dice.choice(NAMES)
        if self.ctx.view().dataset().blob(THING, name) is None:
            answer = propose_create(self.ctx, Request("create", THING, name, dict.fromkeys("abcd", 0), note))
        else:
            edit = editing([(f"/{self.dice.choice('abcd')}", self.dice.randrange(10**6))], ())
            answer = propose_update(self.ctx, Request("update", THING, name, note=note), edit=edit)
        self.told("enqueue", [answer["change_id"]])

    def work(self, steps: int) -> None:
        """Do so many things that go, each kind once if possible, or try for long enough."""
        todo = [self.propose, self.approve, self.apply]
        for number in range(steps * 15):
            if self.done >= steps:
                break
            try:
                if number % 4 == 3:
                    pull(self.ctx)
                (todo[number % 3] if number < 6 else self.dice.choice(todo))()
                time.sleep(0.01)
            except RemoteFailure as fault:
                sys.stdout.write(json.dumps({"unanswered": fault.message}) + "\n")
                sys.stdout.flush()
            except (WrongState, NotFound, Conflict, Forbidden, Invalid) as fault:
                if "times in a row" in fault.message:
                    raise


def main() -> int:
    """Work as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("actor")
    parser.add_argument("steps", type=int)
    parser.add_argument("--wait", type=Path, help="begin when this file is there")
    options = parser.parse_args()
    contributor = Contributor(options.path, options.actor, "a day")
    while not options.wait.exists():
        time.sleep(0.01)
    contributor.work(options.steps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
