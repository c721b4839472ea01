"""Legal holds: what the ledger says is on hold is held blob by blob, so that the store itself refuses to delete it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from shared_code.errors import BlobNotFoundError
from shared_code.vault.blob_store import BlobInfo, BlobStore
from shared_code.vault.whole_container import for_each, resource_of


async def apply_holds(store: BlobStore, held_resources: Collection[str]) -> int:
    """Set a legal hold on every version of these resources, and release it on every other; returns how many changed.

    Run it after each backup and before each expiry: what was written since is not held yet (its lease protects it
    meanwhile, and the expiry is told of the holds anyway). Safe to repeat and to cut at any point. Raises
    VaultUnavailableError.
    """
    held = frozenset(held_resources)
    changed = 0

    async def to_change() -> AsyncIterator[BlobInfo]:
        try:
            async for info in store.list("", details=True, all_versions=True):
                if info.legal_hold is not (resource_of(info.name) in held):
                    yield info
        except BlobNotFoundError:
            return  # no container: nothing to hold

    async def change(info: BlobInfo) -> None:
        nonlocal changed
        try:
            await store.set_legal_hold(info.name, info.version_id, not info.legal_hold)
        except BlobNotFoundError:
            return
        changed += 1

    await for_each(to_change(), change)
    return changed
