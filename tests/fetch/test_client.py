from __future__ import annotations

import pytest

from modelref_git.fetch.client import MAX_REDIRECTS, Client, normal, whole_number
from modelref_git.fetch.faults import FetchFault, of_exception, of_status, shown
from tests.support.files_server import FilesServer, Mood


def _body(client: Client, url: str) -> bytes:
    with client.ask("GET", url) as answer:
        return b"".join(answer.pieces())


def test_a_file_is_read_to_its_end(host: FilesServer) -> None:
    host.put("/a", b"x" * 300_000)
    host.put("/b", b"y" * 9_000, chunked=True)
    host.put("/c", b"z" * 9_000, says_length=False)
    client = Client(5)
    assert _body(client, host.url("/a")) == b"x" * 300_000
    assert _body(client, host.url("/b")) == b"y" * 9_000
    assert _body(client, host.url("/c")) == b"z" * 9_000


def test_a_request_says_who_asks_and_wants_nothing_packed(host: FilesServer) -> None:
    host.put("/a")
    _body(Client(5), host.url("/a"))
    (asked,) = host.asked
    assert asked.headers["User-Agent"].startswith("modelref-git/")
    assert asked.headers["Accept-Encoding"] == "identity"


def test_redirects_are_followed_and_remembered(host: FilesServer) -> None:
    host.put("/old", redirect=(301, host.url("/newer")))
    host.put("/newer", redirect=(302, "/file?key=1"), headers={"X-Linked-Size": "7"})
    host.put("/file", b"content")
    with Client(5).ask("GET", host.url("/old")) as answer:
        assert b"".join(answer.pieces()) == b"content"
        assert [hop.status for hop in answer.hops] == [301, 302]
        assert answer.url == host.url("/file?key=1")
        assert answer.moved_to == host.url("/newer"), "the second redirect is not for good"
        assert answer.stated("X-Linked-Size") == "7"


def test_a_circle_of_redirects_ends(host: FilesServer) -> None:
    host.put("/a", redirect=(302, "/b"))
    host.put("/b", redirect=(302, "/a"))
    with pytest.raises(FetchFault, match="redirected more than") as caught:
        Client(5).ask("GET", host.url("/a"))
    assert not caught.value.passing
    assert len(host.asked) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/passwd", "data:,x", "http://["])
def test_a_redirect_leads_to_http_or_nowhere(host: FilesServer, target: str) -> None:
    host.put("/a", redirect=(302, target))
    with pytest.raises(FetchFault):
        Client(5).ask("GET", host.url("/a"))


def test_no_redirect_leads_from_https_to_http() -> None:
    from modelref_git.fetch.client import _redirected

    with pytest.raises(FetchFault, match="from https to http") as caught:
        _redirected("https://models.example/a", "http://models.example/a")
    assert caught.value.kind == "refused"
    assert _redirected("http://models.example/a", "https://models.example/b") == "https://models.example/b"
    assert _redirected("https://models.example/a", "/b?c=d") == "https://models.example/b?c=d"
    assert _redirected("https://models.example/a", "/\u00c3\u00a9") == "https://models.example/%C3%A9"


def test_addresses_are_sent_in_ascii_and_without_a_fragment() -> None:
    assert normal(" https://modèles.example:8443/a b/é?x=%20é#frag ") == (
        "https://xn--modles-5ua.example:8443/a%20b/%C3%A9?x=%20%C3%A9"
    )
    assert normal("https://models.example/a%2Fb?x=[1]") == "https://models.example/a%2Fb?x=[1]"


@pytest.mark.parametrize(
    "url", ["", "models.example/x", "ftp://models.example/x", "file:///x", "http://", "http://h:port/", "http://[::1"]
)
def test_what_is_no_address_is_not_asked(url: str) -> None:
    with pytest.raises(FetchFault):
        Client(5).ask("GET", url)


def test_a_password_in_an_address_is_neither_sent_nor_told(host: FilesServer) -> None:
    url = host.url("/a").replace("http://", "http://user:hunter2@")
    with pytest.raises(FetchFault) as caught:
        Client(5).ask("GET", f"{url}?token=hunter2")
    assert caught.value.kind == "refused"
    assert "hunter2" not in caught.value.message
    assert not host.asked


def test_a_query_is_never_told() -> None:
    assert shown("https://models.example/a?token=hunter2#x") == "https://models.example/a"
    assert shown("http://[?token=hunter2") == "http://["


def test_nobody_there_is_a_passing_fault(host: FilesServer) -> None:
    url = host.url("/a")
    host.close()
    with pytest.raises(FetchFault, match="broke off") as caught:
        Client(5).ask("GET", url)
    assert caught.value.passing


def test_a_silent_host_is_given_up(host: FilesServer) -> None:
    host.put("/a", moods=[Mood(stall_after=-1)])
    with pytest.raises(FetchFault, match="does not answer in time") as caught:
        Client(0.1).ask("GET", host.url("/a"))
    assert caught.value.passing


def test_a_host_that_falls_silent_in_the_middle_is_given_up(host: FilesServer) -> None:
    host.put("/a", b"x" * 10_000, moods=[Mood(stall_after=5_000)])
    with pytest.raises(FetchFault, match="does not answer in time"):
        _body(Client(0.1), host.url("/a"))


def test_a_chunked_answer_that_breaks_off_is_a_fault(host: FilesServer) -> None:
    host.put("/a", b"x" * 10_000, chunked=True, moods=[Mood(cut_after=5_000)])
    with pytest.raises(FetchFault) as caught:
        _body(Client(5), host.url("/a"))
    assert caught.value.passing


@pytest.mark.parametrize(
    ("text", "wait"),
    [("7", 7.0), ("0", 0.0), ("soon", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("-1", None)],
)
def test_what_a_host_says_about_coming_back_is_understood(host: FilesServer, text: str, wait: float | None) -> None:
    host.put("/a", moods=[Mood(status=503, retry_after=text)])
    with Client(5).ask("GET", host.url("/a")) as answer:
        assert answer.wait == wait


@pytest.mark.parametrize(
    ("status", "kind", "passing"),
    [
        (404, "gone", False),
        (410, "gone", False),
        (401, "refused", False),
        (403, "refused", False),
        (451, "refused", False),
        (429, "unreachable", True),
        (503, "unreachable", True),
        (501, "unreachable", False),
        (206, "unreachable", False),
    ],
)
def test_every_status_has_its_kind(status: int, kind: str, passing: bool) -> None:
    fault = of_status(status, "https://models.example/a?token=x")
    assert (fault.kind, fault.passing) == (kind, passing)
    assert str(status) in fault.message
    assert "token" not in fault.message


def test_a_bad_certificate_and_an_unknown_host_are_not_asked_again() -> None:
    import socket
    import ssl
    import urllib.error

    bad = ssl.SSLCertVerificationError("bad")
    bad.verify_message = "self-signed certificate"
    fault = of_exception(urllib.error.URLError(bad), "https://models.example/a")
    assert "self-signed certificate" in fault.message
    assert not fault.passing
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert not of_exception(urllib.error.URLError(unknown), "https://models.example/a").passing
    later = socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
    assert of_exception(urllib.error.URLError(later), "https://models.example/a").passing


def test_numbers_of_headers_are_numbers() -> None:
    assert whole_number(" 12 ") == 12
    assert [whole_number(text) for text in (None, "", "-1", "1.5", "x", "9" * 30, "\u0661")] == [None] * 7
