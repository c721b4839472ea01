"""Tells one broken item from a service that is down."""

from __future__ import annotations

from shared_code.errors import SourceError


class FailureRun:
    """Counts failures without a success in between. A few are data, each about its own item; more than
    ``limit`` mean that nothing can be read at all, and then the last one is raised."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0

    def success(self) -> None:
        """Something could be read."""
        self._count = 0

    def failure(self, error: SourceError) -> str:
        """Something could not; returns what to say of its item. Raises ``error`` beyond the limit."""
        self._count += 1
        if self._count > self._limit:
            raise error
        return error.message
