"""One measured run, of the product or of the copier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# Requests that find out what there is: asked once a run, whatever the number of changes.
DIRECTORY = (
    "organization.",
    "users.",
    "token",
    "site.getAllSites",
    "site.subsites",
    "groups.",
    "reports.",
    "deletedItems.",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """``items`` and ``size_bytes`` were copied; ``requests`` went to Graph for the resources themselves (a batch is
    one), sign-in and directory not counted. CPU and memory are those of the copying process alone."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    items: int
    size_bytes: int
    requests: int

    @property
    def items_per_s(self) -> float:
        """Files or messages a second."""
        return self.items / self.wall_s

    @property
    def mb_per_s(self) -> float:
        """Content, in 10^6 bytes a second."""
        return self.size_bytes / 1e6 / self.wall_s

    @property
    def cpu_s_per_1000(self) -> float:
        """CPU seconds for 1,000 items."""
        return self.cpu_s / self.items * 1000

    @property
    def cpu_s_per_gb(self) -> float:
        """CPU seconds for 10^9 bytes of content."""
        return self.cpu_s / (self.size_bytes / 1e9)

    @property
    def peak_mb(self) -> float:
        """Peak of the resident memory in 10^6 bytes."""
        return self.peak_bytes / 1e6


def fastest(runs: Iterable[Measured]) -> Measured:
    """The run that the rest of the machine disturbed least."""
    return min(runs, key=lambda run: run.wall_s)


def resource_requests(log: Iterable[Mapping[str, Any]]) -> int:
    """HTTP requests to Graph for resources, out of the simulator's log. What is inside of a batch stands before it."""
    count = 0
    inner: list[str] = []
    for entry in log:
        operation = str(entry["operation"])
        if entry["batch"]:
            inner.append(operation)
            continue
        if operation == "batch":
            count += not inner or not all(name.startswith(DIRECTORY) for name in inner)
            inner = []
        else:
            count += not operation.startswith(DIRECTORY)
    return count
