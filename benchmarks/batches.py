"""Many at once: a bulk of proposals, the approval of a batch, and its apply."""

from __future__ import annotations

import sys
from pathlib import Path

import by_git
from fast_import import Stream
from measure import Way, interleave, settled
from run import A_BATCH, A_BULK, FAST_DEFAULT, FAST_LIGHT, GIT_MERGE, OURS, Run
from worlds import World, open_context, propose, updates

from modelref_git.operations.apply import apply_changes
from modelref_git.operations.propose import propose_bulk, read_bulk_line
from modelref_git.operations.review import Pick, review_changes


def bulk(run: Run) -> None:
    """A bulk of 1,000 updates as one step, and the same objects and branches by fast-import."""
    for world in run.worlds:
        made = run.scratch.copy(world.path)
        context = open_context(made)
        before = context.view().head
        change_ids = propose(context, world.names[:A_BULK], "bulk")
        stream = Stream(context, before).make(change_ids)
        _check_same(run, world, made, stream)
        rows = list(updates(world.names[:A_BULK], "bulk"))
        ways: dict[str, Way] = {
            OURS: _bulk_by_us(run, world, rows),
            FAST_LIGHT: _bulk_by_fast_import(run, world, stream, light=True),
            FAST_DEFAULT: _bulk_by_fast_import(run, world, stream, light=False),
        }
        interleave(run.figures, f"bulk of {A_BULK:,} | {world.label}", ways, run.rounds(9))


def _check_same(run: Run, world: World, made: Path, stream: bytes) -> None:
    copy = run.scratch.copy(world.path)
    _fast_import(copy, stream, light=False)
    if by_git.branches(copy) != by_git.branches(made):
        sys.exit("git fast-import did not make the same branches: the comparison would say nothing")


def _bulk_by_us(run: Run, world: World, rows: list[dict[str, object]]) -> Way:
    def way(_number: int) -> float:
        path = run.scratch.copy(world.path)
        return settled(
            lambda: propose_bulk(open_context(path), [read_bulk_line(n + 1, row, ()) for n, row in enumerate(rows)])
        )

    return way


def _bulk_by_fast_import(run: Run, world: World, stream: bytes, *, light: bool) -> Way:
    def way(_number: int) -> float:
        copy = run.scratch.copy(world.path)
        return settled(lambda: _fast_import(copy, stream, light=light))

    return way


def _fast_import(repository: Path, stream: bytes, *, light: bool) -> None:
    settings = ["-c", "core.compression=1", "-c", "pack.compression=1"] if light else []
    by_git.git(repository, *settings, "fast-import", "--quiet", *(["--depth=0"] if light else []), stdin=stream)


def approve(run: Run) -> None:
    """Approve 100 proposals as one batch, and ``git merge`` of the same branches."""
    for world in run.worlds:
        pending, ids = _with_pending(run, world)
        work = by_git.clone(pending, run.scratch.new("work"), branches=True)
        picks = [Pick(number) for number in ids]

        def ours(_number: int, pending: Path = pending, picks: list[Pick] = picks) -> float:
            path = run.scratch.copy(pending)
            return settled(lambda: review_changes(open_context(path), picks, [], title="benchmark"))

        def theirs(_number: int, work: Path = work, ids: list[int] = ids) -> float:
            by_git.git(work, "checkout", "-q", "-B", "main", "origin/main")
            names = [f"proposals/{number}" for number in ids]
            words = ("merge", "-q", "--no-ff", "-m", "batch", *names)
            return settled(lambda: by_git.git(work, *words, fsync=by_git.SYNCED))

        what = f"approve of {A_BATCH} | {world.label}"
        interleave(run.figures, what, {OURS: ours, GIT_MERGE: theirs}, run.rounds(4), budget=40)


def apply(run: Run) -> None:
    """Apply a batch of 100, and ``git merge --ff-only`` with the removal of the branches."""
    for world in run.worlds:
        pending, ids = _with_pending(run, world)
        answer = review_changes(open_context(pending), [Pick(n) for n in ids], [], title="benchmark")
        batch = int(answer["batch_id"])
        work = by_git.clone(pending, run.scratch.new("work"), branches=True)

        def ours(_number: int, pending: Path = pending, batch: int = batch) -> float:
            path = run.scratch.copy(pending)
            return settled(lambda: apply_changes(open_context(path), [], batch_id=batch))

        def theirs(_number: int, work: Path = work, batch: int = batch, ids: list[int] = ids) -> float:
            by_git.git(work, "checkout", "-q", "-B", "main", "origin/main")
            by_git.fetch_branches(work)
            names = [f"proposals/{number}" for number in ids] + [f"batches/{batch}"]

            def both() -> None:
                by_git.git(work, "merge", "-q", "--ff-only", f"batches/{batch}", fsync=by_git.SYNCED)
                by_git.git(work, "branch", "-q", "-D", *names, fsync=by_git.SYNCED)

            return settled(both)

        what = f"apply of {A_BATCH} | {world.label}"
        interleave(run.figures, what, {OURS: ours, "git merge --ff-only, branch -D": theirs}, run.rounds(12))


def _with_pending(run: Run, world: World) -> tuple[Path, list[int]]:
    path = run.scratch.copy(world.path, "pending.git")
    return path, propose(open_context(path), world.names[:A_BATCH], "pending")
