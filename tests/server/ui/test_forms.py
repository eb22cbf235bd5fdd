from __future__ import annotations

import pytest
from starlette.requests import Request

from modelref_git.server.faults import Refusal
from modelref_git.server.ui.forms import check_origin


def _request(headers: list[tuple[str, str]]) -> Request:
    rows = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return Request({"type": "http", "method": "POST", "path": "/ui/sign-in", "headers": rows, "query_string": b""})


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://models.example", "models.example"),
        ("https://models.example", "models.example"),
        ("https://models.example", "models.example:443"),
        ("http://models.example", "models.example:80"),
        ("http://models.example:8080", "models.example:8080"),
        ("https://models.example", "MODELS.example"),
        ("http://[::1]:19800", "[::1]:19800"),
        ("http://[::1]", "[::1]"),
        ("http://127.0.0.1:19800", "127.0.0.1:19800"),
    ],
)
def test_a_form_of_the_same_host_is_taken(origin: str, host: str) -> None:
    check_origin(_request([("host", host), ("origin", origin)]))


@pytest.mark.parametrize(
    "host", ["models.example", "127.0.0.1:19800", "inner.local"], ids=["as it is", "an address", "another name"]
)
def test_behind_a_proxy_the_browsers_word_for_the_same_site_is_enough(host: str) -> None:
    headers = [("host", host), ("origin", "https://models.example"), ("sec-fetch-site", "same-origin")]
    check_origin(_request(headers))


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("origin", "http://evil.example")],
        [("origin", "null")],
        [("origin", "null"), ("sec-fetch-site", "same-origin")],
        [("origin", "")],
        [("origin", "models.example")],
        [("origin", "file://models.example")],
        [("origin", "http://models.example:8080")],
        [("origin", "http://models.example.evil.example")],
        [("origin", "http://evil@models.example")],
        [("origin", "http://models.example/x")],
        [("origin", "http://models.example?x")],
        [("origin", "http://[::1")],
        [("origin", "http://models.example:x")],
        [("origin", "http://models.example"), ("origin", "http://evil.example")],
        [("origin", "http://models.example"), ("host", "evil.example")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site"), ("origin", "http://models.example")],
        [("sec-fetch-site", "none")],
        [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        [("referer", "http://models.example/ui/")],
        [("x-forwarded-host", "evil.example"), ("origin", "http://evil.example")],
    ],
)
def test_a_form_that_comes_from_elsewhere_or_does_not_say_is_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(Refusal) as caught:
        check_origin(_request([("host", "models.example"), *headers]))
    assert caught.value.status == 403
