"""The Markdown of a CI's report: what records say stands in it as text, and nothing of it means anything."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from modelref_git.cli.render import sentence
from modelref_git.cli.reports import markdown
from modelref_git.operations.ci.check import check_branch
from tests.support.branches import branch, canonical
from tests.support.world import World, clip

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

EVIL = (
    "a | b | c",
    "`` ` ```\n```",
    "</code></pre><img src=x onerror=alert(1)>",
    "[click](https://evil.example) ![x](https://evil.example/x.png)",
    "https://evil.example www.evil.example @everyone #1 owner/repo#2",
    "**bold** _em_ ~~gone~~ <!-- hidden",
    "| --- |\n# heading\n- list\n> quote",
    "&#96;&lt;b&gt;\\",
    "\u202egnp.exe\u2066 \u200b",
    "$x$ :tada: \r\n::error::fake",
)


class _Page(HTMLParser):
    """The elements of a page, and the texts of its code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.codes: list[str] = []
        self.comments: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [f"{key}={value}" for key, value in attrs]
        self._open.append(tag)
        if tag == "code":
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["code"]:
            self.codes[-1] += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def page(text: str) -> _Page:
    return _Page(RENDERER.render(text))


@given(st.text() | st.sampled_from(EVIL))
@example("\n")
@example("")
def test_a_literal_is_one_piece_of_code_that_says_what_it_is_given(text: str) -> None:
    found = page(f"before {markdown.literal(text)} after\n")
    assert found.tags == ["p", "code"]
    assert found.codes == [sentence(text) or " "]


@given(st.text() | st.sampled_from(EVIL), st.text())
def test_a_literal_stays_in_its_cell(text: str, other: str) -> None:
    table = f"| a | b |\n|---|---|\n| {markdown.literal(text)} | {markdown.literal(other)} |\n"
    found = page(table)
    assert [found.tags.count(tag) for tag in ("tr", "td", "code")] == [2, 2, 2]
    assert found.codes == [sentence(text) or " ", sentence(other) or " "]


@given(st.lists(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1) | st.text("`~ d", min_size=1)))
@example(["```", "after", "`````d"])
def test_nothing_ends_a_block_of_code_from_within(lines: list[str]) -> None:
    found = page(f"{markdown.fenced(lines)}\n\nafter\n")
    assert found.tags == ["pre", "code", "p"]
    assert found.codes == ["".join(f"{line}\n" for line in lines)]


@pytest.mark.parametrize("text", EVIL)
def test_a_report_holds_no_markup_of_a_records(tmp_path: Path, text: str) -> None:
    world = World.make(tmp_path / "dataset", bare=True)
    record = {**clip(), "description": text, "style": text}
    branch(world, {"dataset/clip/ViT-X%2F16.json": canonical("clip", record)})
    report = check_branch(world.context(None), "work")
    assert report.changes[0]["field_diffs"]
    written = "".join(markdown.branch(report))
    found = page(written)
    assert set(found.tags) <= {"h2", "h3", "p", "code", "pre", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert found.attributes in ([], ["class=language-diff"])
    assert found.comments == []
    assert any(sentence(text)[:5] in code or text[:5] in code or "\\u" in code for code in found.codes)


def test_names_and_people_are_text_too(tmp_path: Path) -> None:
    world = World.make(tmp_path / "dataset", bare=True)
    name = "a|b <i>`@me` https://evil.example"
    number = world.create("clip", name, clip(name), allow=("*",))
    refused = "".join(markdown.refused(f"change {number} {name}", name, [{"message": name}]))
    rows = world.run("ci", "merge", "--ids", str(number), actor="arthur#3").ok().json
    for written in (refused, "".join(markdown.merged(rows))):
        found = page(written)
        assert not {"i", "a", "img"} & set(found.tags)
        assert any(name in code for code in found.codes)


def test_what_is_cut_off_is_said(tmp_path: Path) -> None:
    world = World.make(tmp_path / "dataset", bare=True)
    branch(world, {"dataset/clip/ViT-X%2F16.json": canonical("clip", {**clip(), "description": "x" * 50_000})})
    written = "".join(markdown.branch(check_branch(world.context(None), "work")))
    assert "CUT: " in written
    assert len(written) < 10_000


def test_a_comment_to_copy_binds_what_was_seen(tmp_path: Path) -> None:
    from modelref_git.operations.intake import take_in

    world = World.make(tmp_path / "dataset", bare=True)
    made = branch(world, {"dataset/clip/ViT-X%2F16.json": canonical("clip", clip())})
    (outcome,) = take_in(world.context(), [made]).outcomes
    number = outcome.admitted[0]["change_id"]
    written = "".join(markdown.branch(check_branch(world.context(None), made)))
    blob = world.git("rev-parse", f"proposals/{number}:dataset/clip/ViT-X%2F16.json").strip()
    assert f"\n/merge {number}@{blob} TITLE\n" in written
