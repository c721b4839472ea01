"""Leases: every blob of a customer is born with one, and expiry is nothing but a lease that has run out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime

from shared_code.model.lease import LeaseTerms
from shared_code.vault.blob_store import BlobInfo, BlobStore

EXPIRED_TAGS = {"retention": "expired"}
"""What infra/lifecycle.json deletes."""


class LeasedStore:
    """A BlobStore that gives every blob it writes the lease of ``terms``, counted from ``now``."""

    def __init__(self, store: BlobStore, terms: LeaseTerms, now: Callable[[], datetime]) -> None:
        self._store = store
        self._terms = terms
        self._now = now

    async def create_container(self) -> None:
        """See BlobStore."""
        await self._store.create_container()

    async def is_immutable(self) -> bool:
        """See BlobStore."""
        return await self._store.is_immutable()

    async def create(self, name: str, data: bytes, leased_until: datetime | None = None) -> BlobInfo:
        """See BlobStore; without ``leased_until`` the lease is that of the terms."""
        return await self._store.create(name, data, leased_until or self._terms.until(self._now()))

    async def read(self, name: str, *, version_id: str = "", offset: int = 0, length: int | None = None) -> bytes:
        """See BlobStore."""
        return await self._store.read(name, version_id=version_id, offset=offset, length=length)

    def list(self, prefix: str, *, details: bool = False, all_versions: bool = False) -> AsyncIterator[BlobInfo]:
        """See BlobStore."""
        return self._store.list(prefix, details=details, all_versions=all_versions)

    async def extend_lease(self, name: str, version_id: str, until: datetime) -> None:
        """See BlobStore."""
        await self._store.extend_lease(name, version_id, until)

    async def set_tags(self, name: str, tags: Mapping[str, str]) -> None:
        """See BlobStore."""
        await self._store.set_tags(name, tags)

    async def set_legal_hold(self, name: str, version_id: str, held: bool) -> None:
        """See BlobStore."""
        await self._store.set_legal_hold(name, version_id, held)
