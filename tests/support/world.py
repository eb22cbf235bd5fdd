"""A world to test in: a real dataset repository with an owner, a contributor and an approver, and words for it."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelref_git.operations.apply import apply_changes
from modelref_git.operations.category_schemas import add_category
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.init import init_repository
from modelref_git.operations.members import add_member
from modelref_git.operations.policy_settings import set_policy
from modelref_git.operations.propose import editing, propose_create, propose_delete, propose_update
from modelref_git.operations.review import Pick, review_changes
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import Event
from modelref_git.store import layout
from modelref_git.store.git import GitStore
from modelref_git.store.step import Step
from modelref_git.store.trees import TreeEditor
from tests.support.calls import Answer, call

OWNER = "olivia#1"
CAROL = "carol#2"
ARTHUR = "arthur#3"
START = 1_750_000_000
"""The time at which every world begins, Unix seconds."""

OPEN_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "anything",
    "type": "object",
}


@dataclass(slots=True)
class FixedClock:
    """A clock that stands still until it is told the time."""

    now: int = START

    def __call__(self) -> int:
        return self.now

    def tick(self, seconds: int = 1) -> int:
        """Move on; gives the new time."""
        self.now += seconds
        return self.now


@dataclass(slots=True)
class World:
    """One dataset repository. Operations run with the world's clock, commands with that of the machine."""

    path: Path
    clock: FixedClock = field(default_factory=FixedClock)
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, path: Path, *, bare: bool = False, empty: bool = False) -> World:
        """A new one at *path*; the same for every test, so it is copied from one that is made once."""
        shutil.copytree(_template(bare, empty), path, symlinks=True)
        return cls(path)

    @property
    def store(self) -> GitStore:
        """A fresh handle of the repository."""
        return GitStore.open(self.path)

    def context(self, actor: str | None = OWNER, *, dry_run: bool = False) -> Context:
        """The way in for *actor*."""
        return Context(self.store, claim=actor, dry_run=dry_run, clock=self.clock, warn=self.warnings.append)

    def run(
        self, *words: str, actor: str | None = OWNER, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> Answer:
        """One command with ``--json`` on this repository."""
        who = [] if actor is None else ["--actor", actor]
        return call("-C", str(self.path), "--json", *who, *words, stdin=stdin, env=env)

    def say(self, *words: str, actor: str | None = OWNER, stdin: bytes = b"") -> Answer:
        """One command on this repository, answered for people."""
        who = [] if actor is None else ["--actor", actor]
        return call("-C", str(self.path), *who, *words, stdin=stdin)

    def git(self, *words: str, stdin: bytes = b"", check: bool = True) -> str:
        """What the ``git`` program says about this repository."""
        done = subprocess.run(["git", "-C", str(self.path), *words], input=stdin, capture_output=True, check=False)
        assert not check or done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def refs(self) -> dict[str, str]:
        """Every ref with what it points to."""
        rows = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(row.split(" ") for row in rows)

    def objects(self) -> set[str]:
        """Every object that is there, reachable or not."""
        rows = self.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").splitlines()
        return set(rows)

    def files(self, revision: str = "main") -> dict[str, str]:
        """Every file of a revision with its blob id."""
        rows = self.git("ls-tree", "-r", "-z", revision).split("\0")
        return {row.partition("\t")[2]: row.split()[2] for row in rows if row}

    def events(self, *words: str) -> list[dict[str, Any]]:
        """The queue's events, as ``audit events`` tells them."""
        return self.run("audit", "events", *words).ok().lines

    def create(self, category: str, name: str, record: Mapping[str, Any], *, actor: str = CAROL, **more: Any) -> int:
        """Propose a create; gives its change id."""
        request = Request("create", category, name, dict(record), more.get("note"), more.get("allow", ()))
        return int(propose_create(self.context(actor), request)["change_id"])

    def update(self, category: str, name: str, edits: Mapping[str, Any], *, actor: str = CAROL) -> int:
        """Propose an update that sets each JSON pointer of *edits*; gives its change id."""
        edit = editing(list(edits.items()), ())
        answer = propose_update(self.context(actor), Request("update", category, name), edit=edit)
        return int(answer["change_id"])

    def delete(self, category: str, name: str, *, actor: str = CAROL) -> int:
        """Propose a delete; gives its change id."""
        return int(propose_delete(self.context(actor), Request("delete", category, name))["change_id"])

    def approve(self, *change_ids: int, title: str = "June models", actor: str = ARTHUR) -> int:
        """Approve; gives the batch id."""
        answer = review_changes(self.context(actor), [Pick(number) for number in change_ids], (), title=title)
        return int(answer["batch_id"])

    def apply(self, batch_id: int, *, actor: str = ARTHUR, job_id: str | None = None) -> list[int]:
        """Apply a batch; gives the ids of its changes."""
        answer = apply_changes(self.context(actor), (), batch_id=batch_id, job_id=job_id)
        return [row["change_id"] for row in answer["applied"]]

    def rewrite_config(self, old: bytes, new: bytes) -> None:
        """Put *new* in the place of *old* in the configuration, as an administrative event of a later version might."""

        def decide(step: Step) -> None:
            dataset = step.dataset()
            editor = TreeEditor(step.objects, dataset.tree)
            data = dataset.config_bytes.replace(old, new)
            editor.put(layout.CONFIG, step.objects.add("blob", data))
            actor = Actor.parse(OWNER)
            main = step.commit(editor.write(), [step.main], step.author(actor), f"import: newer\n\nActor: {OWNER}\n")
            step.append(Event("import", actor, 0, 0, main=main, headline="newer"), keeps=[main])

        self.context().write(decide)

    def add_category(self, name: str, schema: Mapping[str, Any] = OPEN_SCHEMA) -> None:
        """Add a category of one's own; any object is a record of it unless *schema* says otherwise."""
        answer = add_category(self.context(), name, json.dumps(schema, indent=2).encode() + b"\n")
        self.pass_policy(answer)

    def pass_policy(self, answer: Mapping[str, Any]) -> None:
        """Have Arthur approve and apply a change of the policy that Olivia asked for, if it waits for that."""
        if "change_id" in answer:
            number = answer["change_id"]
            self.warnings[:] = [text for text in self.warnings if not text.startswith(f"change {number} needs")]
            self.apply(self.approve(number, title="policy"))

    def run_policy(self, *words: str) -> Answer:
        """One command of Olivia's that changes the policy; Arthur passes the change if it waits for that."""
        answer = self.run(*words).ok()
        self.pass_policy(answer.json)
        return answer

    def let_anybody_review(self) -> None:
        """Switch two-person review off, as a dataset has it whose owner wants to work alone."""
        self.pass_policy(set_policy(self.context(), [("two_person_review", False)]))


def clip(name: str = "ViT-X/16", **more: Any) -> dict[str, Any]:
    """A small valid record of the category ``clip``."""
    config = {"download": [{"file_name": "x.pt", "file_url": "https://models.example/x.pt", "sha256sum": "ab" * 32}]}
    return {"name": name, "description": "An encoder of pictures and words.", "config": config, **more}


@functools.cache
def _template(bare: bool, empty: bool) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="modelref-world-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "world"
    clock = FixedClock()
    init_repository(path, bare=bare, empty=empty, owner=OWNER, email="olivia@people.example", clock=clock)
    ctx = Context(GitStore.open(path), claim=OWNER, clock=clock)
    add_member(ctx, CAROL, emails=("carol@people.example",), roles=("requestor",))
    add_member(ctx, ARTHUR, emails=("arthur@people.example",), roles=("approver",))
    return path
