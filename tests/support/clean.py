"""What must hold of every honest repository, whatever was done to it."""

from __future__ import annotations

from pathlib import Path

from modelref_git.operations.context import Context
from modelref_git.operations.replay import replay
from modelref_git.operations.verify import verify


def assert_clean(path: Path) -> None:
    """The verification of the repository at *path* finds nothing, and both its histories give what is stored."""
    report = verify(Context.open(path))
    assert not report.findings, "\n".join(f"{item.rule}: {item.message}" for item in report.findings)
    found = replay(Context.open(path))
    assert found.equal, found.differences
