"""The pages that are made from the program are those of today."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs import generated


def test_every_page_is_up_to_date() -> None:
    assert generated.main(["--check"]) == 0


def test_a_page_that_is_out_of_date_is_named_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    monkeypatch.setattr(generated, "PAGES", {page: lambda: "today\n"})
    drawing = tmp_path / "drawings" / "one.svg"
    drawing.parent.mkdir()
    stale = drawing.with_name("stale.svg")
    stale.touch()
    monkeypatch.setattr(generated, "FOLDERS", {drawing.parent: lambda: {drawing: "<svg/>\n"}})
    assert generated.main(["--check"]) == 1
    assert not page.exists()
    assert stale.exists()
    assert generated.main([]) == 0
    assert page.read_text(encoding="utf-8") == "today\n"
    assert list(drawing.parent.iterdir()) == [drawing]
    assert generated.main(["--check"]) == 0
    assert capsys.readouterr().out == "page.md\nstale.svg\none.svg\n" * 2
