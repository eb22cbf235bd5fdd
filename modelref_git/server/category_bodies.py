"""The body of a whole category: made of its records' bytes, and the next one of those parts that have not changed.

The records stand in chunks that end where a blob's id says so, so that a change moves the end of few. A chunk is
compressed by itself; the compressed body is all of them one behind the other, which is one valid stream.
"""

from __future__ import annotations

import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from modelref_git.formats import v2
from modelref_git.operations.context import Context
from modelref_git.operations.listing import Row, list_records
from modelref_git.records.codec import cut_remainder
from modelref_git.server.answers import weak
from modelref_git.server.kept import MIN_COMPRESSED, Body
from modelref_git.server.repository import Snapshot
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.objects import EMPTY_TREE

_LEVEL: Final = 6
_ENDS_WITH: Final = "0"
"""A chunk ends with a blob whose id ends so, if it has enough records: one in sixteen does."""
_ROWS_AT_LEAST: Final = 64
_GZIP_HEADER: Final = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


class _Chunk(NamedTuple):
    start: int
    """Where its bytes are in the body."""
    stop: int
    compressed: bytes


@dataclass(frozen=True, slots=True)
class CategoryBody:
    """A body, and where its chunks are in it."""

    body: Body
    chunks: Mapping[tuple[Row, ...], _Chunk] = field(default_factory=dict)


def compose(
    tree: str | None, rows: Iterable[Row], read: Callable[[str], bytes], before: CategoryBody | None = None
) -> CategoryBody:
    """The body of a category.

    Args:
        tree: the category's tree, which names the body.
        rows: its records in stored order.
        read: gives a record's canonical bytes without its remainder, by its blob's id.
        before: an older body of the category, whose parts are used again; nothing of those is read.
    """
    known = before.chunks if before is not None else {}
    old = memoryview(before.body.plain) if before is not None else memoryview(b"")
    pieces: list[bytes | memoryview] = []
    compressed: list[bytes] = []
    chunks: dict[tuple[Row, ...], _Chunk] = {}
    size = 0
    for chunk in _chunked(rows):
        edge = v2.BETWEEN if chunks else v2.BEFORE
        found = known.get(chunk)
        if found is not None:
            data: bytes | memoryview = old[found.start : found.stop]
            packed = found.compressed
        else:
            data = v2.BETWEEN.join(v2.member(row.name, read(row.blob)) for row in chunk)
            packed = _compressed(data)
        start = size + len(edge)
        size = start + len(data)
        pieces += (edge, data)
        compressed += (_EDGES[edge], packed)
        chunks[chunk] = _Chunk(start, size, packed)
    etag = weak(tree or EMPTY_TREE)
    if not chunks:
        return CategoryBody(Body(v2.EMPTY, None, etag))
    plain = b"".join([*pieces, v2.BEHIND])
    gzipped = None
    if len(plain) >= MIN_COMPRESSED:
        tail = struct.pack("<LL", zlib.crc32(plain), len(plain) & 0xFFFFFFFF)
        gzipped = b"".join([_GZIP_HEADER, *compressed, _compressed(v2.BEHIND, zlib.Z_FINISH), tail])
    return CategoryBody(Body(plain, gzipped, etag), chunks)


def _chunked(rows: Iterable[Row]) -> Iterator[tuple[Row, ...]]:
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) >= _ROWS_AT_LEAST and row.blob.endswith(_ENDS_WITH):
            yield tuple(chunk)
            chunk = []
    if chunk:
        yield tuple(chunk)


def _compressed(data: bytes, flush: int = zlib.Z_FULL_FLUSH) -> bytes:
    """*data* as a part of a stream that may follow any other; with `zlib.Z_FINISH`, its end."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush(flush)


_EDGES: Final = {edge: _compressed(edge) for edge in (v2.BEFORE, v2.BETWEEN)}


# The newest bodies

_NEWEST_AT_MOST: Final = 64
_NEWEST: Final[OrderedDict[tuple[str, str], CategoryBody]] = OrderedDict()
"""The newest body of each category, by repository and category: what the next one is made of."""


def body_of(ctx: Context, snapshot: Snapshot, category: str) -> Body:
    """The body of a category at *snapshot*. It takes time: call it in a thread.

    Raises:
        NotFound: there is no such category.
    """
    dataset = DatasetTree.at(ctx.store.buffer(), snapshot.main)
    at_hand: dict[str, bytes] = {}

    def read(blob: str) -> bytes:
        at_hand[blob] = dataset.objects.read_blob(blob)
        return at_hand[blob]

    # What the listing had to read of a record anyway is not read a second time.
    listing = list_records(ctx.store, dataset, category, ctx.warn, read=read)
    place = (str(ctx.store.git_dir), category)
    made = compose(
        listing.tree,
        listing.rows.values(),
        lambda blob: cut_remainder(at_hand.pop(blob, b"") or dataset.objects.read_blob(blob)),
        _NEWEST.get(place),
    )
    if snapshot.head:  # an older revision is asked for less often than the one that comes next
        _NEWEST[place] = made
        _NEWEST.move_to_end(place)
        while len(_NEWEST) > _NEWEST_AT_MOST:
            _NEWEST.popitem(last=False)
    return made.body
