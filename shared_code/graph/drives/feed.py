"""The feed of one drive, page by page, for whoever has the drive: a user, or a site as one of its libraries.

The delta of the drive's root, and every seven days a whole listing behind it (see DriveCursor). Source: graph-docs
driveitem-delta (v1.0, checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from shared_code.errors import SourceError
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.changes import ITEM_SELECT, drive_change
from shared_code.graph.drives.cursor import DriveCursor
from shared_code.graph.drives.details import DriveDetails
from shared_code.graph.drives.versions import VERSIONS_UNREAD, with_versions_gone
from shared_code.graph.odata import next_cursor, prefer, values_of, with_query
from shared_code.graph.refused_cursors import Listings
from shared_code.model.feed import FeedPage

PAGE_SIZE = 500
_FEED = "items"
# "driveItem: delta" and "Best practices for discovering files and detecting changes at scale" (checked 2026-11): things
# that the app may no longer see are reported as deleted instead of staying for ever; what lies below a folder that the
# app may not see is still told; changes of sharing show, at what is shared itself and not at all that lies below.
_PREFERENCES = (
    "deltashowremovedasdeleted",
    "deltatraversepermissiongaps",
    "deltashowsharingchanges",
    "hierarchicalsharing",
)


class DriveFeed:
    """Requests and answers of drives' feeds; who sends the requests, alone or in a batch, is the caller's matter.
    Remembers which drives are being listed, for the length of a slice."""

    def __init__(
        self, client: GraphClient, *, earlier_versions: int = 0, now: Callable[[], datetime] | None = None
    ) -> None:
        """``earlier_versions``: how many of each file are stored besides the current one. Without a clock a drive is
        not listed anew every few days, and changes of sharing that do not show in delta are not found."""
        self._client = client
        self._earlier_versions = earlier_versions
        self._now = now
        self._listings = Listings()

    def request(self, drive_id: str, cursor: DriveCursor) -> Any:
        """The request for the page that the cursor stands before."""
        if cursor.link:
            info = self._client.link(cursor.link)
        else:
            drive = self._client.graph.drives.by_drive_id(drive_id)
            root = drive.items.by_drive_item_id("root").delta.to_get_request_information()
            info = with_query(root, select=ITEM_SELECT, top=PAGE_SIZE)
        return prefer(info, *_PREFERENCES)

    def expired(self, drive_id: str, cursor: DriveCursor, error: SourceError) -> FeedPage | None:
        """What follows of a refused request where ``error`` says that its cursor is no longer known: the drive is
        listed from its start; or, in a sweep, the delta goes on and the next run sweeps anew. None where it says
        something else."""
        if not self._listings.is_expired(drive_id, _FEED, cursor.link or None, error):
            return None
        if cursor.is_sweep:
            return FeedPage((), cursor.given_up().text(), finished=True)
        return FeedPage((), None, finished=False, expired=True)

    async def page(self, drive_id: str, cursor: DriveCursor, answer: dict[str, Any]) -> FeedPage:
        """The answer to ``request`` as a page, its changes completed with permissions and earlier versions. Items can
        come twice, on one page or on several: the last word wins. Raises SourceError when the drive is out of reach."""
        link = cursor.link or None
        following, is_last = next_cursor(answer, link)
        self._listings.read(drive_id, _FEED, link, finished=is_last)
        if link is None and not cursor.is_sweep:
            cursor = cursor.begun(self._today(), self._earlier_versions)
        has_versions = bool(self._earlier_versions or cursor.versions)
        read = [change for change in map(drive_change, values_of(answer)) if change]
        latest = {each.item_id: with_versions_gone(each) if has_versions else each for each in read}
        details = DriveDetails(self._client, drive_id)
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
