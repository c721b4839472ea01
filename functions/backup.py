"""The nightly backup: timer, HTTP start, orchestrators, activities."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator, Sequence
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from functions.engine import is_under_way, reason_of
from functions.http import answer, answers_problems, json_object, only_query
from functions.window import ATTEMPTS, window
from shared_code.backup.runs import CustomerRuns, Round, Step
from shared_code.backup.schedule import manual_run_id, nightly_run_id
from shared_code.errors import CustomerLeftError, RunInProgressError
from shared_code.model.resource import Customer, check_customer_id
from shared_code.model.run import Run, RunState
from shared_code.wiring import Application, application

bp = df.Blueprint()
_log = logging.getLogger(__name__)

# A history is replayed whole at every step, so it has to stay small: 20 batches of 50 tasks before a round goes on
# as a new orchestration.
BATCH_SIZE = 50
BATCHES_IN_HISTORY = 20
BATCHES_IN_FLIGHT = 2
FIRST_WAIT_MS = 5_000
_LOOK_BACK = timedelta(days=30)
# What the engine has lost (its host died, somebody terminated it) goes on under its id for a day. Of an older one too
# much would have changed since. Nothing is given up while the request that started it may still be under way.
_GOES_ON_WITHIN = timedelta(days=1)
_GIVEN_UP_AFTER = timedelta(hours=1)
_GIVEN_UP = "It was interrupted, and a later run takes its place."


# ---- triggers -------------------------------------------------------------------------------------------------------


@bp.timer_trigger(schedule="0 */15 * * * *", arg_name="timer", use_monitor=True)
@bp.durable_client_input(client_name="client")
async def backup_timer(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Start the run of every customer whose slot has come and whose run of the day has not ended, or could not be
    planned. One customer's trouble does not keep the others from their backup."""
    app = application()
    now = app.now()
    for customer in await app.customers.all():
        day = app.window.due(customer.id, now)
        if day is None:
            continue
        run_id = nightly_run_id(customer.id, day)
        try:
            if not await app.has_left(customer.id):
                await _start_nightly(app, client, customer, run_id)
        except RunInProgressError as error:
            _log.info("the run %s does not start: %s", run_id, error.message)
        except Exception:  # noqa: BLE001 - the boundary of the trigger
            _log.exception("the run %s could not be started", run_id)


async def _start_nightly(
    app: Application, client: df.DurableOrchestrationClient, customer: Customer, run_id: str
) -> None:
    recent = await _recent(app, customer.id)
    run = next((entry for entry in recent if entry.id == run_id), None)
    is_unplanned = run is not None and run.state is RunState.FAILED and not run.resources_total
    if run and run.state is not RunState.RUNNING and not is_unplanned:
        return
    lost = await _lost(client, recent)
    await _give_up(app, [entry for entry in lost if entry.id != run_id])
    if run is None or is_unplanned:
        run = Run(run_id, customer.id, RunState.RUNNING, app.now())
        await app.run_ledger.save(run)
    await _start(client, run)


@bp.route("customers/{customer}/runs", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_problems
async def start_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start a run now, or go on with the last one if it was interrupted. 409 while one of that customer is under
    way."""
    only_query(req)
    json_object(req, {})
    app = application()
    customer_id = check_customer_id(req.route_params["customer"])
    customer, has_left, recent = await asyncio.gather(
        app.customers.known(customer_id), app.has_left(customer_id), _recent(app, customer_id)
    )
    if has_left:
        raise CustomerLeftError(f"Customer {customer.id} has left: it takes no new backups, and what it has runs out.")
    lost = await _lost(client, recent)
    if lost and lost[0] is recent[0] and app.now() - lost[0].started_at < _GOES_ON_WITHIN:
        run = lost.pop(0)
    else:
        run = Run(manual_run_id(customer.id, app.now()), customer.id, RunState.RUNNING, app.now())
        await app.run_ledger.save(run)
    await _give_up(app, lost)
    await _start(client, run)
    status_url = f"/api/customers/{customer.id}/runs/{run.id}"
    return answer({"run_id": run.id, "status_url": status_url}, HTTPStatus.ACCEPTED, headers={"Location": status_url})


async def _recent(app: Application, customer_id: str) -> list[Run]:
    """The customer's runs of the last days, newest first."""
    oldest = nightly_run_id(customer_id, f"{app.now() - _LOOK_BACK:%Y%m%d}")
    return await app.run_ledger.since(customer_id, oldest)


async def _lost(client: df.DurableOrchestrationClient, recent: Sequence[Run]) -> list[Run]:
    """Those that are noted as running and that the engine does not run. Raises RunInProgressError when it runs one."""
    noted = [run for run in recent if run.state is RunState.RUNNING]
    for run, under_way in zip(
        noted, await asyncio.gather(*(is_under_way(client, run.id) for run in noted)), strict=True
    ):
        if under_way:
            raise RunInProgressError(f"The run {run.id} is under way. Wait until it has ended.", run_id=run.id)
    return noted


async def _give_up(app: Application, lost: Sequence[Run]) -> None:
    for run in lost:
        if app.now() - run.started_at > _GIVEN_UP_AFTER:
            await app.run_ledger.save(replace(run, state=RunState.FAILED, ended_at=app.now(), error=_GIVEN_UP))


async def _start(client: df.DurableOrchestrationClient, run: Run) -> None:
    """The engine refuses an id that is under way already (host.json says so)."""
    try:
        await client.start_new("backup_customer", run.id, {"customer": run.customer_id, "run": run.id})
    except Exception as error:  # the library raises nothing narrower when somebody else was faster
        if await is_under_way(client, run.id):
            raise RunInProgressError(f"The run {run.id} is under way.", run_id=run.id) from error
        raise


# ---- orchestrators --------------------------------------------------------------------------------------------------


@bp.orchestration_trigger(context_name="context")
def backup_customer(context: df.DurableOrchestrationContext) -> Generator[Any, Any, None]:
    """One run: plan, rounds until nothing is unfinished, close. Input: ``customer``, ``run``, and, when it goes on
    as a new orchestration, ``after`` (last task number of the round so far) and what the round has brought so far."""
    state = {"after": None, **_sum([]), **context.get_input()}
    retry = df.RetryOptions(FIRST_WAIT_MS, ATTEMPTS)
    names = {"customer": state["customer"], "run": state["run"]}
    try:
        if state["after"] is None:
            page = yield context.call_activity_with_retry("plan_run", retry, names)
        else:
            page = yield context.call_activity_with_retry("plan_round", retry, {**names, "after": state["after"]})
        numbers = page["numbers"]
        state.update(_sum([state, (yield from _work_through(context, names, numbers, page["in_flight"]))]))
        if page["more"]:
            context.continue_as_new({**state, "after": numbers[-1]})
            return
        if state["again"] or state["more"] or page["wait_s"] is not None:
            if not numbers and page["wait_s"] is not None:  # all that is left is in trouble: until the first may go on
                yield context.create_timer(context.current_utc_datetime + timedelta(seconds=page["wait_s"]))
            context.continue_as_new({**names, "after": -1})
            return
        yield context.call_activity_with_retry("close_run", retry, names)
    except Exception as error:
        yield context.call_activity_with_retry("fail_run", retry, {**names, "error": reason_of(error)})
        raise


def _work_through(
    context: df.DurableOrchestrationContext, names: dict[str, str], numbers: list[int], in_flight: int
) -> Generator[Any, Any, dict[str, Any]]:
    """One slice for each of these tasks: in batches with a history of their own, or, when one batch is all there is,
    without that detour."""
    if len(numbers) <= BATCH_SIZE:
        return (yield from _slices(context, names, numbers, in_flight))
    batches = [numbers[at : at + BATCH_SIZE] for at in range(0, len(numbers), BATCH_SIZE)]
    calls = [("backup_batch", {**names, "numbers": batch, "in_flight": in_flight}) for batch in batches]
    return _sum((yield from window(context, context.call_sub_orchestrator, calls, BATCHES_IN_FLIGHT)))


@bp.orchestration_trigger(context_name="context")
def backup_batch(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict[str, Any]]:
    """One slice for each of at most 50 tasks, a bounded number of them at a time. Returns how many are to go on
    (``more``) and how many failed and are to be tried again (``again``)."""
    payload = context.get_input()
    names = {"customer": payload["customer"], "run": payload["run"]}
    return (yield from _slices(context, names, payload["numbers"], payload["in_flight"]))


def _slices(
    context: df.DurableOrchestrationContext, names: dict[str, str], numbers: list[int], in_flight: int
) -> Generator[Any, Any, dict[str, Any]]:
    calls = [("back_up_slice", {**names, "number": number}) for number in numbers]
    steps = yield from window(context, context.call_activity, calls, in_flight)
    return {"more": steps.count(Step.MORE), "again": steps.count(Step.AGAIN)}


def _sum(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "more": sum(result["more"] for result in results),
        "again": sum(result["again"] for result in results),
    }


# ---- activities -----------------------------------------------------------------------------------------------------
# Payloads are annotated with Any: the worker takes nothing but a type there and refuses the app for ``dict[str, Any]``.


@bp.activity_trigger(input_name="payload")
async def plan_run(payload: Any) -> dict[str, Any]:
    """List the tenant and note the run's tasks; returns the beginning of the first round, as ``plan_round`` does. There
    is nothing to do for a customer that has left since the run was asked for. Safe to replay."""
    app = application()
    if await app.has_left(payload["customer"]):
        return _page(app, Round((), more=False))
    runs = await _runs(app, payload)
    return _page(app, await runs.plan(payload["run"], BATCH_SIZE * BATCHES_IN_HISTORY))


@bp.activity_trigger(input_name="payload")
async def plan_round(payload: Any) -> dict[str, Any]:
    """The numbers of the next unfinished tasks, whether there are more, how long the first of those in trouble has to
    wait, and how many resources of one batch are worked on at a time: a setting, read outside of the orchestrator so
    that a change of it cannot break a replay. Nothing is left to do for a customer that has left meanwhile."""
    app = application()
    if await app.has_left(payload["customer"]):
        return _page(app, Round((), more=False))
    runs = await _runs(app, payload)
    return _page(app, await runs.round(payload["run"], payload["after"], BATCH_SIZE * BATCHES_IN_HISTORY))


def _page(app: Application, page: Round) -> dict[str, Any]:
    in_flight = max(1, app.settings.resources_in_flight // BATCHES_IN_FLIGHT)
    return {"numbers": list(page.numbers), "more": page.more, "wait_s": page.wait_s, "in_flight": in_flight}


@bp.activity_trigger(input_name="payload")
async def back_up_slice(payload: Any) -> str:
    """One slice of one task. Safe to replay; what goes wrong with a resource is noted, not raised."""
    runs = await _runs(application(), payload)
    return str(await runs.work_on(payload["run"], payload["number"]))


@bp.activity_trigger(input_name="payload")
async def close_run(payload: Any) -> str:
    """Sum the run up. Safe to replay."""
    app = application()
    runs = await _runs(app, payload)
    closed = await runs.close(payload["run"], has_left=await app.has_left(payload["customer"]))
    return str(closed.state)


@bp.activity_trigger(input_name="payload")
async def fail_run(payload: Any) -> None:
    """Note that the run could not be done as a whole. Safe to replay."""
    runs = await _runs(application(), payload)
    await runs.fail(payload["run"], payload["error"])


async def _runs(app: Application, payload: Any) -> CustomerRuns:
    return app.runs(await app.customers.known(payload["customer"]))
