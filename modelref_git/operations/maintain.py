"""Maintain: doctor looks for what a crash or a hand left behind, gc packs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from modelref_git.errors import ModelrefError
from modelref_git.operations.context import Context
from modelref_git.store import layout, projections, worktree, writing
from modelref_git.store.disk import files_under
from modelref_git.store.git import GitStore
from modelref_git.store.thumbnails import folder_of

STALE_AFTER: Final = 60
"""Seconds after which a lock or a half-written file belongs to nobody that still runs."""


@dataclass(slots=True)
class Finding:
    """Something that is not as it should be."""

    code: str
    message: str
    repaired: bool = False

    def as_json(self) -> dict[str, Any]:
        """The entry of the report."""
        return {"code": self.code, "message": self.message, "repaired": self.repaired}


@dataclass(frozen=True, slots=True)
class Report:
    """What ``doctor`` found."""

    findings: list[Finding]

    @property
    def is_beyond_repair(self) -> bool:
        """Whether something was found that only a person can settle."""
        return any(finding.code in _FOR_PEOPLE for finding in self.findings)

    @property
    def is_repairable(self) -> bool:
        """Whether something was found that ``--repair`` can mend."""
        return any(finding.code not in _LEFT_TO_PEOPLE for finding in self.findings if not finding.repaired)

    def as_json(self) -> dict[str, Any]:
        """The answer of ``doctor``."""
        return {"findings": [finding.as_json() for finding in self.findings]}


_FOR_PEOPLE: Final = frozenset({"drift", "foreign_ref", "unreadable"})
_LEFT_TO_PEOPLE: Final = _FOR_PEOPLE | {"work_tree"}
"""What ``--repair`` does not touch; a work tree with changes of its own is no fault of the repository."""


def examine(ctx: Context, *, repair: bool = False) -> Report:
    """Look the repository over; with *repair*, roll forward what is behind and remove what nobody needs.

    Raises:
        NotFound: it is no dataset repository.
    """
    store = ctx.store
    findings = [*_stale_files(store, repair)]
    try:
        view = ctx.view()
        behind = projections.find_behind(store, view.head)
    except ModelrefError as fault:
        if fault.code != "integrity":
            raise
        return Report([*findings, Finding("unreadable", fault.message)])
    mendable = [item for item in behind if not item.foreign]
    if repair and mendable:
        projections.forget_projected(store)
        _roll_forward(ctx)
    left = {item.ref for item in projections.find_behind(store, view.head)} if repair else {i.ref for i in behind}
    for item in behind:
        wanted = item.wanted or "absent"
        found = "absent" if item.found is None else item.found or "an empty file"
        if not item.foreign:
            text = f"{item.ref} is {found}, the log says {wanted}"
            findings.append(Finding("behind", text, repaired=item.ref not in left))
        elif item.ref == layout.MAIN:
            text = (
                f"main is at {found}, which no event names; the log says {wanted}: `modelref-git adopt {found} "
                f"--reason R` takes it into the record, `modelref-git disown {found} --reason R` undoes it"
            )
            findings.append(Finding("drift", text))
        else:
            findings.append(Finding("foreign_ref", f"{item.ref} is at {found}, which the log never gave it"))
    findings += _work_tree(store)
    return Report(findings)


def _roll_forward(ctx: Context) -> None:
    """Bring every branch to where the log says: those here, or in a clone those of the remote."""
    if ctx.store.remote is None:
        writing.write(ctx.store, lambda _: None, clock=ctx.clock, warn=ctx.warn)
        return
    from modelref_git.operations.exchange import push

    push(ctx)


def _stale_files(store: GitStore, repair: bool) -> Iterator[Finding]:
    """Locks that a killed process left behind, and files that it had not finished."""
    now = time.time()
    for path in _lock_files(store.git_dir):
        age = _age(path, now)
        if age is not None and age >= STALE_AFTER:
            if repair:
                store.disk.remove(path)
            text = f"the lock {path.relative_to(store.git_dir)} has been held for {age:.0f} seconds"
            yield Finding("stale_lock", text, repaired=repair)
    for path in _half_written(store):
        age = _age(path, now)
        if age is not None and age >= STALE_AFTER:
            if repair:
                store.disk.remove(path)
            yield Finding("half_written", f"the file {path.name} was never finished", repaired=repair)


def _half_written(store: GitStore) -> list[Path]:
    """Files under their temporary name, and packs without the index that makes them count."""
    cache = store.local_dir / "cache"
    folders = (store.pack_folder, store.local_dir, cache, cache / "order", *sorted(folder_of(store).glob("*")))
    files = [path for folder in folders for path in sorted(folder.glob("tmp_modelref_*"))]
    packs = sorted(store.pack_folder.glob("pack-*.pack"))
    return files + [path for path in packs if not path.with_suffix(".idx").exists()]


def _lock_files(git_dir: Path) -> list[Path]:
    places = [git_dir / name for name in ("HEAD.lock", "packed-refs.lock", "index.lock", "config.lock")]
    return [path for path in places if path.exists()] + sorted(
        path for path in files_under(git_dir / "refs") if path.suffix == ".lock"
    )


def _age(path: Path, now: float) -> float | None:
    try:
        return now - path.stat().st_mtime
    except FileNotFoundError:
        return None


def _work_tree(store: GitStore) -> Iterator[Finding]:
    if worktree.is_behind(store):
        text = "the work tree is not at main; `git status` shows how, `git reset --keep main` brings it along"
        yield Finding("work_tree", text)


def collect_garbage(ctx: Context) -> dict[str, int]:
    """Pack objects and refs and write the commit-graph, by the ``git`` program; nothing is pruned.

    Raises:
        NotFound: it is no dataset repository, or there is no ``git`` program.
        IntegrityFailure: ``git`` failed.
    """
    ctx.view()
    store = ctx.store
    objects, size = _measured(store)
    if not ctx.dry_run:
        store.run_git("pack-refs", "--all")
        # --keep-unreachable: what the log may still need is never thrown away. -f: our own packs hold few deltas, and
        # git looks for none between two objects that come from one pack.
        store.run_git("repack", "-a", "-d", "-f", "-q", "--keep-unreachable")
        store.run_git("prune-packed", "-q")
        store.run_git("commit-graph", "write", "--reachable", "--changed-paths", "--no-progress")
    after, new_size = (objects, size) if ctx.dry_run else _measured(store)
    return {"objects_before": objects, "objects_after": after, "bytes_before": size, "bytes_after": new_size}


def _measured(store: GitStore) -> tuple[int, int]:
    rows = dict(line.split(": ") for line in store.run_git("count-objects", "-v").splitlines())
    size = sum(_size(path) for path in files_under(store.git_dir / "objects"))
    return int(rows["count"]) + int(rows["in-pack"]), size


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # joined with others meanwhile
