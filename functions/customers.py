"""Customers, their runs and what is protected, over HTTP."""

from __future__ import annotations

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
from shared_code.backup.run_plan import Basis
from shared_code.errors import CustomerExistsError
from shared_code.model.item import format_time
from shared_code.model.resource import MOST_NAME_CHARACTERS, Customer, ResourceKind, is_display_name
from shared_code.model.run import Run, RunState, RunTask
from shared_code.model.tenant_size import KindSize, TenantSize
from shared_code.wiring import application

bp = df.Blueprint()
_KINDS = {
    "mailboxes": ResourceKind.MAILBOX,
    "drives": ResourceKind.DRIVE,
    "sites": ResourceKind.SITE,
    "teams": ResourceKind.TEAM,
}


@bp.route("customers", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def list_customers(req: func.HttpRequest) -> func.HttpResponse:
    """Every customer."""
    only_query(req)
    return answer({"customers": [_customer(entry) for entry in await application().customers.all()]})


@bp.route("customers/{customer}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def get_customer(req: func.HttpRequest) -> func.HttpResponse:
    """One customer, and since when it has left."""
    only_query(req)
    return answer(await _with_departure(await application().customers.get(req.route_params["customer"])))


@bp.route("customers/{customer}", methods=["PUT"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def put_customer(req: func.HttpRequest) -> func.HttpResponse:
    """Onboard a customer. 201 when it is new, 200 when it is there already, 409 when the id is another tenant's or the
    tenant another customer's."""
    only_query(req)
    body = json_object(req, {"display_name": str, "tenant_id": str})
    name = body.get("display_name", "").strip()
    if not is_display_name(name):
        raise BadRequestError(f"'display_name' is 1 to {MOST_NAME_CHARACTERS} printable characters.")
    if "tenant_id" not in body:
        raise BadRequestError("'tenant_id' is missing: the GUID of the customer's Entra tenant.")
    customer = Customer(req.route_params["customer"], name, body["tenant_id"].lower())
    app = application()
    for other in await app.customers.all():
        if other.tenant_id == customer.tenant_id and other.id != customer.id and not await app.has_left(other.id):
            raise CustomerExistsError(
                f"This tenant is protected already, as customer {other.id}. Two customers would store it twice: "
                f"go on with {other.id}, or let it leave first."
            )
    contract = app.contract(customer)
    await contract.check_owner(customer)
    is_new = await app.customers.add(customer)
    await contract.keep()  # a vault of that id may know more of it than the ledger
    return answer(await _with_departure(customer), HTTPStatus.CREATED if is_new else HTTPStatus.OK)


@bp.route("customers/{customer}/runs", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def list_runs(req: func.HttpRequest) -> func.HttpResponse:
    """The customer's runs, newest first."""
    only_query(req, "limit")
    app = application()
    customer = await app.customers.get(req.route_params["customer"])
    limit = whole_number(req.params.get("limit", "50"), "limit", 1, 500)
    return answer({"runs": [_run(run) for run in await app.run_ledger.newest(customer.id, limit)]})


@bp.route("customers/{customer}/runs/{run}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def get_run(req: func.HttpRequest) -> func.HttpResponse:
    """One run, with the outcome of every resource."""
    only_query(req)
    app = application()
    customer = await app.customers.get(req.route_params["customer"])
    run = await app.run_ledger.get(customer.id, req.route_params["run"])
    if run is None:
        raise NotFoundError(
            f"Customer {customer.id} has no such run. GET /api/customers/{customer.id}/runs lists them."
        )
    tasks = await app.run_ledger.tasks(run.id)
    body = _run(run)
    if run.state is RunState.RUNNING:
        body["totals"]["done"] = sum(task.outcome is not None for task in tasks)
    return answer({**body, "resources": [_task(task) for task in tasks]})


@bp.route("customers/{customer}/plan", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def get_plan(req: func.HttpRequest) -> func.HttpResponse:
    """How long a first and a daily run take at least, by Graph's limits, and which limit binds. Numbers of resources in
    the query stand for what no run has found out yet."""
    only_query(req, *_KINDS, "licences")
    app = application()
    customer = await app.customers.get(req.route_params["customer"])
    asked = {kind: _asked_number(req, name) for name, kind in _KINDS.items()}
    licences = _asked_number(req, "licences")
    kinds = {kind: KindSize(number) for kind, number in asked.items() if number}
    plan = await app.plan(customer, TenantSize(licences, kinds))
    if plan.basis is Basis.NOTHING:
        raise BadRequestError(
            "Nothing is known of this tenant yet: start a run, or say how many there are "
            "(mailboxes, drives, sites, teams, licences)."
        )
    return answer({**plan.to_json(), "fits_window": plan.daily.seconds <= app.window.hours * 3600})


def _asked_number(req: func.HttpRequest, name: str) -> int | None:
    text = req.params.get(name)
    return None if text is None else whole_number(text, name, 0, 10_000_000)


@bp.route("customers/{customer}/resources", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def list_resources(req: func.HttpRequest) -> func.HttpResponse:
    """What is protected, with the newest outcome of each."""
    only_query(req)
    app = application()
    customer = await app.customers.get(req.route_params["customer"])
    return answer({"resources": [_resource(row) for row in await app.run_ledger.resources(customer.id)]})


@bp.route("recovery", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def rebuild_ledger(req: func.HttpRequest) -> func.HttpResponse:
    """The ledger is lost, or a part of it: put back what the vaults tell of customers, of what is agreed with them and
    of resources. Changes nothing that the ledger knows. Customers without a readable record have to be onboarded again,
    with the same id."""
    only_query(req)
    json_object(req, {})
    found = await application().rebuild_ledger()
    return answer(
        {
            "customers": [
                {
                    "customer_id": entry.customer_id,
                    "has_record": entry.customer is not None,
                    "resources": len(entry.resources),
                    "indexed": len(entry.indexed),
                    "brought_back": entry.brought_back.to_json(),
                    "refused_records": entry.refused,
                    "error": entry.error,
                }
                for entry in found
            ]
        }
    )


def _customer(customer: Customer) -> dict[str, Any]:
    return {"id": customer.id, "display_name": customer.display_name, "tenant_id": customer.tenant_id}


async def _with_departure(customer: Customer) -> dict[str, Any]:
    departure = await application().retention_ledger.departure(customer.id)
    return {**_customer(customer), "left_at": format_time(departure.left_at) if departure else None}


def _run(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "state": str(run.state),
        "started_at": format_time(run.started_at),
        "ended_at": format_time(run.ended_at) if run.ended_at else None,
        "totals": {"total": run.resources_total, "done": run.resources_done, "failed": run.resources_failed},
        "counts": run.counts.to_json(),
        "not_covered": [{"what": entry.what, "cause": entry.cause} for entry in run.not_covered],
        "departed": [entry.to_json() for entry in run.departed],
        "new": [{"resource_id": entry.resource_id, "display_name": entry.display_name} for entry in run.new],
        "unseen": list(run.unseen),
        "immutable": run.immutable,
        "warnings": store_warnings(run.immutable if run.resources_total else None),
        "error": run.error,
    }


def _task(task: RunTask) -> dict[str, Any]:
    outcome = task.outcome
    return {
        "resource_id": task.resource.id,
        "kind": str(task.resource.kind),
        "display_name": task.resource.display_name,
        "state": str(outcome.state) if outcome else "running",
        "seq": outcome.seq if outcome else 0,
        "counts": outcome.counts.to_json() if outcome else None,
        "error": outcome.error if outcome else "",
    }


def _resource(row: dict[str, Any]) -> dict[str, Any]:
    resource, outcome = row["resource"], row["outcome"]
    return {
        "resource_id": outcome["resource_id"],
        "kind": resource["kind"],
        "display_name": resource["displayName"],
        "attributes": resource["attributes"],
        "last_run_id": row["run_id"],
        "last_state": outcome["state"],
        "last_seq": outcome["seq"],
        "last_error": outcome["error"],
        "departed_since": row.get("departed_since"),
    }
