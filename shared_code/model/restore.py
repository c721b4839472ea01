"""What a restore is asked to do, and what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shared_code.errors import InvalidSelectionError
from shared_code.model.item import format_time, parse_time


class RestoreState(StrEnum):
    """``partial``: it ended, and some items could not be restored or did not compare equal. ``cancelled``: somebody
    stopped it; what was written until then stays."""

    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TargetKind(StrEnum):
    """``original``: where each item was. ``folder``: below a folder of that name at the top of the mailbox or drive."""

    ORIGINAL = "original"
    FOLDER = "folder"


class ConflictRule(StrEnum):
    """What to do where something else has an item's place (a file of the same name, a message that changed since).

    ``skip``: leave it alone; ``keep_both``: restore beside it; ``replace``: make it what it was (a file keeps its
    present content as a previous version). An item that is there and equal is left alone under every rule.
    """

    SKIP = "skip"
    KEEP_BOTH = "keep_both"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a snapshot to restore: everything, whole folders, single items. Ids come from browsing.

    ``everything`` excludes the other two.
    """

    everything: bool = False
    folder_ids: tuple[str, ...] = ()
    item_ids: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise InvalidSelectionError when it names nothing, or everything and something besides."""
        ids = self.folder_ids or self.item_ids
        if self.everything and ids:
            raise InvalidSelectionError("'everything' excludes 'folder_ids' and 'item_ids'.")
        if not self.everything and not ids:
            raise InvalidSelectionError("The selection names nothing: give 'everything', 'folder_ids' or 'item_ids'.")

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "everything": self.everything,
            "folder_ids": list(self.folder_ids),
            "item_ids": list(self.item_ids),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(bool(value["everything"]), tuple(value["folder_ids"]), tuple(value["item_ids"]))


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """One restore of one resource, from snapshot ``seq``. ``folder_name`` goes with TargetKind.FOLDER."""

    id: str
    customer_id: str
    resource_id: str
    seq: int
    selection: Selection
    target: TargetKind = TargetKind.ORIGINAL
    folder_name: str = ""
    conflict: ConflictRule = ConflictRule.SKIP

    def to_json(self) -> dict[str, Any]:
        """JSON form, as it travels in payloads and rests in the ledger."""
        return {
            "id": self.id,
            "customer_id": self.customer_id,
            "resource_id": self.resource_id,
            "seq": self.seq,
            "selection": self.selection.to_json(),
            "target": str(self.target),
            "folder_name": self.folder_name,
            "conflict": str(self.conflict),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(
            id=value["id"],
            customer_id=value["customer_id"],
            resource_id=value["resource_id"],
            seq=value["seq"],
            selection=Selection.from_json(value["selection"]),
            target=TargetKind(value["target"]),
            folder_name=value["folder_name"],
            conflict=ConflictRule(value["conflict"]),
        )


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """What a client calls one request of its own by, however often it sends it. ``asked`` stands for what it asks for,
    as it was sent: the same time may mean another snapshot a day later."""

    text: str
    asked: str


@dataclass(frozen=True, slots=True)
class RestoreClaim:
    """Whose turn it is: the restore that holds a claim. ``asked`` as in IdempotencyKey, for claims by key."""

    restore_id: str
    asked: str = ""


@dataclass(frozen=True, slots=True)
class RestoreCounts:
    """Items. ``existing`` were left alone: an equal one is there, or something else that the rule says to leave (those
    make a restore partial and are among its problems). ``differs`` were written and did not compare equal."""

    planned: int = 0
    restored: int = 0
    existing: int = 0
    differs: int = 0
    failed: int = 0
    written_bytes: int = 0

    def to_json(self) -> dict[str, int]:
        """JSON form."""
        return {
            "planned": self.planned,
            "restored": self.restored,
            "existing": self.existing,
            "differs": self.differs,
            "failed": self.failed,
            "written_bytes": self.written_bytes,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, int]) -> Self:
        """Inverse of to_json."""
        return cls(**value)


@dataclass(frozen=True, slots=True)
class RestoreProblem:
    """One item that was not restored as asked, by id, and what to do about it."""

    item_id: str
    error: str


@dataclass(frozen=True, slots=True)
class RestoreSummary:
    """What a list of restores shows of each: small, whatever was selected and whatever went wrong."""

    restore_id: str
    resource_id: str
    seq: int
    state: RestoreState
    started_at: datetime
    ended_at: datetime | None
    counts: RestoreCounts
    error: str

    def to_json(self) -> dict[str, Any]:
        """JSON form, as the API shows it and as it rests in the ledger."""
        return {
            "restore_id": self.restore_id,
            "resource": self.resource_id,
            "seq": self.seq,
            "state": str(self.state),
            "started_at": format_time(self.started_at),
            "ended_at": format_time(self.ended_at) if self.ended_at else None,
            "counts": self.counts.to_json(),
            "error": self.error,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(
            restore_id=value["restore_id"],
            resource_id=value["resource"],
            seq=value["seq"],
            state=RestoreState(value["state"]),
            started_at=parse_time(value["started_at"]),
            ended_at=parse_time(value["ended_at"]) if value["ended_at"] else None,
            counts=RestoreCounts.from_json(value["counts"]),
            error=value["error"],
        )


@dataclass(frozen=True, slots=True)
class Restore:
    """A restore as the ledger knows it."""

    request: RestoreRequest
    state: RestoreState
    started_at: datetime
    ended_at: datetime | None = None
    counts: RestoreCounts = field(default_factory=RestoreCounts)
    problems: tuple[RestoreProblem, ...] = ()
    error: str = ""

    def summary(self) -> RestoreSummary:
        """What a list shows of it."""
        request = self.request
        return RestoreSummary(
            request.id,
            request.resource_id,
            request.seq,
            self.state,
            self.started_at,
            self.ended_at,
            self.counts,
            self.error,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON form, as it rests in the ledger."""
        return {
            "request": self.request.to_json(),
            "state": str(self.state),
            "started_at": format_time(self.started_at),
            "ended_at": format_time(self.ended_at) if self.ended_at else None,
            "counts": self.counts.to_json(),
            "problems": [{"item_id": entry.item_id, "error": entry.error} for entry in self.problems],
            "error": self.error,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(
            request=RestoreRequest.from_json(value["request"]),
            state=RestoreState(value["state"]),
            started_at=parse_time(value["started_at"]),
            ended_at=parse_time(value["ended_at"]) if value["ended_at"] else None,
            counts=RestoreCounts.from_json(value["counts"]),
            problems=tuple(RestoreProblem(**entry) for entry in value["problems"]),
            error=value["error"],
        )
