"""Rules on what hosts answer. They are judged by whoever asks the hosts (``check --fetch``), and reported there."""

from __future__ import annotations

from typing import Final

from modelref_git.records.quality.rule import Rule, found_elsewhere

UNREACHABLE: Final = "fetch.unreachable"
GONE: Final = "fetch.gone"
REFUSED: Final = "fetch.refused"
PAGE: Final = "fetch.page"
SIZE: Final = "fetch.size"
SUM: Final = "fetch.sum"
SUM_UNKNOWN: Final = "fetch.sum_unknown"
MOVED: Final = "fetch.moved"

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        UNREACHABLE,
        "warning",
        "network",
        "The host of a download answers.",
        "Whoever wants the model now waits for nothing.",
        "Look again later; if the host is gone for good, propose another address.",
        found_elsewhere,
    ),
    Rule(
        GONE,
        "warning",
        "network",
        "The file is still at the address of its download.",
        "Files are taken away and renamed by their makers, and nobody tells those who link to them.",
        "Propose the address to which it has gone, or another host of the same file.",
        found_elsewhere,
    ),
    Rule(
        REFUSED,
        "warning",
        "network",
        "The file is given to whoever asks for it.",
        "Workers have no account with the host.",
        "Propose the address of a copy that needs no login.",
        found_elsewhere,
    ),
    Rule(
        PAGE,
        "warning",
        "network",
        "The address of a download leads to a file, not to a web page.",
        "What is stored under the file's name would be the page.",
        "Propose the address of the file itself.",
        found_elsewhere,
    ),
    Rule(
        SIZE,
        "warning",
        "network",
        "The file has the size that the record states.",
        "A file of another size is another file, or a part of one.",
        "Find out which file is meant, and propose its size and sum together.",
        found_elsewhere,
    ),
    Rule(
        SUM,
        "warning",
        "network",
        "The file has the SHA-256 sum that the record states.",
        "The host has another file than the one that was reviewed, so every worker throws away what it has fetched.",
        "Find out whether the maker has changed the file, and propose its new sum after a look at it.",
        found_elsewhere,
    ),
    Rule(
        SUM_UNKNOWN,
        "hint",
        "network",
        "A sum that was found out is in the record.",
        "Nobody can tell whether the file of tomorrow is that of today.",
        "Look at the file, and propose its sum.",
        found_elsewhere,
    ),
    Rule(
        MOVED,
        "hint",
        "network",
        "The address of a download is not one that its host says has moved for good.",
        "Redirects from old addresses are switched off some day.",
        "Propose the address to which it leads.",
        found_elsewhere,
    ),
)
"""Asked about only when somebody wants it: every answer takes time, and may be another one tomorrow."""
