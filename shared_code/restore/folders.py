"""The folders of a restore: found or made at the target, parents first, remembered in the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared_code.errors import TargetConflictError
from shared_code.model.item import ItemVersion
from shared_code.model.restore import RestoreRequest, TargetKind
from shared_code.model.write_back import JournalEntry, WriteState, Written
from shared_code.restore.ports import CatalogReader, RestoreJournal, TargetSession, TellsOfFolders

# No id of Graph's begins like this: the named folder at the top has no id in the snapshot.
TOP_FOLDER_KEY = "*top"


@dataclass(frozen=True, slots=True)
class TargetFolders:
    """Where the snapshot's folders are at the target. ``made`` were found or made just now; ``unfinished``:
    the budget was used up before all were, or somebody cancelled the restore."""

    entries: Mapping[str, JournalEntry]
    made: int = 0
    unfinished: bool = False

    def target_of(self, parent_id: str) -> str:
        """Id at the target of a snapshot's folder; of the top (which may be the named folder) for one that
        is no folder of the snapshot."""
        entry = self.entries.get(parent_id) or self.entries.get(TOP_FOLDER_KEY)
        return entry.target_id if entry else ""

    def error_of(self, parent_id: str) -> str:
        """Why that folder could not be had, or empty."""
        entry = self.entries.get(parent_id) or self.entries.get(TOP_FOLDER_KEY)
        return entry.error if entry and entry.state is WriteState.FAILED else ""


async def make_folders(
    request: RestoreRequest,
    reader: CatalogReader,
    session: TargetSession,
    journal: RestoreJournal,
    has_budget: Callable[[int], bool],
    all_known: bool,
) -> TargetFolders:
    """Find or make every folder that the selection needs. ``all_known``: an earlier slice did, so only read
    the journal.

    A folder that cannot be had is noted with its error, and so is everything below it. Replay-safe: a folder
    that was made and not noted is found again by its name. Raises TargetConflictError when the named folder
    itself cannot be had.
    """
    entries = dict(await journal.folders(request.id))
    if all_known:
        return TargetFolders(entries)
    needed = await reader.selected_folders(request.selection)
    made = 0
    if request.target is TargetKind.FOLDER and TOP_FOLDER_KEY not in entries:
        target_id = await session.top_folder(request.folder_name, needed[0] if needed else None)
        await _note(journal, request.id, entries, Written(TOP_FOLDER_KEY, WriteState.RESTORED, target_id))
    for version in needed:
        folder_id = version.change.item_id
        if folder_id in entries:
            continue
        if made and (not has_budget(made) or await journal.cancel_asked(request.id)):
            return TargetFolders(entries, made, unfinished=True)
        written = await _one(request, session, version, TargetFolders(entries))
        await _note(journal, request.id, entries, written)
        made += 1
    return TargetFolders(entries, made)


async def _one(request: RestoreRequest, session: TargetSession, version: ItemVersion, known: TargetFolders) -> Written:
    change = version.change
    error = known.error_of(change.parent_id)
    if not error:
        try:
            parent_id = known.target_of(change.parent_id)
            original = request.target is TargetKind.ORIGINAL
            target_id = await session.folder(version, parent_id, original)
            note = session.folder_note(change.item_id) if isinstance(session, TellsOfFolders) else ""
            return Written(change.item_id, WriteState.RESTORED, target_id, error=note)
        except TargetConflictError as conflict:
            error = conflict.message
    return Written(change.item_id, WriteState.FAILED, error=error)


async def _note(journal: RestoreJournal, restore_id: str, entries: dict[str, JournalEntry], written: Written) -> None:
    await journal.folder_done(restore_id, written)
    entries[written.item_id] = JournalEntry(written.state, written.target_id, 0, written.error)
