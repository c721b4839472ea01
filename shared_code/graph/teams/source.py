"""Teams as a source.

``team`` is the item with settings, members and owners; ``channels`` brings a folder and a settings item for each
channel that the team hosts; each channel's messages are a feed of their own (``messages.py``). Files of channels
lie in the team's site and in the sites of private and shared channels, and are covered there. No request leads to a
chat.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial

from shared_code.errors import AccessDeniedError, SourceError, SourceNotFoundError
from shared_code.graph.client import GraphClient
from shared_code.graph.concurrency import all_of
from shared_code.graph.drives.quickxor import QuickXorDigest
from shared_code.graph.listing_mark import mark_of, one_item
from shared_code.graph.refused_cursors import Listings, broken_off
from shared_code.graph.teams.changes import INCOMING, UNLISTED_INCOMING
from shared_code.graph.teams.channels import TeamChannels
from shared_code.graph.teams.fetch import TeamFetch
from shared_code.graph.teams.ids import CHANNELS_FEED, TEAM_FEED, channel_of_feed
from shared_code.graph.teams.messages import TeamMessages, is_listing
from shared_code.model.feed import DOUBT, LISTING_MARK, FeedPage, Fetched, FetchState
from shared_code.model.item import Change, ItemKind
from shared_code.model.resource import Resource

_NEVER_STREAMED = 1 << 62
# "Microsoft Graph service-specific throttling limits" (checked 2026-11): 1 request a second and channel, 4 a team.
_CHANNELS_AT_ONCE = 4


class TeamSource:
    """Satisfies the port ``Source`` for ResourceKind.TEAM. ``resource.source_id`` is the group's id."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._messages = TeamMessages(client)
        self._listings = Listings()

    def root_feeds(self) -> tuple[str, ...]:
        """Settings, then channels, which bring the others."""
        return (TEAM_FEED, CHANNELS_FEED)

    @property
    def stream_from_bytes(self) -> int:
        """No item of a team is ever streamed."""
        return _NEVER_STREAMED

    def digest(self, state: str = "") -> QuickXorDigest:
        """Items of teams have no content hash: it matches anything."""
        return QuickXorDigest.resumed(state)

    async def open_stream(self, resource: Resource, change: Change, offset: int) -> Fetched:
        """Never asked, since nothing is larger than ``stream_from_bytes``."""
        del resource, offset
        return Fetched(change, change, FetchState.FAILED, {}, error="items of teams are not streamed")

    def fetch(self, resource: Resource, changes: Sequence[Change]) -> AsyncIterator[Fetched]:
        """Read native and readable forms; see TeamFetch."""
        return TeamFetch(self._client, resource).fetch(changes)

    async def poll(self, resource: Resource, cursors: Mapping[str, str | None]) -> Mapping[str, FeedPage]:
        """One page of each feed that is being listed, and one question for all that go on from a moment.

        A channel that is not there, or alone cannot be read, does not keep the others from being read. Raises
        SourceError when the team is out of reach.
        """
        reader = TeamChannels(self._client, resource)
        pages: dict[str, FeedPage] = {}
        if TEAM_FEED in cursors:
            pages[TEAM_FEED] = one_item(await reader.settings(), cursors[TEAM_FEED])
        if CHANNELS_FEED in cursors:
            pages[CHANNELS_FEED] = channels_page(await reader.changes(), cursors[CHANNELS_FEED])
        others = {feed: cursor for feed, cursor in cursors.items() if feed not in (TEAM_FEED, CHANNELS_FEED)}
        going_on = {feed: cursor for feed, cursor in others.items() if cursor is not None and not is_listing(cursor)}
        if going_on:
            pages |= await self._changed(resource, going_on)
        pages |= await self._listed(resource, {feed: others[feed] for feed in others if feed not in going_on})
        return {feed: pages[feed] for feed in cursors}

    async def _changed(self, resource: Resource, cursors: Mapping[str, str]) -> dict[str, FeedPage]:
        feeds = {channel_of_feed(feed): feed for feed in cursors}
        try:
            found = await self._messages.changed(resource, {channel: cursors[feed] for channel, feed in feeds.items()})
        except SourceError as error:
            if error.retryable or isinstance(error, AccessDeniedError):
                raise
            # Refused as a question, or its pages are no longer known: listing the channels anew needs neither.
            return {feed: FeedPage((), None, finished=False, expired=True) for feed in cursors}
        return {feeds[channel]: page for channel, page in found.items()}

    async def _listed(self, resource: Resource, cursors: Mapping[str, str | None]) -> dict[str, FeedPage]:
        jobs: list[Callable[[], Awaitable[tuple[str, FeedPage | SourceError]]]] = [
            partial(self._list_one, resource, feed, cursor) for feed, cursor in cursors.items()
        ]
        answers = dict(await all_of(jobs, _CHANNELS_AT_ONCE))
        pages = {feed: answer for feed, answer in answers.items() if isinstance(answer, FeedPage)}
        for feed, error in answers.items():
            if isinstance(error, FeedPage):
                continue
            if not isinstance(error, SourceNotFoundError) and not pages:
                raise error  # nothing could be read: a permission is missing, and no channel is to blame
            pages[feed] = FeedPage((), cursors[feed], finished=True, gone=True, error=error.message)
        return pages

    async def _list_one(self, resource: Resource, feed: str, cursor: str | None) -> tuple[str, FeedPage | SourceError]:
        try:
            page = await self._messages.listed(resource, feed, channel_of_feed(feed), cursor)
        except (SourceNotFoundError, AccessDeniedError) as error:
            return feed, error
        except SourceError as error:
            if self._listings.is_expired(resource.id, feed, cursor, error):
                return feed, FeedPage((), None, finished=False, expired=True)
            raise broken_off(error) from error
        self._listings.read(resource.id, feed, cursor, finished=page.finished)
        return feed, page


def channels_page(changes: Sequence[Change], cursor: str | None) -> FeedPage:
    """All channels at once. The cursor holds what is known, so that what is missing now is gone and what is unchanged
    need not be confirmed; and what was said of it last, so that it need not be compared."""
    listed = {change.item_id for change in changes}
    last = (cursor or "").removeprefix(LISTING_MARK)
    known, mark = json.loads(last.removeprefix(DOUBT)) if last else ([], "")
    if UNLISTED_INCOMING in listed:  # nothing is known of what could not be listed, its absence least of all
        listed |= {item_id for item_id in known if item_id.startswith(INCOMING)}
    gone = [Change(item_id, ItemKind.CHANNEL, deleted=True) for item_id in known if item_id not in listed]
    # What is only named, because another team hosts it, is said once and not every night.
    told = [change for change in changes if not (change.skip_cause and change.item_id in known)]
    following = LISTING_MARK + json.dumps([sorted(listed), mark_of(changes)], separators=(",", ":"))
    is_news = last.startswith(DOUBT) or mark != mark_of(changes)
    return FeedPage((*told, *gone) if is_news else (), following, finished=True)
