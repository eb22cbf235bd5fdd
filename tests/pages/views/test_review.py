from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from modelref_git.operations.changes import Filters
from modelref_git.operations.hold import hold
from modelref_git.pages.links import ServiceLinks
from modelref_git.pages.rendering import Frame, Reader, render
from modelref_git.pages.site.links import Places, SiteLinks
from modelref_git.pages.views.batch import acting_view, batch_view
from modelref_git.pages.views.batches import batches_view
from modelref_git.pages.views.change import change_view
from modelref_git.pages.views.queue import Draft, collision_view, collisions, queue_view
from tests.support.world import ARTHUR, World, clip

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(1)>\"' onmouseover=alert(1) x='"
READER = Reader("arthur#3", "3", is_member=True, is_requestor=True, is_approver=True, csrf="c")

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Hostile text wherever people write: an applied batch 3, an open one 4, and pending changes."""
    made = World.make(tmp_path_factory.mktemp("views") / "world")
    name = HOSTILE.replace("/", "|")
    record = clip(name, description=HOSTILE, homepage="https://models.example/")
    made.apply(made.approve(made.create("clip", name, record, note=HOSTILE, allow=("*",)), title=HOSTILE[:110]))
    again = made.update("clip", name, {"/description": f"{HOSTILE} again", "/version": HOSTILE})
    made.approve(again, title=HOSTILE[:110])
    made.update("clip", name, {"/description": f"{HOSTILE} {HOSTILE}", "/tags": [HOSTILE]})
    held = made.update("clip", name, {"/version": f"{HOSTILE} 2"})
    hold(made.context(ARTHUR), [held], reason=HOSTILE)
    return made


def pages(world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    ctx = world.context(ARTHUR)
    links: dict[str, Any] = {"first": None, "more": None, "here": "/ui/queue"}
    draft = Draft({5: "approve", 3: "reject"}, {5: "0" * 40}, {5: HOSTILE}, HOSTILE, HOSTILE)
    faults = [{"path": HOSTILE, "message": HOSTILE}]
    yield "queue.html", {**queue_view(ctx, Filters(), after=0, draft=draft, faults=faults), **links}
    yield "collision.html", {**collision_view(ctx, draft, collisions(ctx, draft)), **links}
    for number in (3, 4, 5, 6):
        shown = change_view(ctx, number, policy_too=True, audit=True, draft=draft, faults=faults, tried="reject")
        yield "change.html", shown
    yield "batches.html", {**batches_view(ctx), **links}
    yield "batch.html", {**acting_view(ctx, 3, revert=True, title=HOSTILE, faults=faults), **links}
    yield "batch.html", {**acting_view(ctx, 4), **links}


def test_whatever_people_write_shows_as_text_on_every_page(world: World) -> None:
    for template, values in pages(world):
        page = render(template, Frame(ServiceLinks(), READER), values).decode()
        assert "alert(1)" in page, template
        assert "<script>alert" not in page
        tags = re.findall(r"<[^>]*>", page)
        assert not any(re.search(r"\son\w+=|\sstyle=|javascript:", re.sub(r'"[^"]*"', '""', tag)) for tag in tags)
        assert not any("<img" in tag and "src=x" in tag for tag in tags)


def test_each_page_has_one_heading_a_label_for_every_field_and_no_id_twice(world: World) -> None:
    for template, values in pages(world):
        page = render(template, Frame(ServiceLinks(), READER), values).decode()
        assert page.count("<h1") == 1
        ids = re.findall(r'\sid="([^"]*)"', page)
        assert len(ids) == len(set(ids)), template
        labelled = set(re.findall(r'<label[^>]* for="([^"]*)"', page))
        for field in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page):
            if not re.search(r'type="(hidden|radio|checkbox)"', field):
                assert re.search(r'id="([^"]*)"', field)[1] in labelled, field  # type: ignore[index]
        for named in re.findall(r'aria-(?:describedby|labelledby)="([^"]*)"', page):
            assert set(named.split()) <= set(ids), (template, named)


def test_batches_are_pages_of_a_static_site_too(world: World) -> None:
    ctx = world.context("nobody#")
    frame = Frame(SiteLinks("batches/3.html", Places()))
    for template, values in (
        ("batches.html", batches_view(ctx, applied_only=True)),
        ("batch.html", batch_view(ctx, 3)),
    ):
        page = render(template, frame, values).decode()
        assert "<form" not in page
        assert "/ui/" not in page
