from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.operations.changes import Filters, list_changes
from modelref_git.operations.context import Context
from modelref_git.operations.policy_settings import set_policy
from modelref_git.proposals.header import STATUSES
from modelref_git.store.index import Index
from tests.support.http_states import every_state
from tests.support.world import ARTHUR, CAROL, OWNER


def some(*values: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    """Any selection of *values*."""
    return st.lists(st.sampled_from(values), max_size=3, unique=True).map(tuple)


FILTERS = st.builds(
    Filters,
    some(*STATUSES),
    some("clip", "blip", "gfpgan", "policy"),
    st.sampled_from([None, None, 1, 2, 3, 4, 5, 99]),
    st.sampled_from(["", " ", "approved", "VIT-h", "too", "toml", "nothing"]),
    some("2", "1", " carol#2 ", "", "9"),
    st.booleans(),
)


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Context:
    states = every_state(tmp_path_factory.mktemp("list") / "w")
    set_policy(states.world.context(), [("ack_critical", True)])
    states.world.delete("gfpgan", "GFPGAN", actor=ARTHUR)
    return states.world.context(CAROL)


@given(FILTERS, st.integers(0, 15), st.sampled_from([None, 1, 3, 50]), st.booleans())
def test_what_the_index_finds_is_what_reading_finds(
    ctx: Context, filters: Filters, offset: int, limit: int | None, mine: bool
) -> None:
    read, found = (
        list_changes(ctx, filters, offset=offset, limit=limit, mine=mine, indexed=indexed) for indexed in (False, True)
    )
    assert found == read


def test_changes_are_found_by_what_they_never_cease_to_be(tmp_path: Path) -> None:
    states = every_state(tmp_path / "w")
    before = states.world.context().view()
    later = states.world.delete("gfpgan", "GFPGAN", actor=OWNER)
    with Index(states.world.context().view()) as index:
        assert index.changes(("gfpgan",)) == [later]
        assert index.changes(requested_by=("1",)) == [1, 2, later]
        assert index.changes(("clip", "policy"), requested_by=("1",)) == [1, 2]
        assert index.changes(name_part="vit-h") == sorted(states.changes[name] for name in ("applied", "update"))
        assert index.changes(name_part="purged") == [states.changes["purged"]]
        assert index.batches_of(index.changes(("policy",))) == {1, 2}
        assert index.batches_of([states.changes["approved"], states.changes["pending"]]) == {states.open_batch}
    with Index(before) as index:
        assert index.changes(("gfpgan",)) == [], "nothing that is newer than the view"
