"""A run's bookkeeping, against a ledger in memory and copiers that do as they are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared_code.backup.runs import MAX_ATTEMPTS, MAX_THROTTLED, CustomerRuns, Round, Step, Waits
from shared_code.errors import AccessDeniedError, NotImmutableError, SourceUnavailableError, ThrottledError
from shared_code.model.agreement import Agreement
from shared_code.model.outcome import Counts
from shared_code.model.resource import ResourceKind
from shared_code.model.run import NotCovered, Run, RunState
from tests.fakes.memory_runs import MemoryRuns
from tests.fakes.run_office import AGREED, CUSTOMER, Office, resource

NOW = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)


AT_ONCE = Waits(0.0, 0.0)


def make(
    office: Office, waits: Waits = AT_ONCE, clock: list[datetime] | None = None
) -> tuple[CustomerRuns, MemoryRuns]:
    ledger = MemoryRuns()
    runs = CustomerRuns(
        CUSTOMER,
        runs=ledger,
        directory=office,
        container=office,
        agreement=office.agreement,
        copiers=lambda kind, agreed: office,
        now=(lambda: clock[0]) if clock else (lambda: office.now),
        waits=waits,
    )
    return runs, ledger


async def do(runs: CustomerRuns, run_id: str = "r1") -> list[Step]:
    await runs.plan(run_id)
    steps: list[Step] = []
    for _ in range(100):
        page = await runs.round(run_id, -1, 100)
        if not page.numbers:
            return steps
        steps += [await runs.work_on(run_id, number) for number in page.numbers]
    raise AssertionError("the run does not end")


async def test_a_run_sums_up_its_resources() -> None:
    office = Office([resource(n) for n in range(3)], {"drive.d1": ["more", "more", RunState.PARTIAL]})
    runs, _ = make(office)
    assert await do(runs) == [Step.DONE, Step.MORE, Step.DONE, Step.MORE, Step.DONE]
    run = await runs.close("r1")
    assert (run.state, run.resources_total, run.resources_done, run.resources_failed) == (RunState.PARTIAL, 3, 3, 0)
    assert run.counts == Counts(stored=6, read_bytes=30)
    assert run.not_covered == (NotCovered("someone", "archive mailbox"),)


async def test_an_unreachable_resource_fails_alone_and_says_why() -> None:
    denied = AccessDeniedError("Grant Files.Read.All to the app.", permission="Files.Read.All")
    runs, ledger = make(Office([resource(0), resource(1)], {"drive.d0": [denied]}))
    assert await do(runs) == [Step.DONE, Step.DONE]
    run = await runs.close("r1")
    assert (run.state, run.resources_failed) == (RunState.PARTIAL, 1)
    outcome = ledger.tasks_by_run["r1"][0].outcome
    assert outcome and outcome.error == "Grant Files.Read.All to the app."


async def test_passing_trouble_is_tried_again_and_lasting_trouble_given_up() -> None:
    passing, lasting = [SourceUnavailableError("no answer")], [SourceUnavailableError("no answer")] * 9
    office = Office([resource(0), resource(1)], {"drive.d0": [*passing], "drive.d1": [*lasting]})
    runs, ledger = make(office)
    steps = await do(runs)
    assert steps == [Step.AGAIN, Step.AGAIN, Step.DONE, Step.AGAIN, Step.DONE]
    assert len(office.script["drive.d1"]) == 9 - MAX_ATTEMPTS
    states = [task.outcome.state for task in ledger.tasks_by_run["r1"].values() if task.outcome]
    assert states == [RunState.COMPLETE, RunState.FAILED]


@pytest.mark.parametrize("error", [ThrottledError("slow down"), SourceUnavailableError("no answer")])
async def test_progress_forgives_earlier_trouble(error: Exception) -> None:
    office = Office([resource(0)], {"drive.d0": [error, "more"] * (MAX_ATTEMPTS + 2)})
    runs, ledger = make(office)
    await runs.plan("r1")
    for _ in range(MAX_ATTEMPTS + 2):
        assert await runs.work_on("r1", 0) is Step.AGAIN
        assert await runs.work_on("r1", 0) is Step.MORE
        task = ledger.tasks_by_run["r1"][0]
        assert (task.attempts, task.throttled) == (0, 0)
    assert (await do(runs))[-1] is Step.DONE
    assert (await runs.close("r1")).state is RunState.COMPLETE


async def test_a_throttled_resource_is_not_lost_for_the_night() -> None:
    often: list[object] = [ThrottledError("slow down", retry_after_s=400.0)] * (MAX_THROTTLED - 1)
    runs, _ = make(Office([resource(0)], {"drive.d0": [*often]}))
    await runs.plan("r1")
    assert (await do(runs))[-1] is Step.DONE
    assert (await runs.close("r1")).state is RunState.COMPLETE


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (ThrottledError("slow down", retry_after_s=400.0), 400.0),
        (ThrottledError("slow down", retry_after_s=1e9), 900.0),
        (ThrottledError("slow down"), 30.0),
        (SourceUnavailableError("no answer"), 30.0),
    ],
)
async def test_trouble_of_one_resource_keeps_that_one_waiting_and_nobody_else(error: Exception, wait_s: float) -> None:
    clock = [NOW]
    office = Office([resource(0), resource(1)], {"drive.d0": [error], "drive.d1": ["more"] * 2})
    runs, ledger = make(office, Waits(), clock)
    assert (await runs.plan("r1")).numbers == (0, 1)
    assert [await runs.work_on("r1", number) for number in (0, 1)] == [Step.AGAIN, Step.MORE]
    assert ledger.tasks_by_run["r1"][0].not_before == NOW + timedelta(seconds=wait_s)
    assert await runs.round("r1", -1, 10) == Round((1,), more=False, wait_s=wait_s)
    clock[0] += timedelta(seconds=wait_s - 1)
    assert await runs.work_on("r1", 1) is Step.MORE
    assert await runs.work_on("r1", 1) is Step.DONE
    assert await runs.round("r1", -1, 10) == Round((), more=False, wait_s=1.0)
    clock[0] += timedelta(seconds=1)
    assert await runs.round("r1", -1, 10) == Round((0,), more=False)
    assert await runs.work_on("r1", 0) is Step.DONE
    assert (await runs.close("r1")).state is RunState.COMPLETE


async def test_throttling_without_an_end_is_a_failed_resource() -> None:
    office = Office([resource(0)], {"drive.d0": [ThrottledError("slow down", 1.0)] * (MAX_THROTTLED + 5)})
    runs, ledger = make(office)
    assert (await do(runs)).count(Step.AGAIN) == MAX_THROTTLED - 1
    outcome = ledger.tasks_by_run["r1"][0].outcome
    assert outcome and (outcome.state, outcome.error) == (RunState.FAILED, "slow down")


async def test_throttled_tries_do_not_count_as_attempts() -> None:
    tries = [ThrottledError("slow down"), SourceUnavailableError("no answer")] * (MAX_ATTEMPTS - 1)
    runs, _ = make(Office([resource(0)], {"drive.d0": [*tries, ThrottledError("slow down")]}))
    await do(runs)
    assert (await runs.close("r1")).state is RunState.COMPLETE


async def test_a_bug_is_a_failed_resource_without_its_message() -> None:
    office = Office([resource(0)], {"drive.d0": [ValueError("subject of a message")] * MAX_ATTEMPTS})
    runs, ledger = make(office)
    await do(runs)
    outcome = ledger.tasks_by_run["r1"][0].outcome
    assert outcome and "ValueError" in outcome.error and "subject" not in outcome.error
    assert (await runs.close("r1")).state is RunState.FAILED


async def test_every_step_is_safe_to_replay() -> None:
    office = Office([resource(n) for n in range(3)])
    runs, ledger = make(office)
    await do(runs)
    closed = await runs.close("r1")
    before = dict(ledger.tasks_by_run["r1"])
    await runs.plan("r1")
    assert [await runs.work_on("r1", number) for number in range(3)] == [Step.DONE] * 3
    assert ledger.tasks_by_run["r1"] == before
    assert office.listed == 1
    assert await runs.close("r1") == closed


async def test_nothing_is_listed_before_the_store_is_known_to_be_immutable() -> None:
    office = Office([resource(0)], immutable=False)
    runs, _ = make(office)
    with pytest.raises(NotImmutableError):
        await runs.plan("r1")
    assert office.listed == 0


async def test_rounds_are_paged() -> None:
    runs, _ = make(Office([resource(n) for n in range(7)]))
    planned = await runs.plan("r1", 3)
    first = await runs.round("r1", -1, 3)
    last = await runs.round("r1", 5, 3)
    assert planned == first == await runs.plan("r1", 3)
    assert (first.numbers, first.more, last.numbers, last.more) == ((0, 1, 2), True, (6,), False)


async def test_planning_again_gives_the_rest_of_the_work() -> None:
    runs, _ = make(Office([resource(n) for n in range(3)]))
    assert (await runs.plan("r1")).numbers == (0, 1, 2)
    await runs.work_on("r1", 1)
    assert (await runs.plan("r1")).numbers == (0, 2)


async def test_a_tenant_that_lists_nobody_is_not_a_complete_run() -> None:
    runs, _ = make(Office())
    await runs.plan("r1")
    run = await runs.close("r1")
    assert run.state is RunState.PARTIAL
    assert "lists nothing" in run.error


async def test_a_run_that_failed_before_it_was_planned_can_be_begun_again() -> None:
    office = Office([resource(0)])
    runs, _ = make(office)
    await runs.fail("r1", "the tenant was out of reach")
    assert await do(runs) == [Step.DONE]
    run = await runs.close("r1")
    assert (run.state, run.error) == (RunState.COMPLETE, "")


async def test_nobody_says_immutable_before_it_was_looked_at() -> None:
    runs, ledger = make(Office([resource(0)]))
    asked_for = Run("r1", CUSTOMER.id, RunState.RUNNING, NOW)
    assert asked_for.immutable is None
    await ledger.save(asked_for)
    await runs.plan("r1")
    assert ledger.saved[(CUSTOMER.id, "r1")].immutable is True


async def test_a_run_goes_by_what_the_vault_has_put_back_into_a_lost_ledger() -> None:
    office = Office([resource(0)])
    agreed = Agreement(replace(AGREED.terms, retention_days=400), AGREED.protection)

    async def put_back() -> None:
        office.agreed = agreed

    office.keep_record = put_back  # type: ignore[method-assign]
    runs, ledger = make(office)
    await runs.plan("r1")
    assert [task.agreed for task in ledger.tasks_by_run["r1"].values()] == [agreed]


async def test_a_run_goes_by_what_was_agreed_on_when_it_was_planned() -> None:
    office = Office([resource(0)], {"drive.d0": ["more", "more"]})
    ledger = MemoryRuns()
    went_by: list[Agreement] = []

    def copier(kind: ResourceKind, agreed: Agreement) -> Any:
        went_by.append(agreed)
        return office

    runs = CustomerRuns(
        CUSTOMER,
        runs=ledger,
        directory=office,
        container=office,
        agreement=office.agreement,
        copiers=copier,
        now=lambda: office.now,
        waits=AT_ONCE,
    )
    await runs.plan("r1")
    longer = replace(AGREED, terms=replace(AGREED.terms, retention_days=365))
    office.agreed = longer
    await runs.work_on("r1", 0)
    office.resources.append(resource(1))
    unfinished = ledger.saved[(CUSTOMER.id, "r1")]
    await ledger.save(replace(unfinished, resources_total=0))  # its planning was cut off, and is made good now
    await runs.plan("r1")
    await do(runs)
    assert len(went_by) == 4
    assert set(went_by) == {AGREED}
    await do(runs, "r2")
    assert went_by[4:] == [longer, longer]
