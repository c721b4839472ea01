"""A source in memory that satisfies the backup's ``Source``: feeds with change logs, contents, faults by item."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared_code.errors import SourceError
from shared_code.graph.drives.quickxor import QuickXorDigest
from shared_code.model.feed import FeedPage, Fetched, FetchState
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.resource import Resource

ROOT_FEED = "items"


def content_hash_of(data: bytes) -> str:
    digest = QuickXorDigest()
    digest.update(data)
    return digest.content_hash()


@dataclass
class ScriptedStream:
    change: Change
    data: bytes
    portion: int
    error: SourceError | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self.data), self.portion):
            yield self.data[at : at + self.portion]
            if self.error:
                raise self.error

    async def aclose(self) -> None:
        pass


@dataclass
class ScriptedSource:
    """Edit it with ``put``, ``put_folder`` and ``remove``; ``fetched`` tells which contents were asked for. By feed:
    ``expired`` ones know no cursor of theirs, once; ``gone`` ones cannot be read; ``refuse_onward`` refuses the
    next page of a listing that is not its first, once. By item: ``faults`` are what comes of
    fetching it, ``stream_errors`` break its stream off after the first portion."""

    page_size: int = 3
    stream_from_bytes: int = 1 << 20
    logs: dict[str, list[Change]] = field(default_factory=lambda: {ROOT_FEED: []})
    contents: dict[str, dict[Form, bytes]] = field(default_factory=dict)
    faults: dict[str, FetchState] = field(default_factory=dict)
    stream_errors: dict[str, SourceError] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    polled: list[str] = field(default_factory=list)
    stream_offsets: list[int] = field(default_factory=list)
    expired: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    refuse_onward: bool = False
    _etag: int = 0

    # -- editing

    def put(
        self,
        item_id: str,
        data: bytes,
        *,
        feed: str = ROOT_FEED,
        parent_id: str = "",
        name: str = "",
        hashed: bool = True,
        readable: bytes | None = None,
    ) -> Change:
        forms = {Form.NATIVE: data} | ({Form.READABLE: readable} if readable is not None else {})
        self.contents[item_id] = forms
        change = Change(
            item_id,
            ItemKind.FILE,
            parent_id=parent_id,
            name=name or item_id,
            size_bytes=len(data),
            etag=self._next_etag(),
            content_hash=content_hash_of(data) if hashed else "",
            properties={"cTag": hashlib.sha256(data).hexdigest()},
        )
        return self._log(feed, change)

    def put_folder(self, item_id: str, *, parent_id: str = "", opens_feed: str = "", name: str = "") -> Change:
        if opens_feed:
            self.logs.setdefault(opens_feed, [])
        change = Change(
            item_id,
            ItemKind.FOLDER,
            parent_id=parent_id,
            name=name or item_id,
            etag=self._next_etag(),
            opens_feed=opens_feed,
        )
        return self._log(ROOT_FEED, change)

    def remove(self, item_id: str, *, feed: str = ROOT_FEED) -> None:
        living = self.living(feed)[item_id]
        self._log(feed, Change(item_id, living.kind, deleted=True))

    def living(self, feed: str, end: int | None = None) -> dict[str, Change]:
        """What lives in a feed now, or did after the first ``end`` changes."""
        newest: dict[str, Change] = {}
        for change in self.logs[feed][:end]:
            newest.pop(change.item_id, None)
            if not change.deleted:
                newest[change.item_id] = change
        return newest

    def _log(self, feed: str, change: Change) -> Change:
        self.logs[feed].append(change)
        return change

    def _next_etag(self) -> str:
        self._etag += 1
        return f"e{self._etag}"

    # -- Source

    def root_feeds(self) -> tuple[str, ...]:
        return (ROOT_FEED,)

    async def poll(self, resource: Resource, cursors: Mapping[str, str | None]) -> Mapping[str, FeedPage]:
        return {feed: self._page(feed, cursor) for feed, cursor in cursors.items()}

    def _page(self, feed: str, cursor: str | None) -> FeedPage:
        self.polled.append(feed)
        if cursor and feed in self.expired:
            self.expired.discard(feed)
            return FeedPage((), None, False, expired=True)
        if feed in self.gone:
            return FeedPage((), cursor, True, gone=True)
        if self.refuse_onward and cursor and cursor.startswith("list:"):
            self.refuse_onward = False
            return FeedPage((), cursor, True, gone=True, error="refused")
        log = self.logs[feed]
        if cursor is None or cursor.startswith("list:"):
            end, offset = (len(log), 0) if cursor is None else map(int, cursor.split(":")[1:])
            living = list(self.living(feed, end).values())  # a listing is of one moment, its pages as well
            page = tuple(living[offset : offset + self.page_size])
            if offset + self.page_size < len(living):
                return FeedPage(page, f"list:{end}:{offset + self.page_size}", False)
            return FeedPage(page, f"since:{end}", True)
        start = int(cursor.removeprefix("since:"))
        page = tuple({change.item_id: change for change in log[start : start + self.page_size]}.values())
        end = min(len(log), start + self.page_size)
        return FeedPage(page, f"since:{end}", end == len(log))

    async def fetch(self, resource: Resource, changes: Sequence[Change]) -> AsyncIterator[Fetched]:
        for change in changes:
            yield self._fetch(change)

    def _fetch(self, change: Change) -> Fetched:
        self.fetched.append(change.item_id)
        fault = self.faults.get(change.item_id)
        if fault:
            return Fetched(change, change, fault, {}, error="scripted")
        newest = next(
            (living[change.item_id] for living in map(self.living, self.logs) if change.item_id in living), None
        )
        if newest is None:
            return Fetched(change, change, FetchState.GONE, {})
        return Fetched(change, newest, FetchState.FETCHED, self.contents[change.item_id])

    async def open_stream(self, resource: Resource, change: Change, offset: int) -> ScriptedStream | Fetched:
        fetched = self._fetch(change)
        if fetched.state is not FetchState.FETCHED:
            return fetched
        self.stream_offsets.append(offset)
        data = fetched.forms[Form.NATIVE][offset:]
        error = self.stream_errors.get(change.item_id)
        return ScriptedStream(replace(fetched.change, size_bytes=offset + len(data)), data, 300_000, error)

    def digest(self, state: str = "") -> QuickXorDigest:
        return QuickXorDigest.resumed(state)
