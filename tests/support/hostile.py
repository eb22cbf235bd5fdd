"""A world in which all that people write is markup, script or a template, and the eye that finds what slipped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.hold import hold
from modelref_git.operations.keys import create_key
from modelref_git.operations.members import add_member
from modelref_git.operations.notes import note_add
from modelref_git.operations.pictures import Upload, image_add
from modelref_git.operations.policy_settings import add_exception, replace_policy, set_policy, show_policy
from modelref_git.operations.propose import propose_create
from modelref_git.operations.review import review_changes
from modelref_git.proposals.config import RuleException
from modelref_git.records.quality import catalogue
from tests.support.pictures import picture
from tests.support.world import ARTHUR, OPEN_SCHEMA, World, clip

MARK: Final = "zqx"
"""In every hostile text, and in nothing of ours."""
FILLED_IN: Final = "837221"
"""What a template would make of one."""
ZOO: Final = "zoo"


def evil(where: str) -> str:
    """A text that is markup, leaves an attribute, and is a template; *where* it was written."""
    return f"{MARK}-{where} \"'><{MARK} on{MARK}=1><script>{MARK}</script>{{{{913*917}}}}"


MALLORY: Final = f"{evil('member')}#66"
NAME: Final = evil("name")
LINK: Final = f"javascript:{MARK}()//"


@dataclass(frozen=True, slots=True)
class Hostile:
    """The world, and what is in it by the place that its text was written to."""

    world: World
    changes: dict[str, int]
    places: frozenset[str]
    """Of these, each is shown by some page."""


def hostile(path: Path) -> Hostile:
    """A bare one at *path*."""
    world = World.make(path, bare=True)
    world.pass_policy(add_member(world.context(), MALLORY, emails=("m@people.example",), roles=("requestor",)))
    world.add_category(ZOO, OPEN_SCHEMA)
    _policy(world)
    record: dict[str, Any] = clip(NAME, description=evil("description"), homepage=LINK)
    record["config"]["download"] = [
        {"file_name": f"{MARK}.pt", "file_url": f"javascript:{MARK}()", "sha256sum": "ab" * 32},
        {"file_name": "y.pt", "file_url": f'https://models.example/"{MARK}/y.pt', "sha256sum": "cd" * 32},
    ]
    animal = {"name": NAME, evil("key"): {evil("nested"): [evil("value"), {evil("deep"): LINK}]}, "url": LINK}
    live = [_create(world, "clip", NAME, record, evil("note")), _create(world, ZOO, NAME, animal, evil("note"))]
    world.apply(world.approve(*live, title=evil("title")), job_id=evil("job"))
    details = {"prompt": evil("prompt"), "negative_prompt": evil("negative"), "sampler": evil("sampler")}
    details["loras"] = [{"name": evil("lora"), "strength": 1.0}]  # type: ignore[assignment]
    shown = image_add(world.context(MALLORY), "clip", NAME, [Upload(picture(), details)])["change_id"]
    world.apply(world.approve(shown, title=evil("title")))
    note_add(world.context(ARTHUR), "clip", NAME, evil("remark"))
    changes = _queue(world)
    create_key(world.context(), "1", label=evil("label"))
    places = frozenset({"member", "name", "description", "note", "title", "reason", "label", "protected", "exception"})
    return Hostile(world, changes, places)


def _create(world: World, category: str, name: str, record: dict[str, Any], note: str | None = None) -> int:
    request = Request("create", category, name, record, note, ("*",))
    return int(propose_create(_mallory(world), request)["change_id"])


def _mallory(world: World) -> Context:
    return world.context(MALLORY)


def _policy(world: World) -> None:
    exception = RuleException(catalogue.RULES[0].id, "clip", NAME, evil("exception"))
    world.pass_policy(add_exception(world.context(), exception))
    text = show_policy(world.context()).decode()
    quoted = evil("protected").replace("\\", "\\\\").replace('"', '\\"')
    rows = f'\n[[protected]]\ncategory = "clip"\nname = "other"\nreason = "{quoted}"\n'
    world.pass_policy(replace_policy(world.context(), (text + rows).encode()))
    world.pass_policy(set_policy(world.context(), [(f"flag_roles.{evil('flag')}", ["requestor"])]))


def _queue(world: World) -> dict[str, int]:
    made = {}
    for state in ("pending", "rejected", "held", "approved"):
        made[state] = _create(world, "clip", f"{NAME} {state}", clip(f"{NAME} {state}", description=evil("new")))
    made["update"] = world.update("clip", NAME, {"/description": evil("changed")}, actor=MALLORY)
    made["rival"] = world.update("clip", NAME, {"/description": evil("rival")}, actor=MALLORY)
    made["delete"] = world.delete(ZOO, NAME, actor=MALLORY)
    made["policy"] = add_member(world.context(), f"{evil('new')}#67", emails=("n@people.example",))["change_id"]
    review_changes(world.context(ARTHUR), (), [made["rejected"]], title=None, reason=evil("reason"))
    hold(world.context(ARTHUR), [made["held"]], reason=evil("hold"))
    world.approve(made["approved"], title=evil("open"))
    return made


# --- the eye ---------------------------------------------------------------------------------------------------------

_ADDRESSES: Final = frozenset({"href", "src", "action", "formaction", "poster", "data", "srcset", "xlink:href", "ping"})
_FORBIDDEN_TAGS: Final = frozenset({"style", "iframe", "object", "embed", "base", "frame", "applet"})


@dataclass(slots=True)
class Seen:
    """What one page is made of."""

    links: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    text: str = ""


def look(page: str) -> Seen:
    """Everything in *page* that data must not have become."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    reader.seen.text = " ".join(reader.pieces)
    return reader.seen


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen = Seen()
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.faults += [f"<{tag}> {fault}" for fault in _faults(tag, attrs)]
        self.seen.links += [value for name, value in attrs if tag == "a" and name == "href" and value]
        self.pieces += [value for name, value in attrs if name == "value" and value]

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    def handle_comment(self, data: str) -> None:
        self.seen.faults.append(f"a comment: {data}")


def _faults(tag: str, attrs: list[tuple[str, str | None]]) -> Iterator[str]:
    if MARK in tag or tag in _FORBIDDEN_TAGS:
        yield "is not ours"
    names = [name for name, _ in attrs]
    if tag == "script" and "src" not in names:
        yield "is inline"
    for name, value in attrs:
        if MARK in name or name.startswith("on") or name in ("style", "srcdoc", "http-equiv"):
            yield f"has {name}"
        if name in _ADDRESSES:
            plain = "".join(char for char in value or "" if char > " ").lower()
            if plain.startswith(("javascript:", "data:", "vbscript:", "//")):
                yield f"leads to {value}"
            if tag in ("script", "img", "link", "form", "button") and not plain.startswith("/"):
                yield f"takes {value}"
