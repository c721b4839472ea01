"""SharePoint sites as a source.

Feeds: ``site`` (settings), ``lists`` and ``pages`` are listings; each library brings the feed of its drive (see
DriveFeed) and each list the delta of its rows. Sources: graph-docs listitem-delta, sitepage-list (v1.0, checked
2026-11).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from shared_code.errors import SourceError, SourceNotFoundError, ThrottledError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.concurrency import all_of
from shared_code.graph.drives.cursor import DriveCursor
from shared_code.graph.drives.feed import DriveFeed
from shared_code.graph.drives.fetch import DriveFetch
from shared_code.graph.drives.quickxor import QuickXorDigest
from shared_code.graph.drives.source import STREAM_FROM_BYTES
from shared_code.graph.drives.stream import DriveStream
from shared_code.graph.listing_mark import whole_listing
from shared_code.graph.odata import next_cursor, values_of, with_query
from shared_code.graph.refused_cursors import Listings, broken_off
from shared_code.graph.sites.definitions import PERMISSION, SiteDefinitions
from shared_code.graph.sites.fetch import SiteFetch
from shared_code.graph.sites.library import FILE_KINDS, LibraryStream, SiteLibraries, drive_id_of, in_drive, in_site
from shared_code.graph.sites.lookups import LookupTexts
from shared_code.graph.sites.names import LISTS_FEED, PAGES_FEED, SITE_FEED, library_of, list_of, site_id_of
from shared_code.graph.sites.pages import CAST, page_change, pages_folder
from shared_code.graph.sites.rows import ROW_EXPAND, row_changes
from shared_code.model.feed import FeedPage, Fetched
from shared_code.model.item import Change
from shared_code.model.resource import Resource

_ROWS_A_PAGE = 200
_LISTINGS_AT_ONCE = 3


class SiteSource:
    """Satisfies the port ``Source`` for ResourceKind.SITE. ``resource.attributes`` need ``hostname``."""

    def __init__(
        self, client: GraphClient, *, earlier_versions: int = 0, now: Callable[[], datetime] | None = None
    ) -> None:
        """``earlier_versions`` of the files of libraries and ``now``: as DriveFeed takes them."""
        self._client = client
        self._drives = DriveFeed(client, earlier_versions=earlier_versions, now=now)
        self._listings = Listings()
        self._definitions: dict[str, SiteDefinitions] = {}
        self._libraries: dict[str, SiteLibraries] = {}
        self._lookups: dict[str, LookupTexts] = {}

    def root_feeds(self) -> tuple[str, ...]:
        """The make-up first: lists and libraries bring the others."""
        return (SITE_FEED, LISTS_FEED, PAGES_FEED)

    @property
    def stream_from_bytes(self) -> int:
        """Files larger than 4 MiB are streamed."""
        return STREAM_FROM_BYTES

    def digest(self, state: str = "") -> QuickXorDigest:
        """quickXorHash, new or from an earlier state; what has no hash matches anything."""
        return QuickXorDigest.resumed(state)

    async def poll(self, resource: Resource, cursors: Mapping[str, str | None]) -> Mapping[str, FeedPage]:
        """Read one page of each delta feed, in batches of 20, and the listings whole.

        The feed of a list or library that is not there or cannot be read is finished, without changes and with its
        cursor as it was: a deletion comes by the listing, and one odd list must not keep the others from being read.
        Raises SourceError when the site itself is out of reach.
        """
        listings = [feed for feed in cursors if feed in self.root_feeds()]
        jobs = [partial(self._listing, resource, feed, cursors[feed]) for feed in listings]
        pages = dict(await all_of(jobs, _LISTINGS_AT_ONCE))
        deltas = {feed: cursor for feed, cursor in cursors.items() if feed not in pages}
        pages.update(await self._deltas(resource, deltas))
        return pages

    def fetch(self, resource: Resource, changes: Sequence[Change]) -> AsyncIterator[Fetched]:
        """Read small files, rows, pages and settings; see SiteFetch."""
        return SiteFetch(self._client, resource, self._definitions_of(resource), self._lookups_of(resource)).fetch(
            changes
        )

    async def open_stream(self, resource: Resource, change: Change, offset: int) -> LibraryStream | Fetched:
        """Open a large file at a byte offset, with metadata read afresh. What is large and no file is read whole."""
        if change.kind not in FILE_KINDS:
            [fetched] = [fetched async for fetched in self.fetch(resource, [change])]
            return fetched
        opened = await DriveStream.open(DriveFetch(self._client, drive_id_of(change)), in_drive(change), offset)
        return in_site(opened, change) if isinstance(opened, Fetched) else LibraryStream(opened, change)

    def _definitions_of(self, resource: Resource) -> SiteDefinitions:
        if resource.id not in self._definitions:
            self._definitions[resource.id] = SiteDefinitions(self._client, resource)
        return self._definitions[resource.id]

    def _libraries_of(self, resource: Resource) -> SiteLibraries:
        if resource.id not in self._libraries:
            self._libraries[resource.id] = SiteLibraries(self._client, self._definitions_of(resource))
        return self._libraries[resource.id]

    def _lookups_of(self, resource: Resource) -> LookupTexts:
        if resource.id not in self._lookups:
            self._lookups[resource.id] = LookupTexts(self._client, resource, self._definitions_of(resource))
        return self._lookups[resource.id]

    async def _listing(self, resource: Resource, feed: str, cursor: str | None) -> tuple[str, FeedPage]:
        """What cannot be listed must not keep the rest of the site from being read: it stays as it was."""
        try:
            return feed, whole_listing(await self._listed(resource, feed), cursor)
        except SourceError as error:
            if error.retryable or error.context.get("status") == 401:
                raise
            await self._check_readable(resource, error)
            return feed, FeedPage((), cursor, finished=True, gone=True, error=error.message)

    async def _listed(self, resource: Resource, feed: str) -> list[Change]:
        if feed == SITE_FEED:
            return [await self._definitions_of(resource).settings()]
        if feed == LISTS_FEED:
            return await self._definitions_of(resource).lists()
        return await self._pages(resource)

    async def _pages(self, resource: Resource) -> list[Change]:
        request = self._client.request("GET", f"/sites/{{site}}/pages/{CAST}", site=site_id_of(resource))
        asked = Asked("list pages", PERMISSION, {"resource_id": resource.id})
        changes: dict[str, Change] = {}
        has_pages = False
        try:
            async with aclosing(self._client.get_pages(request, asked)) as listing:
                async for page in listing:
                    has_pages = True
                    found = [page_change(value) for value in values_of(page)]
                    changes |= {change.item_id: change for change in found if change}
        except SourceNotFoundError:
            if has_pages:
                raise
            # A site without a library of pages (a classic one, or a channel's).
            return []
        return [pages_folder(), *changes.values()] if changes else []

    async def _deltas(self, resource: Resource, cursors: Mapping[str, str | None]) -> dict[str, FeedPage]:
        infos = [self._delta_request(resource, feed, cursor) for feed, cursor in cursors.items()]
        asked = Asked("read changes of lists and libraries", PERMISSION, {"resource_id": resource.id})
        pages: dict[str, FeedPage] = {}
        refused: dict[str, SourceError] = {}
        answers = await self._client.batch(infos, asked) if infos else []
        for (feed, cursor), answer in zip(cursors.items(), answers, strict=True):
            try:
                if answer.is_success:
                    pages[feed] = await self._delta_page(resource, feed, cursor, answer.json_object())
                else:
                    pages[feed] = self._refused_page(resource, feed, cursor, answer.error(asked))
            except ThrottledError:
                raise
            except SourceError as error:
                refused[feed] = broken_off(error)
        for feed, refusal in refused.items():
            await self._check_readable(resource, refusal)
            pages[feed] = FeedPage((), cursors[feed], finished=True, gone=True, error=refusal.message)
        return pages

    def _delta_request(self, resource: Resource, feed: str, cursor: str | None) -> Any:
        library = library_of(feed)
        if library:
            return self._drives.request(library[1], DriveCursor.of(cursor))
        if cursor is not None:
            return self._client.link(cursor)
        site = self._client.graph.sites.by_site_id(site_id_of(resource))
        delta = site.lists.by_list_id(list_of(feed) or feed).items.delta.to_get_request_information()
        return with_query(delta, expand=ROW_EXPAND, top=_ROWS_A_PAGE)

    async def _delta_page(self, resource: Resource, feed: str, cursor: str | None, answer: dict[str, Any]) -> FeedPage:
        library = library_of(feed)
        if library:
            page = await self._drives.page(library[1], DriveCursor.of(cursor), answer)
            return replace(page, changes=await self._libraries_of(resource).changes(*library, page.changes))
        link, finished = next_cursor(answer, cursor)
        following = self._client.checked_link(link)
        list_id, rows = list_of(feed) or feed, values_of(answer)
        latest: dict[str, Change] = {}
        texts = await self._lookups_of(resource).of(list_id, rows) if rows else []
        for value, shown in zip(rows, texts, strict=True):
            changes = row_changes(value, list_id, shown, is_news=cursor is not None)
            latest |= {change.item_id: change for change in changes}
        self._listings.read(resource.id, feed, cursor, finished=finished)
        return FeedPage(tuple(latest.values()), following, finished)

    def _refused_page(self, resource: Resource, feed: str, cursor: str | None, error: SourceError) -> FeedPage:
        """What follows of a cursor that has expired, or of a list that is not there. Raises ``error`` otherwise."""
        library = library_of(feed)
        if library:
            expired = self._drives.expired(library[1], DriveCursor.of(cursor), error)
        elif self._listings.is_expired(resource.id, feed, cursor, error):
            expired = FeedPage((), None, finished=False, expired=True)
        else:
            expired = None
        if expired is not None:
            return expired
        if isinstance(error, SourceNotFoundError):
            return FeedPage((), cursor, finished=True, gone=True)
        raise error

    async def _check_readable(self, resource: Resource, refusal: SourceError) -> None:
        """Raises ``refusal`` when the site itself cannot be read either: then no list is to blame."""
        site = self._client.graph.sites.by_site_id(site_id_of(resource))
        info = with_query(site.to_get_request_information(), select=["id"])
        try:
            await self._client.get_json(info, Asked("read a site", PERMISSION, {"resource_id": resource.id}))
        except SourceError as error:
            raise refusal from error
