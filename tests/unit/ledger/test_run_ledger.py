"""Runs and their tasks in Azure Tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.data.tables.aio import TableServiceClient

from shared_code.backup.schedule import manual_run_id, nightly_run_id
from shared_code.ledger.runs import RunLedger
from shared_code.model.census import Known, NotCoveredCause
from shared_code.model.run import Departed, Newcomer, NotCovered, ResourceOutcome, Run, RunState, RunTask
from tests.fakes.memory_runs import MemoryRuns
from tests.fakes.run_office import AGREED, resource

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
    task = RunTask(0, resource(0), AGREED, attempts=1, throttled=7)
    await ledger.add_tasks(run_id, [task, RunTask(1, resource(1), AGREED)])
    assert await ledger.task(run_id, 0) == task
    assert await ledger.tasks(run_id) == [task, RunTask(1, resource(1), AGREED)]


async def test_the_index_keeps_the_newest_restore_point_and_who_is_missed(ledger: RunLedger | MemoryRuns) -> None:
    customer, run_id = f"c{uuid4().hex[:12]}", f"backup-{uuid4().hex}"
    first = RunTask(0, resource(0), AGREED, outcome=_outcome(RunState.COMPLETE, 3, NIGHT))
    await ledger.add_tasks(run_id, [first, RunTask(1, resource(1), AGREED)])
    await ledger.save_task(customer, run_id, first)
    await ledger.save_task(
        customer, run_id, RunTask(0, resource(0), AGREED, outcome=_outcome(RunState.FAILED, 0, None))
    )
    assert await ledger.known(customer) == [Known(resource(0), 3, NIGHT)]
    await ledger.mark_departed(customer, resource(0).id, NIGHT + timedelta(days=1))
    assert await ledger.known(customer) == [Known(resource(0), 3, NIGHT, NIGHT + timedelta(days=1))]
    again = RunTask(0, resource(0), AGREED, outcome=_outcome(RunState.PARTIAL, 4, NIGHT + timedelta(days=2)))
    await ledger.save_task(customer, run_id, again)
    assert await ledger.known(customer) == [Known(resource(0), 4, NIGHT + timedelta(days=2))]


async def test_a_run_comes_back_as_it_was_saved(ledger: RunLedger | MemoryRuns) -> None:
    customer = f"c{uuid4().hex[:12]}"
    run = Run(
        "r1",
        customer,
        RunState.PARTIAL,
        NIGHT,
        not_covered=(NotCovered("drive of x", NotCoveredCause.NO_DRIVE_YET),),
        departed=(Departed("drive.d1", "Drive", NIGHT, NIGHT, None), Departed("drive.d2", "Drive", None, NIGHT, NIGHT)),
        new=(Newcomer("drive.d3", "Drive"),),
        unseen=("Grant Files.Read.All.",),
    )
    await ledger.save(run)
    assert await ledger.get(customer, "r1") == run


def _outcome(state: RunState, seq: int, committed_at: datetime | None) -> ResourceOutcome:
    return ResourceOutcome(resource(0).id, "drive", "Drive 0", state, seq, committed_at=committed_at)
