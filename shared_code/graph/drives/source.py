"""OneDrive (and any other drive) as a source.

One feed, ``items``: the delta of the drive's root, and every seven days a whole listing behind it. Sources: graph-docs
driveitem-delta, driveitem-get, driveitem-get-content (v1.0, checked 2026-11).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime

from shared_code.errors import SourceError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.cursor import DriveCursor
from shared_code.graph.drives.feed import DriveFeed
from shared_code.graph.drives.fetch import DriveFetch
from shared_code.graph.drives.quickxor import QuickXorDigest
from shared_code.graph.drives.stream import DriveStream
from shared_code.graph.refused_cursors import broken_off
from shared_code.model.feed import FeedPage, Fetched
from shared_code.model.item import Change
from shared_code.model.resource import Resource

ITEMS_FEED = "items"
STREAM_FROM_BYTES = 4 * 1024 * 1024


class DriveSource:
    """Satisfies the port ``Source`` for ResourceKind.DRIVE. ``resource.source_id`` is the drive's id."""

    def __init__(
        self, client: GraphClient, *, earlier_versions: int = 0, now: Callable[[], datetime] | None = None
    ) -> None:
        """``earlier_versions`` and ``now`` as DriveFeed takes them."""
        self._client = client
        self._feed = DriveFeed(client, earlier_versions=earlier_versions, now=now)

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
        """Read one page; see DriveFeed. Raises SourceError when the drive is out of reach."""
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
        try:
            answer = await self._client.get_json(self._feed.request(resource.source_id, cursor), asked)
        except SourceError as error:
            expired = self._feed.expired(resource.source_id, cursor, error)
            if expired is not None:
                return expired
            raise broken_off(error) from error
        return await self._feed.page(resource.source_id, cursor, answer)
