"""The use case: look into the vault, ask for a restore, do it slice by slice, close it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from shared_code.errors import InvalidSelectionError, LedgerUnavailableError, RestoreEndedError
from shared_code.model.resource import ResourceKind
from shared_code.model.restore import IdempotencyKey, Restore, RestoreRequest, RestoreState, RestoreSummary, Selection
from shared_code.model.snapshot import Snapshot
from shared_code.restore.browsing import Browsing
from shared_code.restore.ports import Archive, CatalogReader, RestoreJournal, Target
from shared_code.restore.position import Position
from shared_code.restore.request_check import check_request, kind_of
from shared_code.restore.results import DamagedPoint, FolderView, RestoreBudget, RestorePoint, RestoreStep
from shared_code.restore.slice import PAGE_ITEMS, RestoreSlice
from shared_code.restore.starting import record_once, restore_of_key
from shared_code.restore.totals import closed, counts_of

_LONGEST_ERROR = 1_000
# A running record changes once, when its items are counted.
_TRIES = 5


class Restores:
    """All restores of one customer. ``clock`` gives aware UTC times; ``browse_gate`` and ``start_gate``, for those who
    look and those who start one, are as in Browsing, and slices wait at neither. Safe to share among the tasks of one
    event loop; keeps nothing between calls.
    """

    def __init__(
        self,
        archive: Archive,
        targets: Mapping[ResourceKind, Target],
        journal: RestoreJournal,
        budget: RestoreBudget,
        clock: Callable[[], datetime],
        browse_gate: asyncio.Semaphore,
        start_gate: asyncio.Semaphore,
    ) -> None:
        self._archive = archive
        self._targets = targets
        self._journal = journal
        self._budget = budget
        self._clock = clock
        self._browsing = Browsing(archive, browse_gate)
        self._starting = Browsing(archive, start_gate)

    async def snapshots(self, resource_id: str) -> tuple[RestorePoint | DamagedPoint, ...]:
        """A resource's restore points, newest first. Raises SnapshotNotFoundError when there are none."""
        return await self._browsing.snapshots(resource_id)

    async def resolve(self, resource_id: str, *, seq: int | None = None, at: datetime | None = None) -> Snapshot:
        """As Browsing.resolve."""
        return await self._browsing.resolve(resource_id, seq=seq, at=at)

    async def folder(self, resource_id: str, seq: int, parent_id: str, limit: int, token: str = "") -> FolderView:
        """As Browsing.folder."""
        return await self._browsing.folder(resource_id, seq, parent_id, limit, token)

    async def of_key(self, customer_id: str, key: IdempotencyKey) -> Restore | None:
        """As restore_of_key."""
        return await restore_of_key(self._journal, customer_id, key)

    async def start(self, request: RestoreRequest, key: IdempotencyKey | None = None) -> Restore:
        """Check the whole request against the snapshot, then record it, as record_once does. Nothing is written to the
        tenant yet.

        Raises InvalidIdError, InvalidSelectionError, SnapshotNotFoundError, SnapshotUnreadableError, VaultBusyError,
        RestoreInProgressError, KeyReusedError. A repetition with the same id finds what the first one recorded.
        """
        check_request(request)
        self._target_of(request)
        selection = Selection(
            request.selection.everything,
            tuple(dict.fromkeys(request.selection.folder_ids)),
            tuple(dict.fromkeys(request.selection.item_ids)),
        )
        snapshot = await self.resolve(request.resource_id, seq=request.seq)
        async with self._starting.reader(snapshot) as reader:
            await reader.selected(selection, "", 1)  # raises when an id is not in the snapshot
        restore = Restore(replace(request, selection=selection), RestoreState.RUNNING, self._clock())
        return await record_once(self._journal, restore, key)

    async def cancel(self, customer_id: str, restore_id: str) -> Restore | None:
        """Ask a restore to stop: its next batch is not begun. Returns its record. Safe to replay; raises
        RestoreEndedError for one that has ended in another way."""
        restore = await self._journal.get(customer_id, restore_id)
        if restore is None or restore.state is RestoreState.CANCELLED:
            return restore
        if restore.state is not RestoreState.RUNNING:
            raise RestoreEndedError(
                f"This restore has ended ({restore.state}), so there is nothing to cancel; what it wrote stays.",
                restore_id=restore_id,
            )
        await self._journal.ask_to_cancel(restore_id)
        return restore

    async def cancel_asked(self, restore_id: str) -> bool:
        """Whether a restore is to stop."""
        return await self._journal.cancel_asked(restore_id)

    async def record(self, customer_id: str, restore_id: str) -> Restore | None:
        """The record alone, for a slice."""
        return await self._journal.get(customer_id, restore_id)

    async def noted_running(self, customer_id: str, restore_id: str) -> Restore | None:
        """The record of a restore that the journal counts among those that run; None, and it is counted no more, when
        it has ended. None, too, while its record is still to be written."""
        restore = await self._journal.get(customer_id, restore_id)
        if restore is None or restore.state is RestoreState.RUNNING:
            return restore
        await self._journal.not_running(customer_id, restore_id)
        return None

    async def status(self, customer_id: str, restore_id: str) -> Restore | None:
        """The record of a restore; while it runs, with the sums of its journal so far."""
        restore = await self._journal.get(customer_id, restore_id)
        if restore is None or restore.state is not RestoreState.RUNNING:
            return restore
        entries = await self._journal.entries(restore_id)
        return replace(restore, counts=counts_of(entries, restore.counts.planned))

    async def newest(self, customer_id: str, limit: int) -> tuple[RestoreSummary, ...]:
        """Restores, the last begun first, without their requests and problems."""
        return await self._journal.newest(customer_id, limit)

    async def restore_slice(self, request: RestoreRequest, position: str) -> RestoreStep:
        """Do one step of at most the budget from ``position`` (empty: the start) and tell where the next
        begins.

        A replay from the same position neither loses nor doubles anything. Raises SourceError, VaultError
        and LedgerError for what concerns the whole resource, SnapshotUnreadableError, and TargetConflictError when the
        named folder cannot be had.
        """
        snapshot = await self.resolve(request.resource_id, seq=request.seq)
        reader = await self._archive.open_reader(snapshot.segments)
        try:
            if not position:
                await self._note_planned(request, reader)
            step = RestoreSlice(
                request,
                self._archive,
                reader,
                self._target_of(request).open(snapshot.resource),
                self._journal,
                self._budget,
                self._clock,
            )
            return await step.run(Position.parse(position))
        finally:
            await reader.aclose()

    async def close(self, request: RestoreRequest, *, cancelled: bool = False) -> Restore:
        """Sum up from the journal and record the verdict, or that it was ``cancelled``. A restore that has ended stays
        as it is."""
        return await self._end(request, lambda end: replace(end, state=RestoreState.CANCELLED) if cancelled else end)

    async def fail(self, request: RestoreRequest, error: str) -> Restore:
        """Record that a restore broke off, with what it had done until then. A restore that has ended stays
        as it is."""
        error = error[:_LONGEST_ERROR]
        return await self._end(request, lambda end: replace(end, state=RestoreState.FAILED, error=error))

    async def _end(self, request: RestoreRequest, verdict: Callable[[Restore], Restore]) -> Restore:
        for _ in range(_TRIES):
            restore = await self._recorded(request)
            if restore.state is not RestoreState.RUNNING:
                return restore
            items = await self._journal.entries(request.id)
            folders = await self._journal.folders(request.id)
            ended = verdict(closed(restore, items, folders, self._clock()))
            if await self._journal.exchange(restore, ended):
                return ended
        raise LedgerUnavailableError(
            "The record of the restore changes all the time. Try again.", restore_id=request.id
        )

    async def _recorded(self, request: RestoreRequest) -> Restore:
        restore = await self._journal.get(request.customer_id, request.id)
        return restore or await self._journal.create(Restore(request, RestoreState.RUNNING, self._clock()))

    async def _note_planned(self, request: RestoreRequest, reader: CatalogReader) -> None:
        restore = await self._recorded(request)
        if restore.counts.planned or restore.state is not RestoreState.RUNNING:
            return
        planned = await _count(reader, request.selection)
        # Counting takes its time: one that has ended or that was counted meanwhile stays as it is.
        await self._journal.exchange(restore, replace(restore, counts=replace(restore.counts, planned=planned)))

    def _target_of(self, request: RestoreRequest) -> Target:
        target = self._targets.get(kind_of(request.resource_id))
        if target is None:
            raise InvalidSelectionError("Nothing of that kind of resource can be restored yet.")
        return target


async def _count(reader: CatalogReader, selection: Selection) -> int:
    if selection.everything:
        return await reader.count()
    total, after = 0, ""
    while True:
        page = await reader.selected(selection, after, PAGE_ITEMS * 10)
        total += len(page)
        if not page:
            return total
        after = page[-1].change.item_id
