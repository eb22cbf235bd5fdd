"""One record as the entry of the older files that stands for it, and one entry as a record: for those who write singly.

The files as wholes are read and written by `modelref_git.formats.legacy` and `modelref_git.formats.text`; the rules
are theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.formats.legacy import checks, entries, rules
from modelref_git.formats.text.generated import generated_db
from modelref_git.formats.text.rows import TEXT, cells_of
from modelref_git.records import pointer
from modelref_git.records.merge import MergeHints, merge_records

_TEXT_FIELDS: Final = (
    *("name", "model_name", "baseline", "parameters", "description", "version", "style", "nsfw"),
    *("display_name", "url", "tags", "instruct_format", "settings"),
)


def entry_of(category: str, key: str, record: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a stored *record*, with its remainder if it has one. *defaults* fill what a text model leaves open.

    Raises:
        KeyError: the category has no older form.
    """
    if category == TEXT:
        return generated_db([cells_of(key, record)], defaults)[key]
    return entries.to_legacy(category, key, record)


def with_nulls(category: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """*entry* with a null for each field that entries of its category may have, and it has not."""
    names = _TEXT_FIELDS if category == TEXT else rules.order(category)
    known = {name: entry.get(name) for name in names}
    return known | {name: value for name, value in entry.items() if name not in known}


def record_of(
    category: str, entry: Mapping[str, Any], *, open_values: bool = False
) -> tuple[dict[str, Any], list[Problem]]:
    """The record, in its stored form, that an *entry* with a ``name`` stands for, and what is wrong with the entry.

    What a record has no place for is left out: unlike an import, a single write keeps no remainder. Nulls count as
    nothing. With *open_values*, baselines and styles pass that this package does not know.
    """
    given = _without_nulls(entry)
    if category == TEXT:
        from modelref_git.records import normal  # pydantic comes with it

        try:
            return normal.normalise(TEXT, given, open_values=open_values), []
        except Invalid as fault:
            return {}, _problems(fault)
    found = checks.faults(category, given["name"], given)
    if found:
        return {}, found
    try:
        return entries.stored(category, entries.convert(category, given), open_values)
    except Invalid as fault:
        return {}, _problems(fault)


def edited(
    category: str,
    key: str,
    live: Mapping[str, Any],
    entry: Mapping[str, Any],
    hints: MergeHints,
    *,
    open_values: bool = False,
) -> dict[str, Any]:
    """The *live* record with what *entry* says otherwise than the live record's own entry.

    So what only a record has, and no entry, stays as it is.

    Raises:
        Invalid: the entry stands for no record.
    """
    wanted, problems = record_of(category, entry, open_values=open_values)
    if problems:
        raise Invalid.of(f"the entry {key!r}", problems)
    before, _ = record_of(category, entry_of(category, key, live, {}), open_values=open_values)
    merged = merge_records(before, dict(live), wanted, hints)
    record = dict(merged.record or wanted)
    for conflict in reversed(merged.conflicts):  # from behind, so that places in lists stay right
        if conflict.is_removal:
            record = pointer.without(record, conflict.path)
        else:
            record = pointer.with_set(record, conflict.path, conflict.theirs)
    return record


def _problems(fault: Invalid) -> list[Problem]:
    return [Problem(row["path"], row["message"], row["rule"]) for row in fault.details]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
