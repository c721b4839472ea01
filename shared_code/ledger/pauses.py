"""One tenant-wide pause for each service, seen by all instances; and the tenant's number of licences."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from azure.data.tables.aio import TableServiceClient

from shared_code.ledger.tables import Table
from shared_code.model.item import format_time, parse_time
from shared_code.model.pace import TenantPace

_LICENCES = "licences"


class PauseLedger:
    """Table ``pauses``: a partition a tenant, a row a service, and one row ``licences``. Writes are safe to replay."""

    def __init__(self, service: TableServiceClient, now: Callable[[], datetime]) -> None:
        self._table = Table(service, "pauses")
        self._now = now

    def of(self, tenant_id: str) -> SharedTenantPace:
        """One tenant's."""
        return SharedTenantPace(self._table, tenant_id, self._now)


class SharedTenantPace:
    """Satisfies ``SharedPace`` of the Graph client. Raises LedgerError."""

    def __init__(self, table: Table, tenant_id: str, now: Callable[[], datetime]) -> None:
        self._table = table
        self._tenant_id = tenant_id
        self._now = now

    async def read(self) -> TenantPace:
        """Pauses that are not over, and the number of licences."""
        pauses: dict[str, datetime] = {}
        licences: int | None = None
        for row in await self._table.rows(self._tenant_id):
            if _LICENCES in row:
                licences = row[_LICENCES]
            elif (until := parse_time(row["until"])) > self._now():
                pauses[row["service"]] = until
        return TenantPace(pauses, licences)

    async def pause(self, service: str, until: datetime) -> None:
        """Nobody asks the service anything before ``until``; a longer pause that is there stays. Two instances that
        write at once can leave the shorter one: the service refuses again then, and the pause is written again."""
        row = await self._table.get(self._tenant_id, f"service-{service}")
        if row is None or parse_time(row["until"]) < until:
            value = {"service": service, "until": format_time(until)}
            await self._table.put(self._tenant_id, f"service-{service}", value)

    async def note_licences(self, count: int) -> None:
        """How many licences the tenant has."""
        await self._table.put(self._tenant_id, _LICENCES, {_LICENCES: count})
