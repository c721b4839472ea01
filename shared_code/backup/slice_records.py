"""From the records of a resource to the working state of a slice, and back."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared_code.backup.state import SliceState
from shared_code.model.lease import CheckpointMark, LeaseTerms
from shared_code.model.outcome import Counts, ItemFailure
from shared_code.model.progress import FeedState, PendingChange, Progress
from shared_code.model.resource import Resource
from shared_code.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Start:
    """With what a new snapshot begins."""

    customer_id: str
    resource: Resource
    run_id: str
    now: datetime
    root_feeds: Sequence[str]
    terms: LeaseTerms
    seq: int
    slice_number: int = 1

    @property
    def mark(self) -> CheckpointMark:
        """What vouches for a snapshot that builds on nothing. Where there are earlier ones, nobody knows on which terms
        they were leased: a retention of 0 makes this one a checkpoint that renews all there is."""
        mark = self.terms.mark(self.now)
        return mark if self.seq == 1 else replace(mark, retention_days=0)


def first_state(start: Start, latest: Snapshot | None) -> SliceState:
    """The beginning of a new snapshot. With ``latest``, what it builds on: every feed goes on from its cursors, and
    what failed then comes first. Without, everything is listed and stored anew."""
    feeds: dict[str, FeedState] = {}
    if latest:
        # A feed without a cursor could not be read last time: it is listed anew.
        anew = FeedState(None, relisted_from=len(latest.segments))
        feeds = {name: FeedState(cursor) if cursor else anew for name, cursor in latest.cursors.items()}
    for name in start.root_feeds:
        feeds.setdefault(name, FeedState(None))
    failures = latest.failures if latest else ()
    return SliceState(
        customer_id=start.customer_id,
        resource=start.resource,
        seq=start.seq,
        slice_number=start.slice_number,
        run_id=start.run_id,
        started_at=start.now,
        inherited=latest.segments if latest else (),
        segments=(),
        feeds=feeds,
        counts=Counts(),
        checkpoint=latest.checkpoint if latest else start.mark,
        pending=deque(
            PendingChange(entry.feed, entry.change, entry.attempts) for entry in failures if not _is_of_feed(entry)
        ),
        failures={(entry.feed, entry.change.item_id): entry for entry in failures if _is_of_feed(entry)},
        skips={(entry.feed, entry.item_id): entry for entry in latest.skips} if latest else {},
        begins=True,
    )


def state_after(progress: Progress, slice_number: int, resource: Resource, run_id: str) -> SliceState:
    """The slice that follows a committed one, with its number. Another run that goes on with it asks every feed again
    for what has changed since: its snapshot is to be of today."""
    feeds, is_same_run = dict(progress.feeds), progress.run_id == run_id
    if not is_same_run:
        behind = len(progress.inherited) + len(progress.segments)
        feeds = {name: _asked_again(feed, behind) for name, feed in feeds.items()}
    return SliceState(
        customer_id=progress.customer_id,
        resource=resource,
        seq=progress.seq,
        slice_number=slice_number,
        run_id=run_id,
        started_at=progress.started_at,
        inherited=progress.inherited,
        segments=progress.segments,
        feeds=feeds,
        counts=progress.counts,
        checkpoint=progress.checkpoint,
        pending=deque(progress.pending),
        partial=progress.partial,
        failures={(entry.feed, entry.change.item_id): entry for entry in progress.failures},
        skips={(entry.feed, entry.item_id): entry for entry in progress.skips},
        folder_gone=progress.folder_gone,
        checkpointing=progress.checkpointing,
        merged=progress.merged,
        repaired=set(progress.repaired),
        times_begun_anew=progress.times_begun_anew if is_same_run else 0,
    )


def _asked_again(feed: FeedState, behind: int) -> FeedState:
    if feed.finished and feed.cursor is None:  # it can only be listed anew
        return FeedState(None, relisted_from=behind)
    return replace(feed, finished=False)


def progress_of(state: SliceState) -> Progress:
    """The record that the next slice starts from."""
    return Progress(
        customer_id=state.customer_id,
        resource=state.resource,
        seq=state.seq,
        slice_number=state.slice_number,
        run_id=state.run_id,
        started_at=state.started_at,
        inherited=state.inherited,
        segments=state.segments,
        feeds=state.feeds,
        counts=state.counts,
        checkpoint=state.checkpoint,
        pending=tuple(state.pending),
        partial=state.partial,
        failures=tuple(state.failures.values()),
        skips=tuple(state.skips.values()),
        folder_gone=state.folder_gone,
        checkpointing=state.checkpointing,
        merged=state.merged,
        repaired=tuple(sorted(state.repaired)),
        times_begun_anew=state.times_begun_anew,
    )


def snapshot_of(state: SliceState, now: datetime) -> Snapshot:
    """The commit record; every feed is finished and nothing is pending."""
    unread = sum(_is_of_feed(failure) for failure in state.failures.values())
    return Snapshot(
        customer_id=state.customer_id,
        resource=state.resource,
        seq=state.seq,
        run_id=state.run_id,
        started_at=state.started_at,
        committed_at=now,
        segments=state.all_segments,
        cursors={name: feed.cursor or "" for name, feed in state.feeds.items()},
        counts=state.counts + Counts(failed=unread),
        checkpoint=state.checkpointing or state.checkpoint,
        failures=tuple(state.failures.values()),
        skips=tuple(state.skips.values()),
    )


def _is_of_feed(failure: ItemFailure) -> bool:
    """Whether it is not an item that failed but the reading of a whole feed, which is polled again anyway."""
    return failure.change.item_id == failure.feed
