"""Restores over HTTP: start one, follow it, cancel it."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import azure.durable_functions as df
import azure.functions as func

from functions.browse import restores_of
from functions.engine import is_under_way
from functions.http import NotFoundError, answer, answers_problems, json_object, only_query, problem, whole_number
from functions.restore_body import RestoreBody, restore_body
from functions.restore_work import taken_up
from shared_code.errors import RestoreInProgressError
from shared_code.model.resource import Customer
from shared_code.model.restore import Restore, RestoreState
from shared_code.restore.restores import Restores
from shared_code.wiring import application

bp = df.Blueprint()
_log = logging.getLogger(__name__)
_PAGE = 100
_LARGEST_PAGE = 500
_UNKNOWN = "This customer has no restore of that id; the list of restores shows them."


@bp.route("customers/{customer}/restores", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_problems
async def start_restore(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Check the whole request, record it and start it. While an equal one has not ended, 409 with that one's id; with
    an ``Idempotency-Key`` that was there before, the restore of that time, ended or not."""
    only_query(req)
    customer, restores = await restores_of(req)
    body = restore_body(req)
    restore = await restores.of_key(customer.id, body.key) if body.key else None
    if restore is None:
        try:
            restore = await _recorded(client, customer, restores, body)
        except RestoreInProgressError as error:
            names = _names(customer.id, str(error.context["restore_id"]))
            headers = {"Location": names["status_url"]}
            return problem(HTTPStatus.CONFLICT, "Restore in progress", error.message, more=names, headers=headers)
    try:
        restore = await taken_up(client, restores, restore, application().now())
    except Exception:  # noqa: BLE001 - whether it was started is not known, and the timer sees to it
        _log.exception("the restore %s is recorded and could not be started", restore.request.id)
    return _accepted(restore, {"seq": restore.request.seq})


@bp.route("customers/{customer}/restores", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def list_restores(req: func.HttpRequest) -> func.HttpResponse:
    """Restores, the last begun first, at most ``limit``."""
    only_query(req, "limit")
    customer, restores = await restores_of(req)
    limit = whole_number(req.params.get("limit", str(_PAGE)), "limit", 1, _LARGEST_PAGE)
    found = await restores.newest(customer.id, limit)
    return answer({"restores": [restore.to_json() for restore in found]})


@bp.route("customers/{customer}/restores/{restore}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def get_restore(req: func.HttpRequest) -> func.HttpResponse:
    """How far a restore has come, and what became of it, with its problems by item id."""
    only_query(req)
    customer, restores = await restores_of(req)
    restore = await restores.status(customer.id, req.route_params["restore"])
    if restore is None:
        raise NotFoundError(_UNKNOWN)
    is_running = restore.state is RestoreState.RUNNING
    whole = restore.to_json()
    return answer(
        {
            **restore.summary().to_json(),
            "cancelling": is_running and await restores.cancel_asked(restore.request.id),
            "request": whole["request"],
            "problems": whole["problems"],
        }
    )


@bp.route("customers/{customer}/restores/{restore}/cancel", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_problems
async def cancel_restore(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Let a restore stop before its next batch; what it wrote stays. 202 while it has not stopped yet, 200 once it has,
    409 when it ended otherwise."""
    only_query(req)
    json_object(req, {})
    customer, restores = await restores_of(req)
    restore = await restores.cancel(customer.id, req.route_params["restore"])
    if restore is None:
        raise NotFoundError(_UNKNOWN)
    if restore.state is RestoreState.RUNNING and not await is_under_way(client, restore.request.id):
        await restores.close(restore.request, cancelled=True)
        # As it is now: it may have ended by itself since it was asked to stop.
        restore = await restores.cancel(customer.id, restore.request.id) or restore
    return _accepted(restore, {"state": str(restore.state)})


async def _recorded(
    client: df.DurableOrchestrationClient, customer: Customer, restores: Restores, body: RestoreBody
) -> Restore:
    """The record of a new restore. Raises RestoreInProgressError while the engine runs an equal one, which it takes up
    if its host died."""
    snapshot = await restores.resolve(body.resource_id, seq=body.seq, at=body.at)
    request = body.request(f"restore-{customer.id}-{uuid4().hex}", customer.id, snapshot.seq)
    try:
        return await restores.start(request, body.key)
    except RestoreInProgressError as error:
        other = await restores.record(customer.id, str(error.context["restore_id"]))
        if other is None or await _goes_on(client, restores, other):
            raise
    return await restores.start(request, body.key)  # the other one was too old to be taken up, and has ended


async def _goes_on(client: df.DurableOrchestrationClient, restores: Restores, restore: Restore) -> bool:
    """Whether a running restore goes on, taken up here if the engine does not run it."""
    try:
        return (await taken_up(client, restores, restore, application().now())).state is RestoreState.RUNNING
    except Exception:  # noqa: BLE001 - it is recorded as running, and the timer sees to it
        _log.exception("the restore %s is recorded, and the engine could not be asked for it", restore.request.id)
        return True


def _accepted(restore: Restore, more: dict[str, Any]) -> func.HttpResponse:
    names = _names(restore.request.customer_id, restore.request.id)
    status = HTTPStatus.ACCEPTED if restore.state is RestoreState.RUNNING else HTTPStatus.OK
    return answer({**names, **more}, status, headers={"Location": names["status_url"]})


def _names(customer_id: str, restore_id: str) -> dict[str, str]:
    return {"restore_id": restore_id, "status_url": f"/api/customers/{customer_id}/restores/{restore_id}"}
