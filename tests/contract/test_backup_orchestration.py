"""The real orchestrators on the local host's durable engine, with a copier that has nothing to copy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import azure.durable_functions as df
import pytest

from functions import backup
from local.host import FunctionsHost
from shared_code.backup.runs import CustomerRuns
from shared_code.backup.schedule import NightlyWindow
from shared_code.model.run import RunState
from tests.fakes.memory_runs import MemoryRuns
from tests.unit.backup.test_runs import CUSTOMER, Office, resource

NOW = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)


@dataclass
class Customers:
    """The customer ledger with one customer in it."""

    async def get(self, customer_id: str) -> Any:
        assert customer_id == CUSTOMER.id
        return CUSTOMER

    known = get

    async def all(self) -> list[Any]:
        return [CUSTOMER]


@dataclass
class Service:
    """What ``application()`` gives: the real runs on an Office."""

    office: Office
    run_ledger: MemoryRuns = field(default_factory=MemoryRuns)
    customers: Customers = field(default_factory=Customers)
    window: NightlyWindow = field(default_factory=lambda: NightlyWindow(20, 4))
    settings: Any = field(default_factory=lambda: SimpleNamespace(resources_in_flight=8))
    clock: datetime = NOW

    def now(self) -> datetime:
        return self.clock

    def runs(self, customer: Any) -> CustomerRuns:
        return CustomerRuns(
            customer,
            runs=self.run_ledger,
            directory=self.office,
            container=self.office,
            copiers=lambda kind: self.office,
            now=self.now,
        )


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service(Office())
    monkeypatch.setattr(backup, "application", lambda: service)
    return service


_APP = df.DFApp()
_APP.register_functions(backup.bp)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with FunctionsHost(_APP, timers=False) as host, aiohttp.ClientSession(host.url) as session:
        yield session


async def _ended(http: aiohttp.ClientSession, instance_id: str, timeout_s: float = 120) -> dict[str, Any]:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        async with http.get(f"/runtime/webhooks/durabletask/instances/{instance_id}") as answer:
            body: dict[str, Any] = await answer.json()
        if body.get("runtimeStatus") in ("Completed", "Failed"):
            return body
        await asyncio.sleep(0.05)
    raise AssertionError(f"{instance_id} does not end: {body}")


async def _instances(http: aiohttp.ClientSession) -> list[dict[str, Any]]:
    async with http.get("/runtime/webhooks/durabletask/instances") as answer:
        found: list[dict[str, Any]] = await answer.json()
        return found


async def _start(http: aiohttp.ClientSession) -> str:
    async with http.post(f"/api/customers/{CUSTOMER.id}/runs") as answer:
        assert answer.status == 202, await answer.text()
        return str((await answer.json())["run_id"])


async def test_a_run_over_thousands_of_resources_keeps_every_history_small(
    service: Service, http: aiohttp.ClientSession
) -> None:
    service.office.resources = [resource(number) for number in range(2500)]
    run_id = await _start(http)
    await _ended(http, run_id)
    run = service.run_ledger.saved[(CUSTOMER.id, run_id)]
    assert (run.state, run.resources_done) == (RunState.COMPLETE, 2500)
    histories = [entry["historyEventCount"] for entry in await _instances(http)]
    assert len(histories) >= 2500 / backup.BATCH_SIZE
    assert max(histories) < 1000


async def test_a_resource_of_many_slices_keeps_its_histories_small(
    service: Service, http: aiohttp.ClientSession
) -> None:
    service.office.resources = [resource(0), resource(1)]
    service.office.script = {resource(0).id: ["more"] * 300}
    run_id = await _start(http)
    await _ended(http, run_id)
    assert service.run_ledger.saved[(CUSTOMER.id, run_id)].state is RunState.COMPLETE
    assert max(entry["historyEventCount"] for entry in await _instances(http)) < 1000


async def test_the_timer_starts_the_run_of_the_day_once(service: Service, http: aiohttp.ClientSession) -> None:
    service.office.resources = [resource(0)]
    for _ in range(3):
        async with http.post("/admin/functions/backup_timer") as answer:
            assert answer.status == 202
    run_id = f"backup-{CUSTOMER.id}-20260301"
    await _ended(http, run_id)
    async with http.post("/admin/functions/backup_timer") as answer:
        assert answer.status == 202
    assert list(service.run_ledger.saved) == [(CUSTOMER.id, run_id)]
    assert service.office.listed == 1


async def test_a_second_start_is_refused_while_one_is_under_way(service: Service, http: aiohttp.ClientSession) -> None:
    service.office.resources = [resource(0)]
    gate = asyncio.Event()
    list_resources = service.office.list_resources

    async def waiting() -> Any:
        await gate.wait()
        return await list_resources()

    service.office.list_resources = waiting  # type: ignore[method-assign]
    run_id = await _start(http)
    async with http.post(f"/api/customers/{CUSTOMER.id}/runs") as answer:
        assert answer.status == 409
        assert answer.content_type == "application/problem+json"
        assert run_id in (await answer.json())["detail"]
    gate.set()
    await _ended(http, run_id)


async def test_a_run_that_cannot_be_planned_is_recorded_as_failed(
    service: Service, http: aiohttp.ClientSession
) -> None:
    service.office.immutable = False
    run_id = await _start(http)
    assert (await _ended(http, run_id))["runtimeStatus"] == "Failed"
    run = service.run_ledger.saved[(CUSTOMER.id, run_id)]
    assert run.state is RunState.FAILED
    assert "no WORM here" in run.error
