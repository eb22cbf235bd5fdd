from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.errors import Conflict, WrongState
from modelref_git.store import drivers
from modelref_git.store.git import GitStore
from tests.store.builders import bare, git

ATTRIBUTE = drivers.DIFF_ATTRIBUTE.decode()


def settings(store: GitStore, prefix: str) -> dict[str, str]:
    rows = git(store.git_dir, "config", "--local", "--list").splitlines()
    return dict(row.split("=", 1) for row in rows if row.startswith(prefix))


def attributes(store: GitStore) -> Path:
    return store.git_dir / "info" / "attributes"


@pytest.fixture
def store(tmp_path: Path) -> GitStore:
    return bare(tmp_path / "r.git")


def test_git_reads_the_merge_driver_from_the_repository_s_own_configuration(store: GitStore) -> None:
    drivers.set_drivers(store)
    assert settings(store, "merge.") == {
        "merge.modelref.name": "records, field by field",
        "merge.modelref.driver": "modelref-git merge-driver %O %A %B %P",
        "merge.modelref.recursive": "binary",
    }
    before = (store.git_dir / "config").read_bytes()
    drivers.set_drivers(store)
    assert (store.git_dir / "config").read_bytes() == before


@pytest.mark.parametrize("key", list(drivers.MERGE))
def test_what_a_person_has_set_stays(store: GitStore, key: str) -> None:
    git(store.git_dir, "config", key, "mine")
    drivers.set_drivers(store)
    assert settings(store, "merge.") == {**drivers.MERGE, key: "mine"}


def test_what_a_person_has_set_for_all_repositories_counts_too(store: GitStore, tmp_path: Path) -> None:
    import pygit2

    (tmp_path / ".gitconfig").write_text('[merge "modelref"]\n\tdriver = mine %A\n', encoding="utf-8")
    level = pygit2.enums.ConfigLevel.GLOBAL
    before = pygit2.settings.search_path[level]
    pygit2.settings.search_path[level] = str(tmp_path)
    try:
        drivers.set_drivers(GitStore(store.git_dir))
    finally:
        pygit2.settings.search_path[level] = before
    assert "merge.modelref.driver" not in settings(store, "merge.")
    assert "merge.modelref.recursive" in settings(store, "merge.")


def test_settings_of_a_linked_work_tree_are_those_of_its_repository(store: GitStore, tmp_path: Path) -> None:
    tree = git(store.git_dir, "mktree").strip()
    commit = git(
        store.git_dir, "-c", "user.name=A", "-c", "user.email=a@people.example", "commit-tree", "-m", "x", tree
    ).strip()
    git(store.git_dir, "worktree", "add", "-q", str(tmp_path / "tree"), commit)
    linked = GitStore.open(tmp_path / "tree")
    drivers.set_drivers(linked)
    drivers.set_diff_driver(linked)
    assert settings(store, "merge.") == drivers.MERGE
    assert drivers.is_diff_driver_set(store)
    assert "diff: modelref" in git(tmp_path / "tree", "check-attr", "diff", "dataset/clip/x.json")


def test_a_configuration_that_is_locked_is_named(store: GitStore) -> None:
    (store.git_dir / "config.lock").touch()
    for act in (drivers.set_drivers, drivers.set_diff_driver):
        with pytest.raises(WrongState, match=r"configuration cannot be written.*config\.lock"):
            act(store)


def test_the_diff_driver_is_off_until_it_is_set_and_can_be_taken_back(store: GitStore) -> None:
    before = (store.git_dir / "config").read_bytes()
    drivers.set_drivers(store)
    assert not drivers.is_diff_driver_set(store)
    for _ in range(2):
        drivers.set_diff_driver(store)
        assert drivers.is_diff_driver_set(store)
        assert settings(store, "diff.") == {"diff.modelref.command": "modelref-git diff-driver"}
        assert attributes(store).read_text(encoding="utf-8") == f"{ATTRIBUTE}\n"
    for _ in range(2):
        drivers.unset_diff_driver(store)
        assert not drivers.is_diff_driver_set(store)
        assert settings(store, "diff.") == {}
        assert not attributes(store).exists()
    assert before in (store.git_dir / "config").read_bytes()


@pytest.mark.parametrize("own", ["*.txt text\n", "*.txt text", "\n# mine\r\n*.txt text\r\n"])
def test_a_person_s_own_attributes_stay(store: GitStore, own: str) -> None:
    attributes(store).parent.mkdir(exist_ok=True)
    attributes(store).write_bytes(own.encode())
    drivers.set_diff_driver(store)
    kept = own if own.endswith("\n") else f"{own}\n"
    assert attributes(store).read_bytes() == f"{kept}{ATTRIBUTE}\n".encode()
    drivers.unset_diff_driver(store)
    assert attributes(store).read_bytes() == kept.encode()


def test_another_diff_command_of_that_name_is_refused_and_left(store: GitStore) -> None:
    git(store.git_dir, "config", drivers.DIFF_COMMAND, "mine")
    with pytest.raises(Conflict, match="'mine' already"):
        drivers.set_diff_driver(store)
    assert not attributes(store).exists()
    drivers.unset_diff_driver(store)
    assert settings(store, "diff.") == {drivers.DIFF_COMMAND: "mine"}


def test_attributes_that_cannot_be_read_are_named(store: GitStore) -> None:
    attributes(store).mkdir(parents=True)
    with pytest.raises(WrongState, match="info/attributes cannot be read"):
        drivers.set_diff_driver(store)
