from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelref_git.server.wire.metadata import CategoryMetadata
from tests.support.http import V1, V2, Wire, wire
from tests.support.world import START, World, clip


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Records of ``clip`` that came, changed and went, a second apart."""
    world = World.make(tmp_path_factory.mktemp("metadata") / "w", empty=True)
    world.clock.tick()
    world.apply(world.approve(world.create("clip", "a", clip("a")), world.create("clip", "b", clip("b"))))
    world.clock.tick()
    world.apply(world.approve(world.update("clip", "a", {"/description": "Another."})))
    world.clock.tick()
    world.apply(world.approve(world.delete("clip", "b")))
    world.rewrite_config(b'[categories.ti]\nschema = "schemas/ti.schema.json"\nfan_out = 0\n', b"")
    return world


@pytest.fixture(scope="module")
def http(lively: World) -> Iterator[Wire]:
    with wire(lively) as served:
        yield served


def test_a_category_tells_what_became_of_it(http: Wire) -> None:
    answer = http.get(f"{V2}/metadata/clip", None)
    assert answer.json() == {
        "category": "clip",
        "last_updated": START + 3,
        "last_operation_type": "delete",
        "last_operation_model": "b",
        "total_creates": 2,
        "total_updates": 1,
        "total_deletes": 1,
        "total_models": 1,
        "initialization_time": START,
        "last_successful_operation": START + 3,
        "error_count": 0,
        "metadata_schema_version": "1.0.0",
        "backend_type": "git",
    }
    assert list(answer.json()) == list(CategoryMetadata.model_fields)


def test_a_category_without_a_past_tells_that(http: Wire) -> None:
    row = http.get(f"{V2}/metadata/lora", None).json()
    assert (row["last_updated"], row["last_operation_type"], row["last_operation_model"]) == (None, None, None)
    assert (row["total_models"], row["total_creates"], row["initialization_time"]) == (0, 0, START)
    assert http.get(f"{V2}/metadata/lora/last_updated", None).json() == {"category": "lora", "last_updated": None}


def test_all_categories_are_told_together(http: Wire) -> None:
    found = http.get(f"{V2}/metadata/metadata", None).json()
    assert list(found)[:2] == ["blip", "clip"]
    assert len(found) == 14
    assert found["clip"] == http.get(f"{V2}/metadata/clip", None).json()
    assert http.get(f"{V1}/metadata/metadata", None).json() == found


def test_the_last_change_of_any_category_is_the_greatest(http: Wire) -> None:
    assert http.get(f"{V2}/metadata/last_updated", None).json() == {"last_updated": START + 3}
    answer = http.get(f"{V2}/metadata/clip/last_updated", None)
    assert answer.json() == {"category": "clip", "last_updated": START + 3}
    assert http.get(f"{V1}/metadata/clip/last_updated", None).json() == answer.json()


def test_an_older_revision_tells_what_was_known_then(http: Wire) -> None:
    row = http.get(f"{V2}/metadata/clip?at=main~3", None).json()
    assert (row["total_creates"], row["total_updates"], row["total_deletes"], row["total_models"]) == (2, 0, 0, 2)
    assert (row["last_updated"], row["last_operation_type"], row["last_operation_model"]) == (START + 1, "create", "b")
    assert http.get(f"{V2}/metadata/clip?at=main~3^2", None).status_code == 404, "that was never live"
    assert http.get(f"{V2}/metadata/last_updated?at=main~4", None).json() == {"last_updated": None}


def test_what_is_known_already_is_not_sent_again(http: Wire) -> None:
    for path in ("last_updated", "metadata", "clip", "clip/last_updated"):
        etag = http.get(f"{V2}/metadata/{path}", None).headers["etag"]
        assert http.get(f"{V2}/metadata/{path}", None, headers={"If-None-Match": etag}).status_code == 304


def test_each_version_tells_the_last_change_where_its_format_is_canonical(lively: World, http: Wire) -> None:
    words = "This endpoint is only available when canonical_format='{}'. Current setting: canonical_format='{}'"
    answer = http.get(f"{V1}/metadata/last_updated", None)
    assert (answer.status_code, answer.json()["detail"]) == (503, words.format("LEGACY", "v2"))
    with wire(lively, canonical_format="legacy") as legacy:
        assert legacy.get(f"{V1}/metadata/last_updated", None).status_code == 200
        answer = legacy.get(f"{V2}/metadata/last_updated", None)
        assert (answer.status_code, answer.json()["detail"]) == (503, words.format("v2", "legacy"))
        assert legacy.get(f"{V2}/metadata/clip", None).status_code == 200


def test_a_replica_does_not_tell(lively: World) -> None:
    with wire(lively, read_only=True) as http:
        for version in (V1, V2):
            for path in ("last_updated", "metadata", "clip", "clip/last_updated"):
                answer = http.get(f"{version}/metadata/{path}", None)
                assert answer.status_code == 503
                assert answer.json()["detail"] == "Metadata tracking is not supported in REPLICA mode"


def test_a_category_that_is_not_there_is_told(http: Wire) -> None:
    for version, word in ((V1, "legacy"), (V2, "v2")):
        for path in ("ti", "ti/last_updated"):
            answer = http.get(f"{version}/metadata/{path}", None)
            assert (answer.status_code, answer.json()["detail"]) == (404, f"No {word} metadata found for category ti")
        assert http.get(f"{version}/metadata/nope", None).json()["detail"][0]["type"] == "enum"
