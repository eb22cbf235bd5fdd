"""Pack files of our own: the objects of one step in one small pack, and packs joined before they pile up.

A loose object costs one file and one sync each; a pack costs two for the whole step. Its objects are stored whole,
never as deltas, so that several packs are joined by copying their compressed bytes. Formats: ``gitformat-pack(5)``.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modelref_git.store.disk import Disk

_LEVELS: Final = {1: 1, 2: 0, 3: 1, 4: 1}
"""Compression level by type number. Trees are mostly hashes: a fifth less space is not worth half the time of a bulk.
``gc`` compresses for good."""

JOIN_FROM: Final = 24
"""So many small packs are joined into one. Opening a repository costs 0.2 ms with 10 packs, 1 ms with 200."""

_SMALL_BYTES: Final = 32 * 1024 * 1024
"""A pack above this size is left for ``gc``."""

_WHOLE_TYPES: Final = frozenset({1, 2, 3, 4})


@dataclass(frozen=True, slots=True)
class _Packed:
    """One object as it stands in a pack: its id, its compressed bytes with their header, and their CRC-32."""

    oid: bytes
    raw: bytes
    crc: int


def write_pack(disk: Disk, folder: Path, objects: Iterable[tuple[str, int, bytes]]) -> Path:
    """Write ``(id, type number, payload)`` as one synced pack in *folder* (``objects/pack``); gives its path."""
    packed = []
    for oid, kind, payload in objects:
        raw = _entry_header(kind, len(payload)) + zlib.compress(payload, _LEVELS[kind])
        packed.append(_Packed(bytes.fromhex(oid), raw, zlib.crc32(raw)))
    return _write(disk, folder, packed)


def join_small_packs(disk: Disk, folder: Path) -> int:
    """Join the small packs of *folder* into one when there are many; gives how many were joined.

    Sizes grow geometrically: a pack is taken only while it is not larger than twice all the smaller ones together,
    so that an object is copied a number of times that grows with the logarithm of their number.
    """
    if sum(1 for _ in folder.glob("pack-*.pack")) < JOIN_FROM:
        return 0  # nearly every step ends here, so nothing more is looked at
    together = _indexed_together(folder)
    small = sorted((path.stat().st_size, path) for path in folder.glob("pack-*.pack") if _is_ours(path, together))
    if len(small) < JOIN_FROM:
        return 0
    chosen: list[Path] = []
    total = 0
    for size, path in small:
        if size > _SMALL_BYTES or (len(chosen) >= JOIN_FROM // 2 and size > 2 * total):
            break
        chosen.append(path)
        total += size
    objects: dict[bytes, _Packed] = {}
    joined = []
    for path in chosen:
        entries = _read_whole(path)
        if entries is not None:
            joined.append(path)
            objects.update((entry.oid, entry) for entry in entries)
    if len(joined) < 2:
        return 0
    merged = _write(disk, folder, list(objects.values()))
    for path in joined:
        if path != merged:
            # The index goes first: without it a reader does not look for the pack.
            for suffix in (".idx", ".rev", ".pack"):
                disk.remove(path.with_suffix(suffix))
    return len(joined)


def _is_ours(path: Path, together: bytes) -> bool:
    """Whether a pack is one that may be joined: nobody keeps it, and it is no partial clone's."""
    if path.with_suffix(".idx").name.encode() in together:
        return False
    return not any(path.with_suffix(suffix).exists() for suffix in (".keep", ".promisor", ".mtimes", ".bitmap"))


def _indexed_together(folder: Path) -> bytes:
    """The multi-pack indexes of *folder*: readers go by them, so a pack that one of them names must stay."""
    files = [folder / "multi-pack-index", *folder.glob("multi-pack-index.d/*.midx")]
    return b"".join(path.read_bytes() for path in files if path.is_file())


def _entry_header(kind: int, size: int) -> bytes:
    first = (kind << 4) | (size & 0x0F)
    size >>= 4
    out = bytearray()
    while size:
        out.append(first | 0x80)
        first = size & 0x7F
        size >>= 7
    out.append(first)
    return bytes(out)


def _write(disk: Disk, folder: Path, packed: list[_Packed]) -> Path:
    pieces = [b"PACK", struct.pack(">II", 2, len(packed))]
    offsets = {}
    at = 12
    for entry in packed:
        offsets[entry.oid] = at
        pieces.append(entry.raw)
        at += len(entry.raw)
    body = b"".join(pieces)
    checksum = hashlib.sha1(body, usedforsecurity=False).digest()
    path = folder / f"pack-{checksum.hex()}.pack"
    if path.exists() and path.with_suffix(".idx").exists():
        return path  # a pack without its index is one that a crash left half done
    disk.make_folder(folder)
    disk.write_file(path, body + checksum, mode=0o444)
    # The index comes last: with it the pack is there for every reader.
    disk.write_file(path.with_suffix(".idx"), _index(packed, offsets, checksum), mode=0o444)
    return path


def _index(packed: list[_Packed], offsets: dict[bytes, int], pack_checksum: bytes) -> bytes:
    rows = sorted(packed, key=lambda entry: entry.oid)
    fanout = [0] * 256
    for entry in rows:
        fanout[entry.oid[0]] += 1
    total = 0
    for first in range(256):
        total += fanout[first]
        fanout[first] = total
    small: list[int] = []
    large: list[int] = []
    for entry in rows:
        offset = offsets[entry.oid]
        if offset >= 1 << 31:
            small.append((1 << 31) | len(large))
            large.append(offset)
        else:
            small.append(offset)
    body = b"".join(
        [
            b"\377tOc",
            struct.pack(">I256I", 2, *fanout),
            b"".join(entry.oid for entry in rows),
            struct.pack(f">{len(rows)}I", *(entry.crc for entry in rows)),
            struct.pack(f">{len(small)}I", *small),
            struct.pack(f">{len(large)}Q", *large),
            pack_checksum,
        ]
    )
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


def _read_whole(path: Path) -> list[_Packed] | None:
    """The objects of a pack that holds whole objects only, or ``None`` (it has deltas, or is being removed)."""
    try:
        pack, index = path.read_bytes(), path.with_suffix(".idx").read_bytes()
    except FileNotFoundError:
        return None
    if index[:8] != b"\377tOc\0\0\0\2" or pack[:8] != b"PACK\0\0\0\2":
        return None
    count = struct.unpack_from(">I", index, 8 + 255 * 4)[0]
    names = 8 + 1024
    crcs = names + 20 * count
    offsets = struct.unpack_from(f">{count}I", index, crcs + 4 * count)
    if any(offset >= 1 << 31 for offset in offsets):
        return None
    order = sorted(range(count), key=offsets.__getitem__)
    ends = [offsets[number] for number in order[1:]] + [len(pack) - 20]
    found = []
    for number, end in zip(order, ends, strict=True):
        start = offsets[number]
        if (pack[start] >> 4) & 7 not in _WHOLE_TYPES:
            return None
        crc = struct.unpack_from(">I", index, crcs + 4 * number)[0]
        found.append(_Packed(index[names + 20 * number : names + 20 * number + 20], pack[start:end], crc))
    return found
