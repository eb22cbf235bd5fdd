"""A small copy of the upstream service's queue: what it stores and writes, quirks included, and nothing it serves."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelref_git.operations.import_options import ImportOptions
from modelref_git.operations.import_queue import import_queue
from modelref_git.operations.import_records import import_source
from modelref_git.operations.init import init_repository
from tests.support.world import OWNER, START, FixedClock, World, clip

FIELDS = (
    *("change_id", "category", "model_name", "operation", "payload"),
    *("requested_by", "requested_username", "requested_at", "status", "notes", "batch_id", "batch_title"),
    *("approved_by", "approved_username", "approved_at"),
    *("rejected_by", "rejected_username", "rejected_at", "reject_reason"),
    *("applied_at", "applied_by", "applied_username", "applied_job_id"),
    *("updated_at", "request_metadata", "related_models"),
)
"""The fields of a record in the order in which the service writes them."""

USERS = {"1": "olivia", "77": "bob", "78": "eve", "90": "ann"}

Row = dict[str, Any]


@dataclass
class Upstream:
    """The service: its queue, its live data, and its audit."""

    now: int = START - 100_000
    live: dict[tuple[str, str], Row] = field(default_factory=dict)
    records: dict[int, Row] = field(default_factory=dict)
    lines: list[Row] = field(default_factory=list)
    last_change: int = 0
    last_batch: int = 0
    last_event: int = 0

    # --- what people do ---

    def enqueue(self, operation: str, category: str, name: str, payload: Row | None, user: str = "77") -> int:
        """Ask for a change, which is judged against the live data alone; gives its id."""
        self.now += 7
        self.last_change += 1
        number = self.last_change
        row = dict.fromkeys(FIELDS)
        row |= {"change_id": number, "category": category, "model_name": name, "operation": operation}
        row |= {"payload": payload if operation != "delete" else self.live[category, name], "status": "pending"}
        row |= {"requested_by": user, "requested_username": f"{USERS[user]}#{user}", "requested_at": self.now}
        row |= {"updated_at": self.now, "request_metadata": {"route": f"{operation}_v2_model"}}
        self.records[number] = row
        self._tell("enqueue", user, number, operation=operation, category=category, model=name)
        return number

    def review(
        self,
        approve: Iterable[int],
        reject: Iterable[int] = (),
        title: str = "June",
        reason: str = "no",
        user: str = "90",
    ) -> int | None:
        """Approve and reject, all or nothing; a batch id that was allocated is spent though the checks fail."""
        self.now += 5
        approve, reject = sorted(set(approve)), sorted(set(reject))
        batch = self._batch() if approve else None
        if any(self.status(number) != "pending" for number in (*approve, *reject)):
            return None
        for number in approve:
            row = self.records[number]
            row |= {"status": "approved", "batch_id": batch, "batch_title": title, "updated_at": self.now}
            row |= {"approved_by": user, "approved_username": f"{USERS[user]}#{user}", "approved_at": self.now}
        for number in reject:
            row = self.records[number]
            row |= {"status": "rejected", "batch_id": batch, "batch_title": title, "updated_at": self.now}
            row |= {"rejected_by": user, "rejected_username": f"{USERS[user]}#{user}", "rejected_at": self.now}
            row["reject_reason"] = reason
        for number in approve:
            self._tell("approve", user, number, batch_id=batch, batch_title=title)
        for number in reject:
            self._tell("reject", user, number, batch_id=batch, batch_title=title, reason=reason)
        return batch

    def apply(self, numbers: Sequence[int], user: str = "90", job: str | None = None) -> bool:
        """Apply changes one by one, with a split check behind each; the first that cannot be stops the rest."""
        for number in numbers:
            self.now += 3
            row = self.records.get(number)
            if row is None or row["status"] != "approved":
                return False
            token = job or f"apply-{number}-{number:032x}"
            if not self._write(row, user, token):
                return False
            row |= {"status": "applied", "applied_job_id": token, "updated_at": self.now}
            row |= {"applied_at": self.now, "applied_by": user, "applied_username": f"{USERS[user]}#{user}"}
            self._tell("apply", user, number, batch_id=row["batch_id"], job_id=token)
            self._split(row["batch_id"], user)
        return True

    def purge(self, numbers: Iterable[int], user: str = "90") -> None:
        """Remove records of any status."""
        self.now += 2
        for number in sorted(set(numbers)):
            row = self.records.pop(number)
            said = {"category": row["category"], "model": row["model_name"], "requested_by": row["requested_by"]}
            self._tell("purge", user, number, **said, purged_by_username=f"{USERS[user]}#{user}")

    # --- how it keeps it ---

    def status(self, number: int) -> str | None:
        """The status of a change."""
        return self.records[number]["status"] if number in self.records else None

    def _batch(self) -> int:
        opened = {row["batch_id"] for row in self.records.values() if row["status"] == "approved"}
        if opened:
            return int(max(opened))
        self.last_batch += 1
        return self.last_batch

    def _write(self, row: Row, user: str, token: str) -> bool:
        """The upsert or delete of the live data, and its event."""
        key = (row["category"], row["model_name"])
        old, new = self.live.get(key), row["payload"]
        if row["operation"] == "delete":
            if self.live.pop(key, None) is None:
                return False
            payload: Row = {"before": old}
        else:
            self.live[key] = new
            fields = {k: {"old": (old or {}).get(k), "new": new.get(k)} for k in {**(old or {}), **new}}
            payload = (
                {"after": new} if old is None else {"delta": {k: v for k, v in fields.items() if v["old"] != v["new"]}}
            )
        self._line(row["category"], row["model_name"], row["operation"], user, payload, token)
        return True

    def _split(self, batch: int, user: str) -> None:
        rest = [row for row in self.records.values() if row["status"] == "approved" and row["batch_id"] == batch]
        if not rest:
            return
        self.last_batch += 1
        for row in rest:
            row |= {"batch_id": self.last_batch, "updated_at": self.now}
        moved = {"reassigned_change_ids": [row["change_id"] for row in rest], "reason": "partial_apply"}
        said = {"action": "batch_split", "original_batch_id": batch, "new_batch_id": self.last_batch, **moved}
        self._line("pending_queue", "queue", "update", user, {"after": said})

    def _tell(self, action: str, user: str, number: int, **said: Any) -> None:
        payload = {"action": action, "change_id": number, **said}
        self._line("pending_queue", str(number), "update", user, {"after": payload})

    def _line(
        self, category: str, name: str, operation: str, user: str, payload: Row, request: str | None = None
    ) -> None:
        self.last_event += 1
        row = {"event_id": self.last_event, "timestamp": self.now, "domain": "v2", "category": category}
        row |= {"model_name": name, "operation": operation, "logical_user_id": user, "request_id": request}
        self.lines.append(without_nulls({**row, "payload": payload}))

    # --- what it leaves on disk ---

    def write(self, folder: Path, *, per_segment: int = 40) -> Path:
        """Write everything below *folder*."""
        folder.mkdir(parents=True, exist_ok=True)
        self.write_changes(folder, list(self.records.values()))
        index = {"last_change_id": self.last_change, "last_batch_id": self.last_batch}
        (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
        (folder / "audit").mkdir()
        (folder / "audit" / "index.json").write_text(json.dumps({"last_event_id": self.last_event}), encoding="utf-8")
        self.write_lines(folder, self.lines, per_segment=per_segment)
        return folder

    @staticmethod
    def write_changes(folder: Path, records: Sequence[Mapping[str, Any]]) -> None:
        """Write ``changes.json``."""
        text = json.dumps([without_nulls(row) for row in records], indent=2)
        (folder / "changes.json").write_text(text, encoding="utf-8")

    @staticmethod
    def write_lines(folder: Path, lines: Sequence[Row], *, per_segment: int = 40) -> None:
        """Write the segments of the audit."""
        by_category: dict[str, list[Row]] = {}
        for row in lines:
            by_category.setdefault(row["category"], []).append(row)
        for category, rows in by_category.items():
            place = folder / "audit" / "v2" / category
            place.mkdir(parents=True, exist_ok=True)
            for number, start in enumerate(range(0, len(rows), per_segment), 1):
                texts = [json.dumps(row, separators=(",", ":")) + "\n" for row in rows[start : start + per_segment]]
                (place / f"audit-{number:06d}.jsonl").write_text("".join(texts), encoding="ascii")

    @property
    def queue_lines(self) -> list[Row]:
        """The lines of the queue's own events."""
        return [row for row in self.lines if row["category"] == "pending_queue"]


def two_changes() -> Upstream:
    """Two changes, one of which is applied."""
    found = Upstream()
    for name in ("a", "b"):
        found.enqueue("create", "clip", name, clip(name))
    found.review([1])
    found.apply([1])
    return found


def without_nulls(value: Any) -> Any:
    """*value* as the service writes it: nulls dropped at every depth."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def alone(path: Path) -> World:
    """A new bare repository without records, whose only member is its owner: no change was ever in its queue."""
    shutil.copytree(_template(), path, symlinks=True)
    return World(path)


@functools.cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="modelref-alone-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "world"
    init_repository(path, bare=True, empty=True, owner=OWNER, email="olivia@people.example", clock=FixedClock())
    return path


def taken_over(service: Upstream, folder: Path, **options: Any) -> tuple[World, Row]:
    """A repository below *folder* that took over the service's live data and then its queue, and the answer."""
    world = alone(folder / "world.git")
    bring_live_data(world, service, folder)
    source = service.write(folder / "service")
    return world, bring_queue(world, source, **options)


def bring_live_data(world: World, service: Upstream, folder: Path) -> None:
    """Import what is live at the service."""
    if not service.live:
        return
    rows = [{"category": c, "model_name": n, "payload": payload} for (c, n), payload in service.live.items()]
    source = folder / "live.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    import_source(world.context(), source, ImportOptions())


def bring_queue(world: World, source: Path, *, actor: str = OWNER, **options: Any) -> Row:
    """Import a queue."""
    return import_queue(world.context(actor), source, ImportOptions("queue", **options))
