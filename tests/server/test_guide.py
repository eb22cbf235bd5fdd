"""The published guide to proposing a model, step by step as it is printed, with only the address changed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.http import wire
from tests.support.http_process import Process, serving
from tests.support.world import ARTHUR, CAROL, World

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the guide is a guide to curl")

PRINTED = "https://models.aihorde.net"
CURL = """curl() { command curl -sS -w '\\n%{http_code}' "$@"; }
"""
"""The commands stay as they are printed; this adds the status below the body."""

NAME = "my_finetune_xl"

MODE = "curl https://models.aihorde.net/api/replicate_mode"

ROLES = """
curl -H "apikey: $AI_HORDE_API_KEY" \\
  https://models.aihorde.net/api/model_references/v2/me/roles
"""

PROPOSE = """
curl -X POST "https://models.aihorde.net/api/model_references/v2/image_generation" \\
  -H "apikey: $AI_HORDE_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "my_finetune_xl",
    "baseline": "stable_diffusion_xl",
    "nsfw": false,
    "description": "Example fine-tune",
    "config": {"download": [{"file_name": "my.safetensors", "sha256sum": "abc...", "file_url": "https://..."}]}
  }'
"""

MINE = """
curl -H "apikey: $AI_HORDE_API_KEY" \\
  "https://models.aihorde.net/api/model_references/v2/pending_queue/my_changes?limit=50"
"""

PENDING = """
curl -H "apikey: $APPROVER_KEY" \\
  "https://models.aihorde.net/api/model_references/v2/pending_queue/changes?statuses=pending&limit=50"
"""

INSPECT = """
curl -H "apikey: $APPROVER_KEY" \\
  https://models.aihorde.net/api/model_references/v2/pending_queue/changes/42
"""

DIFF = """
curl -H "apikey: $APPROVER_KEY" \\
  https://models.aihorde.net/api/model_references/v2/pending_queue/changes/42/diff
"""

APPROVE = """
curl -X POST "https://models.aihorde.net/api/model_references/v2/pending_queue/batches" \\
  -H "apikey: $APPROVER_KEY" -H "Content-Type: application/json" \\
  -d '{"batch_title":"June models","approved_ids":[42],"rejected_ids":[]}'
"""

APPLY_ONE = """
curl -X POST "https://models.aihorde.net/api/model_references/v2/pending_queue/changes/42/apply" \\
  -H "apikey: $APPROVER_KEY" -H "Content-Type: application/json" -d '{}'
"""

APPLY_BATCH = """
curl -X POST "https://models.aihorde.net/api/model_references/v2/pending_queue/apply_batch/7" \\
  -H "apikey: $APPROVER_KEY"
"""

LIVE = "curl https://models.aihorde.net/api/model_references/v2/image_generation/model/my_finetune_xl"


@dataclass(slots=True)
class Shell:
    """Runs what the guide prints, in the place of its numbers those that were answered."""

    url: str
    env: dict[str, str]
    numbers: dict[str, int] = field(default_factory=dict)

    def say(self, command: str, expected: int = 200) -> Any:
        """The JSON that one command answers, under the status that the guide promises."""
        text = command.replace(PRINTED, self.url)
        for printed, number in self.numbers.items():
            text = re.sub(rf'(?<=/){printed}(?=["/\s]|\Z)|(?<=\[){printed}(?=\])', str(number), text)
        done = subprocess.run(["sh", "-c", CURL + text], capture_output=True, env=self.env, check=False)
        assert done.returncode == 0, done.stderr.decode()
        body, _, status = done.stdout.decode().rpartition("\n")
        assert status == str(expected), body
        return json.loads(body)

    def propose(self, command: str) -> int:
        """One proposal, which is the guide's change 42 from here on."""
        answer = self.say(command, 202)
        assert answer["status"] == "pending"
        self.numbers["42"] = answer["change_id"]
        return int(answer["change_id"])

    def approve(self) -> int:
        """Approve the guide's change 42, in the batch that is its 7 from here on."""
        answer = self.say(APPROVE)
        assert [row["status"] for row in answer["approved"]] == ["approved"]
        assert answer["batch_title"] == "June models"
        self.numbers["7"] = answer["batch_id"]
        return int(answer["batch_id"])


def _shell(service: Process, tmp_path: Path) -> Shell:
    keys = {
        name: service.world.run("key", "create", who.partition("#")[2], actor=who).ok().json["key"]
        for name, who in (("AI_HORDE_API_KEY", CAROL), ("APPROVER_KEY", ARTHUR))
    }
    plain = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "*"}
    return Shell(service.url, {**plain, **keys})


@pytest.fixture
def shell(world: World, tmp_path: Path) -> Iterator[Shell]:
    with serving(world, "--no-webhooks") as service:
        yield _shell(service, tmp_path)


def _prerequisites(shell: Shell) -> None:
    mode = shell.say(MODE)
    assert mode["writable"] is True
    assert mode["canonical_format"] == "v2"
    roles = shell.say(ROLES)
    assert roles == {
        "user_id": "2",
        "username": CAROL,
        "roles": ["requestor"],
        "is_requestor": True,
        "is_approver": False,
    }


def _create(shell: Shell) -> None:
    """Steps 1 to 4 with a single apply."""
    number = shell.propose(PROPOSE)
    assert shell.say(LIVE, 404)["detail"] == f"Model '{NAME}' not found in category 'image_generation'"
    assert [(row["change_id"], row["status"]) for row in shell.say(MINE)["items"]] == [(number, "pending")]
    assert [row["change_id"] for row in shell.say(PENDING)["items"]] == [number]
    change = shell.say(INSPECT)
    assert (change["change_id"], change["operation"], change["model_name"]) == (number, "create", NAME)
    diff = shell.say(DIFF)
    assert (diff["current_state"], diff["net_operation"]) == (None, "added")
    shell.approve()
    assert shell.say(PENDING)["items"] == []
    applied = shell.say(APPLY_ONE)
    assert (applied["record"]["change_id"], applied["record"]["status"]) == (number, "applied")
    live = shell.say(LIVE)
    assert (live["name"], live["description"]) == (NAME, "Example fine-tune")
    assert [row["status"] for row in shell.say(MINE)["items"]] == ["applied"]


def _update(shell: Shell) -> None:
    """An update, applied as a batch."""
    put = PROPOSE.replace("-X POST", "-X PUT").replace("/image_generation", f"/image_generation/model/{NAME}")
    number = shell.propose(put.replace("Example fine-tune", "Another one"))
    shell.approve()
    applied = shell.say(APPLY_BATCH)
    assert [row["change_id"] for row in applied["applied"]] == [number]
    assert shell.say(LIVE)["description"] == "Another one"


def _reject(shell: Shell) -> None:
    """A proposal of the one uniform endpoint, rejected with a reason."""
    add = PROPOSE.replace("/image_generation", "/image_generation/add").replace(NAME, "another_finetune_xl")
    number = shell.propose(add)
    reject = APPROVE.replace('"approved_ids":[42],"rejected_ids":[]', '"rejected_ids":[42],"reject_reason":"a copy"')
    assert [row["change_id"] for row in shell.say(reject)["rejected"]] == [number]
    mine = {row["change_id"]: row for row in shell.say(MINE)["items"]}
    assert (mine[number]["status"], mine[number]["reject_reason"]) == ("rejected", "a copy")


def _refusals(shell: Shell) -> None:
    """The common rejections that the guide names, and who may not do what."""
    assert "Use PUT" in shell.say(PROPOSE, 409)["detail"]
    shell.say(PROPOSE.replace('"name": "my_finetune_xl",', ""), 422)
    text = PROPOSE.replace("/image_generation", "/text_generation").replace(
        f'"name": "{NAME}"', '"parameters": 7000000000, "name": "koboldcpp/Model-7B"'
    )
    assert "backend prefix" in shell.say(text, 400)["detail"]
    shell.say(PROPOSE.replace("$AI_HORDE_API_KEY", "mrk_000000000000_nobody"), 401)
    shell.say(APPROVE.replace("$APPROVER_KEY", "$AI_HORDE_API_KEY"), 403)


def _delete(shell: Shell) -> None:
    path = f"https://models.aihorde.net/api/model_references/v2/image_generation/model/{NAME}"
    shell.propose(f'curl -X DELETE -H "apikey: $AI_HORDE_API_KEY" {path}')
    shell.approve()
    shell.say(APPLY_BATCH)
    shell.say(LIVE, 404)


def test_every_command_of_the_guide_does_what_it_says(shell: Shell, world: World) -> None:
    _prerequisites(shell)
    _create(shell)
    _update(shell)
    _reject(shell)
    _refusals(shell)
    _delete(shell)
    assert world.run("verify").ok().json["ok"] is True


def test_the_guide_holds_without_the_api_in_front_too(world: World) -> None:
    """The same paths, which the prefix `/api` may be left out of: asked in process, as no curl is needed to see it."""
    with wire(world) as http:
        for path in ("/replicate_mode", "/model_references/v2/me/roles", "/model_references/v2/pending_queue/changes"):
            assert http.get(path).status_code == 200
            assert http.get(f"/api{path}").content == http.get(path).content
