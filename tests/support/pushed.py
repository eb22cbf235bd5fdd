"""What somebody without rights pushes: commits made byte by byte, beside a dataset repository's own history."""

from __future__ import annotations

import subprocess
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelref_git.proposals.events import Proposal
from modelref_git.records import codec
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.git import GitStore
from modelref_git.store.objects import Commit, Signature, object_id
from modelref_git.store.trees import FILE, TreeEditor

MALLORY = "mallory <mallory@elsewhere.example>"

Files = Mapping[str, bytes | tuple[int, str] | None]
"""By path: the bytes of a file, or mode and id of anything else, or ``None`` for what is gone."""


@dataclass(slots=True)
class Outsider:
    """Somebody who can put objects and branches into the repository at *path*, as a push does."""

    path: Path
    store: GitStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = GitStore.open(self.path)

    def git(self, *words: str, stdin: bytes = b"") -> str:
        """What a git command prints."""
        done = subprocess.run(["git", "-C", str(self.path), *words], input=stdin, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    @property
    def main(self) -> str:
        """Where the branch ``main`` is."""
        return self.store.resolve("refs/heads/main")

    def dataset(self, commit: str | None = None) -> DatasetTree:
        """The dataset at a commit."""
        return DatasetTree.at(self.store.buffer(), self.store.resolve(commit or "refs/heads/main"))

    def blob(self, data: bytes) -> str:
        """A blob."""
        return self.raw("blob", data)

    def raw(self, kind: str, payload: bytes) -> str:
        """Any object, however broken: what ``fsck`` would refuse is an outsider's, too."""
        oid = object_id(kind, payload)
        path = self.store.git_dir / "objects" / oid[:2] / oid[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(b"%s %d\0" % (kind.encode(), len(payload)) + payload))
        return oid

    def tree(self, base: str, files: Files) -> str:
        """The tree of the commit *base* with other files."""
        objects = self.store.buffer()
        editor = TreeEditor(objects, objects.read_commit(self.store.resolve(base)).tree)
        for path, content in files.items():
            if content is None:
                editor.remove(path)
            else:
                mode, oid = (FILE, objects.add("blob", content)) if isinstance(content, bytes) else content
                editor.put(path, oid, mode)
        made = editor.write()
        self.store.write(objects)
        return made

    def commit(
        self,
        tree: str | Files,
        parents: Sequence[str] | None = None,
        *,
        author: str = MALLORY,
        message: bytes = b"by hand\n",
        time: int = 1_760_000_000,
        more: bytes = b"",
    ) -> str:
        """A commit, on top of ``main`` unless told otherwise; *more* are further header lines."""
        parents = [self.main] if parents is None else parents
        made = tree if isinstance(tree, str) else self.tree(parents[0], tree)
        lines = [f"tree {made}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {author} {time} +0000", f"committer {author} {time} +0000"]
        return self.raw("commit", "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n" + more + b"\n" + message)

    def push(self, name: str, commit: str) -> str:
        """Put the branch *name* at a commit; gives the commit."""
        self.git("update-ref", f"refs/heads/{name}", commit)
        return commit

    def record(self, category: str, name: str, commit: str | None = None) -> dict[str, object]:
        """A record as it is stored."""
        dataset = self.dataset(commit)
        blob = dataset.blob(category, name)
        assert blob is not None
        return codec.decode(dataset.objects.read_blob(blob))

    def place(self, category: str, name: str) -> str:
        """The file of a record."""
        return self.dataset().path(category, name)

    def edited(self, category: str, name: str, /, **fields: object) -> Files:
        """The file of a record with some fields set, as somebody writes it with an editor."""
        record = {**self.record(category, name), **fields}
        return {self.place(category, name): codec.encode(record, self.dataset().schema(category).order)}

    def proposed(self, proposal: Proposal, files: Files, *, author: str, time: int, parent: str | None = None) -> str:
        """A commit with the very message of a proposal's, whatever it changes."""
        objects = self.store.buffer()
        name, _, email = author.removesuffix(">").partition(" <")
        line = Signature(name, email, time)
        base = parent or self.main
        oid = objects.add_commit(Commit(self.tree(base, files), (base,), line, line, proposal.message()))
        self.store.write(objects)
        return oid
