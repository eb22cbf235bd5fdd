"""Members and categories: changes of ``modelref.toml`` and ``schemas/``, recorded like any other change.

Such a change goes through the queue in one step: proposed, approved as a batch of its own, applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modelref_git.errors import Invalid, Problem, UsageFault
from modelref_git.operations.answers import find_change
from modelref_git.operations.apply import append_apply
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Draft
from modelref_git.operations.propose import enqueue
from modelref_git.operations.review import append_approve
from modelref_git.proposals import config, events
from modelref_git.proposals.actors import ROLES, Actor, Member
from modelref_git.proposals.events import Proposal
from modelref_git.proposals.header import POLICY
from modelref_git.records import json_text
from modelref_git.records.categories import category_of_v2_file, v2_file
from modelref_git.records.names import check_category_name
from modelref_git.records.schemas import check_schema
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import Step
from modelref_git.store.trees import TreeEditor, find


def list_members(ctx: Context) -> list[dict[str, Any]]:
    """The allowlist of the dataset."""
    return [member.as_json() for member in ctx.view().dataset().config.members]


def whoami(ctx: Context) -> dict[str, Any]:
    """As whom the caller acts, and what they may do."""
    person = ctx.person(ctx.view().dataset().config)
    roles = set(person.member.roles) if person.member is not None else set()
    if person.is_requestor:
        roles.add("requestor")
    return {
        "user_id": person.actor.id,
        "username": person.username,
        "roles": sorted(roles),
        "is_requestor": person.is_requestor,
        "is_approver": person.is_approver,
    }


def add_member(
    ctx: Context, text: str, *, emails: tuple[str, ...], roles: tuple[str, ...] = (), ssh_keys: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Add the person ``name#id`` to the allowlist; answers the change, and the member.

    Raises:
        UsageFault: the name, an e-mail or a role makes no sense.
        Conflict: the id or an e-mail is on the list already.
        Forbidden: the caller is no approver.
    """
    actor = Actor.parse(text)
    for email in emails:
        if "@" not in email.strip("@") or any(ch.isspace() or ch in "<>" for ch in email):
            raise UsageFault(f"{email!r} is no e-mail address")
    for role in roles:
        if role not in ROLES:
            raise UsageFault(f"{role!r} is no role; roles are {', '.join(ROLES)}")
    if not all(ch.isprintable() for ch in str(actor)):
        raise UsageFault("a member's name and id have no line breaks or control characters")
    member = Member(actor.id, actor.name, emails, ssh_keys, tuple(dict.fromkeys(roles)))

    def change(dataset: DatasetTree) -> Mapping[str, bytes]:
        return {layout.CONFIG: config.with_member(dataset.config_bytes, member)}

    return {**_change_policy(ctx, f"add the member {actor}", change), **member.as_json()}


def add_category(ctx: Context, name: str, schema: bytes) -> dict[str, Any]:
    """Add a category of one's own, described by its JSON Schema alone.

    Raises:
        Invalid: the name or the schema.
        Conflict: the category is there already.
        Forbidden: the caller is no approver.
    """
    check_category_name(name)
    if category_of_v2_file(v2_file(name)) not in (None, name):
        text = f"an export of it would be {v2_file(name)}, which is the file of another category"
        raise Invalid.of(f"the category name {name!r}", [Problem("", text, "category.name")])
    document = json_text.parse(schema, what="the schema", max_bytes=None)
    problems = check_schema(document)
    if problems:
        raise Invalid.of(f"the schema of {name}", problems)
    if isinstance(document, dict) and document.get("type", "object") != "object":
        raise Invalid.of(f"the schema of {name}", [Problem("/type", "a record is an object", "schema.invalid")])

    def change(dataset: DatasetTree) -> Mapping[str, bytes]:
        path = layout.schema_path(name)
        return {layout.CONFIG: config.with_category(dataset.config_bytes, name, path), path: schema}

    return {"category": name, **_change_policy(ctx, f"add the category {name}", change)}


def _change_policy(ctx: Context, title: str, change: Callable[[DatasetTree], Mapping[str, bytes]]) -> dict[str, Any]:
    """Propose, approve and apply a change of the configuration in one step; answers the new ``main``."""

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        person.require_approver(title)
        editor = TreeEditor(step.objects, dataset.tree)
        for path, data in change(dataset).items():
            editor.put(path, step.objects.add("blob", data))
        tree = editor.write()

        def blob(root: str) -> str | None:
            entry = find(step.objects, root, layout.CONFIG)
            return None if entry is None else entry.oid

        def proposal(commit: str) -> Proposal:
            return Proposal(
                events.UPDATE,
                POLICY,
                layout.CONFIG,
                person.actor,
                title,
                commit,
                step.main,
                blob(dataset.tree),
                blob(tree),
            )

        author = step.author(person.actor, person.email)
        commit = step.commit(tree, [step.main], author, proposal("").message())
        change_id = enqueue(step, person, [Draft(proposal(commit), (), ())])[0]
        batch_id = append_approve(step, person, [find_change(step.queue, change_id)], title)
        batch = step.queue.batch(batch_id)
        if batch is None:
            raise AssertionError(batch_id)
        return {"main": append_apply(step, person, batch)}

    return ctx.write(decide)
