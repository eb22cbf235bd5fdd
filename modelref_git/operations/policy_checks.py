"""What a change of ``modelref.toml`` and ``schemas/`` must satisfy, and the records that it judges anew."""

from __future__ import annotations

from collections.abc import Iterator

from modelref_git.errors import Invalid, Problem
from modelref_git.operations.drafting import canonical_bytes
from modelref_git.operations.picture_files import naming, problems_in
from modelref_git.proposals.config import DatasetConfig
from modelref_git.proposals.reachable import config_problems
from modelref_git.proposals.ssh_keys import check_key_line
from modelref_git.records import codec
from modelref_git.records.schemas import check_schema
from modelref_git.store.dataset import DatasetTree


def check_policy_change(before: DatasetTree, after: DatasetTree) -> None:
    """Refuse a policy nobody could get out of, and a schema that live records do not satisfy.

    Raises:
        Invalid: with every fault; the path of one in a record begins with its category and name.
    """
    problems = config_problems(after.config)
    problems += _new_keys(before.config, after.config)
    problems += _removed_categories(before, after)
    if not problems:
        for category in changed_schemas(before, after):
            problems += _schema_problems(after, category)
            if after.schema(category).has_pictures:
                problems += _picture_problems(before, after, category)
    if problems:
        raise Invalid.of("the dataset under this policy", problems)


def changed_schemas(before: DatasetTree, after: DatasetTree) -> list[str]:
    """The categories of *after* whose schema is another than in *before*."""
    known = before.config.categories
    return [
        category
        for category in after.config.categories
        if category not in known or before.schema(category) is not after.schema(category)
    ]


def non_canonical(dataset: DatasetTree, category: str) -> Iterator[tuple[str, bytes]]:
    """``(name, bytes)`` of the records that are not as the schema in the same tree would write them."""
    schema = dataset.schema(category)
    for name, blob in dataset.records(category):
        data = dataset.objects.read_blob(blob)
        canonical = canonical_bytes(codec.decode(data), schema, name)
        if canonical != data:
            yield name, canonical


def _new_keys(before: DatasetConfig, after: DatasetConfig) -> Iterator[Problem]:
    """Faults of SSH keys that were not there before: a line that holds no key can sign nothing."""
    known = {line for member in before.members for line in member.ssh_keys}
    for number, member in enumerate(after.members):
        for line in set(member.ssh_keys) - known:
            try:
                check_key_line(line)
            except Invalid as fault:
                yield Problem(
                    f"/members/{number}/ssh_keys", f"{member.actor}: {fault.details[0]['message']}", "member.ssh_key"
                )


def _removed_categories(before: DatasetTree, after: DatasetTree) -> Iterator[Problem]:
    for category in before.config.categories.keys() - after.config.categories.keys():
        count = before.count(category)
        if count:
            text = f"the category {category} has {count} records: they are deleted first"
            yield Problem(f"/categories/{category}", text, "policy.category_in_use")


def _picture_problems(before: DatasetTree, after: DatasetTree, category: str) -> Iterator[Problem]:
    """What is wrong with the pictures that records name now that the schema lets them."""
    schema = after.schema(category)
    if category in before.config.categories and before.schema(category).has_pictures:
        return
    for name, blob in after.records(category):
        for problem in problems_in(after, schema, naming(after.objects, blob), None):
            yield Problem(f"/{category}/{name}{problem.path}", problem.message, problem.rule)


def _schema_problems(dataset: DatasetTree, category: str) -> list[Problem]:
    schema = dataset.schema(category)
    problems = check_schema(schema.document)
    if problems:
        return problems
    return [
        Problem(f"/{category}/{name}{problem.path}", problem.message, problem.rule)
        for name, blob in dataset.records(category)
        for problem in schema.problems(codec.decode(dataset.objects.read_blob(blob)))
    ]
