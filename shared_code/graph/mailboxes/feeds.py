"""How the feeds of a mailbox share a batch, and what their cursors mean. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared_code.errors import SourceError, ThrottledError
from shared_code.graph.batch import MAX_BATCH
from shared_code.graph.mailboxes.changes import FOLDERS_FEED, ITEMS_FEED
from shared_code.graph.mailboxes.listing import ListingCursor
from shared_code.graph.mailboxes.recoverable import RECOVERABLE_FEED
from shared_code.graph.mailboxes.settings import SETTINGS_FEED

# 404s that mean the whole mailbox, not a folder of it.
_MAILBOX_GONE = frozenset({"errornonexistentmailbox", "mailboxnotenabledforrestapi", "request_resourcenotfound"})
_LATER = "later:"


def without_room(infos: Mapping[str, Sequence[Any]]) -> list[str]:
    """Feeds that take more than one request and find no room in a batch beside the others."""
    total = sum(len(some) for some in infos.values())
    found: list[str] = []
    for feed in (SETTINGS_FEED, RECOVERABLE_FEED):
        if total > MAX_BATCH and infos.get(feed) and len(infos) > len(found) + 1:
            total -= len(infos[feed])
            found.append(feed)
    return found


def later(cursor: str | None) -> str:
    """A cursor that is another one each time: a feed that stands still counts as broken."""
    number = cursor.removeprefix(_LATER) if cursor and cursor.startswith(_LATER) else "0"
    return f"{_LATER}{int(number) + 1}"


def is_delta(feed: str, cursor: str | None) -> bool:
    """Whether what was asked for is a delta, and not the next page of a listing, nor settings."""
    listed = ListingCursor.parse(cursor)
    return (feed == FOLDERS_FEED or feed.startswith(ITEMS_FEED)) and not (listed and listed.following)


def begun_again(cursor: str | None) -> str | None:
    """The cursor with which the next run begins after trouble: a listing that broke off begins again."""
    listed = ListingCursor.parse(cursor)
    return cursor if listed is None else ListingCursor().text()


def concerns_one_feed(error: SourceError) -> bool:
    """Not throttling, not the token, not the mailbox as a whole."""
    if isinstance(error, ThrottledError) or error.context.get("status") == 401:
        return False
    return str(error.context.get("code", "")).lower() not in _MAILBOX_GONE
