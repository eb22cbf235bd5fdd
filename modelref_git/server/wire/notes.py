"""The shapes of notes on records."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from modelref_git.proposals.notes import TEXT_AT_MOST

_NOT_HERE = (
    "Only `notes` can be set here. A record is changed by a proposal, which an approver reviews: "
    "PUT /model_references/v2/{category}/model/{name}."
)


class NoteEntry(BaseModel):
    """A note on a record."""

    id: int = Field(description="Counted per record, never given twice.")
    by: str = Field(description="The id of the member who wrote it.")
    by_name: str
    at: int = Field(description="When it was written, Unix seconds.")
    team: bool = Field(description="Whether it is the team's, so that approvers keep it up to date too.")
    text: str
    edited_at: int | None = Field(description="When it was given another text, Unix seconds; null if it never was.")


class NoteAnswer(NoteEntry):
    """A note that was written, changed or removed."""

    category: str
    model_name: str


class NoteAct(BaseModel):
    """What somebody did with a note."""

    commit: str = Field(description="The commit of the branch `notes`.")
    action: Literal["add", "set", "remove"]
    id: int
    by: str
    by_name: str
    at: int
    team: bool = Field(description="Of an add, whether the note is the team's.")
    text: str | None = Field(description="What the note says since then; null of one that was removed.")
    attested_by: str | None = Field(description="The service that wrote it down, as `name#id`.")


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=TEXT_AT_MOST, pattern=r"\S")


class NoteRequest(_Text):
    """A note to be written."""

    team: bool = False


class NoteText(_Text):
    """What a note is to say."""


class ModelNotes(BaseModel):
    """What of a model is one's own: the note on it."""

    model_config = ConfigDict(extra="forbid")

    notes: str | None = Field(default=None, max_length=TEXT_AT_MOST, description="Your note; null or blank removes it.")

    @model_validator(mode="before")
    @classmethod
    def _only_notes(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.keys() - {"notes"}:
            raise PydanticCustomError("not_here", _NOT_HERE)
        return value
