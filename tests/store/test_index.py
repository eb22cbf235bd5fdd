from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import IntegrityFailure
from modelref_git.operations.drafting import Request
from modelref_git.operations.propose import propose_create
from modelref_git.proposals import events
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import ADOPT, BATCH_SPLIT, Event
from modelref_git.proposals.request_key import RequestKey
from modelref_git.store import index_file, index_rows, layout
from modelref_git.store.index import Index
from modelref_git.store.log import View
from modelref_git.store.step import Step
from modelref_git.store.trees import TreeEditor
from tests.support.calls import CHECKOUT
from tests.support.world import ARTHUR, CAROL, FixedClock, World, clip


def index_path(world: World) -> Path:
    return world.store.local_dir / "cache" / "index.sqlite"


def everything(view: View) -> dict[str, Any]:
    """All that the index tells of a view."""
    with Index(view) as index:
        names = {(row.category, row.name) for row in index.changes_after(0)}
        return {
            "events": index.events(),
            "batches": index.batches(None, 1000),
            "members": index.members(range(1, 100)),
            "about": index.commits_about(range(1, 100), range(1, 100)),
            "changes": index.changes_after(0),
            "asked": index.changes(),
            "of": {number: sorted(index.batches_of([number])) for number in range(1, 20)},
            "records": {name: index.record(*name) for name in sorted(names)},
            "end": (index.last_event, index.last_position),
        }


def walked(world: World) -> dict[str, Any]:
    """The same without a file: an index made from nothing."""
    path = index_path(world)
    kept = path.read_bytes() if path.exists() else None
    path.unlink(missing_ok=True)
    try:
        return everything(world.context().view())
    finally:
        path.unlink(missing_ok=True)
        if kept is not None:
            path.write_bytes(kept)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "world")


@pytest.fixture(scope="module")
def _lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = World.make(tmp_path_factory.mktemp("index") / "world")
    world.apply(world.approve(world.create("clip", "a", clip("a")), world.delete("gfpgan", "GFPGAN")))
    world.apply(world.approve(world.update("clip", "a", {"/description": "better"})))
    refused = world.create("clip", "b", clip("b"))
    world.run("reject", str(refused), "--reason", "no", actor=ARTHUR).ok()
    world.create("clip", "c", clip("c"))
    return world.path


@pytest.fixture
def lived_in(_lived_in: Path, tmp_path: Path) -> World:
    """A few batches, one of two changes, a rejection, and the open change 7."""
    shutil.copytree(_lived_in, tmp_path / "lived-in", symlinks=True)
    # The commands go by the machine's clock.
    return World(tmp_path / "lived-in", FixedClock(2_000_000_000))


def test_events_are_found_by_what_they_are_about(lived_in: World) -> None:
    view = lived_in.context().view()
    actions = {row["event_id"]: row["action"] for row in lived_in.events()}
    with Index(view) as index:

        def told(**filters: Any) -> list[str]:
            return [actions[event_id] for event_id, _ in index.events(**filters)]

        assert told(change_id=3) == ["enqueue", "approve", "apply"]
        assert told(change_id=6) == ["enqueue", "reject"]
        assert told(batch_id=3) == ["approve", "approve", "apply", "apply"]
        assert told(actions=("reject",)) == ["reject"]
        assert told(actor="3", batch_id=4) == ["approve", "apply"]
        assert told(since=lived_in.clock.now) == []
        assert index.batches(None, 2) == [4, 3]
        assert index.batches(3, 5) == [2, 1]
        assert index.members([3, 4]) == {3, 4, 5}


def test_the_commits_are_those_of_the_log_in_order(lived_in: World) -> None:
    queue = lived_in.git("log", "--format=%H", "--first-parent", "--reverse", "queue").split()
    main = lived_in.git("log", "--format=%H", "--first-parent", "--reverse", "main").split()
    with Index(lived_in.context().view()) as index:
        assert list(dict.fromkeys(commit for _, commit in index.events())) == queue
        assert [index.position(commit) for commit in main] == list(range(1, len(main) + 1))
        assert index.last_position == len(main)
        for event_id, commit in index.events():
            assert index.event_commit(event_id) == commit
        assert [index.first_id(commit) for commit in queue] == sorted(
            {index.first_id(commit) for commit in queue} - {None}
        )
        assert index.event_commit(10**6) is None
        assert (index.position(queue[0]), index.first_id(main[0])) == (None, None)


def test_a_record_is_found_with_its_blobs_and_the_change_that_was_merged(lived_in: World) -> None:
    with Index(lived_in.context().view()) as index:
        newest, oldest = index.record("clip", "a")
        assert (newest.change_ids, oldest.change_ids) == ((5,), (3,))
        assert newest.before == oldest.after
        assert oldest.before is None
        assert newest.after == lived_in.files()["dataset/clip/a.json"]
        assert index.record("clip", "a", upto=newest.position - 1) == [oldest]
        deleted, made = index.record("gfpgan", "GFPGAN")
        assert (deleted.after, deleted.change_ids, deleted.commit) == (None, (4,), oldest.commit)
        assert made.change_ids == ()
        assert made.event == 1
        assert index.record("clip", "nothing") == []
        assert index.commits_by(deleted.event) == [deleted.commit]
        assert [row.name for row in index.changes_by(deleted.event)] == ["a", "GFPGAN"]


def test_what_one_merge_did_stands_in_the_order_of_its_changes(world: World) -> None:
    ids = [world.create("clip", name, clip(name)) for name in ("z", "m", "a")]
    world.apply(world.approve(*ids))
    with Index(world.context().view()) as index:
        rows = index.changes_after(index.last_position - 1)
        assert [(row.name, row.change_ids) for row in rows] == [("z", (3,)), ("m", (4,)), ("a", (5,))]


def test_two_changes_of_one_record_in_one_merge_are_both_told(world: World) -> None:
    ids = [world.update("clip", "ViT-L/14", {"/description": "x"}), world.update("clip", "ViT-L/14", {"/nsfw": False})]
    ids.append(world.update("clip", "ViT-L/14", {"/version": "9"}))
    batch = world.approve(*ids)
    world.apply(batch)
    with Index(world.context().view()) as index:
        assert index.record("clip", "ViT-L/14")[0].change_ids == tuple(ids)


def test_a_chain_of_merges_belongs_to_one_event(world: World) -> None:
    first = world.create("clip", "a", clip("a"))
    batch = world.approve(first)
    second = world.create("clip", "b", clip("b"))
    assert world.approve(second) == batch
    world.apply(batch)
    with Index(world.context().view()) as index:
        rows = index.changes_after(index.last_position - 2)
        assert [(row.name, row.change_ids) for row in rows] == [("a", (first,)), ("b", (second,))]
        assert len({row.commit for row in rows}) == 2
        assert {row.event for row in rows} == {index.events(batch_id=batch, actions=("apply",))[0][0]}
        assert index.commits_by(rows[0].event) == [row.commit for row in rows]


def append(world: World, make: Callable[[Step], Event]) -> None:
    def decide(step: Step) -> None:
        event = make(step)
        step.append(event, keeps=[event.main] if event.main else [])

    world.context().write(decide)


def test_a_move_to_another_layout_changes_no_record(world: World) -> None:
    def move(step: Step) -> Event:
        dataset = step.dataset()
        editor = TreeEditor(step.objects, dataset.tree)
        for name, blob in list(dataset.records("clip")):
            editor.remove(layout.record_path("clip", name, 0))
            editor.put(layout.record_path("clip", name, 1), blob)
        head, mark, rest = dataset.config_bytes.partition(b"[categories.clip]")
        config = head + mark + rest.replace(b"fan_out = 0", b"fan_out = 1", 1)
        editor.put(layout.CONFIG, step.objects.add("blob", config))
        actor = Actor.parse("olivia#1")
        main = step.commit(editor.write(), [step.main], step.author(actor), "layout: clip\n")
        return Event("layout", actor, 0, 0, main=main, headline="clip")

    before = everything(world.context().view())
    append(world, move)
    after = everything(world.context().view())
    assert after["changes"] == before["changes"]
    assert after["end"] == (before["end"][0] + 1, before["end"][1] + 1)


def test_what_was_adopted_belongs_to_its_event_and_its_words_are_not_believed(world: World) -> None:
    change = world.update("clip", "ViT-L/14", {"/description": "asked"})
    proposal = world.git("rev-parse", f"proposals/{change}").strip()

    def adopt(step: Step) -> Event:
        commits = [step.main]
        for number in range(2):
            editor = TreeEditor(step.objects, step.dataset(commits[-1]).tree)
            editor.put(f"dataset/clip/s{number}.json", step.objects.add("blob", b'{"name": "s"}\n'))
            record = step.objects.add("blob", b'{"name": "ViT-L/14", "version": "%d"}\n' % number)
            editor.put("dataset/clip/ViT-L%2F14.json", record)
            author = step.author(Actor("9", "stranger"), "s@people.example")
            message = f"by hand\n\nBatch-Id: 1\nChange-Id: {change}\n"
            commits.append(step.commit(editor.write(), [commits[-1], proposal], author, message))
        return Event(ADOPT, Actor.parse(ARTHUR), 0, 0, main=commits[-1], stranger=commits[-1], reason="fine")

    append(world, adopt)
    with Index(world.context().view()) as index:
        rows = index.changes_after(index.last_position - 2)
        assert [(row.name, row.change_ids) for row in rows] == [
            *(("ViT-L/14", ()), ("s0", ())),
            *(("ViT-L/14", ()), ("s1", ())),
        ]
        assert {row.event for row in rows} == {index.last_event}


def test_a_split_is_found_by_both_batches_and_by_the_changes_that_it_moved() -> None:
    event = Event(
        BATCH_SPLIT, Actor.parse(ARTHUR), 7, 0, batch_id=3, new_batch_id=4, reassigned=(11, 12), returned=(13,)
    )
    assert list(index_rows.about_rows(event)) == [(7, 7, None, 3), (7, 7, 11, 4), (7, 7, 12, 4), (7, 7, 13, 3)]


# --- keeping up ------------------------------------------------------------------------------------------------------


def test_what_is_new_is_added_and_nothing_else_is_read(lived_in: World, monkeypatch: pytest.MonkeyPatch) -> None:
    everything(lived_in.context().view())
    lived_in.apply(lived_in.approve(7))
    read = 0
    honest = type(lived_in.store).read_commit

    def counting(store: Any, oid: str) -> Any:
        nonlocal read
        read += 1
        return honest(store, oid)

    view = lived_in.context().view()
    with monkeypatch.context() as patch:
        patch.setattr(type(lived_in.store), "read_commit", counting)
        with Index(view) as index:
            assert index.record("clip", "c")
    assert read < 10, "two events and one merge are new, of dozens of commits"
    assert everything(view) == walked(lived_in)


def test_the_answers_are_the_same_with_the_file_without_it_and_after_each_event(world: World) -> None:
    for number in range(4):
        change = world.create("clip", f"r{number}", clip(f"r{number}"))
        everything(world.context().view())
        batch = world.approve(change)
        everything(world.context().view())
        world.apply(batch)
        assert everything(world.context().view()) == walked(world)


def test_an_older_view_sees_nothing_newer(lived_in: World) -> None:
    old = lived_in.context().view()
    before = everything(old)
    lived_in.apply(lived_in.approve(7))
    lived_in.create("clip", "d", clip("d"))
    after = everything(lived_in.context().view())
    assert after != before
    assert everything(old) == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no database at all" * 100),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: _overwrite(path, 4096, b"\xff" * 8192),
        lambda path: _sql(path, "DROP TABLE records"),
        lambda path: _sql(path, "DELETE FROM meta"),
        lambda path: _sql(path, "PRAGMA user_version = 0"),
        lambda path: _sql(path, "PRAGMA application_id = 7"),
        lambda path: (path.unlink(), _sql(path, "CREATE TABLE steps (foreign_thing)")),
    ],
    ids=["gone", "empty", "text", "cut", "overwritten", "no-table", "no-meta", "older", "foreign", "other"],
)
def test_a_file_that_is_no_good_is_thrown_away_and_made_anew(lived_in: World, spoil: Callable[[Path], Any]) -> None:
    wanted = everything(lived_in.context().view())
    spoil(index_path(lived_in))
    assert everything(lived_in.context().view()) == wanted
    assert everything(lived_in.context().view()) == wanted
    with sqlite3.connect(index_path(lived_in)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM records").fetchone()[0] == len(wanted["changes"])
    db.close()


def _overwrite(path: Path, start: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


def _sql(path: Path, statement: str) -> None:
    db = sqlite3.connect(path)
    db.execute(statement)
    db.commit()
    db.close()


def test_an_update_that_was_cut_off_leaves_the_index_as_it_was(
    lived_in: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything(lived_in.context().view())
    lived_in.apply(lived_in.approve(7))
    with monkeypatch.context() as patch:

        def fail(*_words: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr(index_file, "_add_commits", fail)
        with pytest.raises(KeyboardInterrupt):
            Index(lived_in.context().view())
    assert everything(lived_in.context().view()) == walked(lived_in)


def test_a_process_that_dies_in_the_middle_of_making_the_index_does_no_harm(lived_in: World) -> None:
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from modelref_git.operations.context import Context\n"
        "from modelref_git.store import index_file\n"
        "from modelref_git.store.index import Index\n"
        "def die(db, view):\n"
        "    db.execute('PRAGMA cache_size = 1')\n"
        "    db.executemany('INSERT INTO about VALUES (?, 1, 1, 1)', [(n,) for n in range(100000)])\n"
        "    os._exit(7)\n"
        "index_file._add_commits = die\n"
        "Index(Context.open(Path(sys.argv[1])).view())\n"
    )
    for kept in (False, True):
        if kept:
            everything(lived_in.context().view())
            lived_in.create("clip", "e", clip("e"))
        done = subprocess.run([sys.executable, "-c", script, str(lived_in.path)], cwd=CHECKOUT, check=False)
        assert done.returncode == 7
        assert index_path(lived_in).with_name("index.sqlite-journal").exists(), "it died while it wrote"
        assert everything(lived_in.context().view()) == walked(lived_in)


# --- several processes -----------------------------------------------------------------------------------------------


def test_while_somebody_holds_the_file_readers_have_an_index_in_memory(
    lived_in: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = everything(lived_in.context().view())
    monkeypatch.setattr(index_file, "PATIENCE", 0.05)
    holder = sqlite3.connect(index_path(lived_in), isolation_level=None)
    for how in ("EXCLUSIVE", "IMMEDIATE"):
        holder.execute(f"BEGIN {how}")
        assert everything(lived_in.context().view()) == wanted
        lived_in.create("clip", f"of {how.lower()}", clip(f"of {how.lower()}"))
        newer = everything(lived_in.context().view())
        assert len(newer["events"]) == len(wanted["events"]) + 1
        wanted = newer
        holder.execute("ROLLBACK")
    holder.close()
    assert everything(lived_in.context().view()) == wanted == walked(lived_in)


def test_a_reader_waits_for_a_writer_that_is_soon_done(lived_in: World) -> None:
    everything(lived_in.context().view())
    lived_in.create("clip", "d", clip("d"))
    holder = sqlite3.connect(index_path(lived_in), isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.2, holder.execute, ("ROLLBACK",))
    timer.start()
    everything(lived_in.context().view())
    timer.join()
    newest = lived_in.context().view().head
    assert holder.execute("SELECT 1 FROM steps WHERE oid = ?", (newest,)).fetchone(), "it was written after the wait"
    holder.close()


def test_a_reader_who_may_not_write_the_folder_has_an_index_in_memory(lived_in: World) -> None:
    wanted = everything(lived_in.context().view())
    folder = index_path(lived_in).parent
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir()
    folder.rmdir()
    folder.write_text("no folder can be made here")
    assert everything(lived_in.context().view()) == wanted
    assert folder.is_file()


def test_a_file_that_is_up_to_date_but_not_to_be_written_serves_what_is_new_from_memory(
    lived_in: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything(lived_in.context().view())
    before = index_path(lived_in).read_bytes()
    lived_in.apply(lived_in.approve(7))

    def refuse(_path: Path) -> Any:
        raise PermissionError(13, "not yours")

    with monkeypatch.context() as patch:
        patch.setattr(index_file, "writer_lock", refuse)
        told = everything(lived_in.context().view())
    assert index_path(lived_in).read_bytes() == before
    assert told == walked(lived_in)


def test_many_processes_make_and_use_one_index_at_once(lived_in: World) -> None:
    wanted = len(everything(lived_in.context().view())["events"])
    index_path(lived_in).unlink()
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from modelref_git.operations.context import Context\n"
        "from modelref_git.store.index import Index\n"
        "for _ in range(30):\n"
        "    view = Context.open(Path(sys.argv[1])).view()\n"
        "    with Index(view) as index:\n"
        "        found = index.events()\n"
        "        assert [row[0] for row in found] == list(range(1, view.queue.header.last_event_id + 1)), found\n"
        "        assert index.position(view.main) == index.last_position\n"
    )
    command = [sys.executable, "-c", script, str(lived_in.path)]
    readers = [subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE) for _ in range(4)]
    for number in range(12):
        lived_in.create("clip", f"n{number}", clip(f"n{number}"))
        if number % 3 == 0:
            index_path(lived_in).unlink(missing_ok=True)
    for reader in readers:
        _, error = reader.communicate(timeout=60)
        assert reader.returncode == 0, error.decode()
    told = everything(lived_in.context().view())
    assert len(told["events"]) == wanted + 12
    assert told == walked(lived_in)


def test_a_reader_notices_that_the_tables_were_made_anew_under_it(lived_in: World) -> None:
    view = lived_in.context().view()
    with Index(view) as index:
        wanted = index.events()
        _sql(index_path(lived_in), "DELETE FROM about")
        _sql(index_path(lived_in), "DELETE FROM steps")
        _sql(index_path(lived_in), "UPDATE meta SET value = 'another'")
        assert index.events() == wanted


# --- histories that are no continuation ------------------------------------------------------------------------------


def test_a_log_that_was_rewritten_is_indexed_anew(lived_in: World) -> None:
    everything(lived_in.context().view())
    lived_in.git("update-ref", "refs/heads/queue", "queue~3")
    lived_in.create("clip", "other", clip("other"))
    view = lived_in.context().view()
    told = everything(view)
    assert told == walked(lived_in)
    assert told["end"][0] == view.queue.header.last_event_id


def test_a_main_that_is_no_continuation_is_indexed_anew(world: World) -> None:
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    everything(world.context().view())

    def elsewhere(step: Step) -> Event:
        root = world.git("rev-list", "--max-parents=0", "main").strip()
        editor = TreeEditor(step.objects, step.dataset(root).tree)
        editor.put("dataset/clip/s.json", step.objects.add("blob", b'{"name": "s"}\n'))
        actor = Actor.parse(ARTHUR)
        main = step.commit(editor.write(), [root], step.author(actor), "another way\n")
        return Event("import", actor, 0, 0, main=main, headline="another way")

    append(world, elsewhere)
    told = everything(world.context().view())
    assert told == walked(world)
    assert told["end"][1] == 2
    assert ("clip", "a") not in told["records"]


def test_an_older_view_of_another_main_is_answered_from_its_own(world: World) -> None:
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    old = world.context().view()
    before = everything(old)
    test_main = world.git("rev-list", "--max-parents=0", "main").strip()

    def elsewhere(step: Step) -> Event:
        actor = Actor.parse(ARTHUR)
        main = step.commit(step.dataset(test_main).tree, [test_main], step.author(actor), "another way\n")
        return Event("import", actor, 0, 0, main=main, headline="another way")

    append(world, elsewhere)
    everything(world.context().view())
    assert everything(old) == before


def test_a_log_that_repeats_an_event_number_is_no_log(world: World) -> None:
    view = world.context().view()
    message = world.git("log", "-1", "--format=%B", "queue")
    tree = world.git("rev-parse", "queue^{tree}").strip()
    who = ("-c", "user.name=x", "-c", "user.email=x@people.example")
    forged = world.git(*who, "commit-tree", tree, "-p", view.head, stdin=message.encode()).strip()
    world.git("update-ref", "refs/heads/queue", forged)
    with pytest.raises(IntegrityFailure, match="cannot be indexed"):
        Index(world.context().view())


def test_the_index_holds_no_content(lived_in: World) -> None:
    everything(lived_in.context().view())
    data = index_path(lived_in).read_bytes()
    for word in (b"An encoder of pictures", b"better", b"June models", b"arthur", b"models.example"):
        assert word not in data


KEY = RequestKey.of("2", "k", b"content")


def test_a_request_is_found_by_its_key(world: World) -> None:
    before = world.context().view()
    request = Request("create", "clip", "a", clip("a"))
    propose_create(replace(world.context(CAROL), request=KEY), request, supersedes=world.create("clip", "a", clip("a")))
    after = world.context().view()
    heads = world.git("log", "-2", "--first-parent", "--reverse", "--format=%H", "queue").split()
    with Index(after) as index:
        assert index.request(KEY.key) == [(oid, KEY.content) for oid in heads]
        assert index.request("0" * 32) == []
    with Index(before) as index:
        assert index.request(KEY.key) == [], "what is newer than the view is not there yet"


def test_only_what_is_new_is_read_for_a_request(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        world.create("clip", name, clip(name))
    with Index(world.context().view()):
        pass
    world.create("clip", "d", clip("d"))
    read: list[str] = []
    decode = events.decode

    def counting(oid: str, text: str, time: int) -> Event:
        read.append(oid)
        return decode(oid, text, time)

    monkeypatch.setattr(events, "decode", counting)
    view = world.context().view()
    with Index(view) as index:
        assert index.request(KEY.key) == []
    assert read == [view.head]


def test_an_index_of_an_older_version_is_made_anew(world: World) -> None:
    propose_create(replace(world.context(CAROL), request=KEY), Request("create", "clip", "a", clip("a")))
    with Index(world.context().view()) as index:
        found = index.request(KEY.key)
    assert len(found) == 1
    db = sqlite3.connect(index_path(world))
    db.executescript(f"DROP TABLE requests; PRAGMA user_version = {index_rows.SCHEMA - 1};")
    db.close()
    with Index(world.context().view()) as index:
        assert index.request(KEY.key) == found
    db = sqlite3.connect(index_path(world))
    assert db.execute("PRAGMA user_version").fetchone() == (index_rows.SCHEMA,)
    db.close()


def test_an_index_of_another_history_forgets_its_requests(world: World, tmp_path: Path) -> None:
    shutil.copytree(world.path, tmp_path / "other", symlinks=True)
    propose_create(replace(world.context(CAROL), request=KEY), Request("create", "clip", "a", clip("a")))
    with Index(world.context().view()) as index:
        assert len(index.request(KEY.key)) == 1
    other = World(tmp_path / "other", world.clock)
    other.clock.tick()
    other.create("clip", "b", clip("b"))
    (other.store.local_dir / "cache").mkdir(parents=True, exist_ok=True)
    shutil.copy(index_path(world), index_path(other))
    with Index(other.context().view()) as index:
        assert index.request(KEY.key) == []


def test_the_steps_behind_an_event_are_found_one_by_one(world: World) -> None:
    world.approve(world.create("clip", "a", clip("a")), world.create("clip", "b", clip("b")))
    view = world.context().view()
    with Index(view) as index:
        rows, after = [], 0
        while (step := index.next_step(after)) is not None:
            first, after, commit = step
            rows += [(number, commit) for number in range(first, after + 1)]
            if after > first:
                assert index.next_step(first) == step, "also from the middle of it"
        assert rows == index.events()
        approved = index.next_step(0, ("approve", "purge"))
        while approved is not None and approved[2] != view.head:
            approved = index.next_step(approved[1], ("approve", "purge"))
        assert approved == (after - 1, after, view.head)
        assert index.next_step(after, ("approve",)) is None
        assert [index.count_after(number) for number in (0, after - 1, after, after + 9)] == [after, 1, 0, 0]
        assert index.count_after(after - 3, ("approve",)) == 2
        assert index.count_after(0, ("purge",)) == 0
        assert index.last_before(1) is None
        assert index.last_before(after + 1) == (after, view.head)
        assert index.last_before(after - 1) == rows[after - 3]


def test_steps_newer_than_the_view_are_not_found(world: World) -> None:
    view = world.context().view()
    world.create("clip", "a", clip("a"))
    with Index(world.context().view()) as index:
        newest = index.last_event
    with Index(view) as index:
        assert index.next_step(newest - 1) is None
        assert index.count_after(newest - 1) == 0
        assert index.last_before(newest + 1) == (newest - 1, view.head)
