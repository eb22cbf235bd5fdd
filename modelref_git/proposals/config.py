"""``modelref.toml``: the format of a dataset, its policy, members and categories. Read here, and edited in place."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelref_git.errors import Conflict, IntegrityFailure, Invalid, NotFound, Problem
from modelref_git.proposals.actors import ROLES, Actor, Member

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

FORMAT: Final = 1
"""The format version of a dataset repository that this program reads and writes."""

FILE: Final = "modelref.toml"

SEVERITIES: Final = ("error", "warning", "hint", "off")


@dataclass(frozen=True, slots=True)
class CategoryConfig:
    """How a category is kept: its schema file and the levels by which its folder is split."""

    name: str
    schema: str
    fan_out: int = 0


@dataclass(frozen=True, slots=True)
class DatasetConfig:
    """What ``modelref.toml`` says."""

    members: tuple[Member, ...] = ()
    categories: Mapping[str, CategoryConfig] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> DatasetConfig:
        """Read the file.

        Raises:
            IntegrityFailure: it is of a format that this version does not read.
            Invalid: it is not TOML, or a part of it is not what it must be; all faults at once.
        """
        try:
            document = tomllib.loads(data.decode("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Invalid.of(FILE, [Problem("", str(error), "config.syntax")]) from error
        found = document.get("format")
        if type(found) is not int or found != FORMAT:
            raise IntegrityFailure(
                f"this dataset repository has format {found!r}; this version of modelref-git reads format {FORMAT}",
                hint="install the version of modelref-git that wrote it, or a newer one",
            )
        reading = _Reading()
        config = cls(
            members=reading.members(document.get("members", [])),
            categories=reading.categories(document.get("categories", {})),
            policy=reading.table(document, "policy"),
            rules=reading.rules(reading.table(document, "rules")),
        )
        if reading.problems:
            raise Invalid.of(FILE, reading.problems)
        return config

    def member(self, ident: str) -> Member | None:
        """The member with the id *ident*."""
        return next((member for member in self.members if member.id == ident), None)

    def member_by_email(self, email: str) -> Member | None:
        """The member who has *email* (letter case does not count)."""
        wanted = email.casefold()
        return next((m for m in self.members if any(wanted == e.casefold() for e in m.emails)), None)


class _Reading:
    """One reading of the file, gathering every fault."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def fault(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message, "config.value"))

    def table(self, document: dict[str, Any], name: str) -> dict[str, Any]:
        value = document.get(name, {})
        if not isinstance(value, dict):
            self.fault(f"/{name}", f"[{name}] must be a table")
            return {}
        return value

    def members(self, rows: Any) -> tuple[Member, ...]:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self.fault("/members", "members must be [[members]] tables")
            return ()
        members, seen = [], set()
        for number, row in enumerate(rows):
            at = f"/members/{number}"
            ident, name = (self._word(row, key) for key in ("id", "name"))
            if not ident or not name:
                self.fault(at, "a member needs an id and a name, both text")
                continue
            if ident in seen:
                self.fault(at, f"the id {ident!r} stands twice")
            seen.add(ident)
            lists = {key: self._texts(row, key, at) for key in ("emails", "ssh_keys", "roles")}
            for role in lists["roles"]:
                if role not in ROLES:
                    self.fault(f"{at}/roles", f"{role!r} is no role; roles are {', '.join(ROLES)}")
            members.append(Member(ident, name, lists["emails"], lists["ssh_keys"], lists["roles"]))
        return tuple(members)

    @staticmethod
    def _word(row: dict[str, Any], key: str) -> str:
        """A text as events will hold it: without white space at its ends. Empty if there is none."""
        value = row.get(key)
        return value.strip() if isinstance(value, str) else ""

    def _texts(self, row: dict[str, Any], key: str, at: str) -> tuple[str, ...]:
        value = row.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fault(f"{at}/{key}", f"{key} must be a list of texts")
            return ()
        return tuple(value)

    def categories(self, rows: Any) -> dict[str, CategoryConfig]:
        if not isinstance(rows, dict):
            self.fault("/categories", "categories must be [categories.NAME] tables")
            return {}
        found = {}
        for name, row in rows.items():
            at = f"/categories/{name}"
            schema = row.get("schema") if isinstance(row, dict) else None
            fan_out = row.get("fan_out", 0) if isinstance(row, dict) else 0
            if not isinstance(schema, str):
                self.fault(at, "a category needs its schema file")
            elif type(fan_out) is not int or fan_out not in (0, 1, 2):
                self.fault(f"{at}/fan_out", "fan_out is 0, 1 or 2")
            else:
                found[name] = CategoryConfig(name, schema, fan_out)
        return found

    def rules(self, rows: dict[str, Any]) -> dict[str, str]:
        for name, severity in rows.items():
            if severity not in SEVERITIES:
                self.fault(f"/rules/{name}", f"a severity is one of {', '.join(SEVERITIES)}")
        return rows


def initial(owner: Member, categories: Mapping[str, str], rules: Mapping[str, str]) -> bytes:
    """The file of a new dataset: *categories* maps each name to its schema file, *rules* each id to its severity."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("What this dataset is, and who may change it. Change it with `modelref-git member`"))
    document.add(tomlkit.comment("and `modelref-git category`: a change of this file is recorded like any other."))
    document.add("format", tomlkit.item(FORMAT))
    policy = tomlkit.table()
    policy.add(tomlkit.comment("Whether somebody else than who asked must approve."))
    for key, value in {
        "two_person_review": False,
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


def person(actor: Actor) -> str:
    """How an actor without an entry in the file is named to people: the id is an e-mail."""
    return f"{actor.name} <{actor.id}>"
