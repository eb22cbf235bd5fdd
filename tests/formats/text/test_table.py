"""CSV files are read and written to the byte."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid, ModelrefError
from modelref_git.formats.legacy import profile as legacy_profile
from modelref_git.formats.text.table import NEW_FILE, Table, cell_places, decode, line_of, parse, profile_of, write

CELL = st.text(st.sampled_from('ab ,"\r\n\ufeffé'), max_size=6)
NAME = st.text(st.sampled_from("ab/"), min_size=1, max_size=2)
ROWS = st.lists(st.tuples(NAME, CELL, CELL), max_size=6)
HEADER = ("name", "x", "y")


def rewritten(data: bytes, table: Table) -> bytes:
    """*data* by its own profile, every row under its first cell."""
    keys = [row.cells[0] for row in table.rows]
    profile = decode(legacy_profile.encode(profile_of(table, keys)))
    rows = [
        (key, dict(zip(table.header.cells, row.cells, strict=False))) for key, row in zip(keys, table.rows, strict=True)
    ]
    return write(rows, profile)


def change(data: bytes, name: str, **cells: str) -> bytes:
    """*data* with other cells in the rows of *name*."""
    table = parse(data, "f")
    profile = profile_of(table, [row.cells[0] for row in table.rows])
    rows = [(row.cells[0], dict(zip(table.header.cells, row.cells, strict=True))) for row in table.rows]
    return write([(key, {**row, **cells} if key == name else row) for key, row in rows], profile)


def full(*lines: str, eol: str = "\r\n") -> bytes:
    """A file with the usual columns and rows of two cells each."""
    rest = "," * 8
    return eol.join([",".join(NEW_FILE["columns"]), *(line + rest for line in lines), ""]).encode()


@given(st.lists(st.lists(CELL, min_size=2, max_size=4), max_size=6))
def test_rows_are_what_pythons_own_writer_writes(rows: list[list[str]]) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([list(HEADER), *rows])
    table = parse(buffer.getvalue().encode(), "f")
    assert [list(row.cells) for row in table.rows] == rows
    assert [row.text for row in table.rows] == [line_of(row) for row in rows]


@given(st.lists(st.text(st.sampled_from('ab,"'), max_size=8), max_size=5))
def test_quotes_in_odd_places_are_read_as_pythons_own_reader_does(lines: list[str]) -> None:
    text = "\r\n".join(["name,x", *lines, ""])
    try:
        table = parse(text.encode(), "f")
    except Invalid:
        return
    found = [list(row.cells) for row in table.rows]
    assert found == [row for row in csv.reader(io.StringIO(text, newline="")) if row][1:]


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@given(ROWS, st.data())
def test_a_file_in_any_layout_is_written_back_to_the_byte(rows: list[tuple[str, ...]], data: st.DataObject) -> None:
    ends = st.sampled_from(["\r\n", "\r\n", "\n", "\r", "\r\n\r\n", "\n\n\n"])

    def text_of(cells: Sequence[str]) -> str:
        odd = data.draw(st.lists(st.booleans(), min_size=3, max_size=3))
        parts = [quoted(cell) if flag else line_of([cell]) for cell, flag in zip(cells, odd, strict=True)]
        return ",".join(parts) + data.draw(ends)

    text = "".join(map(text_of, [HEADER, *rows]))
    text = data.draw(st.sampled_from(["", "\ufeff"])) + data.draw(st.sampled_from([text, text.rstrip("\r\n")]))
    table = parse(text.encode(), "f")
    assert [row.cells for row in table.rows] == rows
    assert rewritten(text.encode(), table).decode() == text


@given(st.binary(max_size=60) | ROWS.map(lambda rows: repr(rows).encode()))
def test_arbitrary_bytes_raise_only_our_own_error(data: bytes) -> None:
    try:
        table = parse(data, "f")
    except ModelrefError:
        return
    assert rewritten(data, table) == data


@pytest.mark.parametrize(
    ("data", "rule", "line", "column"),
    [
        (b"", "csv.header", 1, 1),
        (b"\r\nname\r\n", "csv.header", 1, 1),
        (b"name,x,name\r\n", "csv.header", 1, 1),
        (b"name\r\na,\xff\r\n", "csv.encoding", 2, 3),
        (b'name\r\n\r\na,b,"c\r\nd\r\n', "csv.quote", 3, 5),
        (b'name\n"a\nb","c""\n', "csv.quote", 3, 4),
    ],
)
def test_what_cannot_be_read_is_told_with_line_and_column(data: bytes, rule: str, line: int, column: int) -> None:
    with pytest.raises(Invalid, match=f"line {line} column {column}") as caught:
        parse(data, "f")
    (detail,) = caught.value.details
    assert (detail["rule"], detail["line"], detail["column"]) == (rule, line, column)


def test_a_row_knows_the_line_that_it_begins_on() -> None:
    table = parse(b'name,x\r\n\r\na,"1\r\n2"\nb,\r\rc,', "f")
    assert [(row.cells[0], row.line) for row in table.rows] == [("a", 3), ("b", 5), ("c", 7)]


def test_a_regular_file_needs_no_exceptions() -> None:
    data = full("a,1", "b,2")
    assert profile_of(parse(data, "f"), ["a", "b"]) == NEW_FILE


def test_a_file_of_one_sort_of_line_ends_says_so_and_no_more() -> None:
    data = full("a,1", "b,2", eol="\n")
    assert profile_of(parse(data, "f"), ["a", "b"]) == {**NEW_FILE, "eol": "\n"}


def test_an_edit_moves_only_its_own_line_in_a_file_of_mixed_ends_blank_lines_and_needless_quotes() -> None:
    data = b'name,x\r\n"a",1\n\nb,"2"\r\nc,3\r\n\r\nd,"4"'
    assert change(data, "b", x="9") == data.replace(b'"2"', b"9")
    assert change(data, "a", x="9") == data.replace(b'"a",1', b"a,9")
    assert change(data, "c", x="9,9") == data.replace(b"c,3", b'c,"9,9"')
    assert change(data, "d", x="4") == data


def test_what_follows_the_last_row_of_a_file_without_a_final_end_of_line_begins_a_line() -> None:
    table = parse(b"name,x\na,1", "f")
    profile = profile_of(table, ["a"])
    rows = [("a", {"name": "a", "x": "1"}), ("b", {"name": "b", "x": "2"})]
    assert write(rows[:1], profile) == b"name,x\na,1"
    assert write(rows, profile) == b"name,x\na,1\nb,2\n"
    assert write(rows[:1], profile_of(parse(b"name,x", "f"), [])) == b"name,x\r\na,1\r\n"


def test_a_row_that_is_left_out_has_no_part_in_the_profile() -> None:
    assert profile_of(parse(b'name,x\r\n"a",1\n', "f"), [None])["columns"] == ["name", "x"]
    assert "verbatim" not in profile_of(parse(b'name,x\r\n"a",1\n', "f"), [None])


def test_a_column_is_added_when_a_row_has_something_in_it() -> None:
    profile = {"columns": ["name", "mine"], "header": '"name","mine"\r\n'}
    assert write([("a", {"name": "a", "url": ""})], profile) == b'"name","mine"\r\na,\r\n'
    assert write([("a", {"name": "a", "url": "u", "odd": "o"})], profile) == b"name,mine,url\r\na,,u\r\n"


@pytest.mark.parametrize(
    "profile",
    [
        [],
        {"columns": 1},
        {"columns": [1]},
        {"eol": "x"},
        {"eol": "\n\n"},
        {"bom": 1},
        {"header": 1},
        {"verbatim": []},
        {"verbatim": {"a": "x"}},
        {"verbatim": {"a": [1]}},
        {"ends": {"a": ["x"]}},
        {"ends": {"a": [None]}},
        {"db": 1},
        {"db": {"indent": "x"}},
    ],
)
def test_a_profile_that_is_none_is_refused(profile: Any) -> None:
    with pytest.raises(Invalid):
        decode(json.dumps(profile).encode())


def test_each_cell_has_a_place() -> None:
    row = parse(b'name,x,y\n\na,"b\nc",,"d"\n', "f").rows[0]
    assert cell_places(row) == [(3, 1), (3, 3), (4, 4), (4, 5)]
    assert len(cell_places(row)) == len(row.cells)
    assert cell_places(parse(b"name\nb", "f").rows[0]) == [(2, 1)]


@given(ROWS)
def test_there_are_as_many_places_as_cells(rows: list[tuple[str, ...]]) -> None:
    for row in parse("\n".join(map(line_of, [HEADER, *rows])).encode(), "f").rows:
        assert len(cell_places(row)) == len(row.cells)
