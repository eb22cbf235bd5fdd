"""The first page and the timeline."""

from __future__ import annotations

import pytest

from tests.support.http import wire
from tests.support.pages import Pages, signed_in, text_of
from tests.support.world import World, clip


def test_the_first_page_tells_each_what_waits_for_them(world: World) -> None:
    number = world.create("clip", "one <b>", clip("one <b>"))
    with wire(world) as http:
        approver, requestor, nobody = signed_in(http, "arthur"), signed_in(http, "carol"), Pages(http)
        page = approver.get("/ui/")
        assert page.status_code == 200
        assert f'<a href="/ui/changes/{number}">{number}</a>' in page.text
        assert "it waits for an approval" in page.text
        assert "one &lt;b&gt;" in page.text
        assert "Nothing waits for you." in requestor.get("/ui/").text
        told = text_of(nobody.get("/ui/").text)
        assert "What waits for you" not in told
        assert "queue at a glance" not in told
        assert "Records by category" in told
        assert "Sign in" in told


def test_a_requestor_sees_what_of_theirs_does_not_merge(world: World) -> None:
    first, second = (world.update("clip", _clip(world), {"/description": text}) for text in ("This.", "That."))
    world.apply(world.approve(first))
    with wire(world) as http:
        page = signed_in(http, "carol").get("/ui/").text
        assert f"/ui/changes/{second}" in page
        assert "it does not merge as it is" in page


def test_a_browser_is_led_from_the_root_to_the_pages(world: World) -> None:
    with wire(world) as http:
        led = http.get("/", None, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert (led.status_code, led.headers["location"]) == (307, "/ui/")
        assert http.get("/", None).json()["message"].startswith("Welcome")


@pytest.mark.long
def test_the_timeline_has_both_histories_and_its_filters_hold(world: World) -> None:
    number = world.create("clip", "one", clip("one"))
    world.apply(world.approve(number))
    with wire(world) as http:
        arthur = signed_in(http, "arthur")
        page = text_of(arthur.get("/ui/audit").text)
        assert "main moved to" in page
        assert "Nobody has verified this copy yet." in page
        world.run("verify").ok()
        assert "every promise that was checked holds" in text_of(arthur.get("/ui/audit").text)
        one = arthur.get(f"/ui/audit?change={number}&action=approve").text
        assert one.count("<li value=") == 1
        assert arthur.get("/ui/audit?action=nonsense").status_code == 422
        assert arthur.get("/ui/audit?before=x").status_code == 422
        assert Pages(http).get("/ui/audit").headers["location"].startswith("/ui/sign-in?next=")
    with wire(world, audit=False) as http:
        assert signed_in(http, "arthur").get("/ui/audit").status_code == 503


def _clip(world: World) -> str:
    name: str = world.run("ls", "clip").ok().json[0]
    return name
