"""The working state of one slice (``slice_records.py``: what it is made of and turned into)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared_code.model.feed import doubted
from shared_code.model.item import Change, ItemKind, ItemVersion
from shared_code.model.lease import CheckpointMark, LeaseTerms
from shared_code.model.outcome import MOST_ATTEMPTS, Counts, ItemFailure, ItemSkip, SkipCause
from shared_code.model.progress import FeedState, PartialFile, PendingChange
from shared_code.model.resource import Resource
from shared_code.model.snapshot import SegmentKind, SegmentRef


@dataclass(slots=True)
class SliceState:
    """Mutable, for the length of one slice. ``failures``, ``skips`` and ``written`` are keyed by (feed, item id)."""

    customer_id: str
    resource: Resource
    seq: int
    slice_number: int
    run_id: str
    started_at: datetime
    inherited: tuple[SegmentRef, ...]
    segments: tuple[SegmentRef, ...]
    feeds: dict[str, FeedState]
    counts: Counts
    checkpoint: CheckpointMark
    pending: deque[PendingChange]
    partial: PartialFile | None = None
    failures: dict[tuple[str, str], ItemFailure] = field(default_factory=dict)
    skips: dict[tuple[str, str], ItemSkip] = field(default_factory=dict)
    folder_gone: bool = False
    checkpointing: CheckpointMark | None = None
    merged: bool = False
    repaired: set[tuple[str, str]] = field(default_factory=set)
    times_begun_anew: int = 0
    begins: bool = False
    """Whether this is the first slice of what becomes a snapshot."""
    damaged: frozenset[tuple[str, str]] = frozenset()
    """The damage list when the slice began: nothing of what is stored of these is referred to again."""
    written: dict[tuple[str, str], ItemVersion] = field(default_factory=dict)
    """What this very slice has written, which no catalog knows yet: without content and details."""
    reappeared: set[str] = field(default_factory=set)
    """Feeds in which a deleted folder came back; nobody tells what it brought with it, so they are listed anew."""

    def lower_marks(self, terms: LeaseTerms, now: datetime) -> None:
        """What is written from now on is leased on ``terms``: the marks vouch for no more than that."""
        self.checkpoint = self.checkpoint.lowered_to(terms, now)
        if self.checkpointing is not None:
            self.checkpointing = self.checkpointing.lowered_to(terms, now)

    @property
    def all_segments(self) -> tuple[SegmentRef, ...]:
        """Oldest first: what the state so far consists of."""
        return self.inherited + self.segments

    @property
    def segment_kind(self) -> SegmentKind:
        """What the first snapshot writes is the base of all that follow."""
        return SegmentKind.DELTA if self.inherited or self.merged else SegmentKind.BASE

    def unfinished(self) -> dict[str, str | None]:
        """Feeds that still have pages, with their cursors, in their order."""
        return {name: feed.cursor for name, feed in self.feeds.items() if not feed.finished}

    def relisted(self) -> dict[str, int]:
        """Feeds that this snapshot lists anew, with the index of the first segment of the new listing."""
        return {name: feed.relisted_from for name, feed in self.feeds.items() if feed.relisted_from is not None}

    def relist(self, feeds: Iterable[str]) -> None:
        """Start these feeds again; what the next slices write of them is the new listing. Changes of theirs that
        wait are dropped, for they will be listed again."""
        again = set(feeds)
        for name in again:
            self.feeds[name] = FeedState(None, relisted_from=len(self.all_segments))
        self.pending = deque(
            entry for entry in self.pending if entry.feed not in again or entry.attempts or entry.force
        )
        for key, skip in self.skips.items():
            if skip.feed in again and skip.seen_in == self.seq:  # by the listing that was broken off
                self.skips[key] = replace(skip, seen_in=self.seq - 1)

    def doubt_listing(self, feed: str) -> bool:
        """What was stored of an item is not what a listing named: the same listing is news again. False for a feed
        that tells of changes by itself."""
        known = self.feeds.get(feed)
        cursor = doubted(known.cursor) if known else None
        if known and cursor:
            self.feeds[feed] = replace(known, cursor=cursor)
        return cursor is not None

    def buried(self) -> None:
        """What was gone without a word has its tombstones: nothing of that is left to do."""
        self.folder_gone = False
        self.feeds = {name: replace(feed, relisted_from=None) for name, feed in self.feeds.items()}

    def fetch_again(self, version: ItemVersion) -> None:
        """What is stored of it is damaged: fetch it from the source."""
        self.pending.append(PendingChange(version.feed, version.change, force=True))

    def mend(self, entry: PendingChange) -> None:
        """A damaged item has been stored again, or is gone at the source."""
        if entry.force:
            self.repaired.add((entry.feed, entry.change.item_id))

    def count(self, **more: int) -> None:
        """Add to the counts."""
        self.counts += Counts(**more)

    def note(self, feed: str, change: Change) -> None:
        """Remember that this slice wrote ``change``, so that a later word on the same item meets it."""
        kept = Change(
            change.item_id,
            change.kind,
            deleted=change.deleted,
            parent_id=change.parent_id,
            etag=change.etag,
            opens_feed=change.opens_feed,
        )
        self.written[(feed, change.item_id)] = ItemVersion(feed, kept)

    def settle(self, feed: str, item_id: str) -> None:
        """Something final is known of an item: an earlier failure or skip is history."""
        self.failures.pop((feed, item_id), None)
        self.skips.pop((feed, item_id), None)

    def settle_stored(self, feed: str, change: Change) -> None:
        """An item is stored as well as it can be had; what the source withholds of it is named all the same."""
        self.settle(feed, change.item_id)
        withheld = change.properties.get("withheld")
        if withheld and not change.deleted:
            cause = SkipCause(withheld)
            self.skips[(feed, change.item_id)] = ItemSkip(feed, change.item_id, change.name, cause, self.seq)

    def fail(self, entry: PendingChange, error: str) -> None:
        """Put an item on the retry list: it was tried in one more run. After MOST_ATTEMPTS of them it is skipped until
        it changes. A feed that lists the same again in the same run does not make it another run, nor a new item."""
        change, key = entry.change, (entry.feed, entry.change.item_id)
        earlier = self.failures.pop(key, None)
        attempts = entry.attempts + 1
        if earlier and change.etag and earlier.change.etag == change.etag:
            attempts = max(attempts, earlier.attempts)
        if attempts >= MOST_ATTEMPTS or self.is_given_up(entry):
            tried = replace(change, transient={})
            given_up = ItemSkip(entry.feed, change.item_id, change.name, SkipCause.GIVEN_UP, self.seq, tried, error)
            self.skips[key] = given_up
            self.count(skipped=1)
            return
        self.skips.pop(key, None)
        self.failures[key] = ItemFailure(entry.feed, replace(change, transient={}), error, attempts)
        self.count(failed=1)

    def is_given_up(self, entry: PendingChange) -> bool:
        """Whether this very version of an item failed too often to be tried again."""
        skip = self.skips.get((entry.feed, entry.change.item_id))
        if skip is None or skip.change is None or not skip.change.etag:
            return False
        return skip.cause is SkipCause.GIVEN_UP and skip.change.etag == entry.change.etag

    def skip(self, entry: PendingChange, cause: SkipCause) -> None:
        """Note that an item is not stored, for a cause of its own."""
        change = entry.change
        self.settle(entry.feed, change.item_id)
        self.skips[(entry.feed, change.item_id)] = ItemSkip(entry.feed, change.item_id, change.name, cause, self.seq)
        self.count(skipped=1)

    def skip_again(self, entry: PendingChange) -> None:
        """The source still tells of an item that was given up, and nothing of it has changed."""
        key = (entry.feed, entry.change.item_id)
        self.skips[key] = replace(self.skips[key], seen_in=self.seq)
        self.count(skipped=1)

    def doubt_skips(self) -> None:
        """Skipped items have no row in the catalog, so nothing buries them. What a new listing does not name is gone;
        what was given up may have gone with a folder: the next run asks once more."""
        relisted = self.relisted()
        for key, skip in list(self.skips.items()):
            if skip.seen_in == self.seq:
                continue
            if skip.feed in relisted or skip.feed not in self.feeds:
                del self.skips[key]
            elif self.folder_gone and skip.change is not None:
                del self.skips[key]
                self.failures[key] = ItemFailure(skip.feed, skip.change, skip.error, MOST_ATTEMPTS - 1)

    def fail_feed(self, feed: str, error: str) -> None:
        """A feed could not be read: what it held stays as it was, and the snapshot is partial. Its folder's deletion
        (``close_feed``) settles that, or a later run that reads it; so it counts as failed in the end alone."""
        attempts = self.failures[(feed, feed)].attempts if (feed, feed) in self.failures else 0
        self.failures[(feed, feed)] = ItemFailure(feed, Change(feed, ItemKind.MAIL_FOLDER), error, attempts + 1)

    def read_feed(self, feed: str) -> None:
        """The feed can be read: earlier trouble with it is history."""
        self.failures.pop((feed, feed), None)

    def close_feed(self, feed: str) -> None:
        """The folder that brought the feed is gone, and all trouble with it."""
        self.feeds.pop(feed, None)
        self.failures.pop((feed, feed), None)
