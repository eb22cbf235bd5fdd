"""Requests that are meant to harm: each gets a clear refusal, changes nothing, and leaves no secret in a log."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from modelref_git.operations.keys import create_key
from tests.support.http import Q1, Q2, V1, V2, Wire, wire
from tests.support.http_live import Live, live
from tests.support.http_process import serving
from tests.support.http_states import LIVE, every_state
from tests.support.world import World, clip

RECORD = json.dumps(clip("hostile"))
KIND = {"content-type": "application/json"}

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "a word": b"hello",
    "half of an object": RECORD[:-1].encode(),
    "two documents": (RECORD + RECORD).encode(),
    "10,000 lists in one another": b"[" * 10_000 + b"]" * 10_000,
    "10,000 objects in one another": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "10,000 levels in a field": RECORD[:-1].encode() + b',"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "10,000 levels without an end": b"[" * 10_000,
    "a key twice": RECORD[:-1].encode() + b',"name":"other"}',
    "a key twice inside": RECORD[:-1].encode() + b',"x":{"a":1,"a":2}}',
    "NaN": RECORD[:-1].encode() + b',"x":NaN}',
    "Infinity": RECORD[:-1].encode() + b',"x":-Infinity}',
    "a number that no double holds": RECORD[:-1].encode() + b',"x":1e999}',
    "an integer of 5,000 digits": RECORD[:-1].encode() + b',"x":' + b"9" * 5_000 + b"}",
    "half of a pair, escaped": RECORD[:-1].encode() + b',"x":"\\ud800"}',
    "half of a pair, raw": RECORD[:-1].encode() + b',"x":"\xed\xa0\x80"}',
    "half of a pair in a key": RECORD[:-1].encode() + b',"\\udfff":1}',
    "half of a pair in the name": RECORD.replace("hostile", "\\ud800").encode(),
    "bytes that are not UTF-8": RECORD[:-1].encode() + b',"x":"\xff\xfe"}',
    "UTF-16": RECORD.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + RECORD.encode(),
    "a control character": RECORD[:-1].encode() + b',"x":"\x00"}',
    "a list": b"[" + RECORD.encode() + b"]",
    "null": b"null",
    "a record larger than one may be": RECORD[:-1].encode() + b',"x":"' + b"x" * 300_000 + b'"}',
    "an object that calls itself something else": b'{"__proto__":{"name":"x"},"constructor":1}',
}

TARGETS = [
    ("POST", f"{V2}/clip"),
    ("POST", f"{V2}/clip/add"),
    ("PUT", f"{V2}/clip/model/{LIVE}"),
    ("POST", f"{Q2}/batches"),
    ("POST", f"{Q1}/purge"),
    ("POST", f"{Q2}/apply"),
]


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with wire(every_state(tmp_path_factory.mktemp("hostile") / "states.git").world) as served:
        yield served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(every_state(tmp_path_factory.mktemp("raw") / "states.git").world) as found:
        yield found


def _is_clear(answer: Any) -> bool:
    """Whether it is a refusal that a client can read."""
    detail = answer.json()["detail"]
    return 400 <= answer.status_code < 500 and bool(detail) and isinstance(detail, str | list)


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_a_body_that_is_no_good_is_refused_and_changes_nothing(http: Wire, body: str) -> None:
    before = http.world.refs()
    for method, path in TARGETS:
        answer = http.ask(method, path, headers=KIND, content=BODIES[body])
        assert _is_clear(answer), (method, path, answer.text)
        assert answer.status_code == 422 or (method == "PUT" and answer.status_code == 400)
        assert len(answer.content) < 2 * len(BODIES[body]) + 20_000, "an answer does not grow with what was sent"
    assert http.world.refs() == before


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_a_body_that_does_not_say_that_it_is_json_is_refused(http: Wire, kind: str) -> None:
    before = http.world.refs()
    for method, path in TARGETS:
        answer = http.ask(method, path, headers={"content-type": kind}, content=RECORD.encode())
        assert (answer.status_code, _is_clear(answer)) == (422, True), (method, path)
    assert http.world.refs() == before


def test_10_mb_are_refused_however_they_say_how_long_they_are(http: Wire) -> None:
    large = b'{"name":"' + b"x" * 10_000_000 + b'"}'

    async def pieces() -> Any:
        for at in range(0, len(large), 65_536):
            yield large[at : at + 65_536]

    before = http.world.refs()
    for method, path in TARGETS:
        assert http.ask(method, path, headers=KIND, content=large).status_code == 413
        assert http.ask(method, path, headers=KIND, content=pieces()).status_code == 413
    assert http.world.refs() == before


NAMES = [
    "..",
    ".",
    "../../../etc/passwd",
    "/etc/passwd",
    "//etc//passwd",
    "..\\..\\windows",
    "a\x00b",
    "a\nb",
    "a\u2028b",
    "CON",
    "nul.json",
    "-rf",
    "--upload-pack=x",
    "a" * 5_000,
    "\u202egpj.exe",
    ".git/config",
    "refs/heads/main",
    "x/../../y",
    "name ",
    "~root",
    "$(id)",
    "%2e%2e%2f",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_is_never_a_path(http: Wire, name: str) -> None:
    """It is refused, or it is data: then the proposal changes one file in its category's folder, and no other."""
    before = http.world.refs()
    answer = http.post(f"{V2}/clip", clip(name), who="carol")
    if answer.status_code != 202:
        assert _is_clear(answer)
        assert http.world.refs() == before
        return
    number = answer.json()["change_id"]
    assert answer.json()["model_name"] == name
    changed = http.world.git("diff", "--name-only", "-z", "main", f"proposals/{number}").split("\0")[:-1]
    assert len(changed) == 1
    assert changed[0].startswith("dataset/clip/")
    assert ".." not in Path(changed[0]).parts
    assert http.world.path.joinpath("HEAD").read_text() == "ref: refs/heads/main\n"
    assert http.post(f"{Q2}/changes/{number}/withdraw", who="carol").status_code == 200


PATHS = [
    "..",
    "%2e%2e",
    "../../../../etc/passwd",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "..%5c..%5cwindows",
    "a%5cb",
    "%00",
    "a%00b",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "//",
    "%ff%fe",
    "%ed%a0%80",
    "%zz",
    "%",
    "a" * 5_000,
    "%252e%252e%252f",
    ".git%2fconfig",
    "%0d%0aX-Injected:%20yes",
]


def _talk(served: Live, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """What a socket gets for *data*: the status, the headers, the body."""
    place = urlsplit(served.url)
    with closing(socket.create_connection((place.hostname, place.port), timeout=20)) as line:
        came = b""
        with suppress(OSError):  # it may be refused before all of it was sent
            line.sendall(data)
        with suppress(ConnectionResetError):
            while piece := line.recv(65_536):
                came += piece
    head, _, body = came.partition(b"\r\n\r\n")
    first, *rows = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
    return int(first.split(" ")[1]), headers, body


def _request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    rows = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", "apikey: olivia", *headers]
    if body:
        rows += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(rows).encode("latin-1") + b"\r\n\r\n" + body


@pytest.mark.parametrize("path", PATHS, ids=lambda text: text[:40])
def test_a_path_that_is_a_trick_finds_nothing(served: Live, path: str) -> None:
    before = served.world.refs()
    for data in (
        _request("GET", f"{V2}/clip/model/{path}"),
        _request("PUT", f"{V2}/clip/model/{path}", body=RECORD.encode()),
        _request("DELETE", f"{V2}/clip/model/{path}"),
        _request("GET", f"{V1}/{path}"),
        _request("GET", f"{V2}/{path}"),
    ):
        status, headers, body = _talk(served, data)
        assert 300 < status < 500, (data[:80], status, body[:300])
        assert b"root:" not in body
        assert "x-injected" not in headers
    assert served.world.refs() == before


def test_a_body_in_chunks_is_counted_as_it_comes(served: Live) -> None:
    before = served.world.refs()
    piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = _request("POST", f"{V2}/clip", "Content-Type: application/json", "Transfer-Encoding: chunked")
    status, _, body = _talk(served, head + piece * 40 + b"0\r\n\r\n")
    assert (status, json.loads(body)["detail"]) == (413, "The body has more than 1048576 bytes")
    assert served.world.refs() == before


@pytest.mark.parametrize("length", ["99999999999999999999", "10485760", "-1", "1e9", "0x10", "1, 2"])
def test_a_length_that_is_a_lie_is_refused_at_once(served: Live, length: str) -> None:
    head = _request("POST", f"{V2}/clip", "Content-Type: application/json", f"Content-Length: {length}")
    status, _, _ = _talk(served, head)
    assert status in (400, 413)


def test_a_request_with_two_lengths_is_refused(served: Live) -> None:
    """Whoever stands before the service may believe the other one, and take the rest for another's request."""
    for rows in (
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
    ):
        status, _, _ = _talk(served, _request("POST", f"{V2}/clip", *rows) + b"0\r\n\r\n")
        assert status == 400, rows


def test_headers_without_end_are_refused(served: Live) -> None:
    before = served.world.refs()
    for rows in (["X-Large: " + "x" * 200_000], [f"X-{number}: {'x' * 90}" for number in range(2_000)]):
        status, _, _ = _talk(served, _request("POST", f"{V2}/clip", *rows, body=RECORD.encode()))
        assert status == 431
    for path in (f"{V2}/clip?name=" + "x" * 200_000, f"{V2}/clip/model/" + "x" * 200_000):
        assert _talk(served, _request("GET", path))[0] in (400, 431)  # the parser has a bound of its own
    assert served.world.refs() == before


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "CONNECT", "PROPFIND", "OPTIONS", "HEAD"])
def test_a_method_that_there_is_not_is_refused(http: Wire, method: str) -> None:
    before = http.world.refs()
    for path in (f"{V2}/clip", f"{V2}/clip/model/{LIVE}", f"{Q2}/batches", "/heartbeat"):
        assert http.ask(method, path).status_code == 405, path
    assert http.world.refs() == before


NUMBERS = ["0", "-1", "1e3", "1.0", "9" * 30, "9" * 5_000, "x", "%00", "1%20", "٣", "0x1", "null", "1;2", "NaN"]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda text: text[:20])
def test_a_number_that_is_none_is_refused(http: Wire, number: str) -> None:
    before = http.world.refs()
    for ask in (
        ("GET", f"{Q2}/changes/{number}"),
        ("GET", f"{Q2}/changes/{number}/diff"),
        ("GET", f"{Q2}/diffs?change_ids={number}&change_ids=x"),
        ("POST", f"{Q2}/apply_batch/{number}"),
        ("POST", f"{Q2}/changes/{number}/withdraw"),
        ("GET", f"{Q2}/audit/batches/{number}"),
        ("GET", f"{Q2}/changes?limit={number}&offset=x"),
    ):
        answer = http.ask(*ask)
        assert _is_clear(answer), (ask, answer.text)
    assert http.world.refs() == before


def test_numbers_of_any_size_in_a_body_are_refused(http: Wire) -> None:
    before = http.world.refs()
    for text in ("1" + "0" * 30, "1" + "0" * 300, "1e400", "1.5", "true", '"x"', "-1", "[1]"):
        for path, body in (
            (f"{Q2}/batches", f'{{"batch_title":"t","approved_ids":[{text}]}}'),
            (f"{Q2}/apply", f'{{"change_ids":[{text}]}}'),
        ):
            answer = http.post(path, headers=KIND, content=body.encode())
            assert _is_clear(answer), (path, text, answer.text)
    assert http.world.refs() == before


REVISIONS = [
    "main..queue",
    "main:modelref.toml",
    "--all",
    "-n1",
    ":/x",
    "@{u}",
    "main@{1}",
    "^main",
    "a b",
    "%00",
    "../x",
]


@pytest.mark.parametrize("at", REVISIONS)
def test_a_revision_that_is_a_word_of_gits_is_refused(http: Wire, at: str) -> None:
    for path in (f"{V2}/clip", f"{V2}/clip/search", f"{V2}/clip/model/{LIVE}", f"{V1}/clip"):
        answer = http.client.build_request("GET", path, params={"at": at.replace("%00", "\0")})
        assert http.run(http.client.send(answer)).status_code in (404, 422)


def test_no_key_is_written_down_or_sent_back(world: World) -> None:
    """A service as people start it: its whole log, with the access log on, and every answer."""
    keys = {who: create_key(world.context(), who)["key"] for who in ("2", "3")}
    secrets = {key.rpartition("_")[2] for key in keys.values()}
    good, dead = keys["2"], keys["2"][:-6] + "AAAAAA"
    secrets |= {key.split("_", 2)[2] for key in (good, dead, keys["3"])}
    with serving(world, "--no-webhooks", "--access-log") as service, service.client() as client:
        answers = [
            client.request(method, path, headers={**KIND, **headers}, content=content)
            for key in (good, dead)
            for method, path, headers, content in _with_key(key)
        ]
        # What a caller writes into a path or body of their own may be told back to them, and to nobody else.
        for answer in answers:
            sent = str(answer.request.url) + answer.request.content.decode()
            if not any(secret in sent for secret in secrets):
                assert not any(secret in answer.text + str(answer.headers) for secret in secrets)
        assert {answer.status_code for answer in answers} >= {200, 202, 401, 404}
        assert "POST" in service.said
    said = service.said
    assert said.count('"status"') >= len(answers), "the access log is on"
    for secret in secrets:
        assert secret not in said
    for row in said.splitlines():
        assert "Traceback" not in row


def _with_key(key: str) -> list[tuple[str, str, dict[str, str], bytes]]:
    """Requests that have a key wherever people put one."""
    record = json.dumps(clip(f"named by {key[-3:]}")).encode()
    claiming = json.dumps({**clip("x"), "apikey": key, "description": key}).encode()
    return [
        ("GET", f"{Q2}/changes", {"apikey": key}, b""),
        ("GET", f"{Q2}/changes", {"authorization": f"Bearer {key}"}, b""),
        ("GET", f"{Q2}/changes?apikey={key}", {}, b""),
        ("GET", f"/metrics?apikey={key}", {"apikey": key}, b""),
        ("GET", f"{V2}/clip/model/{key}", {}, b""),
        ("GET", f"/{key}", {}, b""),
        ("GET", f"{V1}/{key}", {}, b""),
        ("GET", f"{V2}/clip?at={key}", {}, b""),
        ("POST", f"{V2}/clip", {"apikey": key}, record),
        ("POST", f"{V2}/clip", {}, claiming),
        ("POST", f"{Q2}/batches", {"apikey": key}, b'{"batch_title":"x","approved_ids":[1]}'),
        ("POST", f"{Q2}/batches", {"apikey": key}, b"{"),
        ("POST", f"{V2}/clip", {"apikey": key, "idempotency-key": key}, record),
        ("GET", f"{V2}/clip", {"apikey": key, "if-none-match": key, "user-agent": key, "referer": key}, b""),
    ]
