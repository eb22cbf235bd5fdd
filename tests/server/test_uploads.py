"""Large pictures over a real socket: in pieces, from several at once, and from one who leaves."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelref_git.server.catalogue import stable_id
from tests.support.http import key_file
from tests.support.http_process import serving
from tests.support.pictures import chunk, picture
from tests.support.world import World, clip

HEAD = b'--a\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
KIND = {"content-type": "multipart/form-data; boundary=a"}


def large(seed: int) -> bytes:
    """A picture of 45 MB that no packing makes smaller."""
    rows = b"".join(b"\0" + os.urandom(3 * 3_900) for _ in range(3_900))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 3_900, 3_900, 8, 2, 0, 0, 0))
    words = chunk(b"tEXt", f"a\0{seed}".encode())
    return b"\x89PNG\r\n\x1a\n" + head + words + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND")


def pieces(data: bytes) -> Iterator[bytes]:
    yield HEAD
    for start in range(0, len(data), 65_536):
        yield data[start : start + 65_536]
    yield b"\r\n--a--\r\n"


def peak(pid: int) -> int:
    """The most bytes that a process ever held, by what Linux tells."""
    [row] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(row.split()[1]) * 1024


@pytest.mark.long
def test_large_pictures_come_in_pieces_from_several_at_once_while_others_are_answered(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w", empty=True)
    world.apply(world.approve(world.create("clip", "Eye", clip("Eye"))))
    path = f"/api/models/{stable_id('clip', 'Eye')}/images"
    keys = key_file(tmp_path / "keys.json")
    spool = tmp_path / "spool"
    spool.mkdir()
    given = {"MODELREF_AUTH": "file", "MODELREF_AUTH_FILE": str(keys), "TMPDIR": str(spool)}
    with serving(world, env=given) as service, service.client("carol") as client:
        assert client.post(path, files={"file": ("a.gif", picture("GIF"))}).status_code == 201
        statuses: list[int] = []

        def send(number: int) -> None:
            with service.client("carol") as own:
                statuses.append(own.post(path, content=pieces(large(number)), headers=KIND).status_code)

        threads = [threading.Thread(target=send, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        answered = 0
        while any(thread.is_alive() for thread in threads):
            answered += client.get("/heartbeat").status_code == 200
            time.sleep(0.05)
        assert statuses == [201, 201, 201]
        assert answered > 3
        assert peak(service.process.pid) < 900_000_000
        assert list(spool.iterdir()) == []

        # One leaves in the middle: nothing is left of it.
        address = service.url.removeprefix("http://").split(":")
        with socket.create_connection((address[0], int(address[1]))) as wire:
            wire.sendall(
                f"POST {path} HTTP/1.1\r\nHost: x\r\napikey: carol\r\nContent-Type: {KIND['content-type']}\r\n"
                "Content-Length: 50000000\r\n\r\n".encode()
                + HEAD
                + bytes(3_000_000)
            )
        # Whoever has no key is answered at once, and the picture is not read.
        with socket.create_connection((address[0], int(address[1]))) as wire:
            wire.settimeout(20)
            wire.sendall(
                f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {KIND['content-type']}\r\n"
                "Content-Length: 50000000\r\n\r\n".encode()
                + HEAD
            )
            assert wire.recv(100).startswith(b"HTTP/1.1 401")
        assert client.get("/heartbeat").status_code == 200
        assert list(spool.iterdir()) == []
        assert "Traceback" not in service.said
    assert world.run("verify").ok().json["ok"] is True
