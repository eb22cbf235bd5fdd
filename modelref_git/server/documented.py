"""What reads answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from modelref_git.server.wire.errors import ErrorResponse, InvalidRequest

Responses = dict[int | str, dict[str, Any]]

NOT_MODIFIED: Final[Responses] = {304: {"description": "The caller has it already: If-None-Match names its ETag"}}
NOT_FOUND: Final[Responses] = {
    404: {"model": ErrorResponse, "description": "There is no such category, record or revision"}
}
INVALID: Final[Responses] = {422: {"model": InvalidRequest, "description": "The request is not valid"}}
NOT_DONE_HERE: Final[Responses] = {503: {"model": ErrorResponse, "description": "This deployment does not do it"}}
NOBODY: Final[Responses] = {401: {"model": ErrorResponse, "description": "There is no key, or it is nobody's"}}
BAD_FILTER: Final[Responses] = {400: {"model": ErrorResponse, "description": "The category cannot be searched so"}}

READ: Final[Responses] = {**NOT_MODIFIED, **NOT_FOUND, **INVALID}
"""Of every read of the dataset."""


def answers(schema: dict[str, Any], description: str = "The answer") -> Responses:
    """An answer whose bytes are not made by the framework, and which is as *schema* says."""
    return {200: {"description": description, "content": {"application/json": {"schema": schema}}}}


def by_name(record: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object of records by their names; *record* is that of one."""
    return {"type": "object", "additionalProperties": record}
