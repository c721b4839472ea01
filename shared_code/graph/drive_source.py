"""OneDrive (and any other drive) as a source.

One feed, ``items``: the delta of the drive's root, and every seven days a whole listing behind it. Sources: graph-docs
driveitem-delta, driveitem-get, driveitem-get-content (v1.0, checked 2026-11).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from shared_code.errors import SourceError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.drive_changes import ITEM_SELECT, drive_change
from shared_code.graph.drive_cursor import DriveCursor
from shared_code.graph.drive_details import DriveDetails
from shared_code.graph.drive_fetch import DriveFetch
from shared_code.graph.drive_stream import DriveStream
from shared_code.graph.drive_versions import VERSIONS_UNREAD, with_versions_gone
from shared_code.graph.listings import Listings, broken_off
from shared_code.graph.odata import next_cursor, prefer, values_of, with_query
from shared_code.graph.quickxor import QuickXorDigest
from shared_code.model.feed import FeedPage, Fetched
from shared_code.model.item import Change
from shared_code.model.resource import Resource

ITEMS_FEED = "items"
PAGE_SIZE = 500
STREAM_FROM_BYTES = 4 * 1024 * 1024
# "driveItem: delta" and "Best practices for discovering files and detecting changes at scale" (checked 2026-11): things
# that the app may no longer see are reported as deleted instead of staying for ever; what lies below a folder that the
# app may not see is still told; changes of sharing show, at what is shared itself and not at all that lies below.
_PREFERENCES = (
    "deltashowremovedasdeleted",
    "deltatraversepermissiongaps",
    "deltashowsharingchanges",
    "hierarchicalsharing",
)


class DriveSource:
    """Satisfies the port ``Source`` for ResourceKind.DRIVE. ``resource.source_id`` is the drive's id."""

    def __init__(
        self, client: GraphClient, *, earlier_versions: int = 0, now: Callable[[], datetime] | None = None
    ) -> None:
        """``earlier_versions``: how many of each file are stored besides the current one. Without a clock the drive is
        not listed anew every few days, and changes of sharing that do not show in delta are not found."""
        self._client = client
        self._earlier_versions = earlier_versions
        self._now = now
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

    async def _page(self, resource: Resource, text: str | None) -> FeedPage:
        cursor = DriveCursor.of(text)
        asked = Asked("read changed files", "Files.Read.All", {"resource_id": resource.id})
        link = cursor.link or None
        try:
            page = await self._client.get_json(self._page_request(resource, link), asked)
        except SourceError as error:
            if self._listings.is_expired(resource.id, ITEMS_FEED, link, error):
                if cursor.is_sweep:  # the delta goes on, and the next run sweeps anew
                    return FeedPage((), cursor.given_up().text(), finished=True)
                return FeedPage((), None, finished=False, expired=True)
            raise broken_off(error) from error
        following, is_last = next_cursor(page, link)
        self._listings.read(resource.id, ITEMS_FEED, link, finished=is_last)
        if link is None and not cursor.is_sweep:
            cursor = cursor.begun(self._today(), self._earlier_versions)
        has_versions = bool(self._earlier_versions or cursor.versions)
        read = [change for change in map(drive_change, values_of(page)) if change]
        latest = {each.item_id: with_versions_gone(each) if has_versions else each for each in read}
        details = DriveDetails(self._client, resource.source_id)
        changes = await details.complete(list(latest.values()), self._versions_at(cursor))
        if any(VERSIONS_UNREAD in change.properties for change in changes):
            cursor = replace(cursor, unread=True)
        onward, finished = cursor.followed_by(
            self._client.checked_link(following),
            finished=is_last,
            today=self._today(),
            versions=self._earlier_versions,
        )
        return FeedPage(tuple(changes), onward.text(), finished)

    def _versions_at(self, cursor: DriveCursor) -> int | None:
        """How many earlier versions to ask for on a page; None where they are left alone: what a sweep shows again has
        not changed, unless it is swept for its versions."""
        if cursor.renew:
            return self._earlier_versions
        return None if cursor.is_sweep else self._earlier_versions or None

    def _today(self) -> date | None:
        return self._now().date() if self._now else None

    def _page_request(self, resource: Resource, link: str | None) -> Any:
        if link is not None:
            info = self._client.link(link)
        else:
            drive = self._client.graph.drives.by_drive_id(resource.source_id)
            root = drive.items.by_drive_item_id("root").delta.to_get_request_information()
            info = with_query(root, select=ITEM_SELECT, top=PAGE_SIZE)
        return prefer(info, *_PREFERENCES)
