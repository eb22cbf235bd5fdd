from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.records.categories import CATEGORIES
from tests.cli.shapes import is_oid
from tests.support.calls import call
from tests.support.world import World

WHO = ("--owner", "olivia#1", "--email", "olivia@people.example")


def test_init_answers_the_path_the_branches_and_the_number_of_records(tmp_path: Path) -> None:
    answer = call("--json", "init", str(tmp_path / "new"), *WHO).ok().json
    assert list(answer) == ["path", "main", "queue", "records"]
    world = World(tmp_path / "new")
    assert answer["path"] == str(tmp_path / "new")
    assert world.refs() == {"refs/heads/main": answer["main"], "refs/heads/queue": answer["queue"]}
    assert is_oid(answer["main"])
    assert answer["records"] == sum(path.startswith("dataset/") for path in world.files()) >= 25


def test_a_new_dataset_has_what_its_layout_says(tmp_path: Path) -> None:
    call("init", str(tmp_path), *WHO).ok()
    world = World(tmp_path)
    files = world.files()
    assert files.keys() >= {"modelref.toml", ".gitattributes"} | {f"schemas/{n}.schema.json" for n in CATEGORIES}
    assert not [
        path for path in files if path.split("/")[0] not in (".gitattributes", "modelref.toml", "schemas", "dataset")
    ]
    assert world.git("show", "main:.gitattributes") == "dataset/** text eol=lf merge=modelref\n"
    assert world.git("status", "--porcelain") == "", "the work tree is at main"
    assert world.git("symbolic-ref", "HEAD").strip() == "refs/heads/main"
    world.git("fsck", "--strict", "--no-dangling")


def test_an_empty_dataset_has_the_schemas_and_no_record(tmp_path: Path) -> None:
    answer = call("--json", "init", str(tmp_path / "new"), "--empty", *WHO).ok().json
    assert answer["records"] == 0
    world = World(tmp_path / "new")
    assert {row["records"] for row in world.run("categories").ok().json} == {0}
    assert len(world.run("categories").ok().json) == 15


def test_a_bare_repository_has_no_work_tree_and_works(tmp_path: Path) -> None:
    call("init", str(tmp_path / "new.git"), "--bare", *WHO).ok()
    world = World(tmp_path / "new.git")
    assert world.git("rev-parse", "--is-bare-repository").strip() == "true"
    assert not (tmp_path / "new.git" / "dataset").exists()
    world.apply(world.approve(world.delete("clip", "ViT-L/14", actor="1"), actor="1"), actor="1")
    assert world.run("ls", "clip").ok().json == ["coca_ViT-L-14"]


def test_the_owner_is_its_first_approver(tmp_path: Path) -> None:
    call("init", str(tmp_path), *WHO).ok()
    rows = World(tmp_path).run("member", "list").ok().json
    assert rows == [
        {
            "user_id": "1",
            "username": "olivia#1",
            "emails": ["olivia@people.example"],
            "roles": ["approver", "requestor"],
            "ssh_keys": [],
        }
    ]


def test_the_owner_is_gits_user_with_the_id_1_unless_given(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.git("init", "-q", "-b", "main")
    world.git("config", "user.name", "Gitta")
    world.git("config", "user.email", "gitta@people.example")
    call("init", str(tmp_path)).ok()
    (row,) = world.run("member", "list").ok().json
    assert (row["username"], row["user_id"], row["emails"]) == ("Gitta#1", "1", ["gitta@people.example"])
    assert world.run("whoami", actor=None).ok().json["is_approver"] is True


def test_without_an_owner_nothing_is_made(tmp_path: Path) -> None:
    answer = call("--json", "init", str(tmp_path / "new"))
    assert (answer.code, answer.out, answer.error["code"]) == (2, b"", "usage")
    assert "--owner" in answer.error["message"]
    assert not (tmp_path / "new").exists()


def test_the_folder_is_the_current_one_or_that_of_the_global_option(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    call("init", *WHO, cwd=tmp_path / "here").ok()
    assert World(tmp_path / "here").refs()
    call("-C", str(tmp_path / "there"), "init", *WHO).ok()
    assert World(tmp_path / "there").refs()


@pytest.mark.parametrize("words", [(), ("--dry-run",), ("--bare",), ("--empty",)])
def test_init_over_a_dataset_repository_is_a_conflict(world: World, words: tuple[str, ...]) -> None:
    before = world.refs()
    answer = call("--json", "init", str(world.path), *WHO, *words)
    assert (answer.code, answer.out, answer.error["code"]) == (4, b"", "conflict")
    assert world.refs() == before


def test_init_over_a_branch_main_of_another_project_is_a_conflict(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.git("init", "-q", "-b", "main")
    world.git("-c", "user.name=x", "-c", "user.email=x@x.example", "commit", "-q", "--allow-empty", "-m", "mine")
    assert call("--json", "init", str(tmp_path), *WHO).code == 4


def test_an_owner_that_is_no_person_is_a_usage_error(tmp_path: Path) -> None:
    for owner in ("olivia", "#1", "olivia#", ""):
        answer = call("--json", "init", str(tmp_path / "new"), "--owner", owner, "--email", "o@people.example")
        assert (answer.code, answer.out) == (2, b""), owner
        assert not (tmp_path / "new").exists()


def test_a_dry_run_makes_nothing(tmp_path: Path) -> None:
    answer = call("--json", "init", str(tmp_path / "new"), *WHO, "--dry-run").ok().json
    assert answer["dry_run"] is True
    assert answer["records"] >= 25
    assert not (tmp_path / "new").exists()


def test_a_dry_run_refuses_what_the_real_one_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert call("--json", "init", str(tmp_path / "file"), *WHO, "--dry-run").code == 4
    assert call("--json", "init", str(tmp_path / "new"), "--dry-run").code == 2, "no owner"


def test_a_folder_with_a_broken_repository_is_refused_and_the_one_around_it_left_alone(tmp_path: Path) -> None:
    around = World.make(tmp_path / "around")
    before = around.refs()
    inner = around.path / "inner"
    (inner / ".git").mkdir(parents=True)
    answer = call("--json", "init", str(inner), *WHO)
    assert (answer.code, answer.out) == (4, b"")
    assert around.refs() == before
    assert list((inner / ".git").iterdir()) == []


@pytest.mark.parametrize("kind", [(), ("--bare",)])
def test_without_an_owner_nothing_is_made_and_nothing_of_the_folders_is_lost(
    tmp_path: Path, kind: tuple[str, ...]
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work", encoding="utf-8")
    assert call("init", str(folder), *kind).code == 2
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("thesis.txt", "years of work")]
