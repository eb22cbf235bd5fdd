"""A range of commits as untrusted data: only records pass, and nothing that somebody pushes stops whoever looks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelref_git.operations import untrusted
from modelref_git.operations.layout import set_fan_out
from modelref_git.operations.untrusted import Untrusted, shown, untrusted_changes
from modelref_git.records.json_text import MAX_RECORD_BYTES
from modelref_git.store.objects import EMPTY_TREE
from tests.support.pushed import Outsider
from tests.support.world import World, clip

NEW = json.dumps(clip("New")).encode()


@pytest.fixture
def outsider(tmp_path: Path) -> Outsider:
    return Outsider(World.make(tmp_path / "world.git", bare=True).path)


def look(outsider: Outsider, head: str) -> Untrusted:
    return untrusted_changes(outsider.store, outsider.main, head)


def rules(found: Untrusted) -> list[str]:
    return [problem.rule for problem in found.problems]


def test_new_changed_and_deleted_records_are_found_with_what_they_were_and_are(outsider: Outsider) -> None:
    gone, kept = "coca_ViT-L-14", "ViT-L/14"
    files = {
        "dataset/clip/New.json": NEW,
        outsider.place("clip", gone): None,
        **outsider.edited("clip", kept, description="x"),
    }
    found = look(outsider, outsider.commit(files))
    assert not found.problems
    assert not found.is_refused
    assert found.origin == outsider.main
    assert [(one.name, one.old is None, one.new is None) for one in found.records] == [
        ("New", True, False),
        (kept, False, False),
        (gone, False, True),
    ]
    assert found.records[0].record == clip("New")
    assert found.records[1].record == {**outsider.record("clip", kept), "description": "x"}
    assert found.records[2].record is None


def test_only_the_net_change_since_the_branch_left_main_counts(outsider: Outsider) -> None:
    first = outsider.commit({"notes.txt": b"a draft", "dataset/clip/Other.json": NEW})
    second = outsider.commit(outsider.tree(outsider.main, {"dataset/clip/New.json": NEW}), [first])
    found = look(outsider, second)
    assert not found.problems
    assert [one.name for one in found.records] == ["New"]


def test_a_branch_may_have_merged_main(tmp_path: Path) -> None:
    world = World.make(tmp_path / "world.git", bare=True)
    outsider = Outsider(world.path)
    mine = outsider.commit({"dataset/clip/New.json": NEW})
    world.apply(world.approve(world.update("clip", "ViT-L/14", {"/description": "theirs"})))
    both = outsider.commit(outsider.tree(outsider.main, {"dataset/clip/New.json": NEW}), [mine, outsider.main])
    found = look(outsider, both)
    assert found.origin == outsider.main
    assert not found.problems
    assert [one.name for one in found.records] == ["New"]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("README.md", "intake.foreign_file"),
        ("modelref.toml", "intake.foreign_file"),
        ("schemas/clip.schema.json", "intake.foreign_file"),
        ("legacy/clip/profile.json", "intake.foreign_file"),
        (".gitattributes", "intake.foreign_file"),
        (".gitmodules", "intake.foreign_file"),
        (".github/workflows/on-push.yml", "intake.foreign_file"),
        (".gitlab-ci.yml", "intake.foreign_file"),
        ("Dataset/clip/New.json", "intake.foreign_file"),
        ("dataset", "layout.category"),
        ("dataset/New.json", "layout.category"),
        ("dataset/clip/.gitattributes", "layout.category"),
        ("dataset/clip/New.JSON", "layout.category"),
        ("dataset/clip/New.json.exe", "layout.category"),
        ("dataset/Clip/New.json", "layout.category"),
        ("dataset/policy/modelref.toml.json", "layout.category"),
        ("dataset/none/New.json", "layout.category"),
        ("dataset/../clip/New.json", "layout.category"),
        ("dataset/clip/a\\b.json", "layout.category"),
        ("dataset/clip/a b.json", "layout.category"),
        ("dataset/clip/CON.json", "layout.category"),
        ("dataset/clip/cafe\u0301.json", "layout.category"),
        ("dataset/clip/..json", "layout.category"),
        ("dataset/clip/\udcff.json", "layout.category"),
        ("dataset/clip/ab/cd/New.json", "layout.place"),
        ("dataset/clip/../New.json", "layout.place"),
        ("dataset/clip/.git/New.json", "layout.place"),
    ],
)
def test_nothing_but_a_record_at_the_place_of_one_passes(outsider: Outsider, path: str, rule: str) -> None:
    found = look(outsider, outsider.commit({path: NEW}))
    assert rule in rules(found)
    assert not any(one.name == "New" for one in found.records)
    assert all(problem.path.isprintable() for problem in found.problems)


def test_what_is_no_record_may_not_be_deleted_either(outsider: Outsider) -> None:
    assert rules(look(outsider, outsider.commit({"modelref.toml": None}))) == ["intake.foreign_file"]


@pytest.mark.parametrize(
    ("mode", "word"),
    [(0o120000, "symbolic link"), (0o160000, "submodule"), (0o100755, "executable"), (0o100664, "mode 100664")],
)
def test_only_plain_files_pass(outsider: Outsider, mode: int, word: str) -> None:
    for path in ("dataset/clip/New.json", outsider.place("clip", "ViT-L/14")):
        found = look(outsider, outsider.commit({path: (mode, outsider.blob(NEW))}))
        assert rules(found) == ["intake.file_mode"]
        assert word in found.problems[0].message
        assert found.is_refused


def test_a_submodule_whose_commit_is_nowhere_is_told_as_one(outsider: Outsider) -> None:
    found = look(outsider, outsider.commit({"dataset/clip/New.json": (0o160000, "12" * 20)}))
    assert rules(found) == ["intake.file_mode"]


def test_a_record_at_the_place_of_another_fan_out_is_found(outsider: Outsider, tmp_path: Path) -> None:
    world = World(outsider.path)
    old = outsider.place("clip", "ViT-L/14")
    data = outsider.edited("clip", "ViT-L/14", description="x")[old]
    base = outsider.main
    set_fan_out(world.context(), "clip", 1)
    now = outsider.place("clip", "ViT-L/14")
    assert now != old
    # Of a branch from before, at its own place; and of one from today, where the file was before.
    before = look(outsider, outsider.commit({old: data}, [base]))
    moved = look(outsider, outsider.commit({now: None, old: data}))
    for found in (before, moved):
        assert not found.problems
        assert [(one.name, one.old is None) for one in found.records] == [("ViT-L/14", False)]
    twice = look(outsider, outsider.commit({old: data}))
    assert rules(twice) == ["intake.twice"]
    assert now in twice.problems[0].message
    assert not twice.records
    blob = outsider.dataset().blob("clip", "ViT-L/14") or ""
    assert not look(outsider, outsider.commit({now: None, old: (0o100644, blob)})).records


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "json.syntax"),
        (b"\xff\xfe", "json.encoding"),
        (b"[1]", "json.object"),
        (b'{"a": 1, "a": 2}', "json.duplicate_key"),
        (b'{"a": NaN}', "json.number"),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "json.depth"),
        (b'{"name": "New", "_legacy": {"rank": 1}}', "remainder.changed"),
        (b"<<<<<<< ours\n", "json.syntax"),
    ],
)
def test_bytes_that_are_no_record_are_told_with_their_file_and_the_others_pass(
    outsider: Outsider, data: bytes, rule: str
) -> None:
    found = look(outsider, outsider.commit({"dataset/clip/New.json": data, **outsider.edited("clip", "ViT-L/14", x=1)}))
    assert [(problem.path, problem.rule) for problem in found.problems] == [("dataset/clip/New.json", rule)]
    assert not found.is_refused
    assert [one.name for one in found.records] == ["ViT-L/14"]


def test_a_blob_that_is_too_large_is_not_read(outsider: Outsider, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = outsider.blob(b" " * (MAX_RECORD_BYTES + 1))
    head = outsider.commit({"dataset/clip/New.json": (0o100644, huge)})
    store = outsider.store
    read = type(store).read

    def reads_no_blob(self: object, oid: str) -> tuple[str, bytes]:
        assert oid != huge
        return read(store, oid)

    monkeypatch.setattr(type(store), "read", reads_no_blob)
    found = look(outsider, head)
    assert rules(found) == ["intake.size"]
    assert str(MAX_RECORD_BYTES + 1) in found.problems[0].message


def test_thousands_of_files_are_not_looked_at(outsider: Outsider) -> None:
    data = outsider.blob(NEW)
    files = {f"dataset/clip/n{number}.json": (0o100644, data) for number in range(untrusted.MAX_RECORDS + 1)}
    found = look(outsider, outsider.commit(files))
    assert rules(found) == ["intake.too_many"]
    assert found.is_refused


def test_a_handful_of_trees_that_pretend_to_be_billions_is_given_up(
    outsider: Outsider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(untrusted, "MAX_TREES", 500)
    tree = EMPTY_TREE
    for _ in range(12):
        rows = b"".join(b"40000 %d\0" % number + bytes.fromhex(tree) for number in range(10))
        tree = outsider.raw("tree", rows)
    found = look(outsider, outsider.commit({"dataset/clip/bomb": (0o040000, tree)}))
    assert rules(found) == ["intake.unreadable"]


def test_trees_that_are_nested_for_ever_are_given_up(outsider: Outsider) -> None:
    tree = outsider.raw("tree", b"100644 x.json\0" + bytes.fromhex(outsider.blob(NEW)))
    objects = outsider.store.buffer()
    for _ in range(3000):
        tree = objects.add("tree", b"40000 a\0" + bytes.fromhex(tree))
    outsider.store.write(objects)
    found = look(outsider, outsider.commit({"dataset/clip/deep": (0o040000, tree)}))
    assert found.is_refused


@pytest.mark.parametrize(
    "payload", [b"100644 x.json\0short", b"rubbish", b"999999999 x\0" + b"1" * 20, b"40000 clip\0" + b"1" * 20]
)
def test_a_tree_that_is_none_is_refused(outsider: Outsider, payload: bytes) -> None:
    broken = outsider.raw("tree", payload)
    found = look(outsider, outsider.commit({"dataset/clip/x": (0o040000, broken)}))
    assert found.is_refused
    assert not found.records


def test_a_name_with_a_slash_in_it_is_no_way_around_the_places(outsider: Outsider) -> None:
    entry = b"100644 clip/New.json\0" + bytes.fromhex(outsider.blob(NEW))
    found = look(outsider, outsider.commit({"dataset": (0o040000, outsider.raw("tree", entry))}))
    assert "layout.category" in rules(found)
    assert not any(one.name == "New" for one in found.records)


def test_a_folder_that_is_a_blob_and_a_file_that_is_a_tree_are_refused(outsider: Outsider) -> None:
    folder = look(outsider, outsider.commit({"dataset/clip/x": (0o040000, outsider.blob(b"x"))}))
    assert folder.is_refused
    file = look(outsider, outsider.commit({"dataset/clip/New.json": (0o100644, outsider.raw("tree", b""))}))
    assert file.problems
    assert not file.records


def test_unrelated_history_is_refused(outsider: Outsider) -> None:
    found = look(outsider, outsider.commit(outsider.tree(outsider.main, {"dataset/clip/New.json": NEW}), []))
    assert rules(found) == ["intake.history"]
    assert found.is_refused


def test_more_commits_than_anybody_makes_by_hand_are_refused(
    outsider: Outsider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(untrusted, "MAX_COMMITS", 3)
    head = outsider.main
    for number in range(4):
        assert not look(outsider, head).problems
        head = outsider.commit({"dataset/clip/New.json": NEW}, [head], message=b"%d" % number)
    assert rules(look(outsider, head)) == ["intake.too_many"]


@pytest.mark.parametrize("kind", ["blob", "tree", "tag", "missing"])
def test_what_is_no_commit_is_refused(outsider: Outsider, kind: str) -> None:
    head = {
        "blob": outsider.blob(b"x"),
        "tree": EMPTY_TREE,
        "tag": outsider.raw("tag", f"object {outsider.main}\ntype commit\ntag x\n\n".encode()),
        "missing": "ab" * 20,
    }[kind]
    found = look(outsider, head)
    assert found.is_refused
    assert found.origin is None


@settings(max_examples=40)
@given(
    name=st.binary(min_size=1, max_size=30).filter(lambda raw: not {0, 47} & set(raw) and raw not in (b".", b"..")),
    data=st.binary(max_size=60),
    message=st.binary(max_size=40),
    author=st.binary(max_size=40).filter(lambda raw: not {0, 10} & set(raw)),
)
def test_arbitrary_bytes_in_names_contents_messages_and_authors_are_only_told(
    tmp_path_factory: pytest.TempPathFactory, name: bytes, data: bytes, message: bytes, author: bytes
) -> None:
    outsider = _shared(tmp_path_factory)
    path = f"dataset/clip/{name.decode('utf-8', 'surrogateescape')}.json"
    who = f"{author.decode('utf-8', 'surrogateescape')} <m@x.example>"
    found = look(outsider, outsider.commit({path: data}, author=who, message=message))
    assert found.problems or found.records
    for problem in found.problems:
        assert problem.path.isprintable()
        problem.message.encode()


def test_a_path_is_shown_without_bytes_that_play_tricks() -> None:
    assert shown("dataset/\x1b[31m\u202e/\udcff") == "dataset/\\x1b[31m\\u202e/\\xff"


_KEPT: list[Outsider] = []


def _shared(factory: pytest.TempPathFactory) -> Outsider:
    if not _KEPT:
        _KEPT.append(Outsider(World.make(factory.mktemp("any") / "world.git", bare=True).path))
    return _KEPT[0]
