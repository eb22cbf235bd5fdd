"""What stock git sees of a proposal, a batch, an apply and the queue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelref_git.operations.init import init_repository
from modelref_git.operations.read import list_names
from modelref_git.store.git import GitStore
from tests.support.world import ARTHUR, CAROL, FixedClock, World, clip


def parsed(world: World, revision: str) -> list[tuple[str, str]]:
    """The trailers that ``git interpret-trailers`` finds in a commit's message."""
    message = world.git("log", "-1", "--format=%B", revision)
    rows = world.git("interpret-trailers", "--parse", "--no-divider", stdin=message.encode()).splitlines()
    assert rows == world.git("log", "-1", "--format=%(trailers)", revision).splitlines()[: len(rows)]
    return [(key, value) for key, _, value in (row.partition(": ") for row in rows)]


def changed(world: World, old: str, new: str) -> list[str]:
    rows = world.git("diff", "--name-status", "--no-renames", old, new).splitlines()
    return sorted(row.replace("\t", " ") for row in rows)


def test_a_proposal_is_one_commit_on_main_that_changes_one_file(world: World) -> None:
    main = world.git("rev-parse", "main").strip()
    made = world.create("clip", "a/b", clip("a/b"), note="please\nsoon")
    edited = world.update("clip", "ViT-L/14", {"/description": "better"})
    gone = world.delete("gfpgan", "GFPGAN")
    for change, status in (
        (made, "A dataset/clip/a%2Fb.json"),
        (edited, "M dataset/clip/ViT-L%2F14.json"),
        (gone, "D dataset/gfpgan/GFPGAN.json"),
    ):
        ref = f"proposals/{change}"
        assert world.git("log", "-1", "--format=%P", ref).split() == [main]
        assert changed(world, "main", ref) == [status]
    assert world.git("log", "-1", "--format=%an <%ae>|%s", f"proposals/{made}").strip() == (
        'carol <carol@people.example>|create clip "a/b"'
    )
    assert parsed(world, f"proposals/{made}") == [
        ("Operation", "create"),
        ("Category", "clip"),
        ("Name", "a/b"),
        ("Note", json.dumps("please\nsoon")),
        ("Requestor", "carol#2"),
    ]


def test_the_event_binds_the_number_to_the_commit_and_the_commit_names_no_number(world: World) -> None:
    change = world.create("clip", "a", clip("a"))
    commit = world.git("rev-parse", f"proposals/{change}").strip()
    rows = dict(parsed(world, "queue"))
    assert (rows["Event"], rows["Change-Id"], rows["Proposal"]) == ("enqueue", str(change), commit)
    assert rows["Actor"] == "carol#2"
    assert rows["Genesis"] == world.git("rev-list", "--first-parent", "--max-parents=0", "queue").split()[-1]
    assert "Change-Id" not in world.git("log", "-1", "--format=%B", commit)
    assert world.git("rev-parse", "queue^2").strip() == commit, "what an event speaks of stays reachable"


def test_a_batch_is_one_merge_of_its_proposals_with_exactly_their_changes(world: World) -> None:
    main = world.git("rev-parse", "main").strip()
    changes = [world.create("clip", name, clip(name)) for name in ("a", "b")]
    changes += [world.update("gfpgan", "GFPGAN", {"/description": "x"}), world.delete("clip", "ViT-L/14")]
    commits = [world.git("rev-parse", f"proposals/{change}").strip() for change in changes]
    batch = world.approve(*reversed(changes), title='June "models"')
    head = world.git("rev-parse", f"batches/{batch}").strip()
    assert world.git("log", "-1", "--format=%P", head).split() == [main, *commits]
    assert changed(world, main, head) == [
        "A dataset/clip/a.json",
        "A dataset/clip/b.json",
        "D dataset/clip/ViT-L%2F14.json",
        "M dataset/gfpgan/GFPGAN.json",
    ]
    files = world.files(head)
    for change, commit in zip(changes, commits, strict=True):
        for path in world.git("diff", "--name-only", f"{commit}^", commit).split():
            assert files.get(path) == world.files(commit).get(path), change
    world.apply(batch)
    assert world.git("rev-parse", "main").strip() == head, "main is that commit"
    assert [row for row in parsed(world, "main") if row[0] != "Change-Id"] == [
        ("Batch-Id", str(batch)),
        ("Title", 'June "models"'),
        ("Approver", "arthur#3"),
    ]
    assert [value for key, value in parsed(world, "main") if key == "Change-Id"] == [str(n) for n in changes]


def test_a_batch_of_127_is_one_merge_and_one_more_makes_a_chain(world: World) -> None:
    rows = [{"operation": "create", "category": "clip", "payload": clip(f"m{n:03}")} for n in range(128)]
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    ids = world.run("propose", "bulk", "-", actor=CAROL, stdin=data).ok().json["change_ids"]
    batch = world.approve(*ids[:127])
    assert len(world.git("log", "-1", "--format=%P", f"batches/{batch}").split()) == 128
    assert world.approve(ids[127]) == batch
    assert len(world.git("log", "-1", "--format=%P", f"batches/{batch}").split()) == 2
    world.run("reject", str(ids[0]), "--reason", "R", actor=ARTHUR).ok()
    assert len(world.git("log", "-1", "--format=%P", f"batches/{batch}").split()) == 128, "merged anew as one"
    world.apply(batch)
    assert len(world.run("ls", "clip").ok().json) == 129


def test_the_queue_has_an_event_for_each_step_with_trailers(world: World) -> None:
    made, refused = world.create("clip", "a", clip("a")), world.create("clip", "b", clip("b"))
    words = ("--title", "June", "--reject", str(refused), "--reason", "not now")
    world.run("approve", str(made), *words, actor=ARTHUR).ok()
    world.apply(3, job_id="J-1")
    subjects = world.git("log", "--first-parent", "--format=%s", "-5", "queue").splitlines()
    assert subjects == [
        'apply: batch 3 "June" (1 change)',
        'reject: change 4: "not now"',
        'approve: change 3 as batch 3 "June"',
        'enqueue: create clip "b" as change 4',
        'enqueue: create clip "a" as change 3',
    ]
    apply, reject, approve = (dict(parsed(world, f"queue~{n}")) for n in range(3))
    assert apply.items() >= {"Event": "apply", "Batch-Id": "3", "Job-Id": "J-1", "Change-Id": "3"}.items()
    assert reject.items() >= {"Event": "reject", "Reason": "not now", "Change-Id": "4", "Batch-Id": "3"}.items()
    assert approve.items() >= {"Event": "approve", "Title": "June", "Actor": "arthur#3"}.items()
    numbers = [int(row["Event-Id"]) for row in (approve, reject, apply)]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]
    parents = world.git("log", "--first-parent", "--format=%P", "queue").splitlines()
    assert max(len(row.split()) for row in parents) == 2
    assert parents[-1] == ""


def test_a_walk_along_first_parents_sees_the_events_alone(world: World) -> None:
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    subjects = world.git("log", "--first-parent", "--format=%s", "queue").splitlines()
    actions = [row["action"] for row in world.events()]
    assert [subject.partition(":")[0] for subject in reversed(subjects)] == actions


def test_closed_proposals_and_batches_leave_no_branch_and_stay_readable(world: World) -> None:
    refused = world.create("clip", "a", clip("a"))
    world.run("reject", str(refused), "--reason", "no", actor=ARTHUR).ok()
    world.apply(world.approve(world.create("clip", "b", clip("b"))))
    assert set(world.refs()) == {"refs/heads/main", "refs/heads/queue"}
    world.git("-c", "gc.reflogExpire=now", "gc", "-q", "--prune=now")
    assert world.run("show", str(refused)).ok().json["payload"]["name"] == "a"
    assert world.run("diff", str(refused)).ok().json["net_operation"] == "added"


def test_a_title_cannot_forge_a_trailer_nor_break_the_subject(world: World) -> None:
    title = "June\n\nActor: mallory#9\nBatch-Id: 77"
    change = world.create("clip", "x\nEvent: apply", clip("x\nEvent: apply"), note="n\n\nRequestor: mallory#9")
    batch = world.approve(change, title=title)
    rows = parsed(world, "queue")
    assert [value for key, value in rows if key == "Actor"] == ["arthur#3"]
    assert [value for key, value in rows if key == "Batch-Id"] == [str(batch)]
    assert [value for key, value in parsed(world, f"proposals/{change}") if key == "Requestor"] == ["carol#2"]
    assert len(world.git("log", "-1", "--format=%s", "queue").splitlines()) == 1
    world.apply(batch)
    assert len(world.git("log", "-1", "--format=%s", "main").splitlines()) == 1
    assert world.run("show", str(change)).ok().json["batch_title"] == title
    assert [value for key, value in parsed(world, "main") if key == "Approver"] == ["arthur#3"]


def test_the_actors_name_is_made_harmless_in_the_commits_author_line(world: World) -> None:
    words = ("--email", "eve@people.example", "--role", "requestor")
    world.run_policy("member", "add", "Eve <eve@evil.example>#5", *words)
    change = world.create("clip", "a", clip("a"), actor="5")
    author = world.git("log", "-1", "--format=%an|%ae", f"proposals/{change}").strip()
    assert author.endswith("|eve@people.example")
    assert not set(author) & set("<>")
    world.git("fsck", "--strict", "--no-dangling")


def test_the_time_of_an_event_never_goes_back(world: World) -> None:
    world.create("clip", "a", clip("a"))
    world.clock.tick(-1000)
    world.create("clip", "b", clip("b"))
    times = [row["timestamp"] for row in world.events()]
    assert times == sorted(times)


def test_a_dataset_in_a_linked_work_tree_is_the_same_repository(world: World, tmp_path: Path) -> None:
    world.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"), "main")
    linked = World(tmp_path / "linked")
    assert linked.run("ls", "clip").ok().json == world.run("ls", "clip").ok().json
    change = linked.create("clip", "a", clip("a"))
    assert world.run("show", str(change)).ok().json["model_name"] == "a"


def test_a_new_dataset_passes_the_strictest_check(tmp_path: Path) -> None:
    init_repository(tmp_path / "new", owner="olivia#1", email="o@people.example", clock=FixedClock())
    world = World(tmp_path / "new")
    world.git("fsck", "--strict")
    assert list_names(world.context(), "clip")
    assert GitStore.open(tmp_path / "new").is_dataset


@pytest.mark.parametrize("bare", [False, True])
def test_a_bare_repository_and_one_with_a_work_tree_give_the_same_answers(tmp_path: Path, bare: bool) -> None:
    world = World.make(tmp_path / "world", bare=bare)
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    assert world.run("ls", "clip").ok().json == ["ViT-L/14", "a", "coca_ViT-L-14"]
    assert world.run("doctor").ok().json == {"findings": []}
