"""What is agreed with one customer, in the ledger and in its vault: each makes good what the other has lost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from shared_code.errors import CustomerExistsError
from shared_code.model.contract import BroughtBack, Contract, StoredContract
from shared_code.model.lease import LeaseTerms
from shared_code.model.resource import Customer
from shared_code.model.retention import Departure

_log = logging.getLogger(__name__)
_TRIES = 5


class Ledger(Protocol):
    """The ledger's word. See ContractLedger."""

    async def contract(self, customer_id: str) -> Contract: ...
    async def departure(self, customer_id: str) -> Departure | None: ...
    async def knows_departure(self, customer_id: str) -> bool: ...
    async def bring_back(self, told: Contract) -> BroughtBack: ...


class Record(Protocol):
    """The vault's word. See CustomerRecord."""

    async def newest(self, tenant_id: str | None = None) -> StoredContract | None: ...
    async def keep(
        self,
        contract: Contract,
        stored: StoredContract | None,
        terms: LeaseTerms,
        now: datetime,
        last_lease_at: datetime | None = None,
        *,
        is_leaving: bool = True,
    ) -> bool: ...


class KeptContract:
    """The contract of one customer."""

    def __init__(
        self,
        customer_id: str,
        *,
        ledger: Ledger,
        record: Record,
        default_terms: LeaseTerms,
        now: Callable[[], datetime],
    ) -> None:
        self._customer_id = customer_id
        self._ledger = ledger
        self._record = record
        self._default_terms = default_terms
        self._now = now

    async def check_owner(self, customer: Customer) -> None:
        """Raise CustomerExistsError when the vault of that id is another tenant's, whatever the ledger has lost: the
        restore points of two would mix."""
        stored = await self._record.newest()
        if stored is not None and stored.contract.customer.tenant_id != customer.tenant_id:
            raise CustomerExistsError(
                f"Customer {customer.id} has a vault, and it belongs to another tenant. Choose another id."
            )

    async def keep(self) -> None:
        """See to it that the vault tells what the ledger does. What the vault tells and the ledger has no word of is
        put back first: a ledger that was lost must not talk the vault out of it. Not so a departure: whoever may write
        to the container could end the backups with one. It stays in the vault until somebody decides. To be called at
        every change, at every run and once a day; safe to repeat. Raises VaultError, LedgerError."""
        contract = await self._ledger.contract(self._customer_id)
        for _ in range(_TRIES):
            if not await self._tell(contract):
                return
            # Somebody else may have agreed on something, and told the vault, before this was written over it.
            before, contract = contract, await self._ledger.contract(self._customer_id)
            if contract == before:
                return
        _log.warning(
            "%s: what is agreed changes faster than the vault is told; the next pass tells it", self._customer_id
        )

    async def _tell(self, contract: Contract) -> bool:
        stored = await self._record.newest(contract.customer.tenant_id)
        if stored is not None and stored.refused:
            _log.error("%s: %d records that name another tenant are refused", self._customer_id, stored.refused)
        if stored is not None and stored.contract != contract:
            back = await self._ledger.bring_back(stored.contract)
            if back.anything:
                _log.error("%s: the ledger had lost what was agreed, and has it back from the vault", self._customer_id)
                contract = await self._ledger.contract(self._customer_id)
        departure = await self._ledger.departure(self._customer_id) if contract.left_at else None
        undecided = await self._undecided(stored)
        if undecided and not contract.left_at:
            _log.error(
                "%s: the vault tells of a departure that the ledger does not know, so backups go on. POST recovery "
                "brings it back, DELETE departure takes it back",
                self._customer_id,
            )
            contract = replace(contract, left_at=undecided)
        days = contract.retention_days
        terms = self._default_terms if days is None else replace(self._default_terms, retention_days=days)
        last_lease_at = departure.last_lease_at if departure else None
        return await self._record.keep(
            contract, stored, terms, self._now(), last_lease_at, is_leaving=departure is not None
        )

    async def undecided_departure(self) -> datetime | None:
        """When the customer left by the vault's word, of which the ledger knows nothing. Raises VaultError,
        LedgerError."""
        contract = await self._ledger.contract(self._customer_id)
        return await self._undecided(await self._record.newest(contract.customer.tenant_id))

    async def _undecided(self, stored: StoredContract | None) -> datetime | None:
        if stored is None or stored.contract.left_at is None:
            return None
        return None if await self._ledger.knows_departure(self._customer_id) else stored.contract.left_at
