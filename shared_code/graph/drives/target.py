"""Drives as a target: files go back with their dates, through one request or an upload session.

A file's place is its name below its folder. What is there decides: nothing (it is written), an equal file
(left alone), something else (left alone, restored beside it as ``name (restored).ext``, or made what it was,
where the present content stays in the file's version history). A name that cannot be written comes back
escaped, and the restore says so. Everything written is read again and compared by size and quickXorHash.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from shared_code.errors import AccessDeniedError, BackupError, SourceError
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.target_folders import DriveTargetFolders
from shared_code.graph.drives.target_items import DriveTargetItems, SeenFile, file_times_of, same_times
from shared_code.graph.drives.target_names import escaped, is_writable, numbered
from shared_code.graph.drives.target_sharing import NOT_SHARED, DriveTargetSharing, is_shared, joined
from shared_code.graph.drives.target_upload import SMALL_BYTES, DriveTargetUpload, Place, UploadLostError
from shared_code.graph.odata import text_of
from shared_code.graph.target_outcomes import each, failed, read_form
from shared_code.model.item import Form, ItemVersion
from shared_code.model.resource import Resource
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import RestoreItem, WriteState, Written

_UPLOADS_AT_ONCE = 4
_GROUP_ITEMS = 20
_MOST_TRIES = 5
_MOST_NAMES = 100

_OCCUPIED = "Something else has its place; choose keep_both or replace to have the stored one."
_RENAMED = "Its name cannot be written here; it came back under an escaped one."
_CHECKED_OUT = "The file at the target is locked or checked out (423): have it checked in, or choose keep_both."
_BESIDE = "Something else has its place; it came back beside it under a name with (restored)."


@dataclass(frozen=True, slots=True)
class _Choice:
    """Where an item goes, or ``outcome``: what became of it without an upload. ``note`` goes with a
    success."""

    place: Place | None = None
    outcome: Written | None = None
    seen: SeenFile | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Done:
    """What came of one item. ``fresh``: written by this restore, so it is to be read again; ``refused``
    without permission."""

    item: RestoreItem
    outcome: Written
    fresh: bool = False
    refused: AccessDeniedError | None = None


class DriveTarget:
    """Satisfies the port ``Target`` for ResourceKind.DRIVE."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    def open(self, resource: Resource) -> DriveTargetSession:
        """Begin a slice's work on one drive."""
        return DriveTargetSession(self._client, resource)


class DriveTargetSession:
    """The write side of one drive for one slice. At most four files are under way, each with at most a
    fragment of 10 MiB and a chunk in memory."""

    def __init__(self, client: GraphClient, resource: Resource) -> None:
        drive_id = resource.source_id
        self._items = DriveTargetItems(client, drive_id)
        self._folders = DriveTargetFolders(client, drive_id, self._items)
        self._sharing = DriveTargetSharing(client, drive_id)
        self._folder_notes: dict[str, str] = {}
        self._uploads = DriveTargetUpload(client, drive_id)
        self._has_written = False

    async def top_folder(self, name: str, like: ItemVersion | None) -> str:
        """Id of the folder ``name`` at the top, made when missing."""
        del like
        return await self._folders.named(name, await self._items.root_id(), {})

    async def folder(self, version: ItemVersion, parent_target_id: str, original: bool) -> str:
        """As the port says. A folder that is not the original one is shared as that was."""
        change = version.change
        target_id = await self._folders.folder(version, parent_target_id, original)
        if is_shared(change) and target_id != change.item_id and not change.properties.get("root"):
            notes = await self._sharing.restore({target_id: change}) if original else {target_id: NOT_SHARED}
            self._folder_notes[change.item_id] = notes.get(target_id, "")
        return target_id

    def folder_note(self, item_id: str) -> str:
        """What is otherwise than it was with a folder that ``folder`` found or made, or nothing."""
        return self._folder_notes.get(item_id, "")

    async def write(self, items: Sequence[RestoreItem]) -> AsyncIterator[Written]:
        """Write files back in groups of 20; see the port."""
        for start in range(0, len(items), _GROUP_ITEMS):
            outcomes, error = await self._write_group(items[start : start + _GROUP_ITEMS])
            for outcome in outcomes:
                yield outcome
            if error is not None:
                raise error

    async def _write_group(self, group: Sequence[RestoreItem]) -> tuple[list[Written], BackupError | None]:
        root_id = await self._items.root_id()
        places = [(item.parent_target_id or root_id, _first_name(item)) for item in group]
        there = await self._items.children(places)
        jobs = [
            partial(self._write_one, item, parent_id, seen)
            for item, (parent_id, _), seen in zip(group, places, there, strict=True)
        ]
        done, error = await each(jobs, _UPLOADS_AT_ONCE)
        self._has_written = self._has_written or any(entry.fresh for entry in done)
        refused = [entry.refused for entry in done if entry.refused is not None]
        if refused and not self._has_written:
            return [], error or refused[0]  # nothing was ever taken: a permission is missing, no file is special
        return await self._compared(done), error

    async def _write_one(self, item: RestoreItem, parent_id: str, seen: SeenFile | None) -> _Done:
        """Find the place of one file and upload it. After a lost answer, or when somebody else was faster,
        look again."""
        name, tried = _first_name(item), item.tried_before
        try:
            for attempt in range(1, _MOST_TRIES + 1):
                choice = await self._choose(item, parent_id, name, seen, tried)
                if choice.outcome is not None:
                    return _Done(item, choice.outcome, choice.outcome.state is WriteState.RESTORED)
                assert choice.place is not None  # noqa: S101 - one of the two is always there
                try:
                    target_id = await self._upload(item, choice.place)
                except UploadLostError:
                    if attempt == _MOST_TRIES:
                        raise
                    tried = True
                except SourceError as error:
                    status = error.context.get("status")
                    if status == 400 and name == item.version.change.name:
                        name = escaped(name)
                    elif status == 409 and attempt < _MOST_TRIES:
                        tried = True
                    elif status == 423 and choice.place.item_id:
                        return _Done(item, Written(item.id, WriteState.FAILED, error=_CHECKED_OUT))
                    else:
                        raise
                else:
                    return _Done(item, self._written(item, target_id, choice.note), True)
                seen = await self._items.child(parent_id, name)
        except AccessDeniedError as error:
            return _Done(item, Written(item.id, WriteState.FAILED, error=error.message), refused=error)
        except BackupError as error:
            return _Done(item, failed(item, error))
        raise AssertionError("unreachable")

    async def _choose(
        self, item: RestoreItem, parent_id: str, name: str, seen: SeenFile | None, tried: bool
    ) -> _Choice:
        note = "" if name == item.version.change.name else _RENAMED
        if seen is None:
            return _Choice(Place(parent_id, name), note=note)
        equal, remark = await self._items.is_equal(item, seen)
        if equal:
            return _Choice(outcome=self._found(item, seen, tried, note or remark))
        # An escaped name says nothing of whose place it is: there the stored file always goes beside.
        if item.conflict is ConflictRule.SKIP and not note:
            return _Choice(outcome=Written(item.id, WriteState.OCCUPIED, seen.id, error=_OCCUPIED))
        if item.conflict is ConflictRule.REPLACE and seen.is_file and not note:
            return _Choice(Place(parent_id, name, seen.id))
        return await self._beside(item, parent_id, name, tried, note or _BESIDE)

    async def _beside(self, item: RestoreItem, parent_id: str, name: str, tried: bool, note: str) -> _Choice:
        for number in range(1, _MOST_NAMES):
            candidate = numbered(name, number)
            seen = await self._items.child(parent_id, candidate)
            if seen is None:
                return _Choice(Place(parent_id, candidate), note=note)
            if (await self._items.is_equal(item, seen))[0]:
                return _Choice(outcome=self._found(item, seen, tried, note))
        error = f"{_MOST_NAMES} other files have the names that it could have."
        return _Choice(outcome=Written(item.id, WriteState.FAILED, error=error))

    def _found(self, item: RestoreItem, seen: SeenFile, tried: bool, note: str) -> Written:
        """An equal file is there: the one that an earlier attempt wrote, where there was one."""
        if tried:
            return self._written(item, seen.id, note)
        return Written(item.id, WriteState.EXISTING, seen.id, error=note)

    async def _upload(self, item: RestoreItem, place: Place) -> str:
        size_bytes = _size_of(item)
        if size_bytes <= SMALL_BYTES:
            written = await self._uploads.small(place, await read_form(item, Form.NATIVE))
        else:
            times = file_times_of(item.version.change)
            written = await self._uploads.large(place, item.open(Form.NATIVE), size_bytes, times)
        return text_of(written.get("id"))

    def _written(self, item: RestoreItem, target_id: str, note: str) -> Written:
        return Written(item.id, WriteState.RESTORED, target_id, _size_of(item), note)

    async def _compared(self, done: Sequence[_Done]) -> list[Written]:
        """Give what was written its dates, read it again, and let what is not equal differ."""
        fresh = {entry.outcome.target_id: entry.item for entry in done if entry.fresh}
        seen = await self._items.by_ids(list(fresh))
        late = {
            target_id: file_times_of(item.version.change)
            for target_id, item in fresh.items()
            if target_id in seen and not same_times(item.version.change, seen[target_id])
        }
        await self._items.set_times(late)
        seen.update(await self._items.by_ids(list(late)))
        notes = await self._shared_anew(fresh | _equal_but_for_sharing(done))
        outcomes: list[Written] = []
        for entry in done:
            outcome = entry.outcome
            if entry.fresh:
                outcome = await self._judged(entry.item, outcome, seen.get(outcome.target_id))
            outcomes.append(replace(outcome, error=joined(outcome.error, notes.get(outcome.target_id, ""))))
        return outcomes

    async def _shared_anew(self, restored: Mapping[str, RestoreItem]) -> dict[str, str]:
        """Give files at their places back to those who had access; the notes about it."""
        shared = {key: item for key, item in restored.items() if is_shared(item.version.change)}
        notes = {key: NOT_SHARED for key, item in shared.items() if not item.to_original}
        stored = {key: item.version.change for key, item in shared.items() if item.to_original}
        return notes | (await self._sharing.restore(stored) if stored else {})

    async def _judged(self, item: RestoreItem, outcome: Written, seen: SeenFile | None) -> Written:
        if seen is None:
            return replace(outcome, state=WriteState.DIFFERS, error="It was written and is not there any more.")
        equal, remark = await self._items.is_equal(item, seen)
        if not equal:
            error = "It was written, and its size or content differs from the stored one."
            return replace(outcome, state=WriteState.DIFFERS, error=error)
        if not same_times(item.version.change, seen):
            return replace(outcome, state=WriteState.DIFFERS, error="It was written, and its dates could not be set.")
        return replace(outcome, error=outcome.error or remark)


def _equal_but_for_sharing(done: Sequence[_Done]) -> dict[str, RestoreItem]:
    """Files that are there and equal, by their ids at the target, where the rule is to make things what they were: that
    goes for who may see them too."""
    return {
        entry.outcome.target_id: entry.item
        for entry in done
        if entry.outcome.state is WriteState.EXISTING
        and entry.item.conflict is ConflictRule.REPLACE
        and entry.item.to_original
    }


def _first_name(item: RestoreItem) -> str:
    name = item.version.change.name
    return name if is_writable(name) else escaped(name)


def _size_of(item: RestoreItem) -> int:
    stored = item.version.representation(Form.NATIVE)
    return stored.size_bytes if stored else 0
