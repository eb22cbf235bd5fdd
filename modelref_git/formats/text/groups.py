"""Groups in ``db.json``: for readers who ask for them, each entry with its group and what its members share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from modelref_git.records import text

GROUP: Final = "text_model_group"
SUMMARY: Final = "text_model_group_summary"

_PARTS: Final = ("base", "size", "variant", "version", "quant")


def with_groups(
    entries: Mapping[str, dict[str, Any]], records: Iterable[tuple[str, Mapping[str, Any]]]
) -> dict[str, dict[str, Any]]:
    """The *entries* of a ``db.json``, each with its group and the group's summary behind its other fields.

    Args:
        entries: by name, base models and variants.
        records: key and stored record of the base models.
    """
    groups: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    group_of: dict[str, str] = {}
    for key, record in records:
        group = record.get(GROUP) or text.group_name(key)
        groups.setdefault(group, []).append((key, record))
        group_of |= dict.fromkeys(text.variant_names(key), group)
    summaries = {group: _summary(members) for group, members in groups.items()}
    return {
        name: {**entry, GROUP: group, SUMMARY: summaries[group]} if (group := group_of.get(name)) else entry
        for name, entry in entries.items()
    }


def _summary(members: list[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    records = [record for _, record in members]
    sizes = sorted({count for record in records if type(count := record.get("parameters")) is int})
    baselines = {record.get("baseline") or None for record in records}
    authors = {key.partition("/")[0] if "/" in key else None for key, _ in members}
    return {
        "member_count": len(members),
        "available_sizes": list(dict.fromkeys(text.size_tag(count) for count in sizes)),
        "available_quants": sorted({word for key, _ in members if (word := text.quantisation(key))}),
        "common_baseline": baselines.pop() if len(baselines) == 1 else None,
        "any_nsfw": any(record.get("nsfw") is True for record in records),
        "any_has_description": any(bool(record.get("description")) for record in records),
        "merged_tags": sorted({tag for record in records for tag in record.get("tags") or ()}),
        "name_format": {
            "separator": "-",
            "part_order": list(_PARTS),
            "author_included": authors != {None},
            "common_author": authors.pop() if len(authors) == 1 else None,
            "template": None,
        },
    }
