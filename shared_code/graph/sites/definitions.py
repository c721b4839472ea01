"""What a site is made of: its settings, and its lists and libraries with their columns and content types.

Graph has no delta of these, so they are listed by every run and compared by tags that are computed of them. Sources:
graph-docs site-get, site-list-columns, site-list-contenttypes, list-list, list-list-columns, list-list-contenttypes,
drive-list (v1.0, checked 2026-11). Lists with the ``system`` facet are SharePoint's own and are not shown unless asked
for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from shared_code.errors import SourceError, SourceUnavailableError
from shared_code.graph.answer import Asked
from shared_code.graph.batch import BatchAnswer
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.sites.columns import COLUMN_SELECT
from shared_code.graph.sites.names import (
    SETTINGS_ID,
    computed_etag,
    library_feed,
    list_feed,
    native_json,
    site_id_of,
)
from shared_code.graph.whole_collections import all_values
from shared_code.model.item import Change, ItemKind
from shared_code.model.outcome import SkipCause
from shared_code.model.resource import Resource

DEFINITION = "definition"
UNREAD = "unread"
LIBRARY_TEMPLATE = "documentLibrary"
PAGES_TEMPLATE = "webPageLibrary"
PERMISSION = "Sites.Read.All"
_SITE_SELECT = ("id", "name", "displayName", "description", "webUrl", "createdDateTime", "parentReference")
_LIST_SELECT = ("id", "name", "displayName", "description", "createdDateTime", "list")
_TYPE_SELECT = ("id", "name", "description", "group", "hidden", "readOnly", "sealed")
_PAGE_SIZE = 200
_NOT_FOUND = 404
_REVOKED = 401
# What SharePoint may change in a definition without anybody's doing.
_NOT_COMPARED = ("createdDateTime",)


class SiteDefinitions:
    """Reads the make-up of one site. Remembers columns for the length of a slice."""

    def __init__(self, client: GraphClient, resource: Resource) -> None:
        self._client = client
        self._resource = resource
        self._site = client.graph.sites.by_site_id(site_id_of(resource))
        self._columns: dict[str, Sequence[Mapping[str, Any]]] = {}

    async def settings(self) -> Change:
        """The site's own settings, columns and content types, as one item that carries its content. Raises
        SourceError."""
        site = await self._client.get_json(
            with_query(self._site.to_get_request_information(), select=_SITE_SELECT), self._asked("read a site")
        )
        if not text_of(site.get("id")):
            raise SourceUnavailableError("A site came without its id.", resource_id=self._resource.id)
        asked = self._asked("read a site's columns and content types")
        columns, types = [
            await self._part(answer, asked)
            for answer in await self._client.batch(
                [
                    with_query(self._site.columns.to_get_request_information(), select=COLUMN_SELECT, top=_PAGE_SIZE),
                    with_query(
                        self._site.content_types.to_get_request_information(), select=_TYPE_SELECT, top=_PAGE_SIZE
                    ),
                ],
                asked,
            )
        ]
        value = {"site": _plain(site), "columns": _by_id(columns), "contentTypes": _by_id(types)}
        data = native_json(value)
        return Change(
            SETTINGS_ID,
            ItemKind.SITE_SETTINGS,
            name=text_of(site.get("displayName")) or text_of(site.get("name")),
            size_bytes=len(data),
            etag=computed_etag(value),
            properties={"webUrl": text_of(site.get("webUrl"))},
            transient={DEFINITION: data.decode("ascii")},
        )

    async def lists(self) -> list[Change]:
        """Every list and library, the library of pages left out, as folders. One whose columns or content types are
        refused says so and keeps the others from nothing. Raises SourceError."""
        found = await self._all_of(
            with_query(self._site.lists.to_get_request_information(), select=_LIST_SELECT, top=_PAGE_SIZE),
            self._asked("list lists"),
        )
        found = [value for value in found if text_of(value.get("id")) and _template(value) != PAGES_TEMPLATE]
        drives = await self._drives([text_of(value["id"]) for value in found if _template(value) == LIBRARY_TEMPLATE])
        lists = [self._site.lists.by_list_id(text_of(value["id"])) for value in found]
        infos = []
        for builder in lists:
            infos.append(with_query(builder.columns.to_get_request_information(), select=COLUMN_SELECT, top=_PAGE_SIZE))
            infos.append(
                with_query(builder.content_types.to_get_request_information(), select=_TYPE_SELECT, top=_PAGE_SIZE)
            )
        described = await self._parts(infos, self._asked("read lists' columns and content types"))
        missing = [value for place, value in enumerate(found) if _NOT_FOUND in described[2 * place : 2 * place + 2]]
        gone = await self._gone([text_of(value["id"]) for value in missing])
        titles = {text_of(value["id"]).lower(): text_of(value.get("displayName")) for value in found}
        changes = []
        for place, value in enumerate(found):
            list_id = text_of(value["id"])
            columns, types = described[2 * place], described[2 * place + 1]
            if list_id in gone:
                continue
            if not isinstance(columns, int):
                self._columns[list_id] = columns
            changes.append(_list_change(value, columns, types, titles, drives.get(list_id, "")))
        return changes

    async def columns(self, list_id: str) -> Sequence[Mapping[str, Any]]:
        """The definitions of a list's columns. Raises SourceError."""
        if list_id not in self._columns:
            builder = self._site.lists.by_list_id(list_id).columns
            request = with_query(builder.to_get_request_information(), select=COLUMN_SELECT, top=_PAGE_SIZE)
            self._columns[list_id] = await self._all_of(request, self._asked("read a list's columns"))
        return self._columns[list_id]

    async def _drives(self, list_ids: Sequence[str]) -> dict[str, str]:
        """The drive of each library: those that the site shows, and the others (hidden ones) one by one."""
        request = with_query(self._site.drives.to_get_request_information(), select=("id", "sharePointIds"))
        found: dict[str, str] = {}
        for drive in await self._all_of(request, self._asked("list libraries")):
            ids = drive.get("sharePointIds")
            if isinstance(ids, Mapping):
                found[text_of(ids.get("listId")).lower()] = text_of(drive.get("id"))
        drives = {list_id: found.get(list_id.lower(), "") for list_id in list_ids}
        hidden = [list_id for list_id, drive_id in drives.items() if not drive_id]
        asked = self._asked("read a library's drive")
        infos = [
            with_query(self._site.lists.by_list_id(list_id).drive.to_get_request_information(), select=["id"])
            for list_id in hidden
        ]
        answers = await self._client.batch(infos, asked) if infos else []
        for list_id, answer in zip(hidden, answers, strict=True):
            if answer.is_success:
                drives[list_id] = text_of(answer.json_object().get("id"))
            else:
                raise_if_out_of_reach(answer, asked)
        return drives

    async def _parts(self, infos: Sequence[Any], asked: Asked) -> list[list[dict[str, Any]] | int]:
        """The collections that these requests give, whole; the status in place of one that is refused."""
        found: list[list[dict[str, Any]] | int] = []
        for answer in await self._client.batch(infos, asked) if infos else []:
            if answer.is_success:
                found.append(await self._part(answer, asked))
            else:
                raise_if_out_of_reach(answer, asked)
                found.append(answer.status)
        return found

    async def _part(self, answer: BatchAnswer, asked: Asked) -> list[dict[str, Any]]:
        if not answer.is_success:
            raise answer.error(asked)
        return await all_values(self._client, answer, asked)

    async def _gone(self, list_ids: Sequence[str]) -> set[str]:
        """Those of the lists that have gone since they were listed: a part that is not found proves nothing."""
        infos = [
            with_query(self._site.lists.by_list_id(list_id).to_get_request_information(), select=["id"])
            for list_id in list_ids
        ]
        asked = self._asked("read a list")
        answers = await self._client.batch(infos, asked) if infos else []
        for answer in answers:
            raise_if_out_of_reach(answer, asked)
        return {list_id for list_id, answer in zip(list_ids, answers, strict=True) if answer.status == _NOT_FOUND}

    async def _all_of(self, request: Any, asked: Asked) -> list[dict[str, Any]]:
        values: list[dict[str, Any]] = []
        async with aclosing(self._client.get_pages(request, asked)) as pages:
            async for page in pages:
                values += values_of(page)
        return values

    def _asked(self, operation: str) -> Asked:
        return Asked(operation, PERMISSION, {"resource_id": self._resource.id})


def stored_definition(change: Change) -> Mapping[str, Any]:
    """What is stored of a list's or library's definition. Raises SourceError for a folder that is neither."""
    definition = change.properties.get(DEFINITION)
    if not isinstance(definition, Mapping):
        raise SourceError("A list was stored without its definition.", item_id=change.item_id)
    return definition


def raise_if_out_of_reach(answer: BatchAnswer, asked: Asked) -> None:
    """Raises for an answer that tells of the service or the app, not of the one thing that was asked for."""
    if answer.is_success:
        return
    error = answer.error(asked)
    if error.retryable or answer.status == _REVOKED:
        raise error


def _list_change(
    value: Mapping[str, Any],
    columns: Sequence[Mapping[str, Any]] | int,
    types: Sequence[Mapping[str, Any]] | int,
    titles: Mapping[str, str],
    drive_id: str,
) -> Change:
    """A list or library as a folder. ``columns`` and ``types``: the status of the refusal where they are refused; what
    could not be read is no part of the definition, and named."""
    list_id = text_of(value["id"])
    definition = _plain(value)
    if not isinstance(columns, int):
        definition["columns"] = [_named_lookup(column, titles) for column in _by_id(columns)]
    if not isinstance(types, int):
        definition["contentTypes"] = _by_id(types)
    unread = {name: part for name, part in (("columns", columns), ("contentTypes", types)) if isinstance(part, int)}
    if unread:
        definition[UNREAD] = unread
    is_library = _template(value) == LIBRARY_TEMPLATE
    skip_cause = ""
    if is_library and not drive_id:
        opens_feed, skip_cause = "", SkipCause.LIBRARY_UNREADABLE
    else:
        opens_feed = library_feed(list_id, drive_id) if is_library else list_feed(list_id)
        skip_cause = SkipCause.DEFINITION_UNREADABLE if unread else ""
    compared = {name: entry for name, entry in definition.items() if name not in _NOT_COMPARED}
    return Change(
        list_id,
        ItemKind.LIBRARY if is_library else ItemKind.LIST,
        name=text_of(value.get("displayName")) or text_of(value.get("name")),
        etag=computed_etag([compared, drive_id, skip_cause]),
        opens_feed=opens_feed,
        skip_cause=skip_cause,
        properties={DEFINITION: definition, "driveId": drive_id} if is_library else {DEFINITION: definition},
    )


def _named_lookup(column: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    """A column whose lookup tells the title of the list that it points to: a list that is made anew has another id."""
    lookup = column.get("lookup")
    if not isinstance(lookup, Mapping):
        return dict(column)
    title = titles.get(text_of(lookup.get("listId")).strip("{}").lower(), "")
    return {**column, "lookup": {**lookup, "listTitle": title}}


def _template(value: Mapping[str, Any]) -> str:
    info = value.get("list")
    return text_of(info.get("template")) if isinstance(info, Mapping) else ""


def _plain(value: Any) -> Any:
    """JSON without OData's annotations, which tell of the request rather than of the thing."""
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items() if not name.startswith("@odata.")}
    return [_plain(entry) for entry in value] if isinstance(value, list) else value


def _by_id(values: Sequence[Mapping[str, Any]]) -> list[Any]:
    return sorted((_plain(value) for value in values), key=lambda value: text_of(value.get("id")))
