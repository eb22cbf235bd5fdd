"""How a service is set up: what the options of ``serve`` and the variables of the environment say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, get_args

from modelref_git.errors import UsageFault

CanonicalFormat = Literal["v2", "legacy"]
PREFIX: Final = "MODELREF_"
PROVIDERS: Final = ("keys", "horde", "file")

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one service. Each is also the environment variable ``MODELREF_`` and its name in capitals."""

    repo: Path = field(default_factory=Path.cwd)
    """The dataset repository."""
    actor: str | None = None
    """The member with the role ``service`` who writes events in the names of others; without one, nobody attests."""
    host: str = "127.0.0.1"
    port: int = 19800
    """0 takes a free one."""
    workers: int = 1
    """Processes that answer."""
    read_only: bool = False
    """REPLICA mode: nothing can be written."""
    auth: tuple[str, ...] = ("keys",)
    """Who says who asks, in the order in which they are asked: of `PROVIDERS`."""
    horde_url: str = "https://aihorde.net/api/"
    auth_file: Path | None = None
    """The keys of the provider ``file``."""
    keys_file: Path | None = None
    """The keys of the provider ``keys``; beside the repository unless given."""
    canonical_format: CanonicalFormat = "v2"
    queue: bool = True
    audit: bool = True
    pages: bool = True
    """Whether there are pages for people, below ``/ui/``."""
    webhooks: bool = True
    """Whether this service delivers webhooks."""
    cors_origins: tuple[str, ...] = ()
    max_body: int = 1_048_576
    """Bytes of a request's body."""
    rate_limit: int = 0
    """Requests a minute of one caller to one worker; 0 for any number."""
    write_wait: float = 15.0
    """Seconds that a write waits for its turn at most."""
    follow: float = 5.0
    """In a clone: seconds after which the remote is asked for what is new; 0 for never."""
    files: Path | None = None
    """The folder with the model files that this deployment has."""
    access_log: bool = True
    grace: int = 20
    """Seconds that a stop waits for what is being answered."""
    forwarded_allow_ips: str = "127.0.0.1"
    """The proxies whose ``X-Forwarded-For`` and ``-Proto`` are believed."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the variables.

        Raises:
            UsageFault: one of them makes no sense; it is named.
        """
        given: dict[str, Any] = {}
        for item in fields(cls):
            name = PREFIX + item.name.upper()
            text = environment.get(name)
            if text is None or (text == "" and item.name != "auth"):
                continue
            try:
                given[item.name] = _READERS.get(item.name, str)(text)
            except ValueError as error:
                raise UsageFault(f"{name} is {text!r}: {error}") from error
        return cls(**given)

    def as_environment(self) -> dict[str, str]:
        """The variables that `from_environment` makes these settings of, for the processes that answer."""
        return {PREFIX + item.name.upper(): _text(getattr(self, item.name)) for item in fields(self)}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value)


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("it is true or false")
    return word in _TRUE


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text) if text.strip().lstrip("-").isdigit() else low - 1
        if not low <= value <= high:
            raise ValueError(f"it is a number from {low} to {high}")
        return value

    return read


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise ValueError("it is a number of seconds")
    return value


def _list(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _providers(text: str) -> tuple[str, ...]:
    found = _list(text)
    if not found or set(found) - set(PROVIDERS) or len(set(found)) < len(found):
        raise ValueError(f"it is a list of {', '.join(PROVIDERS)}, each once, with commas between them")
    return found


def _format(text: str) -> str:
    if text not in get_args(CanonicalFormat):
        raise ValueError("it is v2 or legacy")
    return text


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "repo": Path,
    "auth_file": Path,
    "keys_file": Path,
    "files": Path,
    "port": _number(0, 65535),
    "workers": _number(1, 256),
    "max_body": _number(1024, 1 << 30),
    "rate_limit": _number(0, 1 << 30),
    "grace": _number(0, 3600),
    "read_only": _flag,
    "queue": _flag,
    "audit": _flag,
    "pages": _flag,
    "webhooks": _flag,
    "access_log": _flag,
    "auth": _providers,
    "cors_origins": _list,
    "canonical_format": _format,
    "write_wait": _seconds,
    "follow": _seconds,
}
