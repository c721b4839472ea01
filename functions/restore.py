"""Restores: HTTP to start one and to follow it; the orchestrator; its activities."""

from __future__ import annotations

import logging
from collections.abc import Generator
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import uuid4

import azure.durable_functions as df
import azure.functions as func

from functions.browse import MOST_SEQ, restores_of
from functions.http import (
    BadRequestError,
    NotFoundError,
    answer,
    answers_problems,
    first_line,
    json_object,
    moment,
    string_list,
    whole_number,
)
from shared_code.errors import BackupError, ThrottledError
from shared_code.model.resource import Customer
from shared_code.model.restore import ConflictRule, Restore, RestoreRequest, Selection, TargetKind
from shared_code.restore.request_check import MOST_IDS
from shared_code.restore.restores import Restores
from shared_code.wiring import application

bp = df.Blueprint()
_log = logging.getLogger(__name__)
_E = TypeVar("_E", bound=StrEnum)

# A history is replayed whole at every step: a restore goes on as a new orchestration before it gets long.
SLICES_IN_HISTORY = 50
_ATTEMPTS = 4
_FIRST_WAIT_MS = 5_000
# A slice that Graph puts off is tried again after Graph's own word, within these bounds, and so often in a row.
_LEAST_WAIT_S = 30.0
_MOST_WAIT_S = 900.0
_MOST_WAITS = 40
_PAGE = 100
_MOST_RESTORES = 500
_BODY: dict[str, type] = {
    "resource": str,
    "seq": int,
    "at": str,
    "selection": dict,
    "target": str,
    "folder_name": str,
    "conflict": str,
}


# ---- restoring ------------------------------------------------------------------------------------------------------


@bp.route("customers/{customer}/restores", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_problems
async def start_restore(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Check the whole request, record it and start it. Each request is a restore of its own."""
    customer, restores = await restores_of(req)
    request = await _request(req, customer, restores)
    restore = await restores.start(request)
    payload = {"customer": customer.id, "restore": request.id}
    try:
        await client.start_new("restore_resource", request.id, payload)
    except Exception:
        await restores.fail(restore.request, "The restore could not be started. Ask for it again.")
        raise
    status_url = f"/api/customers/{customer.id}/restores/{request.id}"
    body = {"restore_id": request.id, "seq": request.seq, "status_url": status_url}
    return answer(body, HTTPStatus.ACCEPTED, headers={"Location": status_url})


@bp.route("customers/{customer}/restores", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def list_restores(req: func.HttpRequest) -> func.HttpResponse:
    """Restores, the last begun first, at most ``limit``."""
    customer, restores = await restores_of(req)
    limit = whole_number(req.params.get("limit", str(_PAGE)), "limit", 1, _MOST_RESTORES)
    found = await restores.newest(customer.id, limit)
    return answer({"restores": [_summary_json(restore) for restore in found]})


@bp.route("customers/{customer}/restores/{restore}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def get_restore(req: func.HttpRequest) -> func.HttpResponse:
    """How far a restore has come, and what became of it, with its problems by item id."""
    customer, restores = await restores_of(req)
    restore = await restores.status(customer.id, req.route_params["restore"])
    if restore is None:
        raise NotFoundError("This customer has no restore of that id; the list of restores shows them.")
    whole = restore.to_json()
    return answer({**_summary_json(restore), "request": whole["request"], "problems": whole["problems"]})


async def _request(req: func.HttpRequest, customer: Customer, restores: Restores) -> RestoreRequest:
    body = json_object(req, _BODY)
    if "resource" not in body:
        raise BadRequestError("'resource' is missing: the id of what to restore, as the list of resources shows it.")
    if ("seq" in body) == ("at" in body):
        raise BadRequestError("Give either 'seq' (the number of a snapshot) or 'at' (a time), and not both.")
    if "seq" in body and not 1 <= body["seq"] <= MOST_SEQ:
        raise BadRequestError(f"'seq' is a whole number from 1 to {MOST_SEQ}.")
    selection = _selection(body)
    target = _choice(TargetKind, body.get("target", TargetKind.ORIGINAL), "target")
    conflict = _choice(ConflictRule, body.get("conflict", ConflictRule.SKIP), "conflict")
    at = moment(body["at"], "at") if "at" in body else None
    snapshot = await restores.resolve(body["resource"], seq=body.get("seq"), at=at)
    return RestoreRequest(
        id=f"restore-{customer.id}-{uuid4().hex}",
        customer_id=customer.id,
        resource_id=body["resource"],
        seq=snapshot.seq,
        selection=selection,
        target=target,
        folder_name=body.get("folder_name", ""),
        conflict=conflict,
    )


def _selection(body: dict[str, Any]) -> Selection:
    given = body.get("selection")
    members = {"everything": bool, "folder_ids": list, "item_ids": list}
    if given is None or any(
        name not in members or not isinstance(value, members[name]) for name, value in given.items()
    ):
        raise BadRequestError(
            '\'selection\' is an object: {"everything": true}, or "folder_ids" and "item_ids" as arrays of ids.'
        )
    return Selection(
        given.get("everything", False),
        string_list(given.get("folder_ids", []), "folder_ids", MOST_IDS),
        string_list(given.get("item_ids", []), "item_ids", MOST_IDS),
    )


def _choice(kind: type[_E], text: str, name: str) -> _E:
    try:
        return kind(text)
    except ValueError as error:
        raise BadRequestError(f"{name!r} is one of: {', '.join(kind)}.") from error


def _summary_json(restore: Restore) -> dict[str, Any]:
    whole = restore.to_json()
    return {
        "restore_id": restore.request.id,
        "resource": restore.request.resource_id,
        "seq": restore.request.seq,
        **{name: whole[name] for name in ("state", "started_at", "ended_at", "counts", "error")},
    }


# ---- the orchestrator -----------------------------------------------------------------------------------------------


@bp.orchestration_trigger(context_name="context")
def restore_resource(context: df.DurableOrchestrationContext) -> Generator[Any, Any, None]:
    """One restore: slice after slice, then the verdict. Input: ``customer``, ``restore``, and ``position`` and
    ``waits`` when it goes on as a new orchestration. What stays wrong after the retries is recorded with the
    restore."""
    state = context.get_input()
    names = {"customer": state["customer"], "restore": state["restore"]}
    position, waits = state.get("position", ""), state.get("waits", 0)
    retry = df.RetryOptions(_FIRST_WAIT_MS, _ATTEMPTS)
    try:
        for _ in range(SLICES_IN_HISTORY):
            step = yield context.call_activity_with_retry("restore_slice", retry, {**names, "position": position})
            if step["error"]:
                yield context.call_activity_with_retry("fail_restore", retry, {**names, "error": step["error"]})
                return
            if step["wait_s"] and waits < _MOST_WAITS:
                waits += 1
                yield context.create_timer(context.current_utc_datetime + timedelta(seconds=step["wait_s"]))
                continue
            if step["wait_s"]:
                error = "Graph kept asking to slow down. Start the restore again at another time."
                yield context.call_activity_with_retry("fail_restore", retry, {**names, "error": error})
                return
            position, waits = step["position"], 0
            if step["done"]:
                yield context.call_activity_with_retry("close_restore", retry, names)
                return
    except Exception as error:
        yield context.call_activity_with_retry("fail_restore", retry, {**names, "error": first_line(error)})
        raise
    context.continue_as_new({**names, "position": position, "waits": waits})


# ---- activities -----------------------------------------------------------------------------------------------------
# Payloads are annotated with Any: the worker takes nothing but a type there and refuses the app for ``dict[str, Any]``.


@bp.activity_trigger(input_name="payload")
async def restore_slice(payload: Any) -> dict[str, Any]:
    """One slice from ``position``. Safe to replay. ``error`` says what no further try can cure; what one may
    is raised, but for a source that asks to slow down: then ``wait_s`` says for how long."""
    restores, restore = await _recorded(payload)
    try:
        result = await restores.restore_slice(restore.request, payload["position"])
    except ThrottledError as error:
        wait_s = min(max(error.retry_after_s or 0.0, _LEAST_WAIT_S), _MOST_WAIT_S)
        return {"done": False, "position": payload["position"], "error": "", "wait_s": wait_s}
    except BackupError as error:
        if error.retryable:
            raise
        _log.warning("restore %s broke off: %s", payload["restore"], error.message)
        return {"done": False, "position": payload["position"], "error": error.message, "wait_s": 0.0}
    return {"done": result.done, "position": result.position, "error": "", "wait_s": 0.0}


@bp.activity_trigger(input_name="payload")
async def close_restore(payload: Any) -> str:
    """Sum the restore up. Safe to replay."""
    restores, restore = await _recorded(payload)
    return str((await restores.close(restore.request)).state)


@bp.activity_trigger(input_name="payload")
async def fail_restore(payload: Any) -> None:
    """Record that the restore broke off, and why. Safe to replay."""
    restores, restore = await _recorded(payload)
    await restores.fail(restore.request, payload["error"])


async def _recorded(payload: Any) -> tuple[Restores, Restore]:
    app = application()
    customer = await app.customers.get(payload["customer"])
    restores = app.restores(customer)
    restore = await restores.record(customer.id, payload["restore"])
    if restore is None:
        raise NotFoundError(f"The record of {payload['restore']} is gone.")
    return restores, restore
