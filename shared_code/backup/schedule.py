"""When each customer's nightly run is due. Pure; all times are UTC, for the Flex plan knows no other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

# The timer looks every 15 minutes: the last slot leaves it more than one look before the window closes.
_LATEST_SLOT_BEFORE_CLOSE = timedelta(minutes=40)


@dataclass(frozen=True, slots=True)
class NightlyWindow:
    """The hours in which runs may start, over midnight or not."""

    start_hour_utc: int
    hours: int

    def slot(self, customer_id: str) -> timedelta:
        """The customer's place in the window: a stable hash, so that the load spreads and nobody moves when others
        come or go."""
        digest = hashlib.sha256(customer_id.encode()).digest()
        share = int.from_bytes(digest[:8], "big") / 2**64
        return (timedelta(hours=self.hours) - _LATEST_SLOT_BEFORE_CLOSE) * share

    def due(self, customer_id: str, now: datetime) -> str | None:
        """The day (``YYYYMMDD``, when the window opened) whose run should be under way at ``now``, or None outside the
        customer's part of the window. A run that was missed in its window is not caught up at day time."""
        for opened in (now.astimezone(UTC).date(), now.astimezone(UTC).date() - timedelta(days=1)):
            start = datetime.combine(opened, time(self.start_hour_utc), UTC)
            if start + self.slot(customer_id) <= now < start + timedelta(hours=self.hours):
                return f"{opened:%Y%m%d}"
        return None


def nightly_run_id(customer_id: str, day: str) -> str:
    """Id of the one nightly run of a day: starting it twice is harmless."""
    return f"backup-{customer_id}-{day}"


def manual_run_id(customer_id: str, now: datetime) -> str:
    """Id of a run that somebody asked for; sorts among the nightly ones."""
    at = now.astimezone(UTC)
    return f"backup-{customer_id}-{at:%Y%m%dt%H%M%S}{at.microsecond // 1000:03d}"
