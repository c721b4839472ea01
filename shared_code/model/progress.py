"""A snapshot in the making: where each slice stopped, and so where the next one begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from shared_code.model.item import Change, ChunkRef, format_time, parse_time
from shared_code.model.lease import CheckpointMark
from shared_code.model.outcome import Counts, ItemFailure, ItemSkip
from shared_code.model.resource import Resource
from shared_code.model.snapshot import FORMAT_VERSION, SegmentRef, check_format


@dataclass(frozen=True, slots=True)
class FeedState:
    """How far one feed has been read. ``cursor`` is Graph's own link (None: from the start). ``relisted_from``:
    an expired cursor made the feed start again; the new listing is in the segments from that index on, and what it
    does not name becomes a tombstone."""

    cursor: str | None
    finished: bool = False
    relisted_from: int | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"cursor": self.cursor, "finished": self.finished, "relisted_from": self.relisted_from}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(**value)


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change that was read from its feed and not yet dealt with. ``attempts`` counts the earlier runs that
    failed on it. ``force``: what is stored of it is damaged, so it is fetched however unchanged it is."""

    feed: str
    change: Change
    attempts: int = 0
    force: bool = False

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "feed": self.feed,
            "change": self.change.to_json(),
            "attempts": self.attempts,
            "force": self.force,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(value["feed"], Change.from_json(value["change"]), value["attempts"], value["force"])


@dataclass(frozen=True, slots=True)
class PartialFile:
    """A large file that a slice could not finish: its first ``offset`` plain bytes rest in ``chunks``.
    ``hash_state`` is the running quickXorHash (hex) of those bytes."""

    pending: PendingChange
    offset: int
    chunks: tuple[ChunkRef, ...]
    hash_state: str

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "pending": self.pending.to_json(),
            "offset": self.offset,
            "chunks": [chunk.to_json() for chunk in self.chunks],
            "hash_state": self.hash_state,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(
            PendingChange.from_json(value["pending"]),
            value["offset"],
            tuple(ChunkRef.from_json(entry) for entry in value["chunks"]),
            value["hash_state"],
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """Where slice ``slice_number`` of snapshot ``seq`` stopped. The next slice needs nothing else.

    ``segments`` are those written for this snapshot so far; ``inherited`` those of the snapshot before it.
    ``folder_gone``: a folder was deleted, so what lay in it has to be buried before the commit. ``checkpoint`` vouches
    for what is named so far; ``checkpointing`` is when the new checkpoint began, if one did, and ``merged`` whether
    its base is written. ``repaired`` are the damaged items that have been stored again, by (feed, item id).
    ``times_begun_anew``: how often this run has found the catalog damaged and begun from nothing.
    """

    customer_id: str
    resource: Resource
    seq: int
    slice_number: int
    run_id: str
    started_at: datetime
    inherited: tuple[SegmentRef, ...]
    segments: tuple[SegmentRef, ...]
    feeds: Mapping[str, FeedState]
    counts: Counts
    checkpoint: CheckpointMark
    pending: Sequence[PendingChange] = ()
    partial: PartialFile | None = None
    failures: Sequence[ItemFailure] = ()
    skips: Sequence[ItemSkip] = ()
    folder_gone: bool = False
    checkpointing: CheckpointMark | None = None
    merged: bool = False
    repaired: Sequence[tuple[str, str]] = ()
    times_begun_anew: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON form, as stored."""
        return {
            "format": FORMAT_VERSION,
            "customer_id": self.customer_id,
            "resource": self.resource.to_json(),
            "seq": self.seq,
            "slice_number": self.slice_number,
            "run_id": self.run_id,
            "started_at": format_time(self.started_at),
            "inherited": [segment.to_json() for segment in self.inherited],
            "segments": [segment.to_json() for segment in self.segments],
            "feeds": {name: state.to_json() for name, state in self.feeds.items()},
            "counts": self.counts.to_json(),
            "pending": [entry.to_json() for entry in self.pending],
            "partial": self.partial.to_json() if self.partial else None,
            "failures": [failure.to_json() for failure in self.failures],
            "skips": [skip.to_json() for skip in self.skips],
            "folder_gone": self.folder_gone,
            "checkpoint": self.checkpoint.to_json(),
            "checkpointing": self.checkpointing.to_json() if self.checkpointing else None,
            "merged": self.merged,
            "repaired": [list(key) for key in self.repaired],
            "times_begun_anew": self.times_begun_anew,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json. Raises UnsupportedFormatError for another format version."""
        check_format(value, "progress record")
        return cls(
            customer_id=value["customer_id"],
            resource=Resource.from_json(value["resource"]),
            seq=value["seq"],
            slice_number=value["slice_number"],
            run_id=value["run_id"],
            started_at=parse_time(value["started_at"]),
            inherited=tuple(SegmentRef.from_json(entry) for entry in value["inherited"]),
            segments=tuple(SegmentRef.from_json(entry) for entry in value["segments"]),
            feeds={name: FeedState.from_json(entry) for name, entry in value["feeds"].items()},
            counts=Counts.from_json(value["counts"]),
            pending=tuple(PendingChange.from_json(entry) for entry in value["pending"]),
            partial=PartialFile.from_json(value["partial"]) if value["partial"] else None,
            failures=tuple(ItemFailure.from_json(entry) for entry in value["failures"]),
            skips=tuple(ItemSkip.from_json(entry) for entry in value["skips"]),
            folder_gone=value["folder_gone"],
            checkpoint=CheckpointMark.from_json(value["checkpoint"]),
            checkpointing=CheckpointMark.from_json(value["checkpointing"]) if value["checkpointing"] else None,
            merged=value["merged"],
            repaired=tuple((feed, item_id) for feed, item_id in value["repaired"]),
            times_begun_anew=value.get("times_begun_anew", 0),
        )


@dataclass(frozen=True, slots=True)
class Furthest:
    """How far a snapshot in the making has come: the last progress record that can be read, if any, and the number of
    the slice that follows."""

    progress: Progress | None
    next_slice: int
