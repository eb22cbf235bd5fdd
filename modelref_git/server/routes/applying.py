"""Apply: approved changes go live, all that a request names or none of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from modelref_git.errors import (
    Busy,
    Conflict,
    Forbidden,
    IntegrityFailure,
    Invalid,
    KeyReused,
    ModelrefError,
    NotFound,
    RemoteFailure,
    WrongState,
)
from modelref_git.operations.answers import BatchNotFound, ChangeNotFound, Held, find_batch
from modelref_git.operations.apply import (
    JOB_ID_AT_MOST,
    NotApproved,
    NothingToApply,
    SeveralBatches,
    apply_changes,
)
from modelref_git.operations.context import Context
from modelref_git.operations.repeats import apply_again
from modelref_git.server.auth.interface import Login
from modelref_git.server.callers import Key, approver
from modelref_git.server.faults import Refusal, refusal_body, refusal_of
from modelref_git.server.queues import (
    NAMED,
    WRITE,
    check_of_records,
    check_queue_taking,
    check_request_key,
    mounted,
    responses,
    settings_of,
    written,
)
from modelref_git.server.settings import Settings
from modelref_git.server.wire.apply import (
    ApplyPendingChangeRequest,
    ApplyPendingChangesRequest,
    ApplyPendingChangesResponse,
    ApplySingleChangeResponse,
    trimmed,
)
from modelref_git.server.wire.errors import ErrorResponse

_NOT_IN_A_BATCH: Final = "Cannot apply changes that have not been approved in a batch"
_SEVERAL: Final = "All changes must belong to the same batch. Found batch IDs: {}"

_FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    status: {**response, "model": ApplyPendingChangesResponse | ErrorResponse}
    for status, response in responses(400, 404, 409, 503).items()
    if status in (400, 404, 409, 503)
}

_KINDS: Final[tuple[tuple[type[ModelrefError], str, int], ...]] = (
    (NotFound, "NotFound", 404),
    (WrongState, "State", 400),
    (Conflict, "State", 409),
    (Invalid, "Payload", 400),
    (IntegrityFailure, "Backend", 503),
    (RemoteFailure, "Backend", 503),
)
"""Of each class of errors the kind of failure that clients know, and its status."""


def make(_settings: Settings) -> APIRouter:
    """The routes that apply changes."""
    return mounted(_add)


def _add(router: APIRouter) -> None:
    for path, endpoint, shape, refusals in (
        ("/changes/{change_id}/apply", apply_pending_change_endpoint, ApplySingleChangeResponse, WRITE),
        ("/apply", apply_pending_changes_endpoint, ApplyPendingChangesResponse, WRITE | _FAILURES),
        ("/apply_batch/{batch_id}", apply_batch_endpoint, ApplyPendingChangesResponse, WRITE | _FAILURES),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            response_model=shape,
            response_model_exclude_none=True,
            responses=refusals,
            openapi_extra=NAMED,
        )


async def apply_pending_change_endpoint(
    request: Request, key: Key, change_id: int, given: ApplyPendingChangeRequest
) -> Response:
    """Apply one approved change. The rest of its batch becomes a batch of its own."""
    login = await _approver(request, key)

    def apply(ctx: Context) -> dict[str, Any]:
        check_of_records(ctx, [change_id])
        return _single(apply_changes(ctx, [change_id], job_id=given.job_id))

    try:
        return await written(request, login, apply, lambda view, step: _single(apply_again(view, step)))
    except ChangeNotFound as fault:
        raise Refusal(404, f"Change {fault.change_id} not found.", fault.code) from fault
    except NotApproved as fault:
        raise Refusal(400, _not_approved(fault), fault.code) from fault


def _single(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer to an apply of one change."""
    return {"record": answer.pop("applied")[0], **answer}


async def apply_pending_changes_endpoint(request: Request, key: Key, given: ApplyPendingChangesRequest) -> Response:
    """Apply approved changes of one batch, or of several if that is allowed: all or nothing."""
    login = await _approver(request, key)
    ids, mixed = given.change_ids, given.allow_mixed_batch

    def apply(ctx: Context) -> dict[str, Any]:
        check_of_records(ctx, ids)
        return apply_changes(ctx, ids, allow_mixed=mixed, job_id=given.job_id)

    try:
        return await written(request, login, apply, lambda view, step: apply_again(view, step, ids))
    except SeveralBatches as fault:
        raise Refusal(400, _SEVERAL.format(fault.batch_ids), fault.code) from fault
    except ModelrefError as fault:
        if not mixed and isinstance(fault, ChangeNotFound):
            raise Refusal(404, f"Change {fault.change_id} not found", fault.code) from fault
        if not mixed and isinstance(fault, NotApproved) and fault.change.batch_id is None:
            raise Refusal(400, _NOT_IN_A_BATCH, fault.code) from fault
        raise _failure(fault, ids) from fault


async def apply_batch_endpoint(
    request: Request,
    key: Key,
    batch_id: int,
    job_id: Annotated[
        str | None, Query(max_length=JOB_ID_AT_MOST, description="What the caller calls this apply.")
    ] = None,
) -> Response:
    """Apply all approved changes of a batch: all or nothing. One that is applied already has nothing left."""
    login = await _approver(request, key)
    members: list[int] = []

    def apply(ctx: Context) -> dict[str, Any]:
        members[:] = find_batch(ctx.view().queue, batch_id).changes
        check_of_records(ctx, members)
        answer = apply_changes(ctx, (), batch_id=batch_id, job_id=trimmed(job_id))
        if not answer["applied"] and _has_others(ctx, batch_id):
            raise NothingToApply(f"batch {batch_id} has members that were rejected, and none to apply")
        return answer

    try:
        return await written(request, login, apply, apply_again)
    except (BatchNotFound, ChangeNotFound) as fault:
        raise Refusal(404, f"No changes found for batch {batch_id}", fault.code) from fault
    except NothingToApply as fault:
        raise Refusal(404, f"No approved changes found in batch {batch_id}", fault.code) from fault
    except ModelrefError as fault:
        raise _failure(fault, members) from fault


async def _approver(request: Request, key: str) -> Login:
    check_request_key(request)
    login = await approver(request, key)
    check_queue_taking(settings_of(request))
    return login


def _has_others(ctx: Context, batch_id: int) -> bool:
    """Whether a batch has members that are neither approved nor applied."""
    queue = ctx.view().queue
    return any(queue.change(number) is not None for number in find_batch(queue, batch_id).rejected)


def _not_approved(fault: NotApproved) -> str:
    return f"Change {fault.change.change_id} is not approved (status={fault.change.status})."


def _failure(fault: ModelrefError, ids: Sequence[int]) -> ModelrefError | Refusal:
    """The failure of an apply of *ids* as its clients know it; what is no failure of a change stays what it is."""
    known = next(((kind, status) for error, kind, status in _KINDS if isinstance(fault, error)), None)
    if known is None or isinstance(fault, Busy | Forbidden | KeyReused):
        return fault
    kind, status = known
    refusal = refusal_of(fault)
    refusal.status = status
    refusal.body = {
        "applied": [],
        "failed_change_id": _failed(fault, ids),
        "failed_error": _sentence(fault),
        "failed_error_type": f"PendingChange{kind}Error",
        "batch_split_occurred": False,
        "reason": refusal_body(refusal.detail, refusal.code, refusal.details)["reason"],
    }
    return refusal


def _failed(fault: ModelrefError, ids: Sequence[int]) -> int | None:
    """The change that an apply failed for; the first, where it is for none in particular."""
    if isinstance(fault, ChangeNotFound):
        return fault.change_id
    if isinstance(fault, NotApproved | Held):
        return fault.change.change_id
    named = (row["change_id"] for row in fault.details if isinstance(row.get("change_id"), int))
    return next(named, next(iter(ids), None))


def _sentence(fault: ModelrefError) -> str:
    if isinstance(fault, ChangeNotFound):
        return f"Change {fault.change_id} not found."
    return _not_approved(fault) if isinstance(fault, NotApproved) else fault.message
