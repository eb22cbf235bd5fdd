"""Charts: lengths and places are those of the figures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelref_git.pages import charts


def test_bars_stand_by_size_and_the_longest_takes_all_the_room() -> None:
    made = charts.bars({"b": 5, "a": 10, "c": 0})
    assert [(bar.label, bar.value, bar.percent) for bar in made.rows] == [("a", 10, 100), ("b", 5, 50), ("c", 0, 0)]


def test_many_small_bars_are_one_and_nothing_is_lost() -> None:
    made = charts.bars({f"n{place:02}": 100 - place for place in range(40)})
    assert len(made.rows) == charts.BARS_AT_MOST
    assert made.rows[-1].label == "others"
    assert sum(bar.value for bar in made.rows) == sum(100 - place for place in range(40))


def test_without_points_there_is_no_line() -> None:
    assert charts.line([], 10) is None


@given(st.lists(st.tuples(st.integers(0, 2_000_000_000), st.integers(0, 10**7)), min_size=1, max_size=400), st.data())
def test_a_line_stays_within_its_frame_and_ends_with_the_last_value(
    points: list[tuple[int, int]], data: st.DataObject
) -> None:
    points = sorted(points)
    until = data.draw(st.integers(0, 2_100_000_000))
    made = charts.line(points, until)
    assert made is not None
    assert len(made.rows) <= charts.POINTS_AT_MOST + 1
    assert made.rows[-1] == points[-1]
    numbers = [float(part[1:]) for part in made.path.replace("H", " H").replace("V", " V").split() if part[0] in "HV"]
    assert all(0 <= number <= made.width for number in numbers)
    assert [tick.text for tick in made.up][-1].replace(",", "").isdigit()
    assert int(made.up[-1].text.replace(",", "")) >= max(value for _, value in made.rows)
