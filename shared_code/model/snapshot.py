"""The record that gives blobs a meaning: the snapshot, which is a commit (``progress.py``: a commit in the making)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shared_code.errors import UnsupportedFormatError
from shared_code.model.item import format_time, parse_time
from shared_code.model.lease import CheckpointMark
from shared_code.model.outcome import Counts, ItemFailure, ItemSkip, SkipCause
from shared_code.model.resource import Resource

FORMAT_VERSION = 1
# Numbers of snapshots and of slices are columns of 32 bits in the catalog.
MOST_SEQ = 2_000_000_000


class SegmentKind(StrEnum):
    """``base``: everything alive; ``delta``: what changed since, tombstones included."""

    BASE = "base"
    DELTA = "delta"


class SnapshotState(StrEnum):
    """``partial`` when something that should have been stored is not, so that everybody sees it: an item failed, or was
    given up after it had failed too often. What is skipped for a cause of its own makes none partial."""

    COMPLETE = "complete"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """One Parquet file of the catalog: its blob, the exact version of it, and what it must hash to."""

    name: str
    version_id: str
    kind: SegmentKind
    rows: int
    size_bytes: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "name": self.name,
            "version_id": self.version_id,
            "kind": str(self.kind),
            "rows": self.rows,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        fields = dict(value)
        fields["kind"] = SegmentKind(fields["kind"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The commit record of one resource at one moment. It depends on no other snapshot: ``segments`` are all that
    is needed to list it, ``cursors`` all that the next run starts from (an empty one: list that feed anew).
    ``checkpoint`` is the last one, at most C + M before ``committed_at``: it vouches for the leases of all that the
    segments name."""

    customer_id: str
    resource: Resource
    seq: int
    run_id: str
    started_at: datetime
    committed_at: datetime
    segments: tuple[SegmentRef, ...]
    cursors: Mapping[str, str]
    counts: Counts
    checkpoint: CheckpointMark
    failures: tuple[ItemFailure, ...] = ()
    skips: tuple[ItemSkip, ...] = ()

    @property
    def state(self) -> SnapshotState:
        """Partial as soon as one item failed or is given up."""
        return SnapshotState.PARTIAL if self.failures or self.given_up else SnapshotState.COMPLETE

    @property
    def given_up(self) -> tuple[ItemSkip, ...]:
        """Items that are skipped because they failed too often."""
        return tuple(skip for skip in self.skips if skip.cause is SkipCause.GIVEN_UP)

    def to_json(self) -> dict[str, Any]:
        """JSON form, as stored."""
        return {
            "format": FORMAT_VERSION,
            "customer_id": self.customer_id,
            "resource": self.resource.to_json(),
            "seq": self.seq,
            "run_id": self.run_id,
            "started_at": format_time(self.started_at),
            "committed_at": format_time(self.committed_at),
            "state": str(self.state),
            "counts": self.counts.to_json(),
            "checkpoint": self.checkpoint.to_json(),
            "segments": [segment.to_json() for segment in self.segments],
            "cursors": dict(self.cursors),
            "failures": [failure.to_json() for failure in self.failures],
            "skips": [skip.to_json() for skip in self.skips],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json. Raises UnsupportedFormatError for another format version."""
        check_format(value, "snapshot")
        return cls(
            customer_id=value["customer_id"],
            resource=Resource.from_json(value["resource"]),
            seq=value["seq"],
            run_id=value["run_id"],
            started_at=parse_time(value["started_at"]),
            committed_at=parse_time(value["committed_at"]),
            segments=tuple(SegmentRef.from_json(entry) for entry in value["segments"]),
            cursors=dict(value["cursors"]),
            counts=Counts.from_json(value["counts"]),
            checkpoint=CheckpointMark.from_json(value["checkpoint"]),
            failures=tuple(ItemFailure.from_json(entry) for entry in value["failures"]),
            skips=tuple(ItemSkip.from_json(entry) for entry in value["skips"]),
        )


@dataclass(frozen=True, slots=True)
class Newest:
    """What the next snapshot of a resource builds on: the newest one whose record can be read, if any, and the number
    that it gets itself. ``unreadable`` are the numbers of newer records, which are damaged."""

    snapshot: Snapshot | None
    next_seq: int
    unreadable: tuple[int, ...] = ()


def check_format(value: Mapping[str, Any], what: str) -> None:
    """Raises UnsupportedFormatError for another format version than this release reads."""
    if value.get("format") != FORMAT_VERSION:
        raise UnsupportedFormatError(
            f"This {what} has format {value.get('format')!r}; this release reads {FORMAT_VERSION}. "
            "Use the release that wrote it, or a newer one."
        )
