"""The policy itself: what ``modelref.toml`` says, read and changed as a whole or line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelref_git.operations.checking.weighing import check_rule
from modelref_git.operations.context import Context
from modelref_git.operations.policy_change import change_policy
from modelref_git.proposals import config_edit
from modelref_git.proposals.config import DatasetConfig, RuleException
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree


def show_policy(ctx: Context, *, at: str | None = None) -> bytes:
    """``modelref.toml`` as it is on ``main``, or at the revision *at*.

    Raises:
        NotFound: there is no such revision.
    """
    view = ctx.view()
    return view.dataset(ctx.store.resolve(at) if at is not None else None).config_bytes


def set_policy(ctx: Context, settings: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Set lines of ``[policy]``, each a name and a value, and severities of rules of good data as ``rules.ID``.

    ``flag_roles.FLAG`` is the roles, a list, of whoever has that flag at the login service.

    Answers as :func:`.policy_change.change_policy`.

    Raises:
        UsageFault: there is no such rule.
        Invalid: a name or value makes no sense, or nobody could work under the policy.
        Forbidden: the caller is no approver of the whole dataset.
    """
    for name, _ in settings:
        if name.startswith(config_edit.RULES):
            check_rule(name.removeprefix(config_edit.RULES))

    def change(dataset: DatasetTree) -> Mapping[str, bytes]:
        return {layout.CONFIG: config_edit.with_policy(dataset.config_bytes, settings)}

    return change_policy(ctx, f"set the policy: {', '.join(name for name, _ in settings)}", change)


def add_exception(ctx: Context, exception: RuleException) -> dict[str, Any]:
    """Silence a rule of good data about one record; answers as :func:`.policy_change.change_policy`.

    Raises:
        UsageFault: there is no such rule.
        NotFound: there is no such category.
        Invalid: the reason is blank.
        Forbidden: the caller is no approver of the whole dataset.
    """
    check_rule(exception.rule)

    def change(dataset: DatasetTree) -> Mapping[str, bytes]:
        dataset.fan_out(exception.category)  # refuses a category that is not there
        return {layout.CONFIG: config_edit.with_exception(dataset.config_bytes, exception)}

    return change_policy(ctx, f"except {exception.category} {exception.name!r} from {exception.rule}", change)


def remove_exception(ctx: Context, exception: RuleException) -> dict[str, Any]:
    """Let a rule speak of a record again; answers as :func:`.policy_change.change_policy`.

    Raises:
        NotFound: there is no such exception.
        Forbidden: the caller is no approver of the whole dataset.
    """

    def change(dataset: DatasetTree) -> Mapping[str, bytes]:
        return {layout.CONFIG: config_edit.without_exception(dataset.config_bytes, exception)}

    headline = f"{exception.rule} holds for {exception.category} {exception.name!r} again"
    return change_policy(ctx, headline, change)


def replace_policy(ctx: Context, data: bytes) -> dict[str, Any]:
    """Put a whole new ``modelref.toml`` in the place of today's; answers as :func:`.policy_change.change_policy`.

    Raises:
        Invalid: it is not readable, or nobody could work under it.
        Forbidden: the caller is no approver of the whole dataset.
    """
    DatasetConfig.parse(data)
    return change_policy(ctx, f"edit {layout.CONFIG}", lambda _: {layout.CONFIG: data})
