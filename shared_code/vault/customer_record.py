"""Who a vault belongs to, kept in the vault itself, so that it can be recovered when the ledger is lost.

    customer/{ulid}.json

A change of the customer writes another record; the one that was created last is the word that counts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared_code.errors import BlobNotFoundError, IntegrityError, InvalidIdError, UnsupportedFormatError
from shared_code.model.lease import LeaseTerms
from shared_code.model.resource import Customer
from shared_code.vault.blob_names import random_name
from shared_code.vault.blob_store import BlobInfo, BlobStore
from shared_code.vault.records import decode_record, encode_record

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
            customer = _decode(info.name, data)
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
    return encode_record(
        {
            "format": FORMAT_VERSION,
            "id": customer.id,
            "display_name": customer.display_name,
            "tenant_id": customer.tenant_id,
        }
    )


def _decode(name: str, data: bytes) -> Customer | None:
    """None for anything that is no intact record of this format."""
    try:
        record = decode_record(name, data)
        if record["format"] != FORMAT_VERSION:
            return None
        return Customer(str(record["id"]), str(record["display_name"]), str(record["tenant_id"]))
    except (IntegrityError, UnsupportedFormatError, KeyError, InvalidIdError):
        return None
