"""The work of a restore: its orchestrator, the activities that it calls, and what sees to it that it runs."""

from __future__ import annotations

import logging
from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from functions.engine import is_under_way, reason_of
from functions.http import NotFoundError
from shared_code.errors import BackupError, ThrottledError
from shared_code.model.restore import Restore, RestoreState
from shared_code.restore.restores import Restores
from shared_code.wiring import application

bp = df.Blueprint()
_log = logging.getLogger(__name__)

# A history is replayed whole at every step: a restore goes on as a new orchestration before it gets long.
SLICES_IN_HISTORY = 50
_ATTEMPTS = 4
_FIRST_WAIT_MS = 5_000
# A slice that Graph puts off is tried again after Graph's own word, within these bounds, and so often in a row.
_LEAST_WAIT_S = 30.0
_MOST_WAIT_S = 900.0
_MOST_WAITS = 40
# What the engine has lost goes on under its id for a day: nobody expects an older one to write into his mailbox again.
_GOES_ON_WITHIN = timedelta(days=1)
_INTERRUPTED = (
    "It was interrupted, and not taken up within a day. Ask for it again, with a new 'Idempotency-Key' if it had one; "
    "what is there is left alone."
)


# ---- seeing to it that it runs --------------------------------------------------------------------------------------


@bp.timer_trigger(schedule="0 5/15 * * * *", arg_name="timer", use_monitor=True)
@bp.durable_client_input(client_name="client")
async def restore_timer(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Take up every restore that is noted as running and that the engine does not run: its host died between the two,
    or the engine lost it. The trouble of one customer, or of one restore, does not keep the others from theirs."""
    app = application()
    for customer in await app.customers.all():
        try:
            restores, running = app.restores(customer), await app.restore_journal.running(customer.id)
        except Exception:  # noqa: BLE001 - the boundary of the trigger
            _log.exception("restores of %s could not be listed", customer.id)
            continue
        for restore_id in running:
            try:
                restore = await restores.noted_running(customer.id, restore_id)
                if restore is not None:
                    await taken_up(client, restores, restore, app.now())
            except Exception:  # noqa: BLE001 - the boundary of the trigger
                _log.exception("the restore %s could not be taken up", restore_id)


async def taken_up(
    client: df.DurableOrchestrationClient, restores: Restores, restore: Restore, now: datetime
) -> Restore:
    """See to it that the engine runs a restore that is noted as running; one that it lost more than a day after its
    start is noted as failed. Returns the record.

    Harmless at any time: the engine refuses an id that is under way, the journal passes over what is done, and one
    that has ended in between does nothing.
    """
    request = restore.request
    if restore.state is not RestoreState.RUNNING or await is_under_way(client, request.id):
        return restore
    if now - restore.started_at > _GOES_ON_WITHIN:
        return await restores.fail(request, _INTERRUPTED)
    try:
        await client.start_new("restore_resource", request.id, {"customer": request.customer_id, "restore": request.id})
    except Exception:  # the library raises nothing narrower when somebody else was faster
        if not await is_under_way(client, request.id):
            raise
    return restore


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
    ending: tuple[str, dict[str, Any]] | None = None
    try:
        for _ in range(SLICES_IN_HISTORY):
            step = yield context.call_activity_with_retry("restore_slice", retry, {**names, "position": position})
            if step.get("cancelled", False):  # histories of earlier releases do not tell
                ending = "close_restore", {**names, "cancelled": True}
                break
            if step["error"]:
                ending = "fail_restore", {**names, "error": step["error"]}
                break
            if step["wait_s"] and waits < _MOST_WAITS:
                waits += 1
                yield context.create_timer(context.current_utc_datetime + timedelta(seconds=step["wait_s"]))
                continue
            if step["wait_s"]:
                error = "Graph kept asking to slow down. Start the restore again at another time."
                ending = "fail_restore", {**names, "error": error}
                break
            position, waits = step["position"], 0
            if step["done"]:
                ending = "close_restore", names
                break
    except Exception as error:
        yield context.call_activity_with_retry("fail_restore", retry, {**names, "error": reason_of(error)})
        raise
    if ending is None:
        context.continue_as_new({**names, "position": position, "waits": waits})
        return
    # Outside of the try: what was restored has not failed because that could not be recorded. The record stays running
    # then, and the timer takes it up.
    activity, payload = ending
    yield context.call_activity_with_retry(activity, retry, payload)


# ---- activities -----------------------------------------------------------------------------------------------------
# Payloads are annotated with Any: the worker takes nothing but a type there and refuses the app for ``dict[str, Any]``.


@bp.activity_trigger(input_name="payload")
async def restore_slice(payload: Any) -> dict[str, Any]:
    """One slice from ``position``. Safe to replay. ``error`` says what no further try can cure; what one may
    is raised, but for a source that asks to slow down: then ``wait_s`` says for how long. ``cancelled``: somebody
    asked the restore to stop. One that has ended already is done."""
    restores, restore = await _recorded(payload)
    if restore.state is not RestoreState.RUNNING:
        return _step(payload["position"], done=True)
    try:
        result = await restores.restore_slice(restore.request, payload["position"])
    except ThrottledError as error:
        wait_s = min(max(error.retry_after_s or 0.0, _LEAST_WAIT_S), _MOST_WAIT_S)
        return _step(payload["position"], wait_s=wait_s)
    except BackupError as error:
        if error.retryable:
            raise
        _log.warning("restore %s broke off: %s", payload["restore"], error.message)
        return _step(payload["position"], error=error.message)
    return _step(result.position, done=result.done, cancelled=result.cancelled)


@bp.activity_trigger(input_name="payload")
async def close_restore(payload: Any) -> str:
    """Sum the restore up; ``cancelled``: as one that somebody stopped. Safe to replay."""
    restores, restore = await _recorded(payload)
    return str((await restores.close(restore.request, cancelled=payload.get("cancelled", False))).state)


@bp.activity_trigger(input_name="payload")
async def fail_restore(payload: Any) -> None:
    """Record that the restore broke off, and why. Safe to replay."""
    restores, restore = await _recorded(payload)
    await restores.fail(restore.request, payload["error"])


def _step(
    position: str, *, done: bool = False, cancelled: bool = False, error: str = "", wait_s: float = 0.0
) -> dict[str, Any]:
    return {"done": done, "cancelled": cancelled, "position": position, "error": error, "wait_s": wait_s}


async def _recorded(payload: Any) -> tuple[Restores, Restore]:
    app = application()
    customer = await app.customers.get(payload["customer"])
    restores = app.restores(customer)
    restore = await restores.record(customer.id, payload["restore"])
    if restore is None:
        raise NotFoundError(f"The record of {payload['restore']} is gone.")
    return restores, restore
