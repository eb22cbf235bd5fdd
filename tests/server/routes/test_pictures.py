from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from modelref_git.operations.pictures import Upload, image_add
from tests.support.http import V2, Wire, wire
from tests.support.pictures import moving, picture
from tests.support.world import CAROL, World, clip

NAME = "a/b \u00fc"
FIRST, SECOND = picture("JPEG"), moving("PNG")
SUM = hashlib.sha256(FIRST).hexdigest()


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A service over a dataset with one record that has pictures, and one that has none."""
    world = World.make(tmp_path_factory.mktemp("pictures") / "w", empty=True)
    for name in (NAME, "blind"):
        world.apply(world.approve(world.create("clip", name, clip(name))))
    uploads = [Upload(FIRST, {"prompt": "x", "sort_order": 5}), Upload(SECOND)]
    world.apply(world.approve(image_add(world.context(CAROL), "clip", NAME, uploads)["change_id"]))
    with wire(world) as served:
        yield served


def test_the_pictures_of_a_live_record_are_open_to_all(http: Wire) -> None:
    answer = http.get(f"{V2}/clip/pictures", None, params={"name": NAME})
    assert [row["media_type"] for row in answer.json()] == ["image/png", "image/jpeg"]
    assert answer.json()[1] == {
        "sha256": SUM,
        "media_type": "image/jpeg",
        "width": 24,
        "height": 16,
        "size_bytes": len(FIRST),
        "prompt": "x",
        "sort_order": 5,
    }
    again = http.get(
        f"{V2}/clip/pictures", None, params={"name": NAME}, headers={"if-none-match": answer.headers["etag"]}
    )
    assert again.status_code == 304
    assert http.get(f"{V2}/clip/pictures", None, params={"name": "blind"}).json() == []
    assert http.get(f"{V2}/clip/pictures", None, params={"name": "blind", "at": "main~1"}).json() == []


def test_a_picture_is_sent_to_whoever_names_its_record(http: Wire) -> None:
    whole = http.get(f"{V2}/clip/pictures/{SUM}", None, params={"name": NAME})
    assert (whole.content, whole.headers["content-type"]) == (FIRST, "image/jpeg")
    assert whole.headers["cache-control"] == "public, max-age=86400"
    assert whole.headers["cross-origin-resource-policy"] == "cross-origin", "a page of others may show it"
    small = http.get(f"{V2}/clip/pictures/{SUM}", None, params={"name": NAME, "side": 20})
    assert small.headers["content-type"] == "image/webp"
    for answer, more in ((whole, {}), (small, {"side": 20})):
        tag = {"if-none-match": answer.headers["etag"]}
        assert (
            http.get(f"{V2}/clip/pictures/{SUM}", None, params={"name": NAME, **more}, headers=tag).status_code == 304
        )


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        (f"clip/pictures/{SUM}", {"name": "blind"}, 404),
        (f"clip/pictures/{SUM}", {"name": "nobody"}, 404),
        (f"clip/pictures/{SUM}", {"name": NAME, "at": "main~1"}, 404),
        (f"clip/pictures/{'0' * 64}", {"name": NAME}, 404),
        (f"nothing/pictures/{SUM}", {"name": NAME}, 404),
        ("nothing/pictures", {"name": NAME}, 404),
        ("clip/pictures", {"name": "nobody"}, 404),
        (f"clip/pictures/{SUM}", {}, 422),
        (f"clip/pictures/{SUM.upper()}", {"name": NAME}, 422),
        (f"clip/pictures/{SUM}", {"name": NAME, "side": 2000}, 422),
        ("clip/pictures", {}, 422),
        ("clip/pictures/%2e%2e%2f%2e%2e%2fkeys.json", {"name": NAME}, 404),
    ],
    ids=range(12),
)
def test_what_no_record_names_is_not_there(http: Wire, path: str, query: dict[str, str], status: int) -> None:
    assert http.get(f"{V2}/{path}", None, params=query).status_code == status
