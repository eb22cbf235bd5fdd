"""What the words of a check mean: revisions, or files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modelref_git.errors import NotFound, UsageFault
from modelref_git.operations.context import Context

RANGE: Final = ".."
_HINT: Final = "`--` separates files from revisions: what stands behind it is a file"


@dataclass(frozen=True, slots=True)
class Target:
    """What to check: files, a range, a revision, or, without any of them, the live dataset."""

    revision: str | None = None
    range: tuple[str, str] | None = None
    """The revision before and the one after; an empty one stands for the live dataset."""
    files: tuple[Path, ...] = ()


def target_of(ctx: Context | None, words: Sequence[str], files: Sequence[str] | None = None) -> Target:
    """What *words* mean.

    A word that is a file is one, a word that is a revision or ``A..B`` is that.

    Args:
        ctx: the repository whose revisions count; ``None`` where there is none.
        words: the words as they were typed, or those before ``--``.
        files: the words behind ``--``; ``None`` where there is no ``--``, so that each word may be either.

    Raises:
        UsageFault: a word is both; there are several revisions, or revisions and files.
        NotFound: a word is neither, or a file is not there.
    """
    revisions = list(words)
    named = list(files or ())
    if files is None:
        is_file = {word: _is_either(ctx, word) for word in words}
        named = [word for word in words if is_file[word]]
        revisions = [word for word in words if not is_file[word]]
    if revisions and named:
        raise UsageFault(
            f"{revisions[0]!r} is a revision and {named[0]!r} a file: a check is of the one or the other", hint=_HINT
        )
    if len(revisions) > 1:
        raise UsageFault(
            f"{len(revisions)} revisions are given; a check is of one, or of what two differ in",
            hint=f"`modelref-git check {revisions[0]}{RANGE}{revisions[1]}`",
        )
    missing = [word for word in named if not Path(word).exists()]
    if missing:
        raise NotFound(f"there is no file {missing[0]!r}")
    if named:
        return Target(files=tuple(map(Path, named)))
    return _revision(ctx, revisions[0]) if revisions else Target()


def _is_either(ctx: Context | None, word: str) -> bool:
    """Whether *word* is a file, and not a revision."""
    if not word:
        raise UsageFault("a word is empty: it names no revision and no file")
    is_file = _exists(word)
    is_revision = ctx is not None and _is_revision(ctx, word)
    if is_file and is_revision:
        raise UsageFault(f"{word!r} is both a revision and a file", hint=_HINT)
    if not is_file and not is_revision:
        where = "no revision" if ctx is not None else "there is no repository in which it could be a revision"
        raise NotFound(
            f"{word!r} is no file, and {where}", hint="a branch, a tag or a commit id is a revision; A..B is a range"
        )
    return is_file


def _exists(word: str) -> bool:
    try:
        return Path(word).exists()
    except (OSError, ValueError):
        return False  # what no system takes for a path


def _is_revision(ctx: Context, word: str) -> bool:
    names = word.split(RANGE) if RANGE in word else [word]
    try:
        for name in names:
            if name:
                ctx.store.resolve(name)
    except NotFound:
        return False
    return len(names) <= 2 and any(names)


def _revision(ctx: Context | None, word: str) -> Target:
    if ctx is None:
        raise NotFound(f"there is no repository in which {word!r} could be a revision")
    if RANGE not in word:
        return Target(revision=word)
    old, _, new = word.partition(RANGE)
    if "." in (new[:1], old[-1:]) or RANGE in new:
        raise UsageFault(f"{word!r} has more than two dots", hint="A..B is what B changes of A")
    return Target(range=(old, new))
