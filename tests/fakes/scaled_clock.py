"""A clock that runs as fast as a simulated tenant's, and one that only moves when somebody sleeps."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)


class ScaledClock:
    """``speed`` seconds pass in each real one."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._began_s = time.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._began_s) * self._speed

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


class SleepClock:
    """Time passes only in sleeps, all at once for whoever sleeps longest."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.time_s

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.time_s)

    async def sleep(self, seconds: float) -> None:
        until = self.time_s + seconds
        self.slept.append(seconds)
        await asyncio.sleep(0)
        self.time_s = max(self.time_s, until)
