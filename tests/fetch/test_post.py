from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from modelref_git.fetch import post as posting
from modelref_git.fetch.faults import FetchFault
from modelref_git.fetch.post import Reply, post
from tests.support.files_server import Mood
from tests.support.receiver import Receiver


def send(url: str, **more: Any) -> Reply:
    return post(url, b'{"a":1}', {"X-Own": "yes"}, private=True, **more)


@contextmanager
def serving(talk: Callable[[socket.socket], object]) -> Iterator[str]:
    """A server that talks with whoever calls; gives its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                line, _ = server.accept()
                with line:
                    talk(line)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        socket.create_connection(server.getsockname()).close() if thread.is_alive() else None
        thread.join(10)


def test_a_body_goes_to_the_receiver_as_it_is(receiver: Receiver) -> None:
    assert send(receiver.url("/a b?key=é")) == Reply(200, "")
    (told,) = receiver.told
    assert (told.path, told.body) == ("/a%20b?key=%C3%A9", b'{"a":1}')
    assert told.headers["host"] == receiver.url("").removeprefix("http://")
    assert told.headers["x-own"] == "yes"
    assert told.headers["user-agent"].startswith("modelref-git/")


def test_what_is_no_success_comes_back_with_the_beginning_of_what_was_said(receiver: Receiver) -> None:
    receiver.moods = [Mood(status=503, retry_after="120"), Mood(status=302)]
    receiver.location = "http://127.0.0.1:1/elsewhere"
    assert send(receiver.url()) == Reply(503, "busy [31m now", 120.0)
    assert send(receiver.url()).status == 302
    assert len(receiver.told) == 2, "no redirect is followed"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1"])
def test_a_private_host_is_refused_before_anything_is_sent(receiver: Receiver, host: str) -> None:
    with pytest.raises(FetchFault, match="no address of the public network") as caught:
        post(receiver.url(host=host), b"", {})
    assert caught.value.kind == "refused"
    assert receiver.told == []


def test_the_address_that_was_judged_is_the_one_that_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = socket.getaddrinfo, []

    def rebound(host: Any, *more: Any, **options: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.99", *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    assert send(receiver.url(host="receiver.example")).status == 200
    assert asked == ["receiver.example"]
    assert receiver.told[0].headers["host"].startswith("receiver.example:")


def test_no_proxy_is_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert send(receiver.url()).status == 200


def test_a_receiver_that_hangs_up_or_is_not_there_is_a_passing_fault(receiver: Receiver) -> None:
    receiver.moods = [Mood(cut_after=0)]
    with pytest.raises(FetchFault, match="broke off") as caught:
        send(receiver.url("/hook?token=secret"))
    assert caught.value.passing
    assert "secret" not in str(caught.value)
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"http://127.0.0.1:{server.getsockname()[1]}/"
    with pytest.raises(FetchFault, match="broke off") as caught:
        send(nobody)
    assert caught.value.passing


def test_a_silent_receiver_is_left(receiver: Receiver) -> None:
    receiver.moods = [Mood(stall_after=-1)]
    with pytest.raises(FetchFault, match="does not answer in time"):
        send(receiver.url(), timeout=0.2)


def whole(line: socket.socket) -> bytes:
    """The request that `send` makes: who closes a connection with something unread in it takes back the answer."""
    data = b""
    while not data.endswith(b'{"a":1}') and (piece := line.recv(4096)):
        data += piece
    return data


def drip(line: socket.socket) -> None:
    whole(line)
    line.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    with suppress(OSError):
        while True:
            line.sendall(b"x")
            time.sleep(0.02)


def test_a_receiver_that_answers_byte_by_byte_is_left_all_the_same() -> None:
    with serving(drip) as place, pytest.raises(FetchFault, match="does not answer in time"):
        send(f"http://{place}/", timeout=0.3)


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200]
)
def test_what_is_no_answer_is_a_fault(said: bytes) -> None:
    with serving(lambda line: (whole(line), line.sendall(said))) as place, pytest.raises(FetchFault):
        send(f"http://{place}/")


def test_of_a_large_answer_little_is_read() -> None:
    def talk(line: socket.socket) -> None:
        whole(line)
        with suppress(OSError):
            line.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 99999999\r\n\r\n")
            for _ in range(1000):
                line.sendall(b"x" * 65536)

    with serving(talk) as place:
        assert send(f"http://{place}/") == Reply(500, "x" * 200)


@pytest.mark.parametrize("url", ["ftp://a.example/", "http://", "http://u:p@a.example/", "http://a.example:x/", "x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(FetchFault):
        send(url)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost, with its key, that nobody signed."""
    made = tmp_path / "one.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-keyout", str(made), "-out", str(tmp_path / "cert"), "-days", "2", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(words, check=True, capture_output=True)
    made.write_bytes(made.read_bytes() + (tmp_path / "cert").read_bytes())
    return made


def test_https_is_spoken_with_those_alone_whose_certificate_is_right(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    heard: list[bytes] = []

    def talk(line: socket.socket) -> None:
        with suppress(ssl.SSLError), server.wrap_socket(line, server_side=True) as safe:
            heard.append(whole(safe))
            safe.sendall(b"HTTP/1.1 204 Good\r\n\r\n")

    with serving(talk) as place, pytest.raises(FetchFault, match="the certificate is not valid"):
        send(f"https://localhost:{place.partition(':')[2]}/")
    assert not any(heard)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(posting, "trust", lambda: trusting)
    with serving(talk) as place:
        assert send(f"https://localhost:{place.partition(':')[2]}/").status == 204
    assert heard[-1].startswith(b"POST / HTTP/1.1\r\nHost: localhost:")
    with serving(talk) as place, pytest.raises(FetchFault, match="the certificate is not valid"):
        send(f"https://{place}/")

    def silent(line: socket.socket) -> None:
        with suppress(OSError):
            line.recv(4096)
            line.recv(4096)

    with serving(silent) as place, pytest.raises(FetchFault, match="does not answer in time"):
        send(f"https://{place}/", timeout=0.2)
