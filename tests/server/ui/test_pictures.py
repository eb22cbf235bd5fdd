from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelref_git.operations.closing import withdraw
from modelref_git.operations.pictures import Upload, image_add, image_remove
from modelref_git.server.live_pictures import live_pictures
from tests.support.http import Wire, wire
from tests.support.pages import Pages, signed_in, text_of
from tests.support.pictures import picture
from tests.support.world import CAROL, World, clip

DATA = picture("PNG", 40, 30)
NAME = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Wire]:
    """A world with a live record, and a proposal that gives it a picture: change 4."""
    world = World.make(tmp_path / "world")
    world.apply(world.approve(world.create("clip", "m1", clip("m1"))))
    upload = Upload(DATA, {"prompt": 'a "cat"><script>alert(1)</script>', "nsfw_level": 2})
    assert image_add(world.context(CAROL), "clip", "m1", [upload])["change_id"] == 4
    with wire(world) as served:
        yield served


def test_a_proposed_picture_is_seen_by_whoever_is_signed_in_and_a_live_one_by_everybody(http: Wire) -> None:
    nina, nobody = signed_in(http, "nina"), Pages(http)
    page = nina.get("/ui/changes/4").text
    assert f'src="/ui/pictures/{NAME}/thumbnail?change=4"' in page
    assert "<script>alert" not in page
    assert "NSFW 2" in text_of(page)
    answer = nina.get(f"/ui/pictures/{NAME}?change=4")
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"].startswith("private, max-age=31536000")
    assert nina.get(f"/ui/pictures/{NAME}").status_code == 404
    assert nobody.get(f"/ui/pictures/{NAME}").status_code == 404
    assert nobody.get(f"/ui/pictures/{NAME}?change=4").status_code == 303
    http.world.apply(http.world.approve(4))
    assert nobody.get(f"/ui/pictures/{NAME}").content == DATA


@pytest.mark.long
def test_a_thumbnail_is_small_and_kept(http: Wire) -> None:
    nina = signed_in(http, "nina")
    answer = nina.get(f"/ui/pictures/{NAME}/thumbnail?change=4&side=16")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert answer.content[8:12] == b"WEBP"
    nina.headers["if-none-match"] = answer.headers["etag"]
    assert nina.get(f"/ui/pictures/{NAME}/thumbnail?change=4&side=16").status_code == 304


@pytest.mark.long
def test_a_picture_that_no_live_record_and_no_open_proposal_names_is_nobodys(http: Wire) -> None:
    nina, nobody = signed_in(http, "nina"), Pages(http)
    withdraw(http.world.context(CAROL), [4])
    assert nina.get(f"/ui/pictures/{NAME}?change=4").status_code == 404
    page = nina.get("/ui/changes/4").text
    assert "<img" not in page.partition("<main")[2]
    world = http.world
    image_add(world.context(CAROL), "clip", "m1", [Upload(DATA)])
    world.apply(world.approve(5))
    assert nobody.get(f"/ui/pictures/{NAME}").status_code == 200
    gone = image_remove(world.context(CAROL), "clip", "m1", [NAME])["change_id"]
    assert "removed" in text_of(nina.get(f"/ui/changes/{gone}").text)
    world.apply(world.approve(gone))
    # The file stays in the tree, as history keeps it; nobody is shown it any more.
    assert f"pictures/{NAME}" in world.files()
    assert nobody.get(f"/ui/pictures/{NAME}").status_code == 404
    assert nobody.get(f"/ui/pictures/{NAME}/thumbnail").status_code == 404


@pytest.mark.long
@pytest.mark.parametrize(
    "path",
    ["x", NAME.upper(), f"{NAME}0", "..%2F..%2Fmodelref.toml", f"{'0' * 64}/thumbnail?side=0", f"{NAME}?change=x"],
)
def test_what_names_no_picture_is_refused(http: Wire, path: str) -> None:
    assert signed_in(http, "nina").get(f"/ui/pictures/{path}").status_code in (404, 422)


@pytest.mark.long
def test_what_live_records_name_is_found_again_after_every_kind_of_change(http: Wire) -> None:
    world = http.world
    world.apply(world.approve(4))

    def seen() -> bool:
        return live_pictures(world.context()).has(world.context(), NAME)

    assert seen()
    world.create("clip", "m2", clip("m2"))
    assert image_add(world.context(CAROL), "clip", "m1", [Upload(picture("PNG", 8, 8))])["change_id"] == 6
    world.apply(world.approve(5, 6))
    assert seen()
    world.apply(world.approve(world.delete("clip", "m1")))
    assert not seen()
