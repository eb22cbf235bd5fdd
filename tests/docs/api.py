"""Makes `docs/api.md` from the service's own OpenAPI document: see :mod:`tests.docs.generated`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from modelref_git.records.categories import CATEGORIES
from modelref_git.server.app import build
from modelref_git.server.settings import Settings
from modelref_git.server.wire.records import record_name
from tests.docs.session import CHECKOUT
from tests.docs.shapes import kind, table

PAGE = CHECKOUT / "docs" / "api.md"

_FRONT = """\
<!-- Made by `python -m tests.docs.generated` from the service's OpenAPI document; edits here are lost. -->

# Routes

Every route of the service with what it takes and answers, as `/openapi.json` of a running one says it. What the routes
are for, how errors look, and what holds for all of them is on the page about [HTTP](http.md); which settings open and
close some of them is in [settings](settings.md). Every path answers with `/api` before it too. Parameters stand in the
query unless it says otherwise.
"""

_TITLES: Final = {
    "v2": "Reading and proposing",
    "search": "Search",
    "v1": "Older files",
    "queue": "The queue",
    "audit": "Audit",
    "history": "History",
    "metadata": "When categories changed",
    "models": "For those who manage models",
    "service": "The service",
}
"""The groups of routes by their tags, in the order of the page."""

_RECORDS: Final = {record_name(str(category)) for category in CATEGORIES} | {"GenericModelRecord"}
"""Bodies that are records, which have a page of their own."""

_ANY: Final = "{category}"


@dataclass(slots=True)
class _Route:
    """One route as the page shows it."""

    method: str
    path: str
    operation: Mapping[str, Any]
    also: list[str] = field(default_factory=list)
    """Other paths at which the same is there."""


def page() -> str:
    """The whole page."""
    document = build(Settings(repo=Path("models"))).openapi()
    routes = list(_merged(_routes(document)))
    parts = [_FRONT]
    tags = [*_TITLES, *sorted({_tag(route) for route in routes} - {*_TITLES})]
    for tag in tags:
        found = [route for route in routes if _tag(route) == tag]
        if found:
            parts.append(f"## {_TITLES.get(tag, tag.capitalize())}\n")
        for route in found:
            parts += _section(route)
    return "\n".join([*parts, *_bodies(document, routes)])


def _routes(document: Mapping[str, Any]) -> Iterator[_Route]:
    for path, rows in document["paths"].items():
        for method, operation in rows.items():
            yield _Route(method.upper(), path, operation)


def _merged(routes: Iterable[_Route]) -> Iterator[_Route]:
    """The routes, with those that say the same of another version or category as one."""
    known: dict[str, _Route] = {}
    for route in routes:
        general = _general(route)
        key = json.dumps([route.method, general.path.replace("/v1/", "/v2/"), _meaning(general.operation)])
        place = f"{route.method} {general.path}"
        if place not in known and key not in known:
            known[key] = known[place] = general
            yield general
        elif key in known and general.path != known[key].path and general.path not in known[key].also:
            known[key].also.append(general.path)


def _general(route: _Route) -> _Route:
    """A route of one category as the route of any."""
    for category in CATEGORIES:
        before, found, after = route.path.partition(f"/v2/{category}")
        if found and (not after or after.startswith("/")):
            text = json.dumps(route.operation).replace(record_name(str(category)), "GenericModelRecord")
            operation = json.loads(text.replace(f"{category} model", "model").replace(f"`{category}`", f"`{_ANY}`"))
            return _Route(route.method, f"{before}/v2/{_ANY}{after}", operation)
    return _Route(route.method, route.path.replace("{model_category_name}", _ANY), route.operation)


def _meaning(operation: Mapping[str, Any]) -> Any:
    """What makes two routes the same: all but what tells them apart in programs."""
    seen = {key: value for key, value in operation.items() if key not in ("operationId", "tags", "summary")}
    return {**seen, "responses": sorted(operation["responses"])}


def _tag(route: _Route) -> str:
    return str(route.operation["tags"][-1])


def _section(route: _Route) -> Iterator[str]:
    operation = route.operation
    yield f"### `{route.method} {route.path}`\n"
    text = " ".join((operation.get("description") or operation["summary"]).split())
    also = f" Also at {', '.join(f'`{path}`' for path in route.also)}." if route.also else ""
    key = " It takes a key." if operation.get("security") else ""
    yield f"{text.rstrip('.')}.{also}{key}\n"
    rows = [
        (one["name"], kind(one["schema"]).removesuffix(" or null"), _place(one), one.get("description", ""))
        for one in operation.get("parameters", ())
        if one["in"] != "path"
    ]
    if rows:
        yield table(("parameter", "takes", "", "what it is"), rows)
    body = _content(operation.get("requestBody", {}))
    good, other = _answers(operation)
    lines = [*([f"body: {body}"] if body else []), f"answers: {good}", f"else: {other}"]
    yield "".join(f"- {line}\n" for line in lines)


def _place(parameter: Mapping[str, Any]) -> str:
    words = ["always"] if parameter.get("required") else []
    words += ["header"] if parameter["in"] == "header" else []
    default = parameter["schema"].get("default")
    return ", ".join([*words, *([] if default is None else [f"default `{json.dumps(default)}`"])])


def _answers(operation: Mapping[str, Any]) -> tuple[str, str]:
    """What is answered where it goes well, and the statuses of all else."""
    good = [status for status in sorted(operation["responses"]) if status < "300"]
    rest = [f"`{status}`" for status in sorted(operation["responses"]) if status not in good]
    words = [f"`{status}` {_content(operation['responses'][status])}".strip() for status in good]
    return ", ".join(words) or "nothing", ", ".join(rest) or "nothing"


def _content(holder: Mapping[str, Any]) -> str:
    """What a body holds."""
    found = []
    for media, content in holder.get("content", {}).items():
        schema = content.get("schema") or {}
        words = kind(schema) if schema and schema != {"type": "string"} else ""
        shown = [] if media == "application/json" and words else [f"`{media}`"]
        found.append(" ".join([*shown, *([words] if words else [])]))
    return _to_records(" or ".join(found))


def _to_records(text: str) -> str:
    """*text* with links to bodies that are records leading to their page."""
    for name in _RECORDS:
        text = text.replace(f"[{name}](#{name.lower()})", "[a record](records.md)")
    return text


def _bodies(document: Mapping[str, Any], routes: Iterable[_Route]) -> Iterator[str]:
    """The parts that bodies are made of, as far as routes on the page lead to them."""
    schemas = document["components"]["schemas"]
    wanted = _reached(schemas, [route.operation for route in routes])
    yield "## Bodies\n"
    for name in sorted(wanted):
        schema = schemas[name]
        yield f"### {name}\n"
        if schema.get("description"):
            yield f"{' '.join(schema['description'].split())}\n"
        if "properties" not in schema:
            yield f"{kind(schema)}\n"
            continue
        needed = set(schema.get("required", ()))
        rows = [
            (key, _to_records(kind(item)), "always" if key in needed else "", item.get("description", ""))
            for key, item in schema["properties"].items()
        ]
        yield table(("member", "is", "", "what it is"), rows)


def _reached(schemas: Mapping[str, Any], operations: Iterable[Any]) -> set[str]:
    found: set[str] = set()
    waiting = list(operations)
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            name = str(item.get("$ref", "")).rpartition("/")[2]
            if name and name not in found | _RECORDS:
                found.add(name)
                waiting.append(schemas[name])
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return found
