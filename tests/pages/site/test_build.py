"""A site of a whole dataset: every link leads somewhere, and a second run does only what it must."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from modelref_git.operations.import_options import ImportOptions
from modelref_git.operations.import_records import import_source
from modelref_git.pages.site.folder import MANIFEST
from tests.support.world import World, clip

HOSTILE = 'a/b "<script>alert(1)</script>" 100% #?&.html'


class Links(HTMLParser):
    """What a page links to, loads and can be linked to."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: set[str] = set()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("href", "src", "action", "data-index") and value is not None:
                self.addresses.append(value)
            elif name == "id" and value:
                self.ids.add(value)
            assert not name.startswith("on"), (tag, name)
            assert name != "style", tag


def read(folder: Path) -> dict[str, Links]:
    found = {}
    for path in filter(Path.is_file, folder.rglob("*.html")):
        links = found[str(path.relative_to(folder))] = Links()
        links.feed(path.read_text())
    return found


def broken(folder: Path) -> list[str]:
    """Links of the site that lead nowhere."""
    pages, faults = read(folder), []
    for name, page in pages.items():
        for address in page.addresses:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if parts.scheme not in ("http", "https"):
                    faults.append(f"{name}: {address}")
                continue
            target = os.path.normpath(Path(name).parent / unquote(parts.path)) if parts.path else name
            if not (folder / target).is_file():
                faults.append(f"{name}: {address}")
            elif parts.fragment and unquote(parts.fragment) not in pages[target].ids:
                faults.append(f"{name}: {address} has no such place")
    return faults


def state(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    rows = ((path, path.stat()) for path in found)
    return {str(path.relative_to(folder)): (row.st_ino, row.st_mtime_ns, path.read_bytes()) for path, row in rows}


def lived_in(world: World) -> None:
    """Batches, a record that went, one that was often changed, names that are hard to write."""
    first = world.create("clip", HOSTILE, clip(HOSTILE, description="<img src=x onerror=alert(1)> & more"))
    second = world.create("clip", "gone", clip("gone"))
    world.apply(world.approve(first, second, title="<b>one</b>"))
    for number in range(23):
        world.clock.tick()
        world.apply(world.approve(world.update("clip", HOSTILE, {"/version": str(number)}), title=f"{number}"))
    world.apply(world.approve(world.delete("clip", "gone")))
    many = [world.create("clip", f"many {number}", clip(f"many {number}")) for number in range(60)]
    world.apply(world.approve(*many, title="many"))


def test_the_starter_dataset_becomes_a_site_and_a_second_run_writes_nothing(world: World, tmp_path: Path) -> None:
    world.apply(world.approve(world.create("clip", HOSTILE, clip(HOSTILE))))
    first = world.run("site", str(tmp_path / "site")).ok().json
    assert first["written"] == first["files"] > 50
    assert broken(tmp_path / "site") == []
    before = state(tmp_path / "site")
    again = world.run("site", str(tmp_path / "site")).ok().json
    assert (again["written"], again["removed"], again["unchanged"]) == (0, 0, first["files"])
    assert state(tmp_path / "site") == before


@pytest.mark.long
def test_a_dataset_with_a_past_has_no_broken_link_and_nothing_hidden(world: World, tmp_path: Path) -> None:
    lived_in(world)
    waiting = world.create("clip", "waiting", clip("waiting", description="A waiting secret."), note="not yet")
    world.run("note", "add", "clip", HOSTILE, "a remark of ours").ok()
    folder = tmp_path / "site"
    world.run("site", str(folder)).ok()
    assert broken(folder) == []
    everything = b"".join(content for _, _, content in state(folder).values())
    assert b"a remark of ours" not in everything
    assert b"waiting secret" not in everything
    assert f"#change-{waiting}".encode() not in everything
    assert b"carol@people.example" not in everything
    shown = b"".join(content for path, (_, _, content) in state(folder).items() if path.endswith(".html"))
    assert b"<script>alert" not in shown
    assert b"<img src=x" not in shown
    assert not any({"iframe", "object", "embed", "base"} & page.tags for page in read(folder).values())


@pytest.mark.long
def test_after_an_apply_only_the_pages_that_tell_of_it_are_written(world: World, tmp_path: Path) -> None:
    lived_in(world)
    folder = tmp_path / "site"
    world.run("site", str(folder)).ok()
    before = state(folder)
    batch = world.approve(world.update("clip", "many 7", {"/version": "7.1"}))
    world.apply(batch)
    head = world.refs()["refs/heads/main"]
    answer = world.run("site", str(folder)).ok().json
    after = state(folder)
    written = {path for path, row in after.items() if before.get(path, (0, 0))[:2] != row[:2]}
    assert answer["written"] == len(written)
    assert written == {
        "index.html",
        "batches/index.html",
        f"batches/{batch}.html",
        f"commits/{head}.html",
        "records/clip/many%207.html",
        "histories/clip/many%207.html",
        "dataset/clip/index.html",
        "search/clip.1.json",
    }
    fresh = tmp_path / "fresh"
    world.run("site", str(fresh)).ok()
    assert {path: row[2] for path, row in state(fresh).items()} == {path: row[2] for path, row in after.items()}
    # What is no more goes: the page of a record becomes that of its history.
    world.apply(world.approve(world.delete("clip", "many 7")))
    world.run("site", str(folder)).ok()
    assert broken(folder) == []
    world.run("site", str(tmp_path / "fresh 2")).ok()
    assert {path: row[2] for path, row in state(tmp_path / "fresh 2").items()} == {
        path: row[2] for path, row in state(folder).items()
    }


@pytest.mark.long
def test_the_real_dataset_has_no_broken_link_and_every_record_can_be_found(
    empty_world: World, tmp_path: Path, real_data: Path
) -> None:
    import_source(empty_world.context(), real_data / "image-legacy", ImportOptions())
    folder = tmp_path / "site"
    empty_world.run("site", str(folder)).ok()
    assert broken(folder) == []
    lists = json.loads((folder / "search" / "index.json").read_bytes())["lists"]
    rows = [row for one in lists for row in json.loads((folder / one["file"]).read_bytes())["rows"]]
    assert len(rows) == 194
    assert all((folder / unquote(row["page"])).is_file() for row in rows)


def test_a_folder_of_somebody_elses_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "thesis.txt").write_text("years of work")
    refused = world.run("site", str(tmp_path / "site"))
    assert refused.code == 4
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["thesis.txt"]
    dry = world.run("site", str(tmp_path / "new"), "--dry-run").ok().json
    assert dry["dry_run"] is True
    assert not (tmp_path / "new").exists()
