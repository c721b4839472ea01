"""What was agreed with a customer, whole: the ledger has it in several tables, and its vault in one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from shared_code.model.item import format_time, parse_time
from shared_code.model.lease import LEAST_RETENTION_DAYS, MAX_LEASE_DAYS
from shared_code.model.protection import MOST_EARLIER_VERSIONS, ProtectionSettings
from shared_code.model.resource import Customer, is_display_name
from shared_code.model.retention import LegalHold, is_reason


@dataclass(frozen=True, slots=True)
class Contract:
    """``retention_days`` and ``protection`` are None where nothing was agreed on and the default holds; ``holds`` are
    those that are not lifted, in the order of their resources and reasons; ``left_at`` is when the customer left."""

    customer: Customer
    retention_days: int | None = None
    protection: ProtectionSettings | None = None
    holds: tuple[LegalHold, ...] = ()
    left_at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "id": self.customer.id,
            "display_name": self.customer.display_name,
            "tenant_id": self.customer.tenant_id,
            "retention_days": self.retention_days,
            "protection": self.protection.to_json() if self.protection else None,
            "holds": [
                {"resource_id": hold.resource_id, "reason": hold.reason, "since": format_time(hold.since)}
                for hold in self.holds
            ],
            "left_at": format_time(self.left_at) if self.left_at else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json; what an older record does not name was not agreed on. Raises BackupError, KeyError,
        TypeError, ValueError, OverflowError or AttributeError for anything that cannot have been agreed on."""
        customer = Customer(value["id"], value["display_name"], value["tenant_id"])
        if not is_display_name(customer.display_name):
            raise ValueError("a customer has no such name")
        days, protection, left_at = value.get("retention_days"), value.get("protection"), value.get("left_at")
        return cls(
            customer,
            None if days is None else whole_number(days, LEAST_RETENTION_DAYS, MAX_LEASE_DAYS),
            _protection(protection) if protection is not None else None,
            tuple(_hold(customer.id, hold) for hold in value.get("holds") or ()),
            parse_time(left_at) if left_at is not None else None,
        )

    @property
    def times(self) -> tuple[datetime, ...]:
        """Every time that it names."""
        return (*(hold.since for hold in self.holds), *((self.left_at,) if self.left_at else ()))


def whole_number(value: Any, least: int, most: int) -> int:
    """``value``, when it is such a number; else ValueError. JSON has true, fractions and Infinity too."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"not a whole number of {least} to {most}")
    return value


def _protection(value: Mapping[str, Any]) -> ProtectionSettings:
    return ProtectionSettings(whole_number(value["earlier_versions"], 0, MOST_EARLIER_VERSIONS))


def _hold(customer_id: str, value: Mapping[str, Any]) -> LegalHold:
    if not is_reason(value["reason"]):
        raise ValueError("a legal hold has no such reason")
    return LegalHold(customer_id, value["resource_id"], value["reason"], parse_time(value["since"]))


@dataclass(frozen=True, slots=True)
class BroughtBack:
    """What the ledger did not know of a contract and knows again: None and nothing where it knew."""

    retention_days: int | None = None
    protection: ProtectionSettings | None = None
    holds: tuple[LegalHold, ...] = ()
    left_at: datetime | None = None

    @property
    def anything(self) -> bool:
        """Whether there was something."""
        return bool(self.retention_days or self.protection or self.holds or self.left_at)

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "retention_days": self.retention_days,
            "protection": self.protection.to_json() if self.protection else None,
            "holds": [{"resource_id": hold.resource_id, "reason": hold.reason} for hold in self.holds],
            "left_at": format_time(self.left_at) if self.left_at else None,
        }


@dataclass(frozen=True, slots=True)
class StoredContract:
    """A contract as the vault tells it, and the blob that does. ``leased_until`` is None for one without a lease;
    ``number`` is one more than that of the record which this one took the place of. ``refused`` counts the records that
    were written after it and name another tenant."""

    name: str
    version_id: str
    leased_until: datetime | None
    number: int
    contract: Contract
    refused: int = 0
