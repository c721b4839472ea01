"""What several directories list, as one: each of them knows the resources of some workloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared_code.model.resource import Resource
from shared_code.model.run import NotCovered


class Listing(Protocol):
    """A directory of some kinds of resources."""

    async def list_resources(self) -> tuple[Sequence[Resource], Sequence[NotCovered]]:
        """What can be protected, and what cannot and why. Raises SourceError."""
        ...


class TenantListing:
    """Satisfies the backup's port ``Directory``. When one part cannot be listed nothing is, for what is missing must
    not be taken for gone."""

    def __init__(self, *parts: Listing) -> None:
        self._parts = parts

    async def list_resources(self) -> tuple[tuple[Resource, ...], tuple[NotCovered, ...]]:
        """The parts one after the other. Raises SourceError."""
        resources: list[Resource] = []
        not_covered: list[NotCovered] = []
        for part in self._parts:
            found, missing = await part.list_resources()
            resources += found
            not_covered += missing
        return tuple(resources), tuple(not_covered)
