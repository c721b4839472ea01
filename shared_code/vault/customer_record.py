"""Who a vault belongs to, kept in the vault itself, so that it can be recovered when the ledger is lost.

    customer/{ulid}.json

A change of the customer writes another record; the one that was created last is the word that counts.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from shared_code.errors import BlobNotFoundError, InvalidIdError
from shared_code.model.lease import LeaseTerms
from shared_code.model.resource import Customer
from shared_code.vault.blob_names import random_name
from shared_code.vault.blob_store import BlobInfo, BlobStore

FORMAT_VERSION = 1
PREFIX = "customer/"
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class CustomerRecord:
    """The record in one customer's container."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    async def read(self) -> Customer | None:
        """What the newest readable record says, by the first version of each: whatever was put over it later does not
        count. None when there is no record."""
        newest = await self._newest()
        return newest[1] if newest else None

    async def keep(self, customer: Customer, terms: LeaseTerms, now: datetime) -> None:
        """See to it that the vault says this of its customer, and goes on saying so: write a record if the newest is
        another, extend its lease if C days of it are used up. To be called at onboarding and at every run; safe to
        repeat. Raises VaultError."""
        newest = await self._newest()
        if newest is None or newest[1] != customer:
            name = f"{PREFIX}{random_name()}.json"
            await self._store.create(name, _encode(customer), terms.until(now))
            return
        info = newest[0]
        least = terms.until(now) - timedelta(days=terms.checkpoint_days)
        if info.leased_until is None or info.leased_until < least:
            await self._store.extend_lease(info.name, info.version_id, terms.until(now))

    async def _newest(self) -> tuple[BlobInfo, Customer] | None:
        for info in sorted(await self._first_versions(), key=_created, reverse=True):
            try:
                data = await self._store.read(info.name, version_id=info.version_id)
            except BlobNotFoundError:
                continue
            customer = _decode(data)
            if customer is not None:
                return info, customer
        return None

    async def _first_versions(self) -> list[BlobInfo]:
        first: dict[str, BlobInfo] = {}
        try:
            async for info in self._store.list(PREFIX, details=True, all_versions=True):
                first.setdefault(info.name, info)
        except BlobNotFoundError:  # no container
            return []
        return list(first.values())


def _created(info: BlobInfo) -> tuple[datetime, str]:
    return info.created_at or _LONG_AGO, info.name


def _encode(customer: Customer) -> bytes:
    record = {
        "format": FORMAT_VERSION,
        "id": customer.id,
        "display_name": customer.display_name,
        "tenant_id": customer.tenant_id,
    }
    return _canonical({**record, "sha256": hashlib.sha256(_canonical(record)).hexdigest()})


def _decode(data: bytes) -> Customer | None:
    """None for anything that is no intact record of this format."""
    try:
        record: dict[str, Any] = json.loads(data)
        digest = record.pop("sha256")
        if hashlib.sha256(_canonical(record)).hexdigest() != digest or record["format"] != FORMAT_VERSION:
            return None
        return Customer(str(record["id"]), str(record["display_name"]), str(record["tenant_id"]))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError, InvalidIdError):
        return None


def _canonical(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":"), sort_keys=True).encode("ascii")
