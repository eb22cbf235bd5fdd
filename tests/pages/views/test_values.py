from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.pages.views.values import LONGEST, SHORTEST, Budget, beginning, host_of, telling, web_address
from modelref_git.records.diff import field_diffs


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        " https://models.example/a",
        "https://models.example/a\u202egpj.exe",
        "data:text/html,x",
        "ftp://models.example/a",
        "//models.example/a",
        "https:///nowhere",
        "http://[::1",
        "https://",
        "",
        None,
        7,
    ],
)
def test_a_browser_is_sent_to_nothing_but_web_addresses(text: Any) -> None:
    assert web_address(text) is None
    assert host_of(text) is None


@pytest.mark.parametrize(
    "text", ["https://models.example/a?b=c#d", "HTTP://models.example", "http://models.example:80/"]
)
def test_web_addresses_are_links_and_have_a_host(text: str) -> None:
    assert web_address(text) == text
    assert host_of(text) == "models.example"


@given(st.lists(st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.lists(st.text())), max_size=30))
def test_a_page_shows_no_more_of_values_than_its_budget(values: list[Any]) -> None:
    budget = Budget(characters=100)
    shown = [budget.value(value) for value in values]
    assert all(isinstance(one, type(value) | str) for one, value in zip(shown, values, strict=True))
    spent = sum(len(one) for one in shown if isinstance(one, str))
    assert spent <= 100 + SHORTEST + 2 + (SHORTEST + 2) * len(values)


def test_a_long_value_is_cut_and_says_so() -> None:
    shown = Budget().value("x" * (LONGEST + 1))
    assert shown == "x" * LONGEST + " …"
    assert beginning("a\n b" + "c" * 20, 6) == "a bccc …"
    assert beginning(["a"], 6) == ""


def test_stamps_are_told_only_where_nothing_else_differs() -> None:
    old, new = {"metadata": {"updated_at": 1}, "name": "a"}, {"metadata": {"updated_at": 2}, "name": "b"}
    assert [item.dotted for item in telling(field_diffs(old, new))] == ["name"]
    assert [item.dotted for item in telling(field_diffs(old, {**old, "metadata": {"updated_at": 2}}))] == [
        "metadata.updated_at"
    ]


def test_of_many_differences_some_are_shown_and_the_others_counted() -> None:
    budget = Budget(rows=70)
    diffs = field_diffs(None, {f"field{number:03}": number for number in range(100)})
    told = [budget.differences(diffs) for _ in range(3)]
    assert [(len(one["rows"]), one["more"]) for one in told] == [(60, 40), (10, 90), (3, 97)]
