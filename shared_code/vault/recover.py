"""The ledger is lost: what the blobs alone still tell of customers, resources and snapshots."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from shared_code.errors import (
    BackupError,
    BlobNotFoundError,
    IntegrityError,
    InvalidIdError,
    SnapshotNotFoundError,
    UnsupportedFormatError,
)
from shared_code.model.contract import BroughtBack, Contract
from shared_code.model.resource import Customer, Resource, check_resource_id
from shared_code.model.retention import Departure, LegalHold
from shared_code.model.run import ResourceOutcome
from shared_code.model.snapshot import Snapshot
from shared_code.vault.blob_names import parse_snapshot_name
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.customer_record import CustomerRecord
from shared_code.vault.holds import held_in_store
from shared_code.vault.inventory import begin_departure
from shared_code.vault.snapshots import SnapshotRecords

_log = logging.getLogger(__name__)

HELD_IN_STORE = "recovered: held in the store"
"""The reason of a hold that was found on blobs and that nobody knows the reason of."""

_UNREADABLE = (
    IntegrityError,
    UnsupportedFormatError,
    SnapshotNotFoundError,
    # A record that hashes to what it says and yet is none: the hash is no secret.
    InvalidIdError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
)


@dataclass(frozen=True, slots=True)
class RecoveredResource:
    """A resource of which snapshots are stored. ``newest`` is the newest one that can be read, and with it the
    resource's name and attributes; None when none can. ``seqs`` are the numbers of all, oldest first; ``damaged`` those
    newer than ``newest``."""

    resource_id: str
    seqs: tuple[int, ...]
    damaged: tuple[int, ...]
    newest: Snapshot | None

    @property
    def resource(self) -> Resource | None:
        """As the newest readable snapshot knows it."""
        return self.newest.resource if self.newest else None


@dataclass(frozen=True, slots=True)
class RecoveredCustomer:
    """What became of one container. ``customer`` is None when it holds no readable record of one: its resources are
    indexed all the same, and the customer has to be onboarded again under the same id. ``indexed`` are the resources
    that were put into the ledger, ``brought_back`` is what was put back into it of what is agreed with the customer;
    what it knew stays as it is. ``refused`` counts the records that name another tenant than older ones: they are no
    word on this customer. ``error``: why this container could not be read to its end."""

    customer_id: str
    customer: Customer | None
    resources: tuple[RecoveredResource, ...]
    indexed: tuple[str, ...]
    brought_back: BroughtBack
    refused: int = 0
    error: str | None = None


class Customers(Protocol):
    """What recovery needs of the ledger's customers."""

    async def put_back(self, customer: Customer) -> bool:
        """Note it, unless one of that id is there: then False, and it stays as it is."""
        ...


class Contracts(Protocol):
    """What recovery needs of what the ledger knows of agreements."""

    async def bring_back(self, told: Contract, inventory: Callable[[], Awaitable[Departure]]) -> BroughtBack:
        """Put back what the ledger has no word of; ``inventory`` looks at the container, for a departure."""
        ...

    async def holds(self, customer_id: str) -> list[LegalHold]:
        """Every hold, lifted ones too."""
        ...

    async def add_hold(self, hold: LegalHold) -> bool:
        """Note a hold that the ledger has no word of; False when it has."""
        ...


class ResourceIndex(Protocol):
    """What recovery needs of the ledger's index of resources."""

    async def resources(self, customer_id: str) -> list[dict[str, Any]]:
        """Newest outcome of each resource: ``run_id``, ``resource``, ``outcome``."""
        ...

    async def index_resource(self, customer_id: str, run_id: str, resource: Resource, outcome: ResourceOutcome) -> None:
        """Put in one such row."""
        ...


async def recover(store: BlobStore, customer_id: str) -> list[RecoveredResource]:
    """Every resource in a customer's container that has a snapshot, by id. Reads only. Raises VaultUnavailableError."""
    records = SnapshotRecords(store, customer_id)
    return [await _recovered(records, resource_id) for resource_id in sorted(await resource_ids(store))]


async def resource_ids(store: BlobStore) -> set[str]:
    """Every resource that has a snapshot, by the names of blobs alone. Lists the whole container. Raises
    VaultUnavailableError."""
    found: set[str] = set()
    try:
        async for info in store.list("", all_versions=True):
            if parse_snapshot_name(info.name) is not None:
                found.add(info.name.split("/", 1)[0])
    except BlobNotFoundError:  # no container
        return set()
    return {entry for entry in found if _is_resource_id(entry)}


async def rebuild(
    containers: AsyncIterator[tuple[str, BlobStore]],
    customers: Customers,
    index: ResourceIndex,
    contracts: Contracts,
    now: datetime,
) -> list[RecoveredCustomer]:
    """Put back into the ledger what these containers, each with the id of its customer, tell of customers, of what is
    agreed with them and of resources. What has a legal hold that nobody knows of is put on hold for the reason
    HELD_IN_STORE. Nothing that the ledger knows is changed, so it may be repeated, and run on a ledger of which a part
    is left. Snapshots need no index: they are listed from the blobs. What fails with one container is reported with it
    and keeps no other from its recovery. Raises VaultUnavailableError when the containers cannot be listed."""
    report: list[RecoveredCustomer] = []
    async for customer_id, store in containers:
        try:
            found = await _rebuild_one(customer_id, store, customers, index, contracts, now)
        except Exception as error:  # noqa: BLE001 - whatever one container holds, the others are not at fault
            _log.exception("%s: the ledger could not be rebuilt from its container", customer_id)
            message = error.message if isinstance(error, BackupError) else f"internal error {type(error).__name__}"
            found = RecoveredCustomer(customer_id, None, (), (), BroughtBack(), error=message)
        report.append(found)
    return report


async def _rebuild_one(
    customer_id: str,
    store: BlobStore,
    customers: Customers,
    index: ResourceIndex,
    contracts: Contracts,
    now: datetime,
) -> RecoveredCustomer:
    stored = await CustomerRecord(store, customer_id).newest()
    customer, back = None, BroughtBack()
    if stored is not None:
        if stored.refused:
            _log.error("%s: %d records that name another tenant are refused", customer_id, stored.refused)
        customer = stored.contract.customer
        back = await contracts.bring_back(stored.contract, partial(begin_departure, store, customer_id, now))
    unknown = await _unknown_holds(customer_id, store, contracts, now)
    back = replace(back, holds=(*back.holds, *unknown))
    if customer is not None:  # who is known is backed up: not before what is agreed with them is there
        await customers.put_back(customer)
    resources = await recover(store, customer_id)
    indexed = await _index(customer_id, resources, index)
    return RecoveredCustomer(customer_id, customer, tuple(resources), indexed, back, stored.refused if stored else 0)


async def _unknown_holds(
    customer_id: str, store: BlobStore, contracts: Contracts, now: datetime
) -> tuple[LegalHold, ...]:
    """Holds of what is held in the store and of which the ledger knows no hold, not even a lifted one: that would be a
    release that was cut."""
    held = {entry for entry in await held_in_store(store) if _is_resource_id(entry)}
    known = {hold.resource_id for hold in await contracts.holds(customer_id)} if held else set()
    found = [LegalHold(customer_id, entry, HELD_IN_STORE, now) for entry in sorted(held - known)]
    return tuple([hold for hold in found if await contracts.add_hold(hold)])


async def _index(customer_id: str, resources: Sequence[RecoveredResource], index: ResourceIndex) -> tuple[str, ...]:
    known = {Resource.from_json(row["resource"]).id for row in await index.resources(customer_id)}
    indexed: list[str] = []
    for entry in resources:
        if entry.newest is not None and entry.resource_id not in known:
            await index.index_resource(
                customer_id, entry.newest.run_id, entry.newest.resource, ResourceOutcome.of(entry.newest)
            )
            indexed.append(entry.resource_id)
    return tuple(indexed)


def _is_resource_id(value: str) -> bool:
    try:
        check_resource_id(value)
    except InvalidIdError:
        return False
    return True


async def _recovered(records: SnapshotRecords, resource_id: str) -> RecoveredResource:
    seqs = await records.numbers(resource_id)
    damaged: list[int] = []
    for seq in reversed(seqs):
        try:
            newest = await records.read(resource_id, seq)
        except _UNREADABLE:
            damaged.append(seq)
            continue
        return RecoveredResource(resource_id, seqs, tuple(sorted(damaged)), newest)
    return RecoveredResource(resource_id, seqs, tuple(sorted(damaged)), None)
