"""The real orchestrators on the local host's durable engine, with a copier that has nothing to copy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
import azure.durable_functions as df
import pytest

from functions import backup
from local.host import FunctionsHost
from shared_code.backup.runs import CustomerRuns, Waits
from shared_code.backup.schedule import NightlyWindow, manual_run_id, nightly_run_id
from shared_code.errors import SourceUnavailableError, ThrottledError
from shared_code.model.run import Run, RunState
from tests.fakes.memory_runs import MemoryRuns
from tests.fakes.run_office import CUSTOMER, Office, resource

NOW = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
NIGHTLY = nightly_run_id(CUSTOMER.id, "20260301")


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
    waits: Waits = field(default_factory=lambda: Waits(0.01))
    left: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._began_s = time.monotonic()

    def now(self) -> datetime:
        return self.clock

    async def has_left(self, customer_id: str) -> bool:
        return customer_id in self.left

    def runs(self, customer: Any) -> CustomerRuns:
        return CustomerRuns(
            customer,
            runs=self.run_ledger,
            directory=self.office,
            container=self.office,
            agreement=self.office.agreement,
            copiers=lambda kind, agreed: self.office,
            now=self._real_now,
            waits=self.waits,
        )

    def _real_now(self) -> datetime:
        """Waits end by themselves."""
        return self.clock + timedelta(seconds=time.monotonic() - self._began_s)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service(Office())
    monkeypatch.setattr(backup, "application", lambda: service)
    monkeypatch.setattr(backup, "FIRST_WAIT_MS", 10)
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


async def _look(http: aiohttp.ClientSession) -> None:
    """One look of the timer."""
    async with http.post("/admin/functions/backup_timer") as answer:
        assert answer.status == 202


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


async def test_a_run_of_one_batch_is_one_orchestration(service: Service, http: aiohttp.ClientSession) -> None:
    service.office.resources = [resource(number) for number in range(backup.BATCH_SIZE)]
    run_id = await _start(http)
    await _ended(http, run_id)
    assert service.run_ledger.saved[(CUSTOMER.id, run_id)].state is RunState.COMPLETE
    (instance,) = await _instances(http)
    assert instance["historyEventCount"] < 1000


@pytest.mark.parametrize("count", [1, backup.BATCH_SIZE + 1])
async def test_the_source_is_left_alone_for_as_long_as_it_asks(
    service: Service, http: aiohttp.ClientSession, count: int
) -> None:
    throttled = resource(0).id
    service.office.resources = [resource(number) for number in range(count)]
    long, longer = ThrottledError("slow down", 0.5), ThrottledError("slow down", 1e9)
    service.office.script = {throttled: [long, longer]}
    service.waits = Waits(0.01, 1.0)
    tried: list[float] = []
    run_slice = service.office.run_slice

    async def noted(entry: Any, run_id: str) -> Any:
        if entry.id == throttled:
            tried.append(time.monotonic())
        return await run_slice(entry, run_id)

    service.office.run_slice = noted  # type: ignore[method-assign]
    run_id = await _start(http)
    await _ended(http, run_id)
    assert service.run_ledger.saved[(CUSTOMER.id, run_id)].state is RunState.COMPLETE
    first, second, third = tried
    assert second - first >= 0.45
    assert third - second >= 0.95


async def test_a_resource_in_trouble_waits_and_holds_nobody_back(service: Service, http: aiohttp.ClientSession) -> None:
    service.waits = Waits(1.5)
    service.office.resources = [resource(0), resource(1)]
    service.office.script = {resource(0).id: [SourceUnavailableError("no answer")], resource(1).id: ["more"] * 3}
    done_s: dict[str, float] = {}
    run_slice = service.office.run_slice

    async def noted(entry: Any, run_id: str) -> Any:
        result = await run_slice(entry, run_id)
        done_s[entry.id] = time.monotonic() - began
        return result

    service.office.run_slice = noted  # type: ignore[method-assign]
    began = time.monotonic()
    run_id = await _start(http)
    await _ended(http, run_id)
    assert service.run_ledger.saved[(CUSTOMER.id, run_id)].state is RunState.COMPLETE
    assert done_s[resource(0).id] >= 1.5 > done_s[resource(1).id]


@pytest.mark.parametrize("count", [2, backup.BATCH_SIZE * backup.BATCHES_IN_HISTORY + 1])
async def test_a_run_under_way_ends_with_its_round_when_the_customer_leaves(
    service: Service, http: aiohttp.ClientSession, count: int
) -> None:
    service.office.resources = [resource(number) for number in range(count)]
    service.office.script = {resource(0).id: ["more"] * 1000}
    run_slice = service.office.run_slice

    async def leaves(entry: Any, run_id: str) -> Any:
        service.left.add(CUSTOMER.id)
        return await run_slice(entry, run_id)

    service.office.run_slice = leaves  # type: ignore[method-assign]
    run_id = await _start(http)
    assert (await _ended(http, run_id))["runtimeStatus"] == "Completed"
    run = service.run_ledger.saved[(CUSTOMER.id, run_id)]
    unfinished = 1 if count == 2 else 2
    assert (run.state, run.resources_done) == (RunState.PARTIAL, count - unfinished)
    assert run.error.startswith("The customer left while this run was under way")
    assert f"{unfinished} resources were not finished" in run.error
    assert len(service.office.script[resource(0).id]) == 999


async def test_a_run_whose_customer_left_before_it_was_planned_plans_nothing(
    service: Service, http: aiohttp.ClientSession
) -> None:
    service.office.resources = [resource(0)]
    save = service.run_ledger.save

    async def leaves(run: Run) -> None:
        service.left.add(CUSTOMER.id)
        await save(run)

    service.run_ledger.save = leaves  # type: ignore[method-assign]
    run_id = await _start(http)
    assert (await _ended(http, run_id))["runtimeStatus"] == "Completed"
    run = service.run_ledger.saved[(CUSTOMER.id, run_id)]
    assert (run.state, run.resources_total, service.office.listed) == (RunState.PARTIAL, 0, 0)
    assert run.error.startswith("The customer left while this run was under way")
    assert service.run_ledger.tasks_by_run.get(run_id, {}) == {}


async def test_the_timer_starts_the_run_of_the_day_once(service: Service, http: aiohttp.ClientSession) -> None:
    service.office.resources = [resource(0)]
    for _ in range(3):
        await _look(http)
    await _ended(http, NIGHTLY)
    await _look(http)
    assert list(service.run_ledger.saved) == [(CUSTOMER.id, NIGHTLY)]
    assert service.office.listed == 1


async def test_the_timer_tries_again_what_could_not_be_planned_and_nothing_else(
    service: Service, http: aiohttp.ClientSession
) -> None:
    service.office.resources = [resource(0)]
    service.office.script = {resource(0).id: [ValueError("a bug")] * 3}
    service.office.immutable = False
    await _look(http)
    assert (await _ended(http, NIGHTLY))["runtimeStatus"] == "Failed"
    service.office.immutable = True
    await _look(http)
    assert (await _ended(http, NIGHTLY))["runtimeStatus"] == "Completed"
    run = service.run_ledger.saved[(CUSTOMER.id, NIGHTLY)]
    assert (run.state, run.resources_failed, run.error) == (RunState.FAILED, 1, "")
    await _look(http)
    await _ended(http, NIGHTLY)
    assert service.run_ledger.saved[(CUSTOMER.id, NIGHTLY)] == run
    assert service.office.listed == 1


@pytest.fixture
def gate(service: Service) -> asyncio.Event:
    """No run gets beyond its planning until this is set."""
    gate = asyncio.Event()
    list_resources = service.office.list_resources

    async def waiting() -> Any:
        await gate.wait()
        return await list_resources()

    service.office.resources = [resource(0)]
    service.office.list_resources = waiting  # type: ignore[method-assign]
    return gate


async def test_a_second_start_is_refused_while_one_is_under_way(
    service: Service, http: aiohttp.ClientSession, gate: asyncio.Event
) -> None:
    run_id = await _start(http)
    async with http.post(f"/api/customers/{CUSTOMER.id}/runs") as answer:
        assert answer.status == 409
        assert answer.content_type == "application/problem+json"
        assert run_id in (await answer.json())["detail"]
    gate.set()
    await _ended(http, run_id)


@pytest.mark.parametrize("other_began", [NOW.replace(hour=9), NOW + timedelta(minutes=1)])
async def test_a_nightly_run_under_way_is_seen_behind_an_ended_one(
    service: Service, http: aiohttp.ClientSession, gate: asyncio.Event, other_began: datetime
) -> None:
    other = Run(manual_run_id(CUSTOMER.id, other_began), CUSTOMER.id, RunState.COMPLETE, other_began)
    await service.run_ledger.save(other)
    await _look(http)
    async with http.post(f"/api/customers/{CUSTOMER.id}/runs") as answer:
        assert answer.status == 409
        assert NIGHTLY in (await answer.json())["detail"]
    gate.set()
    await _ended(http, NIGHTLY)


async def test_the_timer_starts_nothing_beside_a_run_that_somebody_asked_for(
    service: Service, http: aiohttp.ClientSession, gate: asyncio.Event
) -> None:
    run_id = await _start(http)
    await _look(http)
    assert list(service.run_ledger.saved) == [(CUSTOMER.id, run_id)]
    assert [entry["instanceId"] for entry in await _instances(http)] == [run_id]
    gate.set()
    await _ended(http, run_id)
    await _look(http)
    await _ended(http, NIGHTLY)
    assert service.run_ledger.saved[(CUSTOMER.id, NIGHTLY)].state is RunState.COMPLETE


async def test_a_run_whose_host_died_goes_on_under_its_id(service: Service, http: aiohttp.ClientSession) -> None:
    service.office.resources = [resource(0), resource(1)]
    began = NOW - timedelta(hours=2)
    lost = Run(manual_run_id(CUSTOMER.id, began), CUSTOMER.id, RunState.RUNNING, began)
    await service.run_ledger.save(lost)
    assert await _start(http) == lost.id
    await _ended(http, lost.id)
    run = service.run_ledger.saved[(CUSTOMER.id, lost.id)]
    assert (run.state, run.started_at, run.resources_done) == (RunState.COMPLETE, began, 2)
    assert await _start(http) != lost.id


@pytest.mark.parametrize("by_timer", [True, False])
async def test_an_old_run_whose_host_died_does_not_stay_running(
    service: Service, http: aiohttp.ClientSession, by_timer: bool
) -> None:
    service.office.resources = [resource(0)]
    lost = Run(nightly_run_id(CUSTOMER.id, "20260225"), CUSTOMER.id, RunState.RUNNING, NOW - timedelta(days=4))
    await service.run_ledger.save(lost)
    if by_timer:
        await _look(http)
        await _ended(http, NIGHTLY)
    else:
        await _ended(http, await _start(http))
    given_up = service.run_ledger.saved[(CUSTOMER.id, lost.id)]
    assert (given_up.state, given_up.ended_at) == (RunState.FAILED, NOW)
    assert "interrupted" in given_up.error
    assert len(service.run_ledger.saved) == 2


async def test_a_run_that_cannot_be_planned_is_recorded_as_failed(
    service: Service, http: aiohttp.ClientSession
) -> None:
    service.office.immutable = False
    run_id = await _start(http)
    assert (await _ended(http, run_id))["runtimeStatus"] == "Failed"
    run = service.run_ledger.saved[(CUSTOMER.id, run_id)]
    assert run.state is RunState.FAILED
    assert run.error.endswith("no WORM here")  # and nothing of the lines behind it
