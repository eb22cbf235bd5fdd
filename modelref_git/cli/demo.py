"""``demo``: the whole way on the starter dataset, each command printed before it runs."""

from __future__ import annotations

import io
import json
import shlex
import tempfile
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app, path_word
from modelref_git.errors import Conflict, ModelrefError

OWNER = "olivia#1"
CONTRIBUTOR = "carol#2"
APPROVER = "arthur#3"
SECOND_CONTRIBUTOR = "dora#4"

NEW_RECORD = {
    "name": "Demo Diffusion",
    "description": "A record that exists for this demonstration only.",
    "version": "1.0",
    "baseline": "stable_diffusion_xl",
    "nsfw": False,
    "style": "generalist",
    "tags": ["landscapes"],
    "config": {
        "download": [
            {
                "file_name": "demo-diffusion.safetensors",
                "file_url": "https://models.example/demo-diffusion.safetensors",
                "sha256sum": "0" * 64,
            }
        ]
    },
}


@click.command("demo")
@click.argument("directory", required=False, metavar="[DIR]", type=path_word)
@pass_app
def command(app: App, directory: Path | None) -> None:
    """Go the whole way in a new folder, step by step.

    Propose, merge, approve, apply, read back, audit, verify: each command is printed before it runs.
    """
    if directory is not None and directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise Conflict(f"{directory} is there already, and not empty", hint="name a new folder, or none at all")
    folder = directory or Path(tempfile.mkdtemp(prefix="modelref-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    answer = _Tour(folder.absolute(), quiet=app.json).run()
    app.show(answer, _farewell)


class _Tour:
    """The commands of the demonstration, run one after the other on one repository."""

    def __init__(self, folder: Path, *, quiet: bool) -> None:
        self._repo = folder / "dataset-repository"
        self._record = folder / "demo-diffusion.json"
        self._quiet = quiet

    def run(self) -> dict[str, Any]:
        """Go the whole way; answers where the repository is and what is in it now."""
        self._start()
        changed, deleted = self._targets()
        self._propose(changed, deleted)
        ids, batch = self._decide()
        self._look_back(changed)
        records = {row["category"]: row["records"] for row in self._ask("categories") if row["records"]}
        return {"path": str(self._repo), "batch_id": batch, "change_ids": ids, "records": records}

    def _start(self) -> None:
        self._say("A dataset repository from the starter dataset; Olivia owns it.")
        self._do("init", str(self._repo), "--owner", OWNER, "--email", "olivia@demo.example")
        for who, email in ((CONTRIBUTOR, "carol@demo.example"), (SECOND_CONTRIBUTOR, "dora@demo.example")):
            self._do("member", "add", who, "--email", email, "--role", "requestor", actor=OWNER)
        self._do("member", "add", APPROVER, "--email", "arthur@demo.example", "--role", "approver", actor=OWNER)
        self._do("categories")

    def _propose(self, changed: str, deleted: str) -> None:
        self._say("Carol proposes a create, an update and a delete.")
        self._record.write_text(json.dumps(NEW_RECORD, indent=2) + "\n", encoding="utf-8")
        self._do("propose", "create", "image_generation", str(self._record), "--note", "please add", actor=CONTRIBUTOR)
        edit = ("--set", "/nsfw=true", "--set-string", "/description=Now with a better description.")
        self._do("propose", "update", "image_generation", changed, *edit, actor=CONTRIBUTOR)
        self._do("propose", "delete", "image_generation", deleted, "--note", "no longer served", actor=CONTRIBUTOR)
        self._say("Dora changes another field of the same record. What becomes of both is known before anyone decides.")
        self._do("propose", "update", "image_generation", changed, "--set", "/tags/-=demo", actor=SECOND_CONTRIBUTOR)
        self._do("conflicts")

    def _decide(self) -> tuple[list[int], int]:
        """Approve and apply all that is pending; gives the change ids and their batch."""
        self._say("Arthur looks at what they would do, field by field, approves them as one batch, and applies it.")
        self._do("changes", "--status", "pending")
        ids = [item["change_id"] for item in self._ask("changes", "--status", "pending")["items"]]
        words = [str(number) for number in ids]
        self._do("diff", *words)
        self._do("approve", *words, "--title", "First review", actor=APPROVER)
        batch: int = self._ask("show", words[0])["batch_id"]
        self._do("apply", "--batch", str(batch), actor=APPROVER)
        return ids, batch

    def _look_back(self, changed: str) -> None:
        self._say("What main holds now: both edits, each field with whose it is.")
        self._do("get", "image_generation", changed)
        self._do("ls", "image_generation")
        self._do("blame", "image_generation", changed)
        self._say("The two histories, of the record and of the queue; and whether all of it can be believed.")
        self._do("log", "image_generation", changed)
        self._do("audit", "events")
        self._do("verify")

    def _targets(self) -> tuple[str, str]:
        """A record to change and one to delete."""
        records: dict[str, dict[str, Any]] = self._ask("get", "image_generation")
        changed = next(name for name, record in records.items() if not record["nsfw"])
        return changed, next(name for name in reversed(records) if name != changed)

    def _say(self, text: str) -> None:
        if not self._quiet:
            render.write(f"\n{render.coloured(f'# {text}', 'cyan')}\n")

    def _do(self, *words: str, actor: str | None = None) -> None:
        """Print one command as a person would type it, and run it."""
        line = ["modelref-git"]
        line += [] if words[0] == "init" else ["-C", str(self._repo)]
        line += [] if actor is None else ["--actor", actor]
        if not self._quiet:
            render.write(f"\n{render.coloured('$ ' + shlex.join([*line, *words]), 'green')}\n")
        self._run(line[1:], words, as_json=False)

    def _ask(self, *words: str) -> Any:
        """The JSON answer of a command that is not shown."""
        return json.loads(self._run(["-C", str(self._repo)], words, as_json=True))

    def _run(self, options: list[str], words: tuple[str, ...], *, as_json: bool) -> str:
        from modelref_git.cli.main import run

        said = io.StringIO()
        answer = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        silent = as_json or self._quiet
        with redirect_stderr(said), redirect_stdout(answer) if silent else nullcontext():
            code = run([*(["--json"] if as_json else []), *options, *words])
        if code:
            raise ModelrefError(f"the demonstration failed at {shlex.join(words)}: {said.getvalue().strip()}")
        answer.seek(0)
        return answer.read()


def _farewell(answer: dict[str, Any]) -> list[str]:
    repo = shlex.quote(answer["path"])
    return [
        "",
        f"The repository is yours to look at: {answer['path']}",
        f"  git -C {repo} log --graph --oneline main",
        f"  git -C {repo} log --first-parent --stat queue",
        f"  git -C {repo} show main",
    ]
