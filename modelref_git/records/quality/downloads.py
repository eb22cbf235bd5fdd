"""Rules on the downloads of a record: sums, addresses, and names of files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from modelref_git.errors import Problem
from modelref_git.records import file_names
from modelref_git.records.quality import addresses
from modelref_git.records.quality.marks import downloads
from modelref_git.records.quality.rule import Facts, Rule, shown
from modelref_git.records.values import UNKNOWN_HASH

_SUM: Final = re.compile(r"[0-9A-Fa-f]{64}")
_EMPTY_FILE: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_FORMATS: Final = {"SafeTensor": ".safetensors", "PickleTensor": ".ckpt"}
_PICKLES: Final = frozenset({".ckpt", ".pt", ".pth", ".bin"})
"""Names of one format: hosts and workers use them for the same file."""
_EXTENSIONS: Final = _PICKLES | {".safetensors", ".gguf", ".onnx", ".zip", ".yaml", ".json"}

_Download = Mapping[str, Any]


def is_sum(value: object) -> bool:
    """Whether *value* has the form of a SHA-256 sum."""
    return isinstance(value, str) and _SUM.fullmatch(value) is not None


def is_known(sha256sum: object) -> bool:
    """Whether there is a sum at all: not absent, not empty, and not what stands for an unknown one."""
    return isinstance(sha256sum, str) and sha256sum not in ("", UNKNOWN_HASH)


def is_placeholder(sha256sum: object) -> bool:
    """Whether a sum is one that no file of a model has: one digit over and over, or that of no bytes at all."""
    return (
        isinstance(sha256sum, str)
        and is_sum(sha256sum)
        and (len(set(sha256sum.lower())) == 1 or sha256sum.lower() == _EMPTY_FILE)
    )


def _of_each(
    field: str, rule: str, judge: Callable[[Any, _Download], str | None]
) -> Callable[[Facts], Iterator[Problem]]:
    """A check that asks *judge* about one field of every download."""

    def check(facts: Facts) -> Iterator[Problem]:
        if facts.record is None:
            return
        for index, download in enumerate(downloads(facts.record)):
            message = judge(download.get(field), download)
            if message is not None:
                yield Problem(f"/config/download/{index}/{field}", message, rule)

    return check


def _sum_form(value: Any, _download: _Download) -> str | None:
    if value is None or value == UNKNOWN_HASH or is_sum(value):
        return None
    return f"{shown(value)} is not a SHA-256 sum of 64 hexadecimal digits, nor {UNKNOWN_HASH}"


def _content_form(value: Any, _download: _Download) -> str | None:
    return None if value is None or is_sum(value) else f"{shown(value)} is not a SHA-256 sum of 64 hexadecimal digits"


def _placeholder(value: Any, _download: _Download) -> str | None:
    return f"the sum {value.lower()} is that of no model's file" if is_placeholder(value) else None


def _unknown_sum(value: Any, download: _Download) -> str | None:
    if value not in (None, UNKNOWN_HASH) or not download.get("file_url"):
        return None
    return f"nobody has computed the SHA-256 sum of {shown(download.get('file_name'))}"


def _no_address(value: Any, download: _Download) -> str | None:
    if isinstance(value, str) and value.strip():
        return None
    return f"there is no address for {shown(download.get('file_name'))}"


def _malformed(value: Any, _download: _Download) -> str | None:
    fault = addresses.form_fault(value) if isinstance(value, str) and value.strip() else None
    return None if fault is None else f"the address {shown(value)} {fault}"


def _page(value: Any, _download: _Download) -> str | None:
    if not isinstance(value, str) or addresses.form_fault(value) is not None:
        return None
    instead = addresses.no_file(value)
    return None if instead is None else f"{shown(value)} is the address of {instead}"


def _ambiguous(value: Any, _download: _Download) -> str | None:
    if not isinstance(value, str) or not addresses.is_ambiguous(value):
        return None
    return f"{shown(value)} does not say which of the version's files is meant"


def _secret(value: Any, _download: _Download) -> str | None:
    name = addresses.secret_in(value) if isinstance(value, str) else None
    if name is None:
        return None
    # What is at fault is named, but a message must not spread it.
    return f"the address at {shown(addresses.host_of(value))} carries a secret, its {name}"


def _unsafe(value: Any, _download: _Download) -> str | None:
    fault = file_names.fault(value) if isinstance(value, str) else None
    return None if fault is None else f"the file name {shown(value)} {fault}"


def _extension(value: Any, download: _Download) -> str | None:
    url = download.get("file_url")
    if not isinstance(value, str) or not isinstance(url, str):
        return None
    ours, theirs = addresses.extension(value), _served(url)
    known = ours in _EXTENSIONS and theirs in _EXTENSIONS
    if not known or ours == theirs or {ours, theirs} <= _PICKLES:
        return None
    return f"the file name {shown(value)} ends in {ours}, and the address serves a {theirs} file"


def _served(url: str) -> str:
    """The extension of the file that an address serves, as far as the address tells."""
    for name, value in addresses.query(url):
        if name == "format" and value in _FORMATS:
            return _FORMATS[value]
    return addresses.extension(addresses.path_of(url))


def _files_twice(facts: Facts) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, download in enumerate(downloads(facts.record or {})):
        name = download.get("file_name")
        if not isinstance(name, str) or not name:
            continue
        first = seen.setdefault(file_names.same_file(name), index)
        if first != index:
            message = f"the file name {shown(name)} is that of download {first} already"
            yield Problem(f"/config/download/{index}/file_name", message, "file.twice")


def _rule(
    ident: str, field: str, judge: Callable[[Any, _Download], str | None], text: str, reason: str, advice: str
) -> Rule:
    return Rule(ident, "warning", "record", text, reason, advice, _of_each(field, ident, judge))


RULES: Final = (
    _rule(
        "hash.form",
        "sha256sum",
        _sum_form,
        f"The SHA-256 sum of a download has 64 hexadecimal digits, or is {UNKNOWN_HASH}.",
        "No file ever has the sum, so every worker throws away what it has fetched.",
        f"Compute it with sha256sum, or write {UNKNOWN_HASH} until somebody has.",
    ),
    _rule(
        "hash.content_form",
        "content_hash",
        _content_form,
        "The hash of a download's content has 64 hexadecimal digits.",
        "Nothing ever has that hash.",
        "Compute it anew, or leave the field out.",
    ),
    _rule(
        "hash.placeholder",
        "sha256sum",
        _placeholder,
        "The SHA-256 sum of a download is not one digit over and over, nor that of an empty file.",
        "Such a sum was typed to satisfy a form, or comes from a download that failed.",
        f"Compute it from the whole file, or write {UNKNOWN_HASH} until somebody has.",
    ),
    Rule(
        "hash.unknown",
        "hint",
        "record",
        "A download that can be fetched has a SHA-256 sum.",
        "What arrives is taken as it is, broken or exchanged.",
        "Compute it with sha256sum, or with `modelref-git check --fetch=full`.",
        _of_each("sha256sum", "hash.unknown", _unknown_sum),
    ),
    _rule(
        "address.missing",
        "file_url",
        _no_address,
        "A download has an address.",
        "Nobody can fetch the file.",
        "Give the address of the file, or leave the download out.",
    ),
    _rule(
        "address.form",
        "file_url",
        _malformed,
        "The address of a download is a whole http or https address without blanks or gaps to fill in.",
        "Programs read the rest of such an address in different ways, or not at all.",
        "Copy the address anew from the host; %20 stands for a blank.",
    ),
    _rule(
        "address.page",
        "file_url",
        _page,
        "The address of a download is that of the file itself, not of a web page about it.",
        "Workers store the page under the name of the model.",
        "Take the download link: on huggingface.co `blob`, `tree` or `raw` becomes `resolve`; on github.com `blob` "
        "becomes `raw`; on civitai.com it begins with /api/download/models/.",
    ),
    _rule(
        "address.which_file",
        "file_url",
        _ambiguous,
        "An address at civitai.com says which file of a model's version is meant.",
        "The host serves the one that it takes for the main one, and may take another tomorrow.",
        "Copy the whole download link, with what follows the question mark.",
    ),
    _rule(
        "address.secret",
        "file_url",
        _secret,
        "The address of a download has no password, token or key in it.",
        "The dataset is public, and its history keeps what was in it once.",
        "Leave it out of the address, and have the secret revoked where it came from.",
    ),
    _rule(
        "file.unsafe",
        "file_name",
        _unsafe,
        "The name of a file stays below the folder of downloads, on every system.",
        "A worker that believes the name writes over files of its own.",
        "Use letters, digits, dots and hyphens, and / for a folder.",
    ),
    _rule(
        "file.extension",
        "file_name",
        _extension,
        "The file name ends as the file at the address does.",
        "Loaders choose by it how to read the file, and a pickle can run code.",
        "Give the file the extension of the one that is fetched, or give the other address.",
    ),
    Rule(
        "file.twice",
        "warning",
        "record",
        "No two downloads of a record have one file name, letter case and Unicode form aside.",
        "The one overwrites the other.",
        "Give each its own name.",
        _files_twice,
    ),
)
"""In the order of a download's fields: what it is, where it is, what it is called."""
