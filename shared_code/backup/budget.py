"""How much one slice may do before it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SliceBudget:
    """A slice ends after the first of these: bytes read from the source, seconds, items dealt with.

    Activities have to stay far below the platform's limits (30 minutes, 10 minutes of grace on updates: Azure
    Functions, Flex Consumption plan, checked 2026-11-24), and a crash repeats at most one slice.
    """

    read_bytes: int = 256 * 1024 * 1024
    seconds: float = 300.0
    items: int = 20_000


class Meter:
    """Counts against a SliceBudget. ``monotonic`` gives seconds and never goes back."""

    def __init__(self, budget: SliceBudget, monotonic: Callable[[], float]) -> None:
        self._budget = budget
        self._monotonic = monotonic
        self._started = monotonic()
        self._read_bytes = 0
        self._items = 0

    def add(self, items: int = 0, read_bytes: int = 0) -> None:
        """Count work that was done."""
        self._items += items
        self._read_bytes += read_bytes

    @property
    def has_counted(self) -> bool:
        """Whether any work was done."""
        return self._items > 0 or self._read_bytes > 0

    @property
    def spent(self) -> bool:
        """Whether the slice should stop at the next safe place."""
        return (
            self._read_bytes >= self._budget.read_bytes
            or self._items >= self._budget.items
            or self._monotonic() - self._started >= self._budget.seconds
        )
