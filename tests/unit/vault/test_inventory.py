"""What a container holds, and the end of a customer that has left."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from shared_code.errors import BlobNotFoundError, VaultError
from shared_code.model.lease import LeaseTerms
from shared_code.model.retention import Departure, Inventory, ResourceInventory
from shared_code.vault.expiry import expire
from shared_code.vault.inventory import begin_departure, close_departure, inventory
from shared_code.vault.leases import LeasedStore
from shared_code.vault.memory_blob import MemoryBlobStore
from shared_code.vault.memory_lifecycle import apply_lifecycle
from tests.unit.vault.test_expiry import POLICY

START = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TERMS = LeaseTerms(20, 10, 3)
LEASE = timedelta(days=TERMS.lease_days)


class Customer:
    """A container with two resources, backed up on two days."""

    def __init__(self) -> None:
        self.now = START
        self.store = MemoryBlobStore(lambda: self.now)
        self.leased = LeasedStore(self.store, TERMS, lambda: self.now)

    async def back_up(self, resource_id: str, seq: int) -> None:
        await self.leased.create(f"{resource_id}/packs/{seq}", b"x" * 100)
        await self.leased.create(f"{resource_id}/snapshots/{seq:08d}.json", b"{}")

    async def platform_day(self) -> None:
        self.now += DAY
        await expire(self.store, self.now, ())
        apply_lifecycle(self.store, POLICY, "vault-acme", self.now)


@pytest.fixture
async def customer() -> Customer:
    made = Customer()
    await made.back_up("drive.a", 1)
    await made.back_up("drive.a-b", 1)
    made.now += DAY
    await made.back_up("drive.a", 2)
    return made


async def test_the_inventory_counts_by_resource(customer: Customer) -> None:
    first, second = START, START + DAY
    assert await inventory(customer.store, customer.now) == Inventory(
        second,
        (
            ResourceInventory("drive.a-b", 2, 102, 1, first, first, first + LEASE),
            ResourceInventory("drive.a", 4, 204, 2, first, second, second + LEASE),
        ),
    )


async def test_previous_versions_count_and_the_first_version_is_the_restore_point(customer: Customer) -> None:
    name = "drive.a/snapshots/00000001.json"
    customer.now += DAY
    customer.store.overwrite(name, b"forged")
    customer.store.retire("drive.a/packs/1")
    found = {entry.resource_id: entry for entry in (await inventory(customer.store, customer.now)).resources}["drive.a"]
    assert (found.blobs, found.snapshots) == (5, 2)
    assert (found.oldest_snapshot_at, found.newest_snapshot_at) == (START, START + DAY)


async def test_a_customer_that_leaves_is_erased_and_gets_its_certificate(customer: Customer) -> None:
    departure = await begin_departure(customer.store, "acme", customer.now)
    assert (departure.last_lease_at, departure.last_seen_at) == (START + DAY + LEASE, customer.now)
    seen = customer.now
    while departure.erased_at is None:
        with pytest.raises(VaultError, match="not erased yet"):
            departure.certificate()
        await customer.platform_day()
        departure = await close_departure(customer.store, departure, customer.now)
        if customer.store.blobs:
            seen = customer.now
    assert departure.last_lease_at is not None
    assert departure.last_lease_at <= departure.erased_at <= departure.last_lease_at + 8 * DAY
    assert (departure.erased_at, departure.last_seen_at) == (customer.now, seen)
    assert customer.store.operations["delete"] == 0
    certificate = json.loads(json.dumps(departure.certificate()))
    assert certificate["customer_id"] == "acme"
    assert (certificate["was_there"]["blobs"], certificate["was_there"]["size_bytes"]) == (6, 306)
    assert [entry["resource_id"] for entry in certificate["was_there"]["resources"]] == ["drive.a", "drive.a-b"]
    assert certificate["last_blob_disappeared"] == {
        "after": seen.isoformat().replace("+00:00", "Z"),
        "not_later_than": customer.now.isoformat().replace("+00:00", "Z"),
    }
    assert await close_departure(customer.store, departure, customer.now + DAY) == departure


async def test_previous_versions_delay_the_certificate(customer: Customer) -> None:
    departure = await begin_departure(customer.store, "acme", customer.now)
    for name in customer.store.blobs:
        customer.store.retire(name)
    later = await close_departure(customer.store, departure, customer.now + DAY)
    assert (later.erased_at, later.last_seen_at) == (None, customer.now + DAY)


async def test_what_a_run_under_way_still_wrote_is_in_the_certificate(customer: Customer) -> None:
    departure = await begin_departure(customer.store, "acme", customer.now)
    customer.now += timedelta(hours=1)
    await customer.back_up("mailbox.late", 1)
    departure = await close_departure(customer.store, departure, customer.now)
    assert departure.last_lease_at == customer.now + LEASE
    assert [entry.resource_id for entry in departure.inventory.resources] == ["drive.a", "drive.a-b", "mailbox.late"]
    for name in [name for name in customer.store.blobs if name.startswith("drive.a/")]:
        customer.store.lose(name)
    departure = await close_departure(customer.store, departure, customer.now + DAY)
    assert departure.inventory.blobs == 8, "what has gone since was there all the same"


async def test_a_container_that_is_missing_proves_nothing(customer: Customer) -> None:
    departure = await begin_departure(customer.store, "acme", customer.now)
    missing = MemoryBlobStore(lambda: START, exists=False)
    with pytest.raises(BlobNotFoundError):
        await close_departure(missing, departure, customer.now)
    never = await begin_departure(missing, "acme", START)
    assert never == Departure("acme", START, Inventory(START), None)
    assert (await close_departure(missing, never, START + DAY)).erased_at == START + DAY


async def test_a_departure_survives_its_json(customer: Customer) -> None:
    departure = await begin_departure(customer.store, "acme", customer.now)
    assert Departure.from_json(json.loads(json.dumps(departure.to_json()))) == departure
