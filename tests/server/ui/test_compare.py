"""The comparison and the commits on pages."""

from __future__ import annotations

import pytest

from tests.support.http import wire
from tests.support.pages import Pages, signed_in, text_of
from tests.support.world import World, clip


@pytest.mark.long
def test_revisions_and_records_are_compared(world: World) -> None:
    start = world.git("rev-parse", "main").strip()
    world.apply(world.approve(*(world.create("clip", name, clip(name)) for name in ("one", "two"))))
    world.apply(world.approve(world.update("clip", "one", {"/description": "Changed <b>."})))
    with wire(world) as http:
        nobody = Pages(http)
        page = text_of(nobody.get(f"/ui/compare?old={start}").text)
        assert "+ 2 added ~ 0 changed" in page
        page = nobody.get("/ui/compare?old=main~1&new=main&category=clip&net=modified").text
        assert "Changed &lt;b&gt;." in page
        assert "description" in page
        assert "No record differs." in nobody.get("/ui/compare?old=main&new=main").text
        both = "/ui/compare?category=clip&name=one"
        assert "fields differ" in nobody.get(f"{both}&other_name=two").text
        states = nobody.get(f"{both}&at=main~1").text
        assert "1 field differs" in states
        assert "An encoder of pictures and words." in states
        assert "They are the same in every field." in nobody.get(f"{both}&other_at=main").text
        assert 'value="one"' in nobody.get(both).text
        missing = nobody.get(f"{both}&other_name=tow").text
        assert "clip has no record &#39;tow&#39;" in missing
        assert nobody.get("/ui/compare?old=nowhere").status_code == 404
        assert nobody.get("/ui/compare?old=main&category=klip").status_code == 404
        assert nobody.get("/ui/compare?old=main:x").status_code == 422
        assert nobody.get("/ui/compare?old=main&net=odd").status_code == 422


@pytest.mark.long
def test_commits_of_main_are_for_everybody_and_the_log_for_who_signed_in(world: World) -> None:
    number = world.create("clip", "one", clip("one"))
    policy, queue = (world.git("rev-parse", branch).strip() for branch in ("main", "queue"))
    world.apply(world.approve(number, title="A <title>"))
    main = world.git("rev-parse", "main").strip()
    with wire(world) as http:
        nobody, nina, arthur = Pages(http), signed_in(http, "nina"), signed_in(http, "arthur")
        page = nobody.get(f"/ui/commits/{main}")
        assert "A &lt;title&gt;" in page.text
        assert f"name=one&amp;at={main}" in page.text
        assert "/ui/changes/" not in page.text
        statuses = {
            (oid, who): visitor.get(f"/ui/commits/{oid}").status_code
            for oid in (main, queue, policy, world.git("rev-parse", "main^{tree}").strip(), "0" * 40)
            for who, visitor in (("nobody", nobody), ("nina", nina), ("arthur", arthur))
        }
        assert {who for (oid, who), status in statuses.items() if oid == queue and status == 200} == {"nina", "arthur"}
        assert {who for (oid, who), status in statuses.items() if oid == policy and status == 200} == {"arthur"}
        others = [status for (oid, _), status in statuses.items() if oid not in (main, queue, policy)]
        assert others == [404] * 6
        assert arthur.get("/ui/commits/main").status_code == 422
        assert f"/ui/changes/{number}" in arthur.get(f"/ui/commits/{queue}").text
    with wire(world, audit=False) as http:
        assert signed_in(http, "arthur").get(f"/ui/commits/{queue}").status_code == 404
