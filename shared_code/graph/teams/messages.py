"""The feeds of a team's messages: each channel listed once with its replies, then only what has changed.

*First* every channel is listed, replies and all, for delta reaches back 8 months and omits replies. *Later* one
question for the whole team brings what was modified since, replies to old messages, edits, reactions and deletions
included: getAllMessages with a range of lastModifiedDateTime. It covers standard and private channels; a shared channel
is listed anew each time and compared by etag. Sources: graph-docs channel-list-messages, channel-getallmessages,
chatmessage-delta (v1.0, checked 2026-11).

The time from which the next question asks is the service's own (the Date of the answer with which the reading began),
less an hour for what a search index takes: no clock of ours has to agree with Microsoft's. Without a Date the channel
is listed again. A range that reaches back more than two weeks is not trusted to tell of deletions: it is an expired
cursor. So is one whose channel was last listed a month ago: what a retention policy removes leaves no trace but its
absence from a listing.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from shared_code.errors import SourceUnavailableError
from shared_code.graph.answer import Asked, parsed_or_none
from shared_code.graph.client import GraphClient
from shared_code.graph.collection_page import page_values
from shared_code.graph.odata import text_of, with_query
from shared_code.graph.teams.changes import message_change
from shared_code.graph.teams.ids import is_of_shared_channel
from shared_code.model.feed import FeedPage
from shared_code.model.item import Change
from shared_code.model.resource import Resource

PAGE_SIZE = 50  # "List channel messages": the most of a page, checked 2026-11
_WINDOW_PAGE_SIZE = 200
_OVERLAP = timedelta(hours=1)
_LONGEST_WINDOW = timedelta(days=14)
_LISTED_AGAIN = timedelta(days=30)
_SPREAD_DAYS = 7  # so that not all channels of a team are listed in one night
_TRIES = 3
_MOST_HELD = 5_000  # changes of a range that keep what was read of them; further ones are read again, one by one
_LISTING, _SINCE = "list|", "since|"
READ_MESSAGES = "ChannelMessage.Read.All"


@dataclass(slots=True)
class _Window:
    """What has changed in a team since a moment, by channel; each channel's part is handed out once."""

    since: str
    following: str
    parts: dict[str, list[Change]] = field(default_factory=dict)
    handed_out: set[str] = field(default_factory=set)
    held: int = 0
    is_too_long: bool = False


class TeamMessages:
    """Reads the message feeds of teams, for the length of a slice."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._windows: dict[str, _Window] = {}

    async def listed(self, resource: Resource, feed: str, channel_id: str, cursor: str | None) -> FeedPage:
        """One page of a channel's listing. Raises SourceError."""
        asked = _asked(resource, channel_id)
        if cursor is None:
            channel = self._client.graph.teams.by_team_id(resource.source_id).channels.by_channel_id(channel_id)
            info = with_query(channel.messages.to_get_request_information(), top=PAGE_SIZE, expand="replies")
            page, began = await self._first_page(info, asked)
        else:
            began, _, link = cursor.removeprefix(_LISTING).partition("|")
            page = await self._client.get_json(self._client.link(link), asked)
        changes = await self._with_replies(page_values(page, asked), channel_id, asked)
        following = text_of(page.get("@odata.nextLink"))
        if following:
            if cursor is not None and cursor.endswith(f"|{following}"):
                raise SourceUnavailableError("A page of messages names itself as the next one.")
            link = self._client.checked_link(following)
            return FeedPage(changes, f"{_LISTING}{began}|{link}", finished=False)
        is_known = began and not is_of_shared_channel(feed)
        return FeedPage(changes, _cursor(began, began) if is_known else None, finished=True)

    async def changed(self, resource: Resource, cursors: Mapping[str, str]) -> dict[str, FeedPage]:
        """Pages of feeds (channel id -> cursor) that go on from a moment. Raises SourceError."""
        window = self._windows.get(resource.id)
        marks = {channel: _marks_of(cursor) for channel, cursor in cursors.items()}
        since = min(mark for mark, _ in marks.values())
        if window is None or window.since > since or window.handed_out & set(cursors):
            window = await self._read_window(resource, since)
            self._windows[resource.id] = window
        pages: dict[str, FeedPage] = {}
        for channel, (_, listed) in marks.items():
            window.handed_out.add(channel)
            changes = {change.item_id: change for change in window.parts.pop(channel, [])}
            if window.is_too_long or _is_due(channel, listed, window.following):
                pages[channel] = FeedPage((), None, finished=False, expired=True)
            else:
                following = _cursor(window.following, listed) if window.following else cursors[channel]
                pages[channel] = FeedPage(tuple(changes.values()), following, finished=True)
        return pages

    async def _read_window(self, resource: Resource, since: str) -> _Window:
        info = self._client.graph.teams.by_team_id(resource.source_id).channels.get_all_messages
        request = with_query(info.to_get_request_information(), top=_WINDOW_PAGE_SIZE)
        request.query_parameters["%24filter"] = f"lastModifiedDateTime gt {since}"
        asked = _asked(resource, "")
        page, began = await self._first_page(request, asked)
        window = _Window(since, began)
        if began and _moment(began) - _moment(since) > _LONGEST_WINDOW:
            window.is_too_long = True  # so nothing more of it is read, and nobody goes on from it
            return window
        _sort_in(window, page_values(page, asked))
        following = text_of(page.get("@odata.nextLink"))
        if following:
            async with aclosing(self._client.get_pages(self._client.link(following), asked)) as pages:
                async for more in pages:
                    _sort_in(window, page_values(more, asked))
        return window

    async def _with_replies(
        self, messages: Sequence[Mapping[str, Any]], channel_id: str, asked: Asked
    ) -> tuple[Change, ...]:
        found: dict[str, Change] = {}
        for message in messages:
            listed = message.get("replies")
            replies = [reply for reply in listed if isinstance(reply, dict)] if isinstance(listed, list) else []
            link = text_of(message.get("replies@odata.nextLink"))
            if link:
                async with aclosing(self._client.get_pages(self._client.link(link), asked)) as pages:
                    async for page in pages:
                        replies += page_values(page, asked)
            for value in (message, *replies):
                change = message_change(value, channel_id)
                if change is not None:
                    found[change.item_id] = change
        return tuple(found.values())

    async def _first_page(self, info: Any, asked: Asked) -> tuple[dict[str, Any], str]:
        """The page, and when the service began with it, less the overlap; "" when it does not say."""
        for _ in range(_TRIES):
            answer = await self._client.send(info, asked)
            page = parsed_or_none(answer.body)
            if isinstance(page, dict) and isinstance(page.get("value"), list):
                return page, _began(answer.headers.get("date"))
        raise SourceUnavailableError(f"{asked.operation}: an answer that is no page, again and again.")


def is_listing(cursor: str | None) -> bool:
    """Whether a cursor stands inside a listing, or before it."""
    return cursor is None or cursor.startswith(_LISTING)


def _cursor(since: str, listed: str) -> str:
    return f"{_SINCE}{since}|{listed}"


def _marks_of(cursor: str) -> tuple[str, str]:
    """From when to ask, and when the channel was last listed."""
    since, _, listed = cursor.removeprefix(_SINCE).partition("|")
    return since, listed or since


def _is_due(channel_id: str, listed: str, now: str) -> bool:
    """Whether the channel is to be listed again; ``now`` is the service's, less the overlap, "" when not known."""
    spread = timedelta(days=zlib.crc32(channel_id.encode()) % _SPREAD_DAYS)
    return bool(now) and _moment(now) - _moment(listed) > _LISTED_AGAIN + spread


def _sort_in(window: _Window, values: Sequence[Mapping[str, Any]]) -> None:
    for value in values:
        identity = value.get("channelIdentity")
        channel_id = text_of(identity.get("channelId")) if isinstance(identity, Mapping) else ""
        change = message_change(value, channel_id)
        if channel_id and change is not None:
            window.held += 1
            kept = change if window.held <= _MOST_HELD else replace(change, transient={})
            window.parts.setdefault(channel_id, []).append(kept)


def _began(date: str | None) -> str:
    try:
        moment = parsedate_to_datetime(date or "")
    except (ValueError, TypeError):
        return ""
    if moment.tzinfo is None:
        return ""
    return (moment.astimezone(UTC) - _OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _asked(resource: Resource, channel_id: str) -> Asked:
    ids = {"resource_id": resource.id} | ({"channel_id": channel_id} if channel_id else {})
    return Asked("read messages of a channel", READ_MESSAGES, ids)
