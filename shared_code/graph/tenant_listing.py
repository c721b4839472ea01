"""What several directories list, as one: each of them knows the resources of some workloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared_code.errors import AccessDeniedError
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.run import NotCovered


class Listing(Protocol):
    """A directory of some kinds of resources."""

    async def list_resources(self) -> tuple[Sequence[Resource], Sequence[NotCovered]]:
        """What can be protected, and what cannot and why. Raises SourceError."""
        ...


class FurtherListing(Listing, Protocol):
    """One that the others can do without."""

    @property
    def kinds(self) -> tuple[ResourceKind, ...]:
        """What it lists the whole of."""
        ...


class TenantListing:
    """Satisfies the backup's port ``Directory``. A further part that is refused is named as not covered, so that the
    rest is backed up all the same; any other trouble of a part is trouble of the whole, for what is missing must not be
    taken for gone."""

    def __init__(self, people: Listing, *further: FurtherListing) -> None:
        self._people = people
        self._further = further

    async def list_resources(self) -> tuple[tuple[Resource, ...], tuple[NotCovered, ...]]:
        """The parts one after the other. Raises SourceError."""
        found, missing = await self._people.list_resources()
        resources, not_covered = list(found), list(missing)
        for part in self._further:
            try:
                found, missing = await part.list_resources()
            except AccessDeniedError as error:
                not_covered += [NotCovered(f"every {kind} of the tenant", error.message) for kind in part.kinds]
                continue
            resources += found
            not_covered += missing
        return tuple(resources), tuple(not_covered)
