"""What the environment of a CI says about the run: who started it, what happened, and where its report goes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

EVENT_AT_MOST: Final = 32 * 1024 * 1024
"""Bytes of an event's file; the hosts' own limit is lower."""

SUMMARY_AT_MOST: Final = 1_000_000
"""Bytes of a step's summary: GitHub throws away what is above 1 MiB."""

_LEFT_OUT: Final = b"\nThere is more, which does not fit here.\n"

_COMMENT: Final = re.compile(r"/merge[ \t]+([^\n\r]*)(?:[\n\r].*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for: the changes, as they were named, and the title."""

    ids: tuple[str, ...]
    title: str | None = None
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class CiRun:
    """One run of a CI, as its environment describes it."""

    variables: Mapping[str, str]
    event: Mapping[str, Any]
    """What happened, as GitHub and those who do as it does write it; empty elsewhere."""

    @classmethod
    def here(cls) -> CiRun:
        """This run."""
        return cls(os.environ, _read_event(os.environ.get("GITHUB_EVENT_PATH")))

    @property
    def is_github(self) -> bool:
        """Whether lines that begin with ``::`` become annotations."""
        return self.variables.get("GITHUB_ACTIONS") == "true"

    @property
    def login(self) -> str | None:
        """Whoever started this run; whoever starts one again is the one who asks for it."""
        names = ("GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN")
        return next((found for name in names if (found := self.variables.get(name))), None)

    @property
    def actors(self) -> str:
        """Which login is which member, line by line."""
        return self.variables.get("MODELREF_ACTORS", "")

    @property
    def service(self) -> str | None:
        """The id of the service member in whose charge the CI writes, if it is told."""
        return self.variables.get("MODELREF_SERVICE") or None

    @property
    def head(self) -> str | None:
        """The commit that the run is about, if the event names one: a pull request's head, and not its merge."""
        for found in (
            _at(self.event, "pull_request", "head", "sha"),
            _at(self.event, "workflow_run", "head_sha"),
            self.variables.get("CI_COMMIT_SHA"),
        ):
            if isinstance(found, str) and re.fullmatch(r"[0-9a-f]{40}", found):
                return found
        return None

    @property
    def label(self) -> str | None:
        """The label that was just given to a pull request."""
        found = _at(self.event, "label", "name") if self.event.get("action") == "labeled" else None
        return found if isinstance(found, str) else None

    @property
    def job_id(self) -> str | None:
        """What names this run, and every further attempt at it, on its host."""
        run, repository = (self.variables.get(name) for name in ("GITHUB_RUN_ID", "GITHUB_REPOSITORY"))
        if run and repository:
            return f"{repository}/actions/runs/{run}"[-120:]
        return self.variables.get("CI_PIPELINE_URL", "")[-120:] or None

    def request(self) -> Request | None:
        """What was asked for: by a comment ``/merge IDS [TITLE]``, or by the inputs of a workflow started by hand."""
        comment = _at(self.event, "comment", "body")
        if isinstance(comment, str) and (found := _COMMENT.fullmatch(comment.strip())):
            return _spoken(found[1])
        inputs = self.event.get("inputs")
        if not isinstance(inputs, Mapping) or not isinstance(inputs.get("ids"), str):
            return None
        title = inputs.get("title")
        again = str(inputs.get("acknowledged", "")).casefold() == "true"
        return Request(split_ids(inputs["ids"]), title.strip() or None if isinstance(title, str) else None, again)

    def summarise(self, sections: Iterable[str]) -> None:
        """Append Markdown to the summary that the host shows of this step, where it shows one.

        A section that does not fit any more is left out, with all behind it, and a word says so.
        """
        path = self.variables.get("GITHUB_STEP_SUMMARY")
        if not path:
            return
        try:
            with Path(path).open("ab") as file:
                room = SUMMARY_AT_MOST - file.tell() - len(_LEFT_OUT)
                for section in sections:
                    data = section.encode("utf-8", "replace")
                    room -= len(data)
                    if room < 0:
                        file.write(_LEFT_OUT)
                        return
                    file.write(data)
        except OSError as error:
            click.echo(f"warning: the summary cannot be written: {error.strerror}", err=True)


def split_ids(text: str) -> tuple[str, ...]:
    """The change ids of a text, which stand between commas or spaces; a ``#`` before a number is left out."""
    return tuple(word.removeprefix("#") for word in re.split(r"[,\s]+", text) if word)


def _spoken(line: str) -> Request:
    """The ids that a line begins with, and the title behind them."""
    words = line.split()
    taken = 0
    for word in words:
        if not re.fullmatch(r"#?\d+(?:@[0-9a-f]+)?(?:,#?\d+(?:@[0-9a-f]+)?)*,?", word):
            break
        taken += 1
    return Request(split_ids(" ".join(words[:taken])), " ".join(words[taken:]) or None)


def _read_event(path: str | None) -> Mapping[str, Any]:
    """The event's document; empty where there is none that can be read."""
    if not path:
        return {}
    try:
        if Path(path).stat().st_size > EVENT_AT_MOST:
            return {}
        document = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _at(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document
