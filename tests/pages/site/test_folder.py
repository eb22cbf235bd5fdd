"""The folder of a site: only what must be is written, and a broken run is mended by the next one."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelref_git.errors import Conflict
from modelref_git.pages.site.folder import MANIFEST, Page, Written, key_of, write_site
from modelref_git.store.disk import Disk


class PowerCut(BaseException):
    """The end of everything."""


def pages(**texts: str) -> list[Page]:
    return [Page(f"{name}/x.html", key_of(text), lambda text=text: text.encode()) for name, text in texts.items()]


def write(folder: Path, wanted: Iterable[Page], disk: Disk | None = None, *, dry_run: bool = False) -> Written:
    return write_site(folder, wanted, disk=disk or Disk(), progress=lambda: None, dry_run=dry_run)


def held(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def test_only_what_changed_is_made_and_what_is_no_more_goes(tmp_path: Path) -> None:
    assert write(tmp_path / "site", pages(a="1", b="1", c="1")).written == ("a/x.html", "b/x.html", "c/x.html")
    untouched = (tmp_path / "site" / "a" / "x.html").stat()
    made = write(tmp_path / "site", [*pages(a="1", b="2", d="1")])
    assert (made.written, made.removed, made.unchanged) == (("b/x.html", "d/x.html"), ("c/x.html",), 1)
    assert held(tmp_path / "site") == {"a/x.html": "1", "b/x.html": "2", "d/x.html": "1"}
    again = (tmp_path / "site" / "a" / "x.html").stat()
    assert (again.st_ino, again.st_mtime_ns) == (untouched.st_ino, untouched.st_mtime_ns)


def test_a_page_that_somebody_removed_is_written_again(tmp_path: Path) -> None:
    write(tmp_path, pages(a="1"))
    (tmp_path / "a" / "x.html").unlink()
    assert write(tmp_path, pages(a="1")).written == ("a/x.html",)


def test_a_folder_with_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(Conflict):
        write(tmp_path, pages(a="1"))
    assert held(tmp_path) == {"thesis.txt": "years of work"}


@pytest.mark.parametrize("path", ["../thesis.txt", "/etc/passwd", "a/../../thesis.txt", "", "a//b", "./a", "a\0b"])
def test_a_list_that_names_files_outside_removes_nothing_there(tmp_path: Path, path: str) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    folder = tmp_path / "site"
    write(folder, pages(a="1"))
    (folder / MANIFEST).write_text(json.dumps({"format": 1, "files": {path: "x"}}))
    assert write(folder, pages(a="1")).removed == ()
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 2, "files": {}}', '{"format": 1, "files": [1]}'])
def test_with_a_list_that_cannot_be_read_everything_is_made_anew(tmp_path: Path, text: str) -> None:
    write(tmp_path, pages(a="1"))
    (tmp_path / "a" / "x.html").write_text("stale")
    (tmp_path / MANIFEST).write_text(text)
    write(tmp_path, pages(a="1"))
    assert held(tmp_path) == {"a/x.html": "1"}


def test_a_dry_run_tells_and_writes_nothing(tmp_path: Path) -> None:
    assert write(tmp_path / "site", pages(a="1"), dry_run=True).written == ("a/x.html",)
    assert not (tmp_path / "site").exists()


@settings(max_examples=60, deadline=None)
@given(
    states=st.lists(
        st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123"), min_size=1), min_size=2, max_size=5
    ),
    cuts=st.lists(st.integers(0, 9), min_size=5, max_size=5),
)
def test_a_run_that_is_broken_off_anywhere_is_made_good_by_the_next(
    tmp_path_factory: pytest.TempPathFactory, states: list[dict[str, str]], cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("site")
    for state, cut in zip(states[:-1], cuts, strict=False):
        with contextlib.suppress(PowerCut):
            write(folder, pages(**state), Faulty(cut))
    write(folder, pages(**states[-1]))
    assert held(folder) == {f"{name}/x.html": text for name, text in states[-1].items()}


class Faulty(Disk):
    """A disk whose power goes before the write with a number."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self._left = left

    def write_file(self, path: Path, data: bytes, *, mode: int = 0o644, sync: bool = True) -> None:
        self._left -= 1
        if self._left < 0:
            raise PowerCut
        super().write_file(path, data, mode=mode, sync=sync)
