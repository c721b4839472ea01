"""Reading the contents of a site: files by their drives, everything else as the JSON that Graph shows of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from shared_code.errors import AccessDeniedError, SourceError, SourceNotFoundError, ThrottledError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.concurrency import as_they_come
from shared_code.graph.drives.fetch import DriveFetch
from shared_code.graph.failure_run import FailureRun
from shared_code.graph.odata import text_of, with_query
from shared_code.graph.sites.definitions import DEFINITION, PERMISSION, SiteDefinitions
from shared_code.graph.sites.library import FILE_KINDS, drive_id_of, in_drive, in_site
from shared_code.graph.sites.lookups import LookupTexts
from shared_code.graph.sites.names import list_id_of, native_json, row_id, row_number, site_id_of
from shared_code.graph.sites.pages import CAST, PAGE_EXPAND, page_change, stored_page
from shared_code.graph.sites.rows import ROW_EXPAND, row_change
from shared_code.model.feed import Fetched, FetchState
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.resource import Resource

_AT_ONCE = 8
_MAX_REFUSALS_IN_A_ROW = 16


class SiteFetch:
    """Reads items of one site."""

    def __init__(
        self, client: GraphClient, resource: Resource, definitions: SiteDefinitions, lookups: LookupTexts
    ) -> None:
        self._client = client
        self._resource = resource
        self._definitions = definitions
        self._lookups = lookups
        self._refusals = FailureRun(_MAX_REFUSALS_IN_A_ROW)

    async def fetch(self, changes: Sequence[Change]) -> AsyncGenerator[Fetched, None]:
        """One answer for each item: rows and settings first, which are at hand, then pages, then files by their
        drives (see DriveFetch)."""
        files: dict[str, list[Change]] = {}
        jobs: list[Callable[[], Awaitable[Fetched]]] = []
        for change in changes:
            if change.kind in FILE_KINDS:
                files.setdefault(drive_id_of(change), []).append(change)
            elif change.transient.get(DEFINITION):
                yield _fetched(change, change, change.transient[DEFINITION].encode("ascii"))
            else:
                jobs.append(partial(self._read, change))
        async with aclosing(as_they_come(jobs, _AT_ONCE)) as results:
            async for fetched in results:
                yield fetched
        for drive_id, group in files.items():
            asked = {in_drive(change).item_id: change for change in group}
            reading = DriveFetch(self._client, drive_id).fetch([in_drive(change) for change in group])
            async with aclosing(reading) as fetches:
                async for fetched in fetches:
                    yield in_site(fetched, asked[fetched.asked.item_id])

    async def _read(self, change: Change) -> Fetched:
        """One item that is refused says nothing of the site; many in a row do, and then the refusal is raised."""
        try:
            fetched = await self._fetch_one(change)
        except SourceNotFoundError:
            return Fetched(change, replace(change, deleted=True), FetchState.GONE, {})
        except ThrottledError:
            raise
        except AccessDeniedError as error:
            return _failed(change, self._refusals.failure(error))
        except SourceError as error:
            return _failed(change, error.message)
        self._refusals.success()
        return fetched

    async def _fetch_one(self, change: Change) -> Fetched:
        if change.kind is ItemKind.PAGE:
            return await self._page(change)
        if change.kind is ItemKind.LIST_ITEM:
            return await self._row(change)
        try:
            fresh = await self._definitions.settings()
        except SourceNotFoundError as error:  # a site that is gone is told of by its feeds
            return _failed(change, error.message)
        return _fetched(change, fresh, fresh.transient[DEFINITION].encode("ascii"))

    async def _page(self, change: Change) -> Fetched:
        request = self._client.request(
            "GET",
            f"/sites/{{site}}/pages/{{page}}/{CAST}{{?%24expand}}",
            site=site_id_of(self._resource),
            page=change.item_id,
        )
        value = await self._client.get_json(with_query(request, expand=PAGE_EXPAND), self._asked("read a page"))
        fresh = page_change(value)
        if fresh is None or fresh.item_id != change.item_id:
            return _failed(change, "a page came without its id")
        data = native_json(stored_page(value))
        return _fetched(change, replace(fresh, size_bytes=len(data)), data)

    async def _row(self, change: Change) -> Fetched:
        list_id = list_id_of(change.item_id)
        site = self._client.graph.sites.by_site_id(site_id_of(self._resource))
        row = site.lists.by_list_id(list_id).items.by_list_item_id(row_number(change.item_id))
        request = with_query(row.to_get_request_information(), expand=ROW_EXPAND)
        value = await self._client.get_json(request, self._asked("read a row of a list"))
        if row_id(list_id, text_of(value.get("id"))) != change.item_id:
            return _failed(change, "a row came without its id")
        try:
            [texts] = await self._lookups.of(list_id, [value])
        except SourceNotFoundError as error:  # its list's columns: the row is there
            return _failed(change, error.message)
        fresh = row_change(value, change.item_id, list_id, texts)
        return _fetched(change, fresh, fresh.transient[DEFINITION].encode("ascii"))

    def _asked(self, operation: str) -> Asked:
        return Asked(operation, PERMISSION, {"resource_id": self._resource.id})


def _fetched(asked: Change, read: Change, data: bytes) -> Fetched:
    return Fetched(asked, replace(read, transient={}), FetchState.FETCHED, {Form.NATIVE: data})


def _failed(change: Change, error: str) -> Fetched:
    return Fetched(change, change, FetchState.FAILED, {}, error=error)
