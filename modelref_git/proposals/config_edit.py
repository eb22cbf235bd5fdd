"""``modelref.toml``, written: that of a new dataset, and edits in place that keep what its owner wrote around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from modelref_git.errors import Conflict, Invalid, NotFound, Problem
from modelref_git.proposals.actors import Member
from modelref_git.proposals.config import FILE, FLAG_ROLES, FORMAT, DatasetConfig, RuleException

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

RULES: Final = "rules."
"""With this in front, a line's name is that of a rule of good data."""
FLAGS: Final = f"{FLAG_ROLES}."
"""With this in front, a line's name is that of a flag of the login service."""


def initial(owner: Member, categories: Mapping[str, str], rules: Mapping[str, str]) -> bytes:
    """The file of a new dataset: *categories* maps each name to its schema file, *rules* each id to its severity."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("What this dataset is, and who may change it. Change it with `modelref-git member`"))
    document.add(tomlkit.comment("and `modelref-git category`: a change of this file is recorded like any other."))
    document.add("format", tomlkit.item(FORMAT))
    policy = tomlkit.table()
    policy.add(
        tomlkit.comment(
            "Whether somebody else than who asked must approve: binds as soon as there is somebody else who could."
        )
    )
    for key, value in {
        "two_person_review": True,
        "approvals": 1,
        "require_signed": False,
        "ack_critical": False,
        "replica_max_age": 604_800,
    }.items():
        policy.add(key, value)
    document.add("policy", policy)
    members = tomlkit.aot()
    members.append(_member_table(owner))
    document.add("members", members)
    tables = tomlkit.table(is_super_table=True)
    for name, schema in categories.items():
        tables.add(name, _category_table(schema, 0))
    document.add("categories", tables)
    severities = tomlkit.table()
    for rule, severity in rules.items():
        severities.add(rule, severity)
    document.add("rules", severities)
    return tomlkit.dumps(document).encode()


def with_member(data: bytes, member: Member) -> bytes:
    """The file with *member* added.

    Raises:
        Conflict: a member with that id, or one with one of the e-mails, is there already.
    """
    config = DatasetConfig.parse(data)
    if config.member(member.id) is not None:
        raise Conflict(f"a member with the id {member.id!r} is there already")
    for email in member.emails:
        other = config.member_by_email(email)
        if other is not None:
            raise Conflict(f"{email} is already an e-mail of {other.actor}")

    def add(document: TOMLDocument) -> None:
        import tomlkit

        if "members" not in document:
            document.add("members", tomlkit.aot())
        document["members"].append(_member_table(member))

    return _edited(data, add)


def without_member(data: bytes, ident: str) -> bytes:
    """The file without the member *ident*.

    Raises:
        NotFound: there is no such member.
    """
    place = _place_of_member(data, ident)

    def remove(document: TOMLDocument) -> None:
        del document["members"][place]

    return _edited(data, remove)


def with_roles(data: bytes, ident: str, roles: Sequence[str]) -> bytes:
    """The file with *roles* as those of the member *ident*.

    Raises:
        NotFound: there is no such member.
    """
    place = _place_of_member(data, ident)

    def change(document: TOMLDocument) -> None:
        document["members"][place]["roles"] = list(roles)

    return _edited(data, change)


def _place_of_member(data: bytes, ident: str) -> int:
    members = DatasetConfig.parse(data).members
    found = next((place for place, member in enumerate(members) if member.id == ident), None)
    if found is None:
        raise NotFound(f"there is no member with the id {ident!r}")
    return found


def with_policy(data: bytes, settings: Sequence[tuple[str, Any]]) -> bytes:
    """The file with each ``(name, value)`` of *settings* in ``[policy]``.

    ``rules.ID`` is set in ``[rules]``, ``flag_roles.FLAG`` in ``[policy.flag_roles]``.

    Raises:
        Invalid: there is no such line, or the value makes no sense there.
    """

    def change(document: TOMLDocument) -> None:
        import tomlkit

        for name, value in settings:
            table = "rules" if name.startswith(RULES) else "policy"
            if table not in document:
                document.add(table, tomlkit.table())
            rows: Any = document[table]
            if not name.startswith(FLAGS):
                rows[name.removeprefix(RULES)] = value
            elif FLAG_ROLES not in rows:
                rows.add(FLAG_ROLES, tomlkit.item({name.removeprefix(FLAGS): value}).add(tomlkit.nl()))
            else:
                rows[FLAG_ROLES][name.removeprefix(FLAGS)] = value

    try:
        return _edited(data, change)
    except ValueError as error:  # such as null, or half of a surrogate pair
        names = ", ".join(name for name, _ in settings)
        raise Invalid.of(
            FILE, [Problem("/policy", f"{names}: no value that TOML has: {error}", "config.value")]
        ) from error


def with_exception(data: bytes, exception: RuleException) -> bytes:
    """The file with *exception* added; one of the same rule and record is replaced."""

    def change(document: TOMLDocument) -> None:
        import tomlkit

        if "exceptions" not in document:
            document.add("exceptions", tomlkit.aot())
        table = tomlkit.table()
        for key, value in asdict(exception).items():
            table.add(key, value)
        place = _place_of_exception(data, exception)
        if place is None:
            document["exceptions"].append(table)
        else:
            document["exceptions"][place]["reason"] = exception.reason

    return _edited(data, change)


def without_exception(data: bytes, exception: RuleException) -> bytes:
    """The file without the exception of the rule and record of *exception*.

    Raises:
        NotFound: there is none.
    """
    place = _place_of_exception(data, exception)
    if place is None:
        raise NotFound(f"there is no exception of {exception.rule} for {exception.category} {exception.name!r}")

    def change(document: TOMLDocument) -> None:
        del document["exceptions"][place]

    return _edited(data, change)


def _place_of_exception(data: bytes, exception: RuleException) -> int | None:
    wanted = (exception.rule, exception.category, exception.name)
    found = DatasetConfig.parse(data).exceptions
    return next((n for n, one in enumerate(found) if (one.rule, one.category, one.name) == wanted), None)


def with_category(data: bytes, name: str, schema: str) -> bytes:
    """The file with the category *name* added, whose schema stands at *schema*.

    Raises:
        Conflict: the category is there already.
    """
    if name in DatasetConfig.parse(data).categories:
        raise Conflict(f"the category {name!r} is there already")

    def add(document: TOMLDocument) -> None:
        import tomlkit

        if "categories" not in document:
            document.add("categories", tomlkit.table(is_super_table=True))
        document["categories"].add(name, _category_table(schema, 0))

    return _edited(data, add)


def with_fan_out(data: bytes, name: str, fan_out: int) -> bytes:
    """The file with the category *name* split by *fan_out* levels.

    Raises:
        NotFound: there is no such category.
    """
    if name not in DatasetConfig.parse(data).categories:
        raise NotFound(f"there is no category {name!r}")

    def change(document: TOMLDocument) -> None:
        document["categories"][name]["fan_out"] = fan_out

    return _edited(data, change)


def _edited(data: bytes, change: Callable[[TOMLDocument], None]) -> bytes:
    import tomlkit

    document = tomlkit.parse(data.decode("utf-8"))
    change(document)
    edited = tomlkit.dumps(document).encode()
    DatasetConfig.parse(edited)
    return edited


def _member_table(member: Member) -> Any:
    import tomlkit

    table = tomlkit.table()
    table.add("id", member.id)
    table.add("name", member.name)
    table.add("emails", list(member.emails))
    table.add("ssh_keys", list(member.ssh_keys))
    table.add("roles", list(member.roles))
    return table


def _category_table(schema: str, fan_out: int) -> Any:
    import tomlkit

    table = tomlkit.table()
    table.add("schema", schema)
    table.add("fan_out", fan_out)
    return table
