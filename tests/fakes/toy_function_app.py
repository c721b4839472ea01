"""A small function app that uses every binding the service uses, to try a functions host on."""

import asyncio
import json
import os
import threading
from collections import Counter
from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func

os.environ.setdefault("TOY_SCHEDULE", "0 0 0 29 2 *")  # a schedule read from an application setting

blueprint = df.Blueprint()

calls: Counter[str] = Counter()
activity_loops: set[int] = set()
running = 0
most_running = 0
_lock = threading.Lock()
RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=20, max_number_of_attempts=3)


def reset() -> None:
    """Forget what was counted."""
    global most_running  # noqa: PLW0603 - the fake is one process-wide app, as a function app is
    calls.clear()
    activity_loops.clear()
    most_running = 0


@blueprint.activity_trigger(input_name="number")
async def double(number: int) -> int:
    global running, most_running  # noqa: PLW0603
    activity_loops.add(id(asyncio.get_running_loop()))
    running += 1
    most_running = max(most_running, running)
    await asyncio.sleep(0)
    running -= 1
    return number * 2


@blueprint.activity_trigger(input_name="payload")
def flaky(payload: dict[str, Any]) -> str:
    with _lock:
        calls[payload["key"]] += 1
        attempt = calls[payload["key"]]
    if attempt < payload["succeeds_at"]:
        raise ValueError(f"attempt {attempt} of {payload['key']}")
    return f"succeeded at attempt {attempt}"


@blueprint.activity_trigger(input_name="payload")
def unserialisable(payload: Any) -> Any:
    return {1, 2}


@blueprint.activity_trigger(input_name="seconds")
async def slow(seconds: float) -> str:
    calls["slow started"] += 1
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        calls["slow cancelled"] += 1
        raise
    return "slept"


@blueprint.orchestration_trigger(context_name="context")
def fan_out(context: df.DurableOrchestrationContext) -> Generator[Any, Any, int]:
    count = context.get_input()
    results = yield context.task_all([context.call_activity("double", n) for n in range(count)])
    return sum(results)


@blueprint.orchestration_trigger(context_name="context")
def window(context: df.DurableOrchestrationContext) -> Generator[Any, Any, list[int]]:
    """At most three activities in flight, the next one as soon as any is done."""
    waiting = list(range(context.get_input()))
    in_flight: list[Any] = []
    done: list[int] = []
    while waiting or in_flight:
        while waiting and len(in_flight) < 3:
            in_flight.append(context.call_activity("double", waiting.pop(0)))
        winner = yield context.task_any(in_flight)
        in_flight.remove(winner)
        done.append(winner.result)
    return sorted(done)


@blueprint.orchestration_trigger(context_name="context")
def retrying(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict[str, str]]:
    payload = context.get_input()
    context.set_custom_status({"phase": "trying"})
    try:
        outcome = yield context.call_activity_with_retry("flaky", RETRY, payload)
    except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
        return {"failed": str(error), "type": type(error).__name__}
    return {"succeeded": outcome}


@blueprint.orchestration_trigger(context_name="context")
def failing(context: df.DurableOrchestrationContext) -> Generator[Any, Any, None]:
    yield context.call_activity(context.get_input(), {"key": context.instance_id, "succeeds_at": 99})


@blueprint.orchestration_trigger(context_name="context")
def parent(context: df.DurableOrchestrationContext) -> Generator[Any, Any, list[Any]]:
    counts = context.get_input()
    children = [
        context.call_sub_orchestrator("fan_out", count, f"{context.instance_id}-{n}") for n, count in enumerate(counts)
    ]
    sums = yield context.task_all(children)
    try:
        yield context.call_sub_orchestrator_with_retry("failing", RETRY, "flaky", f"{context.instance_id}-failing")
    except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
        return [*sums, str(error)]
    return sums


@blueprint.orchestration_trigger(context_name="context")
def counting_down(context: df.DurableOrchestrationContext) -> Generator[Any, Any, str]:
    state = context.get_input()
    doubled = yield context.call_activity("double", state["left"])
    state = {"left": state["left"] - 1, "seen": [*state["seen"], doubled]}
    if state["left"] == 0:
        return json.dumps(state["seen"])
    context.continue_as_new(state)
    return ""


@blueprint.orchestration_trigger(context_name="context")
def event_or_timeout(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    timeout = context.create_timer(context.current_utc_datetime + timedelta(seconds=context.get_input()))
    event = context.wait_for_external_event("go")
    winner = yield context.task_any([event, timeout])
    if winner is event:
        timeout.cancel()
        return {"event": event.result, "uuid": context.new_uuid()}
    return "timed out"


@blueprint.orchestration_trigger(context_name="context")
def sleeping(context: df.DurableOrchestrationContext) -> Generator[Any, Any, str]:
    return (yield context.call_activity("slow", context.get_input()))


@blueprint.orchestration_trigger(context_name="context")
def gives_up_early(context: df.DurableOrchestrationContext) -> Generator[Any, Any, str]:
    """Fails at once while the first attempt's work is still under way; later attempts wait for theirs."""
    if context.get_input() == "first":
        slow = [context.call_sub_orchestrator("sleeping", 0.3), context.call_activity("slow", 0.3)]
        failing = context.call_activity("flaky", {"key": context.instance_id, "succeeds_at": 99})
        yield context.task_all([*slow, context.create_timer(_soon(context, 0.3)), failing])
    child = context.call_sub_orchestrator("fan_out", 3)
    number = context.call_activity("slow_double", 21)
    timer = context.create_timer(_soon(context, 0.6))
    total, doubled, _ = yield context.task_all([child, number, timer])
    return f"{total} {doubled}"


def _soon(context: df.DurableOrchestrationContext, seconds: float) -> datetime:
    return context.current_utc_datetime + timedelta(seconds=seconds)


@blueprint.activity_trigger(input_name="number")
async def slow_double(number: int) -> int:
    await asyncio.sleep(0.6)
    return number * 2


@blueprint.orchestration_trigger(context_name="context")
def nothing_to_do(context: df.DurableOrchestrationContext) -> Generator[Any, Any, str]:
    results = yield context.task_all([])
    return repr(results)


@blueprint.route(route="orchestrations/{name}/{instance_id}", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    instance_id = req.route_params["instance_id"]
    payload = req.get_json() if req.get_body() else None
    try:
        await client.start_new(req.route_params["name"], instance_id, payload)
    except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
        return func.HttpResponse(str(error), status_code=409)
    return client.create_check_status_response(req, instance_id)


@blueprint.route(route="status/{instance_id}", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def status(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    found = await client.get_status(req.route_params["instance_id"], show_input=True, show_history=True)
    if not found:
        return func.HttpResponse(status_code=404)
    body = found.to_json() | {"events": len(found.history or []), "all": len(await client.get_status_all())}
    return func.HttpResponse(json.dumps(body), mimetype="application/json")


@blueprint.route(route="instances/{instance_id}", methods=["DELETE"])
@blueprint.durable_client_input(client_name="client")
async def purge(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    gone = await client.purge_instance_history(req.route_params["instance_id"])
    return func.HttpResponse(str(gone.instances_deleted))


@blueprint.route(route="echo/{name}", methods=["GET", "POST"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "name": req.route_params["name"],
        "query": dict(req.params),
        "header": req.headers.get("x-probe"),
        "body": req.get_body().decode(),
    }
    headers = {"X-Answer": "yes", "Set-Cookie": "crumb=1; Path=/; HttpOnly"}
    return func.HttpResponse(json.dumps(seen), mimetype="application/json", status_code=201, headers=headers)


@blueprint.route(route="echo/literal", methods=["GET"])
def literal(req: func.HttpRequest) -> str:
    return "literal"


@blueprint.route(route="files/{*path}", methods=["GET"])
async def files(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params.get("path", "root"))


@blueprint.route(route="broken", methods=["GET"])
async def broken(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    raise RuntimeError(f"secret of {context.function_name}")


@blueprint.timer_trigger(schedule="*/1 * * * * *", arg_name="timer", run_on_startup=False)
@blueprint.durable_client_input(client_name="client")
async def tick(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    calls["tick"] += 1
    calls["tick past due"] += timer.past_due
    await client.start_new("nothing_to_do", "from-the-timer")


@blueprint.timer_trigger(schedule="%TOY_SCHEDULE%", arg_name="timer")
def never(timer: func.TimerRequest) -> None:
    raise RuntimeError("secret of the timer")


app = func.FunctionApp()
app.register_functions(blueprint)
