"""A record on pages: blame, files, pictures, variants, open changes, what each may do; its history."""

from __future__ import annotations

from html import unescape
from shlex import split

import pytest

from modelref_git.operations.pictures import Upload, image_add
from tests.support.http import wire
from tests.support.pages import Pages, signed_in, text_of
from tests.support.pictures import picture
from tests.support.world import CAROL, World, clip

ONE = "/ui/record?category=clip&name=one"


@pytest.mark.long
def test_each_field_says_what_gave_it_its_value_and_each_sees_what_they_may(world: World) -> None:
    first = world.create("clip", "one", clip("one"))
    world.apply(world.approve(first))
    second = world.update("clip", "one", {"/version": "2", "/config/download/0/sha256sum": "FIXME"})
    world.apply(world.approve(second))
    third = world.update("clip", "one", {"/version": "3"})
    with wire(world) as http:
        nobody, nina, carol = Pages(http), signed_in(http, "nina"), signed_in(http, "carol")
        rows = {row.partition("<")[0]: row for row in carol.get(ONE).text.split('<th scope="row"><code>')[1:]}
        assert f"/ui/changes/{second}" in rows["version"].partition("</tr>")[0]
        assert f"/ui/changes/{first}" in rows["description"].partition("</tr>")[0]
        page = carol.get(ONE).text
        assert "“FIXME” stands in its place" in page
        assert "/ui/propose/update?category=clip&amp;name=one" in page
        assert 'href="/model_references/v2/clip/model/one"' in page
        for visitor, open_changes, propose, notes in (
            (nobody, False, False, False),
            (nina, True, False, False),
            (carol, True, True, True),
        ):
            told = visitor.get(ONE).text
            assert (f"/ui/changes/{third}" in told) is open_changes
            assert ("/ui/propose/update" in told) is propose
            assert ("Members alone see them" in told) is notes
        past = text_of(nobody.get("/ui/record/history?category=clip&name=one").text)
        assert past.index("update") < past.index("create")
        assert "approved by arthur#3" in past
        assert "metadata.updated_at" not in past
    with wire(world, read_only=True) as http:
        assert "/ui/propose" not in signed_in(http, "carol").get(ONE).text


@pytest.mark.long
def test_pictures_are_described_and_those_that_are_not_safe_wait_behind_a_word(world: World) -> None:
    uploads = [
        Upload(picture("PNG"), {"prompt": "a <b>castle</b>", "seed": 7}),
        Upload(picture("PNG", 30, 20), {"nsfw_level": 2}),
    ]
    world.apply(world.approve(world.create("clip", "one", clip("one"))))
    world.git("tag", "v0", "main")
    change = image_add(world.context(CAROL), "clip", "one", uploads)["change_id"]
    world.apply(world.approve(change))
    world.git("tag", "v1", "main")
    with wire(world) as http:
        nobody = Pages(http)
        page = nobody.get(ONE).text
        assert 'alt="a &lt;b&gt;castle&lt;/b&gt;"' in page
        assert 'alt="Picture 2 of one"' in page
        hidden = page.partition('class="hidden-picture"')[2].partition("</details>")[0]
        assert 'alt="Picture 2 of one"' in hidden
        assert "castle" not in hidden
        assert page.count('class="hidden-picture"') == 1
        small = page.partition('<img src="/ui/pictures/')[2].partition('"')[0]
        assert nobody.get(f"/ui/pictures/{small}").headers["content-type"] == "image/webp"
        assert 'class="with-picture"' in nobody.get("/ui/dataset/clip").text
        assert 'class="with-picture"' not in nobody.get("/ui/dataset/clip?at=v1").text
    world.apply(world.approve(world.update("clip", "one", {"/pictures": []})))
    with wire(world) as http:
        earlier = Pages(http).get(f"{ONE}&at=v1").text
        assert "/ui/pictures/" not in earlier
        assert "No live record has this picture any more" in earlier


@pytest.mark.long
def test_a_variant_of_a_text_model_leads_to_its_record(world: World) -> None:
    record = {"name": "Author/Some-7B", "parameters": 7_000_000_000}
    world.apply(world.approve(world.create("text_generation", "Author/Some-7B", record, allow=("*",))))
    with wire(world) as http:
        nobody = Pages(http)
        page = nobody.get("/ui/record?category=text_generation&name=Author/Some-7B")
        assert "name=aphrodite%2FAuthor%2FSome-7B" in page.text
        for variant in ("aphrodite/Author/Some-7B", "koboldcpp/Some-7B"):
            page = nobody.get(f"/ui/record?category=text_generation&name={variant}")
            assert page.status_code == 200, variant
            assert '<a href="/ui/record?category=text_generation&amp;name=Author%2FSome-7B">' in page.text
            assert "by carol#2" in page.text


@pytest.mark.long
def test_a_record_of_many_large_fields_makes_no_page_above_its_size(world: World) -> None:
    world.add_category("toys")
    record = {f"field {number}": "&" * 500 for number in range(400)}
    world.apply(world.approve(world.create("toys", "big", record, allow=("*",))))
    with wire(world) as http:
        for path in ("record?", "record/history?", "compare?other_category=clip&other_name=ViT-L/14&"):
            page = Pages(http).get(f"/ui/{path}category=toys&name=big")
            assert page.status_code == 200
            assert len(page.content) < 300_000, path
        assert "and 250 more fields" in Pages(http).get("/ui/record?category=toys&name=big").text


@pytest.mark.long
def test_the_commands_that_are_shown_answer(world: World) -> None:
    for name in ("-odd", "it's one"):
        world.apply(world.approve(world.create("clip", name, clip(name), allow=("*",))))
    with wire(world) as http:
        for name in ("-odd", "it's one"):
            told = unescape(Pages(http).get(f"/ui/record?category=clip&name={name}&at=main").text)
            lines = [part.partition("</pre>")[0] for part in told.split("data-copy>modelref-git ")[1:]]
            assert len(lines) == 3
            for line in lines:
                world.run(*split(line)).ok()
