"""Who a vault belongs to and what is agreed with them, kept in the vault itself, so that it can be recovered when the
ledger is lost.

    customer/{random}.json

A change writes another record; the one that was created last is the word that counts. Records of before there was more
than the customer to tell of are of the same format and tell of nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared_code.errors import BackupError, BlobNotFoundError
from shared_code.model.contract import Contract, StoredContract, whole_number
from shared_code.model.lease import LeaseTerms
from shared_code.vault.blob_names import random_name
from shared_code.vault.blob_store import BlobInfo, BlobStore
from shared_code.vault.records import decode_record, encode_record

FORMAT_VERSION = 1
ROOM = "customer"
"""The first segment of their names, where blobs of a resource have its id."""
PREFIX = f"{ROOM}/"
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_A_DAY = timedelta(days=1)
# What a record cannot say, for anybody who may write to the container may write one. Some 5,000 holds take 1 MiB.
_MOST_BYTES = 16 * 2**20
_MOST_NUMBER = 10**9
_FIRST_YEAR = 2000


class CustomerRecord:
    """The record in one customer's container."""

    def __init__(self, store: BlobStore, customer_id: str) -> None:
        self._store = store
        self._customer_id = customer_id

    async def newest(self, tenant_id: str | None = None) -> StoredContract | None:
        """What the newest readable record of this customer says, by the first version of each: whatever was put over
        it later does not count. A vault is one tenant's for good: a record that names another one is passed over. Where
        the caller does not say which tenant it is, the oldest record does. None when there is no record. Raises
        VaultUnavailableError."""
        infos = sorted(await self._first_versions(), key=_created)
        tenant_id = tenant_id or await self._first_tenant(infos)
        newest: StoredContract | None = None
        written_at, refused = _LONG_AGO, 0
        for info in reversed(infos):
            if newest is not None and _created(info) < written_at:
                break  # the store tells times in whole seconds: among those of one second their numbers decide
            stored = await self._read(info)
            if stored is None:
                continue
            if stored.contract.customer.tenant_id != tenant_id:
                refused += 1
            elif newest is None or stored.number > newest.number:
                newest, written_at = stored, _created(info)
        return replace(newest, refused=refused) if newest else None

    async def _first_tenant(self, infos: Sequence[BlobInfo]) -> str | None:
        for info in infos:
            stored = await self._read(info)
            if stored is not None:
                return stored.contract.customer.tenant_id
        return None

    async def _read(self, info: BlobInfo) -> StoredContract | None:
        """None for what is no proper record of this customer."""
        if info.size_bytes > _MOST_BYTES:
            return None
        try:
            stored = _decode(info, await self._store.read(info.name, version_id=info.version_id))
        except BlobNotFoundError:
            return None
        return stored if stored is not None and stored.contract.customer.id == self._customer_id else None

    async def keep(
        self,
        contract: Contract,
        stored: StoredContract | None,
        terms: LeaseTerms,
        now: datetime,
        last_lease_at: datetime | None = None,
        *,
        is_leaving: bool = True,
    ) -> bool:
        """See to it that the vault says this, and goes on saying so: write a record if ``stored``, the newest, says
        something else or was followed by another tenant's, extend its lease if C days of it are used up. Returns
        whether a record was written.

        Of a customer that has left nothing is leased for longer than what it has, which is until ``last_lease_at``:
        its record does not outlive it, and the legal hold on what is held is on the record too. That the last hold is
        lifted is told for a day where all else is over. Not so while the contract names a departure that nobody has
        decided on yet (``is_leaving`` False). Where there is no container yet there is nothing to tell of. Safe to
        repeat. Raises VaultError.
        """
        until = terms.until(now)
        least = until - timedelta(days=terms.checkpoint_days)
        if contract.left_at is not None and is_leaving:
            if last_lease_at is not None and last_lease_at > now:
                until = least = last_lease_at
            elif contract.holds or (stored is not None and stored.contract.holds):
                until, least = now + _A_DAY, _LONG_AGO
            else:
                return False
        if stored is None or stored.refused or stored.contract != contract:
            try:
                data = _encode(contract, stored.number % _MOST_NUMBER + 1 if stored else 1)
                await self._store.create(f"{PREFIX}{random_name()}.json", data, until)
            except BlobNotFoundError:  # no container
                return False
            return True
        if stored.leased_until is None or stored.leased_until < least:
            await self._store.extend_lease(stored.name, stored.version_id, until)
        return False

    async def _first_versions(self) -> list[BlobInfo]:
        first: dict[str, BlobInfo] = {}
        try:
            async for info in self._store.list(PREFIX, details=True, all_versions=True):
                first.setdefault(info.name, info)
        except BlobNotFoundError:  # no container
            return []
        return list(first.values())


def _created(info: BlobInfo) -> datetime:
    return info.created_at or _LONG_AGO


def _encode(contract: Contract, number: int) -> bytes:
    return encode_record({"format": FORMAT_VERSION, "number": number, **contract.to_json()})


def _decode(info: BlobInfo, data: bytes) -> StoredContract | None:
    """None for anything that is no intact record of this format, or says what cannot have been agreed on."""
    try:
        record = decode_record(info.name, data)
        if record["format"] != FORMAT_VERSION:
            return None
        number, contract = whole_number(record.get("number", 0), 0, _MOST_NUMBER), Contract.from_json(record)
    except (BackupError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError):
        # All but the first: a record that hashes to what it says and yet is none. The hash is no secret.
        return None
    latest = info.created_at + _A_DAY if info.created_at else None
    if any(at.year < _FIRST_YEAR or (latest and at > latest) for at in contract.times):
        return None  # nothing was agreed on before there was anything, or after it was written down
    return StoredContract(info.name, info.version_id, info.leased_until, number, contract)
