"""What the ledger keeps of a nightly run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shared_code.model.agreement import Agreement
from shared_code.model.item import format_time, parse_time
from shared_code.model.outcome import MOST_ATTEMPTS, Counts
from shared_code.model.resource import Resource
from shared_code.model.snapshot import Snapshot, SnapshotState


class RunState(StrEnum):
    """``partial``: it ended, and something of what it should have copied is missing."""

    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ResourceOutcome:
    """What one run did for one resource. ``seq`` is the snapshot that it committed, at ``committed_at`` (0: none, then
    ``error`` says why)."""

    resource_id: str
    kind: str
    display_name: str
    state: RunState
    seq: int = 0
    counts: Counts = field(default_factory=Counts)
    error: str = ""
    committed_at: datetime | None = None

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        """What a committed snapshot means for its run."""
        return cls(
            resource_id=snapshot.resource.id,
            kind=str(snapshot.resource.kind),
            display_name=snapshot.resource.display_name,
            state=RunState.COMPLETE if snapshot.state is SnapshotState.COMPLETE else RunState.PARTIAL,
            seq=snapshot.seq,
            counts=snapshot.counts,
            error=_what_is_missing(snapshot),
            committed_at=snapshot.committed_at,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "resource_id": self.resource_id,
            "kind": self.kind,
            "display_name": self.display_name,
            "state": str(self.state),
            "seq": self.seq,
            "counts": self.counts.to_json(),
            "error": self.error,
            "committed_at": format_time(self.committed_at) if self.committed_at else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        fields = dict(value)
        fields["state"] = RunState(fields["state"])
        fields["counts"] = Counts.from_json(fields["counts"])
        committed = fields.get("committed_at")
        fields["committed_at"] = parse_time(committed) if committed else None
        return cls(**fields)


def _what_is_missing(snapshot: Snapshot) -> str:
    sentences = []
    if snapshot.failures:
        sentences.append(f"{len(snapshot.failures)} items failed and will be tried first next time")
    if snapshot.given_up:
        count = len(snapshot.given_up)
        sentences.append(
            f"{count} items failed in {MOST_ATTEMPTS} runs and are skipped until they change at the source"
        )
    return "; ".join(sentences)


@dataclass(frozen=True, slots=True)
class NotCovered:
    """Something of the tenant that the run knew of and does not protect, and why. Reported by name."""

    what: str
    cause: str


@dataclass(frozen=True, slots=True)
class Departed:
    """A resource that earlier runs backed up and that the tenant does not list any more. Its restore points stay, the
    newest of them from ``last_snapshot_at``. ``since``: when a run first missed it. ``account_deleted_at``: when its
    owner was moved to the tenant's deleted items, where that is known."""

    resource_id: str
    display_name: str
    last_snapshot_at: datetime | None
    since: datetime
    account_deleted_at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        times = (self.last_snapshot_at, self.since, self.account_deleted_at)
        last, since, deleted = (format_time(moment) if moment else None for moment in times)
        return {
            "resource_id": self.resource_id,
            "display_name": self.display_name,
            "last_snapshot_at": last,
            "since": since,
            "account_deleted_at": deleted,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        last, deleted = value["last_snapshot_at"], value["account_deleted_at"]
        return cls(
            value["resource_id"],
            value["display_name"],
            parse_time(last) if last else None,
            parse_time(value["since"]),
            parse_time(deleted) if deleted else None,
        )


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A resource that no earlier run knew."""

    resource_id: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Run:
    """One backup run of one customer. Counts are the sums over its resources; ``immutable`` is False when the
    store does not enforce WORM (local runs only), and None before that was looked at. ``unseen`` says what of the
    tenant could not be listed and what to do about it; such a run is partial."""

    id: str
    customer_id: str
    state: RunState
    started_at: datetime
    ended_at: datetime | None = None
    resources_total: int = 0
    resources_done: int = 0
    resources_failed: int = 0
    counts: Counts = field(default_factory=Counts)
    not_covered: tuple[NotCovered, ...] = ()
    departed: tuple[Departed, ...] = ()
    new: tuple[Newcomer, ...] = ()
    unseen: tuple[str, ...] = ()
    immutable: bool | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class RunTask:
    """One resource of a run. ``attempts`` counts the slices that raised, ``throttled`` those that Graph put off, both
    since the last one that got on; ``outcome`` is there when it is done. It is not tried before ``not_before``."""

    number: int
    resource: Resource
    agreed: Agreement
    attempts: int = 0
    throttled: int = 0
    outcome: ResourceOutcome | None = None
    not_before: datetime | None = None
