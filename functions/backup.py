"""The nightly backup: timer, HTTP start, orchestrators, activities."""

from __future__ import annotations

import logging
from collections.abc import Generator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from functions.http import answer, answers_problems
from shared_code.backup.runs import Step
from shared_code.backup.schedule import manual_run_id, nightly_run_id
from shared_code.errors import RunInProgressError
from shared_code.model.run import Run, RunState
from shared_code.wiring import application

bp = df.Blueprint()
_log = logging.getLogger(__name__)

# A history is replayed whole at every step, so it has to stay small: 20 batches of 50 tasks before a round goes on
# as a new orchestration.
BATCH_SIZE = 50
BATCHES_IN_HISTORY = 20
BATCHES_IN_FLIGHT = 2
_ATTEMPTS = 3
# Ids sort by day: a nightly run that is under way may stand behind some that people asked for on that day.
_RUNS_LOOKED_AT = 50
_WAIT_BEFORE_RETRY = timedelta(seconds=30)
_RUNNING = (
    df.OrchestrationRuntimeStatus.Running,
    df.OrchestrationRuntimeStatus.Pending,
    df.OrchestrationRuntimeStatus.ContinuedAsNew,
)


# ---- triggers -------------------------------------------------------------------------------------------------------


@bp.timer_trigger(schedule="0 */15 * * * *", arg_name="timer", use_monitor=True)
@bp.durable_client_input(client_name="client")
async def backup_timer(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Start the run of every customer whose slot has come and whose run of the day has not ended. One customer's
    trouble does not keep the others from their backup."""
    app = application()
    now = app.now()
    for customer in await app.customers.all():
        day = app.window.due(customer.id, now)
        if day is None:
            continue
        run_id = nightly_run_id(customer.id, day)
        try:
            run = await app.run_ledger.get(customer.id, run_id)
            if run is None or run.state is RunState.RUNNING:
                await _start(client, customer.id, run_id)
        except RunInProgressError:
            _log.info("the run %s is under way", run_id)
        except Exception:  # noqa: BLE001 - the boundary of the trigger
            _log.exception("the run %s could not be started", run_id)


@bp.route("customers/{customer}/runs", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_problems
async def start_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start a run now. 409 while one of that customer is under way."""
    app = application()
    customer = await app.customers.get(req.route_params["customer"])
    for run in await app.run_ledger.newest(customer.id, limit=_RUNS_LOOKED_AT):
        if run.state is RunState.RUNNING and await _is_running(client, run.id):
            raise RunInProgressError(f"The run {run.id} is under way. Wait until it has ended.", run_id=run.id)
    run_id = manual_run_id(customer.id, app.now())
    await app.run_ledger.save(Run(run_id, customer.id, RunState.RUNNING, app.now()))
    await _start(client, customer.id, run_id)
    status_url = f"/api/customers/{customer.id}/runs/{run_id}"
    return answer({"run_id": run_id, "status_url": status_url}, HTTPStatus.ACCEPTED, headers={"Location": status_url})


async def _start(client: df.DurableOrchestrationClient, customer_id: str, run_id: str) -> None:
    if await _is_running(client, run_id):
        raise RunInProgressError(f"The run {run_id} is under way.", run_id=run_id)
    try:
        await client.start_new("backup_customer", run_id, {"customer": customer_id, "run": run_id})
    except Exception as error:  # the library raises nothing narrower when somebody else was faster
        if await _is_running(client, run_id):
            raise RunInProgressError(f"The run {run_id} is under way.", run_id=run_id) from error
        raise


async def _is_running(client: df.DurableOrchestrationClient, run_id: str) -> bool:
    status = await client.get_status(run_id)
    return bool(status) and status.runtime_status in _RUNNING


# ---- orchestrators --------------------------------------------------------------------------------------------------


@bp.orchestration_trigger(context_name="context")
def backup_customer(context: df.DurableOrchestrationContext) -> Generator[Any, Any, None]:
    """One run: plan, rounds until nothing is unfinished, close. Input: ``customer``, ``run``, and, when it goes on
    as a new orchestration, ``after`` (last task number of the round so far), ``again`` and ``more`` (how many of its
    tasks failed, or have more to copy)."""
    state = {"after": None, "again": 0, "more": 0, **context.get_input()}
    retry = df.RetryOptions(5_000, 3)
    names = {"customer": state["customer"], "run": state["run"]}
    try:
        if state["after"] is None:
            page = yield context.call_activity_with_retry("plan_run", retry, names)
        else:
            page = yield context.call_activity_with_retry("plan_round", retry, {**names, "after": state["after"]})
        numbers = page["numbers"]
        batches = [numbers[at : at + BATCH_SIZE] for at in range(0, len(numbers), BATCH_SIZE)]
        calls = [("backup_batch", {**names, "numbers": batch, "in_flight": page["in_flight"]}) for batch in batches]
        results = yield from _window(context, context.call_sub_orchestrator, calls, BATCHES_IN_FLIGHT)
        state["again"] += sum(result["again"] for result in results)
        state["more"] += sum(result["more"] for result in results)
        if page["more"]:
            context.continue_as_new({**state, "after": numbers[-1]})
            return
        if state["again"] or state["more"]:
            if not state["more"]:
                yield context.create_timer(context.current_utc_datetime + _WAIT_BEFORE_RETRY)
            context.continue_as_new({**names, "after": -1})
            return
        yield context.call_activity_with_retry("close_run", retry, names)
    except Exception as error:
        yield context.call_activity_with_retry("fail_run", retry, {**names, "error": str(error)[:1000]})
        raise


@bp.orchestration_trigger(context_name="context")
def backup_batch(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict[str, int]]:
    """One slice for each of at most 50 tasks, a bounded number of them at a time. Returns how many are to go on
    (``more``) and how many failed and are to be tried again (``again``)."""
    payload = context.get_input()
    names = {"customer": payload["customer"], "run": payload["run"]}
    calls = [("back_up_slice", {**names, "number": number}) for number in payload["numbers"]]
    steps = yield from _window(context, context.call_activity, calls, payload["in_flight"])
    return {"more": steps.count(Step.MORE), "again": steps.count(Step.AGAIN)}


def _window(
    context: df.DurableOrchestrationContext, call: Any, calls: list[tuple[str, Any]], width: int
) -> Generator[Any, Any, list[Any]]:
    """Make these calls, ``width`` of them in flight at any time; a call that fails is made again, up to three times.
    Returns the results in the order in which they came. Raises when one fails for good."""
    waiting = [(name, payload, 1) for name, payload in reversed(calls)]
    active: dict[Any, tuple[str, Any, int]] = {}
    results: list[Any] = []
    while waiting or active:
        while waiting and len(active) < width:
            entry = waiting.pop()
            active[call(entry[0], entry[1])] = entry
        winner = yield context.task_any(list(active))
        name, payload, attempt = active.pop(winner)
        if not isinstance(winner.result, Exception):
            results.append(winner.result)
        elif attempt < _ATTEMPTS:
            waiting.append((name, payload, attempt + 1))
        else:
            raise RuntimeError(f"{name} failed {_ATTEMPTS} times: {winner.result}")
    return results


# ---- activities -----------------------------------------------------------------------------------------------------


@bp.activity_trigger(input_name="payload")
async def plan_run(payload: dict[str, Any]) -> dict[str, Any]:
    """List the tenant and note the run's tasks; returns the beginning of the first round, as ``plan_round`` does. Safe
    to replay."""
    app = application()
    await app.runs(await app.customers.known(payload["customer"])).plan(payload["run"])
    return await _page(payload, after=-1)


@bp.activity_trigger(input_name="payload")
async def plan_round(payload: dict[str, Any]) -> dict[str, Any]:
    """The numbers of the next unfinished tasks, whether there are more, and how many resources of one batch are
    worked on at a time: a setting, read outside of the orchestrator so that a change of it cannot break a replay."""
    return await _page(payload, after=payload["after"])


async def _page(payload: dict[str, Any], after: int) -> dict[str, Any]:
    app = application()
    runs = app.runs(await app.customers.known(payload["customer"]))
    page = await runs.round(payload["run"], after, BATCH_SIZE * BATCHES_IN_HISTORY)
    in_flight = max(1, app.settings.resources_in_flight // BATCHES_IN_FLIGHT)
    return {"numbers": list(page.numbers), "more": page.more, "in_flight": in_flight}


@bp.activity_trigger(input_name="payload")
async def back_up_slice(payload: dict[str, Any]) -> str:
    """One slice of one task. Safe to replay; what goes wrong with a resource is noted, not raised."""
    app = application()
    runs = app.runs(await app.customers.known(payload["customer"]))
    return str(await runs.work_on(payload["run"], payload["number"]))


@bp.activity_trigger(input_name="payload")
async def close_run(payload: dict[str, Any]) -> str:
    """Sum the run up. Safe to replay."""
    app = application()
    run = await app.runs(await app.customers.known(payload["customer"])).close(payload["run"])
    return str(run.state)


@bp.activity_trigger(input_name="payload")
async def fail_run(payload: dict[str, Any]) -> None:
    """Note that the run could not be done as a whole. Safe to replay."""
    app = application()
    await app.runs(await app.customers.known(payload["customer"])).fail(payload["run"], payload["error"])
