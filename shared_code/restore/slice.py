"""One resumable step of a restore: folders first, then items batch by batch, everything noted in the journal.

An activity that ran and whose result was lost runs again from the same position. The journal makes that
harmless: folders are remembered by id, items that are done are passed over, and items that were begun and
not ended are written with ``tried_before``, so that the target looks before it writes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from shared_code.errors import BlobNotFoundError
from shared_code.model.item import Form, ItemKind, ItemVersion
from shared_code.model.restore import RestoreRequest, TargetKind
from shared_code.model.write_back import JournalEntry, RestoreItem, WriteState, Written
from shared_code.restore.folders import TargetFolders, make_folders
from shared_code.restore.ports import Archive, CatalogReader, RestoreJournal, TargetSession
from shared_code.restore.position import Position
from shared_code.restore.results import RestoreBudget, RestoreStep

PAGE_ITEMS = 1_000
BATCH_ITEMS = 100
BATCH_BYTES = 64 * 1024 * 1024


class RestoreSlice:
    """The work of one slice. Holds at most a page of rows and the folders in memory; content streams."""

    def __init__(
        self,
        request: RestoreRequest,
        archive: Archive,
        reader: CatalogReader,
        session: TargetSession,
        journal: RestoreJournal,
        budget: RestoreBudget,
        clock: Callable[[], datetime],
    ) -> None:
        self._request = request
        self._archive = archive
        self._reader = reader
        self._session = session
        self._journal = journal
        self._budget = budget
        self._clock = clock
        self._started = clock()
        self._taken: set[str] | None = None
        self._on_new_ground = False
        self._items = 0
        self._size_bytes = 0

    async def run(self, position: Position) -> RestoreStep:
        """Go on from ``position`` until everything is done, the budget is used up, or somebody cancels the restore."""
        if await self._is_cancelled():
            return RestoreStep(True, position.text(), cancelled=True)
        folders = await make_folders(
            self._request, self._reader, self._session, self._journal, self._has_budget, position.folders_done
        )
        self._items += folders.made
        if folders.unfinished:
            return RestoreStep(False, position.text())
        position = replace(position, folders_done=True)
        while True:
            page = await self._reader.selected(self._request.selection, position.after, PAGE_ITEMS)
            for batch in batches(page):
                # Folders may have used the budget up; a slice that was given only items does one batch at
                # least.
                if self._items and not self._has_budget():
                    return RestoreStep(False, position.text())
                if await self._is_cancelled():
                    return RestoreStep(True, position.text(), cancelled=True)
                await self._restore(batch, folders)
                position = replace(position, after=batch[-1].change.item_id)
            if not page:
                return RestoreStep(True, position.text())

    async def _is_cancelled(self) -> bool:
        return await self._journal.cancel_asked(self._request.id)

    def _has_budget(self, more_items: int = 0) -> bool:
        elapsed_s = (self._clock() - self._started).total_seconds()
        budget = self._budget
        items = self._items + more_items
        return elapsed_s < budget.seconds and self._size_bytes < budget.size_bytes and items < budget.items

    async def _restore(self, batch: Sequence[ItemVersion], folders: TargetFolders) -> None:
        item_ids = [version.change.item_id for version in batch]
        known = await self._journal.begin(self._request.id, item_ids, surely_new=self._on_new_ground)
        # Earlier attempts of this slice took the batches in the same order: what comes after one that none
        # of them began is new.
        self._on_new_ground = not known
        written: list[Written] = []
        items: list[RestoreItem] = []
        for version in batch:
            earlier = known.get(version.change.item_id)
            if earlier is not None and earlier.state is not None:
                continue
            folder_id = await self._folder_of(version)
            outcome = _cannot_be_written(version, folders.error_of(folder_id))
            if outcome is not None:
                written.append(outcome)
            else:
                items.append(await self._item(version, folders.target_of(folder_id), earlier))
        self._items += len(batch)
        try:
            if items:
                async for answer in self._session.write(items):
                    written.append(answer)  # noqa: PERF401 - one by one: kept when the rest breaks off
        finally:
            # What is known is kept even where the rest of the batch broke off.
            if written:
                await self._journal.done(self._request.id, written)
        for answer in written:
            self._size_bytes += answer.written_bytes
            if self._taken is not None and answer.target_id:
                self._taken.add(answer.target_id)

    async def _folder_of(self, version: ItemVersion) -> str:
        """Id of the folder that an item goes into; an earlier version of a file goes beside the file."""
        if version.change.kind is not ItemKind.FILE_VERSION:
            return version.change.parent_id
        file = await self._reader.item(version.change.parent_id)
        return file.change.parent_id if file else ""

    async def _item(self, version: ItemVersion, parent_target_id: str, earlier: JournalEntry | None) -> RestoreItem:
        item_id = version.change.item_id

        async def belongs_to_other(target_id: str) -> bool:
            if self._taken is None:
                entries = await self._journal.entries(self._request.id)
                self._taken = {entry.target_id for entry in entries.values() if entry.target_id}
            if target_id in self._taken:
                return True
            return target_id != item_id and await self._reader.item(target_id) is not None

        async def folders_to(folder_id: str) -> Sequence[ItemVersion]:
            folder = await self._reader.item(folder_id)
            if folder is None or not folder.change.kind.is_folder:
                return ()
            return (*await self._reader.path_of(folder_id), folder)

        def open_form(form: Form) -> AsyncIterator[bytes]:
            representation = version.representation(form)
            if representation is None:
                raise BlobNotFoundError(f"The snapshot holds no {form} form of this item.", item_id=item_id)
            return self._archive.read(representation)

        return RestoreItem(
            version=version,
            parent_target_id=parent_target_id,
            conflict=self._request.conflict,
            tried_before=earlier is not None,
            to_original=self._request.target is TargetKind.ORIGINAL,
            open=open_form,
            belongs_to_other=belongs_to_other,
            folders_to=folders_to,
        )


def batches(page: Sequence[ItemVersion]) -> Iterator[Sequence[ItemVersion]]:
    """Cut a page so that a batch is at most 100 items and, unless it is a single one, about 64 MiB."""
    batch: list[ItemVersion] = []
    size_bytes = 0
    for version in page:
        own_bytes = sum(representation.size_bytes for representation in version.representations)
        if batch and (len(batch) >= BATCH_ITEMS or size_bytes + own_bytes > BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(version)
        size_bytes += own_bytes
    if batch:
        yield batch


def _cannot_be_written(version: ItemVersion, folder_error: str) -> Written | None:
    """The outcome of an item that need not be tried: its folder could not be made, or nothing of it is
    stored."""
    change = version.change
    if folder_error:
        return Written(change.item_id, WriteState.FAILED, error=f"Its folder could not be restored: {folder_error}")
    if version.representation(Form.NATIVE) is None:
        cause = f" ({change.skip_cause})" if change.skip_cause else ""
        return Written(
            change.item_id,
            WriteState.FAILED,
            error=f"The snapshot knows this item and holds no content of it{cause}; an older snapshot may.",
        )
    return None
