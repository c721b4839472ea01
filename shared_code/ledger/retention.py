"""How long each customer's restore points live, what must not expire, who has left, and what the last passes found."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from azure.data.tables.aio import TableServiceClient

from shared_code.errors import CustomerErasedError, LedgerUnavailableError, RowExistsError
from shared_code.ledger.tables import Table
from shared_code.model.lease import LeaseTerms
from shared_code.model.resource import check_customer_id
from shared_code.model.retention import Departure, ExpiryReport, LegalHold

_TERMS = "terms"
_DEPARTURES = "departures"
_EXPIRY = "expiry"
_TRIES = 5


class RetentionLedger:
    """Tables: ``retention`` (partitions ``terms``, ``departures``, ``expiry``, a row a customer) and ``legalholds``
    (customer -> hold). Every write is safe to replay, late replays included. What was agreed on is never removed: a
    hold is lifted and a departure taken back by a time in its row, so that a row that is missing was lost."""

    def __init__(self, service: TableServiceClient, default_terms: LeaseTerms) -> None:
        self._table = Table(service, "retention")
        self._holds = Table(service, "legalholds")
        self._default_terms = default_terms

    # ---- retention

    async def terms(self, customer_id: str) -> LeaseTerms:
        """The terms of a customer: its own retention where it has one, else the default."""
        days = await self.own_retention_days(customer_id)
        return self._default_terms if days is None else replace(self._default_terms, retention_days=days)

    async def own_retention_days(self, customer_id: str) -> int | None:
        """What was agreed with this customer; None where the default holds."""
        row = await self._table.get(_TERMS, check_customer_id(customer_id))
        return int(row["retention_days"]) if row else None

    async def set_retention_days(self, customer_id: str, retention_days: int) -> LeaseTerms:
        """Agree on a retention of a customer's own; it holds from the next run on. Raises ConfigError for one that
        cannot be kept."""
        terms = replace(self._default_terms, retention_days=retention_days)
        await self._table.put(_TERMS, check_customer_id(customer_id), {"retention_days": retention_days})
        return terms

    async def add_retention_days(self, customer_id: str, retention_days: int) -> bool:
        """Note what was agreed on, unless something is noted already: then False. Raises ConfigError for what cannot be
        kept."""
        replace(self._default_terms, retention_days=retention_days)
        return await self._adds(_TERMS, customer_id, {"retention_days": retention_days})

    async def _adds(self, partition: str, customer_id: str, value: dict[str, Any]) -> bool:
        try:
            await self._table.insert(partition, check_customer_id(customer_id), value)
        except RowExistsError:
            return False
        return True

    # ---- legal holds

    async def place_hold(self, hold: LegalHold) -> LegalHold:
        """Put a resource on hold. A hold for the same reason that is not lifted stays as it is; one that was lifted
        before ``since`` begins again. Returns what holds now."""
        row = _hold_row(hold.resource_id, hold.reason)
        try:
            await self._holds.insert(hold.customer_id, row, hold.to_json())
        except RowExistsError:
            present = await self._hold(hold.customer_id, row)
            is_over = present is not None and present.lifted_at is not None and present.lifted_at < hold.since
            if present is not None and not is_over:
                return present
            await self._holds.put(hold.customer_id, row, hold.to_json())
        return hold

    async def add_hold(self, hold: LegalHold) -> bool:
        """Note a hold, unless one for the same reason is noted already, lifted or not: then False."""
        try:
            await self._holds.insert(hold.customer_id, _hold_row(hold.resource_id, hold.reason), hold.to_json())
        except RowExistsError:
            return False
        return True

    async def lift_hold(self, customer_id: str, resource_id: str, reason: str, at: datetime) -> LegalHold | None:
        """Lift the hold for that reason; None when there is none. One that is lifted already, or was placed after
        ``at``, stays as it is."""
        row = _hold_row(resource_id, reason)
        present = await self._hold(customer_id, row)
        if present is None or present.lifted_at is not None or present.since > at:
            return present
        lifted = replace(present, lifted_at=at)
        await self._holds.put(customer_id, row, lifted.to_json())
        return lifted

    async def holds(self, customer_id: str) -> list[LegalHold]:
        """Every hold of a customer, lifted ones too, the oldest first."""
        found = [LegalHold.from_json(row) for row in await self._holds.rows(check_customer_id(customer_id))]
        return sorted(found, key=lambda hold: (hold.since, hold.resource_id, hold.reason))

    async def held_resources(self, customer_id: str) -> frozenset[str]:
        """Ids of the resources with a hold that is not lifted."""
        return frozenset(hold.resource_id for hold in await self.holds(customer_id) if hold.lifted_at is None)

    async def _hold(self, customer_id: str, row: str) -> LegalHold | None:
        value = await self._holds.get(check_customer_id(customer_id), row)
        return LegalHold.from_json(value) if value else None

    # ---- departures

    async def begin_departure(self, departure: Departure) -> Departure:
        """Note that a customer leaves. Returns the departure that stands: the first one, unless that was taken back
        before this one."""
        if await self.add_departure(departure):
            return departure
        present = await self._noted_departure(departure.customer_id)
        if present is not None and (present.undone_at is None or present.undone_at >= departure.left_at):
            return present
        await self._table.put(_DEPARTURES, departure.customer_id, departure.to_json())
        return departure

    async def add_departure(self, departure: Departure) -> bool:
        """Note a departure, unless one is noted already, taken back or not: then False."""
        return await self._adds(_DEPARTURES, departure.customer_id, departure.to_json())

    async def save_departure(self, departure: Departure) -> None:
        """Note what a later look at it found. One that is erased, was taken back or is noted by another meanwhile stays
        as it is: the next look finds the same."""
        row = await self._table.get(_DEPARTURES, check_customer_id(departure.customer_id))
        if row is None:
            await self.add_departure(departure)
            return
        present = Departure.from_json(row)
        is_over = present.erased_at or present.undone_at or present.left_at != departure.left_at
        if not is_over:
            await self._table.exchange(_DEPARTURES, departure.customer_id, row, departure.to_json())

    async def undo_departure(self, customer_id: str, at: datetime) -> Departure | None:
        """Take a departure back; one that was taken back stays as it is, and None is of a customer that never left.
        Raises CustomerErasedError once it is erased, LedgerUnavailableError when others go on changing it."""
        for _ in range(_TRIES):
            row = await self._table.get(_DEPARTURES, check_customer_id(customer_id))
            present = Departure.from_json(row) if row else None
            if present is None or present.undone_at is not None:
                return present
            if present.erased_at is not None:
                raise CustomerErasedError(
                    f"Customer {customer_id} is erased: nothing is left to come back to. Onboard it under another id.",
                    customer_id=customer_id,
                )
            undone = replace(present, undone_at=at)
            if await self._table.exchange(_DEPARTURES, customer_id, row, undone.to_json()):
                return undone
        raise LedgerUnavailableError(f"The departure of {customer_id} is being changed by others. Try again.")

    async def departure(self, customer_id: str) -> Departure | None:
        """The departure of a customer; None for one that has not left, or has come back."""
        present = await self._noted_departure(customer_id)
        return present if present is not None and present.undone_at is None else None

    async def knows_departure(self, customer_id: str) -> bool:
        """Whether one is noted, taken back or not."""
        return await self._noted_departure(customer_id) is not None

    async def _noted_departure(self, customer_id: str) -> Departure | None:
        value = await self._table.get(_DEPARTURES, check_customer_id(customer_id))
        return Departure.from_json(value) if value else None

    # ---- what the last passes found

    async def save_expiry(self, customer_id: str, report: ExpiryReport) -> None:
        """Keep the report of a pass, unless a later one is there."""
        present = await self.last_expiry(customer_id)
        if present is None or present.at <= report.at:
            await self._table.put(_EXPIRY, customer_id, report.to_json())

    async def last_expiry(self, customer_id: str) -> ExpiryReport | None:
        """The report of the newest pass over a customer's container."""
        value = await self._table.get(_EXPIRY, check_customer_id(customer_id))
        return ExpiryReport.from_json(value) if value else None


def _hold_row(resource_id: str, reason: str) -> str:
    return json.dumps([resource_id, reason])
