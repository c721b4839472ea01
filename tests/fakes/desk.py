"""The service of one customer at the real ledger (the storage emulator's tables) and a vault that enforces WORM."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from azure.data.tables.aio import TableServiceClient

from shared_code.ledger.contract import ContractLedger
from shared_code.ledger.customers import CustomerLedger
from shared_code.ledger.damage import DamageLedger
from shared_code.ledger.protection import ProtectionLedger
from shared_code.ledger.retention import RetentionLedger
from shared_code.ledger.runs import RunLedger
from shared_code.model.contract import Contract
from shared_code.model.lease import LeaseTerms
from shared_code.model.resource import Customer
from shared_code.service.contract import KeptContract
from shared_code.service.retention import CustomerRetention
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.customer_record import CustomerRecord
from shared_code.vault.keeping import VaultKeeping
from shared_code.vault.memory_blob import MemoryBlobStore
from shared_code.vault.recover import RecoveredCustomer, rebuild

START = datetime(2026, 3, 1, 5, 30, tzinfo=UTC)
DAY = timedelta(days=1)
TERMS = LeaseTerms(90, 30, 7)
ONE, TWO = "drive.one", "mailbox.two"


@dataclass
class Desk:
    """The service of one customer, and its ledger to lose."""

    service: TableServiceClient
    customer: Customer
    temp_dir: Path
    now: datetime = START

    def __post_init__(self) -> None:
        self.store = MemoryBlobStore(lambda: self.now)
        self.record = CustomerRecord(self.store, self.customer.id)
        keeping = VaultKeeping(self.store, self.customer.id, self.temp_dir, time.monotonic)
        self.customers = CustomerLedger(self.service)
        self.ledger = RetentionLedger(self.service, TERMS)
        self.protection = ProtectionLedger(self.service)
        self.runs = RunLedger(self.service)
        self.contracts = ContractLedger(self.customers, self.ledger, self.protection, 3650)
        self.contract = KeptContract(
            self.customer.id,
            ledger=self.contracts,
            record=self.record,
            default_terms=TERMS,
            now=lambda: self.now,
        )
        self.retention = CustomerRetention(
            self.customer.id,
            keeping=keeping,
            records=self.ledger,
            index=self.runs,
            contract=self.contract,
            damage=DamageLedger(self.service).of(self.customer.id),
            most_retention_days=3650,
            now=lambda: self.now,
        )

    async def lose(self) -> None:
        """Every row of the customer is gone."""
        for name in ("customers", "retention", "legalholds", "protection"):
            table = self.service.get_table_client(name)
            for key in [
                (row["PartitionKey"], row["RowKey"])
                async for row in table.list_entities()
                if self.customer.id in (row["PartitionKey"], row["RowKey"])
            ]:
                await table.delete_entity(*key)

    async def recover(self) -> RecoveredCustomer:
        async def containers() -> AsyncIterator[tuple[str, BlobStore]]:
            yield self.customer.id, self.store

        [found] = await rebuild(containers(), self.customers, self.runs, self.contracts, self.now)
        assert found.error is None
        return found

    async def told(self) -> Contract:
        stored = await self.record.newest()
        assert stored is not None
        return stored.contract


@asynccontextmanager
async def opened_desk(azurite: str, temp_dir: Path) -> AsyncIterator[Desk]:
    """A new customer with three packs of two resources, onboarded."""
    async with TableServiceClient.from_connection_string(azurite) as service:
        tenant_id = "11111111-2222-3333-4444-555555555555"
        desk = Desk(service, Customer(f"c{uuid4().hex[:10]}", "Acme", tenant_id), temp_dir)
        await desk.customers.add(desk.customer)
        for name in (f"{ONE}/packs/A", f"{ONE}/packs/B", f"{TWO}/packs/A"):
            await desk.store.create(name, b"x", TERMS.until(desk.now))
        await desk.contract.keep()
        yield desk
