"""A plan whose host died in the middle of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from shared_code.backup.runs import CustomerRuns
from shared_code.model.run import Run
from tests.fakes.memory_runs import MemoryRuns
from tests.fakes.run_office import CUSTOMER, Office, resource


@dataclass
class DyingRuns(MemoryRuns):
    """The host dies at a save, once."""

    saves_left: int = 1

    async def save(self, run: Run) -> None:
        self.saves_left -= 1
        if self.saves_left == -1:
            raise ConnectionError("the host died")
        await super().save(run)


async def test_somebody_who_left_in_between_moves_nobody_into_two_tasks() -> None:
    """The second listing is shorter: the tasks of the first one must not mix with its own."""
    office = Office([resource(number) for number in range(3)])
    ledger = DyingRuns()
    runs = CustomerRuns(
        CUSTOMER,
        runs=ledger,
        directory=office,
        container=office,
        agreement=office.agreement,
        copiers=lambda kind, agreed: office,
        now=lambda: datetime(2026, 3, 1, 21, 0, tzinfo=UTC),
    )
    with pytest.raises(ConnectionError):
        await runs.plan("r1")
    office.resources = office.resources[1:]
    await runs.plan("r1")
    planned = [task.resource.id for task in await ledger.tasks("r1")]
    run = await ledger.get(CUSTOMER.id, "r1")
    assert run and len(planned) == len(set(planned)) == run.resources_total
