"""The largest records that the service lets happen fit into a row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from azure.data.tables.aio import TableServiceClient

from shared_code.ledger.restores import TableRestoreJournal
from shared_code.ledger.runs import RunLedger
from shared_code.model.restore import Restore, RestoreProblem, RestoreRequest, RestoreState, Selection
from shared_code.model.run import NotCovered, Run, RunState

NOW = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)


@pytest.fixture
async def service(azurite: str) -> AsyncIterator[TableServiceClient]:
    async with TableServiceClient.from_connection_string(azurite) as client:
        yield client


async def test_a_run_of_a_tenant_where_thousands_have_no_drive_is_recorded(service: TableServiceClient) -> None:
    customer = f"c{uuid4().hex[:12]}"
    nobody = tuple(
        NotCovered(f"drive of firstname.lastname{number:05d}@contoso.onmicrosoft.com", "licensed, but without OneDrive")
        for number in range(4500)
    )
    run = Run(
        f"backup-{customer}-20260301", customer, RunState.RUNNING, NOW, resources_total=15_500, not_covered=nobody
    )
    ledger = RunLedger(service)
    await ledger.save(run)
    assert await ledger.get(customer, run.id) == run


@pytest.mark.parametrize(
    "item_ids",
    [
        tuple(f'"{number:03d}' + "A" * 240 for number in range(1000)),
        tuple('"' * 240 + f"{number:03d}" for number in range(500)),
    ],
    ids=["many ids", "ids that JSON makes longer"],
)
async def test_a_restore_of_the_largest_request_is_recorded(
    service: TableServiceClient, item_ids: tuple[str, ...]
) -> None:
    customer = f"c{uuid4().hex[:12]}"
    request = RestoreRequest(f"restore-{uuid4().hex}", customer, "mailbox.u", 1, Selection(item_ids=item_ids))
    problems = tuple(RestoreProblem(item_id, "e" * 500) for item_id in item_ids[:200])
    restore = Restore(request, RestoreState.RUNNING, NOW, problems=problems)
    journal = TableRestoreJournal(service)
    await journal.create(restore)
    assert await journal.get(customer, request.id) == restore
