"""The check of records: by the rules that nobody waives, and by those of good data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelref_git.errors import Invalid, Problem
from modelref_git.operations.checking.findings import Fault, of_error, of_findings, structural
from modelref_git.operations.checking.weighing import found_in_change, found_in_state
from modelref_git.operations.order import RANK
from modelref_git.operations.picture_files import missing
from modelref_git.operations.verifying.records import content_problems
from modelref_git.proposals.config import DatasetConfig
from modelref_git.records import codec, pictures, pointer
from modelref_git.records.json_text import MAX_RECORD_BYTES
from modelref_git.records.json_tokens import line_and_column
from modelref_git.records.quality.rule import Facts, Others
from modelref_git.records.schemas import Schema


@dataclass(frozen=True, slots=True)
class Judge:
    """What records are judged by."""

    config: DatasetConfig
    schema: Callable[[str], Schema | None]
    """The schema of a category; ``None`` where it cannot judge a record."""
    others: Others | None = None
    """The dataset around."""
    has_picture: Callable[[str], bool] | None = None
    """Whether a picture is there; ``None`` where no files are at hand."""

    def stored(
        self,
        category: str,
        key: str,
        data: bytes,
        *,
        before: Mapping[str, Any] | None = None,
        is_change: bool = False,
        renamed_from: str | None = None,
    ) -> tuple[dict[str, Any] | None, list[Fault]]:
        """A record as a dataset has it, and its faults.

        Args:
            category: where it is.
            key: its name there.
            data: the bytes of its file.
            before: the record that it replaced, if a change is judged.
            is_change: whether a change is judged.
            renamed_from: the look-alike that the same change deletes.
        """
        try:
            record = codec.decode(data)
        except Invalid as error:
            return None, of_error(error, category, key)
        problems = remainder_problems(record)
        schema = self.schema(category)
        if schema is not None:
            problems += content_problems(schema, category, key, record, data)
            problems += self._picture_problems(schema, record)
        faults = [_structural(problem, data, schema, record, category, key) for problem in problems]
        facts = Facts(category, key, record, before, others=self.others, renamed_from=renamed_from)
        find = found_in_change if is_change else found_in_state
        return record, faults + of_findings(find(self.config, facts))

    def _picture_problems(self, schema: Schema, record: dict[str, Any]) -> Iterator[Problem]:
        entries = pictures.named(record, schema)
        yield from pictures.list_problems(entries)
        if self.has_picture is not None:
            yield from (missing(one) for one in entries if not self.has_picture(one.sha256))


def size_problems(data: bytes) -> list[Problem]:
    """The fault of a record that is larger than a record may be."""
    if len(data) <= MAX_RECORD_BYTES:
        return []
    return [Problem("", f"the record has {len(data)} bytes, {MAX_RECORD_BYTES} are the most", "json.size")]


def remainder_problems(record: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with what an import of older files left in a record."""
    if codec.REMAINDER not in record:
        return []
    remainder = record[codec.REMAINDER]
    if not isinstance(remainder, dict):
        message = f"'{codec.REMAINDER}' is written by import alone, and an object"
        return [Problem(pointer.join((codec.REMAINDER,)), message, "legacy.remainder")]
    if RANK in remainder and type(remainder[RANK]) is not int:
        message = "the place of a record in its older file is a whole number"
        return [Problem(pointer.join((codec.REMAINDER, RANK)), message, "legacy.remainder")]
    return []


def _structural(
    problem: Problem, data: bytes, schema: Schema | None, record: dict[str, Any], category: str, key: str
) -> Fault:
    if problem.rule == "json.canonical" and schema is not None:
        line, column = first_difference(data.decode(), codec.encode(record, schema.order).decode())
        return structural(problem, category, key, line=line, column=column)
    return structural(problem, category, key, path=problem.path)


def first_difference(text: str, other: str) -> tuple[int, int]:
    """Line and column, from 1, of the first character by which *text* differs from *other*."""
    differing = (at for at, (left, right) in enumerate(zip(text, other, strict=False)) if left != right)
    return line_and_column(text, next(differing, min(len(text), len(other))))
