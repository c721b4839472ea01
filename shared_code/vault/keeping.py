"""What is done with a customer's container besides backups and restores: a thin facade."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, datetime
from pathlib import Path

from shared_code.model.check_report import ScrubReport, VerifyReport
from shared_code.model.retention import Departure, ExpiryReport
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.expiry import expire
from shared_code.vault.holds import apply_holds, has_blobs, release_holds
from shared_code.vault.inventory import begin_departure, close_departure
from shared_code.vault.recover import resource_ids
from shared_code.vault.scrub import PackScrubber, ScrubBudget
from shared_code.vault.snapshots import SnapshotRecords
from shared_code.vault.verify import SnapshotVerifier


class VaultKeeping:
    """Satisfies ``Keeping`` of the service. Methods raise VaultError and may be repeated."""

    def __init__(self, store: BlobStore, customer_id: str, temp_dir: Path, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._customer_id = customer_id
        self._records = SnapshotRecords(store, customer_id)
        self._verifier = SnapshotVerifier(store, customer_id, temp_dir)
        self._scrubber = PackScrubber(store, customer_id, temp_dir, monotonic)

    async def apply_holds(self, held_resources: Collection[str]) -> dict[str, int]:
        """See holds.apply_holds."""
        return await apply_holds(self._store, held_resources)

    async def release_holds(self, resources: Collection[str], *, is_last: bool) -> None:
        """See holds.release_holds."""
        await release_holds(self._store, resources, is_last=is_last)

    async def has_blobs(self, resource_id: str) -> bool:
        """See holds.has_blobs."""
        return await has_blobs(self._store, resource_id)

    async def expire(self, now: datetime, held_resources: Collection[str]) -> ExpiryReport:
        """See expiry.expire."""
        return await expire(self._store, now, held_resources)

    async def begin_departure(self, now: datetime) -> Departure:
        """See inventory.begin_departure."""
        return await begin_departure(self._store, self._customer_id, now)

    async def close_departure(self, departure: Departure, now: datetime) -> Departure:
        """See inventory.close_departure."""
        return await close_departure(self._store, departure, now)

    async def resource_ids(self) -> list[str]:
        """Every resource that has a snapshot, from the blobs alone."""
        return sorted(await resource_ids(self._store))

    async def snapshot_numbers(self, resource_id: str) -> tuple[int, ...]:
        """Numbers of a resource's snapshots, oldest first."""
        return await self._records.numbers(resource_id)

    async def verify(self, resource_id: str, seq: int, retention_days: int) -> VerifyReport:
        """See SnapshotVerifier.verify."""
        return await self._verifier.verify(resource_id, seq, retention_days)

    async def scrub(self, resource_id: str, day: date, after: str) -> ScrubReport:
        """See PackScrubber.scrub; one activity's worth of work."""
        return await self._scrubber.scrub(resource_id, day, after, ScrubBudget())
