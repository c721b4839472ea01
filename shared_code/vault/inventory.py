"""What a container holds, and the end of a customer that has left: nothing is there any more, and that is certified."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shared_code.errors import BlobNotFoundError
from shared_code.model.retention import Departure, Inventory, ResourceInventory
from shared_code.vault.blob_names import parse_snapshot_name
from shared_code.vault.blob_store import BlobInfo, BlobStore
from shared_code.vault.whole_container import resource_of


async def inventory(store: BlobStore, now: datetime) -> Inventory:
    """List the whole container, previous versions too. Raises VaultUnavailableError, and BlobNotFoundError when there
    is no container."""
    done: list[ResourceInventory] = []
    present: ResourceInventory | None = None
    last_snapshot = ""
    async for info in store.list("", details=True, all_versions=True):
        resource_id = resource_of(info.name)
        if present is None or present.resource_id != resource_id:  # the names of a resource follow one another
            done += [present] if present else []
            present = ResourceInventory(resource_id, 0, 0)
        is_snapshot = info.name != last_snapshot and parse_snapshot_name(info.name) is not None
        if is_snapshot:  # the first version is the record, whatever was put over it
            last_snapshot = info.name
        present = _with(present, info, is_snapshot)
    return Inventory(now, (*done, *([present] if present else [])))


def _with(present: ResourceInventory, info: BlobInfo, is_snapshot: bool) -> ResourceInventory:
    """One blob more. The most of both says when, the sums how much."""
    committed_at = info.created_at if is_snapshot else None
    one = ResourceInventory(present.resource_id, 0, 0, 0, committed_at, committed_at, last_lease_at=info.leased_until)
    return replace(
        present.or_more(one),
        blobs=present.blobs + 1,
        size_bytes=present.size_bytes + info.size_bytes,
        snapshots=present.snapshots + is_snapshot,
    )


async def begin_departure(store: BlobStore, customer_id: str, now: datetime) -> Departure:
    """A customer leaves: note what is there. Changes nothing. Raises VaultUnavailableError."""
    try:
        found = await inventory(store, now)
    except BlobNotFoundError:  # it never had a backup
        found = Inventory(now)
    return Departure(customer_id, now, found, found.last_lease_at, now if found.resources else None)


async def close_departure(store: BlobStore, departure: Departure, now: datetime) -> Departure:
    """Look whether everything is gone; ``erased_at`` is set by the first listing, with all versions, that is empty.

    A container that is missing proves nothing where there was something in it: BlobNotFoundError. So remove the
    container only after this. Safe to repeat; what is erased stays as it is. Raises VaultUnavailableError.
    """
    if departure.erased_at is not None:
        return departure
    try:
        found = await inventory(store, now)
    except BlobNotFoundError:
        if departure.inventory.resources:
            raise
        found = Inventory(now)
    return departure.seen(found) if found.resources else replace(departure, erased_at=now)
