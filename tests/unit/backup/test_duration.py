"""Planned durations follow from the documented limits, and name the one that binds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared_code.backup.duration import planned_run
from shared_code.backup.run_plan import Basis, run_plan
from shared_code.model.outcome import Counts
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.run import ResourceOutcome, Run, RunState, RunTask
from shared_code.model.tenant_size import KindSize, TenantSize
from tests.fakes.memory_runs import MemoryRuns
from tests.fakes.run_office import AGREED

MAILBOX, DRIVE, SITE, TEAM = ResourceKind.MAILBOX, ResourceKind.DRIVE, ResourceKind.SITE, ResourceKind.TEAM
NIGHT = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)


def seconds(size: TenantSize, share: float = 1.0, at_once: int = 8) -> tuple[float, str]:
    planned = planned_run(size, share=share, resources_at_once=at_once)
    return planned.seconds, planned.binding


def test_files_take_a_minute_for_1250_units_and_less_with_more_licences() -> None:
    kinds = {DRIVE: KindSize(1, 100_000)}
    small, binding = seconds(TenantSize(500, kinds))
    assert small == pytest.approx(100_000 / 1250 * 60, rel=0.02)
    assert binding == "sharepoint_units_a_minute"
    assert seconds(TenantSize(None, kinds))[0] == small
    assert seconds(TenantSize(60_000, kinds))[0] == pytest.approx(small / 5)
    assert seconds(TenantSize(500, kinds), share=0.5)[0] == pytest.approx(small * 2)


def test_more_than_a_day_of_units_waits_for_the_next_day() -> None:
    took, binding = seconds(TenantSize(500, {DRIVE: KindSize(1, 2_500_000)}))
    assert (took, binding) == (2 * 86_400, "sharepoint_units_a_day")


def test_large_files_are_bound_by_bytes() -> None:
    assert seconds(TenantSize(500, {DRIVE: KindSize(1, 100, 4_000_000_000_000)})) == (
        36_000,
        "sharepoint_bytes_an_hour",
    )


def test_mailboxes_side_by_side_share_the_time() -> None:
    one = seconds(TenantSize(500, {MAILBOX: KindSize(8, 800_000)}), at_once=1)[0]
    assert seconds(TenantSize(500, {MAILBOX: KindSize(8, 800_000)}), at_once=8)[0] == pytest.approx(one / 8)
    assert seconds(TenantSize(500, {MAILBOX: KindSize(1, 800_000)}), at_once=8)[0] == pytest.approx(one, rel=0.01)


def test_teams_and_sites_count_and_nothing_takes_no_time() -> None:
    assert seconds(TenantSize(500, {TEAM: KindSize(100, 1_000_000)}))[1] == "teams_messages"
    assert seconds(TenantSize(500, {SITE: KindSize(1_000)}))[0] > 60
    assert seconds(TenantSize()) == (0.0, "")


def _run(day: int, state: RunState, *sizes: tuple[ResourceKind, int, int]) -> tuple[Run, list[RunTask]]:
    tasks = []
    for number, (kind, stored, read_bytes) in enumerate(sizes):
        counts = Counts(stored=stored, read_bytes=read_bytes)
        outcome = ResourceOutcome(f"{kind}.r{number}", str(kind), "R", RunState.COMPLETE, 1, counts)
        tasks.append(RunTask(number, Resource(kind, f"r{number}", "R"), AGREED, outcome=outcome))
    total = sum((task.outcome.counts for task in tasks if task.outcome), Counts())
    began = NIGHT + timedelta(days=day)
    run = Run(f"run-{day}", "acme", state, began, began, len(tasks), len(tasks), 0, total)
    return run, tasks


async def _ledger(*runs: tuple[Run, list[RunTask]]) -> MemoryRuns:
    ledger = MemoryRuns()
    for run, tasks in runs:
        await ledger.save(run)
        await ledger.add_tasks(run.id, tasks)
    return ledger


async def test_what_runs_have_read_is_what_is_planned_with() -> None:
    ledger = await _ledger(
        _run(0, RunState.COMPLETE, (MAILBOX, 9_000, 90), (DRIVE, 700, 7_000), (DRIVE, 300, 1_000)),
        _run(1, RunState.PARTIAL, (MAILBOX, 40, 4), (DRIVE, 3, 30), (DRIVE, 0, 0)),
        _run(2, RunState.FAILED),
    )
    plan = await run_plan(ledger, "acme", TenantSize(2_000), share=0.8, resources_at_once=8)
    body = plan.to_json()
    assert (plan.basis, plan.daily_basis) == (Basis.MEASURED, Basis.MEASURED)
    assert body["first"]["kinds"]["drive"] == {"resources": 2, "items": 1_000, "size_bytes": 8_000}
    assert body["daily"]["kinds"]["mailbox"] == {"resources": 1, "items": 40, "size_bytes": 4}
    assert body["licences"] == 2_000 and body["share_percent"] == 80
    assert plan.first.seconds > plan.daily.seconds > 0
    assert body["first"]["binding_limit"] == "mailbox_requests"
    assert {entry["limit"] for entry in body["first"]["limits"]} >= {"mailbox_requests", "sharepoint_units_a_minute"}


async def test_before_the_first_run_has_ended_sizes_are_assumed_and_said_to_be() -> None:
    run, tasks = _run(0, RunState.RUNNING, (MAILBOX, 0, 0), (DRIVE, 0, 0), (DRIVE, 0, 0))
    plan = await run_plan(await _ledger((run, tasks)), "acme", TenantSize(), share=0.8, resources_at_once=8)
    assert (plan.basis, plan.size.of(DRIVE).resources, plan.size.of(MAILBOX).resources) == (Basis.ASSUMED, 2, 1)
    assert 0 < plan.daily.seconds < plan.first.seconds


async def test_numbers_that_are_given_go_first_and_nothing_is_said_to_be_nothing() -> None:
    ledger = await _ledger(_run(0, RunState.COMPLETE, (MAILBOX, 9_000, 90)))
    asked = TenantSize(10, {DRIVE: KindSize(1_000)})
    plan = await run_plan(ledger, "acme", asked, share=0.8, resources_at_once=8)
    assert (plan.basis, plan.size.of(DRIVE).resources, plan.size.of(MAILBOX).resources) == (Basis.ASSUMED, 1_000, 0)
    nothing = await run_plan(MemoryRuns(), "acme", TenantSize(), share=0.8, resources_at_once=8)
    assert (nothing.basis, nothing.first.seconds) == (Basis.NOTHING, 0.0)
