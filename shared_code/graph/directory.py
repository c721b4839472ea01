"""What a tenant holds: several listings, each of its own kinds of resources, put together.

A listing of another kind is a file of its own and one line here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from shared_code.errors import SourceError
from shared_code.graph.client import GraphClient
from shared_code.graph.mailboxes.archives import ArchiveListing
from shared_code.graph.people import PeopleListing
from shared_code.graph.sites.directory import SiteListing
from shared_code.graph.teams.directory import TeamListing
from shared_code.model.census import Census, Unseen
from shared_code.model.resource import ResourceKind


class Listing(Protocol):
    """One part of the census."""

    @property
    def kinds(self) -> tuple[ResourceKind, ...]:
        """What it lists the whole of."""
        ...

    async def census(self) -> Census:
        """Raises AccessDeniedError naming the permission; ThrottledError, SourceUnavailableError: then nothing is known
        of the whole tenant."""
        ...


class TenantDirectory:
    """Lists the resources of one tenant."""

    def __init__(self, client: GraphClient) -> None:
        self._listings: Sequence[Listing] = (
            PeopleListing(client),
            ArchiveListing(client),
            SiteListing(client),
            TeamListing(client),
        )

    async def list_resources(self) -> Census:
        """Everything that can be protected, what cannot and why, and what could not be seen. A listing that is refused
        hides its own kinds alone.

        Raises AccessDeniedError naming the permission when all of them are refused, ThrottledError,
        SourceUnavailableError: then nothing is known, and nobody may be taken for gone.
        """
        parts: list[Census] = []
        refusal: SourceError | None = None
        answers = await asyncio.gather(*(listing.census() for listing in self._listings), return_exceptions=True)
        for listing, answer in zip(self._listings, answers, strict=True):
            if isinstance(answer, Census):
                parts.append(answer)
            elif isinstance(answer, SourceError) and not answer.retryable:
                refusal = refusal or answer
                parts.append(Census(unseen=tuple(Unseen(kind, answer.message) for kind in listing.kinds)))
            else:
                raise answer
        census = Census.joined(parts)
        if refusal and not census.resources:
            raise refusal
        return census
