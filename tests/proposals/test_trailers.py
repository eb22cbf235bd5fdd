from __future__ import annotations

import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelref_git.errors import IntegrityFailure
from modelref_git.proposals import trailers

NASTY = [
    *(
        "",
        " ",
        "plain",
        " ends ",
        '"quoted"',
        '"',
        "a\nb",
        "a\r\nb",
        "a\n\nActor: mallory#9",
        "\u2028",
        "\u0085",
        "\x00",
    ),
    *(
        "\u202egnp",
        "tab\t",
        "Actor: mallory#9",
        "---",
        "# comment",
        "\\",
        "\ud800",
        "💃",
        "e\u0301",
        "\u3000x",
        "x\u00a0",
    ),
    *("Signed-off-by: x", "(cherry picked from commit abc)", "\x1b[31mred", "a: b: c", "%s", "-----BEGIN"),
]
texts = st.one_of(st.sampled_from(NASTY), st.text(), st.text(alphabet='\n\r :-#"\\aA\u2028\u0085'))
keys = st.sampled_from(["Event", "Event-Id", "Title", "Reason", "Note", "Name", "Actor"])
rows = st.lists(st.tuples(keys, texts), min_size=1, max_size=6)


@given(texts)
def test_a_value_comes_back_and_stays_in_its_line(text: str) -> None:
    encoded = trailers.encode_value(text)
    assert trailers.decode_value(encoded) == text
    assert len(encoded.splitlines()) == 1
    assert encoded == encoded.strip() != ""


@given(texts)
def test_a_quoted_text_never_breaks_the_line(text: str) -> None:
    assert len(trailers.quoted(text).splitlines()) == 1
    assert trailers.quoted("plain name") == '"plain name"'


@given(texts, st.lists(texts.map(trailers.quoted), max_size=3), rows)
def test_trailers_are_read_as_they_were_written(subject: str, body: list[str], pairs: list[tuple[str, str]]) -> None:
    message = trailers.message(f"x: {trailers.quoted(subject)}", body, pairs)
    assert trailers.read(message) == pairs


@settings(max_examples=60)
@example("s", ["a"], [("Title", "x\nActor: mallory#9"), ("Actor", "a#1")])
@example("s", [], [("Title", "---"), ("Note", "# x")])
@given(texts, st.lists(texts.map(trailers.quoted), max_size=2), rows)
def test_git_reads_the_same_trailers(subject: str, body: list[str], pairs: list[tuple[str, str]]) -> None:
    message = trailers.message(f"x: {trailers.quoted(subject)}", body, pairs)
    done = subprocess.run(
        ["git", "interpret-trailers", "--parse", "--no-divider"],
        input=message.encode("utf-8"),
        capture_output=True,
        check=True,
    )
    lines = done.stdout.decode("utf-8").removesuffix("\n").split("\n")
    found = [(key, trailers.decode_value(value)) for key, _, value in (line.partition(": ") for line in lines)]
    assert found == pairs


@pytest.mark.parametrize(
    "message",
    [
        "subject only\n",
        "subject\n\nno trailer here\n",
        "subject\n\nTitle: x\nand a line\n",
        "subject\n\nTitle: x\n\nlast words\n",
        "",
    ],
)
def test_a_message_whose_last_paragraph_is_no_block_has_none(message: str) -> None:
    assert trailers.read(message) == []


@pytest.mark.parametrize("value", ['"', '"open', '"a" b', '"\\x"'])
def test_a_value_that_begins_like_a_string_and_is_none_is_refused(value: str) -> None:
    with pytest.raises(IntegrityFailure):
        trailers.read(f"x: y\n\nTitle: {value}\n")
