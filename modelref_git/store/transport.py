"""The ``git`` program as the way to other repositories: ssh agents, credential helpers and proxies come with it.

libgit2 carries nothing here: over ``file://`` it goes past the other side's hooks, and over HTTP it takes a push apart
that was asked for as one.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modelref_git.errors import NotFound, RemoteFailure

Progress = Callable[[str], None]
"""Told each line of progress that git prints."""

ABSENT: Final = "0" * 40
"""Where a ref is that is not there, as git spells it."""

_OURS: Final = frozenset(
    {
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_PREFIX",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_QUARANTINE_PATH",
        "GIT_NAMESPACE",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
    }
)
"""What git tells its hooks and aliases of the repository that they run in: it is not about the one asked for here."""

_UNKNOWN_REPOSITORY: Final = re.compile(
    r"does not appear to be a git repository|repository .* (does not exist|not found)|not found: did you run|"
    r"Repository not found|could not be found or you don't have permission",
    re.IGNORECASE,
)
_NO_RIGHTS: Final = re.compile(
    r"permission denied|authentication failed|could not read (username|password)|access denied|"
    r"returned error: 40[13]|host key verification failed|no supported authentication|not authorized|"
    r"permission to .* denied|insufficient permission|\bdenied by\b|\bnot allowed to\b",
    re.IGNORECASE,
)
_NO_NETWORK: Final = re.compile(
    r"could not resolve|connection refused|connection timed out|no route to host|network is unreachable|"
    r"failed to connect|couldn't connect|operation timed out|temporary failure in name resolution|"
    r"returned error: 5\d\d",
    re.IGNORECASE,
)
_NO_SUCH_REF: Final = re.compile(r"couldn't find remote ref (\S+)|no such remote ref (\S+)", re.IGNORECASE)
_BROKE_OFF: Final = re.compile(
    r"hung up|early EOF|unexpected disconnect|RPC failed|Could not read from remote|Broken pipe|unable to access|"
    r"Connection (reset|closed)|expected flush|error reading section header|invalid index-pack output|protocol error",
    re.IGNORECASE,
)
_IN_THE_MIDDLE: Final = re.compile(r"hung up|unexpected disconnect|early EOF", re.IGNORECASE)
_NOISE: Final = re.compile(
    r"hint:|Please make sure|and the repository exists|warning: redirecting|Cloning into|From \S+$|"
    r"(\*|\+|=|-|t|[0-9a-f]+\.\.+[0-9a-f]+) .* -> "  # the refs that a fetch did bring
)
_MOVED: Final = ("stale info", "fetch first", "non-fast-forward", "needs force", "remote ref updated since checkout")
_OVERTAKEN: Final = (
    r"cannot lock ref '{}': (is at \w+ but expected|reference already exists|unable to resolve|.*File exists)"
)
"""What a server says when another writer moved the ref, or is about to, after it told where the ref is."""
_PROGRESS: Final = re.compile(r"(remote: )?(\w[\w ]*: +\d+(%|, done\.|$)|Total \d+ \(delta |Delta compression using )")
_GLANCE: Final = 0.25
"""Seconds between two looks at whether git is still there, while it says nothing."""
_GRACE: Final = 2.0
"""Seconds that git has to tidy up before it is killed."""
_NO_ATOMIC: Final = re.compile(r"does not support --atomic", re.IGNORECASE)


class Unreachable(RemoteFailure):
    """The other side did not answer, or broke off: whether it took what it was sent is not known."""


class Denied(RemoteFailure):
    """The other side answered, and let nobody in."""


class Unknown(RemoteFailure):
    """There is no repository at that address, as far as the other side says."""


class NotAtomic(RemoteFailure):
    """The other side takes no push of several refs as one."""


@dataclass(frozen=True, slots=True)
class Move:
    """One ref of the other side, and where it has to be, and has to come to; ``None`` stands for absent."""

    ref: str
    expected: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one :class:`Move`. ``lost`` says that the ref was not where it had to be."""

    ref: str
    done: bool
    reason: str = ""
    lost: bool = False
    unanswered: bool = False
    """The connection broke before the other side said what it did."""


def run(
    words: Sequence[str],
    *,
    git_dir: Path | None = None,
    env: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    timeout: float | None = None,
) -> str:
    """Run ``git`` with *words*; gives what it prints.

    Args:
        words: the command and its options.
        git_dir: the repository it runs on, where there is one.
        env: variables besides those of this process.
        progress: told how far it is.
        timeout: seconds without a word from it after which it is stopped; one whose progress is told says many.

    Raises:
        NotFound: there is no such program.
        Unreachable: the other side did not answer, or was silent for too long.
        Denied: it lets this person not in.
        Unknown: there is no repository.
        NotAtomic: the other side takes no push as one.
        RemoteFailure: anything else that git says.
    """
    code, out, told = call(words, git_dir=git_dir, env=env, progress=progress, timeout=timeout)
    if code:
        raise failure(f"git {words[0]}", told)
    return out


def call(
    words: Sequence[str],
    *,
    git_dir: Path | None = None,
    env: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    timeout: float | None = None,
) -> tuple[int, str, str]:
    """As :func:`run`, but gives the exit code, what was printed, and what was told on stderr.

    Raises:
        NotFound: there is no such program.
        Unreachable: it was silent for too long.
    """
    command = ["git", *(["--git-dir", str(git_dir)] if git_dir is not None else []), *words]
    kept = {key: value for key, value in os.environ.items() if key not in _OURS}
    if not _somebody_is_there():
        kept.setdefault("GIT_TERMINAL_PROMPT", "0")
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**kept, "LC_ALL": "C", **(env or {})},
            start_new_session=timeout is not None,  # what git starts is stopped with it
        )
    except FileNotFoundError as error:
        raise NotFound("the git program is not installed, or not on PATH; remotes need it") from error
    heard = _Heard(progress)
    with process:
        try:
            if not _hear(process, heard, timeout):
                raise Unreachable(f"git {words[0]} was stopped: the remote was silent for too long ({timeout:g} s)")
        except BaseException:
            _stop(process, with_others=timeout is not None)
            raise
    return process.returncode, heard.out.decode("utf-8", "replace"), "\n".join(heard.told)


def _somebody_is_there() -> bool:
    """Whether there is a terminal at which somebody could answer a question of git's."""
    try:
        return any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))
    except ValueError:  # it is closed
        return False


class _Heard:
    """What git said, as it comes in."""

    def __init__(self, progress: Progress | None) -> None:
        self.out = bytearray()
        self.told: list[str] = []
        self._progress = progress
        self._rest = b""

    def error(self, data: bytes) -> None:
        """Take what came on stderr: lines of progress end with a carriage return, all others with a line feed."""
        *lines, self._rest = re.split(rb"(?<=[\r\n])", self._rest + data)
        if not data:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            text = line.decode("utf-8", "replace").strip()
            if text and (_PROGRESS.match(text) or (line.endswith(b"\r") and b"%" in line)):
                if self._progress is not None:
                    self._progress(text)
            elif text:
                self.told.append(text)


def _hear(process: subprocess.Popen[bytes], heard: _Heard, timeout: float | None) -> bool:
    """Listen to git until it is done; ``False`` when it said nothing for so long.

    Whoever git leaves behind (a shared ssh connection, a cache of credentials) may hold its streams open: nobody waits
    for that.
    """
    import selectors

    patience = timeout if timeout is not None else float("inf")
    until = time.monotonic() + patience
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, heard.out.extend)  # type: ignore[arg-type] # pipes
        selector.register(process.stderr, selectors.EVENT_READ, heard.error)  # type: ignore[arg-type]
        while selector.get_map():
            left = until - time.monotonic()
            ready = selector.select(min(max(left, 0), _GLANCE))
            for key, _ in ready:
                data = os.read(key.fd, 65536)
                key.data(data)
                until = time.monotonic() + patience
                if not data:
                    selector.unregister(key.fileobj)
            if left <= 0:
                return False
            if not ready and process.poll() is not None:
                break
    heard.error(b"")
    try:
        process.wait(None if timeout is None else max(until - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        return False
    return True


def _stop(process: subprocess.Popen[bytes], *, with_others: bool) -> None:
    """Stop git, *with_others* also the programs that it started; who does not listen is killed."""
    import signal

    def send(number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number) if with_others else process.send_signal(number)

    send(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)  # git takes its half-written files away
    send(signal.SIGKILL)


def failure(what: str, told: str) -> RemoteFailure:
    """What git *told*, as the error that it means."""
    if not told.strip():  # it was ended by a pipe that nobody reads any more
        return Unreachable("the remote broke off, and git said nothing of it", hint="run the command again")
    rows = told.splitlines()
    lines = (row.removeprefix("remote: ").strip() for row in rows)
    text = "; ".join([line for line in dict.fromkeys(lines) if line and not _NOISE.match(line)][:6])
    text = text or "git said nothing"
    if _NO_ATOMIC.search(told):
        return NotAtomic("the remote takes no push of several branches as one")
    # When all breaks off in the middle, the words of a hook that was under way do not say why.
    own = "\n".join(row for row in rows if not (_IN_THE_MIDDLE.search(told) and row.startswith("remote: ")))
    if _UNKNOWN_REPOSITORY.search(own) and not _NO_RIGHTS.search(own):
        return Unknown(f"there is no repository there: {text}", hint="`git remote -v` tells the address")
    if _NO_RIGHTS.search(own):
        return Denied(
            f"the remote let nobody in: {text}",
            hint="check the address and your rights: `git remote -v`, `ssh -T`, or git's credential helper",
        )
    missing = _NO_SUCH_REF.search(own)
    if missing is not None:
        return RemoteFailure(f"the remote has no {missing[1] or missing[2]}")
    if _NO_NETWORK.search(own):
        return Unreachable(f"the remote did not answer: {text}", hint="check the network, then run the command again")
    if _BROKE_OFF.search(told):
        return Unreachable(f"the remote broke off: {text}", hint="run the command again")
    return RemoteFailure(f"{what} failed: {text}")


def fetch(
    git_dir: Path,
    remote: str,
    refspecs: Sequence[str],
    *,
    prune: bool = False,
    progress: Progress | None = None,
    options: Sequence[str] = (),
    timeout: float | None = None,
) -> None:
    """Fetch *refspecs* from *remote* (a name or an address). Tags are left alone.

    Raises:
        RemoteFailure: as :func:`run`; also when a refspec without ``+`` would not be a fast-forward.
    """
    words = ["fetch", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules"]
    words += ["--prune"] if prune else []
    words += ["--progress"] if progress is not None else []  # not quiet: that hides what is no fast-forward
    run([*words, *options, remote, *refspecs], git_dir=git_dir, progress=progress, timeout=timeout)


def list_refs(
    remote: str, patterns: Sequence[str] = (), *, git_dir: Path | None = None, timeout: float | None = None
) -> dict[str, str]:
    """The refs of *remote* that match *patterns*, with the commit that each is at.

    Raises:
        RemoteFailure: as :func:`run`.
    """
    out = run(["ls-remote", remote, *patterns], git_dir=git_dir, timeout=timeout)
    rows = (line.split("\t", 1) for line in out.splitlines() if "\t" in line)
    return {ref: oid for oid, ref in rows if not ref.endswith("^{}")}


def push(
    git_dir: Path,
    remote: str,
    moves: Iterable[Move],
    *,
    atomic: bool = False,
    progress: Progress | None = None,
    timeout: float | None = None,
) -> dict[str, Outcome]:
    """Move refs of *remote*, each only from where it has to be; gives what became of each.

    A lease is no fast-forward check: whoever calls has looked at the ancestry.

    Raises:
        NotAtomic: *atomic* was asked for, and the other side knows no such thing. Nothing was moved.
        Denied: it let nobody in. Nothing was moved.
        Unknown: there is no repository. Nothing was moved.
        Unreachable: nothing is known of what became of the moves.
    """
    rows = list(moves)
    if not rows:  # git would push what it thinks best
        return {}
    words = ["push", "--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"]
    words += ["--atomic"] if atomic else []
    words += ["--progress"] if progress is not None else []
    words += [f"--force-with-lease={move.ref}:{move.expected or ''}" for move in rows]
    words += [remote, *(f"{move.new or ''}:{move.ref}" for move in rows)]
    code, out, told = call(words, git_dir=git_dir, progress=progress, timeout=timeout)
    found = {outcome.ref: outcome for line in out.splitlines() if (outcome := _outcome(line)) is not None}
    unknown = [move for move in rows if move.ref not in found or found[move.ref].unanswered]
    if code and unknown and all(outcome.done or outcome.unanswered for outcome in found.values()):
        fault = failure("git push", told)
        if not found and isinstance(fault, (NotAtomic, Denied, Unknown)):
            raise fault
        # Whatever else it was: nobody knows whether the other side took it.
        raise Unreachable(fault.message, hint="run the command again")
    said = "; ".join(line.removeprefix("remote: ") for line in told.splitlines() if line.startswith("remote: "))
    return {
        move.ref: _with_words(found.get(move.ref) or Outcome(move.ref, False, "git said nothing of it"), said)
        for move in rows
    }


def _with_words(outcome: Outcome, said: str) -> Outcome:
    """An outcome with what the other side's hooks said, and git there."""
    if outcome.done or not said:
        return outcome
    overtaken = re.search(_OVERTAKEN.format(re.escape(outcome.ref)), said) is not None
    return Outcome(outcome.ref, False, f"{outcome.reason}: {said}", outcome.lost or overtaken)


def _outcome(line: str) -> Outcome | None:
    """One line of ``git push --porcelain``: a flag, the two refs, and what happened."""
    flag, _, rest = line.partition("\t")
    refs, _, summary = rest.partition("\t")
    if len(flag) != 1 or not refs or not summary:
        return None
    ref = refs.rpartition(":")[2]
    if flag != "!":
        return Outcome(ref, True)
    reason = re.sub(r"^\[[^]]*\]\s*", "", summary).strip().removeprefix("(").removesuffix(")") or summary
    return Outcome(ref, False, reason, reason in _MOVED, "[remote failure]" in summary)
