"""The pictures of a record: which it names, how an entry is made, and in what order they are shown.

A picture is a file of its own, named by the SHA-256 of its bytes; a record has a list of entries that name pictures and
say how they came about. In a category whose schema has no such list, a member ``pictures`` is data like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelref_git.errors import Problem
from modelref_git.records import pointer

if TYPE_CHECKING:
    from modelref_git.records.schemas import Schema

PICTURES: Final = "pictures"
"""The member of a record that lists its pictures."""
SHA256: Final = "sha256"
"""The member of an entry that names the picture."""
SORT_ORDER: Final = "sort_order"
AT_MOST: Final = 50
"""So many pictures one record may name."""

FACTS: Final = ("media_type", "width", "height", "size_bytes")
"""Members of an entry that the file itself decides; the program fills them in."""
DETAILS: Final = (
    "prompt",
    "negative_prompt",
    "seed",
    "steps",
    "cfg_scale",
    "sampler",
    "scheduler",
    "loras",
    "comfy_workflow",
    "nsfw_level",
    SORT_ORDER,
)
"""Members of an entry that people decide, in their order; they follow the facts."""

MANY: Final = "picture.many"
TWICE: Final = "picture.twice"

_NAME: Final = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Named:
    """One entry that names a picture."""

    place: int
    """Its index in the list."""
    sha256: str
    entry: dict[str, Any]

    @property
    def path(self) -> str:
        """The JSON pointer of the entry."""
        return pointer.join((PICTURES, self.place))


def is_name(text: object) -> bool:
    """Whether *text* is what a picture can be named: 64 lower-case hex digits."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def named(record: Mapping[str, Any] | None, schema: Schema) -> tuple[Named, ...]:
    """The entries of *record* that name pictures, in the order of the list; none in a category without such a list."""
    entries = record.get(PICTURES) if record is not None else None
    if not isinstance(entries, list) or not schema.has_pictures:
        return ()
    return tuple(
        Named(place, entry[SHA256], entry)
        for place, entry in enumerate(entries)
        if isinstance(entry, dict) and is_name(entry.get(SHA256))
    )


def list_problems(entries: Iterable[Named]) -> Iterator[Problem]:
    """What is wrong with a list of pictures, whatever the files are: there are too many, or one stands twice."""
    seen: dict[str, int] = {}
    for one in entries:
        first = seen.setdefault(one.sha256, one.place)
        if first != one.place:
            text = f"the picture {one.sha256} stands at {PICTURES}/{first} already"
            yield Problem(f"{one.path}/{SHA256}", text, TWICE)
    if len(seen) > AT_MOST:
        text = f"the record names {len(seen)} pictures, {AT_MOST} are the most"
        yield Problem(pointer.join((PICTURES,)), text, MANY)


def shown(entries: Iterable[Named]) -> list[Named]:
    """*Entries* as they are shown: by ``sort_order``, which is 0 where it is left out, then by place."""

    def rank(one: Named) -> tuple[float, int]:
        order = one.entry.get(SORT_ORDER)
        is_number = isinstance(order, (int, float)) and not isinstance(order, bool)
        return (float(order) if is_number and order is not None else 0.0, one.place)

    return sorted(entries, key=rank)


def make_entry(sha256: str, facts: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, Any]:
    """A new entry, with its members in order; details that are ``None`` are left out."""
    entry = {SHA256: sha256, **{key: facts[key] for key in FACTS}}
    known = [key for key in DETAILS if details.get(key) is not None]
    return entry | {key: details[key] for key in known}
