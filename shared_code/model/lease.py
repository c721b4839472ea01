"""How long blobs have to live. Pure arithmetic; docs/design.md has the proof that it keeps.

R = retention, C = checkpoint interval, M = margin, all in days. A blob written or renewed at t is leased until
t + R + C + M. A snapshot whose last checkpoint is C old or older is itself a checkpoint, which renews everything
that it names. So whatever a snapshot s names is leased until s + R at least, and a lease that has run out proves
that no restore point in retention needs the blob.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from shared_code.errors import ConfigError
from shared_code.model.item import format_time, parse_time

# A WORM policy spans 1 to 146,000 days
# (learn.microsoft.com/azure/storage/blobs/immutable-time-based-retention-policy-overview, checked 2026-11-24).
MAX_LEASE_DAYS = 146_000
LEAST_RETENTION_DAYS = 7
LEAST_MARGIN_DAYS = 3


@dataclass(frozen=True, slots=True)
class CheckpointMark:
    """When everything that a snapshot names was last leased anew, and on which terms. All of it is leased until
    ``at`` + ``lease_days`` at least."""

    at: datetime
    retention_days: int
    lease_days: int

    def lowered_to(self, terms: LeaseTerms, now: datetime) -> CheckpointMark:
        """What can still be vouched for when blobs are written on ``terms`` from ``now`` on; never more than before."""
        return CheckpointMark(
            self.at,
            min(self.retention_days, terms.retention_days),
            min(self.lease_days, (now - self.at).days + terms.lease_days),
        )

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"at": format_time(self.at), "retention_days": self.retention_days, "lease_days": self.lease_days}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json. Raises ValueError for what no terms can be."""
        days = value["retention_days"], value["lease_days"]
        if not all(type(count) is int and abs(count) <= MAX_LEASE_DAYS for count in days):
            raise ValueError("a checkpoint's days are whole numbers of an ordinary size")
        return cls(parse_time(value["at"]), *days)


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob as the lease keeping sees it. ``leased_until`` is None for one that never had a lease."""

    name: str
    version_id: str
    size_bytes: int
    created_at: datetime
    leased_until: datetime | None


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """R, C and M of one customer."""

    retention_days: int
    checkpoint_days: int
    margin_days: int

    def __post_init__(self) -> None:
        """Raises ConfigError for terms that could not keep the promise, naming the arithmetic."""
        problems: list[str] = []
        if self.retention_days < LEAST_RETENTION_DAYS:
            problems.append(f"retention R = {self.retention_days} days is less than {LEAST_RETENTION_DAYS}")
        if self.checkpoint_days < 1:
            problems.append(f"checkpoint interval C = {self.checkpoint_days} days is less than 1")
        if self.margin_days < LEAST_MARGIN_DAYS:
            problems.append(
                f"margin M = {self.margin_days} days is less than {LEAST_MARGIN_DAYS}: a run that is late by more "
                "than M after C would name blobs whose lease ends before the retention of its snapshot"
            )
        if self.lease_days > MAX_LEASE_DAYS:
            problems.append(
                f"R + C + M = {self.retention_days} + {self.checkpoint_days} + {self.margin_days} = "
                f"{self.lease_days} days is more than a WORM policy can span ({MAX_LEASE_DAYS})"
            )
        if problems:
            raise ConfigError(problems)

    @property
    def lease_days(self) -> int:
        """R + C + M."""
        return self.retention_days + self.checkpoint_days + self.margin_days

    def until(self, now: datetime) -> datetime:
        """Until when a blob that is written or renewed at ``now`` is leased."""
        return now + timedelta(days=self.lease_days)

    def checkpoint_due(self, last: CheckpointMark, now: datetime) -> bool:
        """Whether a snapshot that is committed now has to be a checkpoint: C is over, the retention was raised, or the
        leases of then are too short for the terms of now."""
        is_over = now >= last.at + timedelta(days=self.checkpoint_days)
        needed_until = now + timedelta(days=self.retention_days + self.margin_days)
        is_short = last.at + timedelta(days=last.lease_days) < needed_until
        return is_over or is_short or self.retention_days > last.retention_days

    def can_build_on(self, last: CheckpointMark, now: datetime) -> bool:
        """Whether what was leased then is certain to be there still, M before the end of its leases. If not, a backup
        begins anew instead of building on what may be deleted under its hands."""
        return now < last.at + timedelta(days=last.lease_days - self.margin_days)

    def mark(self, now: datetime) -> CheckpointMark:
        """The mark of a checkpoint that begins now."""
        return CheckpointMark(now, self.retention_days, self.lease_days)

    def in_retention(self, committed_at: datetime, now: datetime) -> bool:
        """Whether a snapshot is still promised to be restorable."""
        return now <= committed_at + timedelta(days=self.retention_days)
