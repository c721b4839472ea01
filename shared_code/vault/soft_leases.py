"""Leases on a store that has none: they are kept as blob index tags, and nobody enforces them.

Only for local runs on the emulator, which silently ignores an immutability policy and answers 501 for a legal hold. The
two tags here are never shown among a blob's tags and survive whatever is written to those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

LEASE_TAG = "leased_until"
HOLD_TAG = "legal_hold"

_COMPACT = "%Y%m%dT%H%M%SZ"
_HELD = "on"


def whole_seconds(until: datetime) -> datetime:
    """``until`` in UTC, rounded up to a second: policies and tags know no fractions, and a lease must not end early."""
    rounded = until.astimezone(UTC)
    return rounded if rounded.microsecond == 0 else rounded.replace(microsecond=0) + timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class SoftTags:
    """The tags of a blob, with the soft lease and the soft legal hold told apart from the others."""

    leased_until: datetime | None = None
    legal_hold: bool = False
    others: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, tags: Mapping[str, str] | None) -> SoftTags:
        """What the stored tags say. A lease tag that is no date counts as none."""
        others = dict(tags or {})
        lease, hold = others.pop(LEASE_TAG, ""), others.pop(HOLD_TAG, "")
        try:
            leased_until = datetime.strptime(lease, _COMPACT).replace(tzinfo=UTC) if lease else None
        except ValueError:
            leased_until = None
        return cls(leased_until, hold == _HELD, others)

    def stored(self) -> dict[str, str]:
        """All of it as tags."""
        tags = dict(self.others)
        if self.leased_until is not None:
            tags[LEASE_TAG] = whole_seconds(self.leased_until).strftime(_COMPACT)
        if self.legal_hold:
            tags[HOLD_TAG] = _HELD
        return tags
