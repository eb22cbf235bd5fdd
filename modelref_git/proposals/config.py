"""``modelref.toml``, read: the format of a dataset, its policy, members and categories."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from modelref_git.errors import IntegrityFailure, Invalid, Problem
from modelref_git.proposals.actors import APPROVER, REQUESTOR, ROLES, Actor, Member

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


SECOND: Final = "second"
"""The value of ``ack_critical`` by which critical fields need a second approver."""


@dataclass(frozen=True, slots=True)
class Protection:
    """One ``[[protected]]`` table: what it is about, and what that needs beyond the policy."""

    category: str | None = None
    name: str | None = None
    field: str | None = None
    """A JSON pointer in which ``*`` stands for any one key or index, or the name of a member at any depth."""
    requestors: tuple[str, ...] = ()
    """The ids of those who alone may propose it; empty: whoever may propose."""
    approvers: tuple[str, ...] = ()
    """The ids of those whose approvals alone count; empty: every approver's."""
    approvals: int = 1
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RuleException:
    """One ``[[exceptions]]`` table: a record about which a rule of good data is silent."""

    rule: str
    category: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Policy:
    """``[policy]`` and ``[[protected]]``: what a change needs before it is applied."""

    two_person_review: bool = True
    """Whether somebody else than who asked approves; on unless the file says otherwise."""
    approvals: int = 1
    require_signed: bool = False
    ack_critical: bool | str = False
    """Whether critical fields need a second look: ``True`` by a second approver or ``--ack-critical``,
    ``"second"`` by a second approver alone."""
    replica_max_age: int = 604_800
    """Seconds after which a replica that could not follow calls itself stale."""
    protected: tuple[Protection, ...] = ()
    flag_roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """``[policy.flag_roles]``: the roles of whoever has a flag at the login service."""


@dataclass(frozen=True, slots=True)
class DatasetConfig:
    """What ``modelref.toml`` says."""

    members: tuple[Member, ...] = ()
    categories: Mapping[str, CategoryConfig] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    rules: Mapping[str, str] = field(default_factory=dict)
    """Severities of the rules of good data, by id."""
    exceptions: tuple[RuleException, ...] = ()

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
        categories = reading.categories(document.get("categories", {}))
        config = cls(
            members=reading.members(document.get("members", []), categories),
            categories=categories,
            policy=reading.policy(reading.table(document, "policy"), document.get("protected", []), categories),
            rules=reading.rules(reading.table(document, "rules")),
            exceptions=reading.exceptions(document.get("exceptions", [])),
        )
        if reading.problems:
            raise Invalid.of(FILE, reading.problems)
        return config

    def is_excepted(self, rule: str, category: str, name: str) -> bool:
        """Whether an exception says that *rule* is silent about a record."""
        return any((one.rule, one.category, one.name) == (rule, category, name) for one in self.exceptions)

    def member(self, ident: str) -> Member | None:
        """The member with the id *ident*."""
        return next((member for member in self.members if member.id == ident), None)

    def known_flags(self, flags: Iterable[str]) -> tuple[str, ...]:
        """Those of *flags* that the policy says anything about, sorted."""
        return tuple(sorted({flag for flag in flags if self.policy.flag_roles.get(flag)}))

    def acting(self, actor: Actor, flags: Iterable[str] = ()) -> Member | None:
        """The member that *actor* is, with the roles that their *flags* bring besides.

        Whoever is not listed is a guest: with those roles alone, or nobody where the flags bring none.
        """
        listed = self.member(actor.id)
        brought = [role for flag in flags for role in self.policy.flag_roles.get(flag, ())]
        if not brought:
            return listed
        found = Member(actor.id, actor.name) if listed is None else listed
        return replace(found, roles=tuple(dict.fromkeys((*found.roles, *brought))))

    def is_service(self, actor: Actor | None) -> bool:
        """Whether *actor* is a member who may write events in the name of others."""
        listed = self.member(actor.id) if actor is not None else None
        return listed is not None and listed.is_service

    def member_by_email(self, email: str) -> Member | None:
        """The member who has *email* (letter case does not count)."""
        wanted = email.casefold()
        return next((m for m in self.members if any(wanted == e.casefold() for e in m.emails)), None)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


_POLICY_TYPES: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "two_person_review": (lambda value: isinstance(value, bool), "true or false"),
    "approvals": (_is_count, "a number from 1 on"),
    "require_signed": (lambda value: isinstance(value, bool), "true or false"),
    "ack_critical": (lambda value: isinstance(value, bool) or value == SECOND, f'true, false or "{SECOND}"'),
    "replica_max_age": (_is_count, "a number of seconds"),
}
FLAG_ROLES: Final = "flag_roles"
"""The table in ``[policy]`` that maps what a login service says of its users to roles."""
_GUEST_ROLES: Final = (REQUESTOR, APPROVER)
_EXCEPTION_KEYS: Final = ("rule", "category", "name", "reason")
_PROTECTED_KEYS: Final = frozenset({"category", "name", "field", "requestors", "approvers", "approvals", "reason"})


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

    def members(self, rows: Any, categories: Mapping[str, CategoryConfig]) -> tuple[Member, ...]:
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
            self._check_roles(lists["roles"], ROLES, categories, f"{at}/roles")
            members.append(Member(ident, name, lists["emails"], lists["ssh_keys"], lists["roles"]))
        return tuple(members)

    def _check_roles(
        self, roles: Iterable[str], known: tuple[str, ...], categories: Mapping[str, CategoryConfig], at: str
    ) -> None:
        for role in roles:
            kind, _, category = role.partition(":")
            if role not in known and not (kind == APPROVER and category in categories):
                words = f"{', '.join(known)}, and {APPROVER}:CATEGORY"
                self.fault(at, f"{role!r} is no role; roles are {words}")

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

    def policy(self, row: dict[str, Any], protected: Any, categories: Mapping[str, CategoryConfig]) -> Policy:
        flag_roles = self._flag_roles(row.get(FLAG_ROLES, {}), categories)
        known = {name: item for name, item in row.items() if name in _POLICY_TYPES}
        for name in row.keys() - known.keys() - {FLAG_ROLES}:
            self.fault(f"/policy/{name}", f"{name!r} is nothing that the policy says")
        for name, value in known.items():
            right, words = _POLICY_TYPES[name]
            if not right(value):
                self.fault(f"/policy/{name}", f"{name} is {words}")
        if self.problems:
            return Policy()
        return Policy(**known, protected=self._protections(protected), flag_roles=flag_roles)

    def _flag_roles(self, rows: Any, categories: Mapping[str, CategoryConfig]) -> dict[str, tuple[str, ...]]:
        at = f"/policy/{FLAG_ROLES}"
        if not isinstance(rows, dict):
            self.fault(at, f"[policy.{FLAG_ROLES}] must be a table of lists of roles")
            return {}
        found = {}
        for flag in rows:
            if not flag.strip() or flag != flag.strip():
                self.fault(f"{at}/{flag}", "a flag is a text without white space at its ends")
            found[flag] = self._texts(rows, flag, at)
            self._check_roles(found[flag], _GUEST_ROLES, categories, f"{at}/{flag}")
        return found

    def _protections(self, rows: Any) -> tuple[Protection, ...]:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self.fault("/protected", "protected must be [[protected]] tables")
            return ()
        found = []
        for number, row in enumerate(rows):
            at = f"/protected/{number}"
            for key in row.keys() - _PROTECTED_KEYS:
                self.fault(f"{at}/{key}", f"{key!r} is nothing that a [[protected]] table says")
            texts: dict[str, Any] = {key: row.get(key) for key in ("category", "name", "field", "reason")}
            for key, value in texts.items():
                if value is not None and not (isinstance(value, str) and value):
                    self.fault(f"{at}/{key}", f"{key} must be a text")
            approvals = row.get("approvals", 1)
            if not _is_count(approvals):
                self.fault(f"{at}/approvals", "approvals is a number from 1 on")
            requestors, approvers = (self._texts(row, key, at) for key in ("requestors", "approvers"))
            found.append(Protection(**texts, requestors=requestors, approvers=approvers, approvals=approvals))
        return tuple(found)

    def rules(self, rows: dict[str, Any]) -> dict[str, str]:
        for name, severity in rows.items():
            if severity not in SEVERITIES:
                self.fault(f"/rules/{name}", f"a severity is one of {', '.join(SEVERITIES)}")
        return rows

    def exceptions(self, rows: Any) -> tuple[RuleException, ...]:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self.fault("/exceptions", "exceptions must be [[exceptions]] tables")
            return ()
        found = []
        for number, row in enumerate(rows):
            at = f"/exceptions/{number}"
            for key in sorted(row.keys() - {*_EXCEPTION_KEYS}):
                self.fault(f"{at}/{key}", f"{key!r} is nothing that an [[exceptions]] table says")
            for key in _EXCEPTION_KEYS:
                if not (isinstance(row.get(key), str) and row[key].strip()):
                    self.fault(f"{at}/{key}", f"an exception needs its {key}, a text")
            found.append(RuleException(*(str(row.get(key, "")) for key in _EXCEPTION_KEYS)))
        return tuple(found)


def person(actor: Actor) -> str:
    """How an actor without an entry in the file is named to people: the id is an e-mail."""
    return f"{actor.name} <{actor.id}>"
