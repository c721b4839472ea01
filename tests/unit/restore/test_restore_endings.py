"""How a restore ends: its verdict is what it did, however hard that is to record."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import pytest

from functions import restore_work
from shared_code.errors import LedgerUnavailableError
from shared_code.model.restore import Restore, RestoreRequest, RestoreState
from shared_code.restore.restores import Restores
from tests.fakes.restore_api import CUSTOMER, EVERYTHING, RestoreApi

pytestmark = pytest.mark.asyncio(loop_scope="module")


class _Unrecorded:
    """Ends that cannot be recorded as long as the ledger's trouble lasts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
        self.lasts = True
        self.tried = 0
        real = getattr(Restores, method)

        async def record(restores: Restores, request: RestoreRequest, *values: str, **more: bool) -> Restore:
            self.tried += 1
            if self.lasts:
                raise LedgerUnavailableError("The ledger's table service failed (status 503). Try again later.")
            ended: Restore = await real(restores, request, *values, **more)
            return ended

        monkeypatch.setattr(Restores, method, record)


async def _engine_gave_up(world: RestoreApi, restore_id: str) -> None:
    for _ in range(400):
        async with world.http.get(f"/runtime/webhooks/durabletask/instances/{restore_id}") as reply:
            if (await reply.json())["runtimeStatus"] == "Failed":
                return
        await asyncio.sleep(0.05)
    raise AssertionError("the orchestration goes on")


@pytest.mark.parametrize("cancelled", [False, True])
async def test_what_could_not_be_closed_is_closed_later(
    world: RestoreApi, monkeypatch: pytest.MonkeyPatch, cancelled: bool
) -> None:
    trouble = _Unrecorded(monkeypatch, "close")
    world.target.gate.clear()
    _, started = await world.post(EVERYTHING)
    await world.target.reached.wait()
    if cancelled:
        assert (await world.cancel(started["restore_id"]))[0] == 202
    world.target.gate.set()
    await _engine_gave_up(world, started["restore_id"])
    assert trouble.tried > 1
    _, running = await world.get(f"acme/restores/{started['restore_id']}")
    assert (running["state"], running["error"]) == ("running", "")
    trouble.lasts = False
    async with world.http.post("/admin/functions/restore_timer"):
        ended = await world.ended(started["status_url"])
    assert (ended["state"], ended["error"]) == ("cancelled" if cancelled else "complete", "")
    assert len(world.target.contents) == (1 if cancelled else 7), "nothing is written twice"


async def test_the_reason_of_a_failure_is_the_first_one(world: RestoreApi, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = _Unrecorded(monkeypatch, "fail")
    world.archive.catalogs = dict.fromkeys((1, 2), world.archive.catalogs[1])
    world.target.gate.clear()
    _, started = await world.post(EVERYTHING)
    await world.target.reached.wait()
    world.archive.damaged = {1}
    world.target.gate.set()
    await _engine_gave_up(world, started["restore_id"])
    trouble.lasts = False
    async with world.http.post("/admin/functions/restore_timer"):
        ended = await world.ended(started["status_url"])
    assert ended["state"] == "failed"
    assert ended["error"].endswith("these can be used: 2.")


class _Context:
    """What the engine hands to an orchestrator, as far as a replay needs it."""

    current_utc_datetime = datetime(2026, 11, 1, tzinfo=UTC)

    def __init__(self) -> None:
        self.called: list[str] = []

    def get_input(self) -> dict[str, Any]:
        return {"customer": "acme", "restore": "restore-acme-1"}

    def call_activity_with_retry(self, name: str, retry: df.RetryOptions, payload: Any) -> str:
        self.called.append(name)
        return name


async def test_a_history_that_knew_nothing_of_cancelling_goes_on() -> None:
    app = df.DFApp()
    app.register_functions(restore_work.bp)
    [found] = [entry for entry in app.get_functions() if entry.get_function_name() == "restore_resource"]
    context = _Context()
    steps = found.get_user_function().orchestrator_function(context)  # type: ignore[attr-defined]
    next(steps)
    steps.send({"done": False, "position": "p1", "error": "", "wait_s": 0.0})
    steps.send({"done": True, "position": "p2", "error": "", "wait_s": 0.0})
    assert context.called == ["restore_slice", "restore_slice", "close_restore"]


async def test_counting_does_not_bring_back_what_has_ended(world: RestoreApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody runs it, so it is cancelled at once; meanwhile its first slice has begun to count."""
    restore_id = await world.died_before_its_start()
    counting, ended = asyncio.Event(), asyncio.Event()

    async def count(reader: object, selection: object) -> int:
        counting.set()
        await ended.wait()
        return 7

    monkeypatch.setattr("shared_code.restore.restores._count", count)
    restores = world.restores(CUSTOMER)
    request = world.journal.records[restore_id].request
    slice_ = asyncio.create_task(restores.restore_slice(request, ""))
    await counting.wait()
    status, cancelled = await world.cancel(restore_id)
    assert (status, cancelled["state"]) == (200, "cancelled")
    ended.set()
    assert (await slice_).cancelled
    assert world.journal.records[restore_id].state is RestoreState.CANCELLED
    assert world.target.contents == []
