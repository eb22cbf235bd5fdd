"""The OpenAPI document: the names that clients were generated from, and that the service answers as it says."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from httpx import Response
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.definitions import OPENAPI_31

from modelref_git.operations.pictures import Upload, image_add
from modelref_git.records.categories import CATEGORIES
from modelref_git.server.catalogue import stable_id
from modelref_git.server.picture_views import number_of
from modelref_git.store.layout import NOTES
from tests.support.http import Q1, Q2, V1, V2, Wire, wire
from tests.support.http_states import LIVE, every_state
from tests.support.pictures import picture
from tests.support.world import CAROL, World, clip

DIALECT = "https://json-schema.org/draft/2020-12/schema"

PICTURE = hashlib.sha256(picture()).hexdigest()

LEGACY_CATEGORIES = [
    name
    for name in CATEGORIES
    if name not in {"controlnet_annotator", "video_generation", "audio_generation", "lora", "ti"}
]
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
"""A 500 is told by hand: 503 is an answer like others, where the document has it."""

SCHEMAS = [
    "ApplyPendingChangeRequest",
    "ApplyPendingChangesRequest",
    "ApplyPendingChangesResponse",
    "ApplySingleChangeResponse",
    "BatchNetChangeResponse",
    "CategoryMetadata",
    "ModelNetChange",
    "PendingBatchRequest",
    "PendingBatchResult",
    "PendingChangeDiff",
    "PendingChangeDiffPage",
    "PendingChangeRecord",
    "PendingQueueAuditBatchDetail",
    "PendingQueueAuditBatchPage",
    "PendingQueueAuditBatchSummary",
    "PendingQueueAuditChange",
    "PendingQueueAuditCurrentResponse",
    "PendingQueueAuditEvent",
    "PendingQueuePage",
    "PurgePendingChangesRequest",
    "PurgePendingChangesResponse",
    "SearchResponse",
]
"""The schemas that the contract names."""

_QUEUE = [
    ("get", "/changes", "list_pending_changes"),
    ("get", "/my_changes", "list_my_pending_changes"),
    ("get", "/changes/{change_id}", "read_pending_change"),
    ("get", "/changes/{change_id}/diff", "get_pending_change_diff"),
    ("get", "/diffs", "get_pending_changes_diffs"),
    ("post", "/batches", "process_pending_batch"),
    ("post", "/purge", "purge_pending_changes"),
    ("post", "/changes/{change_id}/apply", "apply_pending_change_endpoint"),
    ("post", "/apply", "apply_pending_changes_endpoint"),
    ("post", "/apply_batch/{batch_id}", "apply_batch_endpoint"),
    ("get", "/audit/current", "get_current_pending_changes"),
    ("get", "/audit/batches", "list_pending_queue_batches"),
    ("get", "/audit/batches/{batch_id}", "get_pending_queue_batch_detail"),
    ("get", "/audit/batches/{batch_id}/net_changes", "get_batch_net_changes"),
]
"""The routes under either queue prefix, with the functions whose names their operation ids begin with."""

_NEW_QUEUE = [
    *(("post", f"/changes/{{id}}/{verb}") for verb in ("rebase", "withdraw", "hold", "unhold")),
    ("get", "/changes/{id}/status"),
    ("get", "/conflicts"),
    ("post", "/batches/{id}/revert"),
    ("get", "/verify"),
]

ROUTES = [
    ("get", "/"),
    ("get", "/heartbeat"),
    ("get", "/replicate_mode"),
    ("get", f"{V2}/me/roles"),
    ("get", f"{V2}/info"),
    ("get", f"{V2}/model_categories"),
    ("get", f"{V2}/{{category}}"),
    ("get", f"{V2}/{{category}}/model/{{name}}"),
    ("get", f"{V2}/{{category}}/search"),
    ("get", f"{V2}/search"),
    ("get", f"{V2}/{{category}}/pending"),
    *(
        ("get", f"{prefix}/metadata/{path}")
        for prefix in (V2, V1)
        for path in ("last_updated", "{category}/last_updated", "metadata", "{category}")
    ),
    *(("post", f"{V2}/{category}") for category in CATEGORIES),
    *(("put", f"{V2}/{category}/model/{{name}}") for category in CATEGORIES),
    ("delete", f"{V2}/{{category}}/model/{{name}}"),
    ("post", f"{V2}/{{category}}/add"),
    ("get", f"{V1}/info"),
    ("get", f"{V1}/model_categories"),
    ("get", f"{V1}/text_generation"),
    ("get", f"{V1}/{{category}}"),
    *((method, prefix + path) for prefix in (Q2, Q1) for method, path, _ in _QUEUE),
    *((method, prefix + path) for prefix in (Q2, Q1) for method, path in _NEW_QUEUE),
    ("get", f"{V2}/{{category}}/history"),
    ("get", f"{V2}/{{category}}/blame"),
    ("get", f"{V2}/feed"),
    ("get", f"{V2}/feed/events"),
]
"""Every row of the contract's tables of routes, as a service over format v2 has them."""

LEGACY_ROUTES = [
    *((method, f"{V1}/{category}") for method in ("post", "put") for category in LEGACY_CATEGORIES),
    ("delete", f"{V1}/{{category}}/model/{{name}}"),
]
"""Those that there are only where the legacy format is the canonical one."""


def _default(function: str, path: str, method: str) -> str:
    """The operation id that FastAPI makes by itself."""
    return re.sub(r"\W", "_", f"{function}{path}") + f"_{method}"


OPERATIONS = {
    "read_v2_reference_api_info",
    "read_v2_references_names",
    "read_v2_reference",
    "read_v2_single_model",
    "read_v2_reference_pending",
    "delete_v2_model",
    "create_v2_model",
    *(f"create_v2_{category}" for category in CATEGORIES),
    *(f"update_v2_{category}" for category in CATEGORIES),
    _default("get_current_user_roles", f"{V2}/me/roles", "get"),
    *(_default(function, prefix + path, method) for prefix in (Q2, Q1) for method, path, function in _QUEUE),
}
"""The operation ids that the contract gives, and those that follow from the names of functions that it gives."""

LEGACY_OPERATIONS = {
    *(f"create_legacy_{category}_model" for category in LEGACY_CATEGORIES),
    *(f"update_legacy_{category}_model" for category in LEGACY_CATEGORIES if category != "image_generation"),
    "update_legacy_model",
    "delete_legacy_model",
}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """The service over a queue with a change in every state."""
    with wire(every_state(tmp_path_factory.mktemp("openapi") / "states.git").world) as served:
        yield served


@pytest.fixture(scope="module")
def document(http: Wire) -> dict[str, Any]:
    """The document of a service over format v2."""
    found: dict[str, Any] = http.get("/openapi.json", None).json()
    return found


@pytest.fixture(scope="module")
def legacy(http: Wire) -> dict[str, Any]:
    """The document of a service over the legacy format."""
    with wire(http.world, canonical_format="legacy") as other:
        found: dict[str, Any] = other.get("/openapi.json", None).json()
    return found


def _operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Every operation by its method and path; the names of what stands in braces do not count."""
    return {
        (method, re.sub(r"\{\w+\}", "{}", path)): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
    }


def _plain(rows: list[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in rows}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def test_every_route_of_the_contract_is_there(document: dict[str, Any]) -> None:
    assert _plain(ROUTES) - set(_operations(document)) == set()


def test_the_writes_of_v1_are_there_only_where_the_legacy_format_is_canonical(
    document: dict[str, Any], legacy: dict[str, Any]
) -> None:
    assert _plain(LEGACY_ROUTES) - set(_operations(legacy)) == set()
    assert _plain(LEGACY_ROUTES) & set(_operations(document)) == set()
    assert _plain(ROUTES) - set(_operations(legacy)) == set()


def test_operations_have_the_ids_that_clients_were_generated_from(
    document: dict[str, Any], legacy: dict[str, Any]
) -> None:
    found = {operation["operationId"] for operation in _operations(document).values()}
    assert OPERATIONS - found == set()
    assert LEGACY_OPERATIONS - {operation["operationId"] for operation in _operations(legacy).values()} == set()


@pytest.mark.parametrize("which", ["document", "legacy"])
def test_no_two_operations_have_one_id(request: pytest.FixtureRequest, which: str) -> None:
    ids = Counter(operation["operationId"] for operation in _operations(request.getfixturevalue(which)).values())
    assert {name: count for name, count in ids.items() if count > 1} == {}


def test_schemas_have_the_names_that_clients_were_generated_from(document: dict[str, Any]) -> None:
    assert set(SCHEMAS) - set(document["components"]["schemas"]) == set()


@pytest.mark.parametrize("which", ["document", "legacy"])
def test_the_document_is_valid_openapi_3_1(request: pytest.FixtureRequest, which: str) -> None:
    document = request.getfixturevalue(which)
    assert document["openapi"].startswith("3.1.")
    jsonschema_rs.validator_for(OPENAPI_31).validate(document)
    for name, schema in document["components"]["schemas"].items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
        jsonschema_rs.meta.validate({"$schema": DIALECT, **schema})
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert {reference for reference in _references(document) if reference not in known} == set()


@pytest.mark.parametrize("which", ["document", "legacy"])
def test_every_variable_of_a_path_is_a_parameter_that_is_told(request: pytest.FixtureRequest, which: str) -> None:
    for path, methods in request.getfixturevalue(which)["paths"].items():
        for method, operation in methods.items():
            told = {row["name"] for row in operation.get("parameters", ()) if row["in"] == "path"}
            assert told == set(re.findall(r"\{(\w+)\}", path)), f"{method} {path}"


def test_every_operation_that_needs_a_key_says_so(http: Wire, document: dict[str, Any]) -> None:
    """And none else: each is asked without one, with a path that fits and no body."""
    for (method, path), operation in _operations(document).items():
        body: dict[str, Any] = {"json": {}} if "requestBody" in operation else {}
        if path.endswith("/feed/events"):
            continue
        answer = http.ask(method.upper(), path.replace("{}", "1"), None, **body)
        is_refused = answer.status_code == 401
        assert ("security" in operation) == is_refused, (method, path, answer.status_code, answer.text)


# --- what it says against what it does --------------------------------------------------------------------------------

SAMPLED = {
    "read_v2_reference",
    "read_v2_single_model",
    "create_v2_clip",
    "delete_v2_model",
    _default("list_pending_changes", f"{Q2}/changes", "get"),
    _default("get_pending_changes_diffs", f"{Q1}/diffs", "get"),
    _default("process_pending_batch", f"{Q2}/batches", "post"),
    _default("apply_pending_changes_endpoint", f"{Q2}/apply", "post"),
    _default("list_pending_queue_batches", f"{Q2}/audit/batches", "get"),
}
"""Operations of every kind, for the quick run."""

AT_RANDOM = {"at", "supersedes", "allow"}
"""Parameters that would have to name something that there is."""
MADE_UP, THERE, PENDING, APPROVED = "made up", "there", "pending", "approved"
"""What a request speaks of: anything, what the world holds, or a new change in that state."""


@dataclass(frozen=True)
class Plan:
    """How operations are asked."""

    examples: int
    mode: GenerationMode = GenerationMode.POSITIVE
    makes: bool = True
    """Whether new changes are made to speak of."""


ENDLESS = "/feed/events"
"""The end of the path whose answer does not end by itself."""


def _schema(document: dict[str, Any]) -> Any:
    return schemathesis.openapi.from_dict(document)


def _exercise(http: Wire, document: dict[str, Any], who: str | None, plan: Plan, only: set[str] | None = None) -> int:
    """Ask each operation what its schema allows, and see that the answer is as told; gives how many were asked."""
    operations = [found.ok() for found in _schema(document).get_all_operations()]
    chosen = [
        operation
        for operation in operations
        if not operation.path.endswith(ENDLESS) and (only is None or operation.definition.raw["operationId"] in only)
    ]
    for operation in sorted(chosen, key=lambda one: one.path.endswith("/purge")):  # it leaves nothing for the others
        _exercise_one(http, operation, who, plan)
    return len(chosen)


def _exercise_one(http: Wire, operation: Any, who: str | None, plan: Plan) -> None:
    speaks_of = [MADE_UP, THERE, *([PENDING, APPROVED] if plan.makes and operation.method.upper() == "POST" else [])]

    @settings(
        max_examples=plan.examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=plan.mode),
        subject=st.sampled_from(speaks_of),
        number=st.integers(1, 14),
    )
    def exercise(case: Any, subject: str, number: int) -> None:
        if subject != MADE_UP:
            batch = number
            if subject != THERE:
                number, batch = _made(http.world, is_approved=subject == APPROVED)
            _make_it_fit(case, number, batch)
        # A key that was made up is left out: whose key it is, this test decides.
        case.headers = {name: value for name, value in (case.headers or {}).items() if name.lower() != "apikey"}
        answer = _asked(http, case, who)
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        case.validate_response(answer, checks=CHECKS)

    with suppress(Unsatisfiable):  # where nothing is given, nothing can be given wrongly
        exercise()


def _made(world: World, *, is_approved: bool) -> tuple[int, int]:
    """A new change, and the batch that it is in if it is approved."""
    name = f"made {len(world.refs())} {uuid.uuid4().hex[:8]}"
    number = world.create("clip", name, clip(name))
    return number, world.approve(number) if is_approved else 1


def _make_it_fit(case: Any, number: int, batch: int) -> None:
    """Have a case speak of what there is; made up at random, it would hardly ever."""
    fitting = {
        "change_id": number,
        "batch_id": batch,
        "model_name": LIVE,
        "model_id": stable_id("clip", LIVE),
        "image_id": number_of(PICTURE),
        "note_id": 1,
        "sha256": PICTURE,
        "name": LIVE,
        "from": "main~1",
        "category": "clip",
        "model_category_name": "clip",
    }
    for part in ("path_parameters", "query"):
        given = getattr(case, part) or {}
        setattr(case, part, {name: fitting.get(name, value) for name, value in given.items() if name not in AT_RANDOM})
    case.headers = {name: value for name, value in (case.headers or {}).items() if not name.lower().startswith("if-")}
    if isinstance(case.body, dict) and "file" in case.body:
        case.body = {**case.body, "file": picture(width=20 + number)}
    elif isinstance(case.body, dict):
        lists = {"change_ids": [number]} if "change_ids" in case.body else {}
        if "batch_title" in case.body:
            lists = {"approved_ids": [number], "rejected_ids": None}
        named = {"name": LIVE} if case.method == "PUT" else {}
        dry = {"dry_run": True} if "purge_all" in case.body else {}
        case.body = {**case.body, **lists, **named, **dry}


def _part(name: str, value: Any) -> tuple[str, tuple[str | None, bytes]]:
    """One part of a form."""
    content = value[1] if isinstance(value, tuple) else value
    data = content if isinstance(content, bytes) else str(content).encode("utf-8", "replace")
    return name, ("a.png" if name == "file" else None, data)


def _asked(http: Wire, case: Any, who: str | None) -> Response:
    sent = case.as_transport_kwargs(base_url="http://models.test")
    headers, query = (
        {name: value for name, value in (sent.get(part) or {}).items() if value is not None}
        for part in ("headers", "params")
    )
    body = {"json": sent["json"]} if "json" in sent else {"content": sent["data"]} if sent.get("data") else {}
    if sent.get("files"):
        body = {"files": [_part(name, value) for name, value in dict(sent["files"]).items()]}
    raw: dict[str, Any] = {name: str(value).encode("latin-1", "replace") for name, value in headers.items()}
    answer = http.ask(sent["method"], sent["url"], who, headers=raw, params=query, **body)
    answer.request.read()  # a form is only written while it is sent, and the checks look at it
    return answer


def test_sampled_operations_answer_what_the_document_says(http: Wire, document: dict[str, Any]) -> None:
    assert _exercise(http, document, "olivia", Plan(4), SAMPLED) == len(SAMPLED)


@pytest.mark.long
@pytest.mark.parametrize(
    ("canonical_format", "who"),
    [("v2", "olivia"), ("v2", "carol"), ("v2", "nina"), ("v2", "nobody"), ("v2", None), ("legacy", "olivia")],
)
def test_every_operation_answers_what_the_document_says(tmp_path: Path, canonical_format: str, who: str | None) -> None:
    with wire(every_state(tmp_path / "states.git").world, canonical_format=canonical_format) as http:
        document = http.get("/openapi.json", None).json()
        assert _exercise(http, document, who, Plan(15 if who == "olivia" else 5)) > 100
        assert http.world.run("verify").ok().json["ok"] is True


IMAGES = {
    *(f"{verb}{version}" for version in ("", "_v1") for verb in ("list_model_images", "add_model_image")),
    *(f"{verb}{version}" for version in ("", "_v1") for verb in ("set_model_image", "remove_model_image")),
    *(f"{verb}{version}" for version in ("", "_v1") for verb in ("get_image_file", "get_image_thumbnail")),
    *("read_v2_pictures", "read_v2_picture", "list_models", "get_model"),
}


@pytest.mark.long
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
def test_pictures_are_answered_as_the_document_says(tmp_path: Path, mode: GenerationMode) -> None:
    world = World.make(tmp_path / "w", empty=True)
    world.apply(world.approve(world.create("clip", LIVE, clip(LIVE))))
    uploads = [Upload(picture(), {"prompt": "x", "seed": 5}), Upload(picture("GIF"))]
    world.apply(world.approve(image_add(world.context(CAROL), "clip", LIVE, uploads)["change_id"]))
    with wire(world) as http:
        document = http.get("/openapi.json", None).json()
        for who in ("carol", "nina", None):
            assert _exercise(http, document, who, Plan(12, mode, makes=False), IMAGES) == len(IMAGES)
        assert world.run("verify").ok().json["ok"] is True


@pytest.mark.long
def test_requests_that_the_document_forbids_are_refused_as_it_says(tmp_path: Path) -> None:
    with wire(every_state(tmp_path / "states.git").world) as http:
        document = http.get("/openapi.json", None).json()
        _exercise(http, document, "olivia", Plan(10, GenerationMode.NEGATIVE))
        assert http.world.run("verify").ok().json["ok"] is True


@pytest.mark.long
@pytest.mark.parametrize(
    "given", [{"read_only": True}, {"queue": False}, {"audit": False}], ids=["replica", "no queue", "no audit"]
)
def test_every_operation_of_a_service_that_is_switched_off_answers_what_the_document_says(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    with wire(every_state(tmp_path / "states.git").world, **given) as http:
        before = http.world.refs()
        _exercise(http, http.get("/openapi.json", None).json(), "olivia", Plan(4, makes=False))
        after = http.world.refs()
        if "queue" in given:  # notes stand beside the queue, and are there without it
            before, after = ({ref: oid for ref, oid in refs.items() if ref != NOTES} for refs in (before, after))
        assert after == before or "audit" in given
