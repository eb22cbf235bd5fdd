"""Tools of a forger: objects and refs by plain git, and events whose state is right for what they claim.

Everything that a forger makes is as good as it can be but for the one lie that a test is about.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelref_git.proposals import events, lifecycle
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import Approval, Event, Proposal
from modelref_git.proposals.queue import Change
from modelref_git.records import codec
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.git import GitStore
from modelref_git.store.log import read_proposal, with_brought
from modelref_git.store.objects import EMPTY_TREE
from modelref_git.store.state import StoredQueue
from modelref_git.store.step import KEEP_AT_MOST
from tests.support.world import CAROL

_IS_ID = re.compile("[0-9a-f]{40}")

Bend = Callable[[StoredQueue], None]


def nothing(_queue: StoredQueue) -> None:
    """Bend nothing."""


@dataclass(slots=True)
class Forger:
    """Somebody with a shell on the repository at *path*."""

    path: Path
    trusted: str | None = None
    """The event up to which everything is honest: verifying from there on is quicker."""

    # --- plain git ---

    def git(self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """What a git command prints."""
        done = subprocess.run(
            ["git", "-C", str(self.path), *words],
            input=stdin,
            capture_output=True,
            check=False,
            env={**os.environ, **(env or {})},
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def blob(self, data: bytes) -> str:
        """A blob."""
        return self.git("hash-object", "-w", "--stdin", stdin=data)

    def read(self, revision: str) -> bytes:
        """The bytes of a blob."""
        done = subprocess.run(["git", "-C", str(self.path), "cat-file", "blob", revision], capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def tree(self, base: str, files: Mapping[str, bytes | str | None]) -> str:
        """The tree of *base* with other files: their bytes, or the id of a blob, or ``None`` for none."""
        index = {"GIT_INDEX_FILE": str(self.path / "forged-index")}
        self.git("read-tree", base, env=index)
        rows = []
        for path, content in files.items():
            oid = self.blob(content) if isinstance(content, bytes) else content
            rows.append(f"{'100644' if oid else '0'} {oid or '0' * 40}\t{path}\0")
        self.git("update-index", "-z", "--index-info", stdin="".join(rows).encode(), env=index)
        made = self.git("write-tree", env=index)
        (self.path / "forged-index").unlink()
        return made

    def commit(
        self,
        tree: str,
        parents: Sequence[str],
        message: str,
        *,
        time: int | None = None,
        author: str = "carol <carol@people.example>",
        dated: int | None = None,
        signature: str = "",
    ) -> str:
        """A commit, made byte by byte; *dated* is its author's time."""
        now = self.now if time is None else time
        oid = (
            tree
            if _IS_ID.fullmatch(tree) and self.store.read(tree)[0] == "tree"
            else self.git("rev-parse", f"{tree}^{{tree}}")
        )
        lines = [f"tree {oid}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {author} {now if dated is None else dated} +0000"]
        lines += [f"committer modelref-git <modelref-git@host> {now} +0000"]
        if signature:
            lines.append("gpgsig " + signature.rstrip("\n").replace("\n", "\n "))
        payload = "\n".join(lines) + "\n\n" + message
        # --literally: what fsck would refuse is a forger's, too.
        return self.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=payload.encode())

    def point(self, ref: str, oid: str) -> None:
        """Move a ref."""
        self.git("update-ref", ref, oid)

    # --- what is there ---

    @property
    def store(self) -> GitStore:
        """A fresh handle."""
        return GitStore.open(self.path)

    @property
    def head(self) -> str:
        """The head of the log."""
        return self.git("rev-parse", "queue")

    @property
    def main(self) -> str:
        """The log's main."""
        return self.queue.header.main or ""

    @property
    def now(self) -> int:
        """The time of the newest event."""
        return int(self.git("log", "-1", "--format=%ct", "queue"))

    @property
    def queue(self) -> StoredQueue:
        """The queue's state."""
        store = self.store
        return StoredQueue(store.buffer(), store.read_commit(self.head).tree)

    def change(self, number: int) -> Change:
        """One change."""
        found = self.queue.change(number)
        assert found is not None
        return found

    def dataset(self, commit: str | None = None) -> DatasetTree:
        """The dataset at a commit."""
        return DatasetTree.at(self.store.buffer(), commit or self.main)

    def last(self, action: str) -> str:
        """The newest event of a kind."""
        rows = self.git("log", "--first-parent", "--format=%H %s", "queue").splitlines()
        return next(row.split(" ")[0] for row in rows if row.split(" ", 1)[1].startswith(f"{action}: "))

    # --- forgeries ---

    def state(self, event: Event, before: Bend = nothing, after: Bend = nothing, tree: str | None = None) -> str:
        """The state's tree as *event* makes it; *before* and *after* bend the state around it."""
        store = self.store
        objects = store.buffer()
        queue = StoredQueue(objects, store.read_commit(self.head).tree if tree is None else tree or None)
        before(queue)
        read = tuple(read_proposal(store, one.commit) for one in event.proposals)
        lifecycle.apply_event(queue, with_brought(store, replace(event, proposals=read)))
        after(queue)
        made = queue.write()
        store.write(objects)
        return made

    def event(
        self,
        action: str,
        actor: str,
        *,
        before: Bend = nothing,
        after: Bend = nothing,
        keeps: Sequence[str] | None = None,
        tree: str | None = None,
        message: Callable[[str], str] = lambda text: text,
        push: bool = True,
        sign: Callable[[str], str] | None = None,
        **said: Any,
    ) -> str:
        """Append an event to the log, as good as an honest one; gives its commit."""
        header = self.queue.header
        said.setdefault("first_id", header.last_event_id + 1)
        said.setdefault("time", self.now)
        said.setdefault("genesis", header.genesis)
        event = Event(action, Actor.parse(actor), **said)
        made = tree or self.state(event, before, after)
        text = message(event.message())
        who = f"{event.actor.name} <>"
        parents = [self.head, *self.keep(spoken(event) if keeps is None else keeps)]
        oid = self.commit(made, parents, text, time=event.time, author=who, dated=event.time)
        if sign is not None:
            payload = self.git("cat-file", "commit", oid)
            signature = sign(payload + ("" if payload.endswith("\n") else "\n"))
            oid = self.commit(made, parents, text, time=event.time, author=who, dated=event.time, signature=signature)
        if push:
            self.point("refs/heads/queue", oid)
        return oid

    def keep(self, commits: Sequence[str]) -> list[str]:
        """The second parent that keeps *commits*."""
        if len(commits) <= 1:
            return list(commits)
        last: list[str] = []
        for start in range(0, len(commits), KEEP_AT_MOST):
            last = [self.commit(EMPTY_TREE, [*last, *commits[start : start + KEEP_AT_MOST]], "keep\n")]
        return last

    def proposal(
        self,
        operation: str,
        category: str,
        name: str,
        record: Mapping[str, Any] | bytes | None,
        *,
        requestor: str = CAROL,
        base: str | None = None,
        stamp: bool = True,
        more: Mapping[str, bytes | str | None] | None = None,
        dated: int | None = None,
        origin: str | None = None,
    ) -> str:
        """A proposal's commit; *more* are other files that it touches."""
        onto = base or self.main
        dataset = self.dataset(onto)
        path = dataset.path(category, name)
        when = self.now if dated is None else dated
        data = record
        if isinstance(record, Mapping):
            body = dict(record)
            if stamp:
                stamps = {"updated_at": when, "updated_by": requestor}
                created = {"created_at": when, "created_by": requestor} if operation == "create" else {}
                body["metadata"] = {**body.get("metadata", {}), **created, **stamps}
            data = codec.encode(body, dataset.schema(category).order)
        made = Proposal(operation, category, name, Actor.parse(requestor), None, "", onto, None, None, origin)
        tree = self.tree(onto, {path: data, **(more or {})})  # type: ignore[dict-item]
        return self.commit(tree, [onto], made.message(), time=self.now, dated=when)

    def enqueue(self, *commits: str, actor: str = CAROL, **more: Any) -> str:
        """The event that queues proposals."""
        first = self.queue.header.last_change_id + 1
        more.setdefault("change_ids", tuple(range(first, first + len(commits))))
        blanks = tuple(replace(read_proposal(self.store, oid), commit=oid) for oid in commits)
        return self.event(events.ENQUEUE, actor, proposals=blanks, **more)

    def merge(
        self,
        onto: str,
        members: Sequence[Change],
        batch_id: int,
        *,
        title: str = "forged",
        approver: str = "arthur#3",
        more: Mapping[str, bytes | str | None] | None = None,
        parents: Sequence[str] | None = None,
    ) -> str:
        """A batch's merge of changes that do not meet; *more* are files that slip in."""
        dataset = self.dataset(onto)
        files = {dataset.path(change.category, change.model_name): change.blob for change in members}
        message = events.batch_message(
            batch_id, title, [(change.change_id, change.proposal) for change in members], Actor.parse(approver)
        )
        tree = self.tree(onto, {**files, **(more or {})})
        wanted = [onto, *(change.commit for change in members)] if parents is None else list(parents)
        return self.commit(tree, wanted, message, author="arthur <arthur@people.example>")

    def approve(self, numbers: Sequence[int], *, actor: str = "arthur#3", merge: str | None = None, **more: Any) -> str:
        """The event that approves changes into the open batch."""
        members = [self.change(number) for number in numbers]
        queue = self.queue
        opened = queue.batch(queue.header.open_batch) if queue.header.open_batch is not None else None
        batch_id = opened.batch_id if opened is not None else queue.header.last_batch_id + 1
        title = more.pop("title", "forged")
        onto = opened.merges[-1] if opened is not None else self.main
        made = merge or self.merge(onto, members, batch_id, title=title, approver=actor)
        more.setdefault("approvals", tuple(Approval(m.change_id, m.base_blob, m.blob) for m in members))
        return self.event(
            events.APPROVE,
            actor,
            change_ids=tuple(numbers),
            batch_id=batch_id,
            title=title,
            merges=(made,),
            **more,
        )

    def administrative(self, action: str, tree: str, actor: str = "olivia#1", **more: Any) -> str:
        """A commit on main with an event that names it; gives the commit on main."""
        parents = more.pop("parents", [self.main])
        main = self.commit(
            tree, parents, f"{action}: forged\n\nActor: {actor}\n", author="olivia <olivia@people.example>"
        )
        self.event(action, actor, main=main, headline="forged", **more)
        return main


def passed(forger: Forger, tree: str) -> str:
    """A change of the policy to *tree*, proposed, approved and applied by the rules; gives the apply's event."""
    asker, approver = "olivia#1", Actor.parse("arthur#3")
    blank = Proposal("update", "policy", layout.CONFIG, Actor.parse(asker), None, "", forger.main, None, None)
    proposal = forger.commit(tree, [forger.main], blank.message(), author="olivia <olivia@people.example>")
    forger.enqueue(proposal, actor=asker)
    number = forger.queue.header.last_change_id
    change, batch_id = forger.change(number), forger.queue.header.last_batch_id + 1
    text = events.batch_message(batch_id, "policy", [(number, change.proposal)], approver)
    merge = forger.commit(tree, [forger.main, proposal], text, author="arthur <>")
    bound = (Approval(number, change.base_blob, change.blob),)
    said: dict[str, Any] = {"change_ids": (number,), "batch_id": batch_id, "title": "policy"}
    forger.event(events.APPROVE, str(approver), approvals=bound, merges=(merge,), **said)
    return forger.event(events.APPLY, str(approver), main=merge, **said)


def spoken(event: Event) -> list[str]:
    """What an honest event keeps."""
    named = [*filter(None, [event.imported]), *(one.commit for one in event.proposals), *event.merges[-1:]]
    named += filter(None, [event.main])
    if event.main is None and event.stranger is not None:
        named.append(event.stranger)
    return list(dict.fromkeys(named))


def bent_header(**values: Any) -> Bend:
    """Bends the header of a state."""

    def bend(queue: StoredQueue) -> None:
        queue.header = replace(queue.header, **values)

    return bend


def bent_change(number: int, **values: Any) -> Bend:
    """Bends one change of a state, and the counts with it."""

    def bend(queue: StoredQueue) -> None:
        change = queue.change(number)
        assert change is not None
        after = replace(change, **values)
        queue.put_change(after, change)
        counts = dict(queue.header.counts)
        counts[change.status] -= 1
        counts[after.status] = counts.get(after.status, 0) + 1
        queue.header = replace(queue.header, counts=counts)

    return bend


def record_at(forger: Forger, category: str, name: str) -> dict[str, Any]:
    """A record of the log's main."""
    dataset = forger.dataset()
    return codec.decode(dataset.objects.read_blob(dataset.blob(category, name) or ""))


__all__ = ["Forger", "bent_change", "bent_header", "layout", "record_at"]
