"""Retention, legal holds, departure and integrity checks of one customer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from shared_code.errors import SnapshotNotFoundError
from shared_code.model.check_report import ScrubReport, VerifyReport, damaged_items
from shared_code.model.damage import DamagedItem
from shared_code.model.lease import LeaseTerms
from shared_code.model.retention import Departure, ExpiryReport, LegalHold

_log = logging.getLogger(__name__)


class Keeping(Protocol):
    """The customer's container."""

    async def apply_holds(self, held_resources: Collection[str]) -> int: ...
    async def expire(self, now: datetime, held_resources: Collection[str]) -> ExpiryReport: ...
    async def begin_departure(self, now: datetime) -> Departure: ...
    async def close_departure(self, departure: Departure, now: datetime) -> Departure: ...
    async def resource_ids(self) -> list[str]: ...
    async def verify(self, resource_id: str, seq: int, retention_days: int) -> VerifyReport: ...
    async def scrub(self, resource_id: str, day: date, after: str) -> ScrubReport: ...


class Records(Protocol):
    """The ledger. Every write may be repeated."""

    async def terms(self, customer_id: str) -> LeaseTerms: ...
    async def set_retention_days(self, customer_id: str, retention_days: int) -> LeaseTerms: ...
    async def place_hold(self, hold: LegalHold) -> LegalHold: ...
    async def lift_hold(self, customer_id: str, resource_id: str, reason: str, at: datetime) -> LegalHold | None: ...
    async def holds(self, customer_id: str) -> list[LegalHold]: ...
    async def held_resources(self, customer_id: str) -> frozenset[str]: ...
    async def begin_departure(self, departure: Departure) -> Departure: ...
    async def save_departure(self, departure: Departure) -> None: ...
    async def departure(self, customer_id: str) -> Departure | None: ...
    async def save_expiry(self, customer_id: str, report: ExpiryReport) -> None: ...
    async def last_expiry(self, customer_id: str) -> ExpiryReport | None: ...


class DamageList(Protocol):
    """The damage list of a customer."""

    async def found(self, resource_id: str, items: Iterable[DamagedItem]) -> int: ...
    async def all(self, resource_id: str) -> list[DamagedItem]: ...
    async def resources(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class ScrubStep:
    """One step of a day's scrub: where the next begins. ``damaged`` counts what this step found."""

    resource_id: str
    after: str
    done: bool
    packs: int
    damaged: int


class CustomerRetention:
    """Everything here may be repeated: it looks at what is there and does what is missing."""

    def __init__(
        self,
        customer_id: str,
        *,
        keeping: Keeping,
        records: Records,
        damage: DamageList,
        now: Callable[[], datetime],
    ) -> None:
        self._customer_id = customer_id
        self._keeping = keeping
        self._records = records
        self._damage = damage
        self._now = now

    async def nightly(self) -> ExpiryReport:
        """Apply the legal holds, mark what has run out, look whether what was marked is gone, and whether a customer
        that has left is erased. Raises VaultError, LedgerError."""
        now = self._now()
        held = await self._records.held_resources(self._customer_id)
        await self._keeping.apply_holds(held)
        report = await self._keeping.expire(now, held)
        await self._records.save_expiry(self._customer_id, report)
        if report.needs_attention:
            _log.error(
                "%s: %d blobs are overdue for deletion, %d could not be marked",
                self._customer_id,
                report.overdue,
                report.refused,
            )
        departure = await self._records.departure(self._customer_id)
        if departure and departure.erased_at is None:
            await self._records.save_departure(await self._keeping.close_departure(departure, now))
        return report

    async def scrub(self, day: date, resource_id: str, after: str) -> ScrubStep | None:
        """Go on with the day's scrub behind pack ``after`` of ``resource_id`` (both empty: from the first resource);
        None when all resources are through."""
        resource_ids = await self._keeping.resource_ids()
        rest = [entry for entry in resource_ids if entry >= resource_id]
        if not rest:
            return None
        report = await self._keeping.scrub(rest[0], day, after if rest[0] == resource_id else "")
        damaged = await self._note(report.resource_id, report)
        if not report.done:
            return ScrubStep(rest[0], report.after, False, report.packs, damaged)
        # "~" follows every character that ids are made of: the next resource is the one behind it.
        return ScrubStep(f"{rest[0]}~", "", len(rest) == 1, report.packs, damaged)

    async def verify(self, resource_id: str, seq: int) -> VerifyReport:
        """Verify one snapshot and note what is damaged."""
        terms = await self._records.terms(self._customer_id)
        report = await self._keeping.verify(resource_id, seq, terms.retention_days)
        await self._note(resource_id, report)
        return report

    async def _note(self, resource_id: str, report: ScrubReport | VerifyReport) -> int:
        if not report.ok:
            kinds = ", ".join(sorted({str(damage.kind) for damage in report.damages}))
            _log.error("%s: %s is damaged: %s", self._customer_id, resource_id, kinds)
        return await self._damage.found(resource_id, damaged_items(report, self._now()))

    async def damaged(self) -> Sequence[DamagedItem]:
        """Everything that was ever found damaged, repaired or not."""
        return [item for resource in await self._damage.resources() for item in await self._damage.all(resource)]

    async def terms(self) -> LeaseTerms:
        """The customer's terms."""
        return await self._records.terms(self._customer_id)

    async def set_retention(self, retention_days: int) -> LeaseTerms:
        """Agree on another retention. A longer one renews all leases with the next backup; a shorter one holds for what
        is written from then on. Raises ConfigError, naming the arithmetic."""
        return await self._records.set_retention_days(self._customer_id, retention_days)

    async def hold(self, resource_id: str, reason: str) -> LegalHold:
        """Put a resource on hold, at once."""
        hold = await self._records.place_hold(LegalHold(self._customer_id, resource_id, reason, self._now()))
        await self._keeping.apply_holds(await self._records.held_resources(self._customer_id))
        return hold

    async def lift_hold(self, resource_id: str, reason: str) -> LegalHold:
        """Lift a hold, at once. Raises SnapshotNotFoundError when there is none of that reason."""
        hold = await self._records.lift_hold(self._customer_id, resource_id, reason, self._now())
        if hold is None:
            raise SnapshotNotFoundError("There is no such legal hold; the list of holds shows what there is.")
        await self._keeping.apply_holds(await self._records.held_resources(self._customer_id))
        return hold

    async def holds(self) -> list[LegalHold]:
        """All holds, lifted ones too."""
        return await self._records.holds(self._customer_id)

    async def leave(self) -> Departure:
        """The customer leaves: no run starts any more, and what is there runs out by itself."""
        present = await self._records.departure(self._customer_id)
        return present or await self._records.begin_departure(await self._keeping.begin_departure(self._now()))

    async def departure(self) -> Departure | None:
        """Whether and when the customer left."""
        return await self._records.departure(self._customer_id)

    async def last_expiry(self) -> ExpiryReport | None:
        """What the last nightly pass found."""
        return await self._records.last_expiry(self._customer_id)


def scrub_input(step: ScrubStep) -> Mapping[str, Any]:
    """Where the next step begins, for a payload."""
    return {"resource": step.resource_id, "after": step.after}
