"""What one of our bulks wrote, as a stream for ``git fast-import``: the same commits, trees, blobs and branches."""

from __future__ import annotations

from collections.abc import Iterator

from modelref_git.operations.context import Context
from modelref_git.store import layout
from modelref_git.store.trees import compare


class Stream:
    """Makes the stream that leaves a copy, taken before the bulk, with the very branches that we left.

    Args:
        context: the repository after the bulk.
        before: the commit that ``queue`` was at before it.
    """

    def __init__(self, context: Context, before: str) -> None:
        self._view = context.view()
        self._objects = self._view.objects
        self._before = before
        self._marks: dict[str, int] = {}

    def make(self, change_ids: list[int]) -> bytes:
        """The stream; blobs come in whole, trees are for git to work out."""
        return b"".join(self._commands(change_ids))

    def _commands(self, change_ids: list[int]) -> Iterator[bytes]:
        for change_id in change_ids:
            change = self._view.queue.change(change_id)
            if change is None:
                raise AssertionError(change_id)
            old, new = (self._objects.read_commit(oid).tree for oid in (change.base, change.commit))
            yield from self._commit(layout.proposal_ref(change_id), change.commit, old, new)
        event = self._objects.read_commit(self._view.head)
        for keep in reversed(list(self._keeps(event.parents[1]))):
            yield from self._commit(layout.QUEUE, keep, None, None)
        yield from self._commit(layout.QUEUE, self._view.head, self._objects.read_commit(self._before).tree, event.tree)

    def _keeps(self, oid: str) -> Iterator[str]:
        """The chain of keep commits that ends with *oid*, newest first."""
        commit = self._objects.read_commit(oid)
        while commit.message.startswith("keep:"):
            yield commit.id
            commit = self._objects.read_commit(commit.parents[0])

    def _commit(self, ref: str, oid: str, old: str | None, new: str | None) -> Iterator[bytes]:
        changed = list(compare(self._objects, old, new)) if new is not None else []
        for _, _, entry in changed:
            if entry is not None and entry.oid not in self._marks:
                yield b"blob\n" + self._mark(entry.oid) + _data(self._objects.read_blob(entry.oid))
        head, _, message = self._objects.read(oid)[1].partition(b"\n\n")
        yield b"commit " + ref.encode() + b"\n" + self._mark(oid)
        yield b"".join(line + b"\n" for line in head.split(b"\n") if line.startswith((b"author ", b"committer ")))
        yield _data(message)
        for number, parent in enumerate(self._objects.read_commit(oid).parents):
            yield (b"merge " if number else b"from ") + self._name(parent) + b"\n"
        if new is None:
            yield b"deleteall\n"
        for path, _, entry in changed:
            quoted = b'"' + path.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
            command = b"D" if entry is None else b"M 100644 " + self._name(entry.oid)
            yield command + b" " + quoted + b"\n"
        yield b"\n"

    def _mark(self, oid: str) -> bytes:
        self._marks[oid] = len(self._marks) + 1
        return b"mark :%d\n" % self._marks[oid]

    def _name(self, oid: str) -> bytes:
        return b":%d" % self._marks[oid] if oid in self._marks else oid.encode()


def _data(content: bytes) -> bytes:
    return b"data %d\n" % len(content) + content + b"\n"
