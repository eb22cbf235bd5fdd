from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.errors import IntegrityFailure, NotFound
from modelref_git.store.git import GitStore
from tests.store.builders import bare, commit, git


def test_a_repository_is_found_from_a_folder_within_it(tmp_path: Path) -> None:
    made = GitStore.create(tmp_path / "r", bare=False)
    inside = tmp_path / "r" / "a" / "b"
    inside.mkdir(parents=True)
    for path in (tmp_path / "r", inside, tmp_path / "r" / ".git"):
        assert GitStore.open(path).git_dir.resolve() == made.git_dir.resolve()
    assert (made.is_bare, made.is_dataset) == (False, False)


def test_a_linked_work_tree_has_the_objects_and_refs_of_the_main_one(tmp_path: Path) -> None:
    made = GitStore.create(tmp_path / "r", bare=False)
    head = commit(made, {"a": b"1"})
    made.refs.move("refs/heads/other", None, head)
    git(tmp_path / "r", "worktree", "add", "-q", str(tmp_path / "linked"), "other")
    linked = GitStore.open(tmp_path / "linked")
    assert linked.git_dir.resolve() == made.git_dir.resolve()
    assert linked.refs.read("refs/heads/other") == head


@pytest.mark.parametrize("name", ["", "missing"])
def test_a_folder_that_is_in_no_repository_is_not_found_and_init_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFound, match="not inside a Git repository") as caught:
        GitStore.open(tmp_path / name)
    assert "modelref-git init" in (caught.value.hint or "")


def test_a_repository_with_other_ids_than_sha_1_is_refused_plainly(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "--object-format=sha256", "r.git")
    with pytest.raises(NotFound, match="cannot be opened as a Git repository"):
        GitStore.open(tmp_path / "r.git")


def test_a_new_repository_has_the_branch_main_and_sha_1_ids_whatever_git_is_set_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
    store = bare(tmp_path / "r.git")
    assert git(store.git_dir, "symbolic-ref", "HEAD") == "refs/heads/main\n"
    assert git(store.git_dir, "rev-parse", "--show-object-format") == "sha1\n"
    assert store.is_bare


def test_a_revision_is_a_branch_a_tag_or_an_id(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    first = commit(store, {"a": b"1"})
    second = commit(store, {"a": b"2"}, first)
    store.refs.move("refs/heads/main", None, second)
    git(store.git_dir, "-c", "user.name=a", "-c", "user.email=b", "tag", "-a", "-m", "t", "v1", first)
    for revision, wanted in {"main": second, "main~1": first, "v1": first, first: first, first[:10]: first}.items():
        assert store.resolve(revision) == wanted
    blob = git(store.git_dir, "rev-parse", "main:a").strip()
    for revision in ("absent", "", "main~2", "main:a", blob, ":/x", "a..b", "-x", "\x00"):
        with pytest.raises(NotFound, match="no revision"):
            store.resolve(revision)


def test_first_parents_and_ancestors(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    first, side = commit(store, {"a": b"1"}), commit(store, {"b": b"1"})
    merge = commit(store, {"a": b"2"}, first, side)
    assert [found.id for found in store.first_parents(merge)] == [merge, first]
    assert list(store.first_parents(None)) == []
    assert store.is_ancestor(side, merge)
    assert store.is_ancestor(merge, merge)
    assert not store.is_ancestor(merge, first)


def test_the_git_program_is_run_and_its_failure_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = bare(tmp_path / "r.git")
    assert store.run_git("rev-parse", "--is-bare-repository") == "true\n"
    with pytest.raises(IntegrityFailure, match="git cat-file failed: fatal"):
        store.run_git("cat-file", "-p", "absent")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotFound, match="git program is not installed"):
        store.run_git("version")


def test_values_of_the_configuration(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    git(store.git_dir, "config", "user.name", "Ann")
    fresh = GitStore(store.git_dir)
    assert (fresh.config("user.name"), fresh.config("user.email"), fresh.config("no key")) == ("Ann", None, None)


def test_an_empty_buffer_writes_nothing(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    store.write(store.buffer())
    assert not list(store.pack_folder.glob("*"))
