"""A run's bookkeeping, against a ledger in memory and copiers that do as they are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from shared_code.backup.copier import SliceResult
from shared_code.backup.runs import MAX_ATTEMPTS, CustomerRuns, Step
from shared_code.errors import AccessDeniedError, NotImmutableError, ThrottledError
from shared_code.model.outcome import Counts
from shared_code.model.resource import Customer, Resource, ResourceKind
from shared_code.model.run import NotCovered, ResourceOutcome, RunState
from tests.fakes.memory_runs import MemoryRuns

CUSTOMER = Customer("acme", "Acme", "11111111-1111-1111-1111-111111111111")
NOW = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)


def resource(number: int) -> Resource:
    return Resource(ResourceKind.DRIVE, f"d{number}", f"Drive {number}")


@dataclass
class Office:
    """Directory, container and copier in one; ``script`` says what each slice of a resource does, in turn."""

    resources: list[Resource] = field(default_factory=list)
    script: dict[str, list[object]] = field(default_factory=dict)
    immutable: bool = True
    listed: int = 0

    async def list_resources(self) -> tuple[Sequence[Resource], Sequence[NotCovered]]:
        self.listed += 1
        return self.resources, [NotCovered("someone", "archive mailbox")]

    async def prepare(self) -> bool:
        if not self.immutable:
            raise NotImmutableError("no WORM here")
        return True

    async def run_slice(self, resource: Resource, run_id: str) -> SliceResult:
        step = self.script[resource.id].pop(0) if self.script.get(resource.id) else RunState.COMPLETE
        if isinstance(step, Exception):
            raise step
        if step == "more":
            return SliceResult()
        assert isinstance(step, RunState)
        return SliceResult(
            ResourceOutcome(resource.id, "drive", resource.display_name, step, 1, Counts(stored=2, read_bytes=10))
        )


def make(office: Office) -> tuple[CustomerRuns, MemoryRuns]:
    ledger = MemoryRuns()
    runs = CustomerRuns(
        CUSTOMER, runs=ledger, directory=office, container=office, copiers=lambda kind: office, now=lambda: NOW
    )
    return runs, ledger


async def do(runs: CustomerRuns, run_id: str = "r1") -> list[Step]:
    await runs.plan(run_id)
    steps: list[Step] = []
    for _ in range(20):
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
    passing, lasting = [ThrottledError("slow down")], [ThrottledError("slow down")] * 9
    office = Office([resource(0), resource(1)], {"drive.d0": [*passing], "drive.d1": [*lasting]})
    runs, ledger = make(office)
    steps = await do(runs)
    assert steps == [Step.AGAIN, Step.AGAIN, Step.DONE, Step.AGAIN, Step.DONE]
    assert len(office.script["drive.d1"]) == 9 - MAX_ATTEMPTS
    states = [task.outcome.state for task in ledger.tasks_by_run["r1"].values() if task.outcome]
    assert states == [RunState.COMPLETE, RunState.FAILED]


async def test_progress_forgives_earlier_trouble() -> None:
    trouble: list[object] = [ThrottledError("slow down")]
    office = Office([resource(0)], {"drive.d0": [*trouble, "more"] * 5})
    runs, _ = make(office)
    assert (await do(runs))[-1] is Step.DONE
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
    await runs.plan("r1")
    first = await runs.round("r1", -1, 3)
    last = await runs.round("r1", 5, 3)
    assert (first.numbers, first.more, last.numbers, last.more) == ((0, 1, 2), True, (6,), False)
