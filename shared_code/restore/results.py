"""What the use case is given and answers: budgets, restore points, folders of a snapshot, how far a slice has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared_code.model.item import ItemVersion, format_time
from shared_code.model.outcome import Counts
from shared_code.model.snapshot import Snapshot, SnapshotState


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """A line in the list of a resource's snapshots. ``failed`` and ``skipped`` items are not in the snapshot
    in the version of that day. Until ``promised_until`` it is certain to be restorable; after that it may be there for
    some more weeks, and then some of it may be gone."""

    seq: int
    started_at: datetime
    committed_at: datetime
    state: SnapshotState
    counts: Counts
    failed: int
    skipped: int
    promised_until: datetime

    @classmethod
    def of(cls, snapshot: Snapshot, newest: Snapshot) -> RestorePoint:
        """The line for a snapshot. The retention is that on which it was leased; a longer one that was agreed since
        holds for it as soon as ``newest`` was leased on that, which renewed the leases of all."""
        days = max(snapshot.checkpoint.retention_days, newest.checkpoint.retention_days)
        return cls(
            snapshot.seq,
            snapshot.started_at,
            snapshot.committed_at,
            snapshot.state,
            snapshot.counts,
            len(snapshot.failures),
            len(snapshot.skips),
            snapshot.committed_at + timedelta(days=days),
        )

    def to_json(self, now: datetime) -> dict[str, Any]:
        """JSON form, as the API shows it at ``now``."""
        return {
            "seq": self.seq,
            "started_at": format_time(self.started_at),
            "committed_at": format_time(self.committed_at),
            "state": str(self.state),
            "counts": self.counts.to_json(),
            "failed": self.failed,
            "skipped": self.skipped,
            "promised_until": format_time(self.promised_until),
            "promised": now <= self.promised_until,
        }


@dataclass(frozen=True, slots=True)
class DamagedPoint:
    """A line in that list for a snapshot whose record cannot be read: ``error`` says why. What it names may be whole;
    restore points beside it are not touched by this."""

    seq: int
    error: str

    def to_json(self, now: datetime) -> dict[str, Any]:
        """JSON form, as the API shows it."""
        return {"seq": self.seq, "state": "damaged", "error": self.error}


def missing_json(snapshot: Snapshot) -> dict[str, Any]:
    """What a snapshot does not hold in the version of its day, as the API shows it. ``failed`` items are tried again by
    the next run, ``skipped`` ones when they change."""
    return {
        "failed": [
            {
                "item_id": failure.change.item_id,
                "kind": str(failure.change.kind),
                "name": failure.change.name,
                "error": failure.error,
                "attempts": failure.attempts,
            }
            for failure in snapshot.failures
        ],
        "skipped": [
            {"item_id": skip.item_id, "name": skip.name, "cause": str(skip.cause), "error": skip.error}
            for skip in snapshot.skips
        ],
    }


@dataclass(frozen=True, slots=True)
class FolderView:
    """One page of a folder of a snapshot. ``path`` leads from the top to the folder itself, which is its
    last entry; it is empty at the top. ``next_token`` asks for the next page, empty on the last."""

    snapshot: RestorePoint
    path: tuple[ItemVersion, ...]
    children: tuple[ItemVersion, ...]
    next_token: str


@dataclass(frozen=True, slots=True)
class RestoreBudget:
    """How much one slice may do before it returns; it always does at least one batch. ``size_bytes`` are
    stored plain bytes."""

    seconds: float
    size_bytes: int
    items: int


@dataclass(frozen=True, slots=True)
class RestoreStep:
    """Where a slice stopped. ``position`` is opaque and goes into the next slice. What was done until then is in the
    journal. ``cancelled``: somebody asked the restore to stop, so no slice follows."""

    done: bool
    position: str
    cancelled: bool = False
