"""The port between the vault and the storage below it.

One store is one container of one customer. Names are checked on every write (``check_blob_name``) and read
(``check_stored_name``), prefixes on every listing (``check_prefix``): nothing reaches another container by a name.
Writes are create-only: a name is written once, for ever. Every read may name the exact version that it wants.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared_code.errors import BlobNotFoundError, VaultError

_BLOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._!,-]*(?:/[A-Za-z0-9][A-Za-z0-9._!,-]*)*")


def check_blob_name(name: str) -> str:
    """Return ``name`` if it is plain path segments without ``..``, at most 1,024 characters; else raise VaultError."""
    if len(name) > 1024 or not _BLOB_NAME.fullmatch(name) or any(part.endswith(".") for part in name.split("/")):
        raise VaultError("A blob name is letters, digits and . _ ! , - in segments that do not end with a dot.")
    return name


def check_stored_name(name: str) -> str:
    """Return ``name`` if a blob of ours can have it; else raise BlobNotFoundError: whatever has it was never written
    here, and a catalog or a listing that names it is not believed."""
    try:
        return check_blob_name(name)
    except VaultError as error:
        raise BlobNotFoundError("No blob of a vault has such a name.") from error


def check_prefix(prefix: str) -> str:
    """Return ``prefix`` if names can begin with it (empty: all do), else raise VaultError."""
    if prefix and not (len(prefix) <= 1024 and _BLOB_NAME.fullmatch(prefix.removesuffix("/"))):
        raise VaultError("What blob names begin with is segments of letters, digits and . _ ! , -")
    return prefix


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """What a listing or a write tells of a blob. ``version_id`` is empty where the store keeps no versions.
    ``leased_until`` is the date of its WORM policy (or the soft lease of a store without WORM); ``tags`` and
    ``legal_hold`` are there in detailed listings alone."""

    name: str
    version_id: str
    size_bytes: int
    created_at: datetime | None = None
    leased_until: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    legal_hold: bool = False


class BlobStore(Protocol):
    """A customer's container. Every method may raise VaultUnavailableError, which is retryable.

    There is no delete here: the app's own identity has no such permission. See ``Purge``.
    """

    async def create_container(self) -> None:
        """Make the container if it is not there. Safe to repeat."""
        ...

    async def is_immutable(self) -> bool:
        """Whether the container keeps versions and supports version-level WORM. Raises BlobNotFoundError when there is
        no container."""
        ...

    async def create(self, name: str, data: bytes, leased_until: datetime | None = None) -> BlobInfo:
        """Write a new blob in one request, leased from the first moment. Raises BlobExistsError when the name is taken.
        After a lost answer a repeat raises BlobExistsError too: the caller decides whether what is there is its own."""
        ...

    async def read(self, name: str, *, version_id: str = "", offset: int = 0, length: int | None = None) -> bytes:
        """The bytes of that version (empty: the current one) from ``offset``; all of them, or ``length``. Raises
        BlobNotFoundError."""
        ...

    def list(self, prefix: str, *, details: bool = False, all_versions: bool = False) -> AsyncIterator[BlobInfo]:
        """Current blobs whose names start with ``prefix``, in the order of their names. ``details``: with leases, tags
        and legal holds. ``all_versions``: previous versions too, the oldest of a name first; deleted ones that are
        kept as versions among them."""
        ...

    async def extend_lease(self, name: str, version_id: str, until: datetime) -> None:
        """Let the lease of that version end no earlier than ``until``; one that ends later stays. Safe to repeat.
        Raises BlobNotFoundError."""
        ...

    async def set_tags(self, name: str, tags: Mapping[str, str]) -> None:
        """Replace the tags of the current version (soft leases stay). Raises BlobNotFoundError."""
        ...

    async def set_legal_hold(self, name: str, version_id: str, held: bool) -> None:
        """Forbid, or no longer forbid, the deletion of that version whatever its lease. Raises BlobNotFoundError."""
        ...


class Purge(Protocol):
    """The deletion that the purge job may do, with an identity of its own."""

    async def delete(self, name: str, version_id: str) -> None:
        """Delete that version for good. Raises BlobLockedError while a lease or a legal hold forbids it,
        BlobNotFoundError."""
        ...
