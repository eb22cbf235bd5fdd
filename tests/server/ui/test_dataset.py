"""The dataset on pages: categories, records, the search, revisions, and what is not there."""

from __future__ import annotations

import pytest

from tests.support.http import wire
from tests.support.pages import Pages, signed_in, text_of
from tests.support.world import World, clip

MARKUP = "<img src=x onerror=alert(1)>'\"&"


def test_anybody_finds_a_record_and_reads_it_and_markup_in_it_is_text(world: World) -> None:
    record = clip("a/b <i>", description=MARKUP, version="javascript:alert(1)")
    world.apply(world.approve(world.create("clip", "a/b <i>", record, allow=("*",))))
    with wire(world) as http:
        nobody = Pages(http)
        page = nobody.get("/ui/dataset")
        assert '<a href="/ui/dataset/clip">clip</a>' in page.text
        found = nobody.get("/ui/dataset?q=ONERROR")
        assert "1 record" in text_of(found.text)
        link = "/ui/record?category=clip&amp;name=a%2Fb+%3Ci%3E"
        assert link in found.text
        shown = nobody.get(link.replace("&amp;", "&"))
        assert shown.status_code == 200
        assert "<img src=x" not in shown.text + found.text
        assert "<i>" not in shown.text
        assert MARKUP in text_of(shown.text)
        assert 'href="javascript' not in shown.text
        told = text_of(shown.text)
        assert "by carol#2" in told
        assert "ab" * 32 in told
        assert "models.example" in told
        assert "Propose" not in told
        assert "Notes" not in told
        assert "/ui/changes/" not in shown.text
        assert "modelref-git get clip 'a/b <i>'" in told
        lost = nobody.get("/ui/record?category=clip&name=a/c")
        assert lost.status_code == 404
        assert nobody.get("/ui/record?category=klip&name=x").status_code == 404


@pytest.mark.long
def test_filters_are_those_of_the_api_and_pages_lead_on(world: World) -> None:
    numbers = [
        world.create("lora", f"l{number:02}", {**_lora(f"l{number:02}"), "tags": ["x", "y"] if number % 2 else ["x"]})
        for number in range(60)
    ]
    world.apply(world.approve(*numbers))
    with wire(world) as http:
        nobody = Pages(http)

        def total(query: str, category: str = "/lora") -> str:
            page = nobody.get(f"/ui/dataset{category}?{query}")
            assert page.status_code == 200, page.text
            return text_of(page.text.partition('role="status">')[2].partition("</p>")[0]).partition(" ")[0]

        assert total("") == "60"
        assert total("tags_all=x,y") == total("tags_all=x&tags_all=y") == "30"
        assert total("tags_any=y,z") == "30"
        assert total("tags_none=y") == "30"
        assert total("name_contains=L0") == "10"
        assert total("q=l0+the") == total("q=THE+l0") == "10"
        assert total("nsfw=true") == "0"
        assert total("nsfw=false&baseline=b") == "60"
        assert total("name_contains=l0", "") == "10"
        first = nobody.get("/ui/dataset/lora?sort_by=name&sort_desc=true&tags_any=x")
        assert first.text.index(">l59<") < first.text.index(">l58<")
        after = first.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        last = nobody.get(after)
        assert ">l09<" in last.text
        assert ">l10<" not in last.text
        assert 'rel="next"' not in last.text
        assert 'value="x"' in last.text
        for bad in ("sort_by=nonsense", "nsfw=perhaps", "offset=-1", "at=main:x", f"q={'x' * 201}"):
            assert nobody.get(f"/ui/dataset/lora?{bad}").status_code == 422, bad
        assert nobody.get("/ui/dataset/clip?inpainting=true").status_code == 422


@pytest.mark.long
def test_every_page_shows_the_dataset_as_it_was_at_a_revision(world: World) -> None:
    number = world.create("clip", "one", clip("one", description="First."))
    world.apply(world.approve(number, title="Secret title"))
    world.git("tag", "v1", "main")
    world.apply(
        world.approve(
            world.update("clip", "one", {"/description": "Second."}), world.create("clip", "two", clip("two"))
        )
    )
    with wire(world) as http:
        nobody, arthur = Pages(http), signed_in(http, "arthur")
        for path in ("/ui/dataset/clip?at=v1", "/ui/dataset?q=first&at=v1", "/ui/record?category=clip&name=one&at=v1"):
            page = nobody.get(path)
            assert "First." in page.text
            assert "as it was at" in page.text
            assert "Second." not in page.text
            assert "at=v1" in page.text.partition("<main")[2]
        assert ">two<" not in nobody.get("/ui/dataset/clip?at=v1").text
        today = nobody.get("/ui/dataset/clip").text
        assert '<option value="v1">' in today
        assert "batch 3" in today
        assert "Secret title" not in today
        assert "Secret title" in arthur.get("/ui/dataset/clip").text
        gone = nobody.get("/ui/record?category=clip&name=two&at=v1")
        assert gone.status_code == 404
        assert "It is there" in gone.text
        assert nobody.get("/ui/dataset?at=nowhere").status_code == 404
        queue = world.git("rev-parse", "queue").strip()
        assert nobody.get(f"/ui/dataset?at={queue}").status_code == 404
        assert "Propose" not in text_of(
            signed_in(http, "carol").get("/ui/record?category=clip&name=one&at=v1").text.partition("<main")[2]
        )


@pytest.mark.long
def test_what_is_not_there_is_told_with_what_is_like_it(world: World) -> None:
    world.apply(world.approve(world.create("clip", "Openclip", clip("Openclip"))))
    world.apply(world.approve(world.delete("clip", "Openclip")))
    with wire(world) as http:
        nobody = Pages(http)
        page = nobody.get("/ui/record?category=clip&name=Openclip")
        assert (page.status_code, "its history" in page.text) == (404, True)
        assert nobody.get("/ui/record/history?category=clip&name=Openclip").status_code == 200
        page = nobody.get("/ui/record?category=clip&name=vit-l/14")
        assert "name=ViT-L%2F14" in page.text
        page = nobody.get("/ui/dataset/klip")
        assert (page.status_code, '<a href="/ui/dataset/clip">' in page.text) == (404, True)
        assert nobody.get("/ui/record/history?category=clip&name=never").status_code == 404
        assert nobody.get("/ui/record?category=clip&name=%00").status_code == 404
        assert nobody.get("/ui/record").status_code == 422


def _lora(name: str) -> dict[str, object]:
    return {**clip(name, description="One of the many."), "baseline": "b", "nsfw": False}
