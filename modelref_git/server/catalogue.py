"""The models as lists need them: a few words about each record, read once for each state of a category."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, Final

from modelref_git.errors import Conflict, ModelrefError, NotFound
from modelref_git.operations.context import Context
from modelref_git.records import codec
from modelref_git.server.repository import Repository, Snapshot
from modelref_git.store import layout
from modelref_git.store.objects import ObjectBuffer
from modelref_git.store.trees import compare

LARGEST_ID: Final = (1 << 53) - 1
"""The largest number that JavaScript has without loss."""
NOT_SAFE: Final = 4
"""The lowest level of what is not safe for work, where levels are 1, 2, 4, 8, 16 and 32; a record says no more."""

DIVIDER: Final = "\0"
"""Between words that are one; it is in none that anybody can read."""

_ROWS_AT_MOST: Final = 500_000
_ORDERS_AT_MOST: Final = 8
_RUN: Final = 2_000


def stable_id(*words: str) -> int:
    """The number that stands for *words*, from 1 to `LARGEST_ID`.

    A model has no number of its own, and a counted one would be another in each clone, or after a deletion. A sum of
    category and name is the same in every worker, on every host and at any time. That two of 100,000 models share one
    happens to one dataset in a million; who asks for such a number is told so.
    """
    digest = hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % LARGEST_ID + 1


@dataclass(frozen=True, slots=True)
class Row:
    """What lists filter and sort by.

    There may be a hundred thousand of them for as long as the process lives. Numbers and texts are all that is in one,
    as Python's garbage collector, which stops everything meanwhile, looks through anything else again and again.
    """

    id: int
    category: str
    name: str
    blob: str
    kind: str
    subcategory: str | None
    base: str | None
    level: int
    tags: str
    """Without letter case, with `DIVIDER` before, between and behind them."""
    created: int
    """Unix seconds; -1 where the record does not say it."""

    @classmethod
    def of(cls, category: str, name: str, blob: str, record: Mapping[str, Any]) -> Row:
        """The row of *record*, which may be anything in a category of one's own."""
        tags, metadata = record.get("tags"), record.get("metadata")
        created = metadata.get("created_at") if isinstance(metadata, Mapping) else None
        return cls(
            id=stable_id(category, name),
            category=category,
            name=name,
            blob=blob,
            kind=_text(record.get("record_type")) or category,
            subcategory=_text(record.get("style")) or _text(record.get("controlnet_style")),
            base=_text(record.get("baseline")),
            level=NOT_SAFE if record.get("nsfw") is True else 0,
            tags=tagged(tags if isinstance(tags, list) else []),
            created=created if isinstance(created, int) and not isinstance(created, bool) else -1,
        )

    @property
    def place(self) -> str:
        """What sorts rows by name."""
        return DIVIDER.join((self.name.casefold(), self.name, self.category))


def tagged(tags: Iterable[Any]) -> str:
    """The texts among *tags* as `Row.tags` has them."""
    return DIVIDER.join(("", *(tag.casefold() for tag in tags if isinstance(tag, str)), ""))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True)
class Shelf:
    """The rows of one category in one state. It never changes."""

    category: str
    tree: str | None
    rows: Mapping[str, Row]
    """By name."""
    ids: Mapping[int, Row]
    twins: Sequence[Row]
    """The rows that share their number with one of the `ids`."""


def _age(seconds: int) -> str:
    """A text that sorts as *seconds* do, which may be any number."""
    return f"{min(max(seconds, -1), LARGEST_ID) + 1:020d}"


_PLACES: Final[Mapping[str, Callable[[Row], str]]] = {
    "oldest": lambda row: _age(row.created) + row.place,
    "newest": lambda row: _age(LARGEST_ID - row.created) + row.place,
}


class Catalogue:
    """The shelves that were asked for last; for one event loop. What several need at once is made once."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._shelves: OrderedDict[tuple[str, str | None], Shelf] = OrderedDict()
        self._making: dict[tuple[str, str | None], asyncio.Future[Shelf]] = {}
        self._newest: dict[str, Shelf] = {}
        self._orders: OrderedDict[tuple[str, tuple[str | None, ...]], Sequence[Row]] = OrderedDict()

    async def shelves(self, snapshot: Snapshot) -> list[Shelf]:
        """The shelves of every category in the state *snapshot*."""
        return [await self._shelf(category, tree) for category, tree in snapshot.trees.items()]

    async def ordered(self, snapshot: Snapshot, sort: str) -> Sequence[Row]:
        """Every row: ``newest`` or ``oldest`` first, what has no date being the oldest; by name for any other word."""
        sort = sort if sort in _PLACES else "name"
        shelves = await self.shelves(snapshot)
        key = (sort, tuple(shelf.tree for shelf in shelves))
        found = self._orders.get(key)
        if found is None:
            found = await self._repository.read(lambda _: _sorted(shelves, sort))
            self._orders[key] = found
            if len(self._orders) > _ORDERS_AT_MOST:
                self._orders.popitem(last=False)
        else:
            self._orders.move_to_end(key)
        return found

    async def find(self, snapshot: Snapshot, model_id: int) -> Row:
        """The model with a number.

        Raises:
            NotFound: there is none.
            Conflict: there are two.
        """
        shelves = await self.shelves(snapshot)
        found = [shelf.ids[model_id] for shelf in shelves if model_id in shelf.ids]
        found += [row for shelf in shelves for row in shelf.twins if row.id == model_id]
        if not found:
            raise NotFound("Model not found")
        if len(found) > 1:
            names = " and ".join(f"{row.category} {row.name!r}" for row in found)
            raise Conflict(f"{names} share the number {model_id}: read them by their names")
        return found[0]

    async def _shelf(self, category: str, tree: str | None) -> Shelf:
        key = (category, tree)
        found = self._shelves.get(key)
        if found is not None:
            self._shelves.move_to_end(key)
            return found
        making = self._making.get(key)
        if making is None:
            before = self._newest.get(category) or Shelf(category, None, {}, {}, ())
            making = asyncio.ensure_future(self._repository.read(lambda ctx: _made(ctx, before, tree)))
            self._making[key] = making
            making.add_done_callback(lambda done: self._keep(key, done))
        # A caller who leaves must not take the work from those who wait for it too.
        return await asyncio.shield(making)

    def _keep(self, key: tuple[str, str | None], done: asyncio.Future[Shelf]) -> None:
        self._making.pop(key, None)
        if done.cancelled() or done.exception() is not None:
            return
        self._shelves[key] = self._newest[key[0]] = done.result()
        while sum(len(shelf.rows) for shelf in self._shelves.values()) > _ROWS_AT_MOST and len(self._shelves) > 1:
            _, dropped = self._shelves.popitem(last=False)
            if self._newest.get(dropped.category) is dropped:
                del self._newest[dropped.category]


def _sorted(shelves: Sequence[Shelf], sort: str) -> Sequence[Row]:
    rows = (row for shelf in shelves for row in shelf.rows.values())
    place = _PLACES.get(sort, attrgetter("place"))
    # Python sorts a list in one go, and nothing else runs meanwhile: many short lists leave gaps for other requests.
    runs = []
    while run := sorted(islice(rows, _RUN), key=place):
        runs.append(run)
    return list(merge(*runs, key=place))


def _made(ctx: Context, before: Shelf, tree: str | None) -> Shelf:
    """The shelf of *tree*; only what differs from the one *before* is read."""
    objects = ctx.store.buffer()
    rows = dict(before.rows)
    came: list[tuple[str, str]] = []
    for path, old, new in compare(objects, before.tree, tree, f"{layout.category_folder(before.category)}/"):
        key = layout.record_of(path)
        if key is None:
            continue
        if old is not None:
            rows.pop(key[1], None)
        if new is not None:
            came.append((key[1], new.oid))
    for name, blob in came:  # behind all that goes: a record may have moved to another folder
        rows[name] = _row(objects, before.category, name, blob)
    ids: dict[int, Row] = {}
    twins = [row for row in rows.values() if ids.setdefault(row.id, row) is not row]
    return Shelf(before.category, tree, rows, ids, twins)


def _row(objects: ObjectBuffer, category: str, name: str, blob: str) -> Row:
    try:
        record = codec.decode(objects.read_blob(blob))
    except ModelrefError:
        record = {}  # pushed by a stranger; what can be listed is listed, and `verify` names it
    return Row.of(category, name, blob, record)
