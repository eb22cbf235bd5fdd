"""Git by hand in a dataset repository: what it merges and shows of records, with the drivers that ``init`` sets up."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from modelref_git.records import codec
from tests.support.calls import CHECKOUT, call
from tests.support.world import World, clip

PATH = "dataset/clip/ViT-L%2F14.json"
NAME = "ViT-L/14"
MODEL = "dataset/image_generation/SDXL%201.0.json"
MARKERS = ("<<<<<<< ours", "=======", ">>>>>>> theirs")
Edit = Callable[[dict[str, Any]], Any]
MERGING = {
    "merge": ("merge", "--no-edit"),
    "rebase": ("rebase",),
    "cherry-pick": ("cherry-pick",),
}
"""How a person brings the branch ``theirs`` and the one they are on together."""


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH with the program in it, as it stands where it is installed."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "modelref-git"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m modelref_git "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return folder


@dataclass
class Tree:
    """The work tree of a dataset repository, and a person with git."""

    path: Path
    programs: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        # Only the folders of the system besides: the program may be installed where these tests run.
        path = f"{self.programs}{os.pathsep}/usr/bin{os.pathsep}/bin"
        who = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Carol"), ("EMAIL", "carol@people.example"))
        }
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(CHECKOUT), **who, **self.env}
        command = ["git", "-C", str(self.path), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    def git(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def text(self, path: str = PATH) -> str:
        return (self.path / path).read_text(encoding="utf-8")

    def record(self, path: str = PATH) -> Any:
        return json.loads(self.text(path))

    def put(self, path: str, record: Mapping[str, Any] | str) -> None:
        text = record if isinstance(record, str) else codec.encode(record, codec.KeyOrder.NONE).decode()
        (self.path / path).write_text(text, encoding="utf-8")

    def commit(self, branch: str, *edits: tuple[str, Edit | Mapping[str, Any] | str | None]) -> None:
        """On a new branch from ``main``, edit record files, write or remove them; then be on ``main`` again."""
        self.git("checkout", "-q", "-b", branch, "main")
        for path, edit in edits:
            if edit is None:
                (self.path / path).unlink()
            elif callable(edit):
                record = self.record(path)
                edit(record)
                self.put(path, record)
            else:
                self.put(path, edit)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", branch)
        self.git("checkout", "-q", "main")

    def bring(self, how: str, other: str = "theirs", onto: str = "ours") -> subprocess.CompletedProcess[str]:
        """Bring *other* together with *onto*; a rebase takes *other* there, which merges the same two sides."""
        self.git("checkout", "-q", other if how == "rebase" else onto)
        return self.run(*MERGING[how], onto if how == "rebase" else other)

    def start_again(self) -> None:
        """Leave what is under way, and be on ``main``."""
        for how in MERGING:
            self.run(how, "--abort")
        self.git("checkout", "-q", "-f", "main")


@pytest.fixture
def tree(world: World, programs: Path) -> Tree:
    return Tree(world.path, programs)


def setting(**members: Any) -> Edit:
    return lambda record: record.update(members)


# The same merge as ours


def download(name: str) -> dict[str, Any]:
    return {"file_name": name, "file_url": f"https://models.example/{name}", "sha256sum": "ab" * 32}


EDITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "different fields": ({"/version": "7"}, {"/description": "new words"}),
    "a set": ({"/tags/-": "beta"}, {"/tags/-": "alpha"}),
    "a list by key": ({"/config/download/-": download("b.bin")}, {"/config/download/-": download("a.bin")}),
    "both the same": ({"/version": "7"}, {"/version": "7", "/homepage": "https://models.example/x"}),
}


@pytest.mark.parametrize("edits", EDITS.values(), ids=list(EDITS))
def test_git_merges_two_proposals_into_the_very_bytes_of_their_batch(
    world: World, tree: Tree, edits: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    first = world.update("image_generation", "SDXL 1.0", edits[0])
    world.clock.tick()
    second = world.update("image_generation", "SDXL 1.0", edits[1])
    batch = world.approve(first, second)
    wanted = world.git("rev-parse", f"batches/{batch}:{MODEL}")
    tree.git("branch", "ours", f"proposals/{first}")
    for how in MERGING:
        tree.git("branch", "-f", "theirs", f"proposals/{second}")
        done = tree.bring(how)
        assert done.returncode == 0, (how, done.stdout, done.stderr)
        assert world.git("rev-parse", f"HEAD:{MODEL}") == wanted, how
        tree.git("checkout", "-q", "main")
        tree.git("branch", "-f", "ours", f"proposals/{first}")


# Conflicts


@pytest.mark.parametrize("how", MERGING)
def test_a_conflict_is_left_as_git_leaves_them_and_a_person_can_settle_it(tree: Tree, how: str) -> None:
    tree.commit("ours", (PATH, setting(description="ours now")))
    tree.commit("theirs", (PATH, setting(description="theirs now", version="7")))
    done = tree.bring(how)
    assert done.returncode == 1
    assert f"CONFLICT (content): Merge conflict in {PATH}" in done.stdout
    assert "both sides changed /description" in done.stderr
    assert f"UU {PATH}" in tree.git("status", "--short")
    lines = tree.text().splitlines()
    at = lines.index(MARKERS[0])
    assert lines[at : at + 5] == [
        MARKERS[0], '  "description": "ours now",', MARKERS[1], '  "description": "theirs now",', MARKERS[2],
    ]  # fmt: skip
    (tree.path / PATH).write_text("\n".join([*lines[:at], lines[at + 3], *lines[at + 5 :]]) + "\n", encoding="utf-8")
    tree.git("add", PATH)
    tree.git("-c", "core.editor=true", *(("commit",) if how == "merge" else (how, "--continue")))
    assert tree.git("status", "--short") == ""
    assert tree.record().items() >= {"description": "theirs now", "version": "7"}.items()


@pytest.mark.parametrize("how", MERGING)
def test_a_record_that_one_side_deleted_and_the_other_changed_is_a_conflict(tree: Tree, how: str) -> None:
    tree.commit("ours", (PATH, None))
    tree.commit("theirs", (PATH, setting(version="7")))
    assert "CONFLICT (modify/delete)" in tree.bring(how).stdout
    assert f"DU {PATH}" in tree.git("status", "--short")


@pytest.mark.parametrize("how", MERGING)
def test_an_edit_of_a_deleted_record_never_goes_into_a_new_one_that_is_like_it(tree: Tree, how: str) -> None:
    new = "dataset/clip/ViT-L-2.json"
    record = tree.record()
    tree.commit("ours", (PATH, None), (new, {**record, "name": "ViT-L-2"}))
    tree.commit("theirs", (PATH, setting(description="of the old one")))
    done = tree.bring(how)
    assert done.returncode == 1
    assert f"CONFLICT (content): Merge conflict in {new}" in done.stdout
    ours, _, theirs = tree.text(new).partition(MARKERS[1])
    assert '"name": "ViT-L-2"' in ours
    assert "of the old one" in theirs
    tree.git("checkout", "--ours", new)
    assert tree.record(new) == {**record, "name": "ViT-L-2"}


def test_edits_follow_a_record_into_another_folder(world: World, tree: Tree) -> None:
    tree.commit("theirs", (PATH, setting(description="new words")))
    world.run("category", "layout", "clip", "--fan-out", "1").ok()
    moved = next(path for path in world.files() if path.endswith("/ViT-L%2F14.json"))
    assert moved != PATH
    tree.git("checkout", "-q", "theirs")
    tree.git("rebase", "-q", "main")
    assert tree.record(moved)["description"] == "new words"


@pytest.mark.parametrize("theirs", ["{", "[]", "<<<<<<< ours\n", "\0\1"])
def test_a_file_that_is_no_record_is_a_conflict_with_every_side_at_hand(tree: Tree, theirs: str) -> None:
    tree.commit("ours", (PATH, setting(version="7")))
    tree.commit("theirs", (PATH, theirs))
    done = tree.bring("merge")
    assert done.returncode == 1
    assert f"UU {PATH}" in tree.git("status", "--short")
    assert tree.record()["version"] == "7", "ours is in the work tree"
    assert tree.git("show", f":3:{PATH}") == theirs
    tree.git("checkout", "--theirs", PATH)
    assert tree.text() == theirs


def test_without_the_program_git_makes_a_conflict_that_it_merges_once_the_program_is_there(
    tree: Tree, tmp_path: Path
) -> None:
    tree.commit("ours", (MODEL, lambda record: record["tags"].append("a")), (PATH, setting(version="7")))
    tree.commit("theirs", (MODEL, lambda record: record["tags"].append("b")))
    without = Tree(tree.path, tmp_path)
    done = without.bring("merge")
    assert done.returncode == 1
    assert "modelref-git: not found" in done.stderr or "modelref-git: command not found" in done.stderr
    assert f"UU {MODEL}" in without.git("status", "--short")
    assert "a" in without.record(MODEL)["tags"]
    assert not set(MARKERS) & set(without.text(MODEL).splitlines()), "ours, as it was"
    tree.git("checkout", "--merge", MODEL)
    assert {"a", "b"} <= set(tree.record(MODEL)["tags"])
    assert tree.record()["version"] == "7"


def test_another_dataset_in_the_environment_does_not_say_how_records_merge_here(tree: Tree, tmp_path: Path) -> None:
    other = World.make(tmp_path / "other")
    schema = json.loads((tree.path / "schemas/clip.schema.json").read_text(encoding="utf-8"))
    (other.path / "schemas/clip.schema.json").write_text(json.dumps({**schema, "required": ["nothing"]}), "utf-8")
    Tree(other.path, tree.programs).git("commit", "-q", "-a", "-m", "another schema")
    tree.commit("ours", (PATH, setting(version="7")))
    tree.commit("theirs", (PATH, setting(description="new words")))
    tree.env["MODELREF_REPO"] = str(other.path)
    done = tree.bring("merge")
    assert done.returncode == 0, done.stderr


def test_a_bare_repository_has_the_driver_too(empty_world: World) -> None:
    assert empty_world.git("config", "--local", "merge.modelref.driver") == "modelref-git merge-driver %O %A %B %P\n"


# What git shows


def test_differences_are_by_line_until_it_is_said_otherwise(tree: Tree) -> None:
    tree.put(PATH, {**tree.record(), "version": "7"})
    by_line = tree.git("diff")
    assert "diff --git" in by_line
    call("-C", str(tree.path), "diff-driver", "--install").ok()
    assert tree.git("diff") == f'modified clip {NAME}\n  version: + "7"\n'
    assert tree.git("diff", "--no-ext-diff") == by_line
    assert tree.git("status", "--short") == f" M {PATH}\n", "nothing else was changed"
    call("-C", str(tree.path), "diff-driver", "--uninstall").ok()
    assert tree.git("diff") == by_line


def test_git_log_and_git_show_tell_fields_where_they_are_asked_to(tree: Tree) -> None:
    call("-C", str(tree.path), "diff-driver", "--install").ok()
    new = "dataset/clip/new.json"
    tree.commit("one", (PATH, setting(version="7", metadata={"updated_at": 5})), (new, clip("new")))
    words = ("--ext-diff", "--format=%s", "-1", "one")
    for command in (("show",), ("log", "-p")):
        text = tree.git(*command, *words)
        assert re.match(r"one\n\n", text)
        assert f"modified clip {NAME}\n  metadata." in text
        assert "\n  metadata.updated_at: + 5\n" in text
        assert '\n  version: + "7"\n' in text
        added = text.partition("\nadded clip new\n")[2]
        assert '  + config.download: [{"file_name": "x.pt"' in added
    assert "diff --git" in tree.git("show", "-1", "one")
    assert tree.git("show", *words, "-R").count('version: - "7"') == 1
    assert "diff --git" in tree.git("format-patch", "--stdout", "-1", "one"), "a patch stays one"


def test_git_says_which_record_was_moved_where_and_what_is_not_merged(tree: Tree) -> None:
    call("-C", str(tree.path), "diff-driver", "--install").ok()
    tree.git("mv", PATH, "dataset/clip/moved.json")
    tree.put("dataset/clip/moved.json", {**tree.record("dataset/clip/moved.json"), "version": "7"})
    tree.git("add", "-A")
    assert (
        tree.git("diff", "-M", "HEAD") == f'modified clip {NAME}, moved to dataset/clip/moved.json\n  version: + "7"\n'
    )
    tree.git("reset", "-q", "--hard")
    tree.commit("ours", (PATH, setting(description="ours now")))
    tree.commit("theirs", (PATH, setting(description="theirs now")))
    tree.bring("merge")
    assert tree.git("diff", "--cached") == f"unmerged clip {NAME}\n"


def test_what_is_no_record_is_shown_by_line(tree: Tree) -> None:
    call("-C", str(tree.path), "diff-driver", "--install").ok()
    tree.commit("one", ("dataset/clip/bad.json", "{\n\x1b[31m"), ("dataset/notes.txt", "words\n"))
    text = tree.git("diff", "main", "one")
    assert text == (
        "added clip bad\n@@ -0,0 +1,2 @@\n+{\n+\\u001b[31m\nadded dataset/notes.txt\n@@ -0,0 +1 @@\n+words\n"
    )


def test_without_the_program_git_can_still_show_lines(tree: Tree, tmp_path: Path) -> None:
    call("-C", str(tree.path), "diff-driver", "--install").ok()
    tree.put(PATH, {**tree.record(), "version": "7"})
    without = Tree(tree.path, tmp_path)
    done = without.run("diff")
    assert done.returncode == 128
    assert "external diff died" in done.stderr
    assert '+  "version": "7"' in without.git("diff", "--no-ext-diff")


def test_there_are_colours_on_a_terminal_and_in_git_s_pager_alone(tree: Tree) -> None:
    call("-C", str(tree.path), "diff-driver", "--install").ok()
    tree.put(PATH, {**tree.record(), "version": "7"})
    assert "\x1b" not in tree.git("diff")
    tree.env["GIT_PAGER_IN_USE"] = "true"
    assert '\x1b[32m  version: + "7"\x1b[0m' in tree.git("diff")
    tree.git("config", "color.ui", "false")
    assert "\x1b" not in tree.git("diff")
    tree.git("config", "--unset", "color.ui")
    tree.env["NO_COLOR"] = "1"
    assert "\x1b" not in tree.git("diff")


# The command itself


def test_the_driver_answers_as_json_too(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "new").write_text('{"a": 1}', encoding="utf-8")
    answer = call("--json", "diff-driver", PATH, "/dev/null", ".", ".", str(tmp_path / "new"), "0" * 40, "100644").ok()
    assert answer.json["field_diffs"] == [
        {"field_path": "a", "old_value": None, "new_value": 1, "change_type": "added"}
    ]
    assert call("--json", "-C", str(tree.path), "diff-driver", "--install", "--dry-run").ok().json == {
        "installed": True, "changed": True, "dry_run": True,
    }  # fmt: skip
    assert not (tree.path / ".git/info/attributes").exists()
    assert call("-C", str(tree.path), "diff-driver", "--install").ok().out == (
        b"git shows records by field, in this clone\n"
    )
    assert call("-C", str(tree.path), "diff-driver", "--install").ok().out.endswith(b", as it did\n")


def test_wrong_words_are_refused(tree: Tree, tmp_path: Path) -> None:
    for words in ([], ["--install", "--uninstall"], ["--install", PATH], [PATH, "x"]):
        assert call("--json", "-C", str(tree.path), "diff-driver", *words).error["code"] == "usage"
    assert call("-C", str(tmp_path), "diff-driver", "--install").code == 3
    tree.git("config", "diff.modelref.command", "mine")
    assert call("-C", str(tree.path), "diff-driver", "--install").code == 4
