"""What is special about text models: base names and variants, groups, and the form their records are stored in.

A record is stored once, under its base name (``Author/Model`` or ``Model``). Each text backend knows the same model
under a name of its own; those variants are derived when somebody reads them and never stored. What older clients
expect in a record and can be computed is left out of the stored form as well: ``model_name``, a display name that
only repeats the name, empty values, and the defaults that an upstream writer puts into every record.

Every function here is pure and knows nothing of how a record is validated as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.records import json_text
from modelref_git.records.values import TEXT_BACKENDS

DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {"baseline": "", "parameters": None, "description": "", "version": "1", "style": "generalist", "nsfw": False}
)
"""What older clients see where a record says nothing, in the order they expect it. An import may bring others."""

_PREFIXES: Final = tuple(f"{backend}/" for backend in TEXT_BACKENDS)
_APHRODITE, _KOBOLDCPP = _PREFIXES

_DROPPED_WHEN_EMPTY: Final = frozenset(
    {
        "description",
        "version",
        "size_on_disk_bytes",
        "baseline",
        "style",
        "display_name",
        "url",
        "instruct_format",
        "settings",
        "text_model_group",
        "name_schema_exception",
    }
)


# Names


def has_backend_prefix(name: str) -> bool:
    """Whether *name* is that of a variant. Letter case counts: ``Aphrodite/x`` is an author's model."""
    return name.startswith(_PREFIXES)


def model_name(name: str) -> str:
    """The bare model part of a base name: what stands between the first slash and the second."""
    parts = name.split("/", 2)
    return parts[1] if len(parts) > 1 else name


def display_name(name: str) -> str:
    """The title a model gets when nobody wrote one: its bare name with dashes and underscores read as spaces."""
    return re.sub(" +", " ", re.sub("[-_]", " ", model_name(name))).strip()


def variant_names(name: str) -> tuple[str, ...]:
    """Every name under which *name* is known, its own first; none twice."""
    after_author = name.partition("/")[2] or name
    return tuple(dict.fromkeys((name, _APHRODITE + name, _KOBOLDCPP + after_author)))


def related_models(name: str) -> list[str]:
    """The variants that come and go with the base model *name*, without itself."""
    return list(variant_names(name)[1:])


def variants(name: str, record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The record under each of its names, in the order base, aphrodite, koboldcpp.

    A variant differs from the base in its ``name`` alone, which is the key it stands under.
    """
    return {key: {**record, "name": key} for key in variant_names(name)}


def base_of_variant(name: str, among: Iterable[str] | None = None) -> list[str]:
    """The base names that *name* may be a variant of.

    Args:
        name: any name. One that is nobody's variant gives an empty list.
        among: the base names that exist. A koboldcpp variant has lost its author, so only they can tell which models
            share it; without them the answer is the one model that needs no author.
    """
    if not has_backend_prefix(name):
        return []
    if among is not None:
        return [base for base in among if name in related_models(base)]
    return [name.partition("/")[2]]


def variant_record(
    name: str, stored: Callable[[str], Mapping[str, Any] | None], names: Callable[[], Iterable[str]]
) -> dict[str, Any] | None:
    """The record that readers find under *name*, worked out from its base's; ``None`` if it is nobody's variant.

    Args:
        name: any name.
        stored: gives the record stored under a name, if there is one.
        names: gives every stored name, ascending; asked only where the author of a koboldcpp name has to be found.
    """
    if not has_backend_prefix(name):
        return None
    for base in _bases(name, names):
        record = stored(base)
        if record is not None:
            return variants(base, record).get(name)
    return None


def _bases(name: str, names: Callable[[], Iterable[str]]) -> Iterator[str]:
    yield from base_of_variant(name)
    # Two authors may share a koboldcpp name; the last of them has it, as in the legacy files.
    yield from reversed(base_of_variant(name, names()))


# Groups

_GROUP_PARTS: Final = (
    # Each entry is one part of a name; the first pattern of an entry that is found removes one match.
    (r"^\d+\.\d+(?:\.\d+)?[_-]",),
    (r"(?<![a-z])\d+(?:\.\d+)?[bmk]\d*(?![a-z])", r"\d+x\d+[bmk]"),
    (r"(?<![a-z0-9])v\d+(?:\.\d+)+(?![a-z0-9])", r"v\d+(?![a-z0-9.])"),
    (
        r"\bq[2-8]_k(?:_[smlh])?\b",
        r"\bq[2-8]_[01]\b",
        r"\bq[2-8]\b",
        r"\b(?:gguf|ggml|gptq|awq|exl2)\b",
        r"\b(?:fp16|fp32|int8|int4)\b",
    ),
    (
        r"\b(?:instruct|chat|code|base|uncensored|finetune|ft)\b",
        r"\b(?:thinking|reasoning)\b",
        r"\b(?:turbo|preview|latest)\b",
    ),
    tuple(rf"(?<![a-z0-9]){date}(?![a-z0-9])" for date in (r"\d{2}-\d{4}", r"\d{4}-\d{2}", r"\d{4}")),
)


def group_name(name: str) -> str:
    """The group of models that *name* belongs to: the name without author, size, version, quantisation and the like.

    >>> group_name("sophosympatheia/StrawberryLemonade-L3-70B-v1.2")
    'StrawberryLemonade-L3'
    """
    if has_backend_prefix(name):
        name = name.partition("/")[2]
    whole = name.partition("/")[2] or name
    rest = whole
    for patterns in _GROUP_PARTS:
        for pattern in patterns:
            # ASCII, so that no later version of Unicode moves a model to another group.
            rest, found = re.subn(pattern, "", rest, count=1, flags=re.IGNORECASE | re.ASCII)
            if found:
                break
    return re.sub(r"([-_ .])\1+", r"\1", rest).strip("-_ .") or whole


_QUANTISATION: Final = 3
"""Which of the parts of a name says how the model was quantised."""


def quantisation(name: str) -> str | None:
    """The part of *name* that says how the model was quantised, as it is written; ``None`` if none does.

    >>> quantisation("Mistral-7B-Instruct-v0.3-Q4_K_M")
    'Q4_K_M'
    """
    model = name.rpartition("/")[2]
    for pattern in _GROUP_PARTS[_QUANTISATION]:
        found = re.search(pattern, model, re.IGNORECASE | re.ASCII)
        if found:
            return found[0]
    return None


# Values


def whole_parameters(value: object) -> int:
    """The number of parameters that *value* says: a positive whole number, or the text of one.

    Fractions are cut off, so that ``2.7e9`` and ``"7e9"`` do what they look like.

    Raises:
        ValueError: it says none; the message is for people.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("parameters must be a positive whole number")
    try:
        count = _whole(value.strip()) if isinstance(value, str) else int(value)
    except (ValueError, OverflowError):
        raise ValueError("parameters must be a positive whole number") from None
    if count <= 0:
        raise ValueError("parameters must be greater than 0")
    return count


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return int(float(text))


def settings_object(value: object) -> object:
    """The settings that *value* holds: JSON text is parsed, blank text means none, anything else is left alone.

    Raises:
        ValueError: the text is not JSON, or says ``null``.
    """
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        parsed = json_text.parse(value, what="the settings")
    except Invalid as fault:
        raise ValueError(fault.message) from fault
    if parsed is None:
        raise ValueError("settings must be an object")
    return parsed


def tag_list(value: object) -> object:
    """A comma-separated text as the list it stands for; anything else as it is."""
    return value.split(",") if isinstance(value, str) else value


def size_tag(parameters: int) -> str:
    """The tag that tells a model's size in billions of parameters, halves rounded to the even side."""
    billions, rest = divmod(parameters, 10**9)
    if 2 * rest > 10**9 or (2 * rest == 10**9 and billions % 2):
        billions += 1
    return f"{billions}B"


# The stored form


def accept_other_keys(record: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The record with ``parameters_count``, as some upstream writers call it, under the key ``parameters``."""
    if "parameters_count" not in record:
        return dict(record), []
    renamed = {"parameters" if key == "parameters_count" else key: value for key, value in record.items()}
    count, given = record["parameters_count"], record.get("parameters")
    if given is None or count is None or json_text.same(given, count):
        renamed["parameters"] = count if given is None else given
        return renamed, []
    renamed["parameters"] = given
    message = "parameters_count and parameters are two names of one field, and their values differ"
    return renamed, [Problem("/parameters_count", message, "text.parameters")]


def stored_form(record: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The form in which a valid text record is stored. Doing it twice changes nothing more.

    The group is filled in, tags are completed with style and size and sorted, and everything that can be derived
    from the rest is left out.

    Args:
        record: a record whose fields have the right types; not changed.
        before: the live record that this one replaces, if any.
    """
    name, parameters = record["name"], record["parameters"]
    upstream = record.get("model_name") == model_name(name)
    form = {key: value for key, value in record.items() if value or key not in _DROPPED_WHEN_EMPTY}
    if upstream:
        del form["model_name"]
        if form.get("version") == DEFAULTS["version"]:
            del form["version"]
    given = _tags(form) - _outdated(record, before)
    derived = {size_tag(parameters)}
    if _style_is_injected(form, given, upstream=upstream, before=before):
        del form["style"]
    elif style := form.get("style", "").strip():
        derived.add(style)
    form["tags"] = sorted(given | derived)
    if form.get("display_name") == display_name(name):
        del form["display_name"]
    form.setdefault("text_model_group", group_name(name))
    return form


def _tags(record: Mapping[str, Any]) -> set[str]:
    return {tag.strip() for tag in record.get("tags") or ()} - {""}


def _outdated(record: Mapping[str, Any], before: Mapping[str, Any] | None) -> set[str]:
    """The tags that were derived from a size or a style which the edit changes.

    An edit that touches the tags themselves says which there shall be.
    """
    if before is None or _tags(record) != _tags(before):
        return set()
    outdated = set()
    if (count := before.get("parameters")) != record["parameters"] and type(count) is int:
        outdated.add(size_tag(count))
    style = before.get("style")
    if isinstance(style, str) and style != record.get("style"):
        outdated.add(style.strip())
    return outdated


def _style_is_injected(
    form: Mapping[str, Any], tags: set[str], *, upstream: bool, before: Mapping[str, Any] | None
) -> bool:
    """Whether the style is the default that an upstream writer put where its author had said nothing.

    Such a writer adds a tag for every style an author states, and none for the default. So the default style without
    its tag was never stated, provided that a writer has been there at all: it leaves a ``model_name``, or at least a
    size tag. An edit of a live record is told by what it changes.
    """
    style = form.get("style")
    if style != DEFAULTS["style"] or style in tags:
        return False
    if upstream or before is None:
        return upstream or size_tag(form["parameters"]) in tags
    return before.get("style") == style and style not in (before.get("tags") or ())
