"""What the ledger keeps of a nightly run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shared_code.model.outcome import Counts
from shared_code.model.resource import Resource


class RunState(StrEnum):
    """``partial``: it ended, and something of what it should have copied is missing."""

    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ResourceOutcome:
    """What one run did for one resource. ``seq`` is the snapshot it committed (0: none, then ``error`` says why)."""

    resource_id: str
    kind: str
    display_name: str
    state: RunState
    seq: int = 0
    counts: Counts = field(default_factory=Counts)
    error: str = ""

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
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        fields = dict(value)
        fields["state"] = RunState(fields["state"])
        fields["counts"] = Counts.from_json(fields["counts"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class NotCovered:
    """Something of the tenant that the run knew of and does not protect, and why. Reported by name."""

    what: str
    cause: str


@dataclass(frozen=True, slots=True)
class Run:
    """One backup run of one customer. Counts are the sums over its resources; ``immutable`` is False when the
    store does not enforce WORM (local runs only), and None before that was looked at."""

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
    immutable: bool | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class RunTask:
    """One resource of a run. ``attempts`` counts the slices that raised, ``throttled`` those that Graph put off, both
    since the last one that got on; ``outcome`` is there when it is done. Nobody tries it before ``not_before``."""

    number: int
    resource: Resource
    attempts: int = 0
    throttled: int = 0
    outcome: ResourceOutcome | None = None
    not_before: datetime | None = None
