"""Signed commits: what git's settings sign is signed, and a policy that requires it takes nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from modelref_git.operations.policy_settings import replace_policy
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

PEOPLE = {OWNER: "olivia", CAROL: "carol", ARTHUR: "arthur"}


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    """The key of each person."""
    for name in PEOPLE.values():
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(tmp_path / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return {who: tmp_path / name for who, name in PEOPLE.items()}


def signs_with(world: World, key: Path) -> None:
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", str(key)), ("commit.gpgsign", "true")):
        world.git("config", name, value)


def strict(world: World, keys: dict[str, Path]) -> World:
    """The world with everybody's key listed, and signatures required."""
    text = world.git("show", "main:modelref.toml")
    for who, key in keys.items():
        name, _, ident = who.partition("#")
        before, mark, after = text.partition(f'id = "{ident}"\nname = "{name}"\n')
        line = key.with_suffix(".pub").read_text().strip()
        text = before + mark + after.replace("ssh_keys = []", f'ssh_keys = ["{line}"]', 1)
    data = text.replace("require_signed = false", "require_signed = true").encode()
    world.pass_policy(replace_policy(world.context(), data))
    return world


def test_what_git_is_set_up_to_sign_is_signed_and_stock_git_accepts_it(
    world: World, keys: dict[str, Path], tmp_path: Path
) -> None:
    signs_with(world, keys[CAROL])
    number = world.create("clip", "new", clip("new"))
    allowed = tmp_path / "allowed"
    allowed.write_text(f'carol namespaces="git" {keys[CAROL].with_suffix(".pub").read_text()}')
    for revision in ("queue", f"proposals/{number}"):
        world.git("-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", revision)


def test_a_dataset_that_requires_signatures_refuses_who_cannot_sign_and_changes_nothing(
    world: World, keys: dict[str, Path]
) -> None:
    strict(world, keys)
    before = world.refs()
    answer = world.run("propose", "delete", "clip", "ViT-L/14", actor=CAROL)
    assert answer.code == 6
    assert "require_signed" in answer.error["message"]
    assert "gpg.format ssh" in answer.error["message"]
    assert world.refs() == before


def test_a_key_of_somebody_else_signs_nothing(world: World, keys: dict[str, Path]) -> None:
    strict(world, keys)
    signs_with(world, keys[ARTHUR])
    before = world.refs()
    answer = world.run("propose", "delete", "clip", "ViT-L/14", actor=CAROL)
    assert answer.code == 6
    assert "carol#2" in answer.error["message"]
    assert world.refs() == before


def test_the_whole_way_with_signatures_is_one_that_verify_believes(world: World, keys: dict[str, Path]) -> None:
    strict(world, keys)
    signs_with(world, keys[CAROL])
    number = world.run("propose", "delete", "clip", "ViT-L/14", actor=CAROL).ok().json["change_id"]
    signs_with(world, keys[ARTHUR])
    batch = world.run("approve", str(number), "--title", "T", actor=ARTHUR).ok().json["batch_id"]
    world.run("apply", "--batch", str(batch), actor=ARTHUR).ok()
    assert world.git("log", "-1", "--format=%GK %an", "main").endswith("arthur\n")
    for revision in ("queue", "queue~1", "queue~2", "main"):
        assert "gpgsig -----BEGIN SSH SIGNATURE-----" in world.git("cat-file", "commit", revision)
    assert_clean(world.path)


def test_a_dry_run_asks_for_no_signature(world: World, keys: dict[str, Path]) -> None:
    strict(world, keys)
    answer = world.run("propose", "delete", "clip", "ViT-L/14", "--dry-run", actor=CAROL)
    assert answer.ok().json["dry_run"] is True
