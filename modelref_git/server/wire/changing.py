"""The shapes of what becomes of open proposals besides a review: and of looking ahead, and of looking back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from modelref_git.operations.wording import REASON_AT_MOST, TITLE_AT_MOST
from modelref_git.server.wire.apply import trimmed
from modelref_git.server.wire.changes import Status

Verdict = Literal["clean", "merged", "overlaps", "conflict", "obsolete"]


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("a reason may not be blank")
    return text.strip()


class RebaseRequest(BaseModel):
    """How a proposal is brought up to what is live. Without anything, fields that one side alone changed are merged."""

    set: dict[str, Any] = Field(default_factory=dict, description="Values by JSON pointer, set in the result.")
    take: Literal["mine", "theirs"] | None = Field(
        default=None, description="Whose value stands where both sides changed one: `mine` is what is proposed."
    )
    allow: list[str] = Field(default_factory=list, description="Quality rules that are waived, by their ids.")


class WithdrawRequest(BaseModel):
    """Why a proposal is taken back."""

    reason: Annotated[str | None, Field(max_length=REASON_AT_MOST), AfterValidator(trimmed)] = None


class HoldRequest(BaseModel):
    """Why a proposal is stopped."""

    reason: Annotated[str, Field(min_length=1, max_length=REASON_AT_MOST), AfterValidator(_said)]


class RevertRequest(BaseModel):
    """What the proposals of a revert say about themselves."""

    title: Annotated[str | None, Field(max_length=TITLE_AT_MOST), AfterValidator(trimmed)] = None


class Blocker(BaseModel):
    """What keeps a change from being approved or applied."""

    rule: str
    message: str
    conflicts: list[dict[str, Any]] | None = None


class ChangeOutlook(BaseModel):
    """Where a change stands."""

    change_id: int
    status: Status
    merge: Verdict | None = Field(description="Whether it still merges; null of a closed one.")
    blockers: list[Blocker]
    turn: Literal["requestor", "approver", "nobody"]
    next: str | None = Field(description="The command that is next.")


class ConflictForecast(BaseModel):
    """What would become of open proposals of one record, if they were approved together."""

    change_ids: list[int]
    category: str
    model_name: str
    verdict: Verdict
    paths: list[str]


class RevertResult(BaseModel):
    """The inverse of a batch: its proposals, and what stands against the rest."""

    change_ids: list[int]
    conflicts: list[dict[str, Any]]


class VerifyChecked(BaseModel):
    """How much was looked at."""

    commits: int
    events: int
    changes: int
    batches: int


class VerifyReport(BaseModel):
    """Whether the repository is what its history promises."""

    ok: bool
    checked: VerifyChecked
    findings: list[dict[str, Any]]
