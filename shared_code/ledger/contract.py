"""What was agreed with a customer, put together from the ledger's tables, and put back into them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from shared_code.errors import ConfigError
from shared_code.ledger.customers import CustomerLedger
from shared_code.ledger.protection import ProtectionLedger
from shared_code.ledger.retention import RetentionLedger
from shared_code.model.contract import BroughtBack, Contract
from shared_code.model.retention import Departure, LegalHold

_log = logging.getLogger(__name__)


class ContractLedger:
    """No table of its own. ``most_retention_days`` is the most that may be agreed on."""

    def __init__(
        self,
        customers: CustomerLedger,
        retention: RetentionLedger,
        protection: ProtectionLedger,
        most_retention_days: int,
    ) -> None:
        self._customers = customers
        self._retention = retention
        self._protection = protection
        self._most_retention_days = most_retention_days

    async def contract(self, customer_id: str) -> Contract:
        """What is agreed now. Raises CustomerNotFoundError."""
        holds = [hold for hold in await self._retention.holds(customer_id) if hold.lifted_at is None]
        departure = await self._retention.departure(customer_id)
        return Contract(
            await self._customers.get(customer_id),
            await self._retention.own_retention_days(customer_id),
            await self._protection.own_settings(customer_id),
            tuple(sorted(holds, key=lambda hold: (hold.resource_id, hold.reason))),
            departure.left_at if departure else None,
        )

    async def departure(self, customer_id: str) -> Departure | None:
        """The departure of a customer; None for one that has not left."""
        return await self._retention.departure(customer_id)

    async def knows_departure(self, customer_id: str) -> bool:
        """Whether a departure is noted, taken back or not."""
        return await self._retention.knows_departure(customer_id)

    async def bring_back(
        self, told: Contract, inventory: Callable[[], Awaitable[Departure]] | None = None
    ) -> BroughtBack:
        """Put back what ``told`` says and the ledger has no word of at all. What it has stays, a hold that was lifted
        and a departure that was taken back among it: nothing of that is ever removed from the ledger. A retention that
        could not be agreed on here is not brought back either. ``inventory`` looks at what the customer's container
        holds, for a departure; without it a departure stays where it is. Safe to repeat."""
        customer_id = told.customer.id
        days, protection = told.retention_days, told.protection
        left_at = told.left_at if inventory else None
        if days is not None and not await self._adds_retention(customer_id, days):
            days = None
        if protection is not None and not await self._protection.add(customer_id, protection):
            protection = None
        holds = tuple([hold for hold in told.holds if await self.add_hold(hold)])
        if left_at is not None and inventory is not None:
            is_new = not await self._retention.knows_departure(customer_id)
            if not is_new or not await self._retention.add_departure(replace(await inventory(), left_at=left_at)):
                left_at = None
        return BroughtBack(days, protection, holds, left_at)

    async def add_hold(self, hold: LegalHold) -> bool:
        """Note a hold that the ledger has no word of; False when it has, of a lifted one too."""
        return await self._retention.add_hold(hold)

    async def holds(self, customer_id: str) -> list[LegalHold]:
        """Every hold of a customer, lifted ones too."""
        return await self._retention.holds(customer_id)

    async def _adds_retention(self, customer_id: str, days: int) -> bool:
        if days > self._most_retention_days:
            _log.error(
                "%s: the vault tells of a retention of %d days, which is more than may be agreed on "
                "(BACKUP_MOST_RETENTION_DAYS is %d): it is not brought back",
                customer_id,
                days,
                self._most_retention_days,
            )
            return False
        try:
            return await self._retention.add_retention_days(customer_id, days)
        except ConfigError as error:
            _log.error("%s: the vault tells of a retention that cannot be kept: %s", customer_id, error.message)
            return False
