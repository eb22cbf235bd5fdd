from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from modelref_git import __version__
from modelref_git.cli.main import COMMANDS
from tests.support.calls import call, spawn
from tests.support.world import CAROL, World, clip


def test_the_repository_is_found_upward_or_named_by_option_or_environment(world: World, tmp_path: Path) -> None:
    names = world.run("ls", "clip").ok().json
    inside = world.path / "dataset" / "clip"
    assert call("--json", "ls", "clip", cwd=inside).ok().json == names
    away = {"cwd": tmp_path}
    assert call("--json", "ls", "clip", env={"MODELREF_REPO": str(world.path)}, **away).ok().json == names  # type: ignore[arg-type]
    elsewhere = {"MODELREF_REPO": str(tmp_path)}
    assert call("--json", "--repo", str(world.path), "ls", "clip", env=elsewhere).ok().json == names
    assert call("--json", "-C", str(world.path / ".git"), "ls", "clip").ok().json == names


@pytest.mark.parametrize(
    "words",
    [
        ("categories",),
        ("ls", "clip"),
        ("get", "clip"),
        ("changes",),
        ("show", "1"),
        ("diff", "1"),
        ("audit", "events"),
        ("whoami",),
        ("member", "list"),
        ("category", "list"),
        ("doctor",),
        ("gc",),
        ("log", "clip", "x"),
        ("diff-revs", "a", "b"),
        ("export", "out"),
        ("import", "source"),
        ("propose", "delete", "clip", "x"),
        ("approve", "1", "--title", "T"),
        ("reject", "1", "--reason", "R"),
        ("apply", "1"),
        ("member", "add", "x#1", "--email", "x@x.example"),
    ],
)
def test_outside_a_dataset_repository_every_command_is_not_found(tmp_path: Path, words: tuple[str, ...]) -> None:
    other = World(tmp_path / "other")
    other.path.mkdir()
    other.git("init", "-q")
    for where in (tmp_path, tmp_path / "nowhere", other.path):
        answer = call("-C", str(where), "--json", "--actor", "1", *words)
        assert (answer.code, answer.out) == (3, b""), where
        assert answer.error["code"] == "not_found"
        assert str(where) in answer.error["message"]
        assert "modelref-git init" in answer.error["message"]


def test_an_error_is_one_document_on_stderr_and_stdout_is_empty(world: World) -> None:
    answer = world.run("get", "clip", "nothing")
    assert answer.out == b""
    document = json.loads(answer.err)
    assert document["error"].items() >= {"code": "not_found", "details": []}.items()
    assert isinstance(document["error"]["message"], str)


def test_a_usage_error_is_a_document_too(world: World) -> None:
    for words in (("nothing",), ("ls",), ("ls", "clip", "--nothing"), ("show", "one"), ("propose",), ()):
        answer = call("-C", str(world.path), "--json", *words)
        assert (answer.code, answer.out, answer.error["code"]) == (2, b"", "usage"), words


def test_without_json_an_error_is_said_in_words(world: World) -> None:
    answer = world.say("get", "clip", "nothing")
    assert answer.out == b""
    assert answer.err.startswith(b"error: clip has no record 'nothing'")
    assert b"hint: " in answer.err


def test_a_defect_says_where_to_report_it_and_verbose_where_it_happened(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("seven")

    monkeypatch.setattr("modelref_git.operations.read.list_names", broken)
    answer = world.run("ls", "clip")
    assert (answer.code, answer.out, answer.error["code"]) == (1, b"", "internal")
    assert "report" in answer.error["message"]
    quiet, loud = world.say("ls", "clip"), call("-v", "-C", str(world.path), "ls", "clip")
    assert b"Traceback" not in quiet.err
    assert b"Traceback" in loud.err
    assert b"ZeroDivisionError" in loud.err


def test_the_version_and_help(tmp_path: Path) -> None:
    assert spawn("--version").ok().out.decode() == f"modelref-git {__version__}\n"
    assert call("--version").ok().out.decode() == f"modelref-git {__version__}\n"
    for word in ("-h", "--help"):
        text = call(word).ok().out.decode()
        for names in COMMANDS.values():
            for name in names:
                assert f"  {name} " in text
    for names in COMMANDS.values():
        for name in names:
            assert call(name, "--help").ok().out


def test_json_is_known_wherever_the_global_options_stand(world: World) -> None:
    answer = call("--json", "--actor", "1", "-C", str(world.path), "ls", "nothing")
    assert answer.error["code"] == "not_found"


def test_the_word_json_in_an_argument_is_no_option(world: World) -> None:
    answer = call("-C", str(world.path), "get", "clip", "--", "--json")
    assert answer.code == 3
    assert answer.err.startswith(b"error: "), "the global option was not given"


def test_quiet_says_nothing_on_stderr_when_it_goes_well(world: World) -> None:
    words = ("-C", str(world.path), "--actor", CAROL, "propose", "create", "clip", "-")
    loud = call(*words, stdin=json.dumps(clip("a")).encode()).ok()
    quiet = call("-q", *words, stdin=json.dumps(clip("b")).encode()).ok()
    assert b"next: " in loud.err
    assert quiet.err == b""
    assert quiet.out.startswith(b"change 4: create clip b")


def test_piped_output_has_no_colour_and_no_table(world: World) -> None:
    change = world.update("clip", "ViT-L/14", {"/description": "x"})
    for words in (("diff", str(change)), ("changes",), ("categories",), ("member", "list"), ("show", str(change))):
        assert b"\x1b" not in world.say(*words).ok().out
    rows = world.say("categories").ok().out.decode().splitlines()
    assert all(len(row.split("\t")) == 3 for row in rows)


def test_the_program_runs_in_a_process_of_its_own(world: World) -> None:
    env = {"MODELREF_ACTOR": CAROL, "MODELREF_REPO": str(world.path)}
    done = spawn("--json", "propose", "create", "clip", "-", stdin=json.dumps(clip("ümlaut 💃")).encode(), env=env).ok()
    assert done.json["model_name"] == "ümlaut 💃"
    plain = spawn("ls", "clip", env={**env, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}).ok()
    assert plain.out == b"ViT-L/14\ncoca_ViT-L-14\n"
    missing = spawn("--json", "show", "99", env=env)
    assert (missing.code, missing.out, missing.error["code"]) == (3, b"", "not_found")
    shown = spawn("show", "3", env={**env, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}).ok()
    assert "ümlaut 💃".encode() in shown.out


def test_an_error_with_letters_that_the_terminal_does_not_know_is_told_all_the_same(world: World) -> None:
    env = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "MODELREF_REPO": str(world.path)}
    answer = spawn("get", "clip", "ümlaut", env=env)
    assert answer.code == 3
    assert b"Traceback" not in answer.err
    document = spawn("--json", "get", "clip", "ümlaut", env=env)
    assert (document.code, document.error["code"]) == (3, "not_found")


def test_a_reader_that_leaves_early_is_no_defect(world: World) -> None:
    import subprocess
    import sys

    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-m", "modelref_git", "-C", str(world.path), "get", "image_generation"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
    assert said == b""


def test_completion_prints_a_script_for_each_shell() -> None:
    for shell in ("bash", "zsh", "fish"):
        script = call("completion", shell).ok().out.decode()
        assert "_MODELREF_GIT_COMPLETE" in script
        assert "modelref-git" in script
    assert call("--json", "completion", "tcsh").code == 2


def test_a_shell_can_ask_for_completions() -> None:
    env = {"_MODELREF_GIT_COMPLETE": "bash_complete", "COMP_WORDS": "modelref-git app", "COMP_CWORD": "1"}
    assert b"apply" in spawn(env=env).out
    env = {"_MODELREF_GIT_COMPLETE": "bash_complete", "COMP_WORDS": "modelref-git propose cr", "COMP_CWORD": "2"}
    assert b"create" in spawn("propose", env=env).out


def test_offline_changes_nothing_where_no_remote_is_configured(world: World) -> None:
    answer = call("--json", "--offline", "-C", str(world.path), "ls", "blip")
    assert (answer.code, answer.json) == (0, ["BLIP", "BLIP_Large"])
