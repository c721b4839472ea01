"""Retention, legal holds, departure and integrity checks of one customer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

from shared_code.errors import ConfigError, HoldNotFoundError, ResourceNotFoundError, SnapshotNotFoundError
from shared_code.model.check_report import ScrubReport, VerifyReport, damaged_items
from shared_code.model.damage import DamagedItem
from shared_code.model.lease import LeaseTerms
from shared_code.model.resource import check_resource_id
from shared_code.model.retention import Departure, ExpiryReport, LegalHold

_log = logging.getLogger(__name__)


class Keeping(Protocol):
    """The customer's container."""

    async def apply_holds(self, held_resources: Collection[str]) -> dict[str, int]: ...
    async def release_holds(self, resources: Collection[str], *, is_last: bool) -> None: ...
    async def has_blobs(self, resource_id: str) -> bool: ...
    async def expire(self, now: datetime, held_resources: Collection[str]) -> ExpiryReport: ...
    async def begin_departure(self, now: datetime) -> Departure: ...
    async def close_departure(self, departure: Departure, now: datetime) -> Departure: ...
    async def resource_ids(self) -> list[str]: ...
    async def snapshot_numbers(self, resource_id: str) -> tuple[int, ...]: ...
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
    async def add_departure(self, departure: Departure) -> bool: ...
    async def save_departure(self, departure: Departure) -> None: ...
    async def undo_departure(self, customer_id: str, at: datetime) -> Departure | None: ...
    async def departure(self, customer_id: str) -> Departure | None: ...
    async def save_expiry(self, customer_id: str, report: ExpiryReport) -> None: ...
    async def last_expiry(self, customer_id: str) -> ExpiryReport | None: ...


class DamageList(Protocol):
    """The damage list of a customer."""

    async def found(self, resource_id: str, items: Iterable[DamagedItem]) -> int: ...
    async def all(self, resource_id: str) -> list[DamagedItem]: ...
    async def resources(self) -> list[str]: ...


class ResourceIndex(Protocol):
    """The ledger's index of resources."""

    async def knows(self, customer_id: str, resource_id: str) -> bool: ...


class ContractKeeping(Protocol):
    """What is agreed with the customer, in ledger and vault. See KeptContract."""

    async def keep(self) -> None: ...
    async def undecided_departure(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class ScrubStep:
    """One step of a day's scrub: where the next begins. ``damaged`` counts what this step found."""

    resource_id: str
    after: str
    done: bool
    packs: int
    damaged: int


class CustomerRetention:
    """Everything here may be repeated: it looks at what is there and does what is missing. ``most_retention_days`` is
    the most that may be agreed on."""

    def __init__(
        self,
        customer_id: str,
        *,
        keeping: Keeping,
        records: Records,
        index: ResourceIndex,
        contract: ContractKeeping,
        damage: DamageList,
        most_retention_days: int,
        now: Callable[[], datetime],
    ) -> None:
        self._customer_id = customer_id
        self._keeping = keeping
        self._records = records
        self._index = index
        self._contract = contract
        self._damage = damage
        self._most_retention_days = most_retention_days
        self._now = now

    async def nightly(self) -> ExpiryReport:
        """See to it that ledger and vault agree, apply the legal holds and finish what was lifted, mark what has run
        out, look whether what was marked is gone, and whether a customer that has left is erased. Raises VaultError,
        LedgerError."""
        now = self._now()
        await self._contract.keep()
        holds = await self._records.holds(self._customer_id)
        held = frozenset(hold.resource_id for hold in holds if hold.lifted_at is None)
        await self._keeping.apply_holds(held)
        await self._release(frozenset(hold.resource_id for hold in holds) - held)
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
        """Verify one snapshot and note what is damaged. Raises InvalidIdError, and SnapshotNotFoundError for a number
        outside of those that there are: one that is missing between them is damage."""
        numbers = await self._keeping.snapshot_numbers(check_resource_id(resource_id))
        if not numbers or not numbers[0] <= seq <= numbers[-1]:
            raise SnapshotNotFoundError(
                f"There is no snapshot {seq} of {resource_id}: list its snapshots to see which there are.",
                resource_id=resource_id,
                seq=seq,
            )
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
        asked = replace(await self._records.terms(self._customer_id), retention_days=retention_days)
        if retention_days > self._most_retention_days:
            raise ConfigError(
                [
                    f"R + C + M = {retention_days} + {asked.checkpoint_days} + {asked.margin_days} = "
                    f"{asked.lease_days} days, for which nobody could unlock what is written; R is at most "
                    f"{self._most_retention_days} days here (BACKUP_MOST_RETENTION_DAYS)"
                ]
            )
        terms = await self._records.set_retention_days(self._customer_id, retention_days)
        await self._contract.keep()
        return terms

    async def hold(self, resource_id: str, reason: str) -> tuple[LegalHold, int]:
        """Put a resource on hold, at once; with the number of blobs (versions) of it that are held now. Raises
        InvalidIdError, and ResourceNotFoundError for one that no run and no snapshot knows."""
        check_resource_id(resource_id)
        if not (await self._index.knows(self._customer_id, resource_id) or await self._keeping.has_blobs(resource_id)):
            raise ResourceNotFoundError(
                f"There is no resource {resource_id}, so nothing would be held; the list of resources shows what there "
                "is.",
                resource_id=resource_id,
            )
        hold = await self._records.place_hold(LegalHold(self._customer_id, resource_id, reason, self._now()))
        counts = await self._keeping.apply_holds([resource_id])
        await self._contract.keep()
        return hold, counts[resource_id]

    async def lift_hold(self, resource_id: str, reason: str) -> LegalHold:
        """Lift a hold, at once: the resource is released if it was the last one. What is cut is finished by a repeat or
        by the daily pass. Raises InvalidIdError, and HoldNotFoundError when there is none of that reason."""
        check_resource_id(resource_id)
        hold = await self._records.lift_hold(self._customer_id, resource_id, reason, self._now())
        if hold is None:
            raise HoldNotFoundError(
                f"There is no legal hold of {resource_id} for that reason; the list of holds shows what there is.",
                resource_id=resource_id,
            )
        await self._contract.keep()  # first: what the ledger has lost may name another hold of it
        await self._release(frozenset({resource_id}))
        return hold

    async def _release(self, lifted: frozenset[str]) -> None:
        """Release what has no hold any more. A hold that is placed meanwhile is in the ledger before it is set on the
        first blob: one that is not there when this has ended finds all that is released and sets it."""
        held = await self._records.held_resources(self._customer_id)
        if not lifted - held:
            return
        await self._keeping.release_holds(lifted - held, is_last=not held)
        placed = await self._records.held_resources(self._customer_id) - held
        if placed:
            await self._keeping.apply_holds(placed)

    async def holds(self) -> list[LegalHold]:
        """All holds, lifted ones too."""
        return await self._records.holds(self._customer_id)

    async def leave(self) -> Departure:
        """The customer leaves: no run starts any more, one that is under way ends with its round, and what is there
        runs out by itself."""
        present = await self._records.departure(self._customer_id)
        if present is None:
            present = await self._records.begin_departure(await self._keeping.begin_departure(self._now()))
        await self._contract.keep()
        return present

    async def come_back(self) -> Departure | None:
        """Take the departure back: backups go on, and leases are renewed by the next ones. None for a customer that
        never left. So is a departure settled of which the vault alone tells. Raises CustomerErasedError once it is
        erased."""
        now = self._now()
        undone = await self._records.undo_departure(self._customer_id, now)
        if undone is None:
            left_at = await self._contract.undecided_departure()
            if left_at is None:
                return None
            told = replace(await self._keeping.begin_departure(now), left_at=left_at, undone_at=now)
            await self._records.add_departure(told)
            undone = await self._records.undo_departure(self._customer_id, now)
        if undone is not None:
            await self._contract.keep()
        return undone

    async def departure(self) -> Departure | None:
        """Whether and when the customer left."""
        return await self._records.departure(self._customer_id)

    async def last_expiry(self) -> ExpiryReport | None:
        """What the last nightly pass found."""
        return await self._records.last_expiry(self._customer_id)
