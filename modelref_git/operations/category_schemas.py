"""Categories of one's own, described by their JSON Schema alone; adding or changing one is a change of the policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelref_git.errors import Invalid, Problem
from modelref_git.operations.context import Context
from modelref_git.operations.policy_change import change_policy
from modelref_git.proposals import config_edit
from modelref_git.records import json_text
from modelref_git.records.categories import category_of_v2_file, v2_file
from modelref_git.records.names import check_category_name
from modelref_git.records.schemas import check_schema
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree


def add_category(ctx: Context, name: str, schema: bytes) -> dict[str, Any]:
    """Add a category of one's own, described by its JSON Schema alone.

    Raises:
        Invalid: the name or the schema.
        Conflict: the category is there already.
        Forbidden: the caller is no approver of the whole dataset.
    """
    check_category_name(name)
    if category_of_v2_file(v2_file(name)) not in (None, name):
        text = f"an export of it would be {v2_file(name)}, which is the file of another category"
        raise Invalid.of(f"the category name {name!r}", [Problem("", text, "category.name")])
    _check_schema(name, schema)

    def change(dataset: DatasetTree) -> Mapping[str, bytes]:
        path = layout.schema_path(name)
        return {layout.CONFIG: config_edit.with_category(dataset.config_bytes, name, path), path: schema}

    return {"category": name, **change_policy(ctx, f"add the category {name}", change)}


def update_category(ctx: Context, name: str, schema: bytes) -> dict[str, Any]:
    """Give a category another schema; every live record must satisfy it, and is written anew in its order.

    Raises:
        NotFound: there is no such category.
        Invalid: the schema, or live records under it; every fault is listed.
        Forbidden: the caller is no approver of the whole dataset.
    """
    ctx.view().dataset().fan_out(name)
    _check_schema(name, schema)

    def change(dataset: DatasetTree) -> Mapping[str, bytes]:
        dataset.fan_out(name)
        return {dataset.config.categories[name].schema: schema}

    return {"category": name, **change_policy(ctx, f"update the schema of {name}", change)}


def _check_schema(name: str, schema: bytes) -> None:
    document = json_text.parse(schema, what="the schema", max_bytes=None)
    problems = check_schema(document)
    if problems:
        raise Invalid.of(f"the schema of {name}", problems)
    if isinstance(document, dict) and document.get("type", "object") != "object":
        raise Invalid.of(f"the schema of {name}", [Problem("/type", "a record is an object", "schema.invalid")])
