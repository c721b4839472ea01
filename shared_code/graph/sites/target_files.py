"""Files of libraries, and earlier versions of them, go back through their drives, and are shared as they were; then the
values of the library's columns are set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from shared_code.errors import SourceError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.target import DriveTargetSession
from shared_code.graph.drives.target_items import DriveTargetItems, file_times_of
from shared_code.graph.drives.target_sharing import joined
from shared_code.graph.odata import with_query
from shared_code.graph.sites.columns import own_values, to_fields, without_empty
from shared_code.graph.sites.library import FIELDS, FIELDS_UNREAD, in_drive
from shared_code.graph.sites.names import file_id, inner_id, list_id_of
from shared_code.graph.sites.target_lists import READ, SiteTargetLists
from shared_code.graph.sites.target_places import LibraryPlace, place_of
from shared_code.graph.sites.target_row_values import TargetColumns
from shared_code.graph.target_outcomes import failed
from shared_code.model.item import ItemVersion
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import RestoreItem, WriteState, Written

_WRITE = "Sites.ReadWrite.All"
_OCCUPIED = "The file is there with other values of its columns; choose replace to have the stored ones."
_WERE_UNREAD = "The values of its columns could not be read on the day of the backup."
_DIFFERS = "The file is there, and values of its columns could not be set."


class SiteTargetFiles:
    """The libraries of one site, for one slice."""

    def __init__(self, client: GraphClient, lists: SiteTargetLists) -> None:
        self._client = client
        self._lists = lists
        self._sessions: dict[str, DriveTargetSession] = {}
        self._folder_notes: dict[str, str] = {}

    async def folder(self, version: ItemVersion, place: LibraryPlace, original: bool) -> str:
        """Id of the folder of a stored one below a place, as DriveTarget finds or makes it."""
        session = self._session(place.drive_id)
        inner = replace(version, change=in_drive(version.change))
        folder_id = await session.folder(inner, place.folder_id, original)
        self._folder_notes[version.change.item_id] = session.folder_note(inner.change.item_id)
        stored = version.change.properties.get(FIELDS)
        if isinstance(stored, Mapping):
            await self._fill_folder(place, folder_id, stored)
        return folder_id

    def folder_note(self, item_id: str) -> str:
        """What is otherwise than it was with a folder that ``folder`` found or made, or nothing."""
        return self._folder_notes.get(item_id, "")

    async def _fill_folder(self, place: LibraryPlace, folder_id: str, stored: Mapping[str, Any]) -> None:
        """Give a folder the values of its columns, unless it has some. A folder has no outcome of its own: what is
        refused stays away."""
        target = TargetColumns.of(await self._lists.definitions(place.list_id))
        wanted = own_values(stored, target.columns)
        if wanted and not own_values(await self._fields(place, folder_id), target.columns):
            await self._patch(place, folder_id, without_empty(to_fields(wanted, target.columns, target.note_columns)))

    async def named(self, name: str, drive_id: str) -> str:
        """Id of the folder of that name at the top of a library, made when missing."""
        return await self._session(drive_id).top_folder(name, None)

    async def write(self, items: Sequence[RestoreItem]) -> AsyncIterator[Written]:
        """Write files back, library by library; see DriveTargetSession. Their columns' values follow."""
        groups: dict[tuple[str, str], list[RestoreItem]] = {}
        for item in items:
            place = place_of(item.parent_target_id)
            if isinstance(place, LibraryPlace):
                groups.setdefault((list_id_of(item.id), place.drive_id), []).append(item)
            else:
                yield Written(item.id, WriteState.FAILED, error="Its library could not be found in the restore.")
        for (_, drive_id), group in groups.items():
            by_inner = {inner_id(item.id): item for item in group}
            async for written in self._session(drive_id).write([_inner(item) for item in group]):
                item = by_inner[written.item_id]
                yield await self._with_fields(item, written)

    def _session(self, drive_id: str) -> DriveTargetSession:
        if drive_id not in self._sessions:
            resource = Resource(ResourceKind.DRIVE, drive_id, "library")
            self._sessions[drive_id] = DriveTargetSession(self._client, resource)
        return self._sessions[drive_id]

    async def _with_fields(self, item: RestoreItem, written: Written) -> Written:
        place = place_of(item.parent_target_id)
        if not isinstance(place, LibraryPlace):
            return replace(written, item_id=item.id)
        outcome = replace(written, item_id=item.id)
        if written.target_id:
            outcome = replace(outcome, target_id=file_id(place.list_id, written.target_id))
        stored = item.version.change.properties.get(FIELDS)
        if written.state is WriteState.RESTORED and item.version.change.properties.get(FIELDS_UNREAD):
            return replace(outcome, state=WriteState.DIFFERS, error=_WERE_UNREAD)
        is_there = written.state in (WriteState.RESTORED, WriteState.EXISTING)
        if not is_there or not isinstance(stored, Mapping):
            return outcome
        try:
            return await self._fields_set(item, outcome, place, stored)
        except SourceError as error:
            problem = failed(item, error)
            return replace(outcome, state=WriteState.DIFFERS, error=joined(outcome.error, problem.error))

    async def _fields_set(
        self, item: RestoreItem, outcome: Written, place: LibraryPlace, stored: Mapping[str, Any]
    ) -> Written:
        target = TargetColumns.of(await self._lists.definitions(place.list_id))
        columns = {name: column for name, column in target.columns.items() if name != "Title"}
        known = {name for column in columns for name in (column, f"{column}LookupId")}
        wanted = own_values(stored, columns)
        item_id = inner_id(outcome.target_id)
        present = own_values(await self._fields(place, item_id), columns)
        if present == wanted and known >= stored.keys():
            return outcome
        if outcome.state is WriteState.EXISTING and item.conflict is not ConflictRule.REPLACE:
            return replace(outcome, state=WriteState.OCCUPIED, error=_OCCUPIED)
        await self._patch(place, item_id, to_fields(wanted, columns, target.note_columns))
        times = file_times_of(item.version.change)
        if times:  # setting values is an edit, and makes the dates those of now
            await DriveTargetItems(self._client, place.drive_id).set_times({item_id: times})
        if own_values(await self._fields(place, item_id), columns) != wanted or not known >= stored.keys():
            return replace(outcome, state=WriteState.DIFFERS, error=joined(outcome.error, _DIFFERS))
        return replace(outcome, state=WriteState.RESTORED)

    async def _fields(self, place: LibraryPlace, item_id: str) -> Mapping[str, Any]:
        drive = self._client.graph.drives.by_drive_id(place.drive_id)
        row = drive.items.by_drive_item_id(item_id).list_item.to_get_request_information()
        value = await self._client.get_json(
            with_query(row, expand="fields"), Asked("read the columns' values of a file", READ)
        )
        fields = value.get("fields")
        return fields if isinstance(fields, Mapping) else {}

    async def _patch(self, place: LibraryPlace, item_id: str, body: Mapping[str, Any]) -> None:
        """All values at once; where that is refused, one by one. What is refused shows when they are read again."""
        parts = [
            {name: value, **({kind: body[kind]} if (kind := f"{name}@odata.type") in body else {})}
            for name, value in body.items()
            if not name.endswith("@odata.type")
        ]
        for attempt in ([dict(body)], parts):
            refused = False
            for part in attempt:
                path = "/drives/{drive}/items/{item}/listItem/fields"
                info = self._client.request("PATCH", path, drive=place.drive_id, item=item_id)
                try:
                    await self._client.send_json(info, part, Asked("set the columns' values of a file", _WRITE))
                except SourceError as error:
                    if error.context.get("status") != 400:
                        raise
                    refused = True
            if not refused:
                return


def _inner(item: RestoreItem) -> RestoreItem:
    """An item as its drive's target knows it."""
    place = place_of(item.parent_target_id)
    list_id = place.list_id if isinstance(place, LibraryPlace) else list_id_of(item.id)
    folder_id = place.folder_id if isinstance(place, LibraryPlace) else ""
    return replace(
        item,
        version=replace(item.version, change=in_drive(item.version.change)),
        parent_target_id=folder_id,
        belongs_to_other=partial(_belongs_to_other, item, list_id),
    )


async def _belongs_to_other(item: RestoreItem, list_id: str, target_id: str) -> bool:
    return await item.belongs_to_other(file_id(list_id, target_id))
