"""The ledger is lost: what the blobs alone still tell of customers, resources and snapshots."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared_code.errors import (
    BlobNotFoundError,
    IntegrityError,
    InvalidIdError,
    SnapshotNotFoundError,
    UnsupportedFormatError,
)
from shared_code.model.resource import Customer, Resource, check_resource_id
from shared_code.model.run import ResourceOutcome
from shared_code.model.snapshot import Snapshot
from shared_code.vault.blob_names import parse_snapshot_name
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.customer_record import CustomerRecord
from shared_code.vault.snapshots import SnapshotRecords

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
    that were put into the ledger; those that it knew stay as they are."""

    customer_id: str
    customer: Customer | None
    resources: tuple[RecoveredResource, ...]
    indexed: tuple[str, ...]


class Customers(Protocol):
    """What recovery needs of the ledger's customers."""

    async def add(self, customer: Customer) -> bool:
        """True when it is new, False when the very same is there. Raises CustomerExistsError."""
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
    containers: AsyncIterator[tuple[str, BlobStore]], customers: Customers, index: ResourceIndex
) -> list[RecoveredCustomer]:
    """Put back into the ledger what these containers, each with the id of its customer, tell of customers and
    resources. Nothing that the ledger knows is changed, so it may be repeated, and run on a ledger of which a part is
    left. Snapshots need no index: they are listed from the blobs. Raises VaultUnavailableError, LedgerError."""
    report: list[RecoveredCustomer] = []
    async for customer_id, store in containers:
        customer = await CustomerRecord(store).read()
        if customer is not None and customer.id != customer_id:  # of another container: no word on this one
            customer = None
        resources = await recover(store, customer_id)
        if customer is not None:
            await customers.add(customer)
        indexed = await _index(customer_id, resources, index)
        report.append(RecoveredCustomer(customer_id, customer, tuple(resources), indexed))
    return report


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
