"""What an entry of an old image file says and its v2 record cannot: kept in the record's member ``_legacy``.

The remainder holds only what the rules (``legacy_rules``) would not make of the v2 record by themselves. Its members,
each left out when empty:

============  =========================================================================================================
``rank``      the record's place in its file (``ranks``); set by import, always the first member
``fields``    fields of the entry that v2 has no place for and that are not what the rules would write: ``available``,
              ``download_all``, ``features_not_supported``, ``type``, ``style``, ``baseline`` where a category needs
              them, a list that is there but empty, and every field that nobody knows
``absent``    names of fields that the rules would write and the entry does not have
``yaml``      the entry's yaml files, which are no downloads: a path each, or the whole item where it holds more
``md5sum``    by file name: ``{"sha256sum", "md5sum"}``; the MD5 sum counts while the SHA-256 is still that one
              (``sha256sum`` is left out where none is known)
``odd``       whatever else differs, as ``{"path", "was", "is"}``: where the rules write ``was`` at the JSON pointer
              ``path`` (left out: write nothing there), the entry has ``is`` (left out: has nothing). A change of the
              record that makes the rules write something else there makes the item void
``order``     by JSON pointer of an object: its keys in the entry's order, where that is not the rules'
============  =========================================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelref_git.formats.exact import identical
from modelref_git.formats.legacy import rules
from modelref_git.records import pointer
from modelref_git.records.codec import REMAINDER
from modelref_git.records.values import UNKNOWN_HASH


def to_legacy(category: str, key: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of the old file of *category* that stands for a record.

    Args:
        category: one of the nine categories with a file in the old image repository.
        key: the record's key.
        record: the stored v2 record, with its remainder if it has one.
    """
    remainder = record.get(REMAINDER) or {}
    return _as_it_was(_by_rules(category, key, record, remainder), remainder)


def remainder_of(category: str, key: str, record: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The remainder with which *record*, a stored v2 record without one, becomes *entry* again.

    ``to_legacy(category, key, record | {"_legacy": remainder}) == entry`` holds for every entry, to the order of keys
    and the spelling of numbers.
    """
    remainder = _named(category, key, record, entry)
    made = _by_rules(category, key, record, remainder)
    odd: list[dict[str, Any]] = []
    order: dict[str, list[str]] = {}
    _compare((), made, entry, odd, order)
    if odd:
        remainder["odd"] = odd
    if order:
        remainder["order"] = order
    return remainder


def _by_rules(category: str, key: str, record: Mapping[str, Any], remainder: Mapping[str, Any]) -> dict[str, Any]:
    """The entry that rules and named members of the remainder make."""
    decided = rules.legacy_fields(category, key, record)
    decided["config"] = _config(category, key, record, remainder)
    fields = {**rules.constants(category), **remainder.get("fields", {}), **decided}
    for name in remainder.get("absent", ()):
        # A flag that an edit has raised must be seen, whether or not it used to be written.
        if not (name in rules.FLAGS and decided.get(name) is True):
            fields.pop(name, None)
    return rules.in_order(category, fields)


def _config(category: str, key: str, record: Mapping[str, Any], remainder: Mapping[str, Any]) -> dict[str, Any]:
    config = record.get("config") or {}
    downloads = config.get("download") or []
    sums = remainder.get("md5sum", {})
    files = [rules.legacy_file(category, download, _md5sum(download, sums)) for download in downloads]
    yaml = remainder.get("yaml", rules.default_yaml(category, key))
    files += [{"path": item} if isinstance(item, str) else item for item in yaml]
    addresses = [rules.legacy_download(download) for download in downloads]
    made: dict[str, Any] = {"files": files, "download": [address for address in addresses if address is not None]}
    hashes = config.get("embedded_component_hashes")
    return made if hashes is None else {**made, "embedded_component_hashes": hashes}


def _md5sum(download: Mapping[str, Any], sums: Mapping[str, Any]) -> Any:
    kept = sums.get(download["file_name"], {})
    same_file = kept.get("sha256sum", UNKNOWN_HASH) == download.get("sha256sum", UNKNOWN_HASH)
    return kept.get("md5sum") if same_file else None


def _named(category: str, key: str, record: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The members of the remainder that have a meaning of their own."""
    constants = rules.constants(category)
    decided = rules.from_v2_fields(category)
    fields = {
        name: value
        for name, value in entry.items()
        if (name not in decided and not (name in constants and identical(value, constants[name])))
        or (name in rules.LISTS and name in decided and value == [])
    }
    would_be = {*constants, *rules.legacy_fields(category, key, record)} - {"name"}
    absent = sorted(name for name in would_be if name not in entry)
    named: dict[str, Any] = {"fields": fields, "absent": absent}
    named = {name: value for name, value in named.items() if value}
    files = entry["config"].get("files")
    items = [item for item in files if isinstance(item, dict)] if isinstance(files, list) else []
    yaml = [_short(item) for item in items if isinstance(item.get("path"), str) and rules.is_yaml(item["path"])]
    if not identical(yaml, rules.default_yaml(category, key)):
        named["yaml"] = yaml
    sums = _sums(record, items)
    return {**named, "md5sum": sums} if sums else named


def _short(item: dict[str, Any]) -> Any:
    return item["path"] if list(item) == ["path"] else item


def _sums(record: Mapping[str, Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    known = {item["path"]: item["md5sum"] for item in items if isinstance(item.get("path"), str) and "md5sum" in item}
    sums: dict[str, Any] = {}
    for download in record["config"]["download"]:
        name, sha256sum = download["file_name"], download.get("sha256sum", UNKNOWN_HASH)
        if name in known and isinstance(known[name], str):
            guard = {} if sha256sum == UNKNOWN_HASH else {"sha256sum": sha256sum}
            sums[name] = {**guard, "md5sum": known[name]}
    return sums


def _compare(
    path: tuple[str, ...],
    made: Mapping[str, Any],
    entry: Mapping[str, Any],
    odd: list[dict[str, Any]],
    order: dict[str, list[str]],
) -> None:
    """Collect how *made* must be changed to be *entry*; lists are compared as wholes."""
    for name in [*made, *(name for name in entry if name not in made)]:
        here = (*path, name)
        if name not in entry:
            odd.append({"path": pointer.join(here), "was": made[name]})
        elif name not in made:
            odd.append({"path": pointer.join(here), "is": entry[name]})
        elif isinstance(made[name], dict) and isinstance(entry[name], dict):
            _compare(here, made[name], entry[name], odd, order)
        elif not identical(made[name], entry[name]):
            odd.append({"path": pointer.join(here), "was": made[name], "is": entry[name]})
    changed = [name for name in made if name in entry] + [name for name in entry if name not in made]
    if changed != list(entry):
        order[pointer.join(path)] = list(entry)


def _as_it_was(made: dict[str, Any], remainder: Mapping[str, Any]) -> dict[str, Any]:
    """*made* with the odd changes that still apply, and in the order that the entry had."""
    for change in remainder.get("odd", ()):
        *above, name = pointer.split(change["path"])
        holder = _own(made, above)
        if holder is None:
            continue
        if (name in holder) != ("was" in change) or (name in holder and not identical(holder[name], change["was"])):
            continue
        if "is" in change:
            holder[name] = change["is"]
        else:
            del holder[name]
    for path, keys in remainder.get("order", {}).items():
        holder = _own(made, pointer.split(path))
        if holder is not None:
            _reorder(holder, keys)
    return made


def _own(made: dict[str, Any], path: Any) -> dict[str, Any] | None:
    """The object at *path*, as a copy of ours: what the record holds is not to be changed."""
    holder = made
    for name in path:
        inner = holder.get(name)
        if not isinstance(inner, dict):
            return None
        holder[name] = inner = dict(inner)
        holder = inner
    return holder


def _reorder(holder: dict[str, Any], keys: list[str]) -> None:
    """Put the members of *holder* in the order of *keys*; one not named there goes behind the one before it."""
    wanted = [name for name in keys if name in holder]
    named = set(wanted)
    before: str | None = None
    for name in holder:
        if name not in named:
            wanted.insert(wanted.index(before) + 1 if before is not None else 0, name)
        before = name
    members = {name: holder[name] for name in wanted}
    holder.clear()
    holder.update(members)
