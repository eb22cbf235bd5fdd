"""The check of what hosts have: the findings of ``--fetch``, put where the records say their addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from modelref_git.errors import Problem
from modelref_git.operations.checking.findings import CheckReport, Fault
from modelref_git.operations.checking.weighing import check_waivers
from modelref_git.operations.context import Context
from modelref_git.proposals.config import DatasetConfig

Fetch = Literal["head", "full"]
"""Whether hosts are only asked about a file, or it is read to its end to compare its sum."""


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How a check goes about it."""

    allow: tuple[str, ...] = ()
    """Quality rules whose errors do not count; ``*`` for all."""
    fetch: Fetch | None = None
    """Whether the hosts of downloads are asked."""
    progress: Callable[[], None] = lambda: None
    """Called for each record, and for each address that was asked about."""
    transferred: Callable[[str, int, int | None], None] = lambda _what, _done, _total: None
    """Called as the bytes of a file come: its address, how many came, how many there will be if known."""

    def report(self) -> CheckReport:
        """A new report.

        Raises:
            UsageFault: what is allowed is no rule.
        """
        check_waivers(self.allow)
        return CheckReport(self.allow)


DEFAULTS: Final = CheckOptions()


@dataclass(frozen=True, slots=True)
class _Asked:
    record: Mapping[str, Any]
    file: str
    text: Callable[[], str | None]
    where: Callable[[Problem], Mapping[str, Any]]


def by_path(problem: Problem) -> Mapping[str, Any]:
    """Where a fault is in a file that is the record."""
    return {"path": problem.path}


@dataclass(slots=True)
class Hosts:
    """The records whose downloads are asked about when all else is checked."""

    options: CheckOptions
    _asked: dict[tuple[str, str], _Asked] = field(default_factory=dict)

    def remember(
        self,
        category: str,
        key: str,
        record: Mapping[str, Any] | None,
        file: str,
        text: Callable[[], str | None],
        where: Callable[[Problem], Mapping[str, Any]] = by_path,
    ) -> None:
        """Have a record asked about, if hosts are asked at all; *text* is the content of its file."""
        if self.options.fetch is not None and record is not None:
            self._asked.setdefault((category, key), _Asked(record, file, text, where))

    def ask(self, report: CheckReport, config: DatasetConfig, ctx: Context | None) -> None:
        """Ask the hosts, and take in what is wrong."""
        if not self._asked:
            return
        from modelref_git.operations.checking.network import CACHE, fetch_findings

        cache: Path | None = None if ctx is None else ctx.store.local_dir / CACHE
        found = fetch_findings(
            config,
            [(*key, asked.record) for key, asked in self._asked.items()],
            full=self.options.fetch == "full",
            cache=cache,
            answered=lambda done, _total: self.options.progress() if done else None,
            progress=self.options.transferred,
        )
        for finding in found:
            asked = self._asked[finding.category, finding.key]
            report.add(asked.file, [Fault(finding, **asked.where(finding.problem))], asked.text())
