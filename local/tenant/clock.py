"""A tenant's own clock, and the time format of Graph."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache


class TenantClock:
    """Real time plus an offset, a multiple of it, or a frozen moment. Everything that a tenant dates or lets expire
    reads it."""

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._frozen_at: float | None = None
        self.speed = 1.0
        self._fast_since = 0.0

    def epoch_s(self) -> float:
        """Return the tenant's time in seconds since 1970."""
        if self._frozen_at is not None:
            return self._frozen_at
        now = time.time()
        return now + self._offset_s + (self.speed - 1.0) * (now - self._fast_since)

    def now(self) -> datetime:
        """Return the tenant's time, in UTC."""
        return datetime.fromtimestamp(self.epoch_s(), UTC)

    def run_at(self, speed: float) -> None:
        """From now on the clock runs ``speed`` times as fast as real time. Raises ValueError below real time."""
        if speed < 1.0:
            raise ValueError("a tenant's clock runs at least as fast as real time")
        now = time.time()
        self._offset_s += (self.speed - 1.0) * (now - self._fast_since)
        self.speed, self._fast_since = speed, now

    def set(self, moment: datetime, *, frozen: bool = False) -> None:
        """Make it `moment` now; the clock runs on from there unless `frozen`."""
        self._fast_since = time.time()
        self._offset_s = moment.timestamp() - self._fast_since
        self._frozen_at = moment.timestamp() if frozen else None

    def advance(self, seconds: float) -> None:
        """Move the clock forward (or, negative, back)."""
        self._offset_s += seconds
        if self._frozen_at is not None:
            self._frozen_at += seconds

    def stamp(self) -> str:
        """Return now as Graph writes it."""
        return format_time(int(self.epoch_s()))


@lru_cache(maxsize=65536)
def format_time(epoch_s: int) -> str:
    """Return `2026-11-24T05:40:00Z`."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Return the moment that an RFC 3339 text names; a text without an offset is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
