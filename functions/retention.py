"""Retention: the daily pass over every customer's container, and HTTP for terms, legal holds, departure and checks."""

from __future__ import annotations

import logging
from collections.abc import Generator
from datetime import date
from http import HTTPStatus
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from functions.http import (
    BadRequestError,
    NotFoundError,
    answer,
    answers_problems,
    json_object,
    only_query,
    store_warnings,
    whole_number,
)
from shared_code.errors import ConfigError
from shared_code.model.retention import MOST_REASON_CHARACTERS, is_reason
from shared_code.model.snapshot import MOST_SEQ
from shared_code.service.retention import CustomerRetention
from shared_code.wiring import application

bp = df.Blueprint()
_log = logging.getLogger(__name__)
_SCRUB_STEPS_IN_HISTORY = 40
_ATTEMPTS = 3
_FIRST_WAIT_MS = 5_000


# ---- the daily pass


@bp.timer_trigger(schedule="0 30 5 * * *", arg_name="timer", use_monitor=True)
@bp.durable_client_input(client_name="client")
async def retention_timer(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Start the daily pass of every customer, of those that have left too. One customer's trouble does not keep the
    others from theirs."""
    app = application()
    day = app.now().date().isoformat()
    for customer in await app.customers.all():
        instance_id = f"keep-{customer.id}-{day}"
        try:
            if not _has_run(await client.get_status(instance_id)):
                await client.start_new("keep_customer", instance_id, {"customer": customer.id, "day": day})
        except Exception:  # noqa: BLE001 - the boundary of the trigger
            _log.exception("the daily pass %s could not be started", instance_id)


@bp.orchestration_trigger(context_name="context")
def keep_customer(context: df.DurableOrchestrationContext) -> Generator[Any, Any, None]:
    """The daily pass of one customer: holds, expiry, then the day's share of the scrub, step by step."""
    state = {"resource": "", "after": "", "expired": False, **context.get_input()}
    retry = df.RetryOptions(_FIRST_WAIT_MS, _ATTEMPTS)
    names = {"customer": state["customer"], "day": state["day"]}
    if not state["expired"]:
        yield context.call_activity_with_retry("expire_leases", retry, names)
    for _ in range(_SCRUB_STEPS_IN_HISTORY):
        place = {"resource": state["resource"], "after": state["after"]}
        step = yield context.call_activity_with_retry("scrub_packs", retry, {**names, **place})
        if step is None or step["done"]:
            return
        state["resource"], state["after"] = step["resource"], step["after"]
    context.continue_as_new({**names, "resource": state["resource"], "after": state["after"], "expired": True})


# The real worker refuses annotations such as dict[str, Any] on activities' payloads.
@bp.activity_trigger(input_name="payload")
async def expire_leases(payload: Any) -> bool:
    """Holds, expiry, departure. Safe to replay. Returns whether somebody has to look at it."""
    report = await (await _retention(payload["customer"])).nightly()
    return report.needs_attention


@bp.activity_trigger(input_name="payload")
async def scrub_packs(payload: Any) -> Any:
    """One step of the day's scrub. Safe to replay."""
    retention = await _retention(payload["customer"])
    step = await retention.scrub(date.fromisoformat(payload["day"]), payload["resource"], payload["after"])
    return {"resource": step.resource_id, "after": step.after, "done": step.done} if step else None


# ---- the purge job


@bp.timer_trigger(schedule="0 30 7 * * *", arg_name="timer", use_monitor=True)
@bp.durable_client_input(client_name="client")
async def purge_timer(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Start the day's purge of every customer, where the job has an identity of its own; without one, nothing."""
    app = application()
    if not app.settings.purge_client_id:
        return
    day = app.now().date().isoformat()
    for customer in await app.customers.all():
        instance_id = f"purge-{customer.id}-{day}"
        try:
            if not _has_run(await client.get_status(instance_id)):
                await client.start_new("purge_customer", instance_id, {"customer": customer.id})
        except Exception:  # noqa: BLE001 - the boundary of the trigger
            _log.exception("the purge %s could not be started", instance_id)


@bp.orchestration_trigger(context_name="context")
def purge_customer(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """The day's purge of one customer; its output says what it deleted."""
    retry = df.RetryOptions(_FIRST_WAIT_MS, _ATTEMPTS)
    return (yield context.call_activity_with_retry("purge_overdue", retry, context.get_input()))


@bp.activity_trigger(input_name="payload")
async def purge_overdue(payload: Any) -> Any:
    """Delete what the platform should have deleted. Safe to replay: what is gone is gone."""
    app = application()
    report = await app.purge(await app.customers.get(payload["customer"]))
    if report.deleted or report.locked:
        _log.warning("%s: purged %d blobs, %d are locked", payload["customer"], report.deleted, report.locked)
    return {"deleted": report.deleted, "deleted_bytes": report.deleted_bytes, "locked": report.locked}


# ---- HTTP


@bp.route("customers/{customer}/retention", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def get_retention(req: func.HttpRequest) -> func.HttpResponse:
    """The customer's terms, and what the last daily pass found."""
    only_query(req)
    retention = await _retention(req.route_params["customer"])
    report = await retention.last_expiry()
    last = {"last_pass": report.to_json() if report else None}
    return answer({**_terms_json(await retention.terms()), **last, **await _store_json(req)})


@bp.route("customers/{customer}/retention", methods=["PUT"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def put_retention(req: func.HttpRequest) -> func.HttpResponse:
    """Agree on another retention, in days. 400 with the arithmetic when it cannot be kept."""
    only_query(req)
    body = json_object(req, {"retention_days": int})
    if "retention_days" not in body:
        raise BadRequestError("'retention_days' is missing.")
    retention = await _retention(req.route_params["customer"])
    try:
        return answer(_terms_json(await retention.set_retention(body["retention_days"])))
    except ConfigError as error:
        raise BadRequestError("; ".join(error.problems)) from error


@bp.route("customers/{customer}/holds", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def list_holds(req: func.HttpRequest) -> func.HttpResponse:
    """All legal holds, lifted ones too."""
    only_query(req)
    retention = await _retention(req.route_params["customer"])
    return answer({"holds": [hold.to_json() for hold in await retention.holds()]})


@bp.route("customers/{customer}/holds/{resource}", methods=["PUT", "DELETE"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def change_hold(req: func.HttpRequest) -> func.HttpResponse:
    """Put a resource on hold for a ``reason``, or lift the hold of that reason. What a hold answers names how many
    blobs, previous versions of them too, are held now."""
    only_query(req)
    body = json_object(req, {"reason": str})
    reason = body.get("reason", "").strip()
    if not is_reason(reason):
        raise BadRequestError(f"'reason' is 1 to {MOST_REASON_CHARACTERS} printable characters that name the matter.")
    retention = await _retention(req.route_params["customer"])
    if req.method == "DELETE":
        return answer((await retention.lift_hold(req.route_params["resource"], reason)).to_json())
    hold, held_blobs = await retention.hold(req.route_params["resource"], reason)
    return answer({**hold.to_json(), "held_blobs": held_blobs})


@bp.route("customers/{customer}/departure", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def leave(req: func.HttpRequest) -> func.HttpResponse:
    """The customer leaves: no more backups, and what is there runs out by itself. Nothing is deleted by this."""
    only_query(req)
    json_object(req, {})
    retention = await _retention(req.route_params["customer"])
    return answer((await retention.leave()).to_json(), HTTPStatus.ACCEPTED)


@bp.route("customers/{customer}/departure", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def come_back(req: func.HttpRequest) -> func.HttpResponse:
    """Take the departure back, as long as the customer is not erased: backups go on."""
    only_query(req)
    json_object(req, {})
    retention = await _retention(req.route_params["customer"])
    departure = await retention.come_back()
    if departure is None:
        raise NotFoundError("This customer has not left.")
    return answer(departure.to_json())


@bp.route("customers/{customer}/departure", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def get_departure(req: func.HttpRequest) -> func.HttpResponse:
    """How far the erasure of a customer that has left is; the certificate once everything is gone."""
    only_query(req)
    retention = await _retention(req.route_params["customer"])
    departure = await retention.departure()
    if departure is None:
        raise NotFoundError("This customer has not left.")
    certificate = departure.certificate() if departure.erased_at else None
    return answer({**departure.to_json(), "certificate": certificate, **await _store_json(req)})


@bp.route("customers/{customer}/damage", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def list_damage(req: func.HttpRequest) -> func.HttpResponse:
    """Every item that was ever found damaged, and whether a backup has stored it again since."""
    only_query(req)
    retention = await _retention(req.route_params["customer"])
    return answer({"damaged": [item.to_json() for item in await retention.damaged()]})


@bp.route(
    "customers/{customer}/resources/{resource}/snapshots/{seq}/verify",
    methods=["POST"],
    auth_level=func.AuthLevel.FUNCTION,
)
@answers_problems
async def verify_snapshot(req: func.HttpRequest) -> func.HttpResponse:
    """Check the structure of one snapshot now: is everything there that it names?"""
    only_query(req)
    json_object(req, {})
    retention = await _retention(req.route_params["customer"])
    seq = whole_number(req.route_params["seq"], "seq", 1, MOST_SEQ)
    report = await retention.verify(req.route_params["resource"], seq)
    return answer({**report.to_json(), "ok": report.ok, **await _store_json(req)})


def _has_run(status: Any) -> bool:
    return bool(status) and status.runtime_status is not None


async def _retention(customer_id: str) -> CustomerRetention:
    app = application()
    return app.retention(await app.customers.get(customer_id))


async def _store_json(req: func.HttpRequest) -> dict[str, Any]:
    """What every report says of the store itself."""
    app = application()
    immutable = await app.own_container(await app.customers.get(req.route_params["customer"])).is_immutable()
    return {"immutable": immutable, "warnings": store_warnings(immutable)}


def _terms_json(terms: Any) -> dict[str, int]:
    return {
        "retention_days": terms.retention_days,
        "checkpoint_days": terms.checkpoint_days,
        "margin_days": terms.margin_days,
        "lease_days": terms.lease_days,
    }
