"""The manual as a site: every page has its place, links lead somewhere in it, and nothing comes from another host."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.session import CHECKOUT, blocks

DOCS = CHECKOUT / "docs"
CONFIG = CHECKOUT / "mkdocs.yml"
_EMPTY_PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000000000500016dd28ab4"
    "0000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = spec_from_file_location("manual_hooks", DOCS / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _in_navigation() -> list[str]:
    _, found, navigation = CONFIG.read_text(encoding="utf-8").partition("\nnav:\n")
    assert found
    return re.findall(r"(?:- |: )([\w/-]+\.md)$", navigation, re.MULTILINE)


def test_every_page_stands_in_the_navigation_once(hooks: ModuleType) -> None:
    listed = _in_navigation()
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    decisions = {page for page in pages if page.startswith("adr/0")}
    assert sorted(listed) == sorted({*pages, *hooks.OUTSIDE.values()} - decisions)


@pytest.mark.parametrize(
    ("link", "place", "wanted"),
    [
        ("[a](b.md#c)", "a.md", "[a](b.md#c)"),
        ("[a](../README.md#c)", "a.md", "[a](project/readme.md#c)"),
        ("[a](../../README.md)", "adr/0001.md", "[a](../project/readme.md)"),
        ("[a](docs/audit.md)", "project/readme.md", "[a](../audit.md)"),
        ("[a](docs/adr)", "project/readme.md", "[a](../adr/README.md)"),
        ("[a](CHANGELOG.md)", "project/readme.md", "[a](changelog.md)"),
        ("![a](diagrams/x.svg)", "design.md", "![a](diagrams/x.svg)"),
        ("[`a`](../LICENSE)", "a.md", "`a`"),
        ("[a](docs/hooks.py)", "project/contributing.md", "a"),
        ("[a](https://models.example/b.md)", "a.md", "[a](https://models.example/b.md)"),
        ("[a](#b)", "a.md", "[a](#b)"),
        ("```python\nx = [a](../LICENSE)\n```\n", "a.md", "```python\nx = [a](../LICENSE)\n```\n"),
    ],
)
def test_a_link_of_the_repository_becomes_one_of_the_site(
    hooks: ModuleType, link: str, place: str, wanted: str
) -> None:
    assert hooks.rewritten(link, place, CHECKOUT) == wanted


def test_what_is_no_page_is_linked_to_where_the_repository_is_shown(hooks: ModuleType) -> None:
    at = "https://git.example/models"
    assert hooks.rewritten("[a](../LICENSE)", "a.md", CHECKOUT, at) == f"[a]({at}/blob/HEAD/LICENSE)"


def test_the_workflow_builds_it_as_people_are_told_to_and_pins_what_it_uses() -> None:
    workflow = (CHECKOUT / ".github" / "workflows" / "manual.yml").read_text(encoding="utf-8")
    told = next(block.text for block in blocks(CHECKOUT / "CONTRIBUTING.md") if "mkdocs build" in block.text)
    run = [line.removeprefix(".venv/bin/") for line in re.findall(r"run: (.*)", workflow)]
    assert set(told.splitlines()) <= set(run)
    used = re.findall(r"uses: (.*)", workflow)
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", one) for one in used)
    assert "path: build/manual" in workflow
    assert "site_dir: build/manual\n" in CONFIG.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, hooks: ModuleType) -> Path:
    """What the manual is made of, with an empty picture for each screenshot."""
    folder = tmp_path_factory.mktemp("manual")
    shutil.copytree(DOCS, folder / "docs", ignore=shutil.ignore_patterns("__pycache__", hooks.SCREENSHOTS))
    for path in (CONFIG, *(CHECKOUT / name for name in hooks.OUTSIDE)):
        shutil.copy(path, folder)
    (folder / "docs" / hooks.SCREENSHOTS).mkdir()
    for name in hooks.screenshots_in(DOCS):
        (folder / "docs" / hooks.SCREENSHOTS / name).write_bytes(_EMPTY_PICTURE)
    return folder


def build(folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-d", "site"],
        cwd=folder,
        capture_output=True,
        check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )


@pytest.mark.long
def test_the_strict_build_has_every_page_and_nothing_from_another_host(checkout: Path) -> None:
    done = build(checkout)
    assert done.returncode == 0, done.stderr.decode()
    assert b"WARNING" not in done.stderr
    assert b"contains a link" not in done.stderr
    site = checkout / "site"
    for page in _in_navigation():
        place = page.replace("README.md", "index.md").removesuffix(".md")
        assert (site / place).with_suffix(".html").is_file() or (site / place / "index.html").is_file(), page
    fetched = re.compile(r"<(?:script|img|iframe|link|source)\b[^>]*?(?:src|href)=[\"']?((?:https?:)?//[^\"' >]+)")
    for path in site.rglob("*.html"):
        found = set(fetched.findall(path.read_text(encoding="utf-8")))
        assert found == set(), path
    for path in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//|@import", path.read_text(encoding="utf-8")), path
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    assert any("fast-forward" in row["text"] for row in index["docs"])
    assert not list(site.rglob("hooks*"))


@pytest.mark.long
def test_a_link_to_nowhere_and_a_page_without_a_place_break_the_build(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(checkout, folder, ignore=shutil.ignore_patterns("site"))
    (folder / "docs" / "lost.md").write_text("# Lost\n\n[x](audit.md#nowhere)\n", encoding="utf-8")
    done = build(folder)
    assert done.returncode != 0
    assert b"lost.md" in done.stderr
    assert b"#nowhere" in done.stderr


@pytest.mark.long
def test_without_the_screenshots_the_build_says_how_to_make_them(
    checkout: Path, tmp_path: Path, hooks: ModuleType
) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(checkout, folder, ignore=shutil.ignore_patterns("site", hooks.SCREENSHOTS))
    (folder / "docs" / "audit.md").write_text("# Audit\n\n![the queue](screenshots/queue.png)\n", encoding="utf-8")
    done = build(folder)
    assert done.returncode != 0
    assert b"python -m tests.docs.screenshots docs/screenshots" in done.stderr
