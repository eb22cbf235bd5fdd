"""The record that a write is about: whether its name may be, whether it is there, and is what the caller read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from modelref_git.errors import Invalid
from modelref_git.operations.context import Context
from modelref_git.proposals.events import CREATE, DELETE, UPDATE
from modelref_git.records import names, text
from modelref_git.records.categories import TEXT_GENERATION
from modelref_git.server.answers import weak
from modelref_git.server.faults import Refusal
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.step import Step

EXISTS: Final = "Model '{name}' already exists in category '{category}'. Use PUT to update existing models."
GONE: Final = "Model '{name}' not found in category '{category}'"
ABSENT: Final = "Model '{name}' not found in category '{category}'. Use POST to create new models."
ABSENT_IN_V1: Final = "Model '{name}' does not exist in category '{category}'. Use POST to create new models."

_PREFIXED: Final = (
    "Model name '{name}' contains a backend prefix (aphrodite/, koboldcpp/). "
    "Submit only the base model name \N{EM DASH} backend duplicates are {done} automatically."
)
_BLANK: Final = "Model name must not be empty or whitespace-only."
_BACKSLASH: Final = "Model name must not contain invalid characters \\: '{name}'"
_CHANGED: Final = "Model '{name}' in category '{category}' is not what If-Match says: it has changed since it was read."


@dataclass(frozen=True, slots=True)
class Target:
    """The record that a request names, and what is to become of it."""

    operation: str
    category: str
    name: str
    absent: str = ABSENT
    """What is said of an update of what is not there."""

    def check_name(self) -> None:
        """Refuse a name that no record of the category may have.

        Raises:
            Refusal: it is blank or has a backslash (422), or has the prefix of a backend (400).
            Invalid: what else is wrong with it.
        """
        if not self.name.strip():
            raise Refusal(422, _BLANK, "invalid")
        if "\\" in self.name:
            raise Refusal(422, _BACKSLASH.format(name=self.name), "invalid")
        if self.category == TEXT_GENERATION and text.has_backend_prefix(self.name):
            done = "deleted" if self.operation == DELETE else "generated"
            raise Refusal(400, _PREFIXED.format(name=self.name, done=done), "invalid")
        problems = names.structural_problems(self.category, self.name)
        if problems:
            raise Invalid.of(f"the name {self.name!r}", problems)

    def check_presence(self, dataset: DatasetTree) -> str | None:
        """Refuse a create of what is in *dataset*, or another request of what is not; gives the record's blob.

        Raises:
            Refusal: 409 or 404, in the words that clients know.
        """
        if self.category not in dataset.config.categories:
            raise Refusal(404, f"Model category '{self.category}' not found", "not_found")
        blob = dataset.blob(self.category, self.name)
        if self.operation == CREATE and blob is not None:
            raise self._refusal(409, EXISTS, "conflict")
        if self.operation == UPDATE and blob is None:
            raise self._refusal(404, self.absent, "not_found")
        if self.operation == DELETE and blob is None:
            raise self._refusal(404, GONE, "not_found")
        return blob

    def check(self, dataset: DatasetTree, if_match: list[str] | None = None) -> None:
        """`check_presence`, and that the record is the one that *if_match* names, if it names any.

        Raises:
            Refusal: as `check_presence`; 412 with the record's ``ETag`` if it is another.
        """
        blob = self.check_presence(dataset)
        if if_match is None or blob is None or "*" in if_match or blob in if_match:
            return
        refusal = self._refusal(412, _CHANGED, "conflict")
        refusal.headers["ETag"] = weak(blob)
        raise refusal

    def guarding(self, ctx: Context, if_match: list[str] | None = None) -> Context:
        """*ctx* with `check` at the beginning of each attempt at its step, before anything else is judged."""
        earlier: Callable[[Step], None] | None = ctx.before

        def before(step: Step) -> None:
            if earlier is not None:
                earlier(step)
            self.check(step.dataset(), if_match)

        return replace(ctx, before=before)

    def _refusal(self, status: int, words: str, code: str) -> Refusal:
        return Refusal(status, words.format(name=self.name, category=self.category), code)
