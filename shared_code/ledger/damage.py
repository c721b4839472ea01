"""The list of damaged items: what verification found, and what a backup has stored again since."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from azure.data.tables.aio import TableServiceClient

from shared_code.ledger.tables import Table
from shared_code.model.damage import DamagedItem
from shared_code.model.resource import check_customer_id, check_resource_id


class DamageLedger:
    """Tables: ``damage`` (customer and resource -> item) and ``damagedresources`` (customer -> resource with any entry,
    open or not). Every write is safe to replay."""

    def __init__(self, service: TableServiceClient) -> None:
        self._items = Table(service, "damage")
        self._resources = Table(service, "damagedresources")

    def of(self, customer_id: str) -> CustomerDamage:
        """The list of one customer."""
        return CustomerDamage(self._items, self._resources, check_customer_id(customer_id))


class CustomerDamage:
    """Satisfies ``Damage`` of the backup."""

    def __init__(self, items: Table, resources: Table, customer_id: str) -> None:
        self._items = items
        self._resources = resources
        self._customer_id = customer_id

    async def found(self, resource_id: str, items: Iterable[DamagedItem]) -> int:
        """Add what was found in one resource; returns how many are new. What is known with the same ``found_at`` or a
        later one stays as it is, so that a replay does not open again what has been repaired meanwhile."""
        known = {_row(item.feed, item.item_id): item for item in await self.all(resource_id)}
        new: dict[str, DamagedItem] = {}
        for item in items:
            row = _row(item.feed, item.item_id)
            present = new.get(row) or known.get(row)
            if present is None or present.found_at < item.found_at:
                new[row] = item
        if new:
            # First of all the way to them: damage that no list leads to would be hidden.
            await self._resources.put(self._customer_id, resource_id, {"resource_id": resource_id})
            await self._put(resource_id, list(new.values()))
        return len(new)

    async def damaged(self, resource_id: str) -> Sequence[tuple[str, str]]:
        """See Damage."""
        return [(item.feed, item.item_id) for item in await self.all(resource_id) if not item.repaired]

    async def repaired(self, resource_id: str, items: Sequence[tuple[str, str]], seq: int) -> None:
        """See Damage. The entries stay, marked: older snapshots keep the damage."""
        done = set(items)
        changed = [
            replace(item, repaired=True, repaired_in=seq)
            for item in await self.all(resource_id)
            if (item.feed, item.item_id) in done and not item.repaired
        ]
        await self._put(resource_id, changed)

    async def reopen(self, resource_id: str, seqs: Collection[int]) -> None:
        """See Damage."""
        lost = [item for item in await self.all(resource_id) if item.repaired and item.repaired_in in seqs]
        await self._put(resource_id, [replace(item, repaired=False, repaired_in=0) for item in lost])

    async def all(self, resource_id: str) -> list[DamagedItem]:
        """Every entry of one resource, repaired ones too, by feed and item."""
        rows = await self._items.rows(self._partition(resource_id))
        return sorted((DamagedItem.from_json(row) for row in rows), key=lambda item: (item.feed, item.item_id))

    async def resources(self) -> list[str]:
        """Ids of the resources that have, or had, damaged items."""
        return sorted(row["resource_id"] for row in await self._resources.rows(self._customer_id))

    async def _put(self, resource_id: str, items: Sequence[DamagedItem]) -> None:
        rows = [(_row(item.feed, item.item_id), item.to_json()) for item in items]
        await self._items.put_many(self._partition(resource_id), rows)

    def _partition(self, resource_id: str) -> str:
        return f"{self._customer_id}:{check_resource_id(resource_id)}"


def _row(feed: str, item_id: str) -> str:
    return json.dumps([feed, item_id])
