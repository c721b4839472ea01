"""SharePoint sites as a target: lists and libraries with their columns, files, rows, pages.

Everything goes back into the site itself: to its place, or under a name beside what is there (files into a library of
that name, rows into lists and pages whose names begin with it). What Graph cannot write is told with each item.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from shared_code.errors import TargetConflictError
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of
from shared_code.graph.sites.columns import peoples_columns
from shared_code.graph.sites.definitions import stored_definition
from shared_code.graph.sites.library import FILE_KINDS
from shared_code.graph.sites.names import PAGES_ID, site_id_of
from shared_code.graph.sites.target_files import SiteTargetFiles
from shared_code.graph.sites.target_lists import SiteTargetLists
from shared_code.graph.sites.target_pages import SiteTargetPages
from shared_code.graph.sites.target_places import LibraryPlace, ListPlace, PagesPlace, TopPlace, place_of
from shared_code.graph.sites.target_rows import SiteTargetRows
from shared_code.graph.sites.target_settings import SiteTargetSettings
from shared_code.model.item import ItemKind, ItemVersion
from shared_code.model.resource import Resource
from shared_code.model.write_back import RestoreItem, WriteState, Written

_LIBRARY = "documentLibrary"
_NO_PLACE = "Its list could not be found in the restore."


class SiteTarget:
    """Satisfies the port ``Target`` for ResourceKind.SITE."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    def open(self, resource: Resource) -> SiteTargetSession:
        """Begin a slice's work on one site."""
        return SiteTargetSession(self._client, resource)


class SiteTargetSession:
    """The write side of one site for one slice."""

    def __init__(self, client: GraphClient, resource: Resource) -> None:
        site_id = site_id_of(resource)
        self._lists = SiteTargetLists(client, site_id)
        self._files = SiteTargetFiles(client, self._lists)
        self._rows = SiteTargetRows(client, site_id, self._lists)
        self._pages = SiteTargetPages(client, site_id)
        self._settings = SiteTargetSettings(client, resource, site_id)

    async def top_folder(self, name: str, like: ItemVersion | None) -> str:
        """The name under which everything is restored; nothing is made before something needs it."""
        del like
        return TopPlace(name).id

    async def folder(self, version: ItemVersion, parent_target_id: str, original: bool) -> str:
        """As the port says. Columns that a found list lacks are added to it."""
        place = place_of(parent_target_id)
        change = version.change
        if change.kind is ItemKind.FOLDER:
            if not isinstance(place, LibraryPlace):
                raise TargetConflictError("A folder's library is not part of this restore.")
            folder_id = await self._files.folder(version, place, original)
            return LibraryPlace(place.list_id, place.drive_id, folder_id).id
        label = place.label if isinstance(place, TopPlace) else ""
        if change.item_id == PAGES_ID:
            return PagesPlace(label).id
        return await self._list(version, label, original)

    def folder_note(self, item_id: str) -> str:
        """What is otherwise than it was with a library's folder that ``folder`` found or made, or nothing."""
        return self._files.folder_note(item_id)

    async def write(self, items: Sequence[RestoreItem]) -> AsyncIterator[Written]:
        """Write settings, files, rows (those that others point to first) and pages."""
        rows: dict[str, list[RestoreItem]] = {}
        pages: dict[str, list[RestoreItem]] = {}
        files: list[RestoreItem] = []
        for item in items:
            place = place_of(item.parent_target_id)
            kind = item.version.change.kind
            if kind is ItemKind.SITE_SETTINGS:
                yield await self._settings.write(item)
            elif kind in FILE_KINDS:
                files.append(item)
            elif kind is ItemKind.LIST_ITEM and isinstance(place, ListPlace):
                rows.setdefault(place.list_id, []).append(item)
            elif kind is ItemKind.PAGE and isinstance(place, PagesPlace | TopPlace):
                pages.setdefault(place.label, []).append(item)
            else:
                yield Written(item.id, WriteState.FAILED, error=_NO_PLACE)
        async for written in self._files.write(files):
            yield written
        for list_id in await self._pointed_to_first(list(rows)):
            async for written in self._rows.write(list_id, rows[list_id]):
                yield written
        for label, group in pages.items():
            async for written in self._pages.write(label, group):
                yield written

    async def _list(self, version: ItemVersion, label: str, original: bool) -> str:
        change = version.change
        definition = stored_definition(change)
        columns = [each for each in definition.get("columns", ()) if isinstance(each, dict)]
        info = definition.get("list")
        template = text_of(info.get("template")) if isinstance(info, dict) else ""
        is_library = change.kind is ItemKind.LIBRARY
        template = _LIBRARY if is_library else template
        seen = await self._lists.by_id(change.item_id) if original and not label else None
        if seen is None:
            title = change.name if not label else label if is_library else f"{label} {change.name}"
            seen = await self._lists.named(title, template, text_of(definition.get("description")))
        types = [each for each in definition.get("contentTypes", ()) if isinstance(each, dict)]
        await self._lists.add_content_types(seen.id, types)
        await self._lists.add_columns(seen.id, columns)
        if not is_library:
            return ListPlace(seen.id).id
        drive_id = await self._lists.drive_id(seen.id)
        folder_id = await self._files.named(change.name, drive_id) if label else ""
        return LibraryPlace(seen.id, drive_id, folder_id).id

    async def _pointed_to_first(self, list_ids: list[str]) -> list[str]:
        """Lists in an order in which a list comes after those that its lookups point to, as far as there is one."""
        points_to = {
            list_id: {
                column.looked_up_list for column in peoples_columns(await self._lists.definitions(list_id)).values()
            }
            for list_id in list_ids
        }
        ordered: list[str] = []

        def visit(list_id: str, above: frozenset[str]) -> None:
            for other in list_ids:
                if other.lower() in points_to[list_id] and other not in above and other not in ordered:
                    visit(other, above | {other})
            if list_id not in ordered:
                ordered.append(list_id)

        for list_id in list_ids:
            visit(list_id, frozenset({list_id}))
        return ordered
