"""Copies one resource, a slice at a time: feeds -> changes -> contents -> vault -> commit.

Everything between two commits can be lost and done again: what a slice wrote is nothing until a progress record or
a snapshot names it, and both are create-only. Write order: packs, segment, progress or snapshot.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from shared_code.backup.batch import BATCH_ITEMS, BatchCopier, bury
from shared_code.backup.budget import Meter, SliceBudget
from shared_code.backup.checkpoint import Checkpointer
from shared_code.backup.pages_ahead import PagesAhead
from shared_code.backup.ports import Damage, SliceWriter, Source, Vault
from shared_code.backup.slice_records import Start, first_state, progress_of, snapshot_of, state_after
from shared_code.backup.state import SliceState
from shared_code.errors import BlobExistsError, BlobNotFoundError, IntegrityError, ThrottledError
from shared_code.model.item import ItemVersion
from shared_code.model.lease import LeaseTerms
from shared_code.model.resource import Resource
from shared_code.model.run import ResourceOutcome
from shared_code.model.snapshot import Newest, SegmentRef

# A store that damages what was just written must not be written to for ever.
_MOST_ANEW = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SliceResult:
    """``outcome`` is there when the resource is done; else another slice has to follow."""

    outcome: ResourceOutcome | None = None

    @property
    def done(self) -> bool:
        """Whether the snapshot is committed."""
        return self.outcome is not None


class ResourceCopier:
    """The backup of one customer's resources of one kind."""

    def __init__(
        self,
        customer_id: str,
        vault: Vault,
        source: Source,
        damage: Damage,
        terms: LeaseTerms,
        budget: SliceBudget,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._customer_id = customer_id
        self._vault = vault
        self._source = source
        self._damage = damage
        self._terms = terms
        self._budget = budget
        self._now = now
        self._monotonic = monotonic

    async def run_slice(self, resource: Resource, run_id: str) -> SliceResult:
        """Do one slice of work for ``resource`` and commit it.

        Safe to replay and to run twice at once: after a commit of this run it only reports it, and of two that
        write the same slice one wins and the other ends without a trace but unnamed blobs. Raises SourceError when
        the resource is out of reach, VaultError when the store is.
        """
        newest, damaged = await asyncio.gather(self._vault.newest(resource), self._damage.damaged(resource.id))
        if newest.unreadable:
            _log.error("the records of snapshots %s of %s are damaged", newest.unreadable, resource.id)
            await self._damage.reopen(resource.id, newest.unreadable)
            damaged = await self._damage.damaged(resource.id)
        if newest.snapshot and newest.snapshot.run_id == run_id:
            return SliceResult(ResourceOutcome.of(newest.snapshot))
        state = await self._begin(resource, run_id, newest)
        state.damaged = frozenset(damaged)
        state.lower_marks(self._terms, self._now())
        try:
            return await self._slice(state)
        except (IntegrityError, BlobNotFoundError):
            if not state.all_segments or state.times_begun_anew >= _MOST_ANEW:
                raise
            _log.exception("the catalog of %s is damaged: it is backed up anew", resource.id)
            return await self._commit_progress(self._begun_anew(state))

    async def _slice(self, state: SliceState) -> SliceResult:
        meter = Meter(self._budget, self._monotonic)
        if not await self._work(state, meter):
            return await self._commit_progress(state)
        await self._bury(state)
        checkpoint = Checkpointer(self._vault, state, meter, self._terms, self._now)
        if checkpoint.is_due and not await checkpoint.run():
            return await self._commit_progress(state)
        return await self._commit_snapshot(state)

    async def _begin(self, resource: Resource, run_id: str, newest: Newest) -> SliceState:
        """Go on from the last progress record; or begin anew, on the last snapshot if what it names is certain to be
        there still."""
        now, latest, seq = self._now(), newest.snapshot, newest.next_seq
        furthest = await self._vault.furthest(resource, seq)
        if furthest.progress and self._terms.can_build_on(furthest.progress.checkpoint, now):
            return state_after(furthest.progress, furthest.next_slice, resource, run_id)
        roots = self._source.root_feeds()
        start = Start(self._customer_id, resource, run_id, now, roots, self._terms, seq, furthest.next_slice)
        if latest and not self._terms.can_build_on(latest.checkpoint, now):
            _log.warning("%s is backed up anew: its last checkpoint was at %s", resource.id, latest.checkpoint.at)
            latest = None
        return first_state(start, latest)

    def _begun_anew(self, state: SliceState) -> SliceState:
        """With what the slice after this one begins from nothing."""
        roots, now = self._source.root_feeds(), self._now()
        start = Start(
            self._customer_id, state.resource, state.run_id, now, roots, self._terms, state.seq, state.slice_number
        )
        return replace(first_state(start, None), times_begun_anew=state.times_begun_anew + 1)

    async def _fetch_damaged(self, state: SliceState) -> None:
        """Put what verification has found damaged first in line of a new snapshot."""
        keys = sorted(state.damaged)
        if not keys or not state.begins:
            return
        catalog = await self._vault.open_catalog(state.all_segments)
        try:
            stored = (await catalog.previous(keys, [])).by_key
        finally:
            await catalog.aclose()
        for key in keys:
            version = stored.get(key)
            if version and not version.change.deleted:
                state.fetch_again(version)
            else:
                state.repaired.add(key)

    async def _work(self, state: SliceState, meter: Meter) -> bool:
        """Work until the budget is spent (False) or all is copied (True); the slice's segment is written."""
        await self._fetch_damaged(state)
        writer = self._vault.open_slice(state.resource, state.seq, state.slice_number)
        try:
            expired = await self._copy(state, writer, meter)
            self._add_segment(state, await writer.close(state.segment_kind))
            state.count(written_bytes=writer.written_bytes)
        finally:
            await writer.abort()
        state.relist({*expired, *state.reappeared})
        return not (state.partial or state.pending or state.unfinished())

    async def _copy(self, state: SliceState, writer: SliceWriter, meter: Meter) -> list[str]:
        """Copy until the budget is spent or nothing is left; returns the feeds whose cursor has expired."""
        batches = BatchCopier(self._vault, self._source, state, writer, meter)
        pages = PagesAhead(self._source, state)
        expired: list[str] = []
        try:
            while not meter.spent and not expired:
                if state.partial or state.pending:
                    if len(state.pending) <= BATCH_ITEMS:
                        pages.begin()
                    await batches.copy_next()
                elif pages.begin():
                    expired = await pages.take()
                else:
                    break
        except ThrottledError:
            if not meter.has_counted:
                raise
            # What was done is kept. The next slice hears whether the source wants to be left alone still.
            _log.info("a slice of %s ends early: the source asks to slow down", state.resource.id)
        finally:
            await pages.aclose()
            await batches.aclose()
        return expired

    async def _commit_progress(self, state: SliceState) -> SliceResult:
        try:
            await self._vault.commit_progress(progress_of(state))
        except BlobExistsError:
            _log.info("slice %s of %s was committed elsewhere", state.slice_number, state.resource.id)
        return SliceResult()

    async def _commit_snapshot(self, state: SliceState) -> SliceResult:
        snapshot = snapshot_of(state, self._now())
        try:
            await self._vault.commit_snapshot(snapshot)
        except BlobExistsError:
            winner = (await self._vault.newest(state.resource)).snapshot
            if winner is None or winner.seq < state.seq:
                raise
            _log.info("snapshot %s of %s was committed elsewhere", state.seq, state.resource.id)
            snapshot = winner
        if state.repaired:
            await self._damage.repaired(state.resource.id, sorted(state.repaired), snapshot.seq)
        return SliceResult(ResourceOutcome.of(snapshot))

    async def _bury(self, state: SliceState) -> None:
        """Write tombstones for what is gone without a word: below deleted folders, or missing in a new listing."""
        state.doubt_skips()
        relisted = state.relisted()
        if not relisted and not state.folder_gone:
            return
        gone: list[ItemVersion] = []
        catalog = await self._vault.open_catalog(state.all_segments)
        try:
            gone = [version async for version in catalog.to_bury(relisted)]
        finally:
            await catalog.aclose()
        state.buried()
        if not gone:
            return
        writer = self._vault.open_slice(state.resource, state.seq, state.slice_number)
        try:
            for version in gone:
                await bury(state, writer, version)
            state.folder_gone = False  # all that is below it is buried now
            self._add_segment(state, await writer.close(state.segment_kind))
        finally:
            await writer.abort()

    @staticmethod
    def _add_segment(state: SliceState, segment: SegmentRef | None) -> None:
        if segment:
            state.segments += (segment,)
