"""Pauses in Azure Tables are seen by every instance and never shortened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from azure.data.tables.aio import TableServiceClient

from shared_code.ledger.pauses import PauseLedger
from shared_code.model.pace import TenantPace

NOW = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)


async def test_a_pause_is_seen_by_all_until_it_is_over(azurite: str) -> None:
    clock = [NOW]
    async with TableServiceClient.from_connection_string(azurite) as service:
        tenant = str(uuid4())
        one, other = (PauseLedger(service, lambda: clock[0]).of(tenant) for _ in range(2))
        elsewhere = PauseLedger(service, lambda: clock[0]).of(str(uuid4()))
        assert await one.read() == TenantPace()
        await one.pause("files", NOW + timedelta(seconds=40))
        await other.pause("files", NOW + timedelta(seconds=20))
        await other.pause("teams", NOW + timedelta(seconds=5))
        await other.note_licences(1_234)
        until = {"files": NOW + timedelta(seconds=40), "teams": NOW + timedelta(seconds=5)}
        assert await one.read() == TenantPace(until, 1_234)
        assert await elsewhere.read() == TenantPace()
        clock[0] += timedelta(seconds=6)
        assert set((await other.read()).pauses) == {"files"}
        clock[0] += timedelta(seconds=60)
        assert await other.read() == TenantPace({}, 1_234)
