"""Reads feeds a page ahead of the copying."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from shared_code.backup.ports import Source
from shared_code.backup.state import SliceState
from shared_code.errors import SourceUnavailableError
from shared_code.model.feed import FeedPage
from shared_code.model.progress import FeedState, PendingChange

# Feeds read at once: what one Graph $batch takes
# (learn.microsoft.com/graph/json-batching, 20 requests, checked 2026-11-24).
_FEEDS_AT_ONCE = 20


class PagesAhead:
    """The next page of each of the next feeds, read while the last changes of the ones before are being copied. What
    is read changes nothing until it is taken; what is never taken is read again by the next slice."""

    def __init__(self, source: Source, state: SliceState) -> None:
        self._source = source
        self._state = state
        self._cursors: dict[str, str | None] = {}
        self._reading: asyncio.Task[Mapping[str, FeedPage]] | None = None

    def begin(self) -> bool:
        """Begin to read, unless it is under way; False when no feed has more pages."""
        if self._reading is None:
            self._cursors = dict(list(self._state.unfinished().items())[:_FEEDS_AT_ONCE])
            if not self._cursors:
                return False
            self._reading = asyncio.create_task(self._read(self._cursors))
        return True

    async def take(self) -> list[str]:
        """Put the pages' changes into the line; returns the feeds whose cursor has expired. Raises SourceError."""
        if self._reading is None:
            return []
        pages = await self._reading
        self._reading = None
        state = self._state
        expired: list[str] = []
        for feed, cursor in self._cursors.items():
            page = pages[feed]
            known = state.feeds.get(feed)
            if known is None or known.cursor != cursor:  # its folder was found deleted, or made anew, meanwhile
                continue
            if page.expired:
                expired.append(feed)
                continue
            if page.gone:
                # A new listing that was broken off has not named all there is: the next run begins another.
                onward = page.cursor if known.relisted_from is None else None
                state.feeds[feed] = FeedState(onward, finished=True)
                state.fail_feed(feed, page.error or "the source does not know this folder now")
                continue
            if not page.finished and page.cursor == cursor:
                raise SourceUnavailableError("A page of a feed names itself as the next one; the feed is read later.")
            state.read_feed(feed)
            state.pending.extend(PendingChange(feed, change) for change in page.changes)
            state.feeds[feed] = replace(known, cursor=page.cursor, finished=page.finished)
        return expired

    async def aclose(self) -> None:
        """Give up what is being read."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
            if not self._reading.cancelled():
                self._reading.exception()  # read here, or asyncio complains: the next slice asks again
            self._reading = None

    async def _read(self, cursors: Mapping[str, str | None]) -> Mapping[str, FeedPage]:
        return await self._source.poll(self._state.resource, cursors)
