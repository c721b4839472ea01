"""The log of what was asked: a ring buffer, so that tests can prove what a run did and did not fetch."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, NamedTuple

RING_SIZE = 500_000


class LogEntry(NamedTuple):
    """One request; the requests inside a batch have entries of their own, with `batch` true."""

    n: int
    at: str
    tenant: str
    app: str
    method: str
    path: str
    query: str
    operation: str
    status: int
    bytes_out: int
    batch: bool
    duration_ms: float


class RequestLog:
    """Append, read since a number, sum up, clear. Numbers go on after a clear."""

    def __init__(self) -> None:
        self._entries: deque[LogEntry] = deque(maxlen=RING_SIZE)
        self._next = 1

    def add(
        self,
        at: str,
        tenant: str,
        app: str,
        method: str,
        path: str,
        query: str,
        operation: str,
        status: int,
        bytes_out: int,
        batch: bool,
        duration_ms: float,
    ) -> None:
        """Record one answered request."""
        self._entries.append(
            LogEntry(
                self._next,
                at,
                tenant,
                app,
                method,
                path,
                query,
                operation,
                status,
                bytes_out,
                batch,
                duration_ms,
            )
        )
        self._next += 1

    @property
    def last_number(self) -> int:
        """Number of the newest entry; 0 when nothing was ever recorded."""
        return self._next - 1

    def since(self, number: int) -> Iterator[dict[str, Any]]:
        """Yield entries with a number greater than `number`, oldest first."""
        skipped = max(0, number - (self._next - 1 - len(self._entries)))
        for index, entry in enumerate(self._entries):
            if index >= skipped:
                yield entry._asdict()

    def summary(self) -> dict[str, dict[str, int]]:
        """Return operation -> status -> count."""
        counts: Counter[tuple[str, int]] = Counter((entry.operation, entry.status) for entry in self._entries)
        result: dict[str, dict[str, int]] = {}
        for (operation, status), count in sorted(counts.items()):
            result.setdefault(operation, {})[str(status)] = count
        return result

    def clear(self) -> None:
        """Forget all entries."""
        self._entries.clear()
