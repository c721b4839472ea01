"""A checkpoint: segments merged into a new base, packs that are mostly dead rewritten, all that lives leased anew.

It may take several slices. Every step can be cut and done again: what is rewritten no longer names the old packs, a
base is written before it is named, and leases that reach far enough are left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from shared_code.backup.budget import Meter
from shared_code.backup.ports import CatalogLookup, Vault
from shared_code.backup.state import SliceState
from shared_code.errors import BlobNotFoundError, IntegrityError
from shared_code.model.lease import LeaseTerms, StoredBlob
from shared_code.model.snapshot import SegmentKind

PackKey = tuple[str, str]

# What is rewritten rests twice until the old pack's lease runs out, R + M later: it has to pay for that. Where a
# hundredth of everything changes daily and evenly, the bytes kept in the long run, (T + R + M) / (1 - e^(-T/100)) for a
# pack that is rewritten after T days, are fewest when a third of it lives; rewriting at a half would copy two fifths of
# a resource within one retention. Merging small packs saves a renewal a month each (0.055 USD per 10,000 in the hot
# tier, July 2024): from 256 KiB on, months of a second copy (0.0208 USD per GB and month) cost more.
_LEAST_LIVING_SHARE = 1 / 3
_SMALL_PACK_BYTES = 256 * 1024
_SMALL_PACKS_KEPT = 3
_log = logging.getLogger(__name__)


class Checkpointer:
    """Works on the state of one slice, in which every feed is finished and nothing waits."""

    def __init__(
        self, vault: Vault, state: SliceState, meter: Meter, terms: LeaseTerms, now: Callable[[], datetime]
    ) -> None:
        self._vault = vault
        self._state = state
        self._meter = meter
        self._terms = terms
        self._now = now

    @property
    def is_due(self) -> bool:
        """Whether the snapshot may only be committed as a checkpoint."""
        return self._state.checkpointing is not None or self._terms.checkpoint_due(self._state.checkpoint, self._now())

    async def run(self) -> bool:
        """Go on with the checkpoint; True when it is done, False when another slice has to follow (the budget is
        spent, or damaged items have to be fetched first). Raises VaultError."""
        state, now = self._state, self._now()
        if state.checkpointing is None or self._terms.checkpoint_due(state.checkpointing, now):
            state.checkpointing, state.merged = self._terms.mark(now), False
        if not state.merged:
            if not await self._repack():
                return False
            base = await self._vault.merge(state.resource, state.seq, state.slice_number, state.all_segments)
            state.inherited, state.segments, state.merged = (), (base,) if base else (), True
        return await self._renew()

    async def _repack(self) -> bool:
        """Rewrite what lives in weak packs; False when there is more to do first."""
        state = self._state
        catalog = await self._vault.open_catalog(state.all_segments)
        writer = self._vault.open_slice(state.resource, state.seq, state.slice_number)
        try:
            weak = weak_packs(await catalog.live_packs(), await self._stored_packs(), self._begun_at)
            if not weak:
                return True
            is_done = True
            async for version in catalog.holders(weak):
                try:
                    await writer.rewrite(version, weak)
                except (IntegrityError, BlobNotFoundError) as error:
                    _log.warning("a damaged item of %s is fetched again: %s", state.resource.id, error)
                    if (version.feed, version.change.item_id) not in state.failures:
                        state.fetch_again(version)
                self._meter.add(items=1, read_bytes=sum(entry.size_bytes for entry in version.representations))
                if self._meter.spent:
                    is_done = False
                    break
            segment = await writer.close(SegmentKind.DELTA)
            state.count(written_bytes=writer.written_bytes)
            if segment:
                state.segments += (segment,)
            return is_done and not state.pending
        finally:
            await writer.abort()
            await catalog.aclose()

    async def _renew(self) -> bool:
        """Lease anew what lives, and after a raised retention everything that is leased; False when there is more
        to do first."""
        state, now = self._state, self._now()
        catalog = await self._vault.open_catalog(state.all_segments)
        try:
            live = set(await catalog.live_packs())
            least = self._terms.until(self._begun_at)
            was_raised = self._terms.retention_days > state.checkpoint.retention_days
            present: set[PackKey] = set()
            async for blob in self._vault.stored(state.resource):
                key = (blob.name, blob.version_id)
                is_leased = blob.leased_until is not None and blob.leased_until > now
                if key not in live and not (was_raised and is_leased):
                    continue
                if blob.leased_until is None or blob.leased_until < least:
                    try:
                        await self._vault.extend_lease(blob.name, blob.version_id, self._terms.until(now))
                    except BlobNotFoundError:
                        continue
                    self._meter.add(items=1)
                    if self._meter.spent:
                        return False
                present.add(key)
            await self._fetch_lost(catalog, live - present)
            return not state.pending
        finally:
            await catalog.aclose()

    async def _fetch_lost(self, catalog: CatalogLookup, lost: set[PackKey]) -> None:
        if not lost:
            return
        _log.error("%s has lost %d packs; what was in them is fetched again", self._state.resource.id, len(lost))
        async for version in catalog.holders(lost):
            if (version.feed, version.change.item_id) not in self._state.failures:
                self._state.fetch_again(version)

    async def _stored_packs(self) -> Mapping[PackKey, StoredBlob]:
        return {
            (blob.name, blob.version_id): blob
            async for blob in self._vault.stored(self._state.resource)
            if "/packs/" in blob.name
        }

    @property
    def _begun_at(self) -> datetime:
        mark = self._state.checkpointing
        return mark.at if mark else self._now()


def weak_packs(
    live: Mapping[PackKey, int], stored: Mapping[PackKey, StoredBlob], begun_at: datetime
) -> frozenset[PackKey]:
    """Which packs to rewrite. Pure. Packs that this checkpoint wrote are not among them, so it comes to an end."""
    old = {key: blob for key, blob in stored.items() if key in live and blob.created_at < begun_at}
    weak = {key for key, blob in old.items() if live[key] < blob.size_bytes * _LEAST_LIVING_SHARE}
    small = {key for key, blob in old.items() if blob.size_bytes < _SMALL_PACK_BYTES}
    return frozenset(weak | small if len(small) > _SMALL_PACKS_KEPT else weak)
