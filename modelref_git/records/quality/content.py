"""Rules on what a record says of its model, judged by the record alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from modelref_git.errors import Problem
from modelref_git.records.quality import addresses, downloads, sizes
from modelref_git.records.quality.marks import downloads as downloads_of
from modelref_git.records.quality.rule import Facts, Rule, shown

_DESCRIBED: Final = frozenset({"image_generation", "controlnet", "esrgan", "gfpgan", "codeformer"})
"""Categories whose records people choose by what is said of them; text models have a page of their own for that."""
_ADULT: Final = frozenset({"hentai", "nsfw", "porn", "xxx", "hardcore", "explicit"})
_SHOWCASE: Final = re.compile(r"/showcase/(?:([^/?#]+)/)?[^/?#]+(?:[?#]|\Z)")
"""The folder of a showcase, in the repository that keeps them in one folder for each model."""
_NOT_ALNUM: Final = re.compile(r"[^a-z0-9]+")
_INPAINT: Final = "inpaint"
_LINKS: Final = ("homepage", "url")


def _not_described(facts: Facts) -> Iterator[Problem]:
    if facts.record is None or facts.category not in _DESCRIBED:
        return
    text = facts.record.get("description")
    if text is None or (isinstance(text, str) and not text.strip()):
        yield Problem("/description", "there is no description", "description.missing")


def _padded(facts: Facts) -> Iterator[Problem]:
    text = (facts.record or {}).get("description")
    if isinstance(text, str) and text.strip() and text != text.strip():
        message = f"the description {shown(text)} begins or ends with white space"
        yield Problem("/description", message, "description.whitespace")


def _bad_links(facts: Facts) -> Iterator[Problem]:
    record = facts.record or {}
    for field in _LINKS:
        yield from _bad_link(record.get(field), f"/{field}")
    showcases = record.get("showcases")
    for index, link in enumerate(showcases if isinstance(showcases, list) else ()):
        yield from _bad_link(link, f"/showcases/{index}")
    series = record.get("finetune_series")
    if isinstance(series, Mapping):
        yield from _bad_link(series.get("homepage"), "/finetune_series/homepage")


def _bad_link(link: Any, path: str) -> Iterator[Problem]:
    # An empty one is no link: that is how the text files say that there is none.
    fault = addresses.form_fault(link) if isinstance(link, str) and link else None
    if fault is not None:
        yield Problem(path, f"the address {shown(link)} {fault}", "link.form")


def _strange_showcases(facts: Facts) -> Iterator[Problem]:
    showcases = (facts.record or {}).get("showcases")
    if not isinstance(showcases, list):
        return
    name = _squeezed(facts.key)
    for index, link in enumerate(showcases):
        folder = _SHOWCASE.search(link) if isinstance(link, str) else None
        if folder is None:
            continue
        own = _squeezed(folder[1] or "")
        # Folders were named by hand: part of the name, or more than it, is near enough.
        if not own or not (own in name or name in own):
            yield Problem(f"/showcases/{index}", f"{shown(link)} is not in a folder of this model", "showcase.folder")


def _squeezed(name: str) -> str:
    return _NOT_ALNUM.sub("", name.lower())


def _not_for_inpainting(facts: Facts) -> Iterator[Problem]:
    if facts.category != "image_generation" or facts.record is None:
        return
    if facts.record.get("inpainting") not in (None, False):
        return
    if _INPAINT in facts.key.lower():
        yield Problem("/inpainting", f"inpainting is not set, and the name is {shown(facts.key)}", "image.inpainting")
        return
    for index, download in enumerate(downloads_of(facts.record)):
        url = download.get("file_url")
        if isinstance(url, str) and _INPAINT in url and _INPAINT in addresses.last_part(url):
            message = f"inpainting is not set, and the file is {shown(url)}"
            yield Problem(f"/config/download/{index}/file_url", message, "image.inpainting")


def _harmless_but_adult(facts: Facts) -> Iterator[Problem]:
    record = facts.record or {}
    tags = record.get("tags")
    if record.get("nsfw") is not False or not isinstance(tags, list):
        return
    for index, tag in enumerate(tags):
        if isinstance(tag, str) and tag.strip().lower() in _ADULT:
            yield Problem(f"/tags/{index}", f"the tag {shown(tag)} is on a record whose nsfw is false", "nsfw.tag")


def _crossed_limits(facts: Facts) -> Iterator[Problem]:
    wanted = (facts.record or {}).get("requirements")
    if not isinstance(wanted, Mapping):
        return
    for name in wanted:
        if not isinstance(name, str) or not name.startswith("min_"):
            continue
        least, rest = wanted[name], name.removeprefix("min_")
        for other, is_beyond in ((f"max_{rest}", True), (rest, False)):
            most = wanted.get(other)
            if sizes.is_number(least) and sizes.is_number(most) and least > most:
                what = "the most" if is_beyond else "what is asked for"
                message = f"{name} is {shown(least)}, and {other}, {what}, is {shown(most)}"
                yield Problem("/requirements", message, "requirements.limits")


RULES: Final[tuple[Rule, ...]] = (
    *downloads.RULES,
    *sizes.RULES,
    Rule(
        "description.missing",
        "warning",
        "record",
        "A model that people choose by name has a description.",
        "It is all that they see of the model before they use it.",
        "Say in a sentence or two what the model is good for.",
        _not_described,
    ),
    Rule(
        "description.whitespace",
        "hint",
        "record",
        "A description neither begins nor ends with white space.",
        "It was cut or pasted carelessly, so the rest is worth a look.",
        "Take the white space away.",
        _padded,
    ),
    Rule(
        "link.form",
        "warning",
        "record",
        "A homepage, url or showcase is a whole http or https address.",
        "A browser takes anything else for a path on the page that shows it.",
        "Copy the address anew from the browser.",
        _bad_links,
    ),
    Rule(
        "showcase.folder",
        "warning",
        "record",
        "A showcase is in the folder of its own model.",
        "The address was copied from another record, whose pictures are shown for this model.",
        "Give the pictures of this model, in /showcase/ and a folder of its name.",
        _strange_showcases,
    ),
    Rule(
        "image.inpainting",
        "warning",
        "record",
        "A model with inpainting in the name of the record or of its file has inpainting set.",
        "Workers give it the wrong jobs: it cannot paint without a mask.",
        "Set inpainting, or take the other file or name.",
        _not_for_inpainting,
    ),
    Rule(
        "nsfw.tag",
        "hint",
        "record",
        "A record with a tag for adults has nsfw set.",
        "Whoever asked for harmless models is shown this one.",
        "Set nsfw, or take the tag away.",
        _harmless_but_adult,
    ),
    Rule(
        "requirements.limits",
        "warning",
        "record",
        "What a record requires at least is no more than what it requires at most.",
        "No request can satisfy both, so no worker ever gets one.",
        "Exchange the two, or correct the one that is wrong.",
        _crossed_limits,
    ),
)
