"""Writes by v1: where the older format is the deployment's, with a queue and without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelref_git.records.categories import CATEGORIES
from tests.support.http import V1, V2, Wire, wire
from tests.support.world import World

LIVE = "ViT-L/14"
CONFIG: dict[str, Any] = {
    "files": [{"path": "a.pt", "sha256sum": "ab" * 32}],
    "download": [{"file_name": "a.pt", "file_path": "", "file_url": "https://h.example/a.pt"}],
}
CLIP: dict[str, Any] = {"name": "c", "type": "clip", "description": "An encoder.", "config": CONFIG}
IMAGE: dict[str, Any] = {
    "name": "i",
    "baseline": "stable diffusion 1",
    "type": "ckpt",
    "inpainting": False,
    "description": "Pictures.",
    "showcases": None,
    "version": "1",
    "nsfw": True,
    "config": CONFIG,
}
TEXT: dict[str, Any] = {
    "name": "A/T-7B",
    "model_name": "T-7B",
    "baseline": "",
    "parameters": 7_000_000_000,
    "description": "",
    "version": "1",
    "style": "generalist",
    "nsfw": False,
}
WITH_FORM = [name for name, category in CATEGORIES.items() if category.legacy_file]
NO_KEY = "Not authenticated"
PREFIXED = "Model name 'koboldcpp/x' contains a backend prefix (aphrodite/, koboldcpp/). "
PREFIXED += "Submit only the base model name \u2014 backend duplicates are {} automatically."


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with wire(World.make(tmp_path_factory.mktemp("v1") / "w"), canonical_format="legacy") as served:
        yield served


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    world = World.make(tmp_path_factory.mktemp("direct") / "w")
    world.let_anybody_review()
    with wire(world, canonical_format="legacy", queue=False) as served:
        yield served


def queued(http: Wire) -> int:
    """How many changes the queue has ever taken."""
    return http.world.context().view().queue.header.last_change_id


def record(http: Wire, category: str, name: str) -> dict[str, Any]:
    """A live record."""
    return dict(http.world.run("get", category, name).ok().json)


# --- with a queue ----------------------------------------------------------------------------------------------------


def test_an_entry_is_queued_as_the_record_it_stands_for_and_shown_with_its_nulls(http: Wire) -> None:
    number = queued(http) + 1
    answer = http.post(f"{V1}/image_generation", IMAGE, "carol")
    assert answer.status_code == 202
    change = answer.json()
    assert {key: change[key] for key in ("change_id", "category", "model_name", "operation", "status")} == {
        "change_id": number,
        "category": "image_generation",
        "model_name": "i",
        "operation": "create",
        "status": "pending",
    }
    assert change["request_metadata"] == {"route": "create_legacy_image_generation_model"}
    assert "batch_id" not in change
    assert change["payload"] == {
        **IMAGE,
        **dict.fromkeys(("optimization", "tags", "min_bridge_version", "style", "trigger", "homepage")),
        **dict.fromkeys(("requirements", "available", "features_not_supported", "size_on_disk_bytes")),
        "download_all": False,
    }
    assert list(change["payload"])[:4] == ["name", "baseline", "optimization", "type"]
    stored = http.world.run("show", str(number)).ok().json["payload"]
    assert (stored["baseline"], stored["config"]["download"][0]["file_url"]) == (
        "stable_diffusion_1",
        "https://h.example/a.pt",
    )


def test_a_text_model_is_queued_under_its_base_name(http: Wire) -> None:
    change = http.post(f"{V1}/text_generation", TEXT, "carol").json()
    assert change["related_models"] == ["aphrodite/A/T-7B", "koboldcpp/T-7B"]
    assert change["payload"] == {
        **TEXT,
        "display_name": "T 7B",
        "tags": ["7B"],
        **dict.fromkeys(("url", "instruct_format", "settings")),
    }


def test_an_update_changes_what_the_entry_says_otherwise_and_keeps_what_only_records_have(http: Wire) -> None:
    world = http.world
    series = {"name": "Series", "author": "Somebody"}
    made = {"name": "kept", "baseline": "stable_diffusion_1", "nsfw": True, "finetune_series": series}
    file = {"file_name": "a.pt", "file_url": "https://h.example/a.pt", "sha256sum": "ab" * 32, "size_bytes": 5}
    config = {"download": [file]}
    world.apply(world.approve(world.create("image_generation", "kept", {**made, "config": config})))
    before = record(http, "image_generation", "kept")
    change = http.put(f"{V1}/image_generation", {**IMAGE, "name": "kept"}, "carol").json()
    assert (change["operation"], change["request_metadata"]) == ("update", {"route": "update_legacy_model"})
    after = world.run("show", str(change["change_id"])).ok().json["payload"]
    assert after == {**before, "description": "Pictures.", "version": "1", "metadata": after["metadata"]}
    other_file = {**CONFIG, "files": [{"path": "a.pt", "sha256sum": "cd" * 32}]}
    change = http.put(f"{V1}/image_generation", {**IMAGE, "name": "kept", "config": other_file}, "carol").json()
    after = world.run("show", str(change["change_id"])).ok().json["payload"]
    assert after["config"]["download"][0]["sha256sum"] == "cd" * 32
    assert after["finetune_series"] == series


def test_a_delete_is_queued_with_the_live_entry(http: Wire) -> None:
    for name in (LIVE, "ViT-L%2F14"):
        answer = http.delete(f"{V1}/clip/model/{name}", "carol")
        change = answer.json()
        assert (answer.status_code, change["operation"], change["model_name"]) == (202, "delete", LIVE)
        assert change["request_metadata"] == {"route": "delete_legacy_model"}
        assert change["payload"]["config"]["files"][0]["path"] == "ViT-L-14.pt"


@pytest.mark.parametrize("category", WITH_FORM)
def test_each_category_with_an_older_form_has_routes(http: Wire, category: str) -> None:
    paths = http.get("/openapi.json", None).json()["paths"][f"{V1}/{category}"]
    assert paths["post"]["operationId"] == f"create_legacy_{category}_model"
    kind = "" if category == "image_generation" else f"_{category}"
    assert paths["put"]["operationId"] == f"update_legacy{kind}_model"
    missing = {"type": "missing", "loc": ["body", "name"], "msg": "Field required", "input": {}}
    assert http.post(f"{V1}/{category}", {}, "carol").json() == {"detail": [missing]}


@pytest.mark.parametrize("category", sorted(set(CATEGORIES) - set(WITH_FORM)))
def test_the_other_categories_have_none(http: Wire, category: str) -> None:
    assert http.post(f"{V1}/{category}", {"name": "x"}, "carol").status_code == 405
    gone = http.delete(f"{V1}/{category}/model/x", "carol")
    assert (gone.status_code, gone.json()["detail"]) == (404, f"Model 'x' not found in category '{category}'")


@pytest.mark.parametrize(
    ("method", "where", "body", "who", "status", "detail"),
    [
        ("POST", "clip", {**CLIP, "name": " "}, "x", 422, "Model name must not be empty or whitespace-only."),
        (
            "POST",
            "clip",
            {**CLIP, "name": "a\\b"},
            "x",
            422,
            "Model name must not contain invalid characters \\: 'a\\b'",
        ),
        ("POST", "text_generation", {**TEXT, "name": "koboldcpp/x"}, "x", 400, PREFIXED.format("generated")),
        ("DELETE", "text_generation/model/koboldcpp/x", None, "x", 400, PREFIXED.format("deleted")),
        (
            "POST",
            "clip",
            {**CLIP, "name": LIVE},
            "x",
            409,
            f"Model '{LIVE}' already exists in category 'clip'. Use PUT to update existing models.",
        ),
        (
            "PUT",
            "clip",
            CLIP,
            "x",
            404,
            "Model 'c' does not exist in category 'clip'. Use POST to create new models.",
        ),
        ("DELETE", "clip/model/c", None, "x", 404, "Model 'c' not found in category 'clip'"),
        ("POST", "clip", CLIP, None, 401, NO_KEY),
        ("POST", "clip", {}, None, 401, NO_KEY),
        ("POST", "clip", CLIP, "x", 401, "Invalid API key"),
        ("POST", "clip", CLIP, "nina", 403, "You are not on the pending queue requestor list."),
    ],
)
def test_the_caller_is_judged_last(
    http: Wire, method: str, where: str, body: Any, who: str | None, status: int, detail: str
) -> None:
    before = queued(http)
    answer = http.ask(method, f"{V1}/{where}", who, **({} if body is None else {"json": body}))
    assert (answer.status_code, answer.json()["detail"]) == (status, detail)
    assert queued(http) == before


@pytest.mark.parametrize(
    ("category", "entry", "loc", "message"),
    [
        ("image_generation", {**IMAGE, "type": "other"}, ["type"], "the type of an image model must be 'ckpt'"),
        ("image_generation", {**IMAGE, "baseline": "zzz"}, [], "Unknown baseline: zzz"),
        ("image_generation", {**IMAGE, "config": None}, ["config"], "'config' must be a JSON object"),
        ("text_generation", {**TEXT, "parameters": 0}, ["parameters"], "parameters must be greater than 0"),
    ],
)
def test_an_entry_that_stands_for_no_record_is_refused(
    http: Wire, category: str, entry: dict[str, Any], loc: list[str], message: str
) -> None:
    answer = http.post(f"{V1}/{category}", {**entry, "name": "new/one"}, "carol")
    assert answer.status_code == 422
    row = answer.json()["detail"][0]
    assert (row["loc"], row["msg"]) == (["body", *loc], f"Value error, {message}")


def test_a_request_with_a_key_is_done_once(http: Wire) -> None:
    key = {"Idempotency-Key": "one"}
    first = http.post(f"{V1}/clip", {**CLIP, "name": "once"}, "carol", headers=key).json()
    assert http.post(f"{V1}/clip", {**CLIP, "name": "once"}, "carol", headers=key).json() == first
    reused = http.post(f"{V1}/clip", {**CLIP, "name": "other"}, "carol", headers=key)
    assert reused.status_code == 422


# --- without one -----------------------------------------------------------------------------------------------------


def test_without_a_queue_an_approver_writes_at_once(direct: Wire) -> None:
    created = direct.post(f"{V1}/image_generation", {**IMAGE, "name": "a/b"}, "arthur")
    assert (created.status_code, created.headers["location"]) == (201, f"{V1}/image_generation/model/a%2Fb")
    assert (created.json()["name"], created.json()["homepage"]) == ("a/b", None)
    assert record(direct, "image_generation", "a/b")["description"] == "Pictures."
    changed = direct.put(f"{V1}/image_generation", {**IMAGE, "name": "a/b", "description": "Better."}, "arthur")
    assert (changed.status_code, changed.json()["description"]) == (200, "Better.")
    assert record(direct, "image_generation", "a/b")["description"] == "Better."
    deleted = direct.delete(created.headers["location"], "arthur")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert direct.delete(created.headers["location"], "arthur").status_code == 404
    events = [(event["action"], event["logical_user_id"]) for event in direct.world.events()[-9:]]
    assert events == [("enqueue", "3"), ("approve", "3"), ("apply", "3")] * 3
    assert direct.world.run("verify").code == 0


def test_under_the_prefix_the_address_of_what_was_made_has_it_too(direct: Wire) -> None:
    made = direct.post(f"/api{V1}/clip", {**CLIP, "name": "under"}, "arthur")
    assert made.headers["location"] == f"/api{V1}/clip/model/under"
    assert direct.delete(made.headers["location"], "arthur").status_code == 204


def test_a_write_at_once_with_a_key_is_done_once(direct: Wire) -> None:
    key = {"Idempotency-Key": "one"}
    answers = [direct.post(f"{V1}/clip", {**CLIP, "name": "once"}, "arthur", headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


def test_without_a_queue_only_approvers_write(direct: Wire) -> None:
    before = queued(direct)
    answer = direct.post(f"{V1}/clip", CLIP, "carol")
    assert (answer.status_code, answer.json()["detail"]) == (403, "You are not on the pending queue approver list.")
    assert queued(direct) == before


def test_two_person_review_forbids_a_write_at_once(http: Wire) -> None:
    before = queued(http)
    with wire(http.world, canonical_format="legacy", queue=False) as served:
        answer = served.post(f"{V1}/clip", CLIP, "arthur")
    assert (answer.status_code, answer.json()["reason"]["code"]) == (403, "forbidden")
    assert answer.json()["reason"]["details"][0]["rule"] == "review.two_people"
    assert queued(http) == before


def test_a_replica_takes_no_entries(http: Wire) -> None:
    before = queued(http)
    with wire(http.world, canonical_format="legacy", read_only=True) as served:
        answer = served.post(f"{V1}/clip", CLIP, "carol")
    assert (answer.status_code, answer.json()["detail"].partition(".")[0]) == (
        503,
        "This instance is in REPLICA mode and does not support write operations",
    )
    assert queued(http) == before


# --- whatever is sent ------------------------------------------------------------------------------------------------

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from([*IMAGE, *TEXT, "style", "tags", "trigger", "requirements", "settings", "pretrained_name"])
_PARTS = st.dictionaries(st.sampled_from(["path", "sha256sum", "file_name", "file_url", "file_type"]), _VALUES)
_CONFIGS = st.fixed_dictionaries({}, optional={"files": st.lists(_PARTS | _VALUES), "download": st.lists(_PARTS)})


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    category=st.sampled_from(WITH_FORM),
    fields=st.dictionaries(_NAMES, _VALUES, max_size=4),
    config=_CONFIGS | _VALUES | st.just(CONFIG),
    method=st.sampled_from(["POST", "PUT"]),
)
def test_no_entry_breaks_the_service(
    http: Wire, category: str, fields: dict[str, Any], config: Any, method: str
) -> None:
    before = queued(http)
    live = record_name(category) if method == "PUT" else "any"
    entry = {**(TEXT if category == "text_generation" else IMAGE), "config": config, "name": live, **fields}
    answer = http.ask(method, f"{V1}/{category}", "carol", json=entry)
    assert answer.status_code in (202, 400, 404, 409, 422), answer.text
    assert queued(http) == before + (answer.status_code == 202)


def record_name(category: str) -> str:
    """A record that every dataset begins with, if the category has one."""
    return {"clip": LIVE, "image_generation": "stable_diffusion", "blip": "BLIP"}.get(category, "gpt2")


def test_v2_takes_the_categories_that_v1_does_not(http: Wire) -> None:
    assert http.post(f"{V2}/lora", {"name": "by v2"}, "carol").status_code == 202
    assert http.post(f"{V2}/clip", {"name": "by v2"}, "carol").status_code == 503
