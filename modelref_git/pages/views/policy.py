"""The policy in force as sentences, its settings, one change of it, and the schemas of the categories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from modelref_git.errors import NotFound
from modelref_git.operations.context import Context
from modelref_git.operations.policy_queue import last_policy_changes, policy_change
from modelref_git.operations.policy_settings import show_policy
from modelref_git.pages.rendering import span
from modelref_git.pages.views.members import administration
from modelref_git.proposals.config import SECOND, SEVERITIES, DatasetConfig, Policy, Protection
from modelref_git.proposals.policy import people_of, subject_of
from modelref_git.records.quality import catalogue
from modelref_git.store.trees import find

LINES_AT_MOST: Final = 1_000
"""So many lines of a change's difference are shown."""

_CRITICAL: Final = {
    False: "Critical fields are approved like all others.",
    True: "Critical fields need a second approver, or one who confirms to have looked at them twice.",
    SECOND: "Critical fields need a second approver.",
}


def policy_view(ctx: Context, counts: Mapping[str, int]) -> dict[str, Any]:
    """What the page of the policy shows; *counts* is how many records each category has."""
    config = ctx.view().dataset().config
    return {
        "sentences": list(sentences(config.policy)),
        "protections": [protection(config, item) for item in config.policy.protected],
        "flag_roles": sorted(config.policy.flag_roles.items()),
        "rules": rules(config),
        "exceptions": config.exceptions,
        "categories": [
            {"name": name, "schema": item.schema, "records": counts.get(name, 0)}
            for name, item in sorted(config.categories.items())
        ],
        "last_changes": last_policy_changes(ctx),
        **administration(ctx),
    }


def settings_view(ctx: Context) -> dict[str, Any]:
    """What the form of the settings shows."""
    config = ctx.view().dataset().config
    policy = config.policy
    return {
        "settings": {
            "two_person_review": word(policy.two_person_review),
            "approvals": str(policy.approvals),
            "require_signed": word(policy.require_signed),
            "ack_critical": word(policy.ack_critical),
            "replica_max_age": str(policy.replica_max_age),
        },
        "rules": rules(config),
        "severities": SEVERITIES,
        **administration(ctx),
    }


def text_view(ctx: Context) -> dict[str, Any]:
    """What the form of the whole file shows."""
    return {"text": show_policy(ctx).decode(), **administration(ctx)}


def change_view(ctx: Context, change_id: int) -> dict[str, Any]:
    """What the page of one change of the policy shows.

    Raises:
        NotFound: there is no change of the policy with that number.
    """
    shown = policy_change(ctx, change_id)
    left, files = LINES_AT_MOST, []
    for file in shown["files"]:
        files.append({"path": file["path"], "lines": file["lines"][:left]})
        left -= len(files[-1]["lines"])
    count = sum(len(file["lines"]) for file in shown["files"])
    return {**shown, "files": files, "lines_left": max(0, count - LINES_AT_MOST)}


def schema_view(ctx: Context, category: str) -> dict[str, Any]:
    """What the page of a category's schema shows.

    Raises:
        NotFound: there is no such category.
    """
    dataset = ctx.view().dataset()
    item = dataset.config.categories.get(category)
    if item is None:
        raise NotFound(f"there is no category {category!r}")
    entry = find(dataset.objects, dataset.tree, item.schema)
    text = dataset.objects.read_blob(entry.oid).decode("utf-8", "replace") if entry is not None else ""
    return {"category": category, "path": item.schema, "text": text, "critical": dataset.schema(category).critical}


def word(value: bool | str) -> str:
    """A setting as forms write it."""
    return value if isinstance(value, str) else str(value).lower()


def sentences(policy: Policy) -> Iterator[str]:
    """The settings of ``[policy]`` in words."""
    if policy.two_person_review:
        yield "Nobody approves what they asked for themselves, as long as somebody else could."
    else:
        yield "Whoever asks for a change may approve it themselves."
    yield "A change needs one approval." if policy.approvals == 1 else f"A change needs {policy.approvals} approvals."
    yield "Every step must be signed." if policy.require_signed else "Steps need no signature."
    yield _CRITICAL[policy.ack_critical]
    yield f"A replica that could not follow for {span(policy.replica_max_age)} calls itself stale."


def protection(config: DatasetConfig, item: Protection) -> dict[str, Any]:
    """One ``[[protected]]`` table in words."""
    demands = [
        f"only {people_of(config, item.requestors)} may propose it" if item.requestors else "",
        f"only approvals of {people_of(config, item.approvers)} count" if item.approvers else "",
        f"it needs {item.approvals} approvals" if item.approvals > 1 else "",
    ]
    said = "; ".join(demand for demand in demands if demand)
    return {"subject": subject_of(item), "demands": said or "nothing beyond the policy", "reason": item.reason}


def rules(config: DatasetConfig) -> list[dict[str, Any]]:
    """The rules of good data with their severities here."""
    return [
        {
            "id": rule.id,
            "text": rule.text,
            "severity": config.rules.get(rule.id, rule.severity),
            "is_usual": config.rules.get(rule.id, rule.severity) == rule.severity,
        }
        for rule in catalogue.RULES
    ]
