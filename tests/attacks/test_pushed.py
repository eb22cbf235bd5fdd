"""Every attack of this folder again, as a push to a server with the hooks; and its honest steps, which are taken."""

from __future__ import annotations

import inspect
import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from tests.attacks import judge
from tests.attacks.forging import Forger
from tests.attacks.test_guests import house
from tests.attacks.test_imported_queue import honest_world, liar
from tests.attacks.test_people import keys
from tests.support.server import Server, moved, refs_of

__all__ = ["honest_world", "house", "keys", "liar"]

HERE: Final = Path(__file__)
MODULES: Final[list[ModuleType]] = [
    import_module(f"tests.attacks.{path.stem}") for path in sorted(HERE.parent.glob("test_*.py")) if path != HERE
]

NO_PUSH: Final = {
    "test_a_rewritten_log": "the server never saw the event that was left out",
    "test_the_untouched_repository_has_no_findings": "there is nothing to push",
    "test_a_main_that_is_behind_is_no_finding": "verification forgives a main that is behind; no push takes it back",
    "test_a_branch_that_is_missing_is_no_finding": "verification forgives a branch that is missing; no push removes it",
}
"""What cannot be a push, or is one of its own in tests/operations/guarding; and why."""

QUICK: Final = {
    "test_what_the_forger_writes_is_honest_unless_it_lies",
    "test_a_hand_made_commit_on_main",
    "test_a_beginning_with_a_record_that_is_no_good",
    "test_a_new_schema_without_the_layout_that_it_calls_for",
    "test_a_record_that_slips_in_with_a_merge",
    "test_an_approval_by_the_requestor",
    "test_a_queue_that_comes_into_one_that_is_in_use",
}
"""The attacks of the quick run; with all of them it takes minutes."""

Attack = Callable[..., None]


def attacks() -> Iterator[tuple[str, Attack, dict[str, Any]]]:
    """Every test of this folder's other modules with each set of its parameters: ``(id, test, parameters)``."""
    for module in MODULES:
        for name, test in vars(module).items():
            if name.startswith("test_"):
                for number, values in enumerate(_parameters(test)):
                    yield f"{name}[{number}]" if values else name, test, values


def _parameters(test: Attack) -> list[dict[str, Any]]:
    rows = []
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "long":
            continue
        assert mark.name == "parametrize", "a mark that is not known here"
        names = [name.strip() for name in mark.args[0].split(",")]
        values = [value if len(names) > 1 else (value,) for value in mark.args[1]]
        rows.append([dict(zip(names, row, strict=True)) for row in values])
    return [{key: value for part in parts for key, value in part.items()} for parts in itertools.product(*rows)]


CASES: Final = [
    pytest.param(test, values, id=ident, marks=() if test.__name__ in QUICK else pytest.mark.long)
    for ident, test, values in attacks()
    if test.__name__ not in NO_PUSH
]


@dataclass
class Pushing:
    """Stands in for ``verify`` in an attack: what it would find, a server refuses, and what it lets pass is taken."""

    server: Server
    before: Mapping[str, str]
    """The refs of the forger's repository as the server has them."""
    pushes: list[bool] = field(default_factory=list)
    """Whether each push was taken."""

    def findings(self, forger: Forger, *words: str) -> list[dict[str, Any]]:
        """As in :mod:`tests.attacks.judge`, and the server has to agree."""
        found = judge.findings(forger, *words)
        self._push(forger, {row["rule"] for row in found})
        return found

    def caught(
        self, forger: Forger, rule: str, commit: str, *words: str, also: tuple[str, ...] = ()
    ) -> list[dict[str, Any]]:
        """As in :mod:`tests.attacks.judge`, and the server has to refuse it by that rule."""
        found = judge.caught(forger, rule, commit, *words, also=also)
        self._push(forger, {rule})
        return found

    def _push(self, forger: Forger, rules: set[str]) -> None:
        after = refs_of(forger.path)
        words = moved(self.before, after)
        if not words:
            return
        refs, files = self.server.refs(), self.server.files()
        pushed = self.server.push(forger.path, *words)
        if not rules:
            pushed.ok()
            self.before = after
            assert self.server.refs()["refs/heads/main"] == forger.main
            assert self.server.refs()["refs/heads/queue"] == forger.head
        else:
            assert pushed.code != 0, pushed.said
            assert rules <= pushed.rules, pushed.said
            assert self.server.refs() == refs
            assert self.server.files() == files
        self.pushes.append(not rules)


@pytest.mark.parametrize(("test", "values"), CASES)
def test_what_verification_finds_no_push_brings(
    test: Attack,
    values: dict[str, Any],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = [name for name in inspect.signature(test).parameters if name not in values]
    given = {name: request.getfixturevalue(name) for name in wanted}
    attacked = given["liar"].forger if "liar" in given else given.get("house", given.get("forger"))
    if attacked is None:
        pushing = Pushing(Server.empty(tmp_path / "server.git", trustClaims="true"), {})
    else:
        shutil.copytree(attacked.path, tmp_path / "server.git", symlinks=True)
        pushing = Pushing(Server.of(tmp_path / "server.git", trustClaims="true"), refs_of(attacked.path))
    for name in ("findings", "caught"):
        monkeypatch.setitem(test.__globals__, name, getattr(pushing, name))
    test(**given, **values)
    assert pushing.pushes, "nothing was pushed: it belongs to those that cannot be a push"


def test_what_cannot_be_a_push_is_there() -> None:
    names = {test.__name__ for _, test, _ in attacks()}
    assert NO_PUSH.keys() | QUICK <= names
    assert len(CASES) > 150
