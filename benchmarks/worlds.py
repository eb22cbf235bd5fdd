"""The repositories that are measured: synthetic records, imported by the product, with closed changes behind them."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelref_git.operations.apply import apply_changes
from modelref_git.operations.context import Context
from modelref_git.operations.import_options import ImportOptions
from modelref_git.operations.import_records import import_source
from modelref_git.operations.init import init_repository
from modelref_git.operations.propose import propose_bulk, read_bulk_line
from modelref_git.operations.review import Pick, review_changes
from modelref_git.store import trees

CATEGORY = "image_generation"
ACTOR = "1"
CLOSED_A_STEP = 1_000


@dataclass
class World:
    """A bare dataset repository with *size* records and *closed* changes behind it."""

    path: Path
    size: int
    closed: int
    names: list[str] = field(repr=False)
    """Some of its records, in an order of no meaning."""

    @property
    def label(self) -> str:
        """How rows name it."""
        return f"{self.size:,} records, {self.closed:,} closed"


def find_tool() -> Path:
    """The generator of synthetic records: in ``$MODELREF_TEST_TOOLS``, else in ``../shared/tools``."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "tools"
    folder = Path(os.environ.get("MODELREF_TEST_TOOLS") or beside)
    tool = folder / "make_synthetic.py"
    if not tool.is_file():
        sys.exit(
            f"{tool} is not there. The benchmark needs this generator of synthetic records: "
            "name its folder with MODELREF_TEST_TOOLS."
        )
    return tool


class Scratch:
    """A folder for all repositories of a run.

    Nothing in it is removed before the end: ext4 looks through recently deleted inodes for each file that it makes,
    so that removing old copies would slow down whatever is measured next.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def new(self, name: str) -> Path:
        """A path that is not there yet."""
        self._count += 1
        return self.folder / f"{self._count:04d}-{name}"

    def copy(self, repository: Path, name: str = "copy.git") -> Path:
        """A repository that may be changed. Its objects, which nobody changes in place, are hard links."""
        target = self.new(name)
        shutil.copytree(repository, target, ignore=shutil.ignore_patterns("objects"))
        shutil.copytree(repository / "objects", target / "objects", copy_function=os.link)
        return target


def build(scratch: Scratch, tool: Path, size: int) -> World:
    """A dataset of *size* records, brought in by the product's own import."""
    source = scratch.new(f"records-{size}.jsonl")
    with source.open("wb") as file:
        command = [sys.executable, str(tool), str(size), "--seed", "7"]
        subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, check=True)
    path = scratch.new(f"world-{size}.git")
    init_repository(path, bare=True, empty=True, owner=f"Owner#{ACTOR}", email="owner@example.org")
    answer = import_source(open_context(path), source, ImportOptions("jsonl", CATEGORY))
    if answer["created"] != size:
        sys.exit(f"only {answer['created']} of {size} records were taken: {answer['rejected'][:3]}")
    with source.open(encoding="utf-8") as lines:
        names = [json.loads(line)["name"] for line in lines]
    random.Random(7).shuffle(names)
    return World(path, size, 0, names[:20_000])


def with_closed(scratch: Scratch, world: World, closed: int) -> World:
    """The same dataset with *closed* more changes behind it, half of them applied and half rejected, all by us."""
    path = scratch.copy(world.path, f"world-{world.size}-closed.git")
    context = open_context(path)
    done = 0
    while done < closed:
        count = min(CLOSED_A_STEP, closed - done)
        start = done % len(world.names)
        names = [world.names[(start + number) % len(world.names)] for number in range(count)]
        ids = propose(context, names, f"closed {done}")
        if done // CLOSED_A_STEP % 2:
            review_changes(context, [], ids, title=None, reason="benchmark")
        else:
            batch = review_changes(context, [Pick(number) for number in ids], [], title="benchmark")["batch_id"]
            apply_changes(context, [], batch_id=batch)
        done += count
    return World(path, world.size, closed, world.names)


def open_context(path: Path) -> Context:
    """A way in, by the owner, with no tree in memory: as a new process has it."""
    trees._PARSED.clear()
    return Context.open(path, claim=ACTOR)


def propose(context: Context, names: list[str], text: str) -> list[int]:
    """One bulk of updates, one for each name; gives the change ids."""
    rows = [read_bulk_line(number + 1, row, ()) for number, row in enumerate(updates(names, text))]
    result = propose_bulk(context, rows)
    if result.errors:
        sys.exit(f"the bulk was refused: {result.errors[0]}")
    return result.change_ids


def updates(names: list[str], text: str) -> Iterator[dict[str, Any]]:
    """Bulk lines of full records of about 900 bytes."""
    for number, name in enumerate(names):
        record = {
            "name": name,
            "baseline": "stable_diffusion_xl",
            "nsfw": False,
            "description": f"{text}, {number}: " + "light and texture of prompt works best " * 6,
            "version": "2.0",
            "style": "realistic",
            "homepage": f"https://hub.example/models/{number}",
            "tags": ["realistic", "portrait"],
            "config": {
                "download": [
                    {
                        "file_name": f"model_{number}.safetensors",
                        "file_url": f"https://weights.example/mirror/models/{number}/model_{number}.safetensors",
                        "sha256sum": f"{number:064x}",
                    }
                ]
            },
            "size_on_disk_bytes": 2_132_626_469 + number,
        }
        yield {"operation": "update", "category": CATEGORY, "model_name": name, "payload": record, "note": text}


def object_bytes(repository: Path) -> tuple[int, int]:
    """``(bytes in files, bytes that they take on the disk)`` of a repository's objects."""
    files = [path.stat() for path in (repository / "objects").rglob("*") if path.is_file()]
    return sum(file.st_size for file in files), sum(getattr(file, "st_blocks", 0) * 512 for file in files)
