from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import RemoteFailure, WrongState
from modelref_git.operations.exchange import pull
from modelref_git.store import publishing, remote
from modelref_git.store.remote import FRESH_SECONDS
from tests.support.clean import assert_clean
from tests.support.clones import gate_before, server_and_clones, watch_pushes
from tests.support.transports.cutting import after, before, between, first, within
from tests.support.world import ARTHUR, CAROL, World, clip

Clones = tuple[World, World, World]


@pytest.fixture
def clones(tmp_path: Path) -> Clones:
    server, (one, two) = server_and_clones(tmp_path, "one", "two")
    return server, one, two


FIRST = 3
"""The number of the first change that a test makes: the members came by changes, too."""


def changes(world: World) -> list[tuple[int, str]]:
    """The changes of records, counted from 1."""
    page = world.run("changes", "--category", "clip", "--limit", "500").ok().json
    return [(row["change_id"] - FIRST + 1, row["model_name"]) for row in page["items"]]


def forget_when_heard(world: World) -> None:
    (world.path / ".git/modelref/cache/heard").unlink(missing_ok=True)


def test_a_step_in_a_clone_is_one_push_that_moves_all_of_its_branches(clones: Clones) -> None:
    server, one, _ = clones
    notes = watch_pushes(server)
    one.create("clip", "a", clip("a"))
    assert [sorted(line.split()) for line in notes.read_text().splitlines()] == [
        [f"refs/heads/proposals/{FIRST}", "refs/heads/queue"]
    ]
    batch = one.approve(FIRST)
    one.apply(batch)
    assert [sorted(line.split()) for line in notes.read_text().splitlines()[1:]] == [
        [f"refs/heads/batches/{batch}", "refs/heads/queue"],
        [f"refs/heads/batches/{batch}", "refs/heads/main", f"refs/heads/proposals/{FIRST}", "refs/heads/queue"],
    ]
    assert_clean(server.path)
    assert server.refs() == {
        ref.replace("refs/remotes/origin/", "refs/heads/"): oid
        for ref, oid in one.refs().items()
        if ref.startswith("refs/remotes/origin/") and not ref.endswith("HEAD")
    }


def test_the_local_queue_main_and_files_follow_what_the_remote_took(clones: Clones) -> None:
    _, one, _ = clones
    one.create("clip", "a", clip("a"))
    one.apply(one.approve(FIRST))
    refs = one.refs()
    assert refs["refs/heads/queue"] == refs["refs/remotes/origin/queue"]
    assert refs["refs/heads/main"] == refs["refs/remotes/origin/main"]
    assert (one.path / "dataset/clip/a.json").is_file()
    assert one.git("status", "--porcelain") == ""
    assert f"refs/heads/proposals/{FIRST}" not in refs, "only the remote has branches of proposals"


def test_a_clone_that_is_behind_asks_when_it_was_not_heard_lately(clones: Clones) -> None:
    _, one, two = clones
    one.create("clip", "a", clip("a"))
    assert two.create("clip", "b", clip("b")) == FIRST + 1
    assert FRESH_SECONDS < 3600


def test_a_clone_that_starts_from_what_it_has_loses_the_race_and_goes_on_from_the_new_state(clones: Clones) -> None:
    server, one, two = clones
    assert two.create("clip", "z", clip("z")) == FIRST
    one.create("clip", "a", clip("a"))
    # It heard the remote just now, so it does not ask; the lease says that it is behind.
    assert two.create("clip", "b", clip("b")) == FIRST + 2
    assert changes(two) == [(1, "z"), (2, "a"), (3, "b")]
    assert_clean(server.path)


def test_a_refusal_by_an_old_state_is_decided_again_from_the_new_one(clones: Clones) -> None:
    _, one, two = clones
    two.create("clip", "z", clip("z"))
    one.create("clip", "a", clip("a"))
    assert two.approve(FIRST + 1), "it was not there when it began"


def test_an_approval_is_of_what_the_clone_had_when_it_was_given(clones: Clones) -> None:
    server, one, two = clones
    number = one.create("clip", "a", clip("a"))
    pull(two.context())
    one.run("propose", "rebase", str(number), "--set", "/description=other", actor=CAROL).ok()
    forget_when_heard(two)
    answer = two.run("approve", str(number), "--title", "T", actor=ARTHUR)
    assert answer.code == 4, "the approver has not seen that"
    assert two.run("approve", str(number), "--title", "T", actor=ARTHUR).ok()
    assert_clean(server.path)


def test_somebody_who_writes_between_the_advertisement_and_the_push_is_not_overwritten(clones: Clones) -> None:
    server, one, two = clones
    gate = gate_before(one)
    words = ["-m", "modelref_git", "-C", str(two.path), "--actor", CAROL, "propose", "create", "clip", "--name", "z"]
    gate.expect(between([sys.executable, *words, "--set", "/description=z"]))
    assert one.create("clip", "a", clip("a")) == FIRST + 1
    assert gate.left == 0
    assert changes(server) == [(1, "z"), (2, "a")]
    assert_clean(server.path)


def test_a_push_that_was_cut_off_before_it_arrived_is_made_again(clones: Clones) -> None:
    server, one, _ = clones
    gate = gate_before(one)
    for point in (before(), within(300)):
        gate.expect(point)
        number = one.create("clip", f"a-{point['at']}", clip(f"a-{point['at']}"))
        assert gate.left == 0
        assert changes(server)[-1][0] == number - FIRST + 1
    assert len(changes(server)) == 2
    assert_clean(server.path)


def test_a_lost_answer_is_read_back_and_nothing_happens_twice(clones: Clones) -> None:
    server, one, _ = clones
    gate = gate_before(one)
    gate.expect(after())
    assert one.create("clip", "a", clip("a")) == FIRST
    assert gate.left == 0
    assert changes(server) == [(1, "a")]
    assert not [ref for ref in one.refs() if ref.startswith("refs/modelref/")]
    gate.expect(after())
    batch = one.approve(FIRST)
    gate.expect(after())
    assert one.apply(batch) == [FIRST]
    assert_clean(server.path)


def cut_off_for_good(world: World) -> None:
    """The answer to the next push is lost, and from then on nobody answers."""
    gate = gate_before(world)
    gate.stand_before(world.path, pushes=False, fetches=True)
    gate.expect(after(), *[before()] * 5)


def mend(world: World) -> None:
    gate_before(world)
    forget_when_heard(world)


def test_an_answer_that_cannot_be_read_back_is_told_by_the_next_pull(clones: Clones) -> None:
    _, one, two = clones
    two.create("clip", "z", clip("z"))
    pull(one.context())
    cut_off_for_good(one)
    with pytest.raises(RemoteFailure, match="does not tell whether it took the change"):
        one.create("clip", "a", clip("a"))
    assert [ref for ref in one.refs() if ref.startswith(publishing.ATTEMPTS)]
    mend(one)
    pull(one.context())
    assert any("had happened: enqueue: create" in warning for warning in one.warnings), one.warnings
    assert not [ref for ref in one.refs() if ref.startswith(publishing.ATTEMPTS)]


def test_a_proposal_is_not_made_twice_when_its_first_answer_could_not_be_read_back(clones: Clones) -> None:
    server, one, _ = clones
    pull(one.context())
    cut_off_for_good(one)
    with pytest.raises(RemoteFailure):
        one.create("clip", "a", clip("a"))
    mend(one)
    with pytest.raises(WrongState, match="change 3 asks for this already"):
        one.create("clip", "a", clip("a"))
    assert changes(server) == [(1, "a")]
    assert one.create("clip", "b", clip("b")) == FIRST + 1


def test_somebody_who_is_killed_while_pushing_learns_what_became_of_it(clones: Clones) -> None:
    server, one, _ = clones
    pull(one.context())
    with pytest.MonkeyPatch.context() as patch:
        push = remote.Remote.push

        def killed(there: remote.Remote, *words: Any, **options: Any) -> Any:
            push(there, *words, **options)
            raise KeyboardInterrupt

        patch.setattr(remote.Remote, "push", killed)
        with pytest.raises(KeyboardInterrupt):
            one.create("clip", "a", clip("a"))
    with pytest.raises(WrongState, match="change 3 asks for this already"):
        one.create("clip", "a", clip("a"))
    assert changes(server) == [(1, "a")]
    assert not [ref for ref in one.refs() if ref.startswith(publishing.ATTEMPTS)]


def test_a_push_that_never_arrived_is_told_by_the_next_pull(clones: Clones) -> None:
    server, one, two = clones
    pull(one.context())
    gate = gate_before(one)
    gate.stand_before(one.path, pushes=False, fetches=True)
    gate.expect(*[before()] * 6)
    with pytest.raises(RemoteFailure):
        one.create("clip", "a", clip("a"))
    mend(one)
    two.create("clip", "z", clip("z"))
    pull(one.context())
    assert any("has not happened" in warning for warning in one.warnings), one.warnings
    assert changes(server) == [(1, "z")]


def test_a_branch_whose_name_a_stranger_holds_is_skipped_and_told(clones: Clones) -> None:
    server, one, _ = clones
    server.git("branch", f"proposals/{FIRST}", "main")
    held = server.refs()[f"refs/heads/proposals/{FIRST}"]
    assert one.create("clip", "a", clip("a")) == FIRST
    assert any(f"proposals/{FIRST} is at" in warning for warning in one.warnings), one.warnings
    assert server.refs()[f"refs/heads/proposals/{FIRST}"] == held
    one.apply(one.approve(FIRST))
    assert server.run("get", "clip", "a").ok()


def test_a_branch_in_the_way_of_many_stops_nothing(clones: Clones) -> None:
    server, one, _ = clones
    server.git("branch", "proposals", "main")
    assert one.create("clip", "a", clip("a")) == FIRST
    assert changes(server) == [(1, "a")]
    server.git("branch", "-D", "proposals")
    one.create("clip", "b", clip("b"))
    assert {f"refs/heads/proposals/{FIRST}", f"refs/heads/proposals/{FIRST + 1}"} <= server.refs().keys(), (
        "the next step brings it"
    )


def test_a_host_without_atomic_pushes_gets_the_log_first(clones: Clones) -> None:
    server, one, _ = clones
    server.git("config", "receive.advertiseAtomic", "false")
    notes = watch_pushes(server)
    one.create("clip", "a", clip("a"))
    one.apply(one.approve(FIRST))
    rows = [line.split() for line in notes.read_text().splitlines()]
    assert [row for row in rows if "refs/heads/queue" in row] == [["refs/heads/queue"]] * 3
    assert_clean(server.path)
    assert f"refs/heads/proposals/{FIRST}" not in server.refs()
    assert server.run("get", "clip", "a").ok()


def test_a_refusal_by_the_host_is_told_in_its_own_words(clones: Clones) -> None:
    server, one, _ = clones
    hook = server.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'queue is protected here' >&2\nexit 1\n")
    hook.chmod(0o755)
    before_refs = server.refs()
    with pytest.raises(RemoteFailure, match="queue is protected here"):
        one.create("clip", "a", clip("a"))
    assert server.refs() == before_refs


def test_many_branches_follow_in_pushes_of_at_most_a_hundred(clones: Clones) -> None:
    server, one, _ = clones
    notes = watch_pushes(server)
    lines = "".join(
        f'{{"operation":"create","category":"clip","model_name":"m{n}","payload":{{"name":"m{n}"}}}}\n'
        for n in range(120)
    )
    answer = one.run("propose", "bulk", "-", actor=CAROL, stdin=lines.encode()).ok().json
    assert len(answer["change_ids"]) == 120
    sizes = [len(line.split()) for line in notes.read_text().splitlines()]
    assert sizes == [1, 100, 20]
    assert len([ref for ref in server.refs() if ref.startswith("refs/heads/proposals/")]) == 120


def test_a_dry_run_moves_no_ref_and_gives_the_number_that_it_would_get(clones: Clones) -> None:
    server, one, two = clones
    two.create("clip", "z", clip("z"))
    here, there = one.refs(), server.refs()
    payload = one.run("propose", "create", "clip", "--name", "a", "--set", "/description=x", "--dry-run", actor=CAROL)
    assert payload.ok().json["change_id"] == FIRST + 1
    assert (one.refs(), server.refs()) == (here, there)


def test_main_that_other_hands_moved_at_the_remote_stops_an_apply(clones: Clones) -> None:
    server, one, _ = clones
    one.create("clip", "a", clip("a"))
    batch = one.approve(FIRST)
    stranger = server.git(
        *("-c", "user.name=x", "-c", "user.email=x@x.example"),
        "commit-tree",
        "main^{tree}",
        "-p",
        "main",
        "-m",
        "by hand",
    ).strip()
    server.git("update-ref", "refs/heads/main", stranger)
    forget_when_heard(one)
    answer = one.run("apply", "--batch", str(batch), actor=ARTHUR)
    assert answer.code == 9
    assert stranger.encode() in answer.err
    assert one.run("disown", stranger, "--reason", "by hand").ok()
    assert one.run("apply", "--batch", str(batch), actor=ARTHUR).ok()
    assert_clean(server.path)


def test_a_batch_that_somebody_pushed_to_main_is_applied_by_writing_the_event(clones: Clones) -> None:
    server, one, _ = clones
    one.create("clip", "a", clip("a"))
    batch = one.approve(FIRST)
    server.git("update-ref", "refs/heads/main", f"refs/heads/batches/{batch}")
    forget_when_heard(one)
    assert one.apply(batch) == [FIRST]
    assert_clean(server.path)


def test_what_another_clone_could_not_bring_along_the_next_writer_brings(clones: Clones) -> None:
    server, one, two = clones
    gate = gate_before(one)
    server.git("branch", "proposals", "main")  # stands in the way, so that the log goes alone
    gate.expect(first(["true"]))
    one.create("clip", "a", clip("a"))
    server.git("branch", "-D", "proposals")
    two.create("clip", "b", clip("b"))
    assert {f"refs/heads/proposals/{FIRST}", f"refs/heads/proposals/{FIRST + 1}"} <= server.refs().keys()
