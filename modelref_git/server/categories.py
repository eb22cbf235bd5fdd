"""Categories in requests: the fifteen that clients know, and those that the dataset has besides."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Annotated, Any, Final

from pydantic import AfterValidator, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError

from modelref_git.records.categories import CATEGORIES
from modelref_git.server.document import COMPONENTS
from modelref_git.server.faults import Refusal
from modelref_git.server.repository import Repository, Snapshot

ASKED: Final[ContextVar[Repository | None]] = ContextVar("asked", default=None)
"""The repository that the request under way is about."""

_SCHEMA: Final = "MODEL_REFERENCE_CATEGORY"
COMPONENTS[_SCHEMA] = {"type": "string", "enum": list(CATEGORIES), "title": _SCHEMA}

_EXPECTED: Final = " or ".join(", ".join(map(repr, CATEGORIES)).rsplit(", ", 1))


class _Documented:
    """Shows in the document as the enumeration that generated clients know."""

    def __get_pydantic_json_schema__(self, _schema: Any, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"$ref": f"#/components/schemas/{_SCHEMA}"}


def _known(name: str) -> str:
    if name in CATEGORIES:
        return name
    repository = ASKED.get()
    if repository is not None and name in repository.snapshot().config.categories:
        return name
    raise PydanticCustomError("enum", "Input should be {expected}", {"expected": _EXPECTED})


CategoryName = Annotated[str, AfterValidator(_known), _Documented()]
"""A category of a request: one of the fifteen, or one that the live dataset has besides; 422 for any other."""


def present(snapshot: Snapshot, category: str) -> str:
    """*category*, if the dataset of *snapshot* has it.

    Raises:
        Refusal: it has not; 404 in the words that clients know.
    """
    if category not in snapshot.config.categories:
        raise Refusal(404, f"Model category '{category}' not found", "not_found")
    return category


def in_known_order(snapshot: Snapshot) -> list[str]:
    """The categories of a dataset: shipped ones in the order that clients know, then its own."""
    names = snapshot.config.categories
    return [name for name in CATEGORIES if name in names] + [name for name in names if name not in CATEGORIES]
