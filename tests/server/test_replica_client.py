"""What a client of the older service does as a replica: it is given all that it asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from modelref_git.operations.read import get_category
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.models import model_for
from tests.support.http import V1, V2, Wire, wire
from tests.support.world import World, clip

TIMEOUT = 10.0


def fetched(http: Wire, version: str) -> dict[str, httpx.Response]:
    """One request a category, one after the other, with nothing but the library's own headers; none leads elsewhere."""
    found = {}
    for category in CATEGORIES:
        request = http.client.get(f"/api{version}/{category}", follow_redirects=False, timeout=TIMEOUT)
        found[category] = http.run(request)
    return found


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    world = World.make(tmp_path_factory.mktemp("client") / "w")
    world.create("clip", "new", clip("new"))
    with wire(world) as served:
        yield served


def test_a_replica_gets_all_fifteen_categories(http: Wire) -> None:
    for category, answer in fetched(http, V2).items():
        assert answer.status_code == 200, category
        assert answer.json() == get_category(http.world.context(), category)
    for category, answer in fetched(http, V1).items():
        missing = category in ("controlnet_annotator", "video_generation", "audio_generation")
        assert answer.status_code == (404 if missing else 200), category
        assert isinstance(json.loads(answer.text), dict)


def test_records_are_valid_by_the_models_of_their_categories(http: Wire) -> None:
    for category, answer in fetched(http, V2).items():
        for name, record in answer.json().items():
            assert model_for(category).model_validate(record).name, name


def test_a_provider_of_beta_records_gets_them_by_name(http: Wire) -> None:
    found = {}
    for category in CATEGORIES:
        answer = http.get(f"/api{V2}/{category}/pending", "nina", timeout=TIMEOUT)
        assert answer.status_code == 200
        found[category] = answer.json()
    assert {category: list(records) for category, records in found.items() if records} == {"clip": ["new"]}
    assert model_for("clip").model_validate({**found["clip"]["new"], "name": "new"}).name == "new"
