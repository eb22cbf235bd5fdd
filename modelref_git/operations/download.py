"""Download: the files of a record into a folder, each one right or not there by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from modelref_git.errors import Conflict, IntegrityFailure, Invalid, ModelrefError, Problem, RemoteFailure
from modelref_git.fetch.client import Client
from modelref_git.fetch.crew import Stop, work_through
from modelref_git.fetch.faults import FetchFault, Kind
from modelref_git.fetch.files import Came, Errand, Wanted, fetch_file, foreseen
from modelref_git.fetch.part import NEW_NOTE, NOTE, PART
from modelref_git.fetch.transfer import Patience
from modelref_git.operations.context import Context
from modelref_git.operations.read import get_record
from modelref_git.records import file_names
from modelref_git.records.quality import addresses
from modelref_git.records.quality.downloads import is_known, is_sum
from modelref_git.records.quality.marks import downloads

Progress = Callable[[str, int, int | None], None]
"""Told, while a file comes: its name, how many bytes there are, how many there will be if that is known."""

_AGAIN: Final = "run the same command again: what came is kept, and it goes on from there"
_LOOK: Final = "see `modelref-git log` for who set the sum; the host may have another file by now"
_ELSEWHERE: Final = "the address is no good any more: propose another with `modelref-git propose update`"
_BY_HAND: Final = "fetch it by hand into the folder; the same command then checks its sum"
_HINTS: Final[Mapping[Kind, str]] = {
    "unreachable": _AGAIN,
    "refused": _BY_HAND,
    "gone": _ELSEWHERE,
    "page": _ELSEWHERE,
}


@dataclass(frozen=True, slots=True)
class How:
    """How files are fetched."""

    parallel: int = 4
    """Files at a time."""
    overwrite: bool = False
    """Whether a file that is there and not known to be right is replaced, once the right one has come."""
    patience: Patience = Patience()  # noqa: RUF009 - frozen


def download_record(
    ctx: Context,
    category: str,
    name: str,
    to: Path,
    *,
    revision: str | None = None,
    how: How = How(),
    progress: Progress = lambda file_name, done, total: None,  # noqa: ARG005 - names of the arguments
    finished: Callable[[Mapping[str, Any]], None] = lambda row: None,  # noqa: ARG005 - as above
) -> dict[str, Any]:
    """Fetch every file of a record into the folder *to*; a variant of a text model has the files of its base.

    Nothing is asked of any host before all names and addresses are found to be good. A failure does not keep the
    other files from coming. A dry run tells what would be done, by what is in the folder alone.

    Args:
        ctx: the repository; warned of files that nobody can verify.
        category: the record's category.
        name: the record's name.
        to: the folder; made if it is not there.
        revision: the revision of the dataset; today's unless given.
        how: how files are fetched.
        progress: called as bytes come, in the caller's thread.
        finished: called with the row of each file that is in its place, as it gets there.

    Returns:
        ``{"category", "model_name", "to", "files"}``, a file being ``{"file_name", "path", "file_url", "size_bytes",
        "sha256sum", "status": "fetched" | "resumed" | "present", "verified"}``, in the order of the record.

    Raises:
        NotFound: there is no such revision, category or record.
        Invalid: the record has no files, or the name or address of one is not good, or cannot be written to.
        Conflict: *to* is a file.
        IntegrityFailure: a file is not what the record describes; every failure is in the details.
        RemoteFailure: a host does not give a file; as above.
    """
    wanted = _wanted(f"{category} {name!r}", get_record(ctx, category, name, revision))
    if to.exists() and not to.is_dir():
        raise Conflict(f"{to} is a file; a download goes into a folder")
    rows: dict[str, dict[str, Any]] = {}
    failures: dict[str, ModelrefError] = {}
    for file, result in _results(ctx, wanted, to, how, progress):
        if isinstance(result, ModelrefError):
            failures[file.file_name] = result
            continue
        rows[file.file_name] = _row(file, result, to)
        finished(rows[file.file_name])
    if failures:
        raise _failure(f"{category} {name!r}", wanted, failures)
    _warn(ctx, rows)
    ordered = [rows[file.file_name] for file in wanted]
    answer: dict[str, Any] = {"category": category, "model_name": name, "to": str(to), "files": ordered}
    return {**answer, "dry_run": True} if ctx.dry_run else answer


# --- what is wanted --------------------------------------------------------------------------------------------------


def _wanted(what: str, record: Mapping[str, Any]) -> list[Wanted]:
    """The files of a record.

    Raises:
        Invalid: there are none, or something about one is not good; every fault is told.
    """
    entries = downloads(record)
    if not entries:
        problem = Problem("/config/download", "it has no files to download", "download.none")
        raise Invalid.of(what, [problem])
    problems = [problem for index, entry in enumerate(entries) for problem in _entry_problems(index, entry)]
    if not problems:
        problems = list(_meetings(entries))
    if problems:
        raise Invalid.of(what, problems, hint="nothing was fetched; an update of the record can mend it")
    return [_file(entry) for entry in entries]


def _file(entry: Mapping[str, Any]) -> Wanted:
    size, digest = entry.get("size_bytes"), entry.get("sha256sum")
    known_size = size if isinstance(size, int) and not isinstance(size, bool) else None
    return Wanted(
        entry["file_name"], entry["file_url"].strip(), str(digest).lower() if is_sum(digest) else None, known_size
    )


def _entry_problems(index: int, entry: Mapping[str, Any]) -> Iterator[Problem]:
    name, url, digest = (entry.get(field) for field in ("file_name", "file_url", "sha256sum"))
    place = f"/config/download/{index}"
    fault = file_names.fault(name) if isinstance(name, str) else "is missing"
    if fault is not None:
        yield Problem(f"{place}/file_name", f"the file name {name!r} {fault}", "file.unsafe")
    if not isinstance(url, str) or not url.strip():
        yield Problem(f"{place}/file_url", f"there is no address for {name!r}", "address.missing")
    elif (fault := addresses.form_fault(url.strip())) is not None:
        yield Problem(f"{place}/file_url", f"the address of {name!r} {fault}", "address.form")
    if is_known(digest) and not is_sum(digest):
        # Taken for unknown, a slip of somebody's pen would switch the check off.
        yield Problem(f"{place}/sha256sum", f"{digest!r} is no SHA-256 sum", "hash.form")


def _meetings(entries: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """Files that would be one file, or one of them a folder of the other, on some system."""
    taken: dict[str, tuple[int, str]] = {}
    for index, entry in enumerate(entries):
        for ending in ("", PART, NOTE, NEW_NOTE):
            taken.setdefault(file_names.same_file(entry["file_name"] + ending), (index, ending))
    for index, entry in enumerate(entries):
        name = entry["file_name"]
        parts = file_names.same_file(name).split("/")
        ways = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
        other = next((found[0] for way in ways if (found := taken.get(way)) is not None and found[0] != index), None)
        if other is not None:
            message = f"the file name {name!r} meets that of download {other}, {entries[other]['file_name']!r}"
            yield Problem(f"/config/download/{index}/file_name", message, "file.twice")


# --- fetching --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """What a thread tells of a file: bytes, or what became of it."""

    file: Wanted
    done: int = 0
    total: int | None = None
    result: Came | ModelrefError | None = None
    is_waiting: bool = False


def _results(
    ctx: Context, wanted: Sequence[Wanted], to: Path, how: How, progress: Progress
) -> Iterator[tuple[Wanted, Came | ModelrefError]]:
    """What becomes of each file, as it does."""
    errand = Errand(Client(how.patience.timeout), to, how.patience, how.overwrite)

    def work(file: Wanted, tell: Callable[[_Told], None], stop: Stop) -> None:
        def count(done: int, total: int | None) -> None:
            tell(_Told(file, done, total))

        try:
            if ctx.dry_run:
                result = foreseen(errand, file, stop)
            else:
                result = fetch_file(errand, file, stop, count, lambda: tell(_Told(file, is_waiting=True)))
            tell(_Told(file, result=result))
        except ModelrefError as error:
            tell(_Told(file, result=error))

    for told in work_through(wanted, work, parallel=how.parallel):
        if told.result is not None:
            yield told.file, told.result
        elif told.is_waiting:
            ctx.warn(f"another process is fetching {told.file.file_name}; waiting for it")
        else:
            progress(told.file.file_name, told.done, told.total)


def _row(file: Wanted, came: Came, to: Path) -> dict[str, Any]:
    return {
        "file_name": file.file_name,
        "path": str(to.joinpath(*file.file_name.split("/"))),
        "file_url": file.url,
        "size_bytes": came.size,
        "sha256sum": came.sha256,
        "status": came.status,
        "verified": file.sha256 is not None,
    }


def _warn(ctx: Context, rows: Mapping[str, Mapping[str, Any]]) -> None:
    for name, row in rows.items():
        if not row["verified"]:
            ctx.warn(f"{name} is unverified: the record has no sum of it")


def _failure(what: str, wanted: Sequence[Wanted], failures: Mapping[str, ModelrefError]) -> ModelrefError:
    """One error that tells every failure, of the gravest kind among them."""
    details, hints = [], []
    for index, file in enumerate(wanted):
        error = failures.get(file.file_name)
        if error is None:
            continue
        row = {"path": f"/config/download/{index}", "message": error.message, "rule": _rule(error)}
        details.append({**row, "file_name": file.file_name, "file_url": file.url, "status": "failed"})
        hints.append(_hint(error))
    kinds: tuple[type[ModelrefError], ...] = (IntegrityFailure, RemoteFailure, Invalid)
    kind = next(kind for kind in kinds if any(isinstance(error, kind) for error in failures.values()))
    first = details[0]["message"]
    count = f"{len(failures)} of {len(wanted)} files did not come" if len(wanted) > 1 else "the file did not come"
    message = f"{what}: {count}: {first}" + (f" (and {len(details) - 1} more)" if len(details) > 1 else "")
    return kind(message, hint="; ".join(dict.fromkeys(hints)) or None, details=details)


def _rule(error: ModelrefError) -> str:
    if isinstance(error, FetchFault):
        return f"fetch.{error.kind}"
    if isinstance(error, IntegrityFailure):
        return "fetch.sum"
    return str(error.details[0]["rule"])


def _hint(error: ModelrefError) -> str:
    if isinstance(error, FetchFault):
        return _HINTS[error.kind]
    return error.hint or (_LOOK if isinstance(error, IntegrityFailure) else _AGAIN)
