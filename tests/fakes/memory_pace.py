"""What instances share about a tenant's pace, in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from shared_code.errors import LedgerUnavailableError
from shared_code.model.pace import TenantPace


@dataclass
class MemoryPace:
    now: Callable[[], datetime]
    pauses: dict[str, datetime] = field(default_factory=dict)
    licences: int | None = None
    reads: int = 0
    broken: bool = False

    async def read(self) -> TenantPace:
        self.reads += 1
        if self.broken:
            raise LedgerUnavailableError("no ledger")
        return TenantPace({name: until for name, until in self.pauses.items() if until > self.now()}, self.licences)

    async def pause(self, service: str, until: datetime) -> None:
        if self.broken:
            raise LedgerUnavailableError("no ledger")
        self.pauses[service] = max(until, self.pauses.get(service, until))

    async def note_licences(self, count: int) -> None:
        if self.broken:
            raise LedgerUnavailableError("no ledger")
        self.licences = count
