from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from modelref_git.operations.pictures import Upload, image_add
from modelref_git.server import picture_views
from modelref_git.server.catalogue import LARGEST_ID, stable_id
from modelref_git.server.picture_views import number_of
from tests.support.http import Wire, wire
from tests.support.pictures import picture
from tests.support.world import CAROL, World, clip

MODELS = "/v1/models"
IMAGES = f"/models/{stable_id('clip', 'Eye')}/images"


@pytest.fixture
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A service over a dataset whose one model has a picture that nobody has looked at yet."""
    world = World.make(tmp_path_factory.mktemp("views") / "w", empty=True)
    world.apply(world.approve(world.create("clip", "Eye", clip("Eye"))))
    world.apply(world.approve(image_add(world.context(CAROL), "clip", "Eye", [Upload(picture())])["change_id"]))
    with wire(world) as served:
        yield served


def test_pictures_are_blurred_little_by_little_and_a_list_that_lacks_some_is_not_kept(
    http: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(picture_views, "MAKING", -1.0)
        first = http.get(MODELS)
        assert first.json()["items"][0]["heroImage"]["blurhash"] is None
        assert "etag" not in first.headers
    second = http.get(MODELS)
    assert len(second.json()["items"][0]["heroImage"]["blurhash"]) == 36
    assert http.get(MODELS, headers={"if-none-match": second.headers["etag"]}).status_code == 304


def test_without_what_decodes_pictures_they_are_shown_all_the_same(http: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "PIL.Image", None)
        answer = http.get(MODELS)
        assert answer.json()["items"][0]["heroImage"]["blurhash"] is None
        assert "etag" in answer.headers, "it will not say more"
        [image] = http.get(IMAGES).json()
        assert http.get(image["localPath"]).content == picture()
        assert http.get(image["thumbPath"]).status_code == 503
        sent = http.ask("POST", IMAGES, "carol", files={"file": ("a.gif", picture("GIF", 30, 30))})
        assert sent.status_code == 503
        assert "not installed" in sent.json()["error"]
    assert http.get(image["thumbPath"]).status_code == 200


@pytest.mark.parametrize("sha256", ["0" * 64, "f" * 64, "0123456789abcdef" * 4])
def test_the_number_of_a_picture_is_one_that_javascript_can_hold(sha256: str) -> None:
    assert 1 <= number_of(sha256) <= LARGEST_ID < 2**53
