"""The customer's container, checked before anything is written to it: backups go where nobody can delete them."""

from __future__ import annotations

from typing import Protocol

from shared_code.errors import BlobNotFoundError, NotImmutableError
from shared_code.service.contract import KeptContract


class Container(Protocol):
    """The store of one customer. See AzureBlobStore."""

    async def is_immutable(self) -> bool: ...
    async def create_container(self) -> None: ...


class OwnContainer:
    """``policies_locked``: nobody can take off the policies that the service sets. Only a ``local_run`` may write to a
    store that is not immutable."""

    def __init__(self, store: Container, contract: KeptContract, *, policies_locked: bool, local_run: bool) -> None:
        self._store = store
        self._contract = contract
        self._policies_locked = policies_locked
        self._local_run = local_run

    async def is_immutable(self) -> bool | None:
        """Whether the container enforces WORM for good; None while there is none. Raises VaultError."""
        try:
            return await self._store.is_immutable() and self._policies_locked
        except BlobNotFoundError:
            return None

    async def prepare(self) -> bool:
        """Make the container if it is missing; returns whether it is immutable. Safe to repeat. Raises
        NotImmutableError where that is a must, VaultError."""
        immutable = await self.is_immutable()
        if immutable is None:
            await self._store.create_container()
            immutable = bool(await self.is_immutable())
        if not immutable and not self._local_run:
            raise NotImmutableError(
                "The customer's container has no version-level WORM, so backups could be deleted. Create the storage "
                "account with immutableStorageWithVersioning enabled; only local runs may write to such a store."
            )
        return immutable

    async def keep_record(self) -> None:
        """See KeptContract.keep."""
        await self._contract.keep()
