"""Ranks put records in a file's order with few changes."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from modelref_git.formats.ranks import STEP, assign, rank_of, with_rank

KEYS = [f"m{index}" for index in range(9)]
RANKS = st.integers(-20, 60)


def stored(ranks: dict[str, int | None]) -> list[tuple[str, int | None]]:
    ranked = sorted((key for key in ranks if ranks[key] is not None), key=lambda key: ranks[key] or 0)
    return [(key, ranks[key]) for key in [*ranked, *(key for key in ranks if ranks[key] is None)]]


def test_a_first_import_leaves_room_between_all_rows() -> None:
    assert assign([], ["b", "a", "c"]) == {"b": STEP, "a": 2 * STEP, "c": 3 * STEP}


@given(st.lists(RANKS, unique=True, max_size=8))
def test_a_file_in_the_order_of_the_ranks_changes_none(ranks: list[int]) -> None:
    existing = list(zip(KEYS, sorted(ranks), strict=False))
    assert assign(existing, [key for key, _ in existing]) == dict(existing)


def test_one_inserted_row_is_one_new_rank_in_the_middle_of_its_gap() -> None:
    existing = [("a", 1024), ("b", 2048), ("c", 3072)]
    assert assign(existing, ["a", "new", "b", "c"]) == {"a": 1024, "new": 1536, "b": 2048, "c": 3072}
    assert assign(existing, ["new", "a", "b", "c"])["new"] == 512
    assert assign(existing, ["a", "b", "c", "new"])["new"] == 4096


def test_a_row_in_front_of_the_smallest_number_goes_below_zero_and_moves_nothing() -> None:
    assert assign([("a", 1), ("b", 2)], ["new", "a", "b"]) == {"new": 1 - STEP, "a": 1, "b": 2}


def test_without_a_gap_one_neighbour_gives_way() -> None:
    ranks = assign([("a", 1024), ("b", 1025), ("c", 2048)], ["a", "new", "b", "c"])
    assert list(ranks) == ["a", "new", "b", "c"]
    assert sorted(ranks.values()) == list(ranks.values())
    assert sum(ranks[key] != old for key, old in [("a", 1024), ("b", 1025), ("c", 2048)]) == 1


def test_a_moved_row_is_the_only_one_to_change() -> None:
    existing = [(key, STEP * (index + 1)) for index, key in enumerate(KEYS)]
    order = [KEYS[-1], *KEYS[:-1]]
    ranks = assign(existing, order)
    assert [key for key, old in existing if ranks[key] != old] == [KEYS[-1]]


def test_the_rank_of_a_record_that_the_file_lacks_is_given_to_nobody() -> None:
    assert assign([("a", 1), ("gone", 2), ("b", 4)], ["a", "new", "b"]) == {"a": 1, "new": 3, "b": 4}
    ranks = assign([("a", 1), ("gone", 2), ("b", 3)], ["a", "new", "b"])
    assert 2 not in ranks.values()
    assert sorted(ranks, key=lambda key: ranks[key]) == ["a", "new", "b"]


def test_records_without_a_rank_that_stand_last_as_before_need_none() -> None:
    existing = [("a", 10), ("u", None), ("v", None)]
    assert assign(existing, ["a", "u", "v"]) == {"a": 10}
    assert set(assign(existing, ["a", "v", "u"])) == {"a", "v"}
    assert set(assign(existing, ["a", "u", "v", "new"])) == {"a", "u", "v", "new"}
    assert set(assign(existing, ["u", "a", "v"])) == {"u", "a"}


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[tuple[str, int | None]], list[str]]:
    live = draw(st.lists(st.sampled_from(KEYS), unique=True))
    existing = stored({key: draw(st.none() | RANKS) for key in live})
    return existing, draw(st.permutations(KEYS).flatmap(lambda keys: st.integers(0, 9).map(lambda n: keys[:n])))


@given(cases())
def test_sorted_by_rank_the_records_are_in_the_order_of_the_file(
    case: tuple[list[tuple[str, int | None]], list[str]],
) -> None:
    existing, order = case
    ranks = assign(existing, order)
    after = {**dict(existing), **ranks}
    unranked = [key for key, _ in existing if after[key] is None]
    ranked = [key for key in after if after[key] is not None]
    ranked.sort(key=lambda key: after[key] or 0)
    assert [key for key in [*ranked, *unranked] if key in order] == order
    others = {rank for key, rank in existing if key not in order}
    given_now = [rank for key, rank in ranks.items() if rank != dict(existing).get(key)]
    assert others.isdisjoint(given_now)
    assert len(set(ranks.values())) == len(ranks)


@given(cases())
def test_no_choice_of_kept_ranks_is_larger(case: tuple[list[tuple[str, int | None]], list[str]]) -> None:
    existing, order = case
    ranked = {key: rank for key, rank in existing if rank is not None and key in order}
    ranks = assign(list(ranked.items()), order)
    kept = sum(ranks[key] == rank for key, rank in ranked.items())

    def fits(chosen: tuple[str, ...]) -> bool:
        return all(ranked[two] - ranked[one] >= order.index(two) - order.index(one) for one, two in pairwise(chosen))

    rows = [key for key in order if key in ranked]
    best = next(n for n in range(len(rows), -1, -1) if any(fits(chosen) for chosen in combinations(rows, n)))
    assert kept >= best


def test_a_rank_is_the_first_member_of_the_remainder_and_can_be_taken_away() -> None:
    record = {"name": "x", "_legacy": {"fields": {"a": 1}}}
    ranked = with_rank(record, 7)
    assert list(ranked["_legacy"].items()) == [("rank", 7), ("fields", {"a": 1})]
    assert (rank_of(ranked), rank_of(record), rank_of({"name": "x"})) == (7, None, None)
    assert with_rank(ranked, None) == record
    assert with_rank({"name": "x", "_legacy": {"rank": 7}}, None) == {"name": "x"}
    assert with_rank(ranked, 8)["_legacy"]["rank"] == 8
