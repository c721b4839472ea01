"""How long each customer's restore points live, what must not expire, who has left, and what the last passes found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from azure.data.tables.aio import TableServiceClient

from shared_code.errors import RowExistsError
from shared_code.ledger.tables import Table
from shared_code.model.lease import LeaseTerms
from shared_code.model.resource import check_customer_id
from shared_code.model.retention import Departure, ExpiryReport, LegalHold

_TERMS = "terms"
_DEPARTURES = "departures"
_EXPIRY = "expiry"
_SCRUB = "scrub"


class RetentionLedger:
    """Tables: ``retention`` (partitions ``terms``, ``departures``, ``expiry``, ``scrub``, a row a customer) and
    ``legalholds`` (customer -> hold). Every write is safe to replay, late replays included."""

    def __init__(self, service: TableServiceClient, default_terms: LeaseTerms) -> None:
        self._table = Table(service, "retention")
        self._holds = Table(service, "legalholds")
        self._default_terms = default_terms

    # ---- retention

    async def terms(self, customer_id: str) -> LeaseTerms:
        """The terms of a customer: its own retention where it has one, else the default."""
        row = await self._table.get(_TERMS, check_customer_id(customer_id))
        return replace(self._default_terms, retention_days=row["retention_days"]) if row else self._default_terms

    async def set_retention_days(self, customer_id: str, retention_days: int) -> LeaseTerms:
        """Agree on a retention of a customer's own; it holds from the next run on. Raises ConfigError for one that
        cannot be kept."""
        terms = replace(self._default_terms, retention_days=retention_days)
        await self._table.put(_TERMS, check_customer_id(customer_id), {"retention_days": retention_days})
        return terms

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
        """Note that a customer leaves. Returns the departure that stands: the first one."""
        try:
            await self._table.insert(_DEPARTURES, departure.customer_id, departure.to_json())
        except RowExistsError:
            return await self.departure(departure.customer_id) or departure
        return departure

    async def save_departure(self, departure: Departure) -> None:
        """Note what a later look at it found. One that is erased stays as it is."""
        present = await self.departure(departure.customer_id)
        if present is None or present.erased_at is None:
            await self._table.put(_DEPARTURES, departure.customer_id, departure.to_json())

    async def departure(self, customer_id: str) -> Departure | None:
        """The departure of a customer; None for one that has not left."""
        value = await self._table.get(_DEPARTURES, check_customer_id(customer_id))
        return Departure.from_json(value) if value else None

    async def departures(self) -> list[Departure]:
        """Every departure, by customer."""
        return [Departure.from_json(value) for value in await self._table.rows(_DEPARTURES)]

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

    async def save_scrub_position(self, customer_id: str, position: Mapping[str, Any]) -> None:
        """Note how far the scrub has come, in its own JSON."""
        await self._table.put(_SCRUB, check_customer_id(customer_id), dict(position))

    async def scrub_position(self, customer_id: str) -> Mapping[str, Any] | None:
        """What was noted last."""
        value: Mapping[str, Any] | None = await self._table.get(_SCRUB, check_customer_id(customer_id))
        return value


def _hold_row(resource_id: str, reason: str) -> str:
    return json.dumps([resource_id, reason])
