from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelref_git.store.objects import EMPTY_TREE, ObjectBuffer
from modelref_git.store.trees import FILE, Entry, Tree, TreeEditor, compare, find, read_tree, walk
from tests.store.builders import bare, git

# Few names, so that files and folders meet; "a." and "a0" sort on the two sides of the folder "a/".
NAMES = st.sampled_from(["a", "a.", "a0", "b", "é", "long name %41"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
BLOBS = st.integers(1, 5).map(lambda number: f"{number:040x}")
EDITS = st.lists(st.tuples(PATHS, st.none() | BLOBS), max_size=25)


def nothing_stored(oid: str) -> tuple[str, bytes]:
    raise AssertionError(f"{oid} was never held")


def edit_dict(files: dict[str, str], path: str, blob: str | None) -> None:
    """The model: a file replaces the folder at its place, and the files where its folders must be."""
    if blob is None:
        files.pop(path, None)
        for below in [other for other in files if other.startswith(f"{path}/")]:
            del files[below]
        return
    for other in list(files):
        if other.startswith(f"{path}/") or path.startswith(f"{other}/"):
            del files[other]
    files[path] = blob


def edit_tree(editor: TreeEditor, path: str, blob: str | None) -> None:
    if blob is None:
        editor.remove(path)
    else:
        editor.put(path, blob)


def files_in(objects: ObjectBuffer, tree: str) -> dict[str, str]:
    return {path: entry.oid for path, entry in walk(objects, tree)}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pygit2.Repository]:
    repo = pygit2.init_repository(str(tmp_path_factory.mktemp("trees")), bare=True)
    pygit2.option(pygit2.enums.Option.ENABLE_STRICT_OBJECT_CREATION, False)
    yield repo
    pygit2.option(pygit2.enums.Option.ENABLE_STRICT_OBJECT_CREATION, True)


def written_by_libgit2(repo: pygit2.Repository, files: dict[str, str]) -> str:
    """The tree that the library's own builder makes of *files*."""
    builder = repo.TreeBuilder()
    folders: dict[str, dict[str, str]] = {}
    for path, blob in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, {})[rest] = blob
        else:
            builder.insert(name, blob, FILE)
    for name, inside in folders.items():
        builder.insert(name, written_by_libgit2(repo, inside), 0o040000)
    return str(builder.write())


@given(first=EDITS, second=EDITS)
@example(first=[("a/b", "1" * 40)], second=[("a", "2" * 40), ("a/b/c", "3" * 40)])
@example(first=[("a/b", "1" * 40)], second=[("a", None), ("a/a", "2" * 40)])
@example(first=[("a", "1" * 40)], second=[("a/b", None)])
@example(first=[], second=[("a", "1" * 40), ("a/b", None)])
@example(first=[("a/b", "1" * 40), ("a.", "1" * 40)], second=[("a", "2" * 40), ("a0", "1" * 40)])
def test_edits_of_a_tree_are_the_same_edits_of_a_dict_and_give_the_tree_that_git_would_write(
    repository: pygit2.Repository,
    first: list[tuple[str, str | None]],
    second: list[tuple[str, str | None]],
) -> None:
    objects = ObjectBuffer(nothing_stored)
    model: dict[str, str] = {}
    tree: str | None = None
    for edits in (first, second):
        editor = TreeEditor(objects, tree)
        for path, blob in edits:
            edit_dict(model, path, blob)
            edit_tree(editor, path, blob)
            assert (found := editor.get(path)) == (None if blob is None else Entry(FILE, blob)), found
        for path, blob in model.items():
            assert editor.get(path) == Entry(FILE, blob)
        tree = editor.write()
        assert files_in(objects, tree) == model
        for path, blob in model.items():
            assert find(objects, tree, path) == Entry(FILE, blob)
        assert tree == written_by_libgit2(repository, model)


@given(
    before=st.dictionaries(PATHS, BLOBS, max_size=12),
    after=st.dictionaries(PATHS, BLOBS, max_size=12),
)
def test_comparing_two_trees_gives_exactly_the_files_that_differ(before: dict[str, str], after: dict[str, str]) -> None:
    objects = ObjectBuffer(nothing_stored)
    trees, models = [], []
    for wanted in (before, after):
        model: dict[str, str] = {}
        editor = TreeEditor(objects, None)
        for path, blob in wanted.items():
            edit_dict(model, path, blob)
            editor.put(path, blob)
        trees.append(editor.write())
        models.append(model)
    old, new = models
    found = {
        path: (left.oid if left else None, right.oid if right else None)
        for path, left, right in compare(objects, *trees)
    }
    assert found == {
        path: (old.get(path), new.get(path)) for path in old.keys() | new.keys() if old.get(path) != new.get(path)
    }


@given(
    base=st.dictionaries(NAMES, st.tuples(st.sampled_from([FILE, 0o100755, 0o040000]), BLOBS)),
    changes=st.dictionaries(NAMES, st.none() | st.tuples(st.sampled_from([FILE, 0o040000]), BLOBS), max_size=8),
)
def test_splicing_a_few_entries_gives_the_bytes_that_writing_the_whole_tree_gives(
    base: dict[str, tuple[int, str]], changes: dict[str, tuple[int, str] | None]
) -> None:
    edits = {name: None if row is None else Entry(*row) for name, row in changes.items()}
    tree = Tree(Tree(b"").edited({f"x{n}": None for n in range(9)} | {name: Entry(*row) for name, row in base.items()}))
    many: dict[str, Entry | None] = {f"absent {number}": None for number in range(9)}
    rebuilt = tree.edited(many | edits)
    assert tree.edited(edits) == rebuilt
    assert Tree(rebuilt).entries == {
        name: entry for name, entry in {**tree.entries, **edits}.items() if entry is not None
    }


def test_git_mktree_writes_the_same_tree(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    objects = store.buffer()
    blob = objects.add("blob", b"x\n")
    editor = TreeEditor(objects, None)
    for name in ("a/x", "a.json", "a0", "A", "a-b", "ÿ/y", "ÿ.", "z"):
        editor.put(name, blob)
    tree = editor.write()
    store.write(objects)
    listing = git(store.git_dir, "ls-tree", "-z", tree)
    shuffled = "\0".join(sorted(listing.strip("\0").split("\0"), key=lambda row: row[::-1])) + "\0"
    assert git(store.git_dir, "mktree", "-z", stdin=shuffled.encode()).strip() == tree


def test_every_order_of_the_same_edits_writes_the_same_tree() -> None:
    rows = [("a/b", "1" * 40), ("a.b", "2" * 40), ("a0", "3" * 40), ("c/d/e", "4" * 40)]
    found = set()
    for order in itertools.permutations(rows):
        editor = TreeEditor(ObjectBuffer(nothing_stored), None)
        for path, blob in order:
            editor.put(path, blob)
        found.add(editor.write())
    assert len(found) == 1


def test_a_tree_with_nothing_left_in_it_is_the_empty_tree() -> None:
    objects = ObjectBuffer(nothing_stored)
    editor = TreeEditor(objects, None)
    assert editor.write() == EMPTY_TREE
    editor.put("a/b/c", "1" * 40)
    tree = editor.write()
    editor = TreeEditor(objects, tree)
    editor.remove("a/b/c")
    assert editor.write() == EMPTY_TREE
    assert list(walk(objects, EMPTY_TREE)) == []


def test_an_editor_without_edits_gives_the_tree_back_and_holds_nothing_new() -> None:
    objects = ObjectBuffer(nothing_stored)
    editor = TreeEditor(objects, None)
    editor.put("a/b", "1" * 40)
    tree = editor.write()
    held = len(objects)
    again = TreeEditor(objects, tree)
    assert again.get("a/b") == Entry(FILE, "1" * 40)
    assert again.get("a/b/c") is None
    assert again.get("c/d") is None
    again.put("a/b", "1" * 40)
    assert (again.write(), len(objects)) == (tree, held)


def test_only_the_folders_on_the_way_are_written_anew() -> None:
    objects = ObjectBuffer(nothing_stored)
    editor = TreeEditor(objects, None)
    for number in range(256):
        editor.put(f"{number:02x}/{number}", "1" * 40)
    tree = editor.write()
    held = len(objects)
    editor = TreeEditor(objects, tree)
    editor.put("7f/new", "2" * 40)
    editor.write()
    assert len(objects) - held == 2


def test_a_path_through_a_file_finds_nothing() -> None:
    objects = ObjectBuffer(nothing_stored)
    editor = TreeEditor(objects, None)
    editor.put("a", "1" * 40)
    tree = editor.write()
    assert find(objects, tree, "a/b") is None
    assert find(objects, None, "a") is None


def test_entries_that_this_program_never_writes_keep_their_mode() -> None:
    link, script = Entry(0o120000, "1" * 40), Entry(0o100755, "2" * 40)
    tree = Tree(Tree(b"").edited({"link": link, "run": script}))
    assert Tree(tree.edited({"new": Entry(FILE, "3" * 40)})).entries["link"] == link
    many = {f"n{number}": Entry(FILE, "3" * 40) for number in range(20)}
    assert Tree(tree.edited(dict(many))).entries["run"] == script


def test_a_name_that_is_not_utf_8_survives(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    raw = b"100644 \xff\xfe\0" + b"\1" * 20
    objects = store.buffer()
    tree = objects.add("tree", raw)
    editor = TreeEditor(objects, tree)
    editor.put("a", "2" * 40)
    assert read_tree(objects, editor.write()).data == b"100644 a\0" + bytes.fromhex("2" * 40) + raw
