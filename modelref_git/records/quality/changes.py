"""Rules on what a change makes of the record that it replaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from modelref_git.errors import Problem
from modelref_git.records.names import fold
from modelref_git.records.quality import addresses
from modelref_git.records.quality.downloads import is_known, is_placeholder, is_sum
from modelref_git.records.quality.marks import downloads, same_address
from modelref_git.records.quality.rule import Facts, Rule, Severity, shown

_UNTOLD: Final = frozenset({"", "infer"})
"""Baselines that leave it open."""

_Download = Mapping[str, Any]


def _pairs(facts: Facts) -> Iterator[tuple[int, _Download, _Download]]:
    """Downloads as they were and as they are, with the places of the latter.

    Those of one file name belong together; what is left over goes by its place among the left over, as a file that
    was given another name keeps it.
    """
    if facts.before is None or facts.record is None:
        return
    old, new = downloads(facts.before), downloads(facts.record)
    by_name: dict[str, _Download] = {}
    for one in old:
        name = one.get("file_name")
        if isinstance(name, str):
            by_name.setdefault(name, one)
    unpaired = []
    for index, one in enumerate(new):
        name = one.get("file_name")
        found = by_name.pop(name, None) if isinstance(name, str) else None
        if found is None:
            unpaired.append((index, one))
        else:
            yield index, found, one
    left = [one for one in old if one.get("file_name") in by_name] if unpaired and by_name else []
    if len(left) == len(unpaired):
        for (index, one), was in zip(unpaired, left, strict=True):
            yield index, was, one


def _text(download: _Download, field: str) -> str:
    value = download.get(field)
    return value if isinstance(value, str) else ""


def _address_alone(facts: Facts) -> Iterator[Problem]:
    for index, old, new in _pairs(facts):
        was, now, sha256sum = _text(old, "file_url"), _text(new, "file_url"), new.get("sha256sum")
        if not (was and now) or same_address(was) == same_address(now) or not is_known(sha256sum):
            continue
        if not _same_sum(old.get("sha256sum"), sha256sum) or _was_no_file(was) or _is_moved(was, new):
            continue
        message = f"the address of {shown(_text(new, 'file_name'))} became {shown(now)}, and its sum is the old one"
        yield Problem(f"/config/download/{index}/file_url", message, "change.address_alone")


def _was_no_file(url: str) -> bool:
    """Whether the old address could not be fetched from: then its sum is that of the file that was meant."""
    return addresses.form_fault(url) is not None or addresses.no_file(url) is not None


def _is_moved(was: str, new: _Download) -> bool:
    """Whether the new address is that of the same file on another host or in another folder, as far as names tell."""
    name = addresses.last_part(_text(new, "file_url"))
    return name in (addresses.last_part(was), _text(new, "file_name").rpartition("/")[2].lower())


def _hash_alone(facts: Facts) -> Iterator[Problem]:
    for index, old, new in _pairs(facts):
        was, now = old.get("sha256sum"), new.get("sha256sum")
        if not (is_known(was) and is_known(now)) or _same_sum(was, now) or not is_sum(was) or is_placeholder(was):
            continue
        if same_address(_text(old, "file_url")) != same_address(_text(new, "file_url")):
            continue
        message = f"the sum of {shown(_text(new, 'file_name'))} became {shown(now)}, and its address is the old one"
        yield Problem(f"/config/download/{index}/sha256sum", message, "change.hash_alone")


def _same_sum(one: object, other: object) -> bool:
    return isinstance(one, str) and isinstance(other, str) and one.lower() == other.lower()


def _hash_lost(facts: Facts) -> Iterator[Problem]:
    for index, old, new in _pairs(facts):
        if is_known(old.get("sha256sum")) and not is_known(new.get("sha256sum")) and _text(new, "file_url"):
            message = f"the sum of {shown(_text(new, 'file_name'))} was {shown(old.get('sha256sum'))}, and is gone"
            yield Problem(f"/config/download/{index}/sha256sum", message, "change.hash_lost")


def _downloads_gone(facts: Facts) -> Iterator[Problem]:
    if facts.before is None or facts.record is None or downloads(facts.record):
        return
    count = len(downloads(facts.before))
    if count:
        message = f"all downloads are gone; there were {count}"
        yield Problem("/config/download", message, "change.downloads_removed")


def _nsfw_lifted(facts: Facts) -> Iterator[Problem]:
    if (facts.before or {}).get("nsfw") is True and (facts.record or {}).get("nsfw") is False:
        yield Problem("/nsfw", "nsfw was true, and is false now", "change.nsfw_lifted")


def _baseline_changed(facts: Facts) -> Iterator[Problem]:
    old, new = (facts.before or {}).get("baseline"), (facts.record or {}).get("baseline")
    if not isinstance(old, str) or not isinstance(new, str) or old in _UNTOLD or not new:
        return
    if old.replace(" ", "_") != new.replace(" ", "_"):
        yield Problem("/baseline", f"the baseline was {shown(old)}, and is {shown(new)} now", "change.baseline")


def _description_emptied(facts: Facts) -> Iterator[Problem]:
    old, new = (facts.before or {}).get("description"), (facts.record or {}).get("description")
    if facts.record is None or not isinstance(old, str) or not old.strip():
        return
    if new is None or (isinstance(new, str) and not new.strip()):
        message = f"the description was {shown(old)}, and is gone"
        yield Problem("/description", message, "change.description_emptied")


def _case_renamed(facts: Facts) -> Iterator[Problem]:
    old = facts.renamed_from
    if old is not None and old != facts.key and fold(old) == fold(facts.key):
        message = f"{shown(old)} becomes {shown(facts.key)}, which differs by letter case or Unicode form only"
        yield Problem("/name", message, "change.case_rename")


def _rule(
    ident: str,
    check: Callable[[Facts], Iterator[Problem]],
    text: str,
    reason: str,
    advice: str,
    severity: Severity = "warning",
) -> Rule:
    return Rule(ident, severity, "change", text, reason, advice, check)


RULES: Final[tuple[Rule, ...]] = (
    _rule(
        "change.address_alone",
        _address_alone,
        "Whoever changes the address of a download looks at its SHA-256 sum too.",
        "If the new address serves another file, every worker throws it away after fetching it.",
        "Compute the sum anew if it is another file; if it is the same one, all is well.",
    ),
    _rule(
        "change.hash_alone",
        _hash_alone,
        "Whoever changes the SHA-256 sum of a download says by its address which file it is of.",
        "Either the old sum was wrong, or the host serves another file under the old address.",
        "See what the address serves today, for instance with `modelref-git check --fetch=full`.",
    ),
    _rule(
        "change.hash_lost",
        _hash_lost,
        "A download that has a SHA-256 sum keeps one.",
        "From then on whatever the address serves is taken.",
        "Compute the sum of the new file.",
    ),
    _rule(
        "change.downloads_removed",
        _downloads_gone,
        "A record that has downloads keeps one.",
        "Workers that do not have the files yet can no longer get them.",
        "Give the new downloads, or delete the record.",
    ),
    _rule(
        "change.nsfw_lifted",
        _nsfw_lifted,
        "nsfw is not taken away in passing.",
        "Whoever asked for harmless models is shown this one from then on.",
        "Say in the note who has looked at what the model makes.",
        "hint",
    ),
    _rule(
        "change.baseline",
        _baseline_changed,
        "The baseline of a record does not change.",
        "Workers load the file by it; a model of another baseline is another model.",
        "Propose another baseline as another record, unless the old one was a mistake.",
    ),
    _rule(
        "change.description_emptied",
        _description_emptied,
        "A description is not taken away.",
        "It is all that people see of the model before they use it.",
        "Write a new one.",
    ),
    _rule(
        "change.case_rename",
        _case_renamed,
        "A rename that changes letter case alone is done in two steps.",
        "Systems whose file names have no letter case see one file deleted and made at once, and lose it.",
        "Apply the deletion first, then propose the record under its new name.",
    ),
)
