"""OneDrive (and any other drive) as a source.

One feed, ``items``: the delta of the drive's root. Sources: graph-docs driveitem-delta, driveitem-get,
driveitem-get-content (v1.0, checked 2026-11).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from shared_code.errors import SourceError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.drive_changes import ITEM_SELECT, drive_change
from shared_code.graph.drive_fetch import DriveFetch
from shared_code.graph.drive_stream import DriveStream
from shared_code.graph.listings import Listings, broken_off
from shared_code.graph.odata import next_cursor, prefer, values_of, with_query
from shared_code.graph.quickxor import QuickXorDigest
from shared_code.model.feed import FeedPage, Fetched
from shared_code.model.item import Change
from shared_code.model.resource import Resource

ITEMS_FEED = "items"
PAGE_SIZE = 500
STREAM_FROM_BYTES = 4 * 1024 * 1024


class DriveSource:
    """Satisfies the port ``Source`` for ResourceKind.DRIVE. ``resource.source_id`` is the drive's id."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._listings = Listings()

    def root_feeds(self) -> tuple[str, ...]:
        """The whole drive is one feed."""
        return (ITEMS_FEED,)

    @property
    def stream_from_bytes(self) -> int:
        """Files larger than 4 MiB are streamed."""
        return STREAM_FROM_BYTES

    def digest(self, state: str = "") -> QuickXorDigest:
        """quickXorHash, new or from an earlier state."""
        return QuickXorDigest.resumed(state)

    async def poll(self, resource: Resource, cursors: Mapping[str, str | None]) -> Mapping[str, FeedPage]:
        """Read one page. Items can come twice, on one page or on several: the last word wins. Raises
        SourceError when the drive is out of reach."""
        return {feed: await self._page(resource, cursor) for feed, cursor in cursors.items()}

    def fetch(self, resource: Resource, changes: Sequence[Change]) -> AsyncIterator[Fetched]:
        """Read small files; see DriveFetch."""
        return DriveFetch(self._client, resource.source_id).fetch(changes)

    async def open_stream(self, resource: Resource, change: Change, offset: int) -> DriveStream | Fetched:
        """Open a large file at a byte offset, with metadata read afresh."""
        return await DriveStream.open(DriveFetch(self._client, resource.source_id), change, offset)

    async def _page(self, resource: Resource, cursor: str | None) -> FeedPage:
        asked = Asked("read changed files", "Files.Read.All", {"resource_id": resource.id})
        try:
            page = await self._client.get_json(self._page_request(resource, cursor), asked)
        except SourceError as error:
            if self._listings.is_expired(resource.id, ITEMS_FEED, cursor, error):
                return FeedPage((), None, finished=False, expired=True)
            raise broken_off(error) from error
        changes = [drive_change(value) for value in values_of(page)]
        following, finished = next_cursor(page, cursor)
        self._listings.read(resource.id, ITEMS_FEED, cursor, finished=finished)
        latest = {change.item_id: change for change in changes if change}
        return FeedPage(tuple(latest.values()), self._client.checked_link(following), finished)

    def _page_request(self, resource: Resource, cursor: str | None) -> Any:
        if cursor is not None:
            info = self._client.link(cursor)
        else:
            drive = self._client.graph.drives.by_drive_id(resource.source_id)
            root = drive.items.by_drive_item_id("root").delta.to_get_request_information()
            info = with_query(root, select=ITEM_SELECT, top=PAGE_SIZE)
        # Things that the app may no longer see are reported as deleted instead of staying for ever.
        return prefer(info, "deltashowremovedasdeleted")
