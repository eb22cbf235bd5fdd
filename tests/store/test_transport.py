from __future__ import annotations

import gzip
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import NotFound, RemoteFailure
from modelref_git.store import transport as git_transport
from modelref_git.store.transport import Denied, Move, NotAtomic, Outcome, Unknown, Unreachable
from tests.support.transports import cutting, repositories
from tests.support.transports.cutting import Gate
from tests.support.transports.fixtures import Files, Server, Transport
from tests.support.transports.proxy import Cut, Proxy, closed_port
from tests.support.transports.smart_http import HttpServer
from tests.support.transports.sshd import SshServer

# Where ssh makes no difference it is left out: it is slow.
without_ssh = pytest.mark.parametrize("transport", ["file", "http"], indirect=True)

MAIN = "refs/heads/main"
QUEUE = "refs/heads/queue"


@dataclass(frozen=True)
class Place:
    """A repository, a bare one that it pushes to, and commits that only the first one has, but for the oldest."""

    here: Path
    there: Path
    commits: list[str]

    @property
    def first(self) -> str:
        return self.commits[0]

    @property
    def last(self) -> str:
        return self.commits[-1]

    def refs(self) -> dict[str, str]:
        return repositories.refs(self.there)

    def has(self, oid: str) -> bool:
        words = ["git", "-C", str(self.there), "cat-file", "-e", oid]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("template")
    here = repositories.make_bare(folder / "here.git")
    there = repositories.make_bare(folder / "there.git")
    commits = repositories.make_commits(here, 4, size=20_000)
    repositories.git(here, "push", "-q", str(there), f"{commits[0]}:{MAIN}", f"{commits[0]}:{QUEUE}")
    return folder, commits


@pytest.fixture
def place(template: tuple[Path, list[str]], tmp_path: Path) -> Place:
    folder, commits = template
    here, there = (Path(shutil.copytree(folder / name, tmp_path / name)) for name in ("here.git", "there.git"))
    return Place(here, there, commits)


# --- what goes well ---


def test_what_was_pushed_is_listed_and_can_be_fetched(transport: Transport, place: Place, tmp_path: Path) -> None:
    url = transport.url(place.there)
    moves = [Move(MAIN, place.first, place.last), Move("refs/heads/proposals/1", None, place.commits[1])]
    done = git_transport.push(place.here, url, moves, atomic=True)
    assert done == {move.ref: Outcome(move.ref, True) for move in moves}

    listed = git_transport.list_refs(url, ["refs/heads/*"])
    assert listed == {MAIN: place.last, QUEUE: place.first, "refs/heads/proposals/1": place.commits[1]}
    assert git_transport.list_refs(url, [QUEUE]) == {QUEUE: place.first}

    other = repositories.make_bare(tmp_path / "other.git")
    git_transport.fetch(other, url, ["+refs/heads/*:refs/remotes/origin/*"])
    assert repositories.refs(other) == {ref.replace("heads", "remotes/origin"): oid for ref, oid in listed.items()}
    assert not (other / "FETCH_HEAD").exists()


def test_a_ref_is_taken_away_only_where_it_was_seen(place: Place) -> None:
    url = Files().url(place.there)
    done = git_transport.push(place.here, url, [Move(MAIN, place.last, None), Move(QUEUE, place.first, None)])
    assert (done[MAIN].done, done[MAIN].lost, done[QUEUE].done) == (False, True, True)
    assert place.refs() == {MAIN: place.first}


def test_a_ref_that_is_gone_already_can_be_taken_away(place: Place) -> None:
    url = Files().url(place.there)
    done = git_transport.push(place.here, url, [Move("refs/heads/x", None, None), Move(MAIN, place.first, place.last)])
    assert all(outcome.done for outcome in done.values())


def test_a_ref_that_is_there_already_is_done(place: Place) -> None:
    url = Files().url(place.there)
    assert git_transport.push(place.here, url, [Move(MAIN, place.first, place.first)])[MAIN].done


def test_no_moves_push_nothing(place: Place) -> None:
    repositories.git(place.here, "update-ref", MAIN, place.last)
    repositories.git(place.here, "config", "push.default", "current")
    before = place.refs()
    assert git_transport.push(place.here, Files().url(place.there), []) == {}
    assert place.refs() == before


def test_neither_tags_nor_hooks_of_the_user_go_along_with_a_push(place: Place) -> None:
    repositories.git(place.here, "-c", "user.name=a", "-c", "user.email=a@b", "tag", "-a", "-m", "v1", "v1", place.last)
    repositories.git(place.here, "config", "push.followTags", "true")
    repositories.hook(place.here, "pre-push", "exit 1\n")
    done = git_transport.push(place.here, Files().url(place.there), [Move(MAIN, place.first, place.last)])
    assert done[MAIN].done
    assert "refs/tags/v1" not in place.refs()


def test_a_fetch_takes_away_what_is_gone_where_it_is_told_to_and_leaves_tags_alone(place: Place) -> None:
    repositories.git(place.there, "tag", "v1", place.first)
    repositories.git(place.here, "update-ref", "refs/remotes/origin/gone", place.first)
    url = Files().url(place.there)
    git_transport.fetch(place.here, url, ["+refs/heads/*:refs/remotes/origin/*"])
    assert "refs/remotes/origin/gone" in repositories.refs(place.here)
    git_transport.fetch(place.here, url, ["+refs/heads/*:refs/remotes/origin/*"], prune=True)
    assert set(repositories.refs(place.here)) == {"refs/remotes/origin/main", "refs/remotes/origin/queue"}


def test_run_gives_what_git_prints_and_call_its_code_too(place: Place) -> None:
    assert git_transport.run(["rev-parse", "--git-dir"], git_dir=place.here).strip() == str(place.here)
    code, out, told = git_transport.call(["rev-parse", "--verify", "nothing"], git_dir=place.here)
    assert (code != 0, out, told) == (True, "", "fatal: Needed a single revision")
    with pytest.raises(RemoteFailure, match="git rev-parse failed: fatal: Needed a single revision"):
        git_transport.run(["rev-parse", "--verify", "nothing"], git_dir=place.here)


def test_large_output_on_both_streams_does_not_block(place: Place) -> None:
    alias = "alias.much=!head -c 300000 /dev/zero | tr '\\0' e >&2; head -c 300000 /dev/zero | tr '\\0' o"
    code, out, told = git_transport.call(["-c", alias, "much"], git_dir=place.here)
    assert (code, out, told) == (0, "o" * 300_000, "e" * 300_000)


# --- a race that is lost ---


@without_ssh
def test_a_ref_that_is_not_where_it_has_to_be_stays_and_is_told(transport: Transport, place: Place) -> None:
    url = transport.url(place.there)
    moves = [Move(MAIN, place.commits[1], place.last), Move(QUEUE, place.first, place.last)]
    done = git_transport.push(place.here, url, moves, atomic=True)
    assert (done[MAIN].done, done[MAIN].lost) == (False, True)
    assert (done[QUEUE].done, done[QUEUE].lost) == (False, False)
    assert place.refs() == {MAIN: place.first, QUEUE: place.first}

    done = git_transport.push(place.here, url, moves)
    assert (done[MAIN].lost, done[QUEUE].done) == (True, True)
    assert place.refs() == {MAIN: place.first, QUEUE: place.last}


@pytest.mark.parametrize("atomic", [True, False])
@without_ssh
def test_a_writer_who_comes_between_is_a_lost_race(transport: Transport, place: Place, atomic: bool) -> None:
    repositories.git(place.here, "push", "-q", str(place.there), f"{place.commits[1]}:refs/heads/other")
    move = f'git -C "$PWD" update-ref {QUEUE} {place.commits[1]}'
    repositories.hook(place.there, "pre-receive", f"cat >/dev/null; env -u GIT_QUARANTINE_PATH {move}\n")
    moves = [Move(MAIN, place.first, place.last), Move(QUEUE, place.first, place.last)]
    done = git_transport.push(place.here, transport.url(place.there), moves, atomic=atomic)
    assert (done[QUEUE].done, done[QUEUE].lost) == (False, True)
    assert (done[MAIN].done, done[MAIN].lost) == (not atomic, False)
    assert place.refs()[QUEUE] == place.commits[1]
    assert place.refs()[MAIN] == (place.first if atomic else place.last)


def test_a_ref_that_another_writer_is_just_moving_is_a_lost_race(place: Place) -> None:
    (place.there / f"{QUEUE}.lock").touch()
    done = git_transport.push(place.here, Files().url(place.there), [Move(QUEUE, place.first, place.last)])
    assert (done[QUEUE].done, done[QUEUE].lost) == (False, True)


def test_a_name_below_or_above_another_is_no_lost_race(place: Place) -> None:
    url = Files().url(place.there)
    done = git_transport.push(place.here, url, [Move(f"{MAIN}/below", None, place.first)])[f"{MAIN}/below"]
    assert (done.done, done.lost) == (False, False)
    assert "'refs/heads/main' exists" in done.reason


# --- hosts that refuse ---


@without_ssh
def test_a_host_without_atomic_pushes_is_told_and_nothing_is_moved(transport: Transport, place: Place) -> None:
    repositories.refuse_atomic(place.there)
    moves = [Move(MAIN, place.first, place.last), Move(QUEUE, place.first, place.last)]
    with pytest.raises(NotAtomic, match="takes no push of several branches as one"):
        git_transport.push(place.here, transport.url(place.there), moves, atomic=True)
    assert place.refs() == {MAIN: place.first, QUEUE: place.first}


@without_ssh
def test_a_protected_branch_is_refused_in_the_words_of_its_host(transport: Transport, place: Place) -> None:
    repositories.protect(place.there, "main", words="GH006: {} is protected (see rule 1/2), permission denied")
    moves = [Move(MAIN, place.first, place.last), Move(QUEUE, place.first, place.last)]
    done = git_transport.push(place.here, transport.url(place.there), moves, atomic=True)
    for outcome in done.values():
        assert outcome == Outcome(
            outcome.ref,
            False,
            "pre-receive hook declined: GH006: main is protected (see rule 1/2), permission denied",
        )
    assert place.refs() == {MAIN: place.first, QUEUE: place.first}


@without_ssh
def test_a_host_that_refuses_some_names_takes_the_others(transport: Transport, place: Place) -> None:
    repositories.refuse_refs(place.there, "refs/heads/proposals/*", words="not for you")
    moves = [Move("refs/heads/proposals/1", None, place.last), Move("refs/heads/batches/1", None, place.last)]
    done = git_transport.push(place.here, transport.url(place.there), moves)
    assert done["refs/heads/batches/1"].done
    assert "hook declined: not for you" in done["refs/heads/proposals/1"].reason
    assert not done["refs/heads/proposals/1"].lost


def test_there_is_no_repository(transport: Transport, place: Place) -> None:
    url = transport.url(place.there)
    shutil.rmtree(place.there)
    with pytest.raises(Unknown, match="there is no repository there"):
        git_transport.list_refs(url)
    with pytest.raises(Unknown):
        git_transport.push(place.here, url, [Move(MAIN, None, place.first)])
    with pytest.raises(Unknown):
        git_transport.fetch(place.here, url, [MAIN])


def test_a_host_lets_nobody_in_without_a_password(http: HttpServer, place: Place) -> None:
    url = http.url(place.there)
    http.door(place.there).passwords = {"carol": "right"}
    for address in (url, http.url(place.there, user="carol:wrong")):
        with pytest.raises(Denied, match="the remote let nobody in"):
            git_transport.list_refs(address)
    assert QUEUE in git_transport.list_refs(http.url(place.there, user="carol:right"))


def test_a_host_lets_a_reader_read_and_a_writer_write(http: HttpServer, place: Place) -> None:
    http.url(place.there)
    door = http.door(place.there)
    door.passwords, door.writers = {"carol": "c", "olivia": "o"}, {"olivia"}
    move = Move(MAIN, place.first, place.last)
    carol, olivia = (http.url(place.there, user=user) for user in ("carol:c", "olivia:o"))
    git_transport.fetch(place.here, carol, ["+refs/heads/*:refs/remotes/origin/*"])
    with pytest.raises(Denied, match="403"):
        git_transport.push(place.here, carol, [move])
    assert git_transport.push(place.here, olivia, [move])[MAIN].done


def test_ssh_lets_nobody_in_with_a_key_that_it_does_not_know(
    ssh: SshServer, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh.client(ssh.folder / "stranger")["GIT_SSH_COMMAND"])
    with pytest.raises(Denied, match="Permission denied"):
        git_transport.list_refs(ssh.url(place.there))


def test_ssh_lets_nobody_in_whom_a_forced_command_refuses(
    ssh: SshServer, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "You are not allowed to push to this repository."
    refuse = f"echo '{words}' >&2; exit 1"
    script = f"case $SSH_ORIGINAL_COMMAND in\ngit-upload-pack*) eval $SSH_ORIGINAL_COMMAND ;;\n*) {refuse} ;;\nesac\n"
    key = ssh.key_for("reader", script)
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh.client(key)["GIT_SSH_COMMAND"])
    assert QUEUE in git_transport.list_refs(ssh.url(place.there))
    with pytest.raises(Denied, match=words):
        git_transport.push(place.here, ssh.url(place.there), [Move(MAIN, place.first, place.last)])


def test_ssh_does_not_come_in_where_the_host_has_another_key(
    ssh: SshServer, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = f"{os.environ['GIT_SSH_COMMAND']} -o UserKnownHostsFile={ssh.folder / 'no_known_hosts'}"
    monkeypatch.setenv("GIT_SSH_COMMAND", command)
    with pytest.raises(Denied, match="Host key verification failed"):
        git_transport.list_refs(ssh.url(place.there))


# --- no way there ---


def everything(place: Place, url: str) -> list[Callable[[], object]]:
    """Each thing that one can do with a remote."""
    return [
        lambda: git_transport.run(["ls-remote", url]),
        lambda: git_transport.list_refs(url),
        lambda: git_transport.fetch(place.here, url, [MAIN]),
        lambda: git_transport.push(place.here, url, [Move(MAIN, place.first, place.last)]),
    ]


def test_nobody_listens(server: Server, place: Place) -> None:
    for work in everything(place, server.url(place.there, port=closed_port())):
        with pytest.raises(Unreachable, match="the remote did not answer"):
            work()


def test_there_is_no_such_host(server: Server, place: Place) -> None:
    for work in everything(place, server.url(place.there).replace("127.0.0.1", "nowhere.invalid")):
        with pytest.raises(Unreachable, match="the remote did not answer"):
            work()


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_host_that_has_trouble_of_its_own_did_not_answer(http: HttpServer, place: Place, status: int) -> None:
    url = http.url(place.there)
    http.door(place.there).status = status
    with pytest.raises(Unreachable, match=str(status)):
        git_transport.list_refs(url)


# --- cut off ---

BEFORE = [cutting.before(), cutting.answering(20), cutting.within(60), cutting.within(30_000)]


@pytest.fixture
def gate(place: Place, tmp_path: Path) -> Gate:
    return Gate(tmp_path / "plan")


def guarded(way: Transport, place: Place, gate: Gate) -> str:
    """A remote of `place.here`, with the gate before it."""
    repositories.git(place.here, "remote", "add", "there", way.url(place.there))
    gate.stand_before(place.here, "there", fetches=True)
    return "there"


@pytest.fixture
def named(place: Place, gate: Gate) -> str:
    return guarded(Files(), place, gate)


@pytest.mark.parametrize("point", BEFORE, ids=lambda point: "-".join(str(value) for value in point.values()))
def test_a_push_whose_other_side_dies_has_not_happened(named: str, place: Place, gate: Gate, point: dict) -> None:
    gate.expect(point)
    with pytest.raises(Unreachable, match="the remote broke off"):
        git_transport.push(place.here, named, [Move(QUEUE, place.first, place.last)])
    assert gate.left == 0
    assert place.refs()[QUEUE] == place.first
    assert git_transport.push(place.here, named, [Move(QUEUE, place.first, place.last)])[QUEUE].done


@pytest.mark.parametrize("atomic", [True, False])
def test_a_push_whose_answer_is_lost_has_happened_and_nobody_says_so(
    named: str, place: Place, gate: Gate, atomic: bool
) -> None:
    gate.expect(cutting.after())
    moves = [Move(QUEUE, place.first, place.last), Move(MAIN, place.first, place.last)]
    with pytest.raises(Unreachable, match="the remote broke off"):
        git_transport.push(place.here, named, moves, atomic=atomic)
    assert place.refs() == {MAIN: place.last, QUEUE: place.last}


def test_over_ssh_a_push_whose_answer_is_lost_has_happened(ssh: SshServer, place: Place, gate: Gate) -> None:
    named = guarded(ssh, place, gate)
    gate.expect(cutting.within(30_000), cutting.after())
    for expected in (place.first, place.last):
        with pytest.raises(Unreachable, match="the remote broke off"):
            git_transport.push(place.here, named, [Move(QUEUE, place.first, place.last)])
        assert place.refs()[QUEUE] == expected


def test_words_of_a_hook_do_not_hide_that_all_broke_off(place: Place, gate: Gate) -> None:
    repositories.git(place.here, "remote", "add", "there", Files().url(place.there))
    gate.stand_before(place.here, "there")
    repositories.hook(place.there, "pre-receive", "echo 'permission denied for somebody else' >&2; kill -9 $PPID\n")
    with pytest.raises(Unreachable, match="the remote broke off"):
        git_transport.push(place.here, "there", [Move(QUEUE, place.first, place.last)])


@pytest.mark.parametrize("count", [20, 200, 1100])
def test_a_fetch_that_is_cut_off_brings_nothing(named: str, place: Place, gate: Gate, count: int) -> None:
    repositories.git(place.there, "fetch", "-q", str(place.here), f"{place.last}:{MAIN}")
    other = repositories.make_bare(place.here.parent / "other.git")
    shutil.copy(place.here / "config", other / "config")
    gate.expect(cutting.answering(count))
    with pytest.raises(Unreachable):
        git_transport.fetch(other, named, ["+refs/heads/*:refs/remotes/there/*"])
    assert gate.left == 0
    assert repositories.refs(other) == {}
    git_transport.fetch(other, named, ["+refs/heads/*:refs/remotes/there/*"])
    assert repositories.refs(other)["refs/remotes/there/main"] == place.last


@pytest.mark.parametrize("cut", [Cut(to_server=0), Cut(to_client=10), Cut(to_server=20_000)], ids=str)
def test_a_push_whose_wire_is_cut_has_not_happened(server: Server, proxy: Proxy, place: Place, cut: Cut) -> None:
    proxy.plan = lambda number: cut  # each time: curl tries twice
    with pytest.raises(Unreachable, match="the remote broke off"):
        git_transport.push(place.here, server.url(place.there, port=proxy.port), [Move(QUEUE, place.first, place.last)])
    assert proxy.cut
    assert place.refs()[QUEUE] == place.first


def moved(place: Place) -> Cut:
    """Cut the wire once the other side's `queue` has moved."""
    return Cut(when=lambda: place.refs()[QUEUE] != place.first)


def test_a_push_whose_wire_is_cut_before_the_answer_has_happened(server: Server, proxy: Proxy, place: Place) -> None:
    proxy.expect(moved(place))
    with pytest.raises(Unreachable):
        git_transport.push(place.here, server.url(place.there, port=proxy.port), [Move(QUEUE, place.first, place.last)])
    assert proxy.cut == 1
    assert place.refs()[QUEUE] == place.last


def test_a_push_that_git_itself_sends_again_looks_like_a_lost_race(http: HttpServer, place: Place) -> None:
    # curl does so, when a connection that it used before dies and no byte of the answer came. So whoever lost a race
    # has to look whether it was to themself.
    url = http.url(place.there)
    http.door(place.there).late = True
    wire = Proxy(http.port)
    try:
        wire.expect(moved(place))
        done = git_transport.push(
            place.here, url.replace(str(http.port), str(wire.port)), [Move(QUEUE, place.first, place.last)]
        )[QUEUE]
    finally:
        wire.close()
    assert wire.cut == 1
    assert (done.done, done.lost) == (False, True)
    assert place.refs()[QUEUE] == place.last


def test_a_server_that_is_killed_has_broken_off(ssh: SshServer, place: Place) -> None:
    repositories.hook(place.there, "pre-receive", "touch hook; while test -e hook; do sleep 0.05; done; exit 1\n")
    killed: list[bool] = []

    def kill(line: str) -> None:
        while not killed and not (place.there / "hook").exists():
            time.sleep(0.01)
        killed.append(True)
        ssh.kill_all()
        (place.there / "hook").unlink(missing_ok=True)

    with pytest.raises(Unreachable):
        git_transport.push(place.here, ssh.url(place.there), [Move(QUEUE, place.first, place.last)], progress=kill)
    assert killed
    assert place.refs()[QUEUE] == place.first


def test_what_all_refs_were_told_counts_although_the_connection_ended_badly(place: Place) -> None:
    repositories.git(place.here, "remote", "add", "there", Files().url(place.there))
    program = place.here / "badly"
    program.write_text('#!/bin/sh\ngit-receive-pack "$@"\nexit 1\n')
    program.chmod(0o755)
    repositories.git(place.here, "config", "remote.there.receivepack", str(program))
    assert git_transport.push(place.here, "there", [Move(QUEUE, place.first, place.last)])[QUEUE].done


def test_a_host_that_does_not_say_what_became_of_a_branch_has_broken_off(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = place.here / "bin" / "git"
    program.parent.mkdir()
    row = f"!\\t{place.last}:{QUEUE}\\t[remote failure] (remote failed to report status)"
    program.write_text(f"#!/bin/sh\nprintf '{row}\\n'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    with pytest.raises(Unreachable):
        git_transport.push(place.here, "there", [Move(QUEUE, place.first, place.last)])


# --- progress ---


def test_progress_is_told_line_by_line_and_is_no_fault(transport: Transport, place: Place) -> None:
    told: list[str] = []
    repositories.hook(place.there, "pre-receive", "cat >/dev/null; echo 'looked at (1/2)' >&2; exit 1\n")
    moves = [Move(QUEUE, place.first, place.last)]
    done = git_transport.push(place.here, transport.url(place.there), moves, progress=told.append)
    assert any(line.startswith("Writing objects: 100%") for line in told)
    assert done[QUEUE].reason == "pre-receive hook declined: looked at (1/2)"

    told.clear()
    git_transport.fetch(place.here, transport.url(place.there), [f"+{MAIN}:refs/x"], progress=told.append)
    other = repositories.make_bare(place.here.parent / "other.git")
    git_transport.fetch(other, transport.url(place.there), [f"+{MAIN}:refs/x"], progress=told.append)
    assert any(line.startswith("remote: Enumerating objects") for line in told)
    assert all(line == line.strip() and "\r" not in line for line in told)


def test_whoever_is_told_of_progress_can_stop_it(place: Place) -> None:
    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        git_transport.push(place.here, Files().url(place.there), [Move(QUEUE, place.first, place.last)], progress=stop)


# --- silence ---


def alive(pid: int) -> bool:
    """Whether a process is there, and no zombie that its parent has not looked after yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return not done.stdout.decode().strip().startswith("Z") and bool(done.stdout.strip())


def gone(pid: int) -> bool:
    """Whether a process goes away, before long."""
    until = time.monotonic() + 20
    while alive(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def silent(place: Place) -> Iterator[Path]:
    """A file that tells the id of the program at the other side, which is deaf to all but the last resort."""
    pid = place.here / "pid"
    program = place.here / "silent"
    program.write_text(f'#!/bin/sh\ntrap "" TERM HUP PIPE INT\necho $$ >{pid}\nwhile :; do sleep 0.1; done\n')
    program.chmod(0o755)
    repositories.git(place.here, "remote", "add", "there", Files().url(place.there))
    for key in ("uploadpack", "receivepack"):
        repositories.git(place.here, "config", f"remote.there.{key}", str(program))
    yield pid
    if pid.exists() and alive(int(pid.read_text())):
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_a_remote_that_says_nothing_is_left_and_no_process_stays(
    silent: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_transport, "_GRACE", 0.1)
    works = (
        lambda: git_transport.fetch(place.here, "there", [MAIN], timeout=0.5),
        lambda: git_transport.list_refs("there", git_dir=place.here, timeout=0.5),
        lambda: git_transport.push(place.here, "there", [Move(MAIN, place.first, place.last)], timeout=0.5),
    )
    for work in works:
        silent.unlink(missing_ok=True)
        with pytest.raises(Unreachable, match=r"silent for too long \(0.5 s\)"):
            work()
        assert gone(int(silent.read_text()))


def test_a_server_that_says_nothing_is_left(server: Server, place: Place) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = server.url(place.there, port=deaf.getsockname()[1])
        with pytest.raises(Unreachable, match="silent for too long"):
            git_transport.list_refs(url, timeout=0.5)


def test_whoever_git_leaves_behind_is_not_waited_for(place: Place) -> None:
    pid = place.here / "pid"
    program = place.here / "leaves"
    program.write_text(f'#!/bin/sh\nsleep 60 </dev/null >/dev/null &\necho $! >{pid}\nexec git-upload-pack "$@"\n')
    program.chmod(0o755)
    repositories.git(place.here, "remote", "add", "there", Files().url(place.there))
    repositories.git(place.here, "config", "remote.there.uploadpack", str(program))
    try:
        assert git_transport.list_refs("there", [MAIN], git_dir=place.here) == {MAIN: place.first}
        assert alive(int(pid.read_text())), "it holds stderr open all the while"
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


# --- where it runs ---


def test_what_git_tells_a_hook_of_its_repository_does_not_leak(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = place.here.parent / "wrong"
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"):
        monkeypatch.setenv(name, str(wrong))
    monkeypatch.setenv("GIT_QUARANTINE_PATH", str(wrong))
    monkeypatch.setenv("GIT_NAMESPACE", "elsewhere")
    monkeypatch.setenv("GIT_SHALLOW_FILE", str(wrong))
    url = Files().url(place.there)
    done = git_transport.push(place.here, url, [Move(QUEUE, place.first, place.last)])
    assert done[QUEUE].done
    git_transport.fetch(place.here, url, ["+refs/heads/*:refs/remotes/origin/*"])
    assert git_transport.list_refs(url, [QUEUE]) == {QUEUE: place.last}
    for name in ("GIT_DIR", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY", "GIT_WORK_TREE", "GIT_SHALLOW_FILE"):
        monkeypatch.delenv(name)
    monkeypatch.delenv("GIT_QUARANTINE_PATH")
    monkeypatch.delenv("GIT_COMMON_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert place.refs()[QUEUE] == place.last
    assert repositories.refs(place.here)["refs/remotes/origin/queue"] == place.last


def test_a_hook_can_push_on_to_another_repository(place: Place) -> None:
    other = repositories.make_bare(place.here.parent / "other.git")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from modelref_git.store.transport import Move, push\n"
        f"print(push(Path(sys.argv[2]), sys.argv[3], [Move({MAIN!r}, None, {place.first!r})]))\n"
    )
    script = place.there / "hooks" / "on.py"
    script.write_text(code)
    checkout = Path(git_transport.__file__).parents[2]
    words = f'"{sys.executable}" "{script}" "{checkout}" "{place.there}" "{other}"'
    repositories.hook(place.there, "post-receive", f"cat >/dev/null; {words} >told 2>&1\n")
    git_transport.push(place.here, Files().url(place.there), [Move(QUEUE, place.first, place.last)])
    assert repositories.refs(other) == {MAIN: place.first}, (place.there / "told").read_text()


def test_git_asks_nobody_where_there_is_no_terminal(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_TERMINAL_PROMPT")
    words = ["-c", "alias.told=!echo $GIT_TERMINAL_PROMPT", "told"]
    assert git_transport.run(words, git_dir=place.here).strip() == "0"


def test_variables_can_be_given(place: Place) -> None:
    words = ["-c", "alias.told=!echo $SAID", "told"]
    assert git_transport.run(words, git_dir=place.here, env={"SAID": "this"}).strip() == "this"


def test_without_git_the_message_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place.here))
    with pytest.raises(NotFound, match="git program is not installed"):
        git_transport.list_refs("there", git_dir=place.here)


# --- smart HTTP as it is really spoken ---


def test_a_large_push_goes_in_pieces(http: HttpServer, place: Place) -> None:
    url = http.url(place.there)
    repositories.git(place.here, "config", "http.postBuffer", "65536")
    large = repositories.make_commits(place.here, 1, size=100_000)[0]
    http.requests.clear()
    assert git_transport.push(place.here, url, [Move("refs/heads/large", None, large)])["refs/heads/large"].done
    assert any(headers.get("transfer-encoding") == "chunked" for _, _, headers in http.requests)


def test_a_question_that_is_packed_is_understood(http: HttpServer, place: Place) -> None:
    want = f"want {place.first}\n".encode()
    question = b"%04x%b00000009done\n" % (len(want) + 4, want)
    request = urllib.request.Request(
        f"{http.url(place.there)}/git-upload-pack",
        gzip.compress(question),
        {"Content-Type": "application/x-git-upload-pack-request", "Content-Encoding": "gzip"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        assert answer.read().startswith(b"0008NAK\nPACK")


# --- faults in words ---


@without_ssh
def test_a_fetch_that_is_no_fast_forward_says_which(transport: Transport, place: Place) -> None:
    repositories.git(place.here, "update-ref", "refs/seen", place.last)
    with pytest.raises(RemoteFailure, match=r"main +-> refs/seen +\(non-fast-forward\)") as fault:
        git_transport.fetch(place.here, transport.url(place.there), [f"{MAIN}:refs/seen", f"{QUEUE}:refs/new"])
    assert not isinstance(fault.value, Unreachable)
    assert "refs/new" not in fault.value.message


def test_a_fetch_of_a_ref_that_is_not_there_names_it(transport: Transport, place: Place) -> None:
    with pytest.raises(RemoteFailure, match=r"^the remote has no refs/heads/nothing$") as fault:
        git_transport.fetch(place.here, transport.url(place.there), ["refs/heads/nothing"])
    assert type(fault.value) is RemoteFailure


SAID = {
    "ERROR: Repository not found.\nfatal: Could not read from remote repository.": Unknown,
    "remote: Repository not found.\nfatal: repository 'https://h.example/a.git/' not found": Unknown,
    "remote: \nremote: ERROR: The project you were looking for could not be found or you don't have permission to view "
    "it.\nremote: \nfatal: Could not read from remote repository.": Unknown,
    "ERROR: Permission to a/b.git denied to c.\nfatal: Could not read from remote repository.": Denied,
    "remote: Permission to a/b.git denied to c.\nfatal: unable to access 'https://h.example/': The requested URL "
    "returned error: 403": Denied,
    "git@h.example: Permission denied (publickey).\nfatal: Could not read from remote repository.": Denied,
    "fatal: Authentication failed for 'https://h.example/a.git/'": Denied,
    "error: RPC failed; HTTP 403 curl 22 The requested URL returned error: 403\nfatal: the remote end hung up "
    "unexpectedly": Denied,
    "fatal: unable to access 'https://h.example/': Could not resolve host: h.example": Unreachable,
    "ssh: connect to host h.example port 22: Connection timed out\nfatal: Could not read from remote repository.": (
        Unreachable
    ),
    "client_loop: send disconnect: Broken pipe\nfatal: the remote end hung up unexpectedly": Unreachable,
    "error: RPC failed; curl 56 Recv failure: Connection reset by peer\nfatal: early EOF": Unreachable,
    "remote: permission denied\nsend-pack: unexpected disconnect while reading sideband packet": Unreachable,
    "fatal: unable to access 'https://h.example/': server certificate verification failed. CAfile: none": Unreachable,
    "fatal: the receiving end does not support --atomic push\nfatal: the remote end hung up unexpectedly": NotAtomic,
    "fatal: something new": RemoteFailure,
    "": Unreachable,
}


@pytest.mark.parametrize(("told", "kind"), SAID.items())
def test_each_fault_of_a_host_is_told_for_what_it_is(told: str, kind: type[RemoteFailure]) -> None:
    assert type(git_transport.failure("git push", told)) is kind


@given(st.text())
def test_whatever_git_says_is_a_fault_of_the_remote(told: str) -> None:
    found = git_transport.failure("git push", told)
    assert isinstance(found, RemoteFailure)
    assert found.message


def test_a_message_does_not_repeat_itself_and_leaves_out_what_says_nothing() -> None:
    told = "From somewhere\nhint: a\nremote: one\nremote: one\nfatal: two\nhint: b"
    assert git_transport.failure("git fetch", told).message == "git fetch failed: one; fatal: two"


def test_git_that_ends_without_a_word_was_broken_off() -> None:
    fault = git_transport.failure("git push", " \n")
    assert isinstance(fault, Unreachable)
    assert "broke off" in fault.message
