"""Real pushes to a server of one's own: what git prints, what stays as it was, and what follows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from modelref_git.errors import Conflict, UsageFault
from modelref_git.operations.hook import NAMES, follow_push, install_hooks, script
from modelref_git.store.git import GitStore
from tests.attacks.forging import Forger
from tests.attacks.story import honest
from tests.support import server as yards
from tests.support.calls import call
from tests.support.server import BATCH, JOINS, WAITS, Server, of_hooks, refs_of
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """A server with a change that waits and one in the open batch."""
    return Server.of(yards.yard(tmp_path / "server.git").path)


@pytest.fixture
def clone(tmp_path: Path) -> World:
    """What somebody else has of it: the same."""
    return yards.yard(tmp_path / "clone.git")


# --- honest pushes ---------------------------------------------------------------------------------------------------


def test_a_change_goes_all_its_way_by_pushes_of_the_log_alone(server: Server, clone: World) -> None:
    number = clone.create("clip", "new", clip("new"))
    server.push(clone.path, "queue", actor=CAROL).ok()
    assert server.refs() == clone.refs()  # the branch of the proposal has followed
    batch = clone.approve(number)
    server.push(clone.path, "queue", actor="3").ok()
    assert server.refs() == clone.refs()
    clone.apply(batch)
    server.push(clone.path, "queue", actor="arthur@people.example").ok()
    assert server.refs() == clone.refs()
    assert f"refs/heads/batches/{batch}" not in server.refs()
    assert World(server.path).run("verify").ok().json["ok"]


def test_the_log_comes_with_all_that_follows_it_or_before_it(server: Server, clone: World) -> None:
    clone.apply(BATCH)
    gone = [f":refs/heads/proposals/{JOINS}", f":refs/heads/batches/{BATCH}"]
    server.push(clone.path, "queue", "main", *gone, actor=ARTHUR).ok()
    assert server.refs() == clone.refs()


@pytest.mark.long
def test_what_follows_the_log_may_come_later_from_anybody(server: Server, clone: World) -> None:
    (server.path / "hooks" / "post-receive").unlink()  # so that the server itself does nothing
    clone.apply(BATCH)
    server.push(clone.path, "queue", actor=ARTHUR).ok()
    assert server.refs() != clone.refs()
    server.push(clone.path, "main").ok()
    server.push(clone.path, f":refs/heads/proposals/{JOINS}", f":refs/heads/batches/{BATCH}").ok()
    assert server.refs() == clone.refs()


def test_a_big_push_is_taken(server: Server, clone: World) -> None:
    rows = [
        {"operation": "create", "category": "clip", "model_name": f"n {number}", "payload": clip(f"n {number}")}
        for number in range(150)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    clone.run("propose", "bulk", "-", actor=CAROL, stdin=lines).ok()
    server.push(clone.path, "queue", actor=CAROL).ok()
    assert server.refs() == clone.refs()
    assert len([ref for ref in server.refs() if ref.startswith("refs/heads/proposals/")]) == 152


def test_a_server_begins_with_a_push_of_an_existing_dataset(tmp_path: Path, clone: World) -> None:
    empty = Server.empty(tmp_path / "empty.git")
    empty.push(clone.path, "main", "queue", actor=CAROL).refused("hook.first")
    empty.push(clone.path, "main", "queue").refused("hook.first")
    empty.push(clone.path, "main", actor=OWNER).refused("hook.main")
    assert empty.refs() == {}
    empty.push(clone.path, "main", "queue", actor=OWNER).ok()
    assert empty.refs() == clone.refs()


@pytest.mark.long
def test_the_whole_story_is_taken_in_a_few_pushes(tmp_path: Path) -> None:
    story = honest(tmp_path / "story.git")
    empty = Server.empty(tmp_path / "empty.git", trustClaims="true")
    main, heads = _first_parents(story, "main")[0], _first_parents(story, "queue")
    empty.push(story.path, f"{main}:refs/heads/main", f"{heads[0]}:refs/heads/queue").ok()
    for head in (heads[len(heads) // 2], heads[-1]):
        empty.push(story.path, f"{head}:refs/heads/queue").ok()
    assert empty.refs() == story.refs()


def _first_parents(world: World, ref: str) -> list[str]:
    """The commits that *ref* came through, oldest first."""
    return world.git("rev-list", "--first-parent", "--reverse", ref).split()


@pytest.mark.long
def test_each_event_of_the_story_is_taken_by_itself(tmp_path: Path) -> None:
    story = honest(tmp_path / "story.git")
    server = Server.empty(tmp_path / "empty.git", trustClaims="true")
    refused = []
    main, (first, *heads) = _first_parents(story, "main")[0], _first_parents(story, "queue")
    server.push(story.path, f"{main}:refs/heads/main", f"{first}:refs/heads/queue").ok()
    for head in heads:
        pushed = server.push(story.path, f"{head}:refs/heads/queue")
        if pushed.code:
            refused.append(pushed.rules)
    # A new schema and the layout that it calls for come together: nobody knows when the next push would.
    assert all(rules == {"main.form"} for rules in refused), refused
    assert server.refs() == story.refs()


def test_clones_of_the_program_work_with_a_server(server: Server, tmp_path: Path) -> None:
    carol, arthur = ({"MODELREF_ACTOR": ident, **of_hooks()} for ident in ("2", "3"))
    for env, name in ((carol, "carol"), (arthur, "arthur")):
        call("clone", server.path.as_uri(), str(tmp_path / name), env=env).ok()
    record = json.dumps(clip("new")).encode()
    words = ("-C", str(tmp_path / "carol"), "--json")
    number = str(call(*words, "propose", "create", "clip", "-", stdin=record, env=carol).ok().json["change_id"])
    refused = call(*words, "--actor", "3", "approve", number, "--title", "T", env=carol)
    assert refused.code == 8
    assert "hook.actor" in refused.error["message"]
    words = ("-C", str(tmp_path / "arthur"), "--json")
    batch = call(*words, "approve", number, "--title", "T", env=arthur).ok().json["batch_id"]
    assert batch == BATCH
    call(*words, "apply", "--batch", str(batch), env=arthur).ok()
    assert World(server.path).run("get", "clip", "new").ok().json["name"] == "new"
    assert World(server.path).run("verify").ok().json["ok"]


# --- refused pushes --------------------------------------------------------------------------------------------------


def test_a_refusal_says_the_rule_the_thing_the_promise_and_the_next_step(server: Server, clone: World) -> None:
    Forger(clone.path).event("hold", CAROL, change_ids=(WAITS,), reason="R")
    pushed = server.push(clone.path, "queue", actor=CAROL).refused("role.approver")
    head = clone.refs()["refs/heads/queue"]
    (line,) = [line for line in pushed.said.splitlines() if "refused by" in line]
    assert line.strip() == (
        f"remote: refused by role.approver: event 11, commit {head[:12]}: carol#2 is no approver of clip "
        "(Only an approver of the category approves, rejects, applies, holds and purges.) "
        "Next: `modelref-git verify` says the same where the event was made; go back to the server's `queue`, "
        "and make the change anew with the program"
    )
    assert "the push breaks 1 rule of this dataset; nothing of it was taken" in pushed.said
    assert "[remote rejected]" in pushed.said


@pytest.mark.parametrize(
    ("words", "rules"),
    [
        ([":queue", ":main"], {"queue.rewritten", "hook.main"}),
        (["+queue~2:queue", "+main~1:main"], {"queue.rewritten", "hook.main"}),
        (["main:refs/heads/feature", "main:refs/modelref/outbox/1", "main:refs/tags/v1"], {"hook.ref", "hook.tag"}),
        (
            ["main:refs/heads/proposals/9000", f"+proposals/{JOINS}:proposals/{WAITS}", f":batches/{BATCH}"],
            {"branch.moved"},
        ),
        ([f"batches/{BATCH}:main", "main:refs/heads/intake/x"], {"main.stranger"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refs_are_not_moved_by_hand(words: list[str], rules: set[str], server: Server, clone: World) -> None:
    refs, files = server.refs(), server.files()
    server.push(clone.path, *words, actor=CAROL).refused(*rules)
    assert server.refs() == refs
    assert server.files() == files


@pytest.mark.long
def test_half_a_push_is_refused(server: Server, clone: World) -> None:
    clone.apply(BATCH)
    refs, files = server.refs(), server.files()
    server.push(clone.path, "main", actor=ARTHUR).refused("main.stranger")
    server.push(clone.path, f":proposals/{JOINS}", actor=ARTHUR).refused("branch.moved")
    assert (server.refs(), server.files()) == (refs, files)


@pytest.mark.long
def test_nothing_of_a_push_is_taken_when_one_ref_breaks_a_rule(server: Server, clone: World) -> None:
    clone.apply(BATCH)
    refs, files = server.refs(), server.files()
    words = ["queue", "main", "main:refs/heads/intake/x", "main:refs/heads/feature"]
    server.push(clone.path, *words, actor=ARTHUR).refused("hook.ref")
    assert (server.refs(), server.files()) == (refs, files)


def test_an_event_of_somebody_else_is_refused(server: Server, clone: World) -> None:
    clone.create("clip", "new", clip("new"))
    server.push(clone.path, "queue", actor=ARTHUR).refused("hook.actor")
    server.push(clone.path, "queue").refused("hook.actor")
    server.push(clone.path, "queue", env={"REMOTE_USER": "arthur@people.example"}).refused("hook.actor")
    server.push(clone.path, "queue", actor=ARTHUR, env={"REMOTE_USER": "2"}).refused("hook.actor")
    server.push(clone.path, "queue", env={"REMOTE_USER": "carol@people.example"}).ok()


@pytest.mark.long
def test_an_event_of_nobody_who_is_proven_is_taken_where_claims_are_believed(server: Server, clone: World) -> None:
    clone.create("clip", "new", clip("new"))
    server.git("config", "modelref.trustClaims", "no")
    server.push(clone.path, "queue").refused("hook.actor")
    server.git("config", "modelref.trustClaims", "yes")
    server.push(clone.path, "queue", actor=ARTHUR).refused("hook.actor")
    server.push(clone.path, "queue").ok()


@pytest.mark.long
def test_an_event_from_the_future_is_refused(server: Server, clone: World) -> None:
    clone.clock.now = int(time.time()) + 700
    clone.create("clip", "new", clip("new"))
    server.push(clone.path, "queue", actor=CAROL).refused("hook.clock")


def test_the_pushers_own_settings_do_not_lead_the_hook_astray(server: Server, clone: World, tmp_path: Path) -> None:
    Forger(clone.path).event("hold", CAROL, change_ids=(WAITS,), reason="R")
    elsewhere = {"MODELREF_REPO": str(clone.path)}
    server.push(clone.path, "queue", actor=CAROL, env=elsewhere).refused("role.approver")


def test_many_refusals_are_counted_and_not_all_told(server: Server, clone: World) -> None:
    words = [f"main:refs/heads/x{number}" for number in range(25)]
    pushed = server.push(clone.path, *words, actor=CAROL).refused("hook.ref")
    assert pushed.said.count("refused by") == 20
    assert "and 5 more" in pushed.said
    assert "breaks 25 rules" in pushed.said


def test_a_server_that_cannot_judge_takes_nothing(server: Server, clone: World) -> None:
    clone.create("clip", "new", clip("new"))
    refs = server.refs()
    path = server.path / "hooks" / "pre-receive"
    path.write_text(path.read_text().replace("modelref_git hook", "modelref_git no-such"))
    assert server.push(clone.path, "queue", actor=CAROL).code != 0
    path.write_text(path.read_text().replace("exec ", "exec /no/such/"))
    assert server.push(clone.path, "queue", actor=CAROL).code != 0
    assert server.refs() == refs


# --- afterwards ------------------------------------------------------------------------------------------------------


def test_what_cannot_follow_is_a_warning_and_no_refusal(server: Server, clone: World) -> None:
    server.git("update-ref", "refs/heads/proposals/5/x", "main")
    clone.create("clip", "new", clip("new"))
    pushed = server.push(clone.path, "queue", actor=CAROL).ok()
    assert "remote: warning: " in pushed.said
    assert "refs/heads/proposals/5" in pushed.said
    assert server.refs()["refs/heads/queue"] == clone.refs()["refs/heads/queue"]


def test_main_and_the_log_come_as_one_or_not_at_all(server: Server, clone: World) -> None:
    clone.apply(BATCH)
    before = server.refs()
    pushed = server.push(clone.path, "queue", "main", actor=ARTHUR, atomic=False)
    assert pushed.code != 0
    assert "refused by hook.main: the log does not say yet" in pushed.said
    assert "push both with --atomic" in pushed.said
    assert server.refs() == before
    server.push(clone.path, "queue", actor=ARTHUR, atomic=False).ok()
    server.push(clone.path, "main", actor=ARTHUR, atomic=False).ok()
    assert server.refs() == clone.refs()


def test_main_does_not_move_where_the_log_of_the_same_push_could_not(server: Server, clone: World) -> None:
    clone.apply(BATCH)
    (server.path / "refs" / "heads" / "queue.lock").touch()
    before = server.refs()
    assert server.push(clone.path, "queue", "main", actor=ARTHUR, atomic=False).code != 0
    assert server.refs() == before
    (server.path / "refs" / "heads" / "queue.lock").unlink()
    server.push(clone.path, "queue", actor=ARTHUR).ok()
    assert server.refs() == clone.refs()
    for new in ("main~1", "queue"):  # by hand, on the server itself
        with pytest.raises(subprocess.CalledProcessError):
            server.git("update-ref", "refs/heads/main", new)


def test_the_servers_own_upkeep_is_not_hindered(server: Server) -> None:
    before = server.refs()
    server.git("pack-refs", "--all", "--prune")
    server.git("gc", "-q", "--prune=now")
    server.git("symbolic-ref", "HEAD", "refs/heads/queue")
    server.git("symbolic-ref", "HEAD", "refs/heads/main")
    assert server.refs() == before


def test_a_server_without_a_log_has_nothing_to_follow(tmp_path: Path) -> None:
    empty = Server.empty(tmp_path / "empty.git")
    warnings: list[str] = []
    follow_push(GitStore.open(empty.path), warnings.append)
    assert warnings == []
    assert empty.refs() == {}


def test_a_push_for_intake_alone_moves_nothing_else(server: Server, clone: World) -> None:
    server.git("update-ref", "-d", f"refs/heads/proposals/{WAITS}")
    server.push(clone.path, "main:refs/heads/intake/x").ok()
    assert f"refs/heads/proposals/{WAITS}" not in server.refs()
    server.push(clone.path, ":refs/heads/intake/x", actor=ARTHUR).ok()
    assert "refs/heads/intake/x" not in server.refs()


# --- installing ------------------------------------------------------------------------------------------------------


def test_hooks_are_installed_once_and_brought_up_to_date(tmp_path: Path) -> None:
    store = GitStore.create(tmp_path / "r.git", bare=True)
    hooks = store.git_dir / "hooks"
    shutil.rmtree(hooks, ignore_errors=True)
    assert [item.written for item in install_hooks(store, dry_run=True)] == [True] * 3
    assert not hooks.exists()
    assert [item.path.name for item in install_hooks(store) if item.written] == list(NAMES)
    assert all(os.access(hooks / name, os.X_OK) for name in NAMES)
    assert [item.written for item in install_hooks(store)] == [False] * 3
    (hooks / "pre-receive").write_text(script("pre-receive") + "# an older one\n")
    (hooks / "post-receive").chmod(0o644)
    assert [item.written for item in install_hooks(store)] == [True, False, True]
    assert (hooks / "pre-receive").read_text() == script("pre-receive")
    assert os.access(hooks / "post-receive", os.X_OK)


def test_a_hook_of_somebody_else_is_left_alone_and_so_is_the_other(tmp_path: Path) -> None:
    store = GitStore.create(tmp_path / "r.git", bare=True)
    path = store.git_dir / "hooks" / "post-receive"
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\nmail\n")
    with pytest.raises(Conflict, match="somebody else put there; nothing was changed") as raised:
        install_hooks(store)
    assert "docs/server.md" in (raised.value.hint or "")
    assert path.read_text() == "#!/bin/sh\nmail\n"
    assert not (path.parent / "pre-receive").exists()


def test_a_folder_of_hooks_that_others_share_is_left_alone(tmp_path: Path) -> None:
    store = GitStore.create(tmp_path / "r.git", bare=True)
    store.run_git("config", "core.hooksPath", str(tmp_path / "shared"))
    with pytest.raises(UsageFault, match=r"core\.hooksPath"):
        install_hooks(store)
    assert not (tmp_path / "shared").exists()
    store.run_git("config", "core.hooksPath", "hooks")
    assert [item.written for item in install_hooks(store)] == [True] * 3


@pytest.mark.long
def test_a_dataset_with_a_work_tree_may_be_a_server_too(tmp_path: Path, clone: World) -> None:
    world = World(tmp_path / "tree")
    shutil.copytree(World.make(tmp_path / "made").path, world.path, symlinks=True)
    server = Server.of(world.path)
    source = World(tmp_path / "made")
    source.create("clip", "new", clip("new"))
    server.push(source.path, "queue", actor=ARTHUR).refused("hook.actor")
    server.push(source.path, "queue", actor=CAROL).ok()
    assert refs_of(server.path) == source.refs()
