"""What is known about keeping and losing: expiry reports, legal holds, departures, and the certificate of erasure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self

from shared_code.errors import VaultError
from shared_code.model.item import format_time, parse_time
from shared_code.model.resource import check_customer_id, check_resource_id

CERTIFICATE_FORMAT = 1
MAX_NAMES_LISTED = 100
MOST_REASON_CHARACTERS = 200


def is_reason(value: str) -> bool:
    """Whether this can name the matter of a legal hold: 1 to 200 printable characters."""
    return 0 < len(value) <= MOST_REASON_CHARACTERS and bool(value.strip()) and value.isprintable()


@dataclass(frozen=True, slots=True)
class ExpiryReport:
    """One pass over a customer's container, in versions of blobs. Each is in one of five states: ``leased``; ``held``
    by a legal hold; ``unleased``, which nobody ever gave a lease; ``expired``, left to the platform to delete;
    ``overdue``, left to it for too long. ``tagged``, ``cleared``, ``retried``: what this pass did. ``refused``: what
    it could not mark, so that the platform will not delete it. At most 100 names are listed of each kind."""

    at: datetime
    leased: int = 0
    held: int = 0
    unleased: int = 0
    expired: int = 0
    overdue: int = 0
    tagged: int = 0
    cleared: int = 0
    retried: int = 0
    refused: int = 0
    overdue_names: tuple[str, ...] = ()
    unleased_names: tuple[str, ...] = ()

    @property
    def needs_attention(self) -> bool:
        """Whether something that should be gone is not, or will not be."""
        return self.overdue > 0 or self.refused > 0

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            **asdict(self),
            "at": format_time(self.at),
            "overdue_names": list(self.overdue_names),
            "unleased_names": list(self.unleased_names),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        fields = dict(value)
        fields["at"] = parse_time(fields["at"])
        fields["overdue_names"] = tuple(fields["overdue_names"])
        fields["unleased_names"] = tuple(fields["unleased_names"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """What the purge job did: versions that it deleted, and overdue ones that the store still keeps it from
    deleting."""

    at: datetime
    deleted: int = 0
    deleted_bytes: int = 0
    locked: int = 0


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A reason for which nothing of a resource may expire. A resource is on hold while any of its holds is not lifted;
    ``reason`` names the matter and tells the holds of a resource apart."""

    customer_id: str
    resource_id: str
    reason: str
    since: datetime
    lifted_at: datetime | None = None

    def __post_init__(self) -> None:
        check_customer_id(self.customer_id)
        check_resource_id(self.resource_id)
        if not self.reason.strip():
            raise ValueError("a legal hold needs a reason")

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "customer_id": self.customer_id,
            "resource_id": self.resource_id,
            "reason": self.reason,
            "since": format_time(self.since),
            "lifted_at": _format(self.lifted_at),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        fields = dict(value)
        fields["since"] = parse_time(fields["since"])
        fields["lifted_at"] = _parse(fields["lifted_at"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class ResourceInventory:
    """What a container holds of one resource: ``blobs`` counts versions, ``snapshots`` the restore points among them,
    the oldest and newest of which were committed at these times; ``last_lease_at`` is when the last lease ends."""

    resource_id: str
    blobs: int
    size_bytes: int
    snapshots: int = 0
    oldest_snapshot_at: datetime | None = None
    newest_snapshot_at: datetime | None = None
    last_lease_at: datetime | None = None

    def or_more(self, other: ResourceInventory) -> ResourceInventory:
        """The most that either of two inventories of the same resource shows."""
        return ResourceInventory(
            self.resource_id,
            max(self.blobs, other.blobs),
            max(self.size_bytes, other.size_bytes),
            max(self.snapshots, other.snapshots),
            earliest(self.oldest_snapshot_at, other.oldest_snapshot_at),
            latest(self.newest_snapshot_at, other.newest_snapshot_at),
            latest(self.last_lease_at, other.last_lease_at),
        )

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "resource_id": self.resource_id,
            "blobs": self.blobs,
            "size_bytes": self.size_bytes,
            "snapshots": self.snapshots,
            "oldest_snapshot_at": _format(self.oldest_snapshot_at),
            "newest_snapshot_at": _format(self.newest_snapshot_at),
            "last_lease_at": _format(self.last_lease_at),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        times = ("oldest_snapshot_at", "newest_snapshot_at", "last_lease_at")
        return cls(**{**value, **{name: _parse(value[name]) for name in times}})


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a customer's container holds, previous versions too, by resource."""

    at: datetime
    resources: tuple[ResourceInventory, ...] = ()

    @property
    def blobs(self) -> int:
        """Versions of blobs, of all resources."""
        return sum(entry.blobs for entry in self.resources)

    @property
    def size_bytes(self) -> int:
        """Stored bytes, of all resources."""
        return sum(entry.size_bytes for entry in self.resources)

    @property
    def last_lease_at(self) -> datetime | None:
        """When the last lease ends; None where nothing is leased."""
        return max((entry.last_lease_at for entry in self.resources if entry.last_lease_at), default=None)

    def or_more(self, other: Inventory) -> Inventory:
        """The most that either shows of each resource; the time stays."""
        found = {entry.resource_id: entry for entry in self.resources}
        for entry in other.resources:
            known = found.get(entry.resource_id)
            found[entry.resource_id] = known.or_more(entry) if known else entry
        return Inventory(self.at, tuple(found[resource_id] for resource_id in sorted(found)))

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"at": format_time(self.at), "resources": [entry.to_json() for entry in self.resources]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(parse_time(value["at"]), tuple(ResourceInventory.from_json(entry) for entry in value["resources"]))


@dataclass(frozen=True, slots=True)
class Departure:
    """A customer that has left: it takes no new leases, and what it has runs out. ``inventory`` is the most that was
    seen since it left (a run that was under way may have added to it), ``last_seen_at`` when something was there for
    the last time, ``erased_at`` when a listing was empty for the first time, ``undone_at`` when it was taken back."""

    customer_id: str
    left_at: datetime
    inventory: Inventory
    last_lease_at: datetime | None
    last_seen_at: datetime | None = None
    erased_at: datetime | None = None
    undone_at: datetime | None = None

    def seen(self, inventory: Inventory) -> Departure:
        """After a listing that was not empty."""
        most = self.inventory.or_more(inventory)
        return replace(self, inventory=most, last_lease_at=most.last_lease_at, last_seen_at=inventory.at)

    def certificate(self) -> dict[str, Any]:
        """The certificate of erasure, as JSON: what was there, when the last blob disappeared, how that was checked.
        Raises VaultError while something is there."""
        if self.erased_at is None:
            raise VaultError(
                f"Customer {self.customer_id} is not erased yet: the last lease ends at {_format(self.last_lease_at)}.",
                customer_id=self.customer_id,
            )
        return {
            "certificate": "erasure",
            "format": CERTIFICATE_FORMAT,
            "customer_id": self.customer_id,
            "left_at": format_time(self.left_at),
            "was_there": {
                "blobs": self.inventory.blobs,
                "size_bytes": self.inventory.size_bytes,
                "resources": [entry.to_json() for entry in self.inventory.resources],
            },
            "last_lease_ended_at": _format(self.last_lease_at),
            "last_blob_disappeared": {
                "after": _format(self.last_seen_at),
                "not_later_than": format_time(self.erased_at),
            },
            "checked": {
                "at": format_time(self.erased_at),
                "how": "The customer's container was listed whole, with all previous versions of blobs and with "
                "deleted blobs that are kept as versions; the listing was empty.",
            },
        }

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "customer_id": self.customer_id,
            "left_at": format_time(self.left_at),
            "inventory": self.inventory.to_json(),
            "last_lease_at": _format(self.last_lease_at),
            "last_seen_at": _format(self.last_seen_at),
            "erased_at": _format(self.erased_at),
            "undone_at": _format(self.undone_at),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(
            value["customer_id"],
            parse_time(value["left_at"]),
            Inventory.from_json(value["inventory"]),
            _parse(value["last_lease_at"]),
            _parse(value["last_seen_at"]),
            _parse(value["erased_at"]),
            _parse(value.get("undone_at")),
        )


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two times, of which any may be unknown."""
    return min(one, other) if one and other else one or other


def latest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two times, of which any may be unknown."""
    return max(one, other) if one and other else one or other


def _format(value: datetime | None) -> str | None:
    return format_time(value) if value else None


def _parse(value: str | None) -> datetime | None:
    return parse_time(value) if value else None
