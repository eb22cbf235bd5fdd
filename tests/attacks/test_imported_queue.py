"""Attacks on the import of a queue: what comes in is what the kept source says, and comes in where and as it may."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from modelref_git.proposals import events
from modelref_git.proposals.events import Event, Proposal
from modelref_git.store import log
from tests.attacks.forging import Forger
from tests.attacks.judge import caught, findings
from tests.support.calls import call
from tests.support.upstream import Upstream, alone, bring_live_data, bring_queue
from tests.support.world import OWNER, World, clip

APPROVED, PENDING, REJECTED, APPLIED = 2, 5, 4, 1
"""Changes of the service by what became of them."""


@dataclass
class Liar:
    """Somebody who writes the import of a queue by hand, where an honest one stood."""

    forger: Forger
    event: Event
    """The honest import, which is undone."""
    tree: str
    """The state after it."""

    def kept(self, files: dict[str, bytes | str | None]) -> str:
        """What the honest import keeps, with other files."""
        made = self.forger.tree(self.event.imported or "", files)
        return self.forger.commit(made, [], "source: forged\n")

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The rows of a file of what is kept."""
        return [json.loads(line) for line in self.forger.read(f"{self.event.imported}:{name}").splitlines()]

    def import_queue(self, actor: str = OWNER, *, tree: str | None = None, **other: Any) -> str:
        """The import, as it was but for *other*; gives its commit."""
        names = (
            *("change_ids", "proposals", "waived", "approvals", "batch_id", "title", "merges", "imported"),
            *("skipped_changes", "skipped_batches", "skipped_events", "headline", "first_id"),
        )
        said = {name: getattr(self.event, name) for name in names} | other
        return self.forger.event(events.IMPORT, actor, tree=tree, **said)


def bent(name: str, edit: Callable[[list[dict[str, Any]]], None]) -> Callable[[Liar], dict[str, bytes | str | None]]:
    """Files of what is kept in which *edit* changed the rows of one."""

    def files(liar: Liar) -> dict[str, bytes | str | None]:
        rows = liar.lines(name)
        edit(rows)
        return {name: "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()}

    return files


def service() -> Upstream:
    """A service with changes in every status, one of them purged."""
    found = Upstream(live={("clip", "old"): clip("old"), ("clip", "gone"): clip("gone")})
    found.enqueue("create", "clip", "one", clip("one"))
    found.enqueue("update", "clip", "old", clip("old", description="two"), "78")
    found.enqueue("delete", "clip", "gone", None)
    found.enqueue("create", "clip", "four", clip("four"))
    found.enqueue("create", "clip", "five", clip("five"))
    found.purge([found.enqueue("create", "clip", "six", clip("six"))])
    found.review([1, 2, 3], [4])
    found.apply([1, 3])
    return found


@pytest.fixture(scope="module")
def honest_world() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="modelref-liar-"))
    world = alone(folder / "world.git")
    made = service()
    bring_live_data(world, made, folder)
    bring_queue(world, made.write(folder / "service"))
    yield world
    shutil.rmtree(folder)


@pytest.fixture
def liar(honest_world: World, tmp_path: Path) -> Liar:
    shutil.copytree(honest_world.path, tmp_path / "world.git", symlinks=True)
    forger = Forger(tmp_path / "world.git")
    store = forger.store
    _, event = next(log.history(store, forger.head))
    tree = forger.git("rev-parse", "queue^{tree}")
    forger.point("refs/heads/queue", forger.git("rev-parse", "queue~1"))
    for ref in forger.git("for-each-ref", "--format=%(refname)", "refs/heads/proposals", "refs/heads/batches").split():
        forger.git("update-ref", "-d", ref)
    for path in (store.local_dir / "cache").glob("*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return Liar(forger, replace(event, brought=None), tree)


def test_an_import_that_is_written_by_hand_as_it_was_is_honest(liar: Liar) -> None:
    liar.import_queue()
    assert findings(liar.forger) == []


@pytest.mark.parametrize(
    "other",
    [
        {"skipped_changes": ()},
        {"skipped_changes": ((6, 6), (8, 9))},
        {"skipped_batches": ((1, 1),)},
        {"skipped_events": ()},
        {"skipped_events": ((4, 16),)},
        {"first_id": 4, "skipped_events": ()},
        {"first_id": 40, "skipped_events": ((3, 39),)},
    ],
)
def test_numbers_that_are_skipped_and_not_listed(other: dict[str, Any], liar: Liar) -> None:
    bad = liar.import_queue(tree=liar.tree, **other)
    caught(liar.forger, "queue.numbers", bad)
    assert call("-C", str(liar.forger.path), "audit", "replay", "--queue").code == 9


def test_numbers_that_only_an_import_may_skip(liar: Liar) -> None:
    forger = liar.forger
    config = forger.tree("main", {"legacy/clip/x.json": b"{}"})
    main = forger.administrative(events.IMPORT, config, skipped_events=((3, 9),))
    bad = forger.head
    caught(forger, "queue.says", bad, also=("main.import",))
    assert main == forger.main


def test_a_queue_that_comes_into_one_that_is_in_use(liar: Liar) -> None:
    liar.import_queue()
    before = liar.forger.head
    last = liar.forger.queue.header.last_event_id
    bad = liar.import_queue(tree=liar.tree, first_id=last + 1, skipped_events=())
    found = caught(liar.forger, "queue.possible", bad, "--from", before, also=("merge.parents", "merge.words"))
    assert any("no change was ever in" in row["message"] for row in found)


@pytest.mark.parametrize("actor", ["bob#77", "nobody#99"])
def test_a_queue_that_somebody_brings_who_may_not(actor: str, liar: Liar) -> None:
    bad = liar.import_queue(actor)
    caught(liar.forger, "role.administrator", bad, also=("role.requestor", "role.own_name"))


LIES: dict[str, Callable[[Liar], dict[str, bytes | str | None]]] = {
    "a change that says something else": bent(
        "changes.jsonl", lambda rows: rows[PENDING - 1].update(notes="nobody said this")
    ),
    "a closed change that was decided by somebody else": bent(
        "changes.jsonl", lambda rows: rows[REJECTED - 1].update(rejected_by="1", rejected_username="olivia#1")
    ),
    "an applied change that was rejected": bent(
        "changes.jsonl", lambda rows: rows[APPLIED - 1].update(status="rejected")
    ),
    "an approval that nobody gave": bent(
        "changes.jsonl",
        lambda rows: rows[APPROVED - 1]["approvals"].append({"by": "1", "username": "olivia#1", "at": 5}),
    ),
    "an event that is left out": bent("events.jsonl", lambda rows: rows.pop()),
    "an event of somebody else": bent("events.jsonl", lambda rows: rows[0].update(actor="1")),
    "a payload that is another": lambda liar: {
        path: b'{\n  "name": "other"\n}\n'
        for path in liar.forger.git("ls-tree", "-r", "--name-only", liar.event.imported or "").splitlines()
        if path.endswith(f"/{REJECTED}.json")
    },
    "a file beside": lambda _: {"notes.txt": b"x"},
    "a source that says something else": lambda liar: {
        "source/changes.json": liar.forger.read(f"{liar.event.imported}:source/changes.json").replace(b'"no"', b'"yes"')
    },
    "a source that cannot be read": lambda _: {"source/changes.json": b"["},
}


@pytest.mark.parametrize("lie", LIES)
def test_what_comes_in_and_is_not_what_the_source_says(lie: str, liar: Liar) -> None:
    kept = liar.kept(LIES[lie](liar))
    bad = liar.import_queue(imported=kept)
    found = findings(liar.forger)
    assert {row["rule"] for row in found} <= {"import.source", "import.proposed"}, found
    assert any(row["rule"] == "import.source" and row["commit"] in (kept, bad) for row in found)


def test_a_history_that_hangs_on_what_is_kept(liar: Liar) -> None:
    kept = liar.forger.commit(liar.event.imported or "", [liar.forger.main], "source: forged\n")
    liar.import_queue(imported=kept)
    caught(liar.forger, "import.source", kept)


def test_a_closed_change_that_is_left_out(liar: Liar) -> None:
    kept = liar.kept(bent("changes.jsonl", lambda rows: rows.pop(REJECTED - 1))(liar))
    liar.import_queue(imported=kept, skipped_changes=((4, 4), (6, 6)))
    found = findings(liar.forger)
    assert {row["rule"] for row in found} == {"import.source"}
    assert any("left out" in row["message"] and row.get("change_id") == REJECTED for row in found)


def test_a_number_that_the_service_gave_out_and_the_import_forgets(liar: Liar) -> None:
    numbers = json.loads(liar.forger.read(f"{liar.event.imported}:numbers.json"))
    kept = liar.kept({"numbers.json": json.dumps({**numbers, "last_change_id": 5}).encode()})
    liar.import_queue(imported=kept, skipped_changes=())
    caught(liar.forger, "import.source", kept)


@pytest.mark.parametrize(
    "lie",
    [
        lambda rows: rows[REJECTED - 1].update(status="pending"),
        lambda rows: rows[REJECTED - 1].update(commit="0" * 40, base="0" * 40),
        lambda rows: rows[PENDING - 1].update(batch_id=3, status="approved"),
        lambda rows: rows[PENDING - 1].update(requested_by="1", requested_username="olivia#1"),
        lambda rows: rows[PENDING - 1].update(model_name="other"),
        lambda rows: rows[PENDING - 1].update(batch_id=3),
        lambda rows: rows[APPROVED - 1].update(status="pending"),
        lambda rows: rows.reverse(),
        lambda rows: rows.append(rows[0]),
    ],
)
def test_a_state_that_no_import_makes(lie: Callable[[Any], None], liar: Liar) -> None:
    kept = liar.kept(bent("changes.jsonl", lie)(liar))
    bad = liar.import_queue(imported=kept, tree=liar.tree)
    caught(liar.forger, "queue.possible", bad, also=("import.source",))


def test_an_open_change_that_proposes_another_record(liar: Liar) -> None:
    forger = liar.forger
    when = service().records[PENDING]["requested_at"]
    stamps = {"created_at": when, "created_by": "bob#77", "updated_at": when, "updated_by": "bob#77"}
    other = clip("five", description="not what bob asked for", metadata=stamps)
    made = forger.proposal("create", "clip", "five", other, requestor="bob#77", stamp=False, dated=when)
    proposals = [*liar.event.proposals]
    place = liar.event.change_ids.index(PENDING)
    proposals[place] = Proposal("", "", "", proposals[place].requestor, None, made, "", None, None)
    liar.import_queue(proposals=tuple(proposals))
    caught(forger, "import.proposed", made)


def test_a_batch_that_holds_more_than_what_was_approved(liar: Liar) -> None:
    forger, event = liar.forger, liar.event
    path = forger.dataset().path("clip", "one")
    honest = forger.store.read_commit(event.merges[-1])
    merge = forger.commit(forger.tree(event.merges[-1], {path: None}), honest.parents, honest.message)
    liar.import_queue(merges=(merge,))
    caught(forger, "merge.tree", merge)


def test_an_approval_that_is_bound_to_other_content(liar: Liar) -> None:
    (bound,) = liar.event.approvals
    other = replace(bound, blob=bound.base_blob)
    caught(liar.forger, "queue.possible", liar.import_queue(approvals=(other,), tree=liar.tree))


def test_a_queue_and_a_main_in_one_event(liar: Liar) -> None:
    main = liar.forger.commit("main", [liar.forger.main], f"import: x\n\nActor: {OWNER}\n")
    bad = liar.import_queue(main=main, tree=liar.tree)
    caught(liar.forger, "queue.says", bad, also=("queue.possible", "branch.moved", "main.stranger", "main.import"))


def test_an_import_that_keeps_nothing(liar: Liar) -> None:
    bad = liar.import_queue(imported=liar.forger.main, tree=liar.tree)
    found = findings(liar.forger)
    assert {row["commit"] for row in found} == {bad}
    assert "import.source" in {row["rule"] for row in found}
