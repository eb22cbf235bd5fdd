"""A Git host with a dataset repository whose workflows are ours."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from modelref_git.operations.context import Context
from modelref_git.operations.init import init_repository
from modelref_git.operations.members import add_member
from modelref_git.store.git import GitStore
from tests.support.workflow import Host
from tests.support.world import ARTHUR, CAROL, OWNER, FixedClock


@pytest.fixture(scope="session")
def _hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    path, clock = folder / "people" / "models", FixedClock()
    init_repository(path, bare=True, with_ci=True, owner=OWNER, email="olivia@people.example", clock=clock)
    ctx = Context(GitStore.open(path), claim=OWNER, clock=clock)
    add_member(ctx, CAROL, emails=("carol@people.example",), roles=("requestor",))
    add_member(ctx, "ci#ci", emails=("ci@people.example",), roles=("service",))
    add_member(ctx, ARTHUR, emails=("arthur@people.example",), roles=("approver",))
    return folder


@pytest.fixture
def host(_hub: Path, tmp_path: Path) -> Host:
    """A host with one repository, ``people/models``."""
    shutil.copytree(_hub, tmp_path / "hub")
    return Host(tmp_path / "hub", tmp_path / "runs", variables={"MODELREF_ACTORS": "*"})
