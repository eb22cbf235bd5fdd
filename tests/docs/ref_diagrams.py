"""Makes `docs/diagrams/*.svg`: what branches point at, before and after each step: see :mod:`tests.docs.generated`.

The steps are run as commands on a real repository, and what is drawn is read from it with pygit2. Ids of commits
differ in each run, so every commit gets a label by what it is: ``p3`` is the commit of proposal 3, ``b3`` the merge of
batch 3, and a stroke behind it says that it was made anew.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pygit2

from tests.docs import ref_drawing
from tests.docs.ref_drawing import Commit, Panel
from tests.docs.session import CHECKOUT
from tests.support.world import ARTHUR, CAROL, OWNER, World

FOLDER = CHECKOUT / "docs" / "diagrams"

_HEADS = "refs/heads/"
_QUEUE_SHOWN: Final = 4
"""So many events of the log are shown."""


@dataclass(frozen=True, slots=True)
class Step:
    """One diagram: the commands, each with who gives it, and what is to be seen."""

    name: str
    title: str
    commands: Sequence[tuple[str, str]]
    """Who, and the words behind ``modelref-git``."""
    before: Sequence[tuple[str, str]] = ()
    """Commands that are run first and not shown."""


_TAG = "propose update image_generation stable_diffusion --set /tags/-=classic"
_VERSION = "propose update esrgan RealESRGAN_x4plus --set-string /version=0.1.1"

STEPS: Final = (
    Step("propose", "A proposal is a commit on a branch of its own", [(CAROL, _TAG)]),
    Step("propose-second", "A second proposal begins where main is, too", [(CAROL, _VERSION)]),
    Step("approve", "An approval merges proposals into a batch", [(ARTHUR, 'approve 3 4 --title "June models"')]),
    Step(
        "approve-more",
        "A later approval joins the open batch",
        [(ARTHUR, 'approve 5 --title "June models"')],
        before=[(CAROL, "propose update gfpgan GFPGAN --set-string /version=1.4.1")],
    ),
    Step(
        "apply-part",
        "Some of a batch is applied: main moves to those, the rest is merged anew",
        [(ARTHUR, "apply 3")],
    ),
    Step("apply", "The whole batch is applied: main moves to it", [(ARTHUR, "apply --batch 4")]),
    Step(
        "rebase",
        "A rebase makes the proposal anew on top of today's main",
        [(CAROL, "propose rebase 6")],
        before=[
            (CAROL, "propose update clip ViT-L/14 --set-string /version=1.1"),
            (CAROL, "propose update codeformer CodeFormers --set-string /version=1.0"),
            (ARTHUR, "approve 7 --title Faces"),
            (ARTHUR, "apply 7"),
        ],
    ),
    Step("reject", "A rejected proposal loses its branch; the log keeps it", [(ARTHUR, 'reject 6 --reason "not yet"')]),
    Step(
        "reject-approved",
        "An approved one leaves its batch, which is built anew without it",
        [(ARTHUR, 'reject 9 --reason "served again"')],
        before=[
            (CAROL, "propose update blip BLIP --set-string /version=1.0.1"),
            (CAROL, "propose delete esrgan RealESRGAN_x2plus"),
            (ARTHUR, "approve 8 9 --title July"),
        ],
    ),
    Step(
        "policy",
        "A change of the policy is a batch of its own; the open batch waits, and is merged anew when it is applied",
        [(OWNER, "policy set approvals=1 ack_critical=true"), (ARTHUR, 'approve 10 --title "A second look"')],
    ),
    Step("policy-apply", "Each is applied by itself", [(ARTHUR, "apply 10"), (ARTHUR, "apply 8")]),
    Step("note", "A note is a commit on a branch of its own", [(CAROL, 'note add clip ViT-L/14 "slow on old cards"')]),
)


@dataclass(slots=True)
class _Repository:
    """What is read of one repository, with labels that stay."""

    world: World
    labels: dict[str, str] = field(default_factory=dict)
    base: frozenset[str] = frozenset()
    """Commits from before the story, which are not drawn."""

    def refs(self) -> dict[str, str]:
        """The branches, by name, and the ids that they point at."""
        opened = pygit2.Repository(str(self.world.path))
        names = sorted(name for name in opened.references if name.startswith(_HEADS))
        return {name.removeprefix(_HEADS): str(opened.references[name].target) for name in names}

    def read(self) -> Panel:
        """The commits and branches of this moment."""
        refs = self.refs()
        opened = pygit2.Repository(str(self.world.path))
        shown = [oid for name, oid in refs.items() if name != "queue"]
        commits = {oid: self._commit(opened, oid, refs) for oid in self._walk(opened, shown)}
        log = [self._event(opened, oid) for oid in _first_parents(opened, refs["queue"], _QUEUE_SHOWN)]
        names = {name: self.labels[oid] for name, oid in refs.items() if name != "queue"}
        return Panel({one.label: one for one in commits.values()}, names, log)

    def _walk(self, opened: pygit2.Repository, starts: Iterable[str]) -> list[str]:
        """The commits of the story that *starts* lead to: parents first, and in the same order in every run."""
        found: list[str] = []

        def visit(oid: str) -> None:
            if oid not in found and oid not in self.base:
                for parent in opened[oid].parent_ids:
                    visit(str(parent))
                found.append(oid)

        for oid in starts:
            visit(oid)
        return found

    def _commit(self, opened: pygit2.Repository, oid: str, refs: Mapping[str, str]) -> Commit:
        commit = opened[oid]
        parents = [self._label(opened, str(one), refs) for one in commit.parent_ids if str(one) not in self.base]
        return Commit(self._label(opened, oid, refs), parents, goes_on=len(parents) < len(commit.parent_ids))

    def _label(self, opened: pygit2.Repository, oid: str, refs: Mapping[str, str]) -> str:
        if oid not in self.labels:
            subject = opened[oid].message.split("\n")[0]
            number = re.match(r"batch (\d+)", subject)
            proposal = next((name for name, target in refs.items() if target == oid and "proposals/" in name), "")
            other = "n" if oid == refs.get("notes") else "m"
            stem = f"b{number[1]}" if number else f"p{proposal.rpartition('/')[2]}" if proposal else other
            self.labels[oid] = stem + "′" * sum(known.rstrip("′") == stem for known in self.labels.values())
        return self.labels[oid]

    def _event(self, opened: pygit2.Repository, oid: str) -> Commit:
        action, _, rest = opened[oid].message.split("\n")[0].partition(":")
        batch, change = (re.search(rf"{word} (\d+)", rest) for word in ("batch", "change"))
        about = f"b{batch[1]}" if batch else f"p{change[1]}" if change else ""
        return Commit(f"{action} {about}".strip(), [], oid)


def pages() -> dict[Path, str]:
    """Every diagram by its file."""
    with tempfile.TemporaryDirectory(prefix="modelref-diagrams-") as folder:
        return {FOLDER / f"{name}.svg": text for name, text in _story(Path(folder))}


def _story(folder: Path) -> Iterator[tuple[str, str]]:
    world = World.make(folder / "models")
    repository = _Repository(world)
    opened = pygit2.Repository(str(world.path))
    main = repository.refs()["main"]
    repository.base = frozenset(str(one.id) for one in opened.walk(main)) - {main}
    repository.labels[main] = "m"
    for step in STEPS:
        before = _run(repository, step.before)
        after = _run(repository, step.commands)
        lines = [f"{who.partition('#')[0]}$ modelref-git {words}" for who, words in step.commands]
        yield step.name, ref_drawing.svg(step.title, lines, before, after)
        # What lies behind main is no part of the next picture, but for its tip.
        tip = repository.refs()["main"]
        repository.base |= {str(one.id) for one in opened.walk(tip)} - {tip}


def _run(repository: _Repository, commands: Sequence[tuple[str, str]]) -> Panel:
    """Run *commands*; gives what is there then."""
    for who, words in commands:
        repository.world.run(*shlex.split(words), actor=who).ok()
        repository.read()  # each new commit has its label while its branch is there
    return repository.read()


def _first_parents(opened: pygit2.Repository, oid: str, count: int) -> list[str]:
    """The last *count* commits of a line, oldest first."""
    found = [oid]
    while len(found) < count and opened[found[-1]].parent_ids:
        found.append(str(opened[found[-1]].parent_ids[0]))
    return found[::-1]
