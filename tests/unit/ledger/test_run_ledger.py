"""Runs and their tasks in Azure Tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.data.tables.aio import TableServiceClient

from shared_code.backup.schedule import manual_run_id, nightly_run_id
from shared_code.ledger.runs import RunLedger
from shared_code.model.run import Run, RunState, RunTask
from tests.fakes.memory_runs import MemoryRuns
from tests.fakes.run_office import resource

NIGHT = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "tables"])
async def ledger(request: pytest.FixtureRequest) -> AsyncIterator[RunLedger | MemoryRuns]:
    if request.param == "memory":
        yield MemoryRuns()
        return
    connection = request.getfixturevalue("azurite")
    async with TableServiceClient.from_connection_string(connection) as service:
        yield RunLedger(service)


async def test_runs_come_newest_first_whatever_their_ids(ledger: RunLedger | MemoryRuns) -> None:
    customer = f"c{uuid4().hex[:12]}"
    nightly = Run(nightly_run_id(customer, "20260301"), customer, RunState.RUNNING, NIGHT)
    morning = NIGHT.replace(hour=9)
    manual = Run(manual_run_id(customer, morning), customer, RunState.COMPLETE, morning, immutable=True)
    before = NIGHT - timedelta(days=1)
    earlier = Run(nightly_run_id(customer, "20260228"), customer, RunState.FAILED, before, immutable=False)
    for run in (nightly, earlier, manual):
        await ledger.save(run)
    assert await ledger.newest(customer, 10) == [nightly, manual, earlier]
    assert await ledger.newest(customer, 1) == [nightly]
    assert await ledger.since(customer, nightly_run_id(customer, "20260301")) == [nightly, manual]
    assert await ledger.since(customer, nightly_run_id(customer, "20260302")) == []


async def test_tasks_keep_how_often_they_were_tried(ledger: RunLedger | MemoryRuns) -> None:
    run_id = f"backup-{uuid4().hex}"
    task = RunTask(0, resource(0), attempts=1, throttled=7)
    await ledger.add_tasks(run_id, [task, RunTask(1, resource(1))])
    assert await ledger.task(run_id, 0) == task
    assert await ledger.tasks(run_id) == [task, RunTask(1, resource(1))]
