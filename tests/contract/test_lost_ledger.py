"""What is agreed with a customer, on the real ledger (the storage emulator's tables) and a vault that enforces WORM: it
survives the loss of the ledger, and is changed by those alone who ask for it."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from azure.data.tables.aio import TableServiceClient

from shared_code.errors import (
    ConfigError,
    CustomerErasedError,
    CustomerExistsError,
    HoldNotFoundError,
    InvalidIdError,
    ResourceNotFoundError,
    SnapshotNotFoundError,
    VaultUnavailableError,
)
from shared_code.ledger.contract import ContractLedger
from shared_code.ledger.customers import CustomerLedger
from shared_code.ledger.damage import DamageLedger
from shared_code.ledger.protection import ProtectionLedger
from shared_code.ledger.retention import RetentionLedger
from shared_code.ledger.runs import RunLedger
from shared_code.model.contract import Contract
from shared_code.model.item import format_time
from shared_code.model.lease import LeaseTerms
from shared_code.model.protection import ProtectionSettings
from shared_code.model.resource import Customer
from shared_code.model.retention import LegalHold
from shared_code.service.contract import KeptContract
from shared_code.service.retention import CustomerRetention
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.customer_record import CustomerRecord
from shared_code.vault.holds import held_in_store
from shared_code.vault.keeping import VaultKeeping
from shared_code.vault.memory_blob import MemoryBlobStore, Moment
from shared_code.vault.records import encode_record
from shared_code.vault.recover import HELD_IN_STORE, RecoveredCustomer, rebuild

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


@pytest.fixture
async def desk(azurite: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with TableServiceClient.from_connection_string(azurite) as service:
        tenant_id = "11111111-2222-3333-4444-555555555555"
        desk = Desk(service, Customer(f"c{uuid4().hex[:10]}", "Acme", tenant_id), tmp_path)
        await desk.customers.add(desk.customer)
        for name in (f"{ONE}/packs/A", f"{ONE}/packs/B", f"{TWO}/packs/A"):
            await desk.store.create(name, b"x", TERMS.until(desk.now))
        await desk.contract.keep()
        yield desk


async def _agree(desk: Desk) -> Contract:
    await desk.retention.set_retention(400)
    await desk.protection.save(desk.customer.id, ProtectionSettings(25))
    await desk.contract.keep()
    hold, held_blobs = await desk.retention.hold(ONE, "Case 1")
    assert held_blobs == 2
    left = await desk.retention.leave()
    agreed = Contract(desk.customer, 400, ProtectionSettings(25), (hold,), left.left_at)
    assert await desk.told() == agreed
    return agreed


async def test_all_that_is_agreed_survives_the_loss_of_the_ledger(desk: Desk) -> None:
    agreed = await _agree(desk)
    await desk.lose()
    desk.now += DAY
    back = (await desk.recover()).brought_back
    assert (back.retention_days, back.protection, back.holds, back.left_at) == (
        agreed.retention_days,
        agreed.protection,
        agreed.holds,
        agreed.left_at,
    )
    assert await desk.contracts.contract(desk.customer.id) == agreed
    departure = await desk.retention.departure()
    assert departure is not None
    assert {entry.resource_id for entry in departure.inventory.resources} >= {ONE, TWO}
    await desk.retention.nightly()
    assert await held_in_store(desk.store) >= {ONE}
    assert not (await desk.recover()).brought_back.anything, "nothing was missing any more"


@pytest.mark.parametrize("step", ["nightly", "run"])
async def test_a_lost_ledger_does_not_talk_the_vault_out_of_it(desk: Desk, step: str) -> None:
    """The customer is onboarded again and nobody asks for the recovery."""
    agreed = await _agree(desk)
    await desk.lose()
    await desk.customers.add(desk.customer)
    desk.now += DAY
    await (desk.retention.nightly() if step == "nightly" else desk.contract.keep())
    assert await desk.told() == agreed
    assert await desk.contracts.contract(desk.customer.id) == replace(agreed, left_at=None), "see below"
    assert await held_in_store(desk.store) >= {ONE}


async def _plant(desk: Desk, **said: object) -> None:
    """A record of somebody who may create blobs in the container, and knows the format."""
    desk.now += timedelta(seconds=5)
    record = {"format": 1, "number": 9, **Contract(desk.customer).to_json(), **said}
    await desk.store.create(f"customer/PLANTED{desk.now:%H%M%S}.json", encode_record(record), TERMS.until(desk.now))
    desk.now += timedelta(seconds=5)


async def test_a_departure_that_the_vault_alone_tells_of_ends_no_backups(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    left_at = desk.now
    await _plant(desk, left_at=format_time(left_at))
    await desk.contract.keep()
    await desk.retention.nightly()
    assert await desk.retention.departure() is None
    assert "a departure that the ledger does not know" in caplog.text
    await desk.retention.set_retention(400)
    assert await desk.told() == Contract(desk.customer, 400, left_at=left_at), "the vault's word stays"
    for _ in range(500):
        desk.now += DAY
        await desk.contract.keep()
    stored = await desk.record.newest()
    assert stored is not None
    assert stored.leased_until is not None
    assert stored.leased_until > desk.now + 400 * DAY, "it lives as that of any customer does"


@pytest.mark.parametrize("decision", ["recovery", "departure", "undone"])
async def test_somebody_decides_on_a_departure_that_the_vault_alone_tells_of(desk: Desk, decision: str) -> None:
    left_at = desk.now
    await desk.retention.leave()
    await desk.lose()
    await desk.customers.add(desk.customer)
    desk.now += DAY
    await desk.contract.keep()
    assert await desk.retention.departure() is None
    if decision == "recovery":
        assert (await desk.recover()).brought_back.left_at == left_at
        expected: datetime | None = left_at
    elif decision == "departure":
        expected = (await desk.retention.leave()).left_at
        assert expected == desk.now
    else:
        undone = await desk.retention.come_back()
        assert undone is not None
        assert (undone.left_at, undone.undone_at) == (left_at, desk.now)
        assert await desk.retention.come_back() == undone
        expected = None
    await desk.retention.nightly()
    departure = await desk.retention.departure()
    assert (departure.left_at if departure else None, (await desk.told()).left_at) == (expected, expected)
    if decision == "undone":
        assert not (await desk.recover()).brought_back.anything


async def test_a_slow_telling_does_not_stay_the_last_word(desk: Desk) -> None:
    """Another instance agrees on something, and tells the vault, before this one writes what it has read."""
    await desk.customers.add(replace(desk.customer, display_name="Acme Ltd"))
    keep, told = desk.record.keep, list[LegalHold]()

    async def meanwhile(*args: Any, **more: Any) -> bool:
        if not told:
            told.append(LegalHold(desk.customer.id, ONE, "Case 1", desk.now))
            await desk.retention.set_retention(400)
            await desk.retention.hold(ONE, "Case 1")
            desk.now += timedelta(seconds=2)
        return await keep(*args, **more)

    desk.record.keep = meanwhile  # type: ignore[method-assign]
    await desk.contract.keep()
    contract = await desk.told()
    assert (contract.retention_days, contract.holds) == (400, tuple(told))
    written = desk.store.operations["create"]
    await desk.contract.keep()
    assert desk.store.operations["create"] == written


async def test_what_is_agreed_without_end_is_told_a_bounded_number_of_times(desk: Desk) -> None:
    keep, times = desk.record.keep, list[int]()

    async def meanwhile(*args: Any, **more: Any) -> bool:
        times.append(len(times))
        await desk.ledger.set_retention_days(desk.customer.id, 400 + len(times))
        return await keep(*args, **more)

    await desk.ledger.set_retention_days(desk.customer.id, 400)
    desk.record.keep = meanwhile  # type: ignore[method-assign]
    await desk.contract.keep()
    assert len(times) == 5


async def test_a_hold_that_is_lifted_after_everything_else_has_run_out_is_told(desk: Desk) -> None:
    await desk.retention.hold(ONE, "Case 1")
    await desk.retention.leave()
    for _ in range(150):
        desk.now += DAY
        await desk.retention.nightly()
    assert (await desk.told()).holds
    await desk.retention.lift_hold(ONE, "Case 1")
    stored = await desk.record.newest()
    assert stored is not None
    assert (stored.contract.holds, stored.leased_until) == ((), desk.now + DAY)
    desk.now += 2 * DAY
    written = desk.store.operations["create"]
    await desk.retention.nightly()
    assert desk.store.operations["create"] == written, "it is told once"
    await desk.lose()
    await desk.customers.add(desk.customer)
    await desk.retention.nightly()
    assert await held_in_store(desk.store) == set(), "nothing is held again"


@pytest.mark.parametrize("step", ["recovery", "keep"])
async def test_a_retention_that_could_not_be_agreed_on_is_not_brought_back(
    desk: Desk, caplog: pytest.LogCaptureFixture, step: str
) -> None:
    await _plant(desk, retention_days=3651, protection={"earlier_versions": 3})
    await (desk.recover() if step == "recovery" else desk.contract.keep())
    assert await desk.ledger.own_retention_days(desk.customer.id) is None
    assert await desk.protection.own_settings(desk.customer.id) == ProtectionSettings(3)
    assert "a retention of 3651 days" in caplog.text
    await desk.contract.keep()
    assert (await desk.told()).retention_days is None


async def test_a_record_that_names_another_tenant_than_older_ones_is_refused(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await _plant(desk, tenant_id="99999999-2222-3333-4444-555555555555", retention_days=400)
    await desk.lose()
    await desk.contract.check_owner(desk.customer)
    found = await desk.recover()
    assert (found.customer, found.refused, found.brought_back.anything) == (desk.customer, 1, False)
    assert await desk.customers.get(desk.customer.id) == desk.customer
    assert "name another tenant" in caplog.text
    await desk.contract.keep()
    assert (await desk.recover()).refused == 0, "the newest word is the customer's again"


async def test_the_vault_of_a_customer_cannot_be_given_to_another_tenant(desk: Desk) -> None:
    await desk.lose()
    await desk.contract.check_owner(replace(desk.customer, display_name="Acme Ltd"))
    other = replace(desk.customer, tenant_id="99999999-2222-3333-4444-555555555555")
    with pytest.raises(CustomerExistsError, match="another tenant"):
        await desk.contract.check_owner(other)


async def test_without_a_record_what_is_held_stays_held(desk: Desk) -> None:
    await desk.retention.hold(ONE, "Case 1")
    await desk.lose()
    for name in [name for name in desk.store.blobs if name.startswith("customer/")]:
        desk.store.lose(name)
    desk.now += DAY
    found = await desk.recover()
    assert (found.customer, [hold.reason for hold in found.brought_back.holds]) == (None, [HELD_IN_STORE])
    await desk.customers.add(desk.customer)
    await desk.retention.nightly()
    assert await held_in_store(desk.store) >= {ONE}
    await desk.retention.lift_hold(ONE, HELD_IN_STORE)
    assert await held_in_store(desk.store) == set()


async def test_what_the_ledger_knows_is_not_overwritten(desk: Desk) -> None:
    agreed = await _agree(desk)
    customer_id = desk.customer.id
    # As if the process was cut before the vault heard of it.
    renamed = replace(desk.customer, display_name="Acme Ltd")
    await desk.customers.add(renamed)
    await desk.ledger.set_retention_days(customer_id, 30)
    await desk.protection.save(customer_id, ProtectionSettings(1))
    await desk.ledger.lift_hold(customer_id, ONE, "Case 1", desk.now + DAY)
    await desk.ledger.undo_departure(customer_id, desk.now + DAY)
    assert await desk.told() == agreed
    desk.now += 2 * DAY
    assert not (await desk.recover()).brought_back.anything
    await desk.retention.nightly()
    assert await desk.told() == Contract(renamed, 30, ProtectionSettings(1))
    assert await held_in_store(desk.store) == set()


async def test_a_resource_is_released_with_its_last_hold(desk: Desk) -> None:
    for resource_id, reason in ((ONE, "Case 1"), (ONE, "Case 2"), (TWO, "Case 2")):
        await desk.retention.hold(resource_id, reason)
    await desk.retention.lift_hold(ONE, "Case 1")
    assert await held_in_store(desk.store) == {ONE, TWO, "customer"}
    await desk.retention.lift_hold(ONE, "Case 2")
    assert await held_in_store(desk.store) == {TWO, "customer"}
    await desk.retention.lift_hold(TWO, "Case 2")
    assert await held_in_store(desk.store) == set()


async def test_a_hold_of_which_the_ledger_lost_the_word_keeps_what_another_lifted_hold_is_of(desk: Desk) -> None:
    await desk.retention.hold(ONE, "Case 1")
    await desk.retention.hold(ONE, "Case 2")
    await desk.retention.lift_hold(ONE, "Case 1")
    table = desk.service.get_table_client("legalholds")
    async for row in table.query_entities(f"PartitionKey eq '{desk.customer.id}'"):
        if "Case 2" in row["json"]:
            await table.delete_entity(row["PartitionKey"], row["RowKey"])
    await desk.retention.lift_hold(ONE, "Case 1")
    await desk.retention.nightly()
    assert await held_in_store(desk.store) == {ONE, "customer"}


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("finished_by", ["repeat", "nightly"])
async def test_a_lift_that_is_cut_is_finished_later(desk: Desk, moment: Moment, finished_by: str) -> None:
    await desk.retention.hold(ONE, "Case 1")

    def cut(operation: str, name: str, at: Moment) -> None:
        if operation == "set_legal_hold" and at is moment:
            raise VaultUnavailableError("The process is gone.")

    desk.store.hook = cut
    with pytest.raises(VaultUnavailableError):
        await desk.retention.lift_hold(ONE, "Case 1")
    desk.store.hook = None
    if moment is Moment.BEFORE:
        assert await held_in_store(desk.store) >= {ONE}
    await (desk.retention.lift_hold(ONE, "Case 1") if finished_by == "repeat" else desk.retention.nightly())
    assert await held_in_store(desk.store) == set()


async def test_a_hold_that_is_placed_while_the_resource_is_released_holds(desk: Desk) -> None:
    await desk.retention.hold(ONE, "Case 1")
    release = desk.store.set_legal_hold
    placed: list[LegalHold] = []

    async def meanwhile(name: str, version_id: str, held: bool) -> None:
        if not held and not placed:
            placed.append(await desk.ledger.place_hold(LegalHold(desk.customer.id, ONE, "Case 2", desk.now)))
        await release(name, version_id, held)

    desk.store.set_legal_hold = meanwhile  # type: ignore[method-assign]
    await desk.retention.lift_hold(ONE, "Case 1")
    assert placed
    assert await held_in_store(desk.store) == {ONE, "customer"}


async def test_what_nobody_knows_cannot_be_held(desk: Desk) -> None:
    for resource_id in ("drive.nobody", "drive.on"):
        with pytest.raises(ResourceNotFoundError, match="list of resources"):
            await desk.retention.hold(resource_id, "Case 1")
    with pytest.raises(InvalidIdError):
        await desk.retention.hold("../x", "Case 1")
    with pytest.raises(HoldNotFoundError, match="list of holds"):
        await desk.retention.lift_hold(ONE, "Case 1")
    assert await desk.retention.holds() == []


async def test_more_than_the_most_cannot_be_agreed_on(desk: Desk) -> None:
    with pytest.raises(ConfigError, match=r"R \+ C \+ M = 3651 \+ 30 \+ 7 = 3688 days.*BACKUP_MOST_RETENTION_DAYS"):
        await desk.retention.set_retention(3651)
    with pytest.raises(ConfigError, match="less than 7"):
        await desk.retention.set_retention(6)
    assert await desk.ledger.own_retention_days(desk.customer.id) is None
    assert (await desk.retention.set_retention(3650)).lease_days == 3687


async def test_a_departure_is_taken_back_until_everything_is_gone(desk: Desk) -> None:
    assert await desk.retention.come_back() is None
    await desk.retention.leave()
    desk.now += DAY
    undone = await desk.retention.come_back()
    assert undone is not None
    assert (undone.undone_at, await desk.retention.departure()) == (desk.now, None)
    assert await desk.told() == Contract(desk.customer)
    assert await desk.retention.come_back() == undone
    desk.now += DAY
    assert (await desk.retention.leave()).left_at == desk.now
    desk.store.blobs.clear()
    desk.now += 200 * DAY
    await desk.retention.nightly()
    assert desk.store.blobs == {}, "what is erased stays erased"
    with pytest.raises(CustomerErasedError):
        await desk.retention.come_back()


async def test_a_customer_that_has_left_takes_no_new_leases(desk: Desk) -> None:
    desk.now += 60 * DAY
    last = max(blob.versions[blob.current or ""].info.leased_until or START for blob in desk.store.blobs.values())
    await desk.retention.leave()
    for _ in range(70):
        desk.now += DAY
        await desk.retention.nightly()
    leases = [blob.versions[blob.current or ""].info.leased_until for blob in desk.store.blobs.values()]
    assert all(until is not None and until <= last for until in leases)


@pytest.mark.parametrize("resource_id", ["drive.x\nERROR forged", "drive.x\x00", "../other", "drive.../x", ""])
async def test_an_id_that_is_none_is_refused_before_anything_is_asked(
    desk: Desk, caplog: pytest.LogCaptureFixture, resource_id: str
) -> None:
    before = desk.store.operations.total()
    with caplog.at_level(logging.DEBUG), pytest.raises(InvalidIdError):
        await desk.retention.verify(resource_id, 1)
    assert (desk.store.operations.total(), "forged" in caplog.text) == (before, False)


async def test_a_snapshot_that_is_not_there_is_not_damaged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SnapshotNotFoundError):
        await desk.retention.verify(ONE, 1)
    for seq in (2, 4):
        await desk.store.create(f"{ONE}/snapshots/{seq:08d}.json", b"{}", TERMS.until(desk.now))
    for seq in (1, 5):
        with pytest.raises(SnapshotNotFoundError):
            await desk.retention.verify(ONE, seq)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert not (await desk.retention.verify(ONE, 3)).ok, "one that is missing between others is"
