"""What a replica remembers: where it follows whom, what it believes, and how the last attempt ended.

It is one small file beside the repository and the exports, which can both be made anew. What it says of the newest
event that was believed is the replica's trust: whoever deletes it begins to believe from the start.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal, get_args

from modelref_git.errors import IntegrityFailure, ModelrefError
from modelref_git.formats.manifest import LAYOUTS, Layout
from modelref_git.operations.replicas.trouble import Trouble

Trust = Literal["full", "fast-forward", "off"]
"""Every event is verified; the history is only checked to have grown; nothing is checked."""

TRUSTS: Final[tuple[Trust, ...]] = get_args(Trust)

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class State:
    """What a replica remembers from one attempt to the next."""

    source: str
    """An address that git takes, or the place of a bundle."""
    layout: Layout
    verify: Trust
    queue: str | None = None
    """The newest event that was believed: what comes must continue it."""
    event_id: int = 0
    event_time: int | None = None
    """When that event happened, Unix seconds; if it says that this is still to come, when it was first seen."""
    main: str | None = None
    """The log's ``main`` there."""
    max_age: int = 0
    """The policy's ``replica_max_age`` there, in seconds."""
    stranger: str | None = None
    """Where the source's ``main`` was, if the log does not name that."""
    bundle: str | None = None
    """What named the content of the bundle that was downloaded last."""
    last_success: int | None = None
    last_error: Trouble | None = None
    """Why the last attempt failed; ``None`` if it ended well."""
    announced: str | None = None
    """The commit of which ``--on-change`` was last told."""

    def succeeded(self, now: int) -> State:
        """After an attempt that ended well."""
        return replace(self, last_success=now, last_error=None)

    def failed(self, trouble: Trouble) -> State:
        """After an attempt that ended with *trouble*."""
        return replace(self, last_error=trouble)

    def encode(self) -> bytes:
        """The bytes of the file."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n").encode()


def _check(row: dict[str, Any]) -> None:
    """Refuse values that no replica remembers.

    Raises:
        ValueError: there is one.
    """
    if row.get("layout") not in LAYOUTS or row.get("verify") not in TRUSTS or not isinstance(row.get("source"), str):
        raise ValueError("source, layout or verify is none that there is")
    for item in fields(State):
        value, kind = row.get(item.name), int if "int" in item.type else str
        if value is not None and item.name != "last_error" and not isinstance(value, kind):
            raise ValueError(f"{item.name} is {value!r}")


def decode(data: bytes, what: str) -> State:
    """The state that *data* is.

    Raises:
        IntegrityFailure: it is none, or of a format that this version does not read.
    """
    try:
        row = json.loads(data)
        if row.get("format") != FORMAT:
            raise IntegrityFailure(
                f"{what} has format {row.get('format')!r}, and this version reads format {FORMAT}",
                hint="a newer modelref-git reads it",
            )
        known = {item.name: row[item.name] for item in fields(State) if item.name in row}
        if known.get("last_error") is not None:
            known["last_error"] = Trouble(**known["last_error"])
        _check(known)
        state = State(**known)
    except ModelrefError:
        raise
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityFailure(
            f"{what} cannot be read: {error}",
            hint="put back a copy of it, or make the replica anew in another folder with `modelref-git replica init`",
        ) from error
    return state
